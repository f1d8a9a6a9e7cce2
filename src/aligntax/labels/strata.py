"""Exchanges are cut into strata, and the labels to be given are shared out among them."""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from aligntax.errors import UsageError
from aligntax.labels.keys import KeyCounter
from aligntax.stats.allocation import neyman_allocation

__all__ = ["ANY", "FEWEST", "GUESSED_ERROR", "RARE", "STRATIFIERS", "Strata", "Stratum", "stratify"]

STRATIFIERS = ("verdict", "use_case", "model", "layer")
"""What exchanges can be told apart by before anybody has labelled one."""

GUESSED_ERROR: Mapping[str, float] = {"complete": 0.03, "hedged": 0.40, "refused": 0.10, "undetermined": 0.50}
"""Share of a verdict's exchanges in which a person is expected to say otherwise.

A detector that reads wording is mostly right where it sees nothing (`complete`), less so where it sees a
refusal, and little better than a coin on what lies between; of an undetermined exchange nothing is known.
These are guesses. They decide who gets how many labels, so a wrong guess costs width, never bias; that is
also why none of them is 0, which would leave a stratum without labels.
"""

FEWEST = 4
"""Labels a stratum of its own should get; cells that would get fewer are pooled."""

_FLOOR = 3
"""Labels every stratum gets: from fewer, its variance can only be bounded."""

RARE, ANY = "(rare)", "(any)"
"""What stands in a pooled stratum's name for its cells: some of a verdict's cells, or all of them."""

_Cell = tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Stratum:
    """Exchanges that are sampled together.

    Attributes:
        name: for a person and as a key.
        size: exchanges in it, >= 1.
        labels: how many of them are to be labelled, 1 <= labels <= size.
        spread: guessed standard deviation of the detector's error within it, in (0, 0.5].
        pooled: the cells put together because each would have been too thin; empty for a plain stratum.
    """

    name: str
    size: int
    labels: int
    spread: float
    pooled: tuple[str, ...] = ()

    @property
    def probability(self) -> float:
        """With which each of its exchanges is chosen, in (0, 1]."""
        return self.labels / self.size


@dataclass(frozen=True)
class Strata:
    """The strata of a run.

    Attributes:
        strata: every one with its share of the labels.
        of_rows: (exchanges,) position in `strata` of the one each exchange lies in.
    """

    strata: Sequence[Stratum]
    of_rows: npt.NDArray[np.int64]


@dataclass
class _Group:
    """Cells on their way to becoming one stratum."""

    cells: list[_Cell]
    size: int
    variance: float  # summed over the exchanges
    called: str = RARE

    @property
    def spread(self) -> float:
        return math.sqrt(self.variance / self.size)

    @property
    def claim(self) -> float:
        """What Neyman allocation shares labels in proportion to."""
        return self.size * self.spread

    def joined(self, other: "_Group") -> "_Group":
        return _Group([*self.cells, *other.cells], self.size + other.size, self.variance + other.variance)


def stratify(exchanges: pa.Table, by: Sequence[str], budget: int) -> Strata:
    """Cuts a run's exchanges into strata and shares the labels out by Neyman allocation.

    Cells (one for each combination of `by` that occurs) whose share would be under FEWEST labels are
    pooled with their likes of the same verdict, smallest first. All of this rests on what is known before
    any label is, so it biases nothing.

    Args:
        exchanges: `JudgedRun.exchanges`.
        by: names out of STRATIFIERS, at least one.
        budget: labels in all.

    Raises:
        UsageError: `by` names something else, or the budget does not reach for every stratum.
    """
    _check(by)
    cells = list(zip(*(exchanges[name].to_pylist() for name in by), strict=True))
    groups = _pooled(_groups(cells, exchanges["verdict"].to_pylist()), by, budget)
    least = sum(min(_FLOOR, group.size) for group in groups)
    if budget < least:
        raise UsageError(
            f"--budget {budget} does not reach for {_FLOOR} labels in each of {len(groups)} strata",
            hint=f"--budget {least} is the least, 50 are advised; or tell fewer apart with --by",
        )
    sizes = np.array([group.size for group in groups], np.int64)
    spreads = np.array([group.spread for group in groups])
    shares = _allocated(sizes, spreads, budget)
    named = KeyCounter()  # use cases may hold " / ", so that two names could be one
    strata = [_stratum(group, named, int(share)) for group, share in zip(groups, shares, strict=True)]
    position = {cell: at for at, group in enumerate(groups) for cell in group.cells}
    return Strata(strata, np.array([position[cell] for cell in cells], np.int64))


def _allocated(
    sizes: npt.NDArray[np.int64], spreads: npt.NDArray[np.float64], budget: int
) -> npt.NDArray[np.int64]:
    """(strata,) how many labels each gets; all of them where the budget reaches."""
    if budget >= sizes.sum():
        return sizes
    return np.asarray(neyman_allocation(budget, sizes, spreads, floor=_FLOOR), np.int64)


def _check(by: Sequence[str]) -> None:
    unknown = [name for name in by if name not in STRATIFIERS]
    if unknown or not by or len(set(by)) < len(by):
        what = (
            f"{unknown[0]!r} is nothing to tell exchanges apart by"
            if unknown
            else "it names nothing, or one thing twice"
        )
        raise UsageError(f"--by: {what}", hint=f"--by verdict,use_case; out of {', '.join(STRATIFIERS)}")


def _groups(cells: Sequence[_Cell], verdicts: Sequence[str]) -> list[_Group]:
    """Every cell by itself, in alphabetical order."""
    variance = {verdict: error * (1 - error) for verdict, error in GUESSED_ERROR.items()}
    groups = dict[_Cell, _Group]()
    for (cell, verdict), count in Counter(zip(cells, verdicts, strict=True)).items():
        more = _Group([], count, count * variance[verdict])
        groups[cell] = groups.get(cell, _Group([cell], 0, 0.0)).joined(more)
    return [groups[cell] for cell in sorted(groups)]


def _pooled(groups: list[_Group], by: Sequence[str], budget: int) -> list[_Group]:
    """Cells of one verdict whose share of the labels would be too small, as one."""
    enough = FEWEST * sum(group.claim for group in groups) / max(budget, 1)
    at = by.index("verdict") if "verdict" in by else None
    likes = dict[str, list[_Group]]()
    for group in groups:
        likes.setdefault("" if at is None else group.cells[0][at], []).append(group)
    return [group for like in likes.values() for group in _pooled_alike(like, enough)]


def _pooled_alike(groups: list[_Group], enough: float) -> list[_Group]:
    waiting = sorted(groups, key=lambda group: (group.claim, group.cells))
    pool = waiting.pop(0)
    while waiting and (pool.claim < enough or waiting[0].claim < enough):
        pool = pool.joined(waiting.pop(0))
    pool.called = RARE if waiting else ANY
    return sorted([*waiting, pool], key=lambda group: (len(group.cells) > 1, group.cells))


def _stratum(group: _Group, named: KeyCounter, labels: int) -> Stratum:
    columns = [set(values) for values in zip(*group.cells, strict=True)]
    name = named(" / ".join(values.pop() if len(values) == 1 else group.called for values in columns))
    pooled = tuple(" / ".join(cell) for cell in sorted(group.cells)) if len(group.cells) > 1 else ()
    return Stratum(name=name, size=group.size, labels=labels, spread=group.spread, pooled=pooled)
