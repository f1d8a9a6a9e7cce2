"""Choosing on some items, measuring on others: the best of several looks better than it is where it won."""

from collections.abc import Sequence
from pathlib import Path

from aligntax.errors import UsageError
from aligntax.frontier.collected import Collected, collect
from aligntax.frontier.runs import Runs, runs_of

__all__ = ["read_runs"]

_CHOOSING = "dev"


def read_runs(
    paths: Sequence[Path], *, reference: str = "reference", select: str | None = None
) -> tuple[Runs, Runs | None]:
    """The runs to measure, and, where rows name several splits, those that choose configurations.

    Args:
        paths: files and directories; see `collect`.
        reference: the method that is the model before alignment.
        select: the split that chooses; "dev" where rows name several and this is not said.

    Returns:
        Runs on the items that measure, and on those that choose; None where rows name one split or none.

    Raises:
        UnreadableInput: see `collect`.
        UsageError: see `runs_of`; or a split that there is not, or an item in both.
    """
    collected = collect(paths)
    splits = list(dict.fromkeys(run.split for run in collected))
    if len(splits) == 1:
        if select is not None:
            there = f"one split, {splits[0]}" if splits[0] else "no splits"
            raise UsageError(
                f"--select {select}: rows name {there}",
                hint="a field `split` tells which items choose and which measure",
            )
        return runs_of(collected, reference=reference, splits=splits), None
    chosen = _CHOOSING if select is None else select
    if chosen not in splits:
        listed = ", ".join(name or "(none)" for name in splits)
        raise UsageError(f"no split is called {chosen!r}; there are {listed}", hint="--select SPLIT chooses")
    others = [name for name in splits if name != chosen]
    _check_apart(collected, chosen)
    return (
        runs_of(collected, reference=reference, splits=others),
        runs_of(collected, reference=reference, splits=[chosen]),
    )


def _check_apart(collected: Collected, chosen: str) -> None:
    """No item may both choose and measure."""
    choosing: dict[str, set[str]] = {}
    measuring: dict[str, set[str]] = {}
    for run, measured in collected.items():
        for axis, items in measured.items.items():
            (choosing if run.split == chosen else measuring).setdefault(axis, set()).update(items)
    for axis, chooses in choosing.items():
        if both := chooses & measuring.get(axis, set()):
            raise UsageError(
                f"{axis}: {len(both):,} items, such as {min(both)!r}, are in split {chosen} and in another",
                hint="what chooses must not measure; keep each item in one split",
            )
