"""What people say of the exchanges of a labelling task, and what they take back.

The database is the truth. A label is kept before it is acknowledged; a form that is sent twice is kept once,
by the token it carries; a label that stands is never written over, only withdrawn, and stays readable then.
"""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from sqlalchemy import Connection, Row, Select, select

from aligntax.errors import UnreadableInput, UsageError
from aligntax.labels.plan import Plan
from aligntax.ledger import tables
from aligntax.ledger.keys import now
from aligntax.ledger.opened import Ledger
from aligntax.ledger.tasks import Task
from aligntax.records import LABEL_OUTCOMES, Label, LabelOutcome

__all__ = ["Annotation", "Kept", "annotate", "annotations", "close_task", "standing_labels", "withdraw"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Annotation:
    """What one person said of one exchange.

    Attributes:
        id: counts up in the order in which they were kept.
        position: of the exchange.
        annotator: who said so.
        outcome: one of LABEL_OUTCOMES.
        note: "" without one.
        time: UTC without zone.
        adjudicated: whether it settles a disagreement.
        withdrawn: when it was taken back; None while it stands.
    """

    id: int
    position: int
    annotator: str
    outcome: LabelOutcome
    note: str
    time: dt.datetime
    adjudicated: bool
    withdrawn: dt.datetime | None


@dataclass(frozen=True, slots=True)
class Kept:
    """What became of a label that was sent.

    Attributes:
        how: *kept*; *repeated* (the same form came before, nothing was added); *already* (another label of
            theirs stands, nothing was changed); or *closed* (the task takes no labels any more).
        annotation: the one kept, the one of the same form, or the one that stands; None where closed.
    """

    how: Literal["kept", "repeated", "already", "closed"]
    annotation: Annotation | None


def annotations(ledger: Ledger, task_id: str, *, withdrawn: bool = False) -> list[Annotation]:
    """What was said of a task's exchanges, in the order it was kept.

    Args:
        ledger: to read.
        task_id: the task.
        withdrawn: whether what was taken back is listed too.
    """
    query = _select_annotations(task_id).order_by(tables.annotations.c.id)
    if not withdrawn:
        query = query.where(tables.annotations.c.withdrawn.is_(None))
    with ledger.reading() as connection:
        return [_annotation(row) for row in connection.execute(query)]


def _select_annotations(task_id: str) -> Select[Any]:
    columns = [column for column in tables.annotations.c if column.name not in ("task_id", "token")]
    return select(*columns).where(tables.annotations.c.task_id == task_id)


def _annotation(row: Row[Any]) -> Annotation:
    return Annotation(**row._mapping)


def annotate(
    ledger: Ledger,
    task_id: str,
    position: int,
    *,
    annotator: str,
    outcome: str,
    token: str,
    note: str = "",
    adjudicated: bool = False,
) -> Kept:
    """Keeps what one person says of one exchange, unless something of theirs stands there.

    Args:
        ledger: to keep it in.
        task_id: the task.
        position: of the exchange, from 1.
        annotator: who says so.
        outcome: one of LABEL_OUTCOMES.
        token: of the form it came with, 1 to 64 characters; the same token is kept once.
        note: a remark.
        adjudicated: whether it settles a disagreement; then one for each exchange stands, whoever it is by.

    Raises:
        UsageError: the outcome, position or token makes no sense.
        UnreadableInput: there is no such task.
    """
    if outcome not in LABEL_OUTCOMES or not 1 <= len(token) <= 64 or not annotator:
        raise UsageError("a label needs an outcome, who gives it, and the token of its form")
    table = tables.annotations
    with ledger.writing() as connection:
        closed = _locked(connection, task_id, position)
        said = _select_annotations(task_id)
        if same := connection.execute(said.where(table.c.token == token)).first():
            return Kept("repeated", _own(_annotation(same), annotator, position))
        if closed is not None:
            return Kept("closed", None)
        standing = said.where(
            table.c.position == position, table.c.adjudicated == adjudicated, table.c.withdrawn.is_(None)
        )
        if not adjudicated:
            standing = standing.where(table.c.annotator == annotator)
        if stands := connection.execute(standing).first():
            return Kept("already", _annotation(stands))
        row = {
            "task_id": task_id,
            "position": position,
            "annotator": annotator,
            "outcome": outcome,
            "note": note,
            "time": now(),
            "adjudicated": adjudicated,
            "token": token,
        }
        connection.execute(table.insert(), row)
        return Kept("kept", _annotation(connection.execute(said.where(table.c.token == token)).one()))


def _locked(connection: Connection, task_id: str, position: int | None = None) -> dt.datetime | None:
    """When the task was closed; until the transaction ends nobody else writes to the task."""
    query = select(tables.tasks.c.closed).where(tables.tasks.c.id == task_id).with_for_update()
    row = connection.execute(query).first()
    if row is None:
        raise UnreadableInput(f"{task_id}: the ledger has no such task")
    if position is not None:
        table = tables.task_items
        at = select(table.c.position).where(table.c.task_id == task_id, table.c.position == position)
        if connection.execute(at).first() is None:
            raise UsageError(f"task {task_id} has no exchange {position}")
    closed: dt.datetime | None = row.closed
    return closed


def _own(same: Annotation, annotator: str, position: int) -> Annotation:
    if (same.annotator, same.position) != (annotator, position):
        raise UsageError("this form was another's", hint="reload the page")
    return same


def withdraw(ledger: Ledger, task_id: str, annotation_id: int, *, annotator: str) -> Annotation | None:
    """Takes a label back; a form that is sent twice takes back nothing more.

    Returns:
        What was taken back; None where it had been already.

    Raises:
        UsageError: it is none of theirs, or the task is closed.
    """
    table = tables.annotations
    with ledger.writing() as connection:
        if _locked(connection, task_id) is not None:
            raise UsageError("the task is closed: its labels stand")
        row = connection.execute(_select_annotations(task_id).where(table.c.id == annotation_id)).first()
        if row is None or row.annotator != annotator:
            raise UsageError("there is no such label of yours")
        if row.withdrawn is not None:
            return None
        connection.execute(table.update().where(table.c.id == annotation_id).values(withdrawn=now()))
        return _annotation(row)


def close_task(ledger: Ledger, task_id: str) -> bool:
    """Takes no more labels. Returns whether it was open."""
    with ledger.writing() as connection:
        if _locked(connection, task_id) is not None:
            return False
        connection.execute(tables.tasks.update().where(tables.tasks.c.id == task_id).values(closed=now()))
        return True


def standing_labels(task: Task, plan: Plan, said: Sequence[Annotation]) -> list[Label]:
    """What stands, as labels.

    Args:
        task: they are of.
        plan: of the task, by `plan_of`.
        said: by `annotations`; what was taken back is passed over.
    """
    return [
        Label(
            id=plan.chosen[one.position - 1].key,
            outcome=one.outcome,
            annotator=one.annotator,
            policy_version=task.policy_version,
            time=one.time,
            note=one.note,
            adjudicated=one.adjudicated,
        )
        for one in said
        if one.withdrawn is None
    ]
