"""The document a page draws: the newest of its kind, or the one that is asked for."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from aligntax.ledger.opened import Ledger
from aligntax.ledger.runs import Run, document, find_run, runs
from aligntax.records import Estimate, unknown
from aligntax.report.document import estimate_of

__all__ = ["Chosen", "choose", "estimate", "readable", "triple"]

_LISTED = 100
Read = TypeVar("Read")


@dataclass(frozen=True, slots=True)
class Chosen:
    """A run, its document, and the runs that could be shown in its place, newest first."""

    run: Run
    contents: Mapping[str, Any]
    others: list[Run]


def choose(ledger: Ledger, kind: str, key: str = "") -> Chosen | None:
    """The newest run of a kind, or the one of a key if it is of that kind; None where there is none."""
    others = runs(ledger, kind=kind, limit=_LISTED)
    if not others:
        return None
    run = others[0]
    if key:
        asked = find_run(ledger, key)
        run = asked if asked.kind == kind else run
    return Chosen(run, document(ledger, run.id), others)


def readable(read: Callable[[], Read]) -> Read | None:
    """What is read from a document; None where it is not of the form this version knows."""
    try:
        return read()
    except (KeyError, TypeError, ValueError, AttributeError, IndexError, ZeroDivisionError):
        return None


def estimate(entry: Mapping[str, Any] | None) -> Estimate:
    """An estimate of a document; one that says so where there is none."""
    return unknown("not measured", unit="score") if entry is None else estimate_of(entry)


def triple(entry: Mapping[str, Any]) -> tuple[float, float, float]:
    """Value, low and high of an estimate of a document, nan where they are not known."""
    value, low, high = (
        math.nan if entry[end] is None else float(entry[end]) for end in ("value", "low", "high")
    )
    return value, low, high
