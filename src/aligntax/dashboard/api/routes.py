"""Routes of the API; all of them read."""

import datetime as dt
from typing import Annotated, Any

from fastapi import APIRouter, Depends, HTTPException, Query, Request

from aligntax.dashboard.api.shapes import (
    AlertShape,
    ExchangeShape,
    ExchangesShape,
    MarkShape,
    MeasurementShape,
    MeasurementsShape,
    PointShape,
    PolicyShape,
    RunShape,
    RunsShape,
    TrendShape,
    VerdictShape,
)
from aligntax.dashboard.labelling.blinding import blind
from aligntax.dashboard.pages.exchanges import Sought, kept_file, listed_row, may_see_texts, wanted_of
from aligntax.dashboard.pages.trend import Asked
from aligntax.dashboard.parameters import From, Key, Name, Opened, RunKey, To
from aligntax.dashboard.reading.exchanges import exchange_page
from aligntax.dashboard.reading.run_list import list_runs
from aligntax.dashboard.security import needs_role
from aligntax.ledger.marks import marks
from aligntax.ledger.policies import policies, policy_text
from aligntax.ledger.runs import document, find_run, measurements
from aligntax.ledger.verdicts import verdict_document, verdicts
from aligntax.ledger.watches import alerts

__all__ = ["router"]

_REFUSED: dict[int | str, dict[str, Any]] = {
    404: {"description": "There is no such thing."},
    422: {"description": "That cannot be asked for; `detail` says why."},
    401: {"description": "Sign in, or send a token as `Authorization: Bearer TOKEN`."},
}
router = APIRouter(prefix="/api", dependencies=[needs_role("viewer")], responses=_REFUSED)
Limit = Annotated[int, Query(ge=1, le=500)]
Offset = Annotated[int, Query(ge=0, le=10**9)]


@router.get("/runs", tags=["runs"])
def list_of_runs(ledger: Opened, kind: Name = "", after: Key = "", limit: Limit = 50) -> RunsShape:
    """Runs, newest first."""
    found, following = list_runs(ledger, kind=kind, after=after, limit=limit)
    return RunsShape(runs=[RunShape.of(one.run) for one in found], following=following)


@router.get("/runs/{key}", tags=["runs"])
def one_run(ledger: Opened, key: RunKey) -> RunShape:
    """A run, by its key, the beginning of it, or latest."""
    return RunShape.of(find_run(ledger, key))


@router.get("/runs/{key}/document", tags=["runs"], dependencies=[blind])
def document_of_run(ledger: Opened, key: RunKey) -> dict[str, Any]:
    """The document of a run, as it was recorded."""
    return document(ledger, find_run(ledger, key).id)


@router.get("/runs/{key}/measurements", tags=["runs"])
def measurements_of_run(
    ledger: Opened, key: RunKey, component: Name = "", offset: Offset = 0, limit: Limit = 500
) -> MeasurementsShape:
    """The figures of a run, in the order they were recorded."""
    found = measurements(ledger, find_run(ledger, key).id, component=component or None)
    some = [MeasurementShape.of(figure) for figure in found[offset : offset + limit]]
    return MeasurementsShape(total=len(found), measurements=some)


@router.get("/trend", tags=["figures"])
def trend(ledger: Opened, asked: Annotated[Asked, Depends()]) -> TrendShape:
    """A figure over runs, oldest first."""
    found = asked.of(ledger)
    return TrendShape(
        component=found.component,
        use_case=found.use_case,
        model=found.model,
        span=found.span,
        points=[PointShape.of(point) for point in found.points],
    )


@router.get("/verdicts", tags=["verdicts"])
def list_of_verdicts(ledger: Opened, run: Key = "", limit: Limit = 50) -> list[VerdictShape]:
    """Verdicts, newest first; of a run, or of all."""
    key = find_run(ledger, run).id if run else None
    return [VerdictShape.of(one) for one in verdicts(ledger, key, limit)]


@router.get("/verdicts/{key}/document", tags=["verdicts"])
def document_of_verdict(ledger: Opened, key: RunKey) -> dict[str, Any]:
    """The gate's document of a verdict."""
    return verdict_document(ledger, key)


@router.get("/exchanges", tags=["exchanges"], dependencies=[blind])
def list_of_exchanges(
    request: Request,
    ledger: Opened,
    sought: Annotated[Sought, Depends()],
    after: Annotated[str, Query(max_length=40)] = "",
    limit: Limit = 50,
) -> ExchangesShape:
    """Exchanges of a run, newest first; evidence is redacted unless the server and the role allow texts."""
    run, path = kept_file(ledger, sought.run)
    if run is None or path is None:
        raise HTTPException(404, "No run keeps its exchanges here.")
    page = exchange_page(path, wanted_of(ledger, path, sought), after=after, limit=limit)
    allowed = may_see_texts(request)
    return ExchangesShape(
        run=run.id,
        total=page.total,
        exchanges=[ExchangeShape.of(listed_row(row, allowed=allowed)) for row in page.rows],
        following=page.following,
    )


@router.get("/marks", tags=["figures"])
def list_of_marks(ledger: Opened, first: From = None, last: To = None) -> list[MarkShape]:
    """What happened between runs, oldest first."""
    begin = dt.datetime.combine(first, dt.time()) if first else None
    end = dt.datetime.combine(last, dt.time.max) if last else None
    return [
        MarkShape(**{name: getattr(mark, name) for name in MarkShape.model_fields})
        for mark in marks(ledger, begin, end)
    ]


@router.get("/alerts", tags=["verdicts"])
def list_of_alerts(ledger: Opened, limit: Limit = 50) -> list[AlertShape]:
    """Alerts, newest first."""
    return [
        AlertShape(**{name: getattr(alert, name) for name in AlertShape.model_fields})
        for alert in alerts(ledger, limit=limit)
    ]


@router.get("/policy", tags=["policy"])
def policy_in_force(ledger: Opened) -> PolicyShape:
    """The newest policy, and who approved it."""
    found = policies(ledger, limit=1)
    if not found:
        raise HTTPException(404, "No policy is kept.")
    kept = {name: getattr(found[0], name) for name in PolicyShape.model_fields if name != "text"}
    return PolicyShape(**kept, text=policy_text(ledger, found[0].id))
