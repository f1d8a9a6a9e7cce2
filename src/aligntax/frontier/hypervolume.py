"""The volume that a set of points dominates, exact in three dimensions."""

import numpy as np

from aligntax.errors import UsageError
from aligntax.frontier.runs import Floats

__all__ = ["hypervolume"]


def hypervolume(gains: Floats, reference_point: Floats) -> Floats:
    """The volume of the union of the boxes between the reference point and each point.

    Slices are taken along the third axis: between two neighbouring heights the cross-section is the union of
    rectangles of the points above it, a staircase. O(n^2) for each row, all rows at once.

    Args:
        gains: (rows, points, 3), higher is better; a point that is not above the reference point on every
            axis, or has nan, adds nothing.
        reference_point: (3,) what is just not good enough.

    Returns:
        (rows,) volumes, >= 0; 0 without points.

    Raises:
        UsageError: not three axes.

    Source: the indicator of Zitzler & Thiele (1998), PPSN V, p. 292; slicing by While, Hingston, Barone &
    Huband (2006), IEEE Transactions on Evolutionary Computation 10:29.
    """
    if gains.ndim != 3 or gains.shape[2] != 3 or np.shape(reference_point) != (3,):
        raise UsageError(f"a hypervolume is of points with three coordinates, not of shape {gains.shape}")
    sides = gains - reference_point
    sides = np.where((sides > 0).all(axis=2, keepdims=True), sides, 0.0)  # nan compares false
    order = np.argsort(-sides[:, :, 0], axis=1, kind="stable")
    wide, high, deep = (np.take_along_axis(sides[:, :, axis], order, axis=1) for axis in range(3))
    steps = -np.diff(wide, axis=1, append=0.0)
    levels = -np.sort(-deep, axis=1)
    thickness = -np.diff(levels, axis=1, append=0.0)
    volume = np.zeros(len(sides))
    for level, thick in zip(levels.T, thickness.T, strict=True):
        heights = np.maximum.accumulate(np.where(deep >= level[:, None], high, 0.0), axis=1)
        volume += (steps * heights).sum(axis=1) * thick
    return volume
