"""What a gate found."""

import json
from typing import Any

from fastapi import APIRouter, HTTPException, Request
from fastapi.responses import HTMLResponse, Response

from aligntax.dashboard.parameters import Opened, RunKey
from aligntax.dashboard.reading.behind import behind
from aligntax.dashboard.reading.chosen import readable
from aligntax.dashboard.rendering import render
from aligntax.dashboard.security import needs_role
from aligntax.ledger.opened import Ledger
from aligntax.ledger.runs import find_run
from aligntax.ledger.verdicts import KeptVerdict, verdict_document, verdicts
from aligntax.report.gate_words import held_entries

__all__ = ["router"]

router = APIRouter(include_in_schema=False, dependencies=[needs_role("viewer")])


@router.get("/verdicts/{key}.json")
def verdict_file(ledger: Opened, key: RunKey) -> Response:
    """A gate's document, as it was recorded."""
    body = json.dumps(verdict_document(ledger, key), ensure_ascii=True, allow_nan=False)
    headers = {"Content-Disposition": f'attachment; filename="gate-{key}.json"'}
    return Response(body, media_type="application/json", headers=headers)


@router.get("/verdicts/{key}")
def verdict_page(request: Request, ledger: Opened, key: RunKey) -> HTMLResponse:
    """Everything that was held, and what came of it."""
    contents, kept = verdict_document(ledger, key), _kept(ledger, key)
    return render(
        request,
        "verdict.html",
        title="Verdict",
        kept=kept,
        behind=behind(ledger, find_run(ledger, kept.run_id), held=True),
        held=readable(lambda: list(held_entries(contents))),
        sentence=readable(lambda: str(contents["verdict"]["sentence"])) or "",
        notes=_notes(contents),
    )


def _kept(ledger: Ledger, key: str) -> KeptVerdict:
    found = next((one for one in verdicts(ledger) if one.id == key), None)
    if found is None:
        raise HTTPException(404, "There is no such verdict.")
    return found


def _notes(contents: dict[str, Any]) -> list[str]:
    notes = contents.get("notes")
    return [note for note in notes if isinstance(note, str)][:100] if isinstance(notes, list) else []
