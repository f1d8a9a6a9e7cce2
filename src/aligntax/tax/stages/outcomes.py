"""What every stage of a training refused, complied with, and how long it answered."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from aligntax.records import Estimate, LengthUnit
from aligntax.stats.paired import normalised_tax
from aligntax.stats.unpaired import mean, sample_of
from aligntax.tax.pairs.compared import Settings
from aligntax.tax.pairs.completion import (
    BENIGN_RATES,
    HARMFUL_RATES,
    Completion,
    Outcomes,
    completion,
    outcomes_of,
)
from aligntax.tax.pairs.differences import Clusters
from aligntax.tax.pairs.verbosity import verbosity_ratio
from aligntax.tax.stages.draws import Column, Drawn, draw_means
from aligntax.tax.stages.items import Items

__all__ = ["StageLengths", "StageOutcomes", "stage_lengths", "stage_outcomes", "told_outcomes"]

Mask = npt.NDArray[np.bool_]
_NO_GUESS = "the reference is not shown to do better than guessing"


@dataclass(frozen=True, slots=True, kw_only=True)
class StageOutcomes:
    """Outcomes of one prompt set through all stages, on the prompts of which every stage has one.

    Attributes:
        harmful: whether the prompts are; then the rates speak of safety, not of tax.
        source: of the outcomes: "file", or the detector's name and version.
        prompts: that they are rated on.
        left_out: prompts that all stages have, but not all an outcome for.
        undetermined: of each stage, answers of which nobody knows what they are.
        cannot: of each stage, refusals for lack of an ability, which are no tax.
        rates: name -> of each stage; see BENIGN_RATES and HARMFUL_RATES.
        steps: stage 1 against the start, 2 against 1, ...
        since_start: stage 1 against the start, 2 against the start, ...
        gains: (H_before - H_after) / H_before of every step, H the share complied with, unit "share"; empty
            for benign prompts.
        gains_since_start: the same against the start.
        drawn: share complied with, drawn again; None for benign prompts.
    """

    harmful: bool
    source: str
    prompts: int
    left_out: int
    undetermined: Sequence[int]
    cannot: Sequence[int]
    rates: Mapping[str, Sequence[Estimate]]
    steps: Sequence[Completion]
    since_start: Sequence[Completion]
    gains: Sequence[Estimate] = ()
    gains_since_start: Sequence[Estimate] = ()
    drawn: Drawn | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StageLengths:
    """Mean log ratio of lengths, where both stages answered.

    Attributes:
        unit: lengths are counted in.
        steps: stage 1 to the start, 2 to 1, ...
        since_start: stage 1 to the start, 2 to the start, ...
    """

    unit: LengthUnit
    steps: Sequence[Estimate]
    since_start: Sequence[Estimate]


def told_outcomes(items: Items, settings: Settings) -> list[Outcomes] | None:
    """What became of the answers of every stage to the items all of them have, all told in the same way.

    Returns:
        None where a stage has neither outcomes nor texts, or nothing is common.
    """
    kept = _kept(items)
    if not len(kept[0]) or any(_silent(table) for table in kept):
        return None
    told = outcomes_of(
        kept[0], pa.concat_tables(kept[1:]), settings.detector, detector_leads=settings.detector_leads
    )
    if told is None:
        return None
    first, rest = told
    return [first, *(_cut(rest, at, len(kept[0])) for at in range(len(kept) - 1))]


def stage_outcomes(
    outcomes: Sequence[Outcomes], items: Items, settings: Settings, names: Sequence[str], *, harmful: bool
) -> StageOutcomes | None:
    """Rates of every stage, its steps, and what safety they bought.

    Args:
        outcomes: of `told_outcomes`.
        items: they are of.
        settings: margin, level and seed.
        names: of the stages.
        harmful: whether the prompts are.

    Returns:
        None where no prompt has an outcome at every stage.
    """
    rated: Mask = np.all(np.stack([one.determined for one in outcomes]), axis=0)
    if not rated.any():
        return None
    own = [_of(one, rated) for one in outcomes]
    clusters = _clusters(items)
    groups = None if clusters is None else clusters[rated]

    def against(before: int, after: int) -> Completion:
        return completion(
            (own[before], own[after]),
            groups,
            harmful=harmful,
            margin=settings.margin,
            precision=settings.precision,
        )

    steps = [against(at, at + 1) for at in range(len(own) - 1)]
    found = StageOutcomes(
        harmful=harmful,
        source=outcomes[0].source,
        prompts=int(rated.sum()),
        left_out=int((~rated).sum()),
        undetermined=[one.undetermined for one in outcomes],
        cannot=[int(one.cannot.sum()) for one in outcomes],
        rates=_rates(own, groups, HARMFUL_RATES if harmful else BENIGN_RATES, settings),
        steps=steps,
        since_start=[steps[0], *(against(0, at) for at in range(2, len(own)))],
    )
    return _with_gains(found, own, groups, settings, names) if harmful else found


def stage_lengths(
    items: Items, outcomes: Sequence[Outcomes] | None, settings: Settings
) -> StageLengths | None:
    """How much longer every stage answers; None where a stage has no lengths."""
    kept, groups = _kept(items), _clusters(items)
    if not len(kept[0]) or any(table.column("length").null_count == len(table) for table in kept):
        return None

    def against(before: int, after: int) -> Estimate:
        told = None if outcomes is None else (outcomes[before], outcomes[after])
        return verbosity_ratio(kept[before], kept[after], groups, told, settings.precision)

    steps = [against(at, at + 1) for at in range(len(kept) - 1)]
    since = [steps[0], *(against(0, at) for at in range(2, len(kept)))]
    return StageLengths(unit=items.length_unit, steps=steps, since_start=since)


def _with_gains(
    found: StageOutcomes, own: Sequence[Outcomes], groups: Clusters, settings: Settings, names: Sequence[str]
) -> StageOutcomes:
    harm = np.stack([one.rate("complied") for one in own])

    def gain(before: int, after: int) -> Estimate:
        precision = settings.precision
        # a safety gain is a normalised loss of compliance, of which none is the least
        share = normalised_tax(
            harm[before], harm[after], 0.0, clusters=groups, level=precision.level, seed=precision.seed
        )
        reason = f"{names[before]} is not shown to comply" if share.reason == _NO_GUESS else share.reason
        return replace(share, reason=reason)

    whole = np.ones(harm.shape[1], dtype=bool)
    columns = [Column(at, whole) for at in range(len(harm))]
    return replace(
        found,
        gains=[gain(at, at + 1) for at in range(len(harm) - 1)],
        gains_since_start=[gain(0, at) for at in range(1, len(harm))],
        drawn=draw_means(harm, columns, groups, seed=settings.precision.seed + 1),
    )


def _rates(
    own: Sequence[Outcomes], groups: Clusters, names: Mapping[str, int], settings: Settings
) -> dict[str, list[Estimate]]:
    level = settings.precision.level
    return {
        name: [mean(sample_of(one.rate(name), groups), unit="rate", level=level) for one in own]
        for name in names
    }


def _kept(items: Items) -> list[pa.Table]:
    """The items that all stages have."""
    mask = pa.array(items.common)
    return [table.filter(mask) for table in items.tables]


def _clusters(items: Items) -> Clusters:
    return None if items.clusters is None else items.clusters[items.common]


def _silent(table: pa.Table) -> bool:
    """Whether there is neither an outcome nor a text."""
    return all(table.column(name).null_count == len(table) for name in ("outcome", "response"))


def _cut(told: Outcomes, at: int, count: int) -> Outcomes:
    part = slice(at * count, (at + 1) * count)
    return Outcomes(names=told.names[part], cannot=told.cannot[part], source=told.source)


def _of(told: Outcomes, rated: Mask) -> Outcomes:
    return Outcomes(names=told.names[rated], cannot=told.cannot[rated], source=told.source)
