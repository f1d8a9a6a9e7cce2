"""Intervals widened for values that are missing, and not at random: each may be as low or as high as it can.

An answer that did not come (the request failed, the judge refused) may be missing because of what it would
have said. Nothing in the data tells, so nothing is assumed: the lower end is that of the data with every
missing value at its least, the upper end that with every one at its most. Values missing at random (a run
that was cut short, having asked in random order) need none of this: they are left out, and n is smaller.
"""

import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from aligntax.errors import UsageError
from aligntax.records import Estimate, unknown
from aligntax.stats.predictions import Floats

__all__ = ["filled", "worst_and_best"]

Interval = Callable[[Floats], Estimate]
"""From (n,) values to the estimate of their mean."""


def filled(values: npt.ArrayLike, *, least: float = 0.0, most: float = 1.0) -> tuple[Floats, Floats]:
    """Values with every missing one at its least, and with every one at its most.

    Args:
        values: (n,), nan where missing.
        least: a value can be.
        most: a value can be, >= least.

    Returns:
        Two (n,) arrays.

    Raises:
        UsageError: a value outside [least, most].
    """
    given = np.asarray(values, np.float64)
    missing = np.isnan(given)
    if (given[~missing] < least).any() or (given[~missing] > most).any():
        raise UsageError(f"a value lies outside {least:g} to {most:g}", hint="give the range values can have")
    return np.where(missing, least, given), np.where(missing, most, given)


def worst_and_best(
    lowest: npt.ArrayLike, highest: npt.ArrayLike, interval: Interval, *, seen: npt.ArrayLike | None = None
) -> Estimate:
    """The interval of a mean, whatever the missing values are.

    Each end keeps the coverage that `interval` gives it: the mean lies between those of `lowest` and of
    `highest`, and each end is on the outer side of one of them as often as `interval` says.

    Args:
        lowest: (n,) what each value is at least; see `filled`.
        highest: (n,) what each is at most; the same where nothing is missing.
        interval: makes the estimate.
        seen: (n,) what is known of each, nan where nothing is; by default values where both agree.

    Returns:
        Estimate whose value is the mean of `seen` and whose ends are the outer ones; its method says how many
        of the n values are not known. nan where nothing is known of any.

    Raises:
        UsageError: arrays of different lengths, or one above the other.
    """
    low, high = np.asarray(lowest, np.float64), np.asarray(highest, np.float64)
    if low.shape != high.shape or (low > high).any():
        raise UsageError("the least values must not exceed the most, one for one")
    below = interval(low)
    open_ = int((low < high).sum())
    if not open_:
        return below
    above = interval(high)
    known = np.where(low < high, math.nan, low) if seen is None else np.asarray(seen, np.float64)
    known = known[~np.isnan(known)]
    if not len(known):
        return unknown("nothing is known of any", unit=below.unit, level=below.level, n=below.n)
    value = min(above.high, max(below.low, float(known.mean())))
    method = f"{below.method}, {open_:,} of {len(low):,} at their least and most"
    return replace(below, value=value, high=above.high, method=method)
