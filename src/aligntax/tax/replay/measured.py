"""A against B on a log's own requests: every figure weighted back to the log it was drawn from."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from aligntax.answers.pairing import Pairs, pair
from aligntax.records import Estimate, unknown
from aligntax.stats.missing import filled
from aligntax.stats.predictions import Floats
from aligntax.stats.stratified_ratio import StratifiedSample, stratified_p_value, stratified_ratio
from aligntax.tax.pairs.compared import Compared, Pairing, Settings
from aligntax.tax.pairs.completion import (
    Completion,
    Outcomes,
    completion_of,
    outcomes_of,
    paired_rows,
    rates_of,
)
from aligntax.tax.pairs.differences import Difference, Precision, adjusted, equivalence_of
from aligntax.tax.pairs.flips import outcome_flips
from aligntax.tax.pairs.matching import Match
from aligntax.tax.pairs.preferred import Between
from aligntax.tax.pairs.verbosity import log_ratios, open_ends
from aligntax.tax.quality.pairwise import Pair
from aligntax.tax.replay.drawn import Drawn

__all__ = ["Replayed", "UseCase", "compare_replayed", "weighted", "weighted_between"]

Mask = npt.NDArray[np.bool_]
TEST = "stratified t"


@dataclass(frozen=True, slots=True, kw_only=True)
class UseCase:
    """A against B in one use case.

    Attributes:
        name: of the use case.
        share: of the log, in [0, 1].
        rows: exchanges of it that were drawn.
        difference: refused or hedged, B less A.
    """

    name: str
    share: float
    rows: int
    difference: Estimate


@dataclass(frozen=True, slots=True, kw_only=True)
class Replayed:
    """What came of a replay.

    Attributes:
        compared: A against B, weighted to the log.
        use_cases: the same by use case, the most frequent first.
        pairs: both models' answers.
        outcomes: of both; None where nothing could be told.
        records: (records, 2) the pair and the row of the sample of each record: a row and a draw.
    """

    compared: Compared
    use_cases: Sequence[UseCase]
    pairs: Pairs
    outcomes: tuple[Outcomes, Outcomes] | None
    records: npt.NDArray[np.int64]


def compare_replayed(match: Match, drawn: Drawn, settings: Settings) -> Replayed:
    """Compares two models on the requests drawn from a log.

    A row of the sample stands for as many exchanges of the log as its stratum's share says, with every draw
    of its question.

    Args:
        match: answers of both to the questions of the sample.
        drawn: the sample.
        settings: as for files.
    """
    pairs = pair(match.first, match.second)
    records = _records(pairs, drawn)
    outcomes = outcomes_of(
        pairs.first, pairs.second, settings.detector, detector_leads=settings.detector_leads
    )
    sample = _sample(drawn, records)
    found = Compared(
        first=match.first,
        second=match.second,
        pairing=Pairing(
            paired=True,
            items=len(pairs.item),
            only_first=pairs.only_first,
            only_second=pairs.only_second,
            clustered=True,
            matched_by=pairs.matched_by,
            notes=pairs.notes,
        ),
        differing=match.differing,
        untold=(),
        chance=None,
        length_unit=pairs.length_unit,
    )
    if outcomes is None or not len(records):
        return Replayed(compared=found, use_cases=(), pairs=pairs, outcomes=None, records=records)
    at = records[:, 0]
    found = replace(
        found,
        completion=_completion(outcomes, at, sample, settings),
        verbosity=_verbosity(pairs, outcomes, at, sample, settings.precision),
        outcome_flips=outcome_flips(
            pairs.first, pairs.second, outcomes, harmful=False, redactor=settings.redactor
        ),
    )
    use_cases = _use_cases(drawn, outcomes, records, sample, settings)
    return Replayed(compared=found, use_cases=use_cases, pairs=pairs, outcomes=outcomes, records=records)


def weighted(
    first: Floats,
    second: Floats,
    among: Mask,
    sample: StratifiedSample,
    *,
    margin: float | None,
    precision: Precision,
) -> Difference:
    """Two rates in a population and their difference, from a sample by strata.

    Args:
        first: (n,) zeros and ones of A; nan where an answer is missing that could have been either.
        second: (n,) of B.
        among: (n,) which are counted: a part of the population whose size is itself estimated.
        sample: strata and clusters of all n.
        margin: largest difference that is as good as none, > 0; None for no such test.
        precision: level.
    """
    gaps = _Filled.of(first, second, among, sample)
    shown, wide = (gaps.estimate(level) for level in precision.levels)
    return Difference(
        first=_rate(first, among, sample, precision.level),
        second=_rate(second, among, sample, precision.level),
        difference=shown,
        p=gaps.p_value() if shown.known else np.nan,
        test=TEST,
        equivalence=equivalence_of(wide, margin),
    )


def weighted_between(replayed: Replayed, drawn: Drawn, settings: Settings) -> Between:
    """How a judge's verdicts on pairs of the sample become a difference in the log."""
    places = {item: at for at, item in enumerate(replayed.pairs.item.to_pylist())}
    sample, at = _sample(drawn, replayed.records), replayed.records[:, 0]

    def found(first: Floats, second: Floats, pairs: Sequence[Pair]) -> Difference:
        mine = [places[one.id.partition("|")[2]] for one in pairs]
        sides = []
        among = np.zeros(len(places), dtype=bool)
        among[mine] = True
        for values in (first, second):
            side = np.zeros(len(places))
            side[mine] = values
            sides.append(side)
        margin = settings.margins.get("quality", settings.margin)
        return weighted(
            sides[0][at], sides[1][at], among[at], sample, margin=margin, precision=settings.precision
        )

    return found


