"""How far two columns go together in rank: Spearman's correlation.

In a module that is imported when asked for, since it takes scipy.
"""

import itertools
import math
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
from scipy.special import ndtr, ndtri
from scipy.stats import rankdata

from aligntax.errors import UsageError
from aligntax.records import Estimate, unknown
from aligntax.stats.cluster_totals import as_numbers
from aligntax.stats.predictions import Floats, checked_level
from aligntax.stats.student import normal_quantile

__all__ = ["bonett_wright_bounds", "spearman", "spearman_p_value"]

_EXACT = 8  # rows up to which all orders are gone through, 40,320 of them
_CHUNK = 500_000  # weights or orders in memory at a time: 4 MB


def spearman(
    x: npt.ArrayLike, y: npt.ArrayLike, *, level: float = 0.95, replicates: int = 10_000, seed: int = 0
) -> Estimate:
    """The correlation of the ranks of two columns, with a bootstrap over rows (BCa).

    Rows that are equal share the average rank, anew in each replicate. Where both orders are the same (or
    the reverse) a bootstrap sees nothing else: the interval is then Bonett and Wright's for two neighbours
    swapped, up to (or from) the value.

    Args:
        x: (n,) finite.
        y: (n,) finite, of the same rows.
        level: two-sided coverage, in (0, 1).
        replicates: samples of rows, at least 2 / (1 - level).
        seed: of the samples.

    Returns:
        Estimate in [-1, 1], unit "correlation"; nan with fewer than four rows, and where a column has the
        same value in every row.

    Raises:
        UsageError: values that are not finite, columns of different lengths, too few replicates.

    Source: Spearman (1904), American Journal of Psychology 15:72; Efron (1987), JASA 82:171 (BCa);
    coverage in benchmarks/statistics.
    """
    first, second = _columns(x, y)
    level, n = checked_level(level), len(first)
    if replicates < 2 / (1 - level):
        raise UsageError(f"{replicates:,} replicates are too few for the level {level:g}")
    reason = _why_not(first, second)
    if reason:
        return unknown(reason, unit="correlation", level=level, n=n)
    value = float(np.clip(_correlations(first, second, np.ones((1, n)))[0], -1, 1))
    if 1 - abs(value) < 1e-12:
        (low, high), method = _complete(value, n, level), "ranks agree completely, Bonett-Wright"
    else:
        (low, high), method = _bca(value, first, second, level, replicates, seed), "bootstrap, BCa"
    return Estimate(
        value=value,
        low=min(value, low),
        high=max(value, high),
        level=level,
        n=n,
        unit="correlation",
        method=method,
    )


def spearman_p_value(x: npt.ArrayLike, y: npt.ArrayLike, *, replicates: int = 10_000, seed: int = 0) -> float:
    """Two-sided p-value of no association: one column in random order.

    Args:
        x: (n,) finite.
        y: (n,) finite, of the same rows.
        replicates: orders where going through all is too much, >= 1.
        seed: of the orders.

    Returns:
        In (0, 1]: exact with at most eight rows, otherwise at least 1 / (replicates + 1); nan where
        `spearman` is unknown.

    Raises:
        UsageError: values that are not finite, columns of different lengths, no replicates.

    Source: Pitman (1937), JRSS supplement 4:225; Phipson & Smyth (2010), Statistical Applications in
    Genetics and Molecular Biology 9:39 (p-values that are never 0).
    """
    first, second = _columns(x, y)
    if replicates < 1:
        raise UsageError("a p-value by random orders needs at least one replicate")
    if _why_not(first, second):
        return math.nan
    a, b = rankdata(first) - (len(first) + 1) / 2, rankdata(second) - (len(first) + 1) / 2
    observed = abs(float(a @ b)) - 1e-9 * float(a @ a)  # ties count, rounding or not
    if len(a) <= _EXACT:
        orders = np.array(list(itertools.permutations(b)))
        return float(np.mean(np.abs(orders @ a) >= observed))
    generator, extreme = np.random.default_rng(seed), 0
    for count in _chunks(replicates, len(a)):
        orders = generator.permuted(np.tile(b, (count, 1)), axis=1)
        extreme += int((np.abs(orders @ a) >= observed).sum())
    return (1 + extreme) / (1 + replicates)


