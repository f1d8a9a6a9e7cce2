"""Intervals from independent observations: proportions and quantiles."""

import math

import numpy as np
import numpy.typing as npt

from aligntax.records import Estimate, Unit, unknown
from aligntax.stats.student import normal_quantile

__all__ = ["quantile", "wilson", "wilson_bounds"]


def wilson(successes: int, n: int, *, level: float = 0.95) -> Estimate:
    """Wilson score interval for a proportion.

    Args:
        successes: events seen, 0 <= successes <= n.
        n: trials; with n = 0 the estimate is nan and says so.
        level: two-sided coverage, in (0, 1).

    Returns:
        Estimate in [0, 1], unit "rate".

    Source: Wilson (1927), JASA 22:209; eq. (4).
    """
    if n == 0:
        return unknown("no observations", unit="rate", level=level)
    low, high = wilson_bounds(successes / n, n, normal_quantile(level))
    return Estimate(
        value=successes / n, low=low, high=high, level=level, n=n, unit="rate", method="Wilson score"
    )


def wilson_bounds(rate: float, n: float, quantile: float) -> tuple[float, float]:
    """The interval of `wilson` for any effective sample size and any quantile in place of z.

    Args:
        rate: observed proportion, in [0, 1].
        n: effective number of independent trials, > 0, not necessarily whole.
        quantile: of the normal or t distribution at (1 + level) / 2.
    """
    squared = quantile**2 / n
    centre = (rate + squared / 2) / (1 + squared)
    half = quantile * math.sqrt(rate * (1 - rate) / n + squared / (4 * n)) / (1 + squared)
    low = 0.0 if rate == 0 else max(0.0, centre - half)
    return low, 1.0 if rate == 1 else min(1.0, centre + half)


def quantile(
    values: npt.NDArray[np.float64],
    counts: npt.NDArray[np.int64],
    share: float,
    *,
    unit: Unit,
    level: float = 0.95,
) -> Estimate:
    """A quantile of a distribution given as a histogram, with its order-statistic interval.

    Args:
        values: (k,) distinct values seen, ascending.
        counts: (k,) how often each was seen, > 0.
        share: which quantile, in (0, 1); 0.5 for the median.
        unit: what the values count.
        level: two-sided coverage, in (0, 1).

    Returns:
        The smallest value with at least `share` of the observations at or below it. The interval runs
        between the order statistics at the normal approximation's ranks; it assumes independence.

    Source: Hahn & Meeker (1991), Statistical Intervals, section 5.2.
    """
    n = int(counts.sum())
    if n == 0:
        return unknown("no observations", unit=unit, level=level)
    below = np.cumsum(counts)
    spread = normal_quantile(level) * math.sqrt(n * share * (1 - share))
    ranks = [math.floor(n * share - spread), math.ceil(n * share), math.ceil(n * share + spread) + 1]
    low, value, high = values[np.searchsorted(below, np.clip(ranks, 1, n))]
    return Estimate(
        value=float(value),
        low=float(low),
        high=float(high),
        level=level,
        n=n,
        unit=unit,
        method="order statistics",
    )
