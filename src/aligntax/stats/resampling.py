"""Intervals from observations that come in clusters (users, sessions, templates).

Exchanges of one user resemble each other; taken as independent they make every interval too short.
The sufficient statistics are sums per group of clusters: clusters are dealt to at most 1,024 groups,
which are independent because the clusters are, and which keep memory flat whatever the log's size.
"""

import math
from functools import cache

import numpy as np
import numpy.typing as npt
from scipy.special import stdtrit

from aligntax.records import Estimate, Unit, unknown
from aligntax.stats.intervals import wilson_bounds

__all__ = ["GROUPS", "clustered_mean", "clustered_rate", "group_weights"]

Floats = npt.NDArray[np.float64]

GROUPS = 1024
"""Groups that clusters are dealt to."""
_RESAMPLES = 2000
_FEW = 20
"""Below this many groups the bootstrap is not to be trusted."""


def clustered_rate(events: Floats, counts: Floats, *, level: float = 0.95) -> Estimate:
    """A proportion among observations in clusters: Wilson's interval at the effective sample size.

    The design effect is the variance between clusters (linearised ratio) over the binomial one, at
    least 1; the t quantile with groups - 1 degrees of freedom stands for z. Without any event, or with
    nothing else, no variance can be seen, and every group counts as a single trial.

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
    effective = float(groups)
    if 0 < rate < 1:
        spread = float(((events - rate * counts) ** 2).sum()) * groups / (groups - 1) / n**2
        effective = n / max(1.0, spread / (rate * (1 - rate) / n))
    low, high = wilson_bounds(rate, effective, float(stdtrit(groups - 1, (1 + level) / 2)))
    return Estimate(
        value=rate,
        low=low,
        high=high,
        level=level,
        n=n,
        clusters=groups,
        unit="rate",
        method=f"Wilson score, design effect {n / effective:.1f}",
    )


def clustered_mean(sums: Floats, counts: Floats, *, unit: Unit, level: float = 0.95) -> Estimate:
    """A mean among observations in clusters: cluster bootstrap, or t with fewer than 20 groups.

    Args:
        sums: (groups,) sum of the observations in each group.
        counts: (groups,) observations in each group.
        unit: of the observations.
        level: two-sided coverage, in (0, 1).

    Returns:
        Estimate of the mean of one observation; nan with fewer than two groups.

    Source: Chamandy et al. (2012), Estimating uncertainty for massive data streams (Poisson
    bootstrap); Cameron, Gelbach & Miller (2008) on few clusters.
    """
    sums, kept = sums[counts > 0], counts[counts > 0]
    groups, n = len(kept), int(kept.sum())
    if groups < 2:
        return unknown(_too_few(groups), unit=unit, level=level, n=n)
    mean = float(sums.sum()) / n
    if groups < _FEW:
        error = math.sqrt(float(((sums - mean * kept) ** 2).sum()) * groups / (groups - 1)) / n
        half = float(stdtrit(groups - 1, (1 + level) / 2)) * error
        low, high, method = mean - half, mean + half, "t on clusters"
    else:
        drawn = group_weights()[:, :groups] @ np.stack([sums, kept], axis=1).astype(np.float32)
        means = drawn[:, 0].astype(np.float64) / np.maximum(drawn[:, 1], 1e-12)
        low, high = np.quantile(means, [(1 - level) / 2, (1 + level) / 2])
        method = "cluster bootstrap"
    return Estimate(
        value=mean,
        low=float(low),
        high=float(high),
        level=level,
        n=n,
        clusters=groups,
        unit=unit,
        method=method,
    )


@cache
def group_weights(seed: int = 20260101) -> npt.NDArray[np.float32]:
    """(2000, 1024) how often each group is drawn in each resample: Poisson(1), always the same."""
    generator = np.random.default_rng(seed)
    return generator.poisson(1.0, (_RESAMPLES, GROUPS)).astype(np.float32)


def _too_few(groups: int) -> str:
    return "no observations" if groups == 0 else "a single cluster says nothing about others"
