"""Intervals from observations that come in clusters (users, sessions, templates).

Exchanges of one user resemble each other; taken as independent they make every interval too short.
The sufficient statistics are sums per group of clusters: clusters are dealt to at most 1,024 groups,
which are independent because the clusters are, and which keep memory flat whatever the log's size.
"""

import math

import numpy as np
import numpy.typing as npt

from aligntax.records import Estimate, Unit, unknown
from aligntax.stats.intervals import wilson_bounds
from aligntax.stats.student import student_quantile

__all__ = ["GROUPS", "clustered_mean", "clustered_rate"]

Floats = npt.NDArray[np.float64]

GROUPS = 1024
"""Groups that clusters are dealt to."""


def clustered_rate(events: Floats, counts: Floats, *, level: float = 0.95) -> Estimate:
    """A proportion among observations in clusters: Wilson's interval at the effective sample size.

    The design effect is the variance between clusters (jackknife) over the binomial one, at least 1;
    the t quantile with groups - 1 degrees of freedom stands for z. Without any event, or with nothing
    else, no variance can be seen, and every group counts as a single trial.

    Args:
        events: (groups,) events in each group, 0 <= events <= counts.
        counts: (groups,) observations in each group.
        level: two-sided coverage, in (0, 1).

    Returns:
        Estimate in [0, 1], unit "rate"; nan with fewer than two groups.

    Source: Korn & Graubard (1998), Survey Methodology 24:193 (effective sample size); Kish (1965).
    """
    events, counts = events[counts > 0], counts[counts > 0]
    groups, n = len(counts), int(counts.sum())
    if groups < 2:
        return unknown(_too_few(groups), unit="rate", level=level, n=n)
    rate = float(events.sum()) / n
    effective, how = float(groups), "one trial a cluster group, since all agree"
    if 0 < rate < 1:
        design_effect = max(1.0, _variance(events, counts, rate) / (rate * (1 - rate) / n))
        effective, how = n / design_effect, f"design effect {design_effect:.1f}"
    low, high = wilson_bounds(rate, effective, student_quantile(level, groups - 1))
    return Estimate(
        value=rate,
        low=low,
        high=high,
        level=level,
        n=n,
        clusters=groups,
        unit="rate",
        method=f"Wilson score, {how}",
    )


def clustered_mean(sums: Floats, counts: Floats, *, unit: Unit, level: float = 0.95) -> Estimate:
    """The mean of a quantity that is never negative, among observations in clusters.

    A t interval on the logarithm of the mean, with the jackknife over groups for its variance: tokens
    and money are skewed, and a symmetric interval or percentiles of a bootstrap miss high more often
    than they say (docs/decisions/0002).

    Args:
        sums: (groups,) sum of the observations in each group, >= 0.
        counts: (groups,) observations in each group.
        unit: of the observations.
        level: two-sided coverage, in (0, 1).

    Returns:
        Estimate of the mean of one observation; nan with fewer than two groups. With nothing but
        zeros its upper end is nan, since nothing tells the size of what was not seen.

    Source: Bell & McCaffrey (2002), Survey Methodology 28:169 (CR3, the jackknife); the logarithm by
    the delta method.
    """
    sums, counts = sums[counts > 0], counts[counts > 0]
    groups, n = len(counts), int(counts.sum())
    if groups < 2:
        return unknown(_too_few(groups), unit=unit, level=level, n=n)
    mean = float(sums.sum()) / n
    low, high, method = 0.0, math.nan, "none seen"
    if mean > 0:
        error = math.sqrt(_variance(sums, counts, mean)) / mean
        factor = math.exp(min(700.0, student_quantile(level, groups - 1) * error))
        low, high, method = mean / factor, mean * factor, "t on clusters, log scale"
    return Estimate(
        value=mean, low=low, high=high, level=level, n=n, clusters=groups, unit=unit, method=method
    )


def _variance(sums: Floats, counts: Floats, ratio: float) -> float:
    """Variance of sum(sums) / sum(counts) by leaving each group out in turn (CR3)."""
    share = counts / counts.sum()
    residuals = (sums - ratio * counts) / np.maximum(1 - share, 1e-9)
    return float((residuals**2).sum()) / float(counts.sum()) ** 2


def _too_few(groups: int) -> str:
    return "no observations" if groups == 0 else "a single cluster says nothing about others"
