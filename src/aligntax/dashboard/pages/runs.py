"""The list of runs, and a run's own page."""

import json
from dataclasses import replace
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, Response

from aligntax.dashboard.labelling.blinding import blind
from aligntax.dashboard.pages.run_charts import RUN_CHARTS
from aligntax.dashboard.parameters import Key, Name, Opened, RunKey
from aligntax.dashboard.reading.behind import Behind, behind, kept_outcomes, period_of
from aligntax.dashboard.reading.figure_groups import grouped_figures
from aligntax.dashboard.reading.run_list import kinds, list_runs
from aligntax.dashboard.rendering import render
from aligntax.dashboard.security import needs_role
from aligntax.ledger.models import stages_of
from aligntax.ledger.opened import Ledger
from aligntax.ledger.runs import Run, document, find_run, measurements, runs
from aligntax.ledger.verdicts import verdicts

__all__ = ["router"]

router = APIRouter(include_in_schema=False, dependencies=[needs_role("viewer")])
_DRAWN = {
    "frontier": "/frontier",
    "correlate": "/frontier",
    "triggers": "/triggers",
    "stages": "/checkpoints",
    "drift": "/checkpoints",
}
"""Kinds of runs that are drawn on a page of their own."""


@router.get("/runs")
def run_list(request: Request, ledger: Opened, kind: Name = "", after: Key = "") -> HTMLResponse:
    """All runs, newest first, a page at a time."""
    found, following = list_runs(ledger, kind=kind, after=after)
    return render(
        request, "runs.html", title="Runs", found=found, following=following, kind=kind, kinds=kinds(ledger)
    )


@router.get("/runs/{key}.json", dependencies=[blind])
def run_document(ledger: Opened, key: RunKey) -> Response:
    """A run's document, as it was recorded."""
    run = find_run(ledger, key)
    body = json.dumps(document(ledger, run.id), ensure_ascii=True, allow_nan=False)
    headers = {"Content-Disposition": f'attachment; filename="{run.kind[:32]}-{run.id}.json"'}
    return Response(body, media_type="application/json", headers=headers)


@router.get("/runs/{key}", dependencies=[blind])
def run_page(request: Request, ledger: Opened, key: RunKey) -> HTMLResponse:
    """A run: what it measured, on what, and where its figures come from."""
    run = find_run(ledger, key)
    contents = document(ledger, run.id)
    shared: dict[str, Any] = {
        "run": run,
        "facts": _facts(run),
        "before": _before(ledger, run),
        "drawn": _DRAWN.get(run.kind, ""),
        "exchanges": kept_outcomes(ledger, run.id) is not None,
        "verdicts": verdicts(ledger, run.id, limit=20),
        "stages": stages_of(ledger, run.id),
        "notes": _notes(contents),
    }
    if run.kind == "bill" and (view := _bill(contents, behind(ledger, run))):
        return render(
            request, "run_bill.html", title=_title(run), view=view, shown=20, charts=RUN_CHARTS, **shared
        )
    groups, left_out = grouped_figures(measurements(ledger, run.id))
    return render(request, "run.html", title=_title(run), groups=groups, left_out=left_out, **shared)


def _title(run: Run) -> str:
    return run.title or f"{run.kind} of {run.created:%Y-%m-%d}"


def _bill(contents: dict[str, Any], found: Behind | None) -> Any:  # noqa: ANN401 - a View
    """The bill as the report shows it, with the way to its exchanges; None where it cannot be read."""
    from aligntax.report.view import View  # what measures comes with it

    try:
        view = View(contents, found and replace(found, period=period_of(contents)))
        _ = (view.bill, view.use_cases, view.trend, view.quotes, view.methods)
    except (KeyError, TypeError, ValueError, AttributeError):
        return None
    return view


def _before(ledger: Ledger, run: Run) -> Run | None:
    """The run of the same kind before this one."""
    found = runs(ledger, kind=run.kind, before=run.created, limit=1)
    return found[0] if found else None


def _notes(contents: dict[str, Any]) -> list[str]:
    notes = contents.get("notes")
    return [str(note) for note in notes if isinstance(note, str)][:100] if isinstance(notes, list) else []


def _facts(run: Run) -> list[tuple[str, str]]:
    """Where its figures come from, as names and words; what is not known is left out."""
    origin = run.origin
    told = {
        "source": origin.source,
        "detector": " ".join(filter(None, (origin.detector, origin.detector_version))),
        "judge": origin.judge,
        "policy": origin.policy_id and origin.policy_id[:12],
        "seed": None if origin.seed is None else str(origin.seed),
        "hash of the data": origin.data_hash and origin.data_hash[:12],
        "hash of the settings": origin.config_hash and origin.config_hash[:12],
        "commit": origin.git_sha and origin.git_sha[:12] + (" with changes" if origin.git_dirty else ""),
        "versions": ", ".join(f"{name} {version}" for name, version in origin.versions.items()),
        "hash of the document": run.document_hash[:12],
        "schema": run.schema,
        "recorded": f"{run.recorded:%Y-%m-%d %H:%M}",
    }
    return [(name, text) for name, text in told.items() if text]
