"""Worlds whose truth is known: what methods do to harm, over-refusal and capability, and what items show."""

from collections.abc import Mapping, Sequence

import numpy as np
from scipy.stats import norm

from aligntax.frontier.collected import CAPABILITY, HARM, OVER_REFUSAL
from aligntax.frontier.figures import Frontier, Question
from aligntax.frontier.measure import measure
from aligntax.frontier.runs import Cell, Configuration, Floats, Runs

__all__ = ["BEFORE", "CAP", "HARM_AT", "Curve", "asked", "line", "observe", "true_tax"]

BEFORE = (0.7, 0.6)
"""True capability of the model before alignment; chance is 0."""
HARM_AT, CAP = 0.10, 0.15
Curve = Sequence[tuple[float, float, float]]
"""(harm, over-refusal, points of capability lost on each benchmark) for each configuration."""
_SHARED = 0.6  # of what makes an item hard, the share that is the same for every configuration


def line(
    loss: float, *, harms: Sequence[float] = (0.03, 0.07, 0.12, 0.2), over_refusal: float = 0.08
) -> Curve:
    """A method that loses `loss` at harm .25 and a third of a point more for every point of harm less."""
    return [(h, over_refusal, loss + 0.33 * (0.25 - h)) for h in harms]


def true_tax(curve: Curve, harm: float = HARM_AT) -> float:
    """The normalised tax at a harm, by interpolation in the truth."""
    lost = np.interp(harm, [h for h, _, _ in curve], [lost for _, _, lost in curve])
    return float(np.mean([lost / before for before in BEFORE]))


def observe(
    generator: np.random.Generator,
    curves: Mapping[str, Curve],
    *,
    items: int = 300,
    seeds: int = 1,
    among_seeds: float = 0.0,
    itemised: bool = True,
) -> Runs:
    """What one evaluation of a world shows.

    Args:
        generator: where chance comes from.
        curves: method -> the truth.
        items: on each axis.
        seeds: training runs of each method.
        among_seeds: standard deviation of the truth among them.
        itemised: whether outcomes are known item by item, or rates only.
    """
    axes = (HARM, OVER_REFUSAL, *(f"{CAPABILITY}b{j}" for j in range(len(BEFORE))))
    before, cells = Configuration("reference", ""), {}
    shifts = {m: generator.normal(0, among_seeds, (len(axes), seeds)) for m in curves}
    for at, axis in enumerate(axes):
        truth = {
            Configuration(m, str(k)): np.full(seeds, _truth(point, at)) + shifts[m][at]
            for m, curve in curves.items()
            for k, point in enumerate(curve)
        }
        if at >= 2:
            truth[before] = np.array([BEFORE[at - 2]])
        shared = generator.standard_normal(items)
        for configuration, rates in truth.items():
            values = _outcomes(generator, np.clip(rates, 0.001, 0.999), shared)
            names = tuple(map(str, range(len(values))))
            kept = values if itemised else None
            cells[configuration, axis] = Cell(names, values.mean(axis=1), items, kept)
    configurations = tuple(c for c, axis in cells if axis == HARM)
    return Runs(configurations, before, tuple(f"b{j}" for j in range(len(BEFORE))), cells, {}, ())


def _truth(point: tuple[float, float, float], axis: int) -> float:
    return point[axis] if axis < 2 else BEFORE[axis - 2] - point[2]


def _outcomes(generator: np.random.Generator, rates: Floats, shared: Floats) -> Floats:
    own = generator.standard_normal((len(rates), len(shared)))
    hard = np.sqrt(_SHARED) * shared + np.sqrt(1 - _SHARED) * own
    return np.asarray(hard < norm.ppf(rates)[:, None], float)


def asked(runs: Runs, *, seed: int, replicates: int = 600) -> Frontier:
    """The comparison at HARM_AT under CAP."""
    question = Question(harm=HARM_AT, over_refusal=CAP, replicates=replicates, random_seed=seed)
    return measure(runs, question)