@dataclass(frozen=True, slots=True)
class _Filled:
    """Differences at the least and at the most that missing answers allow, (n,) each."""

    least: Floats
    most: Floats
    known: Mask
    among: Mask
    sample: StratifiedSample
    step: float = 1.0
    limit: float = 1.0

    @classmethod
    def of(cls, first: Floats, second: Floats, among: Mask, sample: StratifiedSample) -> "_Filled":
        (low, high), (other_low, other_high) = filled(first), filled(second)
        known = among & ~np.isnan(first) & ~np.isnan(second)
        return cls(other_low - high, other_high - low, known, among, sample)

    def estimate(self, level: float) -> Estimate:
        """The difference; its interval holds whatever is missing."""
        open_ = int((self.among & ~self.known).sum())
        ends = [self._ratio(values, self.among, level) for values in (self.least, self.most)]
        if not open_:
            return ends[0]
        value = self._ratio(self.least, self.known, level)
        if not value.known:
            return value
        middle = min(ends[1].high, max(ends[0].low, value.value))
        method = f"{ends[0].method}, {open_:,} of {int(self.among.sum()):,} at their least and most"
        return replace(ends[0], value=middle, high=ends[1].high, method=method)

    def p_value(self) -> float:
        """The largest that missing answers allow; 1 where they could turn the sign."""
        values = [self._ratio(one, self.among, 0.95).value for one in (self.least, self.most)]
        if values[0] * values[1] <= 0:
            return 1.0
        among = self.among.astype(np.float64)
        return max(stratified_p_value(one * among, among, self.sample) for one in (self.least, self.most))

    def _ratio(self, values: Floats, among: Mask, level: float) -> Estimate:
        return stratified_ratio(
            np.where(among, values, 0.0),
            among.astype(np.float64),
            self.sample,
            level=level,
            step=self.step,
            limit=self.limit,
        )


def _rate(values: Floats, among: Mask, sample: StratifiedSample, level: float) -> Estimate:
    """A rate, as a difference from a half, whose pseudo-items are one of either kind."""
    low, high = filled(values)
    known = among & ~np.isnan(values)
    found = _Filled(low - 0.5, high - 0.5, known, among, sample, 0.5, 0.5).estimate(level)
    if not found.known:
        return replace(found, unit="rate")
    ends = {name: getattr(found, name) + 0.5 for name in ("value", "low", "high")}
    return replace(found, unit="rate", **ends)


def _records(pairs: Pairs, drawn: Drawn) -> npt.NDArray[np.int64]:
    """(records, 2) pair and row: every row of the sample with every draw of its question."""
    rows = dict[str, list[int]]()
    for at, row in enumerate(drawn.rows):
        rows.setdefault(row.question, []).append(at)
    items = [str(item).partition("#")[0] for item in pairs.item.to_pylist()]
    found = [(at, row) for at, item in enumerate(items) for row in rows.get(item, ())]
    return np.array(found, np.int64).reshape(-1, 2)


def _sample(drawn: Drawn, records: npt.NDArray[np.int64]) -> StratifiedSample:
    whole, row = drawn.sample, records[:, 1]
    return StratifiedSample(whole.strata[row], whole.sizes, whole.clusters[row])


def _completion(
    outcomes: tuple[Outcomes, Outcomes], at: npt.NDArray[np.int64], sample: StratifiedSample, chosen: Settings
) -> Completion:
    rows = paired_rows(outcomes)
    rates: Mapping[str, Difference] = {
        name: weighted(
            outcomes[0].seen(name)[at],
            outcomes[1].seen(name)[at],
            rows[at],
            sample,
            margin=chosen.margin,
            precision=chosen.precision,
        )
        for name in rates_of(False)
    }
    alone = {name: adjusted([difference])[0] for name, difference in rates.items()}  # one set of prompts
    return completion_of(outcomes, alone, rows, harmful=False)


def _verbosity(
    pairs: Pairs,
    outcomes: tuple[Outcomes, Outcomes],
    at: npt.NDArray[np.int64],
    sample: StratifiedSample,
    precision: Precision,
) -> Estimate:
    ratios = log_ratios(pairs.first, pairs.second, outcomes)[at]
    known, among = np.isfinite(ratios), ~np.isnan(ratios)
    if int(known.sum()) < 2:
        reason = "fewer than two prompts were answered by both"
        return unknown(reason, unit="log ratio", level=precision.level)
    least, most = open_ends(np.where(among, ratios, ratios[known].min()))
    found = _Filled(least, most, known, among, sample, 0.0, np.inf).estimate(precision.level)
    return replace(found, unit="log ratio")


def _use_cases(
    drawn: Drawn,
    outcomes: tuple[Outcomes, Outcomes],
    records: npt.NDArray[np.int64],
    sample: StratifiedSample,
    settings: Settings,
) -> list[UseCase]:
    at, rows = records[:, 0], paired_rows(outcomes)
    names = np.array([drawn.rows[row].use_case for row in records[:, 1].tolist()], dtype=object)
    weights, found = sample.weights, list[UseCase]()
    for name in dict.fromkeys(names.tolist()):
        mine = names == name
        gaps = _Filled.of(
            outcomes[0].seen("completion_tax")[at],
            outcomes[1].seen("completion_tax")[at],
            rows[at] & mine,
            sample,
        )
        found.append(
            UseCase(
                name=str(name),
                share=float(weights[mine].sum() / weights.sum()),
                rows=len(set(records[mine, 1].tolist())),
                difference=gaps.estimate(settings.precision.level),
            )
        )
    return sorted(found, key=lambda one: -one.share)
