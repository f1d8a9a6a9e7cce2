"""All stages drawn again at once: what cannot be read off one step's interval rests on these replicates.

Whole clusters of items are drawn with replacement, the same ones for every stage, so that what is hard for
one stage is hard for the next. Each stage adds half an item that scores 0 and half an item that scores 1,
with weights of their own: a step in which no item changed is then not certain to have cost nothing.

Source: Efron & Tibshirani (1993), An Introduction to the Bootstrap, chapter 8; the halves of an item are
Jeffreys' prior for a share (Brown, Cai & DasGupta 2001, Statistical Science 16:101), over clusters ours.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from aligntax.records import Estimate, Unit, unknown
from aligntax.stats.cluster_totals import MOST_ROWS, cluster_totals
from aligntax.stats.predictions import Floats
from aligntax.tax.pairs.differences import Clusters

__all__ = ["REPLICATES", "Column", "Drawn", "draw_means", "percentiles"]

REPLICATES = 4000
"""Replicates; a share of them of .975 is known to a quarter of a point."""

METHOD = "paired bootstrap over all stages, percentiles"


@dataclass(frozen=True, slots=True)
class Column:
    """A mean to draw: a stage over a set of items.

    Attributes:
        stage: number of the stage.
        items: (items,) those it is taken over.
    """

    stage: int
    items: npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Drawn:
    """Means, and what they might as well have been.

    Attributes:
        measured: (columns,) the means.
        replicates: (replicates, columns) the same of items drawn again.
        n: items in any column.
        clusters: independent groups of them; None where items are independent.
    """

    measured: Floats
    replicates: Floats
    n: int
    clusters: int | None


def draw_means(
    scores: Floats,
    columns: Sequence[Column],
    clusters: Clusters,
    *,
    seed: int,
    replicates: int = REPLICATES,
) -> Drawn:
    """Draws the mean of every column, all in the same replicates.

    Args:
        scores: (stages, items), anything where a column does not take them.
        columns: what to average.
        clusters: (items,) see `Clusters`.
        seed: of the draws.
        replicates: how many.
    """
    generator = np.random.default_rng(seed)
    taken = np.stack([column.items for column in columns])
    values = np.where(taken, np.stack([scores[column.stage] for column in columns]), 0.0)
    used = taken.any(axis=0)
    groups = None if clusters is None else clusters[used]
    sums, alike = _rows(np.concatenate([values, taken])[:, used], groups, generator)
    half = len(columns)
    measured = (alike @ sums)[:half] / (alike @ sums)[half:]
    weights = generator.multinomial(int(alike.sum()), alike / alike.sum(), size=replicates)
    drawn = weights @ sums
    over, under = drawn[:, :half], drawn[:, half:]
    if values.min(initial=0.0) >= 0 and values.max(initial=0.0) <= 1:
        ones, zeros = _halves(values, taken, columns, clusters, replicates, generator)
        over, under = over + ones, under + ones + zeros
    with np.errstate(divide="ignore", invalid="ignore"):
        means = over / under
    count = None if clusters is None else int(alike.sum())
    return Drawn(measured, means, int(used.sum()), count)


def percentiles(measured: float, drawn: Floats, *, unit: Unit, level: float, n: int, reason: str) -> Estimate:
    """A figure with the percentile interval of its replicates.

    Args:
        measured: the figure.
        drawn: (replicates,) of it; one in which it does not exist counts at both ends.
        unit: of the figure.
        level: two-sided coverage, in (0, 1).
        n: items behind it.
        reason: what to say where the figure itself is nan.
    """
    if math.isnan(measured):
        return unknown(reason, unit=unit, level=level, n=n)
    tail = (1 - level) / 2
    low = float(np.quantile(np.where(np.isnan(drawn), -np.inf, drawn), tail, method="lower"))
    high = float(np.quantile(np.where(np.isnan(drawn), np.inf, drawn), 1 - tail, method="higher"))
    return Estimate(
        value=measured,
        low=min(measured, low) if math.isfinite(low) else math.nan,
        high=max(measured, high) if math.isfinite(high) else math.nan,
        level=level,
        n=n,
        unit=unit,
        method=METHOD,
    )


def _rows(values: Floats, clusters: Clusters, generator: np.random.Generator) -> tuple[Floats, Floats]:
    """(rows, columns) sums of the clusters, equal ones in one row, and how many clusters a row stands for.

    Clusters that are too many and too different are dealt to groups, which then count as clusters.
    """
    sums = np.stack([cluster_totals(row, row, clusters).over for row in values], axis=1)
    rows, alike = np.unique(sums, axis=0, return_counts=True)
    if len(rows) <= MOST_ROWS:
        return rows, alike.astype(np.float64)
    dealt = generator.permutation(len(sums)) % MOST_ROWS
    grouped = np.stack([_added(dealt, column) for column in sums.T], axis=1)
    return grouped, np.ones(MOST_ROWS)


def _added(dealt: npt.NDArray[np.int64], values: Floats) -> Floats:
    return np.bincount(dealt, weights=values).astype(np.float64)


def _halves(
    values: Floats,
    taken: npt.NDArray[np.bool_],
    columns: Sequence[Column],
    clusters: Clusters,
    replicates: int,
    generator: np.random.Generator,
) -> tuple[Floats, Floats]:
    """(replicates, columns) weights of half an item that is 1 and of half one that is 0, alike in a stage.

    As many items as the design effect of the stage: a cluster whose items say the same counts as one.
    """
    stages = sorted({column.stage for column in columns})
    sizes = {}
    for stage in stages:
        at = next(at for at, column in enumerate(columns) if column.stage == stage)
        own = taken[at]
        groups = None if clusters is None else clusters[own]
        totals = cluster_totals(values[at][own], np.ones(int(own.sum())), groups)
        sizes[stage] = 1.0 if groups is None else totals.design_effect
    weights = generator.standard_gamma(0.5, (2, replicates, len(stages)))
    each = np.array([stages.index(column.stage) for column in columns])
    scale = np.array([sizes[column.stage] for column in columns])
    return weights[0][:, each] * scale, weights[1][:, each] * scale
