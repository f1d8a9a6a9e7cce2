"""A figure of a use case over runs."""

import datetime as dt
from dataclasses import dataclass
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import HTMLResponse

from aligntax.dashboard.charts import Chart
from aligntax.dashboard.charts.trend import trend_chart
from aligntax.dashboard.exporting import add_exports
from aligntax.dashboard.parameters import From, Name, Opened, To
from aligntax.dashboard.reading.behind import behind
from aligntax.dashboard.reading.catalogue import components_of, newest, slices_of
from aligntax.dashboard.reading.current_policy import budget_of, policy_in_force
from aligntax.dashboard.reading.history import SPANS, History, history
from aligntax.dashboard.rendering import render
from aligntax.dashboard.security import needs_role
from aligntax.ledger.marks import Mark, marks
from aligntax.ledger.opened import Ledger
from aligntax.policy.model import Budget

__all__ = ["Asked", "router", "trend_of"]

router = APIRouter(include_in_schema=False, dependencies=[needs_role("viewer")])
_RANGES = (("4 weeks", 28), ("12 weeks", 84), ("a year", 365), ("everything", 0))
Span = Literal["", "day", "week", "month", "longer", "any"]


@dataclass(frozen=True)
class Asked:
    """What a trend is asked for, as it stands in the query."""

    use_case: Name = ""
    component: Name = "completion_tax"
    model: Name = ""
    span: Annotated[Span, Query(description="how much time the traffic of a run is of")] = ""
    raw: Annotated[bool, Query(description="leave corrected figures aside")] = False
    first: From = None
    last: To = None

    @property
    def query(self) -> dict[str, object]:
        """The same as names and values of a query."""
        asked = {"use_case": self.use_case, "component": self.component, "model": self.model}
        return asked | {
            "span": self.span,
            "raw": "1" if self.raw else "",
            "from": self.first,
            "to": self.last,
        }

    def of(self, ledger: Ledger) -> History:
        """The figure that is asked for, over the runs of a ledger."""
        return history(
            ledger,
            self.component or "completion_tax",
            use_case=self.use_case,
            model=self.model,
            first=self.first,
            last=self.last,
            span=self.span,
            raw=self.raw,
        )


@dataclass(frozen=True)
class Trend:
    """A trend as it is shown."""

    found: History
    marks: list[Mark]
    budget: Budget | None
    chart: Chart


def trend_of(ledger: Opened, asked: Annotated[Asked, Depends()]) -> Trend:
    """What is asked for, looked up and drawn."""
    found = asked.of(ledger)
    happened = _happened(ledger, found)
    budget = budget_of(policy_in_force(ledger)[1], asked.use_case, found.component)
    return Trend(found, happened, budget, trend_chart(found, happened, budget))


def _happened(ledger: Ledger, found: History) -> list[Mark]:
    """Marks in the time that is drawn."""
    if not found.points:
        return []
    spare = dt.timedelta(hours=6)
    begin, end = found.points[0].at - spare, found.points[-1].at + spare
    return marks(ledger, begin, end, use_case=found.use_case or None)


@router.get("/trend")
def trend_page(
    request: Request,
    ledger: Opened,
    asked: Annotated[Asked, Depends()],
    shown: Annotated[Trend, Depends(trend_of)],
) -> HTMLResponse:
    """One figure over time, with what happened in between."""
    run = newest(ledger, "bill")
    use_cases, models = slices_of(ledger, run.id) if run else ([], [])
    components = components_of(ledger, run.id, asked.use_case) if run else []
    _, policy = policy_in_force(ledger)
    budgeted = [case.name for case in policy.use_case] if policy else []
    return render(
        request,
        "trend.html",
        title="Trend",
        asked=asked,
        shown=shown,
        use_cases=list(dict.fromkeys([*budgeted, *use_cases])),
        models=models,
        behind=_newest_behind(ledger, asked, shown.found),
        components=list(dict.fromkeys([*components, asked.component])),
        spans=[span for span in SPANS if span in shown.found.spans or span == "any"],
        ranges=_ranges(shown.found),
    )


def _newest_behind(ledger: Ledger, asked: Asked, found: History) -> str:
    """Where the exchanges behind the newest figure are; "" where its run does not keep them."""
    where = behind(ledger, found.points[-1].run) if found.points else None
    named = {"use_case": asked.use_case, "model": asked.model}
    return where(found.component, {k: name for k, name in named.items() if name}) if where else ""


def _ranges(found: History) -> list[tuple[str, dt.date | None]]:
    """Spans to choose with one press: name and first day."""
    end = found.points[-1].at.date() if found.points else dt.date.today()
    return [(name, end - dt.timedelta(days=days) if days else None) for name, days in _RANGES]


def _chart(shown: Annotated[Trend, Depends(trend_of)]) -> Chart:
    return shown.chart


add_exports(router, "/trend", _chart)
