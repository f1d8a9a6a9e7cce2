"""Two means whose items do not meet: a difference, and a relative loss, from two independent samples.

In a module that is imported when asked for, since it takes scipy.
"""

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import ndtr

from aligntax.records import Estimate, Unit, unknown
from aligntax.stats.cluster_totals import cluster_totals
from aligntax.stats.comparison import difference
from aligntax.stats.intervals import wilson
from aligntax.stats.predictions import Floats, checked_level
from aligntax.stats.student import normal_quantile

__all__ = [
    "Sample",
    "mean",
    "sample_of",
    "unpaired_difference",
    "unpaired_normalised_tax",
    "unpaired_p_value",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """What is known of a mean.

    Attributes:
        mean: of the observations.
        error: standard error of the mean, >= 0; nan where nobody knows.
        n: observations behind it; 0 where nobody knows.
        successes: how many of them are 1 where all are 0 or 1 and independent; None otherwise.
        clusters: independent groups behind it; None where the observations are.
    """

    mean: float
    error: float
    n: int = 0
    successes: int | None = None
    clusters: int | None = None


def sample_of(values: Floats, clusters: npt.ArrayLike | None = None) -> Sample:
    """What is known of the mean of observations.

    Args:
        values: (n,) observations.
        clusters: (n,) which of them depend on each other, None for one that stands alone; no list if all do.

    Returns:
        The sample; its error is found by leaving out one cluster at a time. Without observations the mean
        is nan, with a single one (or a single cluster) the error.
    """
    if len(values) == 0:
        return Sample(mean=math.nan, error=math.nan)
    totals = cluster_totals(values, np.ones(len(values)), clusters)
    binary = clusters is None and bool(np.isin(values, (0.0, 1.0)).all())
    return Sample(
        mean=totals.ratio,
        error=math.sqrt(totals.variance) if totals.clusters > 1 else math.nan,
        n=len(values),
        successes=int(values.sum()) if binary else None,
        clusters=None if clusters is None else totals.clusters,
    )


def mean(sample: Sample, *, unit: Unit, level: float = 0.95) -> Estimate:
    """The mean of one sample: Wilson's interval where successes are counted, else from the standard error.

    Args:
        sample: what is known.
        unit: of the observations; with "rate" the interval is kept in [0, 1].
        level: two-sided coverage, in (0, 1).

    Returns:
        Estimate in `unit`. Where no standard error is known the ends of the interval are nan.
    """
    if math.isnan(sample.mean):
        return unknown("no observations", unit=unit, level=level)
    if sample.successes is not None and unit == "rate":
        return wilson(sample.successes, sample.n, level=level)
    half = normal_quantile(checked_level(level)) * sample.error
    low, high = sample.mean - half, sample.mean + half
    if unit == "rate" and not math.isnan(half):
        low, high = max(0.0, low), min(1.0, high)
    return Estimate(
        value=sample.mean,
        low=low,
        high=high,
        level=level,
        n=sample.n,
        clusters=sample.clusters,
        unit=unit,
        method="no interval known" if math.isnan(half) else "standard error",
    )


def unpaired_difference(
    first: Sample, second: Sample, *, unit: Unit = "difference", level: float = 0.95
) -> Estimate:
    """The difference of two independent means, first less second.

    Args:
        first: a sample.
        second: another, independent of it.
        unit: of the difference.
        level: two-sided coverage, in (0, 1).

    Returns:
        Newcombe's interval where both count successes and the unit is "difference", else the normal one
        from the two standard errors; nan, with the reason, where neither is known.

    Source: Newcombe (1998), Statistics in Medicine 17:873, method 10.
    """
    n = first.n + second.n
    if first.successes is not None and second.successes is not None and unit == "difference":
        return difference(first.successes, first.n, second.successes, second.n, level=level)
    if reason := _missing(first, second):
        return unknown(reason, unit=unit, level=level, n=n)
    value, error = first.mean - second.mean, math.hypot(first.error, second.error)
    half = normal_quantile(checked_level(level)) * error
    groups = None if first.clusters is None and second.clusters is None else _groups(first) + _groups(second)
    return Estimate(
        value=value,
        low=value - half,
        high=value + half,
        level=level,
        n=n,
        clusters=groups,
        unit=unit,
        method="two standard errors",
    )


def unpaired_p_value(first: Sample, second: Sample) -> float:
    """Two-sided p-value of no difference between two independent means, in [0, 1]; nan where unknown.

    The pooled score test where both count successes, else the normal test of the difference.

    Source: Fleiss, Levin & Paik (2003), Statistical Methods for Rates and Proportions, eq. (3.3), without
    the continuity correction.
    """
    if _missing(first, second):
        return math.nan
    if first.successes is not None and second.successes is not None:
        pooled = (first.successes + second.successes) / (first.n + second.n)
        error = math.sqrt(pooled * (1 - pooled) * (1 / first.n + 1 / second.n))
    else:
        error = math.hypot(first.error, second.error)
    gap = abs(first.mean - second.mean)
    if error == 0:
        return 1.0 if gap == 0 else 0.0
    return min(1.0, 2 * float(ndtr(-gap / error)))


def unpaired_normalised_tax(
    reference: Sample, aligned: Sample, chance: float, *, level: float = 0.95
) -> Estimate:
    """The share of what a reference can do beyond guessing that another model, on other items, cannot.

    Args:
        reference: scores of the reference.
        aligned: scores of the model compared with it, independent of them.
        chance: score of a guess.
        level: two-sided coverage, in (0, 1).

    Returns:
        (reference - aligned) / (reference - chance), unit "share"; below 0 where the aligned model is the
        better one; nan where the reference is not surely away from chance, since anything might be said then.

    Source: Fieller (1954), JRSS B 16:175, for two independent means.
    """
    n = reference.n + aligned.n
    if reason := _missing(reference, aligned):
        return unknown(reason, unit="share", level=level, n=n)
    room, kept, z = reference.mean - chance, aligned.mean - chance, normal_quantile(checked_level(level))
    least = room**2 - (z * reference.error) ** 2
    if least <= 0:
        return unknown("the reference is not surely above a guess", unit="share", level=level, n=n)
    inside = (room * kept) ** 2 - least * (kept**2 - (z * aligned.error) ** 2)
    half = math.sqrt(max(0.0, inside)) / least
    return Estimate(
        value=1 - kept / room,
        low=1 - room * kept / least - half,
        high=1 - room * kept / least + half,
        level=level,
        n=n,
        unit="share",
        method="Fieller, unpaired",
    )


def _groups(sample: Sample) -> int:
    return sample.n if sample.clusters is None else sample.clusters


def _missing(first: Sample, second: Sample) -> str:
    if math.isnan(first.mean) or math.isnan(second.mean):
        return "no observations in one of the samples"
    if math.isnan(first.error) or math.isnan(second.error):
        return "neither counts nor standard errors are known of both"
    return ""
