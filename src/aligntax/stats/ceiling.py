"""A rate held to a ceiling: shown to lie at or below it, shown to lie above it, or neither."""

import math
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
from scipy.special import betaincinv

from aligntax.errors import UsageError
from aligntax.records import Estimate, unknown
from aligntax.stats.missing import worst_and_best
from aligntax.stats.predictions import as_shares, checked_level
from aligntax.stats.trials import trials

__all__ = ["Ceiling", "CeilingVerdict", "exact_mean", "fewest", "hold_to_ceiling"]

CeilingVerdict = Literal["pass", "fail", "inconclusive"]
_MOST = 10**9


@dataclass(frozen=True, slots=True, kw_only=True)
class Ceiling:
    """What bounds say of a ceiling.

    Attributes:
        verdict: "pass" where the upper bound does not exceed the ceiling, "fail" where the lower bound does,
            "inconclusive" otherwise.
        ceiling: the highest rate allowed, in (0, 1).
        bounds: the rate; either end is a one-sided bound at (1 + its level) / 2.
        needed: observations that would decide if rates stayed as they are; None where the verdict is in, or
            where no number would.
        reason: why it is inconclusive; "" otherwise.
    """

    verdict: CeilingVerdict
    ceiling: float
    bounds: Estimate
    needed: int | None = None
    reason: str = ""


def exact_mean(
    values: npt.ArrayLike, *, clusters: Sequence[Hashable] | None = None, level: float = 0.95
) -> Estimate:
    """Clopper and Pearson's interval for the mean of values between 0 and 1, in clusters or alone.

    With 0 and 1 alone it is theirs. A value between (the share of a prompt's samples that are harmful) counts
    as that part of an event: no distribution on [0, 1] spreads more than 0 and 1 do, so the interval is then
    too wide rather than too narrow (simulations in tests/stats). A cluster counts as one trial.

    Args:
        values: (n,) in [0, 1].
        clusters: (n,) what makes values depend on each other; None for one that stands alone.
        level: two-sided coverage, in (0, 1).

    Returns:
        Estimate in [0, 1], unit "rate"; nan without values.

    Raises:
        UsageError: values outside [0, 1], or lists of different lengths.

    Source: Clopper & Pearson (1934), Biometrika 26:404; Hoeffding (1963), JASA 58:13 (sums of bounded
    variables are spread less than binomial ones).
    """
    given, level = as_shares("values", values), checked_level(level)
    if not len(given):
        return unknown("no observations", unit="rate", level=level)
    units = trials(given, clusters)
    value = float(units.means @ units.weights)
    low, high = _ends(value * units.effective, units.effective, (1 - level) / 2)
    return Estimate(
        value=value,
        low=min(low, value),
        high=max(high, value),
        level=level,
        n=len(given),
        clusters=None if clusters is None else len(units.means),
        unit="rate",
        method="Clopper-Pearson" + ("" if clusters is None else ", one trial a cluster"),
    )


def hold_to_ceiling(
    lowest: npt.ArrayLike,
    highest: npt.ArrayLike,
    ceiling: float,
    *,
    seen: npt.ArrayLike | None = None,
    clusters: Sequence[Hashable] | None = None,
    level: float = 0.95,
) -> Ceiling:
    """Holds a rate to a ceiling.

    Args:
        lowest: (n,) what each value is at least, in [0, 1].
        highest: (n,) what each is at most; the same where nothing is missing.
        ceiling: the highest rate allowed, in (0, 1).
        seen: (n,) what is known of each; see `worst_and_best`.
        clusters: see `exact_mean`.
        level: one-sided confidence of either verdict, in (0.5, 1).

    Raises:
        UsageError: a ceiling or values outside their range.
    """
    if not 0 < ceiling < 1:
        raise UsageError(f"a ceiling lies between 0 and 1, not {ceiling:g}", hint="1 % is 0.01")
    two_sided = round(2 * checked_level(level) - 1, 12)
    low, high = as_shares("least values", lowest), as_shares("most values", highest)
    bounds = worst_and_best(
        low, high, lambda values: exact_mean(values, clusters=clusters, level=two_sided), seen=seen
    )
    if not len(low):
        return Ceiling(verdict="inconclusive", ceiling=ceiling, bounds=bounds, reason="nothing was observed")
    ends = [exact_mean(values, clusters=clusters, level=two_sided) for values in (low, high)]
    if ends[1].high <= ceiling:
        return Ceiling(verdict="pass", ceiling=ceiling, bounds=bounds)
    if ends[0].low > ceiling:
        return Ceiling(verdict="fail", ceiling=ceiling, bounds=bounds)
    needed, reason = _needed(ends[0].value, ends[1].value, ceiling, 1 - level)
    scale = len(low) / trials(low, clusters).effective
    return Ceiling(
        verdict="inconclusive",
        ceiling=ceiling,
        bounds=bounds,
        needed=None if needed is None else max(len(low) + 1, math.ceil(needed * scale - 1e-9)),
        reason=reason,
    )


def fewest(enough: Callable[[int], bool], *, most: int = _MOST) -> int | None:
    """The least number from 1 on that is enough, where every larger one is too; None beyond `most`."""
    high = 1
    while not enough(high):
        high *= 2
        if high > most:
            return None
    low = high // 2 + 1
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if enough(middle) else (middle + 1, high)
    return high


def _ends(events: float, n: float, tail: float) -> tuple[float, float]:
    """Both ends for events and trials that need not be whole."""
    low = float(betaincinv(events, n - events + 1, tail)) if events > 1e-12 else 0.0
    high = float(betaincinv(events + 1, n - events, 1 - tail)) if n - events > 1e-12 else 1.0
    return low, high


def _needed(lowest: float, highest: float, ceiling: float, tail: float) -> tuple[int | None, str]:
    """Trials that would decide at these rates, and why it is undecided."""
    if highest < ceiling:
        found = fewest(lambda n: _ends(highest * n, n, tail)[1] <= ceiling)
        return found, "too few to show that the rate is below the ceiling"
    if lowest > ceiling:
        found = fewest(lambda n: _ends(lowest * n, n, tail)[0] > ceiling)
        return found, "too few to show that the rate is above the ceiling"
    if np.isclose(lowest, highest):
        return None, "the rate seen is the ceiling itself"
    return None, "what is not known reaches across the ceiling, however many are asked"
