"""A third person settles what two annotators disagree on: they see both labels, not whose they are."""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Form, HTTPException, Request
from fastapi.responses import HTMLResponse, RedirectResponse

from aligntax.dashboard.labelling.addresses import Position, TaskKey, of_settling, of_task
from aligntax.dashboard.labelling.labels import KEYS, Note, Token
from aligntax.dashboard.labelling.people import Labeller, Person
from aligntax.dashboard.labelling.pieces import pieces
from aligntax.dashboard.labelling.policy import policy_html
from aligntax.dashboard.parameters import Opened
from aligntax.dashboard.rendering import render
from aligntax.dashboard.security import User
from aligntax.labels.policy import MEANING
from aligntax.ledger.annotations import Annotation, annotate, annotations, withdraw
from aligntax.ledger.opened import Ledger
from aligntax.ledger.tasks import Task, find_task, item
from aligntax.records import LABEL_OUTCOMES, LabelOutcome

__all__ = ["Dispute", "disputes", "may_settle", "router"]

router = APIRouter()


@dataclass(frozen=True, slots=True)
class Dispute:
    """An exchange on which annotators disagree.

    Attributes:
        position: of the exchange.
        given: outcome and note of each label, in an order that tells nothing of whose they are.
        settled: what settles it; None while nothing does.
    """

    position: int
    given: tuple[tuple[LabelOutcome, str], ...]
    settled: Annotation | None


def disputes(said: Sequence[Annotation]) -> list[Dispute]:
    """Exchanges whose standing labels differ, settled ones too, by position."""
    standing = [one for one in said if one.withdrawn is None]
    votes = dict[int, list[Annotation]]()
    for one in standing:
        if not one.adjudicated:
            votes.setdefault(one.position, []).append(one)
    settled = {one.position: one for one in standing if one.adjudicated}
    return [
        Dispute(position, _without_names(several), settled.get(position))
        for position, several in sorted(votes.items())
        if len({one.outcome for one in several}) > 1
    ]


def _without_names(several: Sequence[Annotation]) -> tuple[tuple[LabelOutcome, str], ...]:
    return tuple(sorted(((one.outcome, one.note) for one in several), key=_rank))


def _rank(given: tuple[LabelOutcome, str]) -> tuple[int, str]:
    return LABEL_OUTCOMES.index(given[0]), given[1]


def may_settle(task: Task, said: Sequence[Annotation], user: User, name: str) -> str:
    """Why this person may not settle disagreements; "" where they may."""
    if not (user.may("approver") or name in task.settings.adjudicators):
        return "An approver settles disagreements, or somebody the task names for it."
    if any(one.annotator == name and not one.adjudicated for one in said):
        return "You labelled in this task, so a third person settles its disagreements."
    return ""


@router.get("/{task_id}/settle")
def settle_next(
    request: Request, task_id: TaskKey, user: Labeller, name: Person, ledger: Opened
) -> RedirectResponse:
    """The first exchange that is not settled; where there is none, how the task stands."""
    _, said = _allowed(ledger, task_id, user, name)
    return RedirectResponse(_onward(task_id, said), 303)


@router.post("/{task_id}/settle/undo")
def take_back(
    task_id: TaskKey, user: Labeller, name: Person, ledger: Opened, annotation: Annotated[int, Form(ge=1)]
) -> RedirectResponse:
    """Takes a settlement of one's own back."""
    _allowed(ledger, task_id, user, name)
    withdraw(ledger, task_id, annotation, annotator=name)
    said = annotations(ledger, task_id, withdrawn=True)
    (position,) = (one.position for one in said if one.id == annotation)
    return RedirectResponse(of_settling(task_id, position), 303)


@router.get("/{task_id}/settle/{position}")
def show_dispute(
    request: Request, task_id: TaskKey, position: Position, user: Labeller, name: Person, ledger: Opened
) -> HTMLResponse:
    """One exchange with what was said of it."""
    task, said = _allowed(ledger, task_id, user, name)
    all_of_them = disputes(said)
    dispute = next((one for one in all_of_them if one.position == position), None)
    if dispute is None:
        raise HTTPException(404, "On this exchange nobody disagrees.")
    own = [one for one in said if one.adjudicated and one.annotator == name and one.withdrawn is None]
    return render(
        request,
        "labelling/settle.html",
        title=f"Settle exchange {position}",
        task=task,
        name=name,
        item=item(ledger, task_id, position),
        pieces=pieces,
        dispute=dispute,
        open=[one.position for one in all_of_them if one.settled is None],
        total=len(all_of_them),
        last=max(own, key=lambda one: one.id, default=None),
        skip=_onward(task_id, said, position),
        token=secrets.token_urlsafe(18),
        keys=KEYS,
        meaning=MEANING,
        policy=policy_html(2),
    )


@router.post("/{task_id}/settle/{position}")
def settle(
    task_id: TaskKey,
    position: Position,
    user: Labeller,
    name: Person,
    ledger: Opened,
    outcome: Annotated[LabelOutcome, Form()],
    token: Token,
    note: Note = "",
) -> RedirectResponse:
    """Keeps what is to stand, and goes on; what another settled meanwhile is shown instead."""
    _, said = _allowed(ledger, task_id, user, name)
    if all(one.position != position for one in disputes(said)):
        raise HTTPException(409, "On this exchange nobody disagrees any more.")
    kept = annotate(
        ledger,
        task_id,
        position,
        annotator=name,
        outcome=outcome,
        note=note.strip(),
        token=token,
        adjudicated=True,
    )
    if kept.how in ("already", "closed"):
        return RedirectResponse(of_settling(task_id, position), 303)
    return RedirectResponse(_onward(task_id, annotations(ledger, task_id), position), 303)


def _allowed(ledger: Ledger, task_id: str, user: User, name: str) -> tuple[Task, list[Annotation]]:
    task, said = find_task(ledger, task_id), annotations(ledger, task_id, withdrawn=True)
    if why := may_settle(task, said, user, name):
        raise HTTPException(403, why)
    return task, said


def _onward(task_id: str, said: Sequence[Annotation], after: int = 0) -> str:
    """The next exchange to settle: behind `after`, then from the beginning; else the task."""
    left = [one.position for one in disputes(said) if one.settled is None and one.position != after]
    position = next((at for at in left if at > after), left[0] if left else None)
    return of_settling(task_id, position) if position else of_task(task_id)
