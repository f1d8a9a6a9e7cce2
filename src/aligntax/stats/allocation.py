"""Spending a budget of labels over strata."""

import math

import numpy as np
import numpy.typing as npt

from aligntax.errors import UsageError
from aligntax.stats.predictions import Floats

__all__ = ["neyman_allocation"]

Integers = npt.NDArray[np.int64]


def neyman_allocation(
    budget: int, sizes: npt.ArrayLike, deviations: npt.ArrayLike, *, floor: int = 2
) -> Integers:
    """How many labels each stratum gets: in proportion to size times standard deviation.

    Every stratum with items first gets `floor` labels (fewer if the budget does not reach, one round
    after another, large strata first), none more than it holds; the rest goes where the optimum says.

    Args:
        budget: labels to spend, >= 0.
        sizes: (K,) items of each stratum, whole, >= 0.
        deviations: (K,) expected standard deviation of the label in each stratum, >= 0; when all are 0,
            sizes alone decide.
        floor: labels each stratum gets before any is optimised.

    Returns:
        (K,) whole numbers with sum min(budget, sum(sizes)). The same arguments give the same answer;
        what is equal is decided by the larger stratum, then by the first.

    Raises:
        UsageError: negative or not finite numbers, sizes that are not whole, or lengths that differ.

    Source: Neyman (1934), JRSS 97:558; Cochran (1977), Sampling Techniques, section 5.5.
    """
    holds, weight = _checked(budget, sizes, deviations)
    budget = min(budget, int(holds.sum()))
    given = _floors(budget, holds, floor)
    demand = holds * weight if (holds * weight).any() else holds.astype(float)
    demand = demand + 1e-9 * (demand.max() if len(demand) else 1.0) * holds / max(1, holds.max(initial=0))
    given = np.maximum(given, _water_level(budget, demand, given, holds))
    return _rounded(budget, demand, given, holds)


def _floors(budget: int, holds: Integers, floor: int) -> Integers:
    given = np.zeros(len(holds), np.int64)
    by_size = np.argsort(-holds, kind="stable")
    for _ in range(floor):
        wanting = [at for at in by_size if given[at] < holds[at]]
        for at in wanting[: budget - int(given.sum())]:
            given[at] += 1
    return given


def _water_level(budget: int, demand: Floats, least: Integers, most: Integers) -> Integers:
    """Clip(c * demand, least, most), rounded down, for the largest c that stays within the budget."""
    low, high = 0.0, 1.0
    while (
        high < 1e300 and np.clip(high * demand, least, most).sum() < budget and (high * demand < most).any()
    ):
        high *= 2
    for _ in range(200):
        middle = (low + high) / 2
        if np.clip(middle * demand, least, most).sum() <= budget:
            low = middle
        else:
            high = middle
    filled: Integers = np.floor(np.clip(low * demand, least, most) + 1e-9).astype(np.int64)
    return filled


def _rounded(budget: int, demand: Floats, given: Integers, most: Integers) -> Integers:
    """Gives what rounding left over, one label at a time, to where demand per label given is highest."""
    given = given.copy()
    for _ in range(budget - int(given.sum())):
        # Huntington and Hill's divisor: the gain in variance of one label more
        gain = np.where(given < most, demand / np.sqrt(np.maximum(given, 0.5) * (given + 1)), -math.inf)
        given[int(np.lexsort((np.arange(len(gain)), -most, -gain))[0])] += 1
    return given


def _checked(budget: int, sizes: npt.ArrayLike, deviations: npt.ArrayLike) -> tuple[Integers, Floats]:
    holds, weight = np.asarray(sizes, dtype=float), np.asarray(deviations, dtype=float)
    if holds.ndim != 1 or holds.shape != weight.shape:
        raise UsageError(f"sizes {holds.shape} and deviations {weight.shape} must be two lists of one length")
    if budget < 0 or not (np.isfinite(holds).all() and np.isfinite(weight).all()):
        raise UsageError(f"a budget of {budget} and finite sizes and deviations are needed")
    if (holds < 0).any() or (weight < 0).any() or (holds != np.floor(holds)).any():
        raise UsageError("sizes must be whole numbers, and neither sizes nor deviations negative")
    return holds.astype(np.int64), weight
