"""What is drawn on the page of a bill, to take along: each as SVG, CSV and JSON."""

import datetime as dt
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass

from fastapi import APIRouter, HTTPException

from aligntax.dashboard.charts import Chart
from aligntax.dashboard.charts.interval_rows import Row, interval_rows_chart
from aligntax.dashboard.charts.trend import trend_chart
from aligntax.dashboard.exporting import add_exports
from aligntax.dashboard.parameters import Opened, RunKey
from aligntax.dashboard.reading.behind import days_of, period_of
from aligntax.dashboard.reading.history import History, Point
from aligntax.dashboard.security import needs_role
from aligntax.dashboard.words import said
from aligntax.ledger.figure_rows import reading_rank
from aligntax.ledger.opened import Ledger
from aligntax.ledger.runs import Run, document, find_run, measurements
from aligntax.records import Measurement

__all__ = ["RUN_CHARTS", "router"]

router = APIRouter(include_in_schema=False, dependencies=[needs_role("viewer")])
_OUTCOMES = ("undetermined", "completion_tax", "refused", "hedged", "cannot")


@dataclass(frozen=True, slots=True)
class _Bill:
    """A run, its figures to be read, and what its time is cut into."""

    run: Run
    figures: list[Measurement]
    period: str


Builder = Callable[[_Bill], Chart]


def _outcomes(bill: _Bill) -> Chart:
    whole = {one.component: one for one in bill.figures if not one.slice}
    found = ((said(name), whole[name]) for name in _OUTCOMES if name in whole)
    return _rows("outcomes", "Outcomes of all requests", found)


def _by(dimension: str) -> Builder:
    def build(bill: _Bill) -> Chart:
        name = f"by {dimension.replace('_', ' ')}"
        found = ((one.slice[dimension], one) for one in _tax(bill.figures, dimension))
        return _rows(name.replace(" ", "-"), f"Refused or hedged {name}", found)

    return build


def _symptoms(bill: _Bill) -> Chart:
    families = ("symptom.", "layer.", "fallback")
    found = [one for one in bill.figures if not one.slice and one.component.startswith(families)]
    return _rows("symptoms", "Symptoms, and who stepped in", ((said(one.component), one) for one in found))


def _periods(bill: _Bill) -> Chart:
    ends = ((days_of(one.slice["period"], bill.period), one) for one in _tax(bill.figures, "period"))
    dated = [(days[1], one) for days, one in ends if days and one.estimate.known]
    points = [
        Point(bill.run, one, dt.datetime.combine(last, dt.time()))
        for last, one in sorted(dated, key=lambda pair: pair[0])
    ]
    if not points:
        raise HTTPException(404, "This run has no times.")
    return trend_chart(History(component="completion_tax", points=points), (), None)


RUN_CHARTS: Mapping[str, tuple[str, Builder]] = {
    "outcomes": ("outcomes", _outcomes),
    "use-cases": ("use cases", _by("use_case")),
    "models": ("models", _by("model")),
    "periods": ("over time", _periods),
    "symptoms": ("symptoms", _symptoms),
}
"""Name in the address -> what a link says, and what draws it."""


def _tax(figures: Iterable[Measurement], dimension: str) -> Iterator[Measurement]:
    """Of every slice by one dimension alone."""
    return (one for one in figures if one.component == "completion_tax" and set(one.slice) == {dimension})


def _rows(name: str, title: str, found: Iterable[tuple[str, Measurement]]) -> Chart:
    rows = [Row(words, figure.estimate) for words, figure in found]
    if not rows:
        raise HTTPException(404, "This run has no such figures.")
    return interval_rows_chart(name, title, rows, description=f"{len(rows)} rates, each with its interval.")


def _read(ledger: Ledger, run: Run) -> list[Measurement]:
    """Of every component and slice the figure to be read, in the order of the run."""
    found: dict[tuple[str, frozenset[tuple[str, str]]], Measurement] = {}
    for figure in measurements(ledger, run.id):
        key = (figure.component, frozenset(figure.slice.items()))
        if key not in found or reading_rank(figure) < reading_rank(found[key]):
            found[key] = figure
    return list(found.values())


def _of(build: Builder) -> Callable[..., Chart]:
    def chart(ledger: Opened, key: RunKey) -> Chart:
        run = find_run(ledger, key)
        return build(_Bill(run, _read(ledger, run), period_of(document(ledger, run.id))))

    return chart


for _name, (_, _build) in RUN_CHARTS.items():
    add_exports(router, f"/runs/{{key}}/{_name}", _of(_build))
