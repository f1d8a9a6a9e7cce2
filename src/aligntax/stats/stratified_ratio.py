"""A ratio of totals from a sample drawn by strata, whose items depend on each other across strata.

A log is sampled by use case and by what it recorded, and users are in several strata at once. Strata are
fixed and their shares are known, so what lies between them adds no variance; clusters are independent. The
variance leaves out one cluster at a time, from every stratum it has items in.

A sample in which nothing differs does not say that nothing would: one pair of pseudo-items, `step` above and
`step` below, is spread over strata in proportion to share^2 / items, as in `stratified`, as many times as the
design effect, as in `cluster_totals`. With one stratum, independent items and a step of 1 that is nearly
Bonett and Price's interval. No correction is made for a sample that is a large part of its stratum: the
answers of a model are random though the prompt is not.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import stdtr

from aligntax.errors import UsageError
from aligntax.records import Estimate, Unit, unknown
from aligntax.stats.cluster_totals import as_numbers
from aligntax.stats.predictions import Floats, checked_level, t_quantile

__all__ = ["StratifiedSample", "stratified_p_value", "stratified_ratio"]

Codes = npt.NDArray[np.int64]
_FEWEST = 2
"""Clusters a stratum's own variance is told from; with fewer it is told by how far it is from the whole."""


@dataclass(frozen=True, slots=True)
class StratifiedSample:
    """Which stratum and which cluster every item is of.

    Attributes:
        strata: (n,) index of each item's stratum, 0 <= index < K.
        sizes: (K,) items of each stratum in the population, > 0 where any was drawn.
        clusters: (n,) whole numbers from 0, equal where items depend on each other.
    """

    strata: Codes
    sizes: Sequence[int]
    clusters: Codes

    def of(self, rows: npt.NDArray[np.bool_]) -> "StratifiedSample":
        """The sample without the other rows, which are missing at random within their strata.

        Args:
            rows: (n,) which to keep.
        """
        _, clusters = np.unique(self.clusters[rows], return_inverse=True)
        return StratifiedSample(self.strata[rows], self.sizes, clusters.astype(np.int64))

    @property
    def weights(self) -> Floats:
        """(n,) items of the population that each stands for."""
        drawn = np.bincount(self.strata, minlength=len(self.sizes))
        return (np.asarray(self.sizes, np.float64)[self.strata] / drawn[self.strata]).astype(np.float64)


def stratified_ratio(
    over: npt.ArrayLike,
    under: npt.ArrayLike,
    sample: StratifiedSample,
    *,
    unit: Unit = "difference",
    level: float = 0.95,
    step: float = 1.0,
    limit: float = math.inf,
) -> Estimate:
    """The total of `over` by that of `under` in the population.

    Args:
        over: (n,) what is counted of each item; 0 where `under` is 0.
        under: (n,) 1 for items it is counted among, 0 for others; all ones for a plain mean.
        sample: strata, their sizes and clusters.
        unit: of the ratio.
        level: two-sided coverage, in (0, 1).
        step: what an item differs by if it differs, where most do not; 0 where that has no answer.
        limit: largest size the ratio can have; the ends are cut there.

    Returns:
        Estimate in `unit`; nan with fewer than two clusters among those counted. A stratum of which nothing
        was drawn takes the ratio of the others; a method says how large a share of the population that is.

    Raises:
        UsageError: numbers that are not finite, lists of different lengths, a stratum without a size.

    Source: Rust & Rao (1996), Statistical Methods in Medical Research 5:283 (the jackknife by strata, in its
    linear form); Satterthwaite (1946), Biometrics Bulletin 2:110; pseudo-items after Price & Bonett (2004),
    Computational Statistics & Data Analysis 45:449.
    """
    level, found = checked_level(level), _Ratio.of(over, under, sample, step)
    if isinstance(found, str):
        return unknown(found, unit=unit, level=level, n=int(np.asarray(under, np.float64).sum()))
    half = t_quantile(level, found.degrees) * math.sqrt(found.variance)
    wide = t_quantile(level, found.degrees) * math.sqrt(found.variance + found.unseen)
    low, high = found.value - half, found.value + half
    if step:
        low, high = min(low, found.centre - wide), max(high, found.centre + wide)
    ends = (float(np.clip(low, -limit, limit)), float(np.clip(high, -limit, limit)))
    if not ends[0] < ends[1]:
        ends = (math.nan, math.nan)
    blank = found.blank
    return Estimate(
        value=found.value,
        low=ends[0],
        high=ends[1],
        level=level,
        n=found.items,
        clusters=found.clusters,
        unit=unit,
        method="stratified jackknife over clusters, t" + (f", {blank:.1%} without an item" if blank else ""),
    )


def stratified_p_value(over: npt.ArrayLike, under: npt.ArrayLike, sample: StratifiedSample) -> float:
    """Two-sided p-value of a ratio of 0, by the interval of `stratified_ratio` with its pseudo-items.

    Args:
        over: as of `stratified_ratio`.
        under: likewise.
        sample: likewise.

    Returns:
        In [0, 1]; nan where there is no ratio.
    """
    found = _Ratio.of(over, under, sample, 1.0)
    if isinstance(found, str):
        return math.nan
    error = math.sqrt(found.variance + found.unseen)
    degrees = found.degrees if math.isfinite(found.degrees) else 1e9
    return min(1.0, 2 * float(stdtr(degrees, -abs(found.centre) / error)))


