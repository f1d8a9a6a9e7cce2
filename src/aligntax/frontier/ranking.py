"""Which method has the lower tax at the same harm, for every pair: a claim, or "cannot tell"."""

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from aligntax.frontier.bootstrap import estimate
from aligntax.frontier.matched import Standing
from aligntax.records import Estimate
from aligntax.stats.comparison import holm

__all__ = ["Pair", "best", "pairs", "reaches", "reaches_often"]


@dataclass(frozen=True, slots=True)
class Pair:
    """Two methods at the same harm.

    Attributes:
        first: a method.
        second: another.
        difference: tax of the first less tax of the second; nan where one of them does not reach the harm.
        p_value: two-sided, from the replicates; nan likewise.
        adjusted: Holm's adjustment of it over all pairs.
        better: the method with the lower tax, where the interval excludes 0, the adjusted p-value is at most
            1 - level, and the method surely reaches the harm; else None: cannot tell.
    """

    first: str
    second: str
    difference: Estimate
    p_value: float
    adjusted: float
    better: str | None


def pairs(standings: Mapping[str, Standing], *, level: float, n: int, method: str) -> list[Pair]:
    """Every pair of methods.

    Args:
        standings: method -> its tax at the harm that is matched.
        level: coverage of the intervals, and 1 - level the chance of one wrong claim among all pairs.
        n: items behind the taxes.
        method: how the replicates were made.
    """
    found = list(itertools.combinations(standings, 2))
    p_values = np.array([_p_value(standings[a], standings[b]) for a, b in found])
    known = ~np.isnan(p_values)
    adjusted = np.full(len(found), math.nan)
    adjusted[known] = holm(p_values[known])
    compared = []
    for (a, b), p, q in zip(found, p_values.tolist(), adjusted.tolist(), strict=True):
        first, second = standings[a], standings[b]
        difference = estimate(
            first.values - second.values,
            unit="difference",
            level=level,
            n=n,
            method=method,
            stretch=first.bias - second.bias,
            reason="not reached by " + " and ".join(name for name in (a, b) if not standings[name].known),
        )
        lower = _lower(difference, q)
        better = None if lower is None else (a, b)[lower]
        sure = better is not None and reaches(standings[better], level)
        compared.append(Pair(a, b, difference, p, q, better if sure else None))
    return compared


def reaches(standing: Standing, level: float) -> bool:
    """Whether a method surely reaches the harm: as measured, and in (1 + level) / 2 of the replicates."""
    return standing.known and standing.reached >= (1 + level) / 2


def reaches_often(reached: float, level: float) -> bool:
    """Whether a share of replicates is too large to say that a method does not reach the harm."""
    return reached > (1 - level) / 2


def _p_value(first: Standing, second: Standing) -> float:
    """Two-sided, with and without what choosing configurations adds: the larger one."""
    if not (first.known and second.known):
        return math.nan
    apart = first.values[1:] - second.values[1:]
    found = []
    for drawn in (apart, apart - (first.bias - second.bias)):
        against = min(int((~(drawn < 0)).sum()), int((~(drawn > 0)).sum()))
        found.append(min(1.0, 2 * (1 + against) / (1 + len(drawn))))
    return max(found)


def _lower(difference: Estimate, adjusted: float) -> int | None:
    """Which of the two is lower, 0 or 1, where that is shown."""
    if not difference.known or not adjusted <= 1 - difference.level + 1e-12:
        return None
    if difference.high < 0:
        return 0
    return 1 if difference.low > 0 else None


def best(compared: Sequence[Pair], standings: Mapping[str, Standing], *, level: float) -> str | None:
    """The method that beats every other one, those aside that surely do not reach the harm; else None.

    A method that reaches it in more than (1 - level) / 2 of the replicates has to be beaten.
    """
    rivals = [name for name, standing in standings.items() if standing.known]
    doubtful = [s for s in standings.values() if not s.known and reaches_often(s.reached, level)]
    if doubtful or len(rivals) < 2:
        return None
    for name in rivals:
        if sum(pair.better == name for pair in compared) == len(rivals) - 1:
            return name
    return None
