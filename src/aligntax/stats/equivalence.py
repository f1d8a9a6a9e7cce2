"""Whether two things are the same within a margin: "not significantly different" does not say so."""

import math
from dataclasses import dataclass
from typing import Literal

from scipy.special import ndtr, stdtr

from aligntax.errors import UsageError
from aligntax.records import Estimate
from aligntax.stats.student import normal_quantile, student_quantile

__all__ = ["Equivalence", "EquivalenceVerdict", "equivalence"]

EquivalenceVerdict = Literal["equivalent", "different", "cannot tell"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Equivalence:
    """What an interval says of a margin.

    Attributes:
        verdict: "equivalent" when the whole interval lies inside (-margin, margin), "different" when all
            of it lies beyond the margin on one side, "cannot tell" otherwise.
        margin: the largest difference that does not matter, > 0, in the interval's unit.
        p: of the two one-sided tests, below alpha = (1 - level) / 2 exactly where the verdict is
            "equivalent"; nan where the interval has no width or no ends.
        interval: the estimate with its interval, at level 1 - 2 alpha.
        needed: items that would decide if the value stayed as it is and the width fell with the square
            root of n; None when the verdict is in, or when nothing tells.
        reason: why it cannot tell, in one sentence; "" otherwise.
    """

    verdict: EquivalenceVerdict
    margin: float
    p: float
    interval: Estimate
    needed: int | None = None
    reason: str = ""


def equivalence(interval: Estimate, margin: float) -> Equivalence:
    """Two one-sided tests by an interval that is already there.

    Args:
        interval: made at level 1 - 2 alpha: 0.90 for tests at alpha = 0.05.
        margin: the largest difference that does not matter, > 0, in the interval's unit; to be stated
            before the data are seen.

    Returns:
        The verdict, with the p-value and the number of items that would decide.

    Raises:
        UsageError: a margin that is not above 0 and finite.

    Source: Schuirmann (1987), Journal of Pharmacokinetics and Biopharmaceutics 15:657.
    """
    if not 0 < margin < math.inf:
        raise UsageError(
            f"a margin of {margin:g} is no margin", hint="give the largest difference that does not matter"
        )
    p = _p_value(interval, margin)
    if not interval.known or math.isnan(interval.low) or math.isnan(interval.high):
        why = interval.reason or "the interval has no ends"
        return Equivalence(verdict="cannot tell", margin=margin, p=p, interval=interval, reason=why)
    if -margin < interval.low and interval.high < margin:
        return Equivalence(verdict="equivalent", margin=margin, p=p, interval=interval)
    if interval.low >= margin or interval.high <= -margin:
        return Equivalence(verdict="different", margin=margin, p=p, interval=interval)
    return Equivalence(
        verdict="cannot tell",
        margin=margin,
        p=p,
        interval=interval,
        needed=_needed(interval, margin),
        reason="the interval reaches across the margin",
    )


def _p_value(interval: Estimate, margin: float) -> float:
    """The larger of the two one-sided p-values, from the middle and the half-width of the interval."""
    half, middle = (interval.high - interval.low) / 2, (interval.high + interval.low) / 2
    if not (0 < half < math.inf):
        return math.nan
    if interval.clusters is not None and interval.clusters > 1:
        degrees = interval.clusters - 1
        error = half / student_quantile(interval.level, degrees)
        return float(stdtr(degrees, (abs(middle) - margin) / error))
    error = half / normal_quantile(interval.level)
    return float(ndtr((abs(middle) - margin) / error))


def _needed(interval: Estimate, margin: float) -> int | None:
    """Items at which the interval clears the margin on the side the value is on."""
    value = interval.value
    gap = abs(abs(value) - margin)
    reach = max(value - interval.low, interval.high - value)
    if gap <= 0 or interval.n <= 0 or not math.isfinite(reach):
        return None
    needed = interval.n * (reach / gap) ** 2
    return math.ceil(needed) if needed < 1e12 else None