@dataclass(frozen=True, slots=True)
class _Ratio:
    """A ratio and what its interval is made of.

    Attributes:
        value: the ratio.
        centre: the same with pseudo-items.
        variance: by leaving out clusters.
        unseen: that pseudo-items add.
        degrees: of freedom.
        items: counted.
        clusters: they are in.
        blank: share of the population in strata of which nothing was drawn.
    """

    value: float
    centre: float
    variance: float
    unseen: float
    degrees: float
    items: int
    clusters: int
    blank: float

    @classmethod
    def of(
        cls, over: npt.ArrayLike, under: npt.ArrayLike, sample: StratifiedSample, step: float
    ) -> "_Ratio | str":
        above, below = as_numbers("numerators", over), as_numbers("denominators", under)
        drawn, share, blank = _drawn(sample, len(above), len(below))
        counted = below > 0
        clusters = len(np.unique(sample.clusters[counted]))
        if clusters < _FEWEST:
            return "no pairs" if clusters == 0 else "a single cluster says nothing about others"
        mean_above, mean_below = (_means(values, sample.strata, drawn) for values in (above, below))
        mean_under = float(share @ mean_below)
        value = float(share @ mean_above) / mean_under
        residuals = (above - value * below) / mean_under
        moved, variances, groups = _left_out(residuals, sample, drawn, share)
        variance = float(moved @ moved)
        effect = _design_effect(variance, residuals, sample, drawn, share)
        leverage = np.divide(share**2, drawn, out=np.zeros(len(share)), where=drawn > 0)
        pseudo = effect * leverage / leverage.sum()  # pairs of pseudo-items in each stratum
        shrunk = np.divide(drawn, drawn + 2 * pseudo * mean_below, out=np.zeros(len(share)), where=drawn > 0)
        spread = np.divide(share * step, drawn + 2 * pseudo, out=np.zeros(len(share)), where=drawn > 0)
        against = float((variances**2 / np.maximum(groups - 1, 1)).sum())
        return cls(
            value=value,
            centre=float(share @ (mean_above * shrunk)) / mean_under,
            variance=variance,
            unseen=float((2 * pseudo * effect * (spread / mean_under) ** 2).sum()),
            degrees=max(1.0, float(variances.sum()) ** 2 / against) if against > 0 else clusters - 1.0,
            items=int(counted.sum()),
            clusters=clusters,
            blank=blank,
        )


def _drawn(sample: StratifiedSample, n: int, m: int) -> tuple[Floats, Floats, float]:
    """(K,) items drawn, (K,) share of the population in strata drawn from, and the share in the others."""
    if not n == m == len(sample.strata) == len(sample.clusters):
        raise UsageError("numerators, denominators, strata and clusters must be of one length")
    sizes = np.asarray(sample.sizes, np.float64)
    drawn = np.bincount(sample.strata, minlength=len(sizes)).astype(np.float64)
    if len(drawn) > len(sizes) or (sizes[drawn > 0] <= 0).any():
        raise UsageError("an item is of a stratum without a size")
    seen = np.where(drawn > 0, sizes, 0.0)
    return drawn, seen / max(1.0, float(seen.sum())), 1 - float(seen.sum()) / max(1.0, float(sizes.sum()))


def _means(values: Floats, strata: Codes, drawn: Floats) -> Floats:
    """(K,) mean of each stratum, 0 where nothing was drawn."""
    sums = np.bincount(strata, values, len(drawn))
    return np.divide(sums, drawn, out=np.zeros(len(drawn)), where=drawn > 0).astype(np.float64)


def _left_out(
    residuals: Floats, sample: StratifiedSample, drawn: Floats, share: Floats
) -> tuple[Floats, Floats, Floats]:
    """(clusters,) what leaving each out moves; (K,) variance and clusters of each stratum alone."""
    cells, inverse, counts = np.unique(
        np.stack([sample.clusters, sample.strata]), axis=1, return_inverse=True, return_counts=True
    )
    inverse = inverse.reshape(-1)
    cluster, stratum = cells
    groups = np.bincount(stratum, minlength=len(drawn)).astype(np.float64)
    alone = groups[stratum] < _FEWEST
    centres = _means(residuals, sample.strata, drawn)
    sums = np.bincount(inverse, residuals, len(counts))
    rest = np.where(alone, drawn[stratum], drawn[stratum] - counts)
    moved = share[stratum] * (sums - np.where(alone, 0.0, counts * centres[stratum])) / np.maximum(rest, 1)
    total = np.bincount(cluster, moved)
    return (
        total.astype(np.float64),
        np.bincount(stratum, moved**2, len(drawn)).astype(np.float64),
        groups,
    )


def _design_effect(
    variance: float, residuals: Floats, sample: StratifiedSample, drawn: Floats, share: Floats
) -> float:
    """Variance over that of independent items, from 1 to the mean size of a cluster."""
    size = len(residuals) / max(1, len(np.unique(sample.clusters)))
    alone = StratifiedSample(sample.strata, sample.sizes, np.arange(len(residuals)))
    moved, _, _ = _left_out(residuals, alone, drawn, share)
    independent = float(moved @ moved)
    return min(size, max(1.0, variance / independent)) if independent > 0 else size