def bonett_wright_bounds(value: float, n: int, level: float) -> tuple[float, float]:
    """Ends of the interval for a rank correlation on Fisher's scale; it claims certainty at -1 and 1.

    Args:
        value: in [-1, 1].
        n: rows, > 3.
        level: two-sided coverage, in (0, 1).

    Source: Bonett & Wright (2000), Psychometrika 65:23.
    """
    if abs(value) >= 1:
        return value, value
    half = normal_quantile(level) * math.sqrt((1 + value**2 / 2) / (n - 3))
    return math.tanh(math.atanh(value) - half), math.tanh(math.atanh(value) + half)


def _complete(value: float, n: int, level: float) -> tuple[float, float]:
    """As if two neighbours had swapped ranks, which takes 12 / (n (n^2 - 1)) off."""
    swapped = 1 - 12 / (n * (n * n - 1))
    low, _ = bonett_wright_bounds(swapped, n, level)
    return (low, 1.0) if value > 0 else (-1.0, -low)


def _bca(
    value: float, first: Floats, second: Floats, level: float, replicates: int, seed: int
) -> tuple[float, float]:
    """Percentiles of the bootstrap, moved by its bias and by how its spread changes with the value."""
    n, generator = len(first), np.random.default_rng(seed)
    drawn = np.concatenate(
        [
            _correlations(
                first, second, generator.multinomial(n, np.full(n, 1 / n), size=count).astype(float)
            )
            for count in _chunks(replicates, n)
        ]
    )
    drawn = drawn[np.isfinite(drawn)]  # a sample that is constant has no correlation
    below = np.mean(drawn < value - 1e-12) + np.mean(np.abs(drawn - value) <= 1e-12) / 2
    bias = float(ndtri(np.clip(below, 1 / len(drawn), 1 - 1 / len(drawn))))
    z = normal_quantile(level)
    moved = np.array([bias - z, bias + z])
    stretched = bias + moved / np.maximum(1e-3, 1 - _acceleration(first, second) * moved)
    low, high = np.quantile(drawn, ndtr(stretched))
    return float(low), float(high)


def _acceleration(first: Floats, second: Floats) -> float:
    """A sixth of the skewness of what leaving out each row does (Efron 1987, eq. (6.6))."""
    n = len(first)
    left, rows = np.empty(0), np.arange(n)
    for count in _chunks(n, n):
        at = rows[len(left) : len(left) + count]
        left = np.append(left, _correlations(first, second, (at[:, None] != rows).astype(float)))
    left = left[np.isfinite(left)]
    away = left.mean() - left if len(left) else left
    spread = float(away @ away)
    return float((away**3).sum()) / (6 * spread**1.5) if spread > 1e-18 else 0.0


def _correlations(first: Floats, second: Floats, weights: Floats) -> Floats:
    """(samples,) rank correlation of samples in which each row occurs `weights` (samples, rows) times."""
    middle = (weights.sum(1, keepdims=True) + 1) / 2
    a, b = _ranks(first, weights) - middle, _ranks(second, weights) - middle
    spread = np.einsum("ij,ij,ij->i", weights, a, a) * np.einsum("ij,ij,ij->i", weights, b, b)
    found: Floats = np.einsum("ij,ij,ij->i", weights, a, b) / np.sqrt(np.where(spread > 1e-9, spread, np.nan))
    return found


def _ranks(values: Floats, weights: Floats) -> Floats:
    """(samples, rows) average rank of each row among those that were drawn."""
    distinct, inverse = np.unique(values, return_inverse=True)
    starts = np.searchsorted(np.sort(inverse), np.arange(len(distinct)))
    many = np.add.reduceat(weights[:, np.argsort(inverse, kind="stable")], starts, axis=1)
    ranks: Floats = (np.cumsum(many, axis=1) - (many - 1) / 2)[:, inverse]
    return ranks


def _chunks(count: int, width: int) -> Iterator[int]:
    """How many rows of the given width to take at a time, `count` in all."""
    chunk = max(1, _CHUNK // width)
    return (min(chunk, count - start) for start in range(0, count, chunk))


def _columns(x: npt.ArrayLike, y: npt.ArrayLike) -> tuple[Floats, Floats]:
    first, second = as_numbers("the first column", x), as_numbers("the second column", y)
    if len(first) != len(second):
        raise UsageError(f"{len(first):,} values in the first column, {len(second):,} in the second")
    return first, second


def _why_not(first: Floats, second: Floats) -> str:
    if len(first) < 4:
        return f"{len(first)} rows are too few for a correlation with an interval"
    if np.ptp(first) == 0 or np.ptp(second) == 0:
        return "one of the columns has the same value in every row"
    return ""
