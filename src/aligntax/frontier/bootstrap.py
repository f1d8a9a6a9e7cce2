"""Replicates of everything measured: items drawn again for all configurations at once, and training runs.

Items. A Bayesian bootstrap: every item of an axis gets a weight from the exponential distribution, the same
for every configuration, so that what is hard for one is hard for the others. Each configuration adds half an
item that is 0 and half an item that is 1, with weights of its own: for a rate this is Jeffreys' posterior,
which does not claim certainty where no event was seen, and neither does a difference where no item differs.
A rate without items is drawn from the same posterior, independently for each configuration: unpaired.

Training runs. The mean over seeds gets a deviation with Student's t distribution, S - 1 degrees of freedom,
scaled by the standard error among the seeds. Drawing three seeds from three with
replacement, as is common, gives intervals less than half as wide as three runs warrant. Configurations of one
method that have the same seeds share the deviation's weights, those of different methods do not.

Source: Rubin (1981), Annals of Statistics 9:130 (the Bayesian bootstrap); Brown, Cai & DasGupta (2001),
Statistical Science 16:101 (Jeffreys' interval).
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from aligntax.frontier.collected import CAPABILITY, HARM, OVER_REFUSAL
from aligntax.frontier.runs import Cell, Configuration, Floats, Runs
from aligntax.records import Estimate, Unit, unknown

__all__ = ["Draws", "bias_of_choice", "draw", "estimate"]

_CHUNK = 2_000_000  # weights at a time, 16 MB
Tell = Callable[[int], None]


@dataclass(frozen=True, slots=True)
class Draws:
    """What was measured, and what might as well have been.

    Row 0 of every array is the measurement; the other rows are replicates.

    Attributes:
        harm: (1 + replicates, configurations) in [0, 1].
        over_refusal: (1 + replicates, configurations) in [0, 1].
        capability: (1 + replicates, configurations, benchmarks) in [0, 1].
        reference: (1 + replicates, benchmarks) capability of the model before alignment.
        counts: axis -> items behind it, the fewest of any configuration.
        method: how the replicates were made, in a word.
    """

    harm: Floats
    over_refusal: Floats
    capability: Floats
    reference: Floats
    counts: dict[str, int]
    method: str


def draw(
    runs: Runs, *, replicates: int, generator: np.random.Generator, tell: Tell = lambda axes: None
) -> Draws:
    """Draws everything `replicates` times.

    Args:
        runs: what was measured.
        replicates: how many, >= 0.
        generator: where chance comes from.
        tell: called with 1 for every axis that is done.
    """
    every = (*runs.configurations, runs.reference)
    weights: dict[tuple[str, tuple[str, ...]], Floats] = {}
    drawn: dict[str, dict[Configuration, Floats]] = {}
    counts = {}
    for axis in (HARM, OVER_REFUSAL, *(CAPABILITY + name for name in runs.benchmarks)):
        cells = {c: runs.cells[c, axis] for c in every if (c, axis) in runs.cells}
        for configuration, cell in cells.items():
            key = configuration.method, cell.seeds
            if key not in weights:
                weights[key] = _seed_weights(len(cell.seeds), replicates, generator)
        shares = [weights[c.method, cell.seeds] for c, cell in cells.items()]
        drawn[axis] = dict(
            zip(cells, _axis(list(cells.values()), shares, replicates, generator), strict=True)
        )
        counts[axis] = min(cell.n for cell in cells.values())
        tell(1)
    benchmarks = [drawn[CAPABILITY + name] for name in runs.benchmarks]
    return Draws(
        harm=np.stack([drawn[HARM][c] for c in runs.configurations], axis=1),
        over_refusal=np.stack([drawn[OVER_REFUSAL][c] for c in runs.configurations], axis=1),
        capability=np.stack(
            [np.stack([b[c] for c in runs.configurations], axis=1) for b in benchmarks], axis=2
        ),
        reference=np.stack([b[runs.reference] for b in benchmarks], axis=1),
        counts=counts,
        method="paired bootstrap over items" if runs.paired else "independent draws of rates, unpaired",
    )


def _seed_weights(seeds: int, replicates: int, generator: np.random.Generator) -> Floats:
    """(1 + replicates, seeds) weights that sum to 1: equal in row 0, then Student's t about the mean.

    With z standard normal, the sum of (z - mean z) v is normal with variance sum((v - mean v)^2); divided by
    sqrt(S (S - 1)) and by sqrt(chi^2 / (S - 1)) it is t with the standard error of the mean of v for scale.
    """
    equal = np.full((1 + replicates, seeds), 1 / seeds)
    if seeds == 1:
        return equal
    z = generator.standard_normal((replicates, seeds))
    scale = np.sqrt(generator.chisquare(seeds - 1, (replicates, 1)) / (seeds - 1))
    equal[1:] += (z - z.mean(axis=1, keepdims=True)) / (math.sqrt(seeds * (seeds - 1)) * scale)
    return equal


def _axis(
    cells: Sequence[Cell], shares: Sequence[Floats], replicates: int, generator: np.random.Generator
) -> list[Floats]:
    """One axis of each cell, (1 + replicates,): row 0 measured, the rest drawn."""
    itemised = [cell for cell in cells if cell.values is not None]
    paired = iter(_item_rates(itemised, replicates, generator))
    found = []
    for cell, share in zip(cells, shares, strict=True):
        drawn = _rates(cell, replicates, generator) if cell.values is None else next(paired)
        measured = np.concatenate([cell.rates[None, :], drawn])
        found.append(np.clip((measured * share).sum(axis=1), 0.0, 1.0))
    return found


def _rates(cell: Cell, replicates: int, generator: np.random.Generator) -> Floats:
    """(replicates, seeds): Jeffreys' posterior of the mean, and each seed as far from it as it is.

    Seeds answer the same items, so that more of them do not stand for more items.
    """
    mean = float(cell.rates.mean())
    drawn = generator.beta(mean * cell.n + 0.5, (1 - mean) * cell.n + 0.5, (replicates, 1))
    return np.asarray(drawn + (cell.rates - mean))


def _item_rates(cells: Sequence[Cell], replicates: int, generator: np.random.Generator) -> list[Floats]:
    """(replicates, seeds) for each cell: the mean of its items under weights that all cells share."""
    if not cells:
        return []
    values = [cell.values for cell in cells if cell.values is not None]
    stacked = np.concatenate(values)
    items = stacked.shape[1]
    sums, totals = np.empty((replicates, len(stacked))), np.empty((replicates, 1))
    step = max(1, _CHUNK // items)
    for start in range(0, replicates, step):
        weights = generator.standard_exponential((min(step, replicates - start), items))
        sums[start : start + step] = weights @ stacked.T
        totals[start : start + step] = weights.sum(axis=1, keepdims=True)
    ends = np.cumsum([len(v) for v in values])[:-1]
    halves = generator.standard_gamma(0.5, (len(cells), 2, replicates, 1))
    parts = np.split(sums, ends, axis=1)
    return [(part + one) / (totals + one + zero) for part, (one, zero) in zip(parts, halves, strict=True)]


def estimate(
    values: Floats,
    *,
    unit: Unit,
    level: float,
    n: int,
    method: str,
    stretch: float = 0.0,
    reason: str = "not measured",
) -> Estimate:
    """A figure with the percentile interval of its replicates.

    A replicate in which the figure does not exist (nan) counts as lower and as higher than all others, so
    that an end of the interval is open, nan, where too many of them are missing.

    Args:
        values: (1 + replicates,) the figure in row 0, then its replicates.
        unit: of the figure.
        level: two-sided coverage, in (0, 1).
        n: items behind it.
        method: how the replicates were made.
        stretch: what choosing adds to the figure, an estimate of its bias; the interval is lengthened by as
            much on the other side, and nowhere shortened.
        reason: what to say where the figure itself is nan.

    Source: Efron & Tibshirani (1993), An Introduction to the Bootstrap, section 13.3.
    """
    value, drawn = float(values[0]), values[1:]
    if math.isnan(value):
        return unknown(reason, unit=unit, level=level, n=n)
    tail = (1 - level) / 2
    low = float(np.quantile(np.where(np.isnan(drawn), -np.inf, drawn), tail, method="lower"))
    high = float(np.quantile(np.where(np.isnan(drawn), np.inf, drawn), 1 - tail, method="higher"))
    return Estimate(
        value=value,
        low=min(value, low - max(0.0, stretch)) if math.isfinite(low) else math.nan,
        high=max(value, high - min(0.0, stretch)) if math.isfinite(high) else math.nan,
        level=level,
        n=n,
        unit=unit,
        method=f"{method}, percentiles",
    )


def bias_of_choice(values: Floats) -> float:
    """By how much the replicates of a figure that picks the best of several lie off the figure itself.

    What picking added to the figure is about what it adds once more in the replicates.

    Args:
        values: (1 + replicates,) the figure in row 0, then its replicates; nan is left out.

    Returns:
        The median of the replicates less the figure; 0 where there is nothing to compare.
    """
    drawn = values[1:][~np.isnan(values[1:])]
    return float(np.median(drawn) - values[0]) if len(drawn) and not np.isnan(values[0]) else 0.0
