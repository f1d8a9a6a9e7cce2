"""One figure over the runs: as a document, and as lines with their intervals drawn beside each other.

Schema "aligntax.trend/1":

    component  name
    slice      what it is of
    unit       of the figures; null where the runs do not agree
    points     [{run, kind, created, detector, detector_version, judge, correction, changed, value, ...}],
               oldest first; changed says what is not as in the point before, so that the two are not to be
               compared: [] where nothing is
    marks      [{at, kind, text, use_case, author}], oldest first
"""

import datetime as dt
import math
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from aligntax.ledger.marks import Mark
from aligntax.ledger.runs import Run
from aligntax.records import Estimate, Measurement
from aligntax.report.document import estimate_of, flat
from aligntax.report.figures import WAYS, interval_text, value_text
from aligntax.report.tables import dim, figures_table, printable, shown

__all__ = ["changes", "mark_entry", "print_trend", "trend_document"]

_WIDE = 100
_PLOT = {True: 36, False: 24}
Point = Mapping[str, Any]


def trend_document(
    component: str, found: Sequence[tuple[Run, Measurement]], happened: Sequence[Mark]
) -> dict[str, Any]:
    """A figure over runs as plain values.

    Args:
        component: its name.
        found: runs and the figure in each, oldest first.
        happened: marks, oldest first.
    """
    changed: list[list[str]] = [[], *(changes(before, after) for before, after in pairwise(found))]
    units = {figure.estimate.unit for _, figure in found}
    return {
        "schema": "aligntax.trend/1",
        "component": component,
        "slice": dict(found[-1][1].slice),
        "unit": units.pop() if len(units) == 1 else None,
        "points": [_point(run, figure, what) for (run, figure), what in zip(found, changed, strict=True)],
        "marks": [mark_entry(one) for one in happened],
    }


def mark_entry(one: Mark) -> dict[str, object]:
    """A mark as plain values."""
    said = {name: getattr(one, name) for name in ("kind", "text", "use_case", "author")}
    return {"at": one.at.isoformat(), **said}


def changes(before: tuple[Run, Measurement], after: tuple[Run, Measurement]) -> list[str]:
    """Why two figures are not to be compared, in words; empty where they may be."""
    one, other = before[0].origin, after[0].origin
    pairs = (
        (
            "detector",
            _named(one.detector, one.detector_version),
            _named(other.detector, other.detector_version),
        ),
        ("judge", one.judge or "none", other.judge or "none"),
        ("rests on", WAYS[before[1].correction], WAYS[after[1].correction]),
    )
    return [f"{name}: {old}, then {new}" for name, old, new in pairs if old != new]


def _named(name: str | None, version: str | None) -> str:
    return f"{name} ({version})" if name and version else name or "not told"


def _point(run: Run, figure: Measurement, changed: Sequence[str]) -> dict[str, Any]:
    return {
        "run": run.id,
        "kind": run.kind,
        "created": run.created.isoformat(),
        "detector": run.origin.detector,
        "detector_version": run.origin.detector_version,
        "judge": run.origin.judge,
        "correction": figure.correction,
        "changed": list(changed),
        **flat(figure.estimate),
    }


def print_trend(document: Mapping[str, Any], console: Console) -> None:
    """Prints a figure over the runs, oldest first, marks where they fall.

    Args:
        document: of `trend_document`.
        console: rich's; on a file or a pipe it prints without colour.
    """
    points: Sequence[Point] = document["points"]
    of = ", ".join(f"{name} {value}" for name, value in document["slice"].items()) or "all traffic"
    count = f"{len(points)} run{'s' if len(points) != 1 else ''}"
    console.print(f"\n[bold]{shown(document['component'])}[/bold]  {shown(of)}, {count}")
    estimates = [estimate_of(one) for one in points]
    wide = console.width >= _WIDE
    low, high = _scale(estimates)
    axis = _axis(low, high, estimates[-1], _PLOT[wide])
    table = figures_table("", "measured", "value", "interval", "n", axis, names=(0, 4, 5))
    if wide:
        table.add_column("run", header_style="dim")
    for column in (table.columns[0], *table.columns[4:]):
        column.no_wrap = True
    left = list(document["marks"])
    for point, estimate in zip(points, estimates, strict=True):
        while left and left[0]["at"] <= point["created"]:
            _add_mark(table, left.pop(0))
        if point["changed"]:
            table.add_row("[yellow]┄┄┄[/yellow]", "", "", "", f"[yellow]{'┄' * _PLOT[wide]}[/yellow]")
        cells = (value_text(estimate), interval_text(estimate), f"{estimate.n:,}")
        line = _line(estimate, low, high, _PLOT[wide])
        table.add_row(_day(point["created"]), *map(escape, cells), line, *([point["run"]] if wide else []))
    for mark in left:
        _add_mark(table, mark)
    console.print(table)
    _print_notes(document, console)


def _print_notes(document: Mapping[str, Any], console: Console) -> None:
    """What happened, and where figures are not to be compared, in the order of time."""
    notes = [(one["at"], _said(one)) for one in document["marks"]]
    for point in document["points"]:
        if point["changed"]:
            what = "; ".join(point["changed"])
            notes.append((point["created"], f"┄ not to be compared with what is above ({what})"))
    for time, text in sorted(notes, key=lambda note: note[0]):
        console.print(dim(printable(f"{_day(time)}  {text}")))


def _said(mark: Mapping[str, Any]) -> str:
    of = f" ({mark['use_case']})" if mark["use_case"] else ""
    return f"◆ {mark['kind']}: {mark['text']}{of}"


def _day(time: str) -> str:
    return f"{dt.datetime.fromisoformat(time):%Y-%m-%d %H:%M}"


def _add_mark(table: Table, mark: Mapping[str, Any]) -> None:
    table.add_row(_day(mark["at"]), "", "", "", f"[cyan]◆ {shown(mark['kind'])}[/cyan]")


def _scale(estimates: Sequence[Estimate]) -> tuple[float, float]:
    """The ends of what is drawn: all intervals, and zero where it is near."""
    ends = [end for one in estimates for end in (one.low, one.value, one.high) if math.isfinite(end)]
    low, high = min(ends, default=0.0), max(ends, default=1.0)
    if 0 < low < 2 * (high - low):
        low = 0.0
    if low == high:
        low, high = low - 0.5, high + 0.5
    return low, high


def _axis(low: float, high: float, like: Estimate, width: int) -> str:
    """The scale, over the lines."""
    ends = [value_text(_at(like, end)).removesuffix(" points") for end in (low, high)]
    return escape(f"{ends[0]}{ends[1]:>{max(width - len(ends[0]), len(ends[1]) + 1)}}")


def _at(like: Estimate, value: float) -> Estimate:
    return Estimate(
        value=value, low=value, high=value, level=like.level, n=like.n, unit=like.unit, method=like.method
    )


def _line(estimate: Estimate, low: float, high: float, width: int) -> str:
    """The interval as a line with the value on it; open where an end is not known."""
    if not estimate.known:
        return "[dim]?[/dim]"

    def place(value: float) -> int:
        return min(max(round((value - low) / (high - low) * (width - 1)), 0), width - 1)

    cells = [" "] * width
    first = place(estimate.low) if math.isfinite(estimate.low) else 0
    last = place(estimate.high) if math.isfinite(estimate.high) else width - 1
    for at in range(first, last + 1):
        cells[at] = "─"
    if math.isfinite(estimate.low):
        cells[first] = "├"
    if math.isfinite(estimate.high):
        cells[last] = "┤"
    cells[place(estimate.value)] = "●"
    return "".join(cells).rstrip()
