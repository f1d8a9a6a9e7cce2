"""Figures beneath each other: a name, a point, its interval."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from aligntax.dashboard.charts.plot import Chart, Scale, across, circle, line, words
from aligntax.records import Estimate
from aligntax.report.figures import interval_text, value_text

__all__ = ["Row", "interval_rows_chart"]

_TALL = 36
_COLUMNS: Mapping[str, str] = {
    "name": "name",
    "value": "value",
    "low": "low",
    "high": "high",
    "level": "level",
    "n": "n",
    "unit": "unit",
    "method": "how",
    "reason": "why unknown",
}


@dataclass(frozen=True, slots=True)
class Row:
    """A figure with its name, and the class of its colour."""

    name: str
    estimate: Estimate
    kind: str = "s0"


def interval_rows_chart(
    name: str,
    title: str,
    rows: Sequence[Row],
    *,
    description: str,
    at: float | None = None,
    legend: Mapping[str, str] | None = None,
) -> Chart:
    """The chart of figures in one unit.

    Args:
        name: of its files.
        title: of the chart.
        rows: from the top; those that are not known are said to be.
        description: for those who do not see it.
        at: a value a line is drawn at, such as no difference; None for none.
        legend: class of a colour -> what it stands for.
    """
    unit = next((row.estimate.unit for row in rows if row.estimate.known), "score")
    ends = [end for row in rows for end in (row.estimate.low, row.estimate.value, row.estimate.high)]
    scale = Scale.over([*ends, *([at] if at is not None else [])], unit=unit)
    drawn = [across(scale)]
    if at is not None:
        drawn.append(line(scale.at(at), 0, scale.at(at), 100, "axis"))
    for place, row in enumerate(rows):
        drawn.append(_drawn(row, round(100 * (place + 0.5) / len(rows), 3), scale))
    return Chart(
        name=name,
        title=title,
        description=description,
        inner=Markup("").join(drawn),
        height=max(_TALL, _TALL * len(rows)),
        columns=_COLUMNS,
        rows=[_row(row) for row in rows],
        legend=legend or {},
        named=True,
    )


def _drawn(row: Row, y: float, scale: Scale) -> Markup:
    name = words(0, y, row.name, "to name", dx=-12, dy=4, most=40)
    estimate = row.estimate
    if not estimate.known:
        return name + words(0, y, f"unknown: {estimate.reason}", "from", dx=4, dy=4, most=80)
    low, high = (end if math.isfinite(end) else estimate.value for end in (estimate.low, estimate.high))
    told = f"{row.name}: {value_text(estimate)} ({interval_text(estimate)}), n {estimate.n:,}"
    drawn = line(scale.at(low), y, scale.at(high), y, "whisker strong") + circle(
        scale.at(estimate.value), y, "dot", told, radius=5
    )
    return name + Markup('<g class="{}">{}</g>').format(row.kind, drawn)


def _row(row: Row) -> dict[str, object]:
    estimate = row.estimate
    known = {
        key: getattr(estimate, key)
        for key in ("value", "low", "high", "level", "n", "unit", "method", "reason")
    }
    return {"name": row.name, **known}
