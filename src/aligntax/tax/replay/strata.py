"""A log is cut into strata, by use case and by what it recorded, and the requests to replay shared out."""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from aligntax.errors import UsageError
from aligntax.stats.allocation import neyman_allocation

__all__ = ["GUESSED_CHANGE", "OTHERS", "ReplayStratum", "stratify"]

GUESSED_CHANGE: Mapping[str, float] = {"complete": 0.05, "hedged": 0.35, "refused": 0.5, "undetermined": 0.3}
"""Share of exchanges in which two models are expected to differ, by what the log recorded.

Models that differ do so mostly where one of them has already refused or hedged. These are guesses: they
decide who is asked how often, so a wrong one costs width, never bias.
"""
OTHERS = "(others)"
"""What several use cases are called that would get too few requests each."""
_FEWEST = 4
_FLOOR = 2
"""Requests of every stratum, so that its variance can be told."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplayStratum:
    """Exchanges that are drawn from together.

    Attributes:
        use_case: theirs; OTHERS where it stands for several, "" for exchanges without one.
        outcome: that the detector gives what the log recorded.
        size: exchanges of the log, >= 1.
        drawn: how many of them are replayed, 1 <= drawn <= size.
        pooled: use cases put together.
    """

    use_case: str
    outcome: str
    size: int
    drawn: int = 0
    pooled: int = 1


def stratify(
    use_cases: Sequence[str], outcomes: Sequence[str], budget: int
) -> tuple[list[ReplayStratum], npt.NDArray[np.int64]]:
    """Cuts a log into strata and shares requests out by Neyman allocation.

    Use cases whose share would be under four requests are put together, by outcome and smallest first. All of
    it rests on what is known before a model is asked, so it biases nothing.

    Args:
        use_cases: (exchanges,) "" without one.
        outcomes: (exchanges,) keys of GUESSED_CHANGE.
        budget: requests to replay; all exchanges where there are no more.

    Returns:
        The strata, and (exchanges,) the number of each exchange's.

    Raises:
        UsageError: the budget does not reach for two requests in every stratum.
    """
    cells = Counter(zip(outcomes, use_cases, strict=True))
    claims = {cell: count * _spread(cell[0]) for cell, count in cells.items()}
    enough = _FEWEST * sum(claims.values()) / max(budget, 1)
    strata, places = list[ReplayStratum](), dict[tuple[str, str], int]()
    for outcome in GUESSED_CHANGE:
        mine = sorted((cell for cell in cells if cell[0] == outcome), key=lambda cell: (claims[cell], cell))
        for group in _grouped(mine, claims, enough):
            places |= dict.fromkeys(group, len(strata))
            name = group[0][1] if len(group) == 1 else OTHERS
            size = sum(cells[cell] for cell in group)
            strata.append(ReplayStratum(use_case=name, outcome=outcome, size=size, pooled=len(group)))
    least = sum(min(_FLOOR, one.size) for one in strata)
    if budget < least:
        raise UsageError(
            f"--sample {budget} does not reach for {_FLOOR} requests in each of {len(strata)} strata",
            hint=f"--sample {least} is the least, 300 are advised",
        )
    shares = _allocated(strata, budget)
    found = [replace(one, drawn=drawn) for one, drawn in zip(strata, shares, strict=True)]
    codes = np.array([places[cell] for cell in zip(outcomes, use_cases, strict=True)], np.int64)
    return found, codes


def _grouped(
    cells: list[tuple[str, str]], claims: Mapping[tuple[str, str], float], enough: float
) -> list[list[tuple[str, str]]]:
    """Cells of one outcome, those with too small a claim as one group, with more until it is large enough."""
    if not cells:
        return []
    waiting, pool = list(cells), list[tuple[str, str]]()
    while waiting and (claims[waiting[0]] < enough or 0 < sum(claims[one] for one in pool) < enough):
        pool.append(waiting.pop(0))
    return [*([pool] if pool else []), *([one] for one in waiting)]


def _allocated(strata: Sequence[ReplayStratum], budget: int) -> list[int]:
    sizes = [one.size for one in strata]
    if budget >= sum(sizes):
        return sizes
    spreads = [_spread(one.outcome) for one in strata]
    return [int(one) for one in neyman_allocation(budget, sizes, spreads, floor=_FLOOR)]


def _spread(outcome: str) -> float:
    change = GUESSED_CHANGE[outcome]
    return math.sqrt(change * (1 - change))
