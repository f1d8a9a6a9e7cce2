"""How well one classification agrees with another taken for the truth, from their cross-table.

Rows of a table are true classes, columns found classes in the same order; columns beyond the true classes
hold what was left open, which agrees with nothing. Where observations come in clusters the table is kept a
cluster at a time, so that every interval knows of them.

Rates have Wilson's interval, at the effective sample size where there are clusters. Kappa and the paired
difference of two shares have the intervals of `agreement` and `comparison` where observations are
independent. F1, and the others where there are clusters, have a Bayesian bootstrap over clusters (Rubin
1981, Annals of Statistics 9:130), smoothed: two pseudo-observations are spread evenly over the cells of the
table, because a plain bootstrap of a table with few errors, or none, covers the truth as rarely as one time
in five. It is widened by the quantile of t over that of z.

In a module that is imported when asked for, since `comparison` takes scipy.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from aligntax.records import Estimate, Unit, unknown
from aligntax.stats.agreement import cohens_kappa
from aligntax.stats.clusters import clustered_rate
from aligntax.stats.comparison import paired_difference
from aligntax.stats.intervals import wilson
from aligntax.stats.student import normal_quantile, student_quantile

__all__ = ["Confusion", "cross_tabulate"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]

_DRAWS = 2000
_PSEUDO = 2.0
"""Pseudo-observations in all."""
_SEED = 20_240_517
_SINGLE = "a single cluster says nothing about others"


@dataclass(frozen=True)
class Confusion:
    """A cross-table of true and found classes, cluster by cluster.

    Attributes:
        patterns: (patterns, true, found) distinct tables of one cluster, found >= true.
        times: (patterns,) clusters with that table, >= 1.
        clustered: whether a cluster may hold more than one observation; otherwise each is its own.
    """

    patterns: Ints
    times: Ints
    clustered: bool

    @cached_property
    def cells(self) -> Ints:
        """(true, found) observations in each cell."""
        total: Ints = np.tensordot(self.times, self.patterns, 1)
        return total

    @property
    def n(self) -> int:
        """Observations."""
        return int(self.cells.sum())

    @property
    def classes(self) -> int:
        """True classes; found classes from this index on were left open."""
        return int(self.patterns.shape[1])

    def closed(self) -> "Confusion":
        """The table of the observations that were not left open."""
        patterns = self.patterns[:, :, : self.classes]
        some = patterns.any(axis=(1, 2))
        return Confusion(patterns[some], self.times[some], self.clustered)

    def merged(self, groups: Sequence[Sequence[int]]) -> "Confusion":
        """The table with true classes merged, and found classes likewise; what was left open stays open.

        Args:
            groups: the old classes in each new one.
        """
        still_open = [[at] for at in range(self.classes, self.patterns.shape[2])]
        rows = np.stack([self.patterns[:, list(group)].sum(axis=1) for group in groups], axis=1)
        both = [rows[:, :, list(group)].sum(axis=2) for group in (*groups, *still_open)]
        return Confusion(np.stack(both, axis=2), self.times, self.clustered)

    def rate(self, events: Mask, among: Mask, *, level: float = 0.95) -> Estimate:
        """The share of some cells among others.

        Args:
            events: (true, found) the cells that count as an event, a subset of `among`.
            among: (true, found) the cells that count at all.
            level: two-sided coverage, in (0, 1).

        Returns:
            Estimate in [0, 1], unit "rate"; nan when no observation lies in `among`, or only one cluster's.
        """
        hits, trials = self.cells[events].sum(), self.cells[among].sum()
        if not self.clustered:
            return wilson(int(hits), int(trials), level=level)
        each = np.repeat(np.arange(len(self.times)), self.times)
        tables = self.patterns.astype(np.float64)[each]
        return clustered_rate(tables[:, events].sum(axis=1), tables[:, among].sum(axis=1), level=level)

    def accuracy(self, *, level: float = 0.95) -> Estimate:
        """Share of observations found in their true class; one left open is not."""
        return self.rate(self._diagonal, np.ones(self.cells.shape, dtype=bool), level=level)

    def recall(self, truth: int, *, level: float = 0.95) -> Estimate:
        """Share of a true class that was found: sensitivity, or specificity of the other of two classes."""
        row = np.zeros(self.cells.shape, dtype=bool)
        row[truth] = True
        return self.rate(row & self._diagonal, row, level=level)

    def precision(self, found: int, *, level: float = 0.95) -> Estimate:
        """Share of what was found to be of a class that truly is."""
        column = np.zeros(self.cells.shape, dtype=bool)
        column[:, found] = True
        return self.rate(column & self._diagonal, column, level=level)

    def kappa(self, *, level: float = 0.95) -> Estimate:
        """Cohen's kappa: agreement beyond chance over the most there could be.

        What was left open is a class of its own, which agrees with nothing.

        Args:
            level: two-sided coverage, in (0, 1).

        Returns:
            Estimate in [-1, 1], unit "agreement", 0 for chance; nan unless two true classes occur.

        Source: Cohen (1960), Educational and Psychological Measurement 20:37.
        """
        if self.n and self._present.sum() < 2:
            return unknown("the truth is of one class alone", unit="agreement", level=level, n=self.n)
        if not self.clustered:
            width = self.cells.shape[1]
            square = np.zeros((width, width), np.int64)
            square[: self.classes] = self.cells
            return cohens_kappa(square, level=level)
        return self._smoothed(_kappa, self._present, (-1.0, 1.0), "agreement", level)

    def macro_f1(self, *, level: float = 0.95) -> Estimate:
        """Mean F1 of the true classes that occur.

        A class without a true observation is left out, whatever was found, so that the same classes are
        averaged for every classification of the same observations.

        Args:
            level: two-sided coverage, in (0, 1).

        Returns:
            Estimate in [0, 1], unit "agreement".

        Source: Van Rijsbergen (1979), Information Retrieval, chapter 7 (F1); macro: the plain mean.
        """
        present = self._present
        return self._smoothed(lambda t: _macro_f1(t, present), present, (0.0, 1.0), "agreement", level)

    def excess(self, found: int, *, level: float = 0.95) -> Estimate:
        """Share found to be of a class among those not left open, less its true share among all.

        That is the bias of the found share as an estimate of the true one; both shares are of the same
        observations, so the interval is a paired one.

        Args:
            found: the class.
            level: two-sided coverage, in (0, 1).

        Returns:
            Estimate in [-1, 1], unit "difference"; above 0 the class is found too often.
        """
        if self.n and not self.closed().n:
            return unknown("every observation was left open", unit="difference", level=level, n=self.n)
        if not self.clustered and self.cells.shape == (self.classes, self.classes):
            agreed = self.cells[found, found]
            only_found, only_true = self.cells[:, found].sum() - agreed, self.cells[found].sum() - agreed
            return paired_difference(int(only_found), int(only_true), self.n, level=level)
        everywhere = np.ones(self.classes, dtype=bool)
        return self._smoothed(lambda t: _excess(t, found), everywhere, (-1.0, 1.0), "difference", level)

    @cached_property
    def _diagonal(self) -> Mask:
        return np.eye(*self.cells.shape, dtype=np.bool_)

    @cached_property
    def _present(self) -> Mask:
        """(true,) the classes that occur in truth."""
        return np.asarray(self.cells.sum(axis=1) > 0, np.bool_)

    @cached_property
    def _draws(self) -> Floats:
        """(draws, true, found) the table with every cluster weighted by an exponential variate."""
        weights = np.random.default_rng(_SEED).standard_gamma(self.times, (_DRAWS, len(self.times)))
        return np.tensordot(weights, self.patterns, 1)

    def _smoothed(
        self,
        statistic: Callable[[Floats], Floats],
        rows: Mask,
        bounds: tuple[float, float],
        unit: Unit,
        level: float,
    ) -> Estimate:
        """A statistic of the table with its smoothed interval, widened by t over z for few clusters."""
        groups = int(self.times.sum())
        if groups < 2:
            why = "no observations" if groups == 0 else _SINGLE if self.clustered else "a single observation"
            return unknown(why, unit=unit, level=level, n=self.n)
        tables = self._draws.copy()
        pseudo = np.random.default_rng(_SEED + 1)
        share = _PSEUDO / (rows.sum() * self.classes)
        tables[:, rows, : self.classes] += pseudo.standard_gamma(share, (_DRAWS, rows.sum(), self.classes))
        value = float(statistic(self.cells[None].astype(np.float64))[0])
        tail = (1 - level) / 2
        ends = np.quantile(statistic(tables), [tail, 1 - tail])
        factor = student_quantile(level, groups - 1) / normal_quantile(level)
        return Estimate(
            value=value,
            low=max(bounds[0], value - factor * max(0.0, value - float(ends[0]))),
            high=min(bounds[1], value + factor * max(0.0, float(ends[1]) - value)),
            level=level,
            n=self.n,
            clusters=groups if self.clustered else None,
            unit=unit,
            method="smoothed Bayesian bootstrap" + (" over clusters" if self.clustered else ""),
        )


def cross_tabulate(
    truth: Ints, found: Ints, *, classes: int, left_open: int = 0, clusters: Ints | None = None
) -> Confusion:
    """Counts true and found classes.

    Args:
        truth: (n,) code of the true class, in [0, classes).
        found: (n,) code of the found class, in [0, classes + left_open).
        classes: true classes.
        left_open: further codes that stand for "left open".
        clusters: (n,) code of each observation's cluster, >= 0; None where they are independent. Codes that
            are all different amount to None.

    Returns:
        The table; the order of the observations makes no difference.
    """
    cell, width = truth * (classes + left_open) + found, classes * (classes + left_open)
    shape = (-1, classes, classes + left_open)
    names, cluster = (None, None) if clusters is None else np.unique(clusters, return_inverse=True)
    if names is None or cluster is None or len(names) == len(truth):
        counts = np.bincount(cell, minlength=width).astype(np.int64)
        seen = np.flatnonzero(counts)
        return Confusion(np.eye(width, dtype=np.int64)[seen].reshape(shape), counts[seen], clustered=False)
    tables = np.zeros((len(names), width), np.int64)
    np.add.at(tables, (cluster, cell), 1)
    patterns, times = np.unique(tables, axis=0, return_counts=True)
    return Confusion(patterns.reshape(shape), times.astype(np.int64), clustered=True)


def _kappa(tables: Floats) -> Floats:
    """(draws,) kappa of (draws, true, found) tables."""
    classes, total = tables.shape[1], tables.sum(axis=(1, 2))
    agreed = np.trace(tables, axis1=1, axis2=2) / total
    columns = tables.sum(axis=1)[:, :classes]
    chance = (tables.sum(axis=2) * columns).sum(axis=1) / total**2
    result: Floats = (agreed - chance) / (1 - chance)
    return result


def _macro_f1(tables: Floats, present: Mask) -> Floats:
    """(draws,) mean F1 over the present classes of (draws, true, found) tables."""
    classes = tables.shape[1]
    right = np.diagonal(tables, axis1=1, axis2=2)
    both = tables.sum(axis=2) + tables.sum(axis=1)[:, :classes]
    result: Floats = (2 * right / np.maximum(both, math.ulp(0.0)))[:, present].mean(axis=1)
    return result


def _excess(tables: Floats, found: int) -> Floats:
    """(draws,) share found among those not left open, less the true share, of (draws, true, found) tables."""
    classes = tables.shape[1]
    closed = tables[:, :, :classes].sum(axis=(1, 2))
    shares = tables[:, :, found].sum(axis=1) / closed, tables[:, found].sum(axis=1) / tables.sum(axis=(1, 2))
    result: Floats = shares[0] - shares[1]
    return result
