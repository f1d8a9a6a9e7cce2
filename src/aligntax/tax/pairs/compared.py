"""A against B: every benchmark and prompt set, with all that can be said of it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import pyarrow as pa

from aligntax.answers.conditions import Differing
from aligntax.answers.conditions import unknown as untold
from aligntax.answers.pairing import Pairs, pair
from aligntax.extension_points import Detector
from aligntax.records import Answers, Estimate
from aligntax.tax.pairs.capability import ScoreRules, Scores, capability, capability_unpaired
from aligntax.tax.pairs.completion import (
    Completion,
    Outcomes,
    completion,
    completion_unpaired,
    outcomes_of,
)
from aligntax.tax.pairs.differences import Clusters, Difference, Precision, adjusted
from aligntax.tax.pairs.flips import Flips, outcome_flips, score_flips
from aligntax.tax.pairs.matching import Match
from aligntax.tax.pairs.verbosity import verbosity_ratio
from aligntax.traffic.redaction import Redactor

__all__ = ["Compared", "Pairing", "Settings", "compare"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What a person chose.

    Attributes:
        margin: largest difference of shares that is as good as none.
        margins: benchmark -> the same in the unit of its score.
        chances: benchmark -> score of a guess.
        precision: level and seed.
        detector: makes the one that tells outcomes where the files do not.
        detector_leads: whether it does so also where the files do.
        redactor: cleans the texts of flips; None keeps them as they are.
    """

    margin: float = 0.01
    margins: Mapping[str, float] = field(default_factory=dict)
    chances: Mapping[str, float] = field(default_factory=dict)
    precision: Precision
    detector: Callable[[], Detector]
    detector_leads: bool = False
    redactor: Redactor | None = None

    def chance(self, first: Answers, second: Answers) -> float | None:
        """Score of a guess: as chosen, else as either side tells."""
        told = second.chance if first.chance is None else first.chance
        return self.chances.get(first.benchmark, told)

    def rules(self, first: Answers, second: Answers) -> ScoreRules:
        """How to read the scores of a benchmark."""
        return ScoreRules(
            chance=self.chance(first, second),
            margin=self.margins.get(first.benchmark),
            share_margin=self.margin,
            higher_is_better=first.higher_is_better,
            precision=self.precision,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Pairing:
    """How the items of A and B meet.

    Attributes:
        paired: whether they are compared item by item.
        why_not: in words; "" where they are.
        items: pairs; or the items of A and of B, where both are known and nothing is paired.
        only_first: items that only A has.
        only_second: items that only B has.
        changed_prompts: items left out because A and B ask something else under the same name.
        clustered: whether items depend on each other.
        matched_by: what A and B have in common: item, prompt, ...; "" where nothing is paired.
        added: what one side's prompts have around those of the other.
        notes: what a reader must know of the pairing.
    """

    paired: bool
    why_not: str = ""
    items: int = 0
    only_first: int = 0
    only_second: int = 0
    changed_prompts: int = 0
    clustered: bool = False
    matched_by: str = ""
    added: str = ""
    notes: Sequence[str] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """One benchmark or prompt set, A against B.

    Attributes:
        first: A's answers.
        second: B's.
        pairing: how they meet.
        differing: conditions that differ, where that was forced.
        untold: conditions that one side does not tell.
        chance: score of a guess; None where nobody knows.
        scores: one entry a convention; empty without scores.
        completion: outcomes compared; None without outcomes.
        verbosity: mean log ratio of lengths; None where lengths are not looked at.
        length_unit: that lengths are counted in.
        score_flips: items that got worse or better; None without scores that are paired.
        outcome_flips: the same by outcome.
    """

    first: Answers
    second: Answers
    pairing: Pairing
    differing: Sequence[Differing]
    untold: Sequence[str]
    chance: float | None
    scores: Sequence[Scores] = ()
    completion: Completion | None = None
    verbosity: Estimate | None = None
    length_unit: str = ""
    score_flips: Flips | None = None
    outcome_flips: Flips | None = None


def compare(
    matches: Sequence[Match], settings: Settings, seen: Callable[[int], None] = lambda done: None
) -> list[Compared]:
    """Every match compared, with p-values adjusted for all of them.

    Args:
        matches: what stands against what.
        settings: what a person chose.
        seen: told the number of matches done, for a progress bar.
    """
    found = list[Compared]()
    for at, one in enumerate(matches, start=1):
        found.append(_compared(one, settings))
        seen(at)
    return _adjusted(found)


def _compared(one: Match, settings: Settings) -> Compared:
    first, second = one.first, one.second
    known = Compared(
        first=first,
        second=second,
        pairing=Pairing(paired=False),
        differing=one.differing,
        untold=untold(first, second),
        chance=settings.chance(first, second),
    )
    if first.table is None or second.table is None:
        marks = [mark for mark, side in (("A", first), ("B", second)) if side.table is None]
        why = f"only the mean of {' and of '.join(marks)} is known, not the items"
        counts = [side.summary.n if side.summary else None for side in (first, second)]
        pairing = Pairing(paired=False, why_not=why, items=sum(n or 0 for n in counts))
        return replace(
            known, pairing=pairing, scores=capability_unpaired(first, second, settings.rules(first, second))
        )
    pairs = pair(first, second)
    if len(pairs.item) == 0:
        return _unpaired(known, first.table, second.table, one.leads, settings)
    return _paired(known, pairs, one.leads, settings)


def _paired(known: Compared, pairs: Pairs, leads: bool, settings: Settings) -> Compared:
    first, second, clusters = pairs.first, pairs.second, _clusters_of(pairs)
    found = replace(
        known,
        pairing=Pairing(
            paired=True,
            items=len(pairs.item),
            only_first=pairs.only_first,
            only_second=pairs.only_second,
            changed_prompts=pairs.changed_prompts,
            clustered=pairs.clustered,
            matched_by=pairs.matched_by,
            added=pairs.added,
            notes=pairs.notes,
        ),
        scores=capability(first, second, clusters, settings.rules(known.first, known.second)),
    )
    if found.scores:
        better = known.first.higher_is_better
        flips = score_flips(first, second, higher_is_better=better, redactor=settings.redactor)
        found = replace(found, score_flips=flips)
    return _with_responses(found, pairs, clusters, settings) if leads else found


def _with_responses(found: Compared, pairs: Pairs, clusters: Clusters, settings: Settings) -> Compared:
    first, second = pairs.first, pairs.second
    harmful, outcomes = _harmful(found), _outcomes(first, second, settings)
    if outcomes is not None:
        found = replace(
            found,
            completion=completion(
                outcomes, clusters, harmful=harmful, margin=settings.margin, precision=settings.precision
            ),
            outcome_flips=outcome_flips(first, second, outcomes, harmful=harmful, redactor=settings.redactor),
        )
    if any(table.column("length").null_count == len(table) for table in (first, second)):
        return found
    ratio = verbosity_ratio(first, second, clusters, outcomes, settings.precision)
    return replace(found, verbosity=ratio, length_unit=pairs.length_unit)


def _unpaired(
    known: Compared, first: pa.Table, second: pa.Table, leads: bool, settings: Settings
) -> Compared:
    clusters = (_clusters(first), _clusters(second))
    found = replace(
        known,
        pairing=Pairing(
            paired=False,
            why_not="no item of A is among those of B",
            items=len(first) + len(second),
            only_first=len(first),
            only_second=len(second),
            clustered=any(groups is not None for groups in clusters),
        ),
        scores=capability_unpaired(known.first, known.second, settings.rules(known.first, known.second)),
    )
    outcomes = _outcomes(first, second, settings) if leads else None
    if outcomes is None:
        return found
    rates = completion_unpaired(
        outcomes, clusters, harmful=_harmful(found), margin=settings.margin, precision=settings.precision
    )
    return replace(found, completion=rates)


def _outcomes(first: pa.Table, second: pa.Table, settings: Settings) -> tuple[Outcomes, Outcomes] | None:
    return outcomes_of(first, second, settings.detector, detector_leads=settings.detector_leads)


def _harmful(found: Compared) -> bool:
    return "harmful" in (found.first.prompt_type, found.second.prompt_type)


def _clusters_of(pairs: Pairs) -> Clusters:
    return np.asarray(pairs.cluster, dtype=object) if pairs.clustered else None


def _clusters(table: pa.Table) -> Clusters:
    column = table.column("cluster")
    return None if column.null_count == len(column) else column.to_numpy().astype(object)


def _adjusted(found: Sequence[Compared]) -> list[Compared]:
    """Holm over all benchmarks, for each convention and each rate by itself."""
    changed = list(found)
    for place in sorted({place for one in found for place in _places(one)}):
        family = {at: difference for at, one in enumerate(found) if (difference := _in_family(one, place))}
        for at, difference in zip(family, adjusted(list(family.values())), strict=True):
            if place in _places(changed[at]):
                changed[at] = _placed(changed[at], place, difference)
    return changed


def _in_family(one: Compared, place: tuple[str, str]) -> Difference | None:
    """What a comparison adds to a family of tests; without unparsed answers both conventions are one."""
    kind, name = place
    places = _places(one)
    return places.get(place, places.get((kind, "strict")) if name == "guess credit" else None)


def _places(one: Compared) -> dict[tuple[str, str], Difference]:
    """Where a comparison has its differences."""
    rates = one.completion.rates.items() if one.completion else ()
    places = {("score", scores.convention): scores.difference for scores in one.scores}
    return places | {("rate", name): difference for name, difference in rates}


def _placed(one: Compared, place: tuple[str, str], difference: Difference) -> Compared:
    kind, name = place
    if kind == "score":
        scores = [replace(s, difference=difference) if s.convention == name else s for s in one.scores]
        return replace(one, scores=scores)
    assert one.completion is not None
    rates = dict(one.completion.rates) | {name: difference}
    return replace(one, completion=replace(one.completion, rates=rates))
