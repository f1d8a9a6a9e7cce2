"""Capability tax of every stage of a training: against the stage before, and against the start.

With s_k the score after stage k and c that of a guess, a step costs t_k = (s_{k-1} - s_k) / (s_{k-1} - c),
and all of them T = (s_0 - s_K) / (s_0 - c). What is left above a guess is a product, (s_K - c) / (s_0 - c) =
(1 - t_1) ... (1 - t_K), so that the steps compound to 1 - (1 - t_1) ... (1 - t_K) = T. On the same items this
holds to the last digit. It need not where every step is measured on the items that its own two stages have.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from aligntax.records import Answers, Estimate, unknown
from aligntax.stats.predictions import Floats
from aligntax.tax.pairs.capability import (
    CONVENTIONS,
    Convention,
    ScoreRules,
    Scores,
    capability,
    capability_unpaired,
)
from aligntax.tax.pairs.verdicts import excludes_zero
from aligntax.tax.stages.draws import Column, Drawn, draw_means, percentiles
from aligntax.tax.stages.items import Items

__all__ = ["Compounding", "Largest", "OwnItems", "StageScores", "stage_scores", "stage_scores_unpaired"]

Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True, kw_only=True)
class Largest:
    """Which step cost the most.

    Attributes:
        step: number of the stage it leads to, from 1; None where that cannot be told.
        candidate: the one whose loss is largest as measured; None where nothing was lost.
        share: of the replicates in which it is; nan without replicates.
        why: "" where it can be told, else why not.
    """

    step: int | None
    candidate: int | None
    share: float
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnItems:
    """Every step on all the items that its own two stages have, the whole way on those of start and end.

    Attributes:
        counts: (steps,) items of each step.
        end_count: items that start and end have.
        steps: (steps,) tax of each step, without intervals of their own.
        compounded: of these steps.
        end_to_end: tax from start to end.
        gap: compounded less end to end; not 0, since the items are not the same.
    """

    counts: Sequence[int]
    end_count: int
    steps: Sequence[Estimate]
    compounded: Estimate
    end_to_end: Estimate
    gap: Estimate


@dataclass(frozen=True, slots=True, kw_only=True)
class Compounding:
    """What the steps come to, beside the tax from start to end; all of unit "share".

    Attributes:
        added: sum of the steps, which is not what they come to.
        compounded: 1 - product of (1 - step).
        end_to_end: tax from start to end.
        gap: compounded less end to end.
        own_items: the same on the items of each two stages; None where all stages have the same items.
    """

    added: Estimate
    compounded: Estimate
    end_to_end: Estimate
    gap: Estimate
    own_items: OwnItems | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StageScores:
    """Scores of one benchmark through all stages, under one convention for unparsed answers.

    Attributes:
        convention: for unparsed answers.
        unparsed: of each stage, answers that count by the convention.
        unscored: items left out since a stage has no score for them.
        means: of each stage.
        steps: stage 1 against the start, 2 against 1, ...
        since_start: stage 1 against the start, 2 against the start, ...
        compounding: what the steps come to.
        largest: which of them cost the most.
        drawn: the means drawn again; None without items.
    """

    convention: Convention
    unparsed: Sequence[int]
    unscored: int
    means: Sequence[Estimate]
    steps: Sequence[Scores]
    since_start: Sequence[Scores]
    compounding: Compounding
    largest: Largest
    drawn: Drawn | None = None


def stage_scores(items: Items, rules: ScoreRules, names: Sequence[str]) -> list[StageScores]:
    """Scores on the items that every stage has, all intervals from the same items drawn again.

    Args:
        items: of one benchmark, lined up.
        rules: how to read the scores.
        names: of the stages.

    Returns:
        "strict"; and "guess credit" where any answer is unparsed and the score of a guess is known. Empty
        where no item is scored at every stage.
    """
    read = [_Read.of(table, rules.higher_is_better) for table in items.tables]
    scored = items.there & np.stack([one.scored for one in read])
    common: Mask = np.all(scored, axis=0)
    if not common.any():
        return []
    kept = [table.filter(pa.array(common)) for table in items.tables]
    groups = None if items.clusters is None else items.clusters[common]
    steps = [
        _named(capability(a, b, groups, rules), n) for a, b, n in zip(kept, kept[1:], names, strict=False)
    ]
    since = [steps[0], *(_named(capability(kept[0], b, groups, rules), names[0]) for b in kept[2:])]
    unparsed = [int(one.unparsed[common].sum()) for one in read]
    found = []
    for convention in CONVENTIONS if any(unparsed) and rules.chance is not None else CONVENTIONS[:1]:
        scores = np.stack([one.under(convention, rules.chance) for one in read])
        columns = [Column(at, common) for at in range(len(read))]
        drawn = draw_means(scores, columns, items.clusters, seed=rules.precision.seed)
        one = _gathered(convention, steps, since, rules, drawn)
        own = _own_items(scores, scored, items, rules) if (scored != common).any() else None
        found.append(
            replace(
                one,
                unparsed=unparsed,
                unscored=int((items.common & ~common).sum()),
                compounding=replace(one.compounding, own_items=own),
            )
        )
    return found


def stage_scores_unpaired(
    answers: Sequence[Answers], rules: ScoreRules, names: Sequence[str]
) -> list[StageScores]:
    """Scores of stages whose items do not meet, or of which only means are known: taken as independent."""
    pairs = list(zip(answers, answers[1:], names, strict=False))
    steps = [_named(capability_unpaired(a, b, rules), n) for a, b, n in pairs]
    since = [steps[0], *(_named(capability_unpaired(answers[0], b, rules), names[0]) for b in answers[2:])]
    if not all(steps) or not all(since):
        return []
    return [_gathered("strict", steps, since, rules, None)]


@dataclass(frozen=True, slots=True)
class _Read:
    """Scores of a stage, nan where there is none, and where nothing could be read out of an answer."""

    scores: Floats
    unparsed: Mask

    @property
    def scored(self) -> Mask:
        known: Mask = np.isfinite(self.scores)
        return known

    @classmethod
    def of(cls, table: pa.Table, higher_is_better: bool) -> "_Read":
        """As `capability` reads them: an unparsed answer without a score is wrong, where more is better."""
        scores = table.column("score").to_numpy().astype(np.float64)
        unparsed = pc.fill_null(pc.invert(table.column("parsed")), False).to_numpy().astype(np.bool_)
        return cls(np.where(unparsed & np.isnan(scores) & higher_is_better, 0.0, scores), unparsed)

    def under(self, convention: Convention, chance: float | None) -> Floats:
        credit = convention == "guess credit" and chance is not None
        return np.where(self.unparsed & credit, chance or 0.0, self.scores)


def _named(found: list[Scores], reference: str) -> list[Scores]:
    """With the name of the stage in the reason why there is no tax."""
    said = {
        "A is no better than a guess": f"{reference} is no better than a guess",
        "the reference is not shown to do better than guessing": (
            f"{reference} is not shown to do better than guessing"
        ),
    }
    return [replace(s, tax=replace(s.tax, reason=said.get(s.tax.reason, s.tax.reason))) for s in found]


def _gathered(
    convention: Convention,
    steps: Sequence[list[Scores]],
    since: Sequence[list[Scores]],
    rules: ScoreRules,
    drawn: Drawn | None,
) -> StageScores:
    """Under one convention; a pair of stages without unparsed answers has the same under both."""
    of = {"strict": 0, "guess credit": -1}[convention]
    own, whole = [step[of] for step in steps], [one[of] for one in since]
    means = [own[0].difference.first, *(step.difference.second for step in own)]
    return StageScores(
        convention=convention,
        unparsed=[own[0].unparsed[0], *(step.unparsed[1] for step in own)],
        unscored=0,
        means=means,
        steps=own,
        since_start=whole,
        compounding=_compounding([step.tax for step in own], whole[-1].tax, rules, drawn),
        largest=_largest(own, rules, drawn),
        drawn=drawn,
    )


def _compounding(
    steps: Sequence[Estimate], end: Estimate, rules: ScoreRules, drawn: Drawn | None
) -> Compounding:
    level, n = rules.precision.level, end.n
    missing = next((step.reason for step in steps if not step.known), "" if end.known else end.reason)
    if missing:
        none = unknown(missing, unit="share", level=level, n=n)
        return Compounding(added=none, compounded=none, end_to_end=end, gap=none)
    value = 1 - math.prod(1 - step.value for step in steps)
    added = _exact(sum(step.value for step in steps), end)
    if drawn is not None and rules.chance is not None:
        replicates = _taxes(drawn.replicates, rules.chance).sum(axis=1)
        added = percentiles(added.value, replicates, unit="share", level=level, n=n, reason="")
    return Compounding(
        added=added,
        # the same quantity as from start to end, replicate by replicate, so the same interval
        compounded=replace(end, value=value),
        end_to_end=end,
        gap=replace(_exact(value - end.value, end), method="equal by arithmetic"),
    )


def _exact(value: float, like: Estimate) -> Estimate:
    """A figure of which nothing but the value is known."""
    nan = math.nan
    return Estimate(value=value, low=nan, high=nan, level=like.level, n=like.n, unit="share", method="none")


def _taxes(means: Floats, chance: float) -> Floats:
    """(..., steps) tax of each step, from (..., stages) means."""
    above = means - chance
    with np.errstate(divide="ignore", invalid="ignore"):
        taxes: Floats = 1 - above[..., 1:] / above[..., :-1]
    return taxes


def _own_items(scores: Floats, scored: Mask, items: Items, rules: ScoreRules) -> OwnItems | None:
    """The steps on the items of each two stages; None where a guess is not known or a step has no items."""
    last = len(scores) - 1
    pairs = [(at, at + 1) for at in range(last)] + [(0, last)]
    taken = [scored[a] & scored[b] for a, b in pairs]
    if rules.chance is None or not all(mask.any() for mask in taken):
        return None
    columns = [Column(stage, mask) for pair, mask in zip(pairs, taken, strict=True) for stage in pair]
    drawn = draw_means(scores, columns, items.clusters, seed=rules.precision.seed)
    every = np.concatenate([drawn.measured[None, :], drawn.replicates]) - rules.chance
    with np.errstate(divide="ignore", invalid="ignore"):
        left = every[:, 1::2] / every[:, ::2]
    compounded, end = 1 - left[:, :-1].prod(axis=1), 1 - left[:, -1]
    n = int(np.any(taken, axis=0).sum())
    found = [
        _drawn(values, rules, n) for values in (*(1 - left[:, :-1]).T, compounded, end, compounded - end)
    ]
    counts = [int(mask.sum()) for mask in taken]
    return OwnItems(
        counts=counts[:-1],
        end_count=counts[-1],
        steps=[replace(one, n=count) for one, count in zip(found[:-3], counts, strict=False)],
        compounded=found[-3],
        end_to_end=replace(found[-2], n=counts[-1]),
        gap=found[-1],
    )


def _drawn(values: Floats, rules: ScoreRules, n: int) -> Estimate:
    """A figure whose first value is as measured, the others as drawn."""
    value = float(values[0]) if np.isfinite(values[0]) else math.nan
    reason = "a stage scores as a guess does"
    return percentiles(value, values[1:], unit="share", level=rules.precision.level, n=n, reason=reason)


def _largest(steps: Sequence[Scores], rules: ScoreRules, drawn: Drawn | None) -> Largest:
    """The step with the largest loss of score, where it is so in nearly all replicates.

    Picking the largest is looking at both ends, so that (1 + level) / 2 of the replicates must agree: of two
    steps that cost the same, one is then named in at most 1 - level of all cases.
    """
    sign = -1.0 if rules.higher_is_better else 1.0
    lost = [sign * step.difference.difference.value for step in steps]
    at = int(np.argmax(lost))
    if not max(lost) > 0:
        return Largest(step=None, candidate=None, share=math.nan, why="no step lost anything")
    if len(steps) == 1:
        return Largest(step=None, candidate=1, share=math.nan, why="there is but one step")
    if drawn is None:
        return Largest(step=None, candidate=at + 1, share=math.nan, why="the items are not the same")
    losses = sign * np.diff(drawn.replicates, axis=1)
    share = float(((np.argmax(losses, axis=1) == at) & (losses[:, at] > 0)).mean())
    sure = share >= (1 + rules.precision.level) / 2 and excludes_zero(steps[at].difference.difference)
    why = "" if sure else "the steps lie too close together"
    return Largest(step=at + 1 if sure else None, candidate=at + 1, share=share, why=why)
