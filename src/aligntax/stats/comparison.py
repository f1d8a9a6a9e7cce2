"""Two rates side by side, independent or on the same items; many comparisons at once.

In a module that is imported when asked for, since it takes scipy.
"""

import math

import numpy as np
import numpy.typing as npt
from scipy.special import bdtr

from aligntax.errors import UsageError
from aligntax.records import Estimate, unknown
from aligntax.stats.intervals import wilson_bounds
from aligntax.stats.predictions import Floats, as_shares, checked_level
from aligntax.stats.student import normal_quantile

__all__ = [
    "benjamini_hochberg",
    "difference",
    "exact_mcnemar",
    "holm",
    "paired_difference",
    "wald_paired_difference",
]


def difference(
    successes: int, n: int, other_successes: int, other_n: int, *, level: float = 0.95
) -> Estimate:
    """The difference of two independent proportions, first less second: Newcombe's interval.

    Args:
        successes: events in the first sample, 0 <= successes <= n.
        n: size of the first sample.
        other_successes: events in the second.
        other_n: size of the second.
        level: two-sided coverage, in (0, 1).

    Returns:
        Estimate in [-1, 1], unit "difference"; positive where the first rate is higher; nan when either
        sample is empty.

    Raises:
        UsageError: more events than items.

    Source: Newcombe (1998), Statistics in Medicine 17:873, method 10.
    """
    _check_count(successes, n)
    _check_count(other_successes, other_n)
    level = checked_level(level)
    if n == 0 or other_n == 0:
        return unknown("no observations in one of the samples", unit="difference", level=level, n=n + other_n)
    z, first, second = normal_quantile(level), successes / n, other_successes / other_n
    (low, high), (other_low, other_high) = wilson_bounds(first, n, z), wilson_bounds(second, other_n, z)
    value = first - second
    return Estimate(
        value=value,
        low=value - math.hypot(first - low, other_high - second),
        high=value + math.hypot(high - first, second - other_low),
        level=level,
        n=n + other_n,
        unit="difference",
        method="Newcombe",
    )


def exact_mcnemar(only_first: int, only_second: int) -> float:
    """Two-sided p-value of no difference between two classifications of the same items.

    Args:
        only_first: items with the property under the first only, >= 0.
        only_second: items with it under the second only, >= 0.

    Returns:
        min(1, 2 P(Bin(b + c, 1/2) <= min(b, c))), in (0, 1]; 1 when no item differs.

    Raises:
        UsageError: a negative count.

    Source: McNemar (1947), Psychometrika 12:153, with the exact binomial tail.
    """
    discordant = only_first + only_second
    _check_count(only_first, discordant)
    if discordant == 0:
        return 1.0
    return min(1.0, 2 * float(bdtr(min(only_first, only_second), discordant, 0.5)))


def paired_difference(only_first: int, only_second: int, n: int, *, level: float = 0.95) -> Estimate:
    """The difference of two rates on the same items, first less second: Bonett and Price's interval.

    The plain (Wald) interval covers half of what it says when few items differ; this one adds one item
    to either count and never fell below its level in our simulations (benchmarks/statistics).

    Args:
        only_first: items with the property under the first only.
        only_second: items with it under the second only.
        n: all items, the ones that agree included.
        level: two-sided coverage, in (0, 1).

    Returns:
        Estimate in [-1, 1], unit "difference"; nan without items.

    Raises:
        UsageError: negative counts, or more differing items than items.

    Source: Bonett & Price (2012), Journal of Educational and Behavioral Statistics 37:479.
    """
    _check_pairs(only_first, only_second, n)
    level = checked_level(level)
    if n == 0:
        return unknown("no pairs", unit="difference", level=level)
    value = (only_first - only_second) / n
    centre, error = _wald(only_first + 1, only_second + 1, n + 2)
    half = normal_quantile(level) * error
    return Estimate(
        value=value,
        low=min(value, max(-1.0, centre - half)),
        high=max(value, min(1.0, centre + half)),
        level=level,
        n=n,
        unit="difference",
        method="paired, Bonett-Price",
    )


def wald_paired_difference(only_first: int, only_second: int, n: int, *, level: float = 0.95) -> Estimate:
    """`paired_difference` with the textbook standard error; to compare with, too short when few differ.

    Source: Agresti (2013), Categorical Data Analysis, section 11.1.1.
    """
    _check_pairs(only_first, only_second, n)
    level = checked_level(level)
    if n == 0:
        return unknown("no pairs", unit="difference", level=level)
    value, error = _wald(only_first, only_second, n)
    half = normal_quantile(level) * error
    return Estimate(
        value=value,
        low=value - half,
        high=value + half,
        level=level,
        n=n,
        unit="difference",
        method="paired, Wald",
    )


def benjamini_hochberg(p_values: npt.ArrayLike) -> Floats:
    """P-values adjusted for being many: rejecting those <= q keeps the false discovery rate at q.

    Args:
        p_values: (m,) in [0, 1], independent or positively dependent.

    Returns:
        (m,) adjusted values in [0, 1], in the order given.

    Raises:
        UsageError: values outside [0, 1] or not finite.

    Source: Benjamini & Hochberg (1995), JRSS B 57:289.
    """
    values = as_shares("p-values", p_values)
    count = len(values)
    order = np.argsort(values, kind="stable")
    scaled = values[order] * count / np.arange(1, count + 1)
    adjusted = np.empty(count)
    adjusted[order] = np.minimum.accumulate(scaled[::-1])[::-1]
    return np.minimum(adjusted, 1.0)


def holm(p_values: npt.ArrayLike) -> Floats:
    """P-values adjusted for being many: rejecting those <= alpha errs once or more with chance <= alpha.

    Args:
        p_values: (m,) in [0, 1], however they depend on each other.

    Returns:
        (m,) adjusted values in [0, 1], in the order given.

    Raises:
        UsageError: values outside [0, 1] or not finite.

    Source: Holm (1979), Scandinavian Journal of Statistics 6:65.
    """
    values = as_shares("p-values", p_values)
    count = len(values)
    order = np.argsort(values, kind="stable")
    scaled = values[order] * np.arange(count, 0, -1)
    adjusted = np.empty(count)
    adjusted[order] = np.maximum.accumulate(scaled)
    return np.minimum(adjusted, 1.0)


def _wald(only_first: float, only_second: float, n: float) -> tuple[float, float]:
    gap = only_first - only_second
    return gap / n, math.sqrt(max(0.0, only_first + only_second - gap * gap / n)) / n


def _check_count(successes: int, n: int) -> None:
    if not 0 <= successes <= n:
        raise UsageError(f"{successes:,} events among {n:,} items")


def _check_pairs(only_first: int, only_second: int, n: int) -> None:
    if min(only_first, only_second) < 0 or only_first + only_second > n:
        raise UsageError(f"{only_first:,} and {only_second:,} items that differ, among {n:,}")
