"""A slice next to the baseline's: prompt by prompt where both asked the same, else as two samples."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from aligntax.gate.bounds import Bounds, bounds_of
from aligntax.gate.decision import Decision, Test, open_decision
from aligntax.gate.events import by_prompt, comparable
from aligntax.gate.figures import Figures, Found
from aligntax.gate.result import Comparison
from aligntax.policy.model import Budget, Direction
from aligntax.records import Correction, Estimate, Measurement, unknown
from aligntax.stats.comparison import exact_mcnemar
from aligntax.stats.noninferiority import paired_score
from aligntax.stats.paired import mean_difference, sign_flip_p_value

__all__ = ["SHARED", "Gap", "Paired", "compare", "not_compared"]

SHARED = 0.5
"""Share of the prompts of the smaller side that must be in both for a comparison prompt by prompt."""
_LEAST_PAIRS = 2
_LABELS = ("labels", "powered")
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Paired:
    """Bounds of the mean of paired differences of independent prompts: Tango's score interval.

    Attributes:
        differences: (prompts,) second less first, in [-1, 1].
    """

    differences: Floats

    def low(self, error: float, times: float = 1.0) -> float:
        """Lower bound."""
        return self._end(error, times, lower=True)

    def high(self, error: float, times: float = 1.0) -> float:
        """Upper bound."""
        return self._end(error, times, lower=False)

    def _end(self, error: float, times: float, *, lower: bool) -> float:
        value = float(self.differences.mean())
        if error >= 0.5:
            return value
        found = self._score(max(error, 1e-12))
        end = found.low if lower else found.high
        return value + (end - value) / math.sqrt(times)

    @lru_cache(maxsize=256)  # noqa: B019 - lives as long as one gate
    def _score(self, error: float) -> Estimate:
        return paired_score(self.differences, level=1 - 2 * error)

    def __hash__(self) -> int:
        return id(self)

    def __eq__(self, other: object) -> bool:
        return self is other


@dataclass(frozen=True, slots=True)
class Gap:
    """Bounds of the difference of two independent figures, second less first.

    Attributes:
        first: the baseline's value and its bounds.
        second: this one's.

    Source: Newcombe (1998), Statistics in Medicine 17:873, method 10, with exact bounds in place of score
    bounds; Zou & Donner (2008), Statistics in Medicine 27:1693, for other figures.
    """

    first: tuple[float, Bounds]
    second: tuple[float, Bounds]

    def low(self, error: float, times: float = 1.0) -> float:
        """Lower bound."""
        (one, its), (other, own) = self.first, self.second
        return other - one - math.hypot(other - own.low(error, times), its.high(error, times) - one)

    def high(self, error: float, times: float = 1.0) -> float:
        """Upper bound."""
        (one, its), (other, own) = self.first, self.second
        return other - one + math.hypot(own.high(error, times) - other, one - its.low(error, times))


def compare(
    budget: Budget, use_case: str, where: Mapping[str, str], head: Figures, baseline: Figures
) -> Comparison | None:
    """One slice of both.

    Args:
        budget: tells the component, the direction, the margin and the confidence.
        use_case: the use case.
        where: model it is narrowed to; no period, since two runs have none in common.
        head: this one.
        baseline: what it is compared with.

    Returns:
        The comparison, its verdict open as long as all tests are not decided together; None where the
        baseline has nothing of the slice and no margin asks for it.
    """
    told = _paired(budget, use_case, where, head, baseline)
    why_not = told if isinstance(told, str) else ""
    if not isinstance(told, str):
        return told
    return _unpaired(budget, use_case, where, head, baseline, why_not)


def not_compared(budget: Budget, finding: str, reason: str) -> Comparison:
    """A comparison that a margin asks for and that cannot be made."""
    nothing = unknown(reason, unit="difference", level=_level(budget))
    return Comparison(
        first=nothing,
        second=nothing,
        difference=nothing,
        paired=False,
        why_not=reason,
        margin=budget.worse_than_baseline,
        decision=_open(budget, None, nothing, reason, finding),
    )


def _paired(
    budget: Budget, use_case: str, where: Mapping[str, str], head: Figures, baseline: Figures
) -> Comparison | str:
    """Prompt by prompt, or why not."""
    paths = baseline.exchanges(budget.window), head.exchanges(budget.window)
    if not comparable(budget.component):
        return f"{budget.component} is no share of exchanges"
    if paths[0] is None or paths[1] is None:
        return "only the figures of one side are known, not its exchanges"
    (keys, shares, _), (own_keys, own_shares, clusters) = (
        by_prompt(path, budget.component, use_case, where) for path in paths if path
    )
    common, at, own_at = np.intersect1d(keys, own_keys, assume_unique=True, return_indices=True)
    smaller = min(len(keys), len(own_keys))
    if len(common) < max(_LEAST_PAIRS, SHARED * smaller):
        return f"{len(common):,} of {smaller:,} prompts are in both"
    gaps = own_shares[own_at] - shares[at]
    estimate, bounds, p, test = _difference(gaps, None if clusters is None else clusters[own_at], budget)
    first, second = (_mean(values, budget) for values in (shares[at], own_shares[own_at]))
    return Comparison(
        first=first,
        second=second,
        difference=estimate,
        paired=True,
        pairs=len(common),
        only_first=len(keys) - len(common),
        only_second=len(own_keys) - len(common),
        p=p,
        test=test,
        margin=budget.worse_than_baseline,
        decision=_open(budget, bounds, estimate),
    )


def _difference(
    gaps: Floats, clusters: npt.NDArray[np.object_] | None, budget: Budget
) -> tuple[Estimate, Bounds | None, float, str]:
    """The mean difference, its bounds, and the test of none."""
    level, whole = _level(budget), bool(np.isin(gaps, (-1.0, 0.0, 1.0)).all())
    if clusters is None:
        estimate, bounds = paired_score(gaps, level=level), Paired(gaps)
        if whole:
            p = exact_mcnemar(int((gaps < 0).sum()), int((gaps > 0).sum()))
            return estimate, bounds, p, "exact McNemar"
        return estimate, bounds, sign_flip_p_value(gaps), "sign flip"
    estimate = mean_difference(gaps, clusters=clusters, level=level)
    p = sign_flip_p_value(gaps, clusters=clusters) if estimate.known else math.nan
    return estimate, bounds_of(estimate), p, "sign flip of clusters"


def _unpaired(
    budget: Budget, use_case: str, where: Mapping[str, str], head: Figures, baseline: Figures, why_not: str
) -> Comparison | None:
    first, second = (
        figures.find(budget.component, use_case, where, budget.window) for figures in (baseline, head)
    )
    if first is None and where:
        return None
    reason = _not_comparable(first, second)
    if first is None or second is None or reason:
        nothing = unknown(reason, unit="difference", level=_level(budget))
        told = [one.measurement.estimate if one else nothing for one in (first, second)]
        return Comparison(
            first=told[0],
            second=told[1],
            difference=nothing,
            paired=False,
            why_not=why_not,
            margin=budget.worse_than_baseline,
            decision=_open(budget, None, nothing, reason, "not_in_baseline"),
        )
    ends = [(one.measurement.estimate.value, one.bounds) for one in (first, second)]
    gap = Gap(*((value, bounds) for value, bounds in ends if bounds is not None))
    estimate = _of_gap(gap, first.measurement, second.measurement, budget)
    return Comparison(
        first=first.measurement.estimate,
        second=second.measurement.estimate,
        difference=estimate,
        paired=False,
        why_not=why_not,
        p=min(1.0, 2 * min(_p(gap, estimate, "at_most"), _p(gap, estimate, "at_least"))),
        test="inverted interval",
        margin=budget.worse_than_baseline,
        decision=_open(budget, gap, estimate),
    )


def _p(gap: Gap, estimate: Estimate, direction: Direction) -> float:
    """One-sided, of no difference."""
    test = Test(
        bounds=gap, value=estimate.value, n=estimate.n, limit=0.0, direction=direction, confidence=0.95
    )
    return test.p


def _not_comparable(first: Found | None, second: Found | None) -> str:
    """Why two figures are not compared; "" where they are."""
    if first is None:
        return "the baseline has no such figure"
    if second is None:
        return "there is no such figure"
    for one, side in ((first, "the baseline"), (second, "this run")):
        if one.bounds is None:
            return f"the figure of {side} cannot be known: {one.measurement.estimate.reason or 'no interval'}"
    kinds = [_kind(one.measurement.correction) for one in (first, second)]
    if kinds[0] != kinds[1]:
        return f"the baseline rests on {kinds[0]}, this run on {kinds[1]}"
    return ""


def _kind(correction: Correction) -> str:
    return (
        "expert labels"
        if correction in _LABELS
        else {"raw": "the detector alone"}.get(correction, "a published error of the detector")
    )


def _of_gap(gap: Gap, first: Measurement, second: Measurement, budget: Budget) -> Estimate:
    error = (1 - _level(budget)) / 2
    unit = second.estimate.unit
    return Estimate(
        value=gap.second[0] - gap.first[0],
        low=gap.low(error),
        high=gap.high(error),
        level=_level(budget),
        n=first.estimate.n + second.estimate.n,
        labelled=first.estimate.labelled + second.estimate.labelled,
        unit="difference" if unit == "rate" else unit,
        method="unpaired, Newcombe with exact bounds" if unit == "rate" else "unpaired, MOVER",
    )


def _open(
    budget: Budget, bounds: Bounds | None, estimate: Estimate, reason: str = "", finding: str = ""
) -> Decision | None:
    margin = budget.worse_than_baseline
    if margin is None:
        return None
    worse = budget.direction == "at_most"
    test = Test(
        bounds=bounds,
        value=estimate.value,
        n=estimate.n,
        limit=margin if worse else -margin,
        direction=budget.direction,
        confidence=budget.confidence,
        reason=reason or estimate.reason,
        finding=finding or ("" if bounds else "no_figure"),
    )
    return open_decision(test, test.reason, test.finding)


def _mean(values: Floats, budget: Budget) -> Estimate:
    return Estimate(
        value=float(values.mean()),
        low=math.nan,
        high=math.nan,
        level=_level(budget),
        n=len(values),
        unit="rate",
        method="mean over the prompts in both",
    )


def _level(budget: Budget) -> float:
    """Two-sided, of an interval whose ends are bounds at the budget's confidence."""
    return round(2 * budget.confidence - 1, 12)
