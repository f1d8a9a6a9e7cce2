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

    The design effect is the variance between clusters (jackknife) over the binomial one, at least 1; a t
    quantile stands for z, with as many degrees of freedom as that variance has: fewer than groups - 1 where a
    few clusters make most of it. Without any event, or with nothing else, no variance can be seen, and every
    group counts as a single trial.

    Args:
        events: (groups,) events in each group, 0 <= events <= counts.
        counts: (groups,) observations in each group.
        level: two-sided coverage, in (0, 1).

    Returns:
        Estimate in [0, 1], unit "rate"; nan with fewer than two groups.

    Source: Korn & Graubard (1998), Survey Methodology 24:193 (effective sample size); Kish (1965);
    Satterthwaite (1946), Biometrics Bulletin 2:110 (degrees of freedom of a variance).
    """
    events, counts = events[counts > 0], counts[counts > 0]
    groups, n = len(counts), int(counts.sum())
    if groups < 2:
        return unknown(_too_few(groups), unit="rate", level=level, n=n)
    rate = float(events.sum()) / n
    effective, how, degrees = float(groups), "one trial a cluster group, since all agree", groups - 1
    if 0 < rate < 1:
        variance, degrees = _variance(events, counts, rate)
        design_effect = max(1.0, variance / (rate * (1 - rate) / n))
        effective, how = n / design_effect, f"design effect {design_effect:.1f}{_told(degrees, groups)}"
    low, high = wilson_bounds(rate, effective, student_quantile(level, degrees))
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
        variance, degrees = _variance(sums, counts, mean)
        factor = math.exp(min(700.0, student_quantile(level, degrees) * math.sqrt(variance) / mean))
        low, high, method = mean / factor, mean * factor, f"t on clusters, log scale{_told(degrees, groups)}"
    return Estimate(
        value=mean, low=low, high=high, level=level, n=n, clusters=groups, unit=unit, method=method
    )


def _variance(sums: Floats, counts: Floats, ratio: float) -> tuple[float, int]:
    """Variance of sum(sums) / sum(counts) by leaving each group out (CR3), and its degrees of freedom.

    A sum of squares varies the more, the more of it a few groups make: its degrees of freedom are 2 mean^2 /
    variance, by the kurtosis k of the residuals 2 groups / (k - 1 + 2 / (groups - 1)), at most groups - 1.
    """
    share = counts / counts.sum()
    squares = ((sums - ratio * counts) / np.maximum(1 - share, 1e-9)) ** 2
    groups, total = len(squares), float(squares.sum())
    kurtosis = groups * float((squares**2).sum()) / total**2 if total > 0 else 1.0
    degrees = 2 * groups / (kurtosis - 1 + 2 / (groups - 1))
    return total / float(counts.sum()) ** 2, max(1, int(min(groups - 1, degrees) + 1e-9))


def _told(degrees: int, groups: int) -> str:
    """Degrees of freedom, where they are not those of the groups: who reads on reckons with them."""
    return f", {degrees} degrees of freedom" if degrees < groups - 1 else ""


def _too_few(groups: int) -> str:
    return "no observations" if groups == 0 else "a single cluster says nothing about others"
