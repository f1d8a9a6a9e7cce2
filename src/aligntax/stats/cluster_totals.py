"""Items added up by cluster: what the bootstrap over clusters needs to know of them.

A mean of paired differences and a normalised tax are both a ratio: the sum of something over the sum of
something else, both added up by cluster.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from aligntax.errors import UsageError
from aligntax.stats.predictions import Floats

__all__ = ["MOST_ROWS", "ClusterTotals", "as_numbers", "cluster_totals"]

MOST_ROWS = 1024
"""Rows that resampling works on; a replicate costs as much as there are rows."""

_CHUNK = 1_000_000  # weights in memory at a time: 8 MB


@dataclass(frozen=True, slots=True)
class ClusterTotals:
    """Two sums for every cluster, whose ratio over all clusters is what is estimated.

    Attributes:
        over: (rows,) sum of the numerator over the items of a cluster.
        under: (rows,) sum of the denominator.
        alike: (rows,) clusters that each row stands for, whole, >= 1.
        squares: sum over items of (numerator - ratio * denominator)^2: the spread, were items independent.
        items: how many are behind all of it.
    """

    over: Floats
    under: Floats
    alike: Floats
    squares: float
    items: int

    @property
    def clusters(self) -> int:
        """How many there are."""
        return int(self.alike.sum())

    @property
    def ratio(self) -> float:
        """Sum of the numerator by sum of the denominator; nan where the latter is 0."""
        below = float(self.alike @ self.under)
        return float(self.alike @ self.over) / below if below else math.nan

    @property
    def varies(self) -> bool:
        """Whether clusters differ by more than rounding does."""
        expected = self.ratio * self.under
        largest = max(np.abs(self.over).max(), np.abs(expected).max())
        return bool(np.abs(self.over - expected).max() > 1e-12 * largest)

    @property
    def variance(self) -> float:
        """Of the ratio, by leaving out one cluster at a time.

        Source: Bell & McCaffrey (2002), Survey Methodology 28:169 (CR3, without its factor (G - 1) / G).
        """
        _, variance = self.ratios(self.alike[None, :])
        return float(variance[0])

    def ratios(self, weights: Floats) -> tuple[Floats, Floats]:
        """The ratio and its variance in samples that hold each row a given number of times.

        Args:
            weights: (samples, rows) how often each row is in each sample.

        Returns:
            (samples,) ratios and (samples,) variances; not finite where the denominator is 0.
        """
        below = weights @ self.under
        with np.errstate(divide="ignore", invalid="ignore"):
            ratio: Floats = weights @ self.over / below
            moved = self.over - ratio[:, None] * self.under
            moved /= below[:, None] - self.under
            variance: Floats = np.einsum("ij,ij,ij->i", weights, moved, moved)
        return ratio, variance

    @property
    def design_effect(self) -> float:
        """Variance over that of independent items, from 1 to the mean size of a cluster.

        Where clusters do not vary nothing tells, and a whole cluster is taken for one item.
        """
        size = self.items / self.clusters
        if not self.varies or self.squares <= 0:
            return size
        below = float(self.alike @ self.under)
        return min(size, max(1.0, self.variance * below**2 / self.squares))

    def smoothed(self, step: float) -> "ClusterTotals":
        """With two clusters more, one whose items differ by `step`, one by -`step`.

        As many items as the design effect, so that a cluster whose items say the same counts as one.

        Source: Bonett & Price (2012), Journal of Educational and Behavioral Statistics 37:479, for
        independent pairs; the size in clusters is ours.
        """
        size = self.design_effect
        mean = float(self.alike @ self.under) / self.items
        return replace(
            self,
            over=np.append(self.over, (size * step, -size * step)),
            under=np.append(self.under, (size * mean, size * mean)),
            alike=np.append(self.alike, (1.0, 1.0)),
        )

    def condensed(self, generator: np.random.Generator) -> "ClusterTotals":
        """At most `MOST_ROWS` rows: clusters that are equal in one, or else dealt to groups at random.

        Groups of clusters are independent because the clusters are; a group then counts as a cluster.
        """
        rows, inverse = np.unique(self.over + 1j * self.under, return_inverse=True)  # pairs, in one number
        if len(rows) <= MOST_ROWS:
            alike = _added(inverse, self.alike)
            return replace(self, over=rows.real, under=rows.imag, alike=alike)
        row = np.repeat(np.arange(len(self.alike)), self.alike.astype(np.int64))
        dealt = generator.permutation(len(row)) % MOST_ROWS
        over, under = _added(dealt, self.over[row]), _added(dealt, self.under[row])
        return replace(self, over=over, under=under, alike=np.ones(MOST_ROWS))

    def replicates(self, count: int, generator: np.random.Generator) -> Iterator[Floats]:
        """(chunk, rows) how often each row was drawn, in `count` samples of clusters with replacement."""
        chunk, shares = max(1, _CHUNK // len(self.alike)), self.alike / self.alike.sum()
        for start in range(0, count, chunk):
            drawn = generator.multinomial(self.clusters, shares, size=min(chunk, count - start))
            yield drawn.astype(np.float64)


def cluster_totals(over: Floats, under: Floats, clusters: npt.ArrayLike | None) -> ClusterTotals:
    """Sums of two quantities by cluster.

    Args:
        over: (n,) numerator of each item.
        under: (n,) its denominator.
        clusters: (n,) cluster of each item, of any hashable type; an item with None stands alone, and
            without a list every item does.

    Raises:
        UsageError: lists of different lengths.
    """
    n = len(over)
    codes = np.arange(n) if clusters is None else _codes(clusters)
    if len(codes) != n:
        raise UsageError(f"{n:,} items but {len(codes):,} clusters", hint="give a cluster for each item")
    below = float(under.sum())
    residuals = over - float(over.sum()) / below * under if below else over
    return ClusterTotals(
        over=_added(codes, over),
        under=_added(codes, under),
        alike=np.ones(int(codes.max(initial=-1)) + 1),
        squares=float(residuals @ residuals),
        items=n,
    )


def as_numbers(name: str, values: npt.ArrayLike) -> Floats:
    """`values` as a one-dimensional array of finite numbers.

    Raises:
        UsageError: they are anything else; names the first one that is wrong.
    """
    array: npt.NDArray[Any] = np.asarray(values)
    if array.ndim != 1:
        raise UsageError(f"{name} must be one-dimensional, not of shape {array.shape}")
    try:
        array = array.astype(np.float64)
    except (TypeError, ValueError) as error:
        raise UsageError(f"{name} must be numbers: {error}") from None
    wrong = ~np.isfinite(array)
    if wrong.any():
        at = int(np.argmax(wrong))
        raise UsageError(
            f"{name} must be finite, but the one at index {at} is {array[at]:g}",
            hint="leave out what has no value",
        )
    return array


def _codes(clusters: npt.ArrayLike) -> npt.NDArray[np.int64]:
    """(n,) whole numbers from 0, equal where the clusters are; None is a new one each time."""
    names = clusters if isinstance(clusters, list | tuple) else np.asarray(clusters).tolist()
    seen: dict[Any, int] = {}
    keys = (at if name is None else (name,) for at, name in enumerate(names))
    try:
        return np.array([seen.setdefault(key, len(seen)) for key in keys], dtype=np.int64)
    except TypeError as error:
        raise UsageError(f"clusters must be names or numbers: {error}", hint="one for each item") from None


def _added(codes: npt.NDArray[np.int64], values: Floats) -> Floats:
    """Sums of the values with the same code."""
    return np.bincount(codes, weights=values).astype(np.float64)
