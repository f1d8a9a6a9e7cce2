"""The first page: use cases against their budgets, the floor, alerts, and what is out of date."""

import datetime as dt
from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Depends, Request
from fastapi.responses import HTMLResponse

from aligntax.dashboard.charts import Chart
from aligntax.dashboard.charts.budgets import budgets_chart, bullet
from aligntax.dashboard.exporting import add_exports
from aligntax.dashboard.parameters import Opened
from aligntax.dashboard.reading.behind import behind
from aligntax.dashboard.reading.catalogue import newest
from aligntax.dashboard.reading.current_policy import policy_in_force
from aligntax.dashboard.reading.stale import stale
from aligntax.dashboard.reading.standing import Standings, standings
from aligntax.dashboard.rendering import render
from aligntax.dashboard.security import needs_role
from aligntax.ledger.policies import KeptPolicy
from aligntax.ledger.runs import Run, find_run
from aligntax.ledger.verdicts import KeptVerdict, verdicts
from aligntax.ledger.watches import alerts
from aligntax.policy.model import Policy

__all__ = ["router"]

router = APIRouter(include_in_schema=False, dependencies=[needs_role("viewer")])
_ALERTS = 6


@dataclass(frozen=True)
class Overview:
    """What the page is made from."""

    kept: KeptPolicy | None
    policy: Policy | None
    run: Run | None
    verdict: KeptVerdict | None
    held: Run | None
    standings: Standings


def _overview(ledger: Opened) -> Overview:
    kept, policy = policy_in_force(ledger)
    run = newest(ledger, "bill")
    found = verdicts(ledger, limit=1)
    verdict = found[0] if found else None
    held = find_run(ledger, verdict.run_id) if verdict else run
    return Overview(kept, policy, run, verdict, held, standings(ledger, policy, verdict, run))


@router.get("/")
def overview_page(
    request: Request, ledger: Opened, shown: Annotated[Overview, Depends(_overview)]
) -> HTMLResponse:
    """Every budget, the worst first."""
    now = dt.datetime.now(dt.UTC).replace(tzinfo=None)
    return render(
        request,
        "overview.html",
        title=shown.policy.service if shown.policy else "Overview",
        shown=shown,
        bullet=bullet,
        behind=behind(ledger, shown.held, held=True) if shown.held else None,
        alerts=alerts(ledger, limit=_ALERTS),
        stale=stale(ledger, shown.kept, shown.policy, shown.verdict, shown.run, now),
    )


def _chart(shown: Annotated[Overview, Depends(_overview)]) -> Chart:
    return budgets_chart([*shown.standings.budgets, *shown.standings.floor])


add_exports(router, "/budgets", _chart)
