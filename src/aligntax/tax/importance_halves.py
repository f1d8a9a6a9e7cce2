"""Halves of two data sets' texts, the importance of weights by each, and how far they agree.

The arithmetic under `aligntax.tax.importance`, which says what the figures mean.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

__all__ = ["FIGURES", "Floats", "Half", "Importance", "Pool", "figures", "halves", "jackknife", "variance"]

Floats = npt.NDArray[np.float64]
FIGURES = ("overlap", "ceiling", "gap", "above", "ceiling_above", "shared")
"""What is made of four halves: the overlap, the ceiling, the ceiling less the overlap, either less its
chance, and the former over the latter."""
_FOLDS = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Importance:
    """Squared gradients of one parameter on both data sets.

    Attributes:
        name: of the parameter, as in the checkpoint.
        size: weights it has.
        capability: (groups, coordinates) sums over the texts of each group, >= 0, at some or all of the
            weights, the same for both data sets.
        safety: (groups, coordinates), likewise.
        capability_trace: (groups,) sums over all weights.
        safety_trace: (groups,) likewise.
    """

    name: str
    size: int
    capability: npt.NDArray[np.floating]
    safety: npt.NDArray[np.floating]
    capability_trace: Floats
    safety_trace: Floats


class Pool:
    """The coordinates of several parameters in one row, and how many weights each stands for."""

    def __init__(self, parameters: Sequence[Importance]) -> None:
        counts = np.array([p.capability.shape[1] for p in parameters])
        self.starts = np.concatenate([[0], np.cumsum(counts)[:-1]])
        self.counts = counts
        self.weight = np.repeat([p.size / c for p, c in zip(parameters, counts, strict=True)], counts)
        self.size = sum(p.size for p in parameters)
        self.capability = np.concatenate([p.capability for p in parameters], axis=1, dtype=np.float64)
        self.safety = np.concatenate([p.safety for p in parameters], axis=1, dtype=np.float64)

    def only(self, keep: npt.NDArray[np.bool_]) -> "Pool":
        """The same without some coordinates; the ones left stand for more weights each."""
        pool = object.__new__(Pool)
        left = np.add.reduceat(keep, self.starts, dtype=np.int64)
        there = left > 0
        pool.counts, pool.size = left[there], self.size
        pool.starts = np.concatenate([[0], np.cumsum(pool.counts)[:-1]])
        pool.weight = (self.weight * np.repeat(self.counts / np.maximum(left, 1), self.counts))[keep]
        pool.capability, pool.safety = self.capability[:, keep], self.safety[:, keep]
        return pool


class Half:
    """Importance estimated from one half of the texts, as a unit vector and as a set of top weights."""

    def __init__(self, sums: Floats, pool: Pool, top: float) -> None:
        weighted = sums * pool.weight
        trace = float(weighted.sum())
        self.root = np.sqrt(weighted / trace) if trace > 0 else np.full(len(sums), np.nan)
        self.pool = pool
        order = np.argsort(-sums, kind="stable")
        reached = np.cumsum(pool.weight[order])
        chosen = order[: max(1, int(np.searchsorted(reached, top * pool.size * (1 + 1e-9), side="right")))]
        self.top = np.zeros(len(sums), bool)
        self.top[chosen] = True
        self.top &= sums > 0  # weights that matter nowhere are not among the most important

    @cached_property
    def by_matrix(self) -> tuple[Floats, Floats]:
        """Sum and sum of squared deviations of the roots in each matrix."""
        total = np.add.reduceat(self.root, self.pool.starts)
        squares = np.add.reduceat(self.root * self.root, self.pool.starts)
        return total, np.maximum(squares - total * total / self.pool.counts, 0)

    @cached_property
    def chosen(self) -> Floats:
        """How many top coordinates each matrix has."""
        return np.add.reduceat(self.top, self.pool.starts, dtype=np.float64)

    @cached_property
    def size(self) -> float:
        """Weights that the top stands for."""
        return float(self.pool.weight[self.top].sum())


def _pair(first: Half, second: Half) -> Floats:
    """(2, 3): overlap and share of top in common, each with its mean and variance under permutation."""
    counts, weight = first.pool.counts, first.pool.weight
    (a, a_spread), (b, b_spread) = first.by_matrix, second.by_matrix
    fewer = np.maximum(counts - 1, 1)
    overlap = (first.root @ second.root, (a * b / counts).sum(), (a_spread * b_spread / fewer).sum())
    size = (first.size + second.size) / 2
    if size == 0:
        return np.array([overlap, (np.nan, np.nan, np.nan)])
    each = weight[first.pool.starts]
    k, m = first.chosen, second.chosen
    variance = k * m / counts * (1 - k / counts) * (counts - m) / fewer
    top = (
        weight[first.top & second.top].sum() / size,
        (each * k * m / counts).sum() / size,
        (each**2 * variance).sum() / size**2,
    )
    return np.array([overlap, top])


def figures(capability: Sequence[Half], safety: Sequence[Half]) -> tuple[Floats, Floats]:
    """(2, len(FIGURES)) figures of either measure, and (2, 2) mean and variance of chance."""
    across = np.mean([_pair(a, b) for a in capability for b in safety], axis=0)
    within = np.sqrt(_pair(*capability) * _pair(*safety))
    value, chance, ceiling, ceiling_chance = across[:, 0], across[:, 1], within[:, 0], within[:, 1]
    above, ceiling_above = value - chance, ceiling - ceiling_chance
    with np.errstate(divide="ignore", invalid="ignore"):
        shared = np.where(ceiling_above > 0, above / ceiling_above, np.nan)
    return np.stack([value, ceiling, ceiling - value, above, ceiling_above, shared], axis=1), across[:, 1:]


def halves(sums: Floats, pool: Pool, top: float) -> list[Half]:
    """The even groups and the odd ones, from (groups, coordinates) sums."""
    return [Half(sums[start::2].sum(0), pool, top) for start in (0, 1)]


def _replicates(pool: Pool, top: float, halves: Sequence[list[Half]]) -> Iterator[list[Floats]]:
    """Figures without one group, for each group of capability, then of safety."""
    for side, sums in enumerate((pool.capability, pool.safety)):
        found = []
        for group in range(len(sums)):
            others = [other for other in range(group % 2, len(sums), 2) if other != group]
            changed = [list(half) for half in halves]
            changed[side][group % 2] = Half(sums[others].sum(0), pool, top)
            found.append(figures(*changed)[0])
        yield found


def _folds(pool: Pool, top: float) -> Iterator[Floats]:
    """Figures without each eighth of the coordinates."""
    fold = np.arange(len(pool.weight)) % _FOLDS
    for left_out in range(_FOLDS):
        fewer = pool.only(fold != left_out)
        yield figures(*(halves(sums, fewer, top) for sums in (fewer.capability, fewer.safety)))[0]


def jackknife(replicates: Sequence[Floats]) -> Floats:
    """Variance from figures without one of n groups: (n - 1) / n times their squared deviations."""
    found = np.stack(replicates)
    deviations: Floats = found - found.mean(axis=0)
    total: Floats = (deviations**2).sum(axis=0)
    return total * ((len(found) - 1) / len(found))


def variance(pool: Pool, top: float) -> Floats:
    """(2, len(FIGURES)) variance of the figures over texts and, where some were left out, coordinates."""
    whole = [halves(sums, pool, top) for sums in (pool.capability, pool.safety)]
    of_texts = [jackknife(found) for found in _replicates(pool, top, whole)]
    total: Floats = of_texts[0] + of_texts[1]
    left_out = 1 - len(pool.weight) / pool.size
    if left_out > 0 and len(pool.weight) >= 2 * _FOLDS:
        total += left_out * jackknife(list(_folds(pool, top)))
    return total
