"""The tasks, and one exchange at a time: shown, labelled, passed over, taken back."""

import secrets
from typing import Annotated

from fastapi import APIRouter, Form, Query, Request
from fastapi.responses import HTMLResponse, JSONResponse, RedirectResponse, Response

from aligntax.dashboard.labelling.addresses import Position, TaskKey, of_item, of_task
from aligntax.dashboard.labelling.desk import Desk
from aligntax.dashboard.labelling.people import Labeller, Person, name_of
from aligntax.dashboard.labelling.pieces import pieces
from aligntax.dashboard.labelling.policy import policy_html
from aligntax.dashboard.labelling.shrinking import STEP, seen_by, widths
from aligntax.dashboard.parameters import Opened
from aligntax.dashboard.rendering import render
from aligntax.labels.policy import MEANING, POLICY_VERSION
from aligntax.ledger.annotations import Annotation, Kept, annotate, annotations, withdraw
from aligntax.ledger.opened import Ledger
from aligntax.ledger.tasks import find_task, item, tasks
from aligntax.records import LabelOutcome
from aligntax.report.visible import visible

__all__ = ["KEYS", "Note", "Token", "router"]

KEYS: dict[LabelOutcome, str] = {"complete": "c", "hedged": "h", "refused": "r", "not_applicable": "n"}
"""Outcome -> its letter; its place from 1 is its digit."""
Note = Annotated[str, Form(max_length=20_000)]
Token = Annotated[str, Form(min_length=1, max_length=64)]
Back = Annotated[LabelOutcome | None, Query()]
_CONFLICT = 409
router = APIRouter()


@router.get("")
def show_tasks(request: Request, user: Labeller, ledger: Opened) -> HTMLResponse:
    """All tasks, with how far one has come in each."""
    name = name_of(request)
    desks = [Desk(task, name, annotations(ledger, task.id)) for task in tasks(ledger)]
    return render(request, "labelling/tasks.html", title="Labelling", desks=desks, name=name)


@router.get("/{task_id}/next")
def go_on(task_id: TaskKey, name: Person, ledger: Opened, after: int | None = None) -> RedirectResponse:
    """The next exchange to label; where there is none, how the task stands."""
    return RedirectResponse(_onward(_desk(ledger, task_id, name), after), 303)


@router.post("/{task_id}/undo")
def undo(
    task_id: TaskKey, name: Person, ledger: Opened, annotation: Annotated[int, Form(ge=1)]
) -> RedirectResponse:
    """Takes a label of one's own back, and shows its exchange again."""
    withdraw(ledger, task_id, annotation, annotator=name)
    said = annotations(ledger, task_id, withdrawn=True)
    (position,) = (one.position for one in said if one.id == annotation)
    return RedirectResponse(of_item(task_id, position), 303)


@router.get("/{task_id}/{position}")
def show_item(
    request: Request,
    task_id: TaskKey,
    position: Position,
    name: Person,
    ledger: Opened,
    not_kept: Back = None,
) -> HTMLResponse:
    """One exchange to label, or the label it has."""
    desk = _desk(ledger, task_id, name)
    shown = item(ledger, task_id, position)
    stands = desk.mine.get(position)
    return render(
        request,
        "labelling/item.html",
        title=f"Exchange {position} of {desk.task.size}",
        desk=desk,
        item=shown,
        pieces=pieces,
        stands=stands,
        before=desk.before(position),
        not_kept=not_kept,
        skip=f"{of_task(task_id)}/next?after={position}",
        token=secrets.token_urlsafe(18),
        widths=widths(ledger, desk.task, seen_by(desk.task, name, desk.said)),
        step=STEP,
        keys=KEYS,
        meaning=MEANING,
        policy=policy_html(2),
        other_policy=desk.task.policy_version != POLICY_VERSION,
    )


@router.post("/{task_id}/{position}")
def keep_label(
    request: Request,
    task_id: TaskKey,
    position: Position,
    name: Person,
    ledger: Opened,
    outcome: Annotated[LabelOutcome, Form()],
    annotator: Annotated[str, Form(max_length=256)],
    token: Token,
    note: Note = "",
) -> Response:
    """Keeps a label, and goes on; what is not kept is told, with what stands instead."""
    if annotator != visible(name):
        return _answer(request, "other_person", of_item(task_id, position))
    kept = annotate(
        ledger, task_id, position, annotator=name, outcome=outcome, note=note.strip(), token=token
    )
    if _agrees(kept, outcome):
        return _answer(request, kept.how, _onward(_desk(ledger, task_id, name), position))
    how = "already" if kept.how == "repeated" else kept.how
    return _answer(request, how, f"{of_item(task_id, position)}?not_kept={outcome}")


def _agrees(kept: Kept, outcome: str) -> bool:
    """Whether what was sent is what is kept now, by this form or an earlier sending of it."""
    said: Annotation | None = kept.annotation
    return kept.how in ("kept", "repeated") and said is not None and said.outcome == outcome


def _answer(request: Request, how: str, to: str) -> Response:
    """To the script of the page as JSON; to a plain form as the page to see now."""
    if "application/json" not in request.headers.get("accept", ""):
        return RedirectResponse(to, 303)
    return JSONResponse({"how": how, "next": to}, 200 if how in ("kept", "repeated") else _CONFLICT)


def _desk(ledger: Ledger, task_id: str, name: str) -> Desk:
    return Desk(find_task(ledger, task_id), name, annotations(ledger, task_id, withdrawn=True))


def _onward(desk: Desk, after: int | None) -> str:
    position = desk.next(after)
    return of_item(desk.task.id, position) if position else of_task(desk.task.id)
