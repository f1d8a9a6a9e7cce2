"""What may be said of a difference, and no more than its interval and its test allow."""

import math
from typing import Literal

from aligntax.records import Estimate
from aligntax.tax.pairs.differences import Difference

__all__ = ["Finding", "excludes_zero", "finding"]

Finding = Literal["worse", "better", "no difference", "cannot tell"]


def finding(difference: Difference, direction: int, level: float) -> Finding:
    """What B is next to A.

    Worse or better only where the interval excludes 0 and the test, adjusted for being many, says so too.
    Else no difference, where the interval of the equivalence test lies within the margin.

    Args:
        difference: B less A.
        direction: 1 where a higher value is the better one, -1 where a lower one is.
        level: coverage of the intervals; a test says so below 1 - level.
    """
    p = difference.p if math.isnan(difference.adjusted) else difference.adjusted
    if excludes_zero(difference.difference) and p < 1 - level + 1e-12:
        return "better" if difference.difference.value * direction > 0 else "worse"
    if difference.equivalence is not None and difference.equivalence.verdict == "equivalent":
        return "no difference"
    return "cannot tell"


def excludes_zero(estimate: Estimate) -> bool:
    """Whether the whole interval lies on one side of 0; never where it has no ends."""
    return estimate.low > 0 or estimate.high < 0
