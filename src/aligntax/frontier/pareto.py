"""Dominance on three axes: who is beaten by nobody, and how far a set is from covering another."""

import numpy as np
import numpy.typing as npt

from aligntax.frontier.runs import Floats

__all__ = ["additive_epsilon", "non_dominated"]

_PAIRS = 4_000_000  # comparisons at a time


def non_dominated(losses: Floats) -> npt.NDArray[np.bool_]:
    """Which points no other one beats: nowhere worse and somewhere better.

    Args:
        losses: (rows, points, axes), lower is better; rows are judged apart.

    Returns:
        (rows, points); equal points do not beat each other, and a point with nan is beaten.
    """
    rows, points, _ = losses.shape
    found = np.empty((rows, points), bool)
    step = max(1, _PAIRS // (points * points))
    for start in range(0, rows, step):
        part = losses[start : start + step]
        no_worse = np.ones((len(part), points, points), bool)
        better = np.zeros_like(no_worse)
        for axis in np.moveaxis(part, 2, 0):
            no_worse &= axis[:, :, None] <= axis[:, None, :]
            better |= axis[:, :, None] < axis[:, None, :]
        found[start : start + step] = ~(no_worse & better).any(axis=1)
    return found & ~np.isnan(losses).any(axis=2)


def additive_epsilon(losses: Floats, others: Floats) -> Floats:
    """By how much a set must improve on every axis until it is no worse than each of the others.

    Args:
        losses: (rows, points, axes) of the set, lower is better.
        others: (rows, other points, axes) to be covered.

    Returns:
        (rows,) in the unit of the axes; 0 for a set that covers itself, below 0 where it beats all others.

    Source: Zitzler, Thiele, Laumanns, Fonseca & Grunert da Fonseca (2003), IEEE Transactions on Evolutionary
    Computation 7:117, the additive epsilon indicator.
    """
    needed = np.full((len(losses), others.shape[1]), np.inf)
    for point in np.moveaxis(losses, 1, 0):
        needed = np.minimum(needed, (point[:, None, :] - others).max(axis=2))
    return np.asarray(needed.max(axis=1))
