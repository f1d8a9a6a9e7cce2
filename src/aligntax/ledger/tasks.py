"""Labelling tasks: exchanges of a label plan, put before people one at a time."""

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Row, Select, func, select

from aligntax.errors import UnreadableInput, UsageError
from aligntax.labels import POLICY_VERSION
from aligntax.labels.plan import Chosen, Plan
from aligntax.labels.strata import Stratum
from aligntax.ledger import tables
from aligntax.ledger.column_types import fitting
from aligntax.ledger.keys import new_key, now
from aligntax.ledger.opened import Ledger

__all__ = [
    "MOST_ANNOTATORS",
    "Item",
    "Settings",
    "Task",
    "find_task",
    "item",
    "make_task",
    "plan_of",
    "tasks",
]

MOST_ANNOTATORS = 2
_SETTINGS = "labelling"  # beside the head of the plan, in tasks.plan
_STRATUM_WIDTH = 256
_REASON_WIDTH = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """How a task is labelled.

    Attributes:
        annotators: labels each exchange is to get, 1 or 2.
        adjudicators: names, besides all approvers, of those who settle disagreements.
        redacted: whether the texts were cleaned of personal data.
        verdicts: what a detector said of the run the plan is of, in the form of `tax.labelling.verdicts_of`,
            for the interval; None where no run was at hand. No annotator sees it.
    """

    annotators: int = 1
    adjudicators: tuple[str, ...] = ()
    redacted: bool = True
    verdicts: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """Exchanges to label.

    Attributes:
        id: its key.
        title: for a person.
        run_id: of the run the exchanges are of; None where it is not in the ledger.
        policy_version: of the labelling policy to follow.
        created: UTC without zone.
        author: who made it.
        closed: when it was closed, UTC without zone; None while it is open.
        size: exchanges in it, at the positions 1 to `size`.
        settings: how it is labelled.
        head: of the label plan, as JSON.
    """

    id: str
    title: str
    run_id: str | None
    policy_version: str
    created: dt.datetime
    author: str
    closed: dt.datetime | None
    size: int
    settings: Settings
    head: Mapping[str, Any] = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One exchange as an annotator may see it: no id, no verdict, no model, no stratum, no chance.

    Attributes:
        position: in the order to label in, from 1.
        use_case: "" where the log has none.
        system: the system prompt, "" without one.
        prompt: the request.
        response: what came back.
        finish_reason: the provider's word for why the response ended, "" where there is none.
    """

    position: int
    use_case: str
    system: str
    prompt: str
    response: str
    finish_reason: str


def make_task(
    ledger: Ledger,
    plan: Plan,
    texts: Mapping[str, Mapping[str, str]],
    *,
    title: str,
    author: str,
    run_id: str | None = None,
    settings: Settings | None = None,
) -> Task:
    """Puts the exchanges of a label plan into the ledger, with their texts, to be labelled.

    Args:
        ledger: to keep them in.
        plan: which exchanges, in the order to label them.
        texts: key -> use_case, system, prompt, response and finish_reason, as far as there are any; an
            exchange that is not in it is left out.
        title: for a person; annotators see it, so it must not tell the detector or the model.
        author: who makes it.
        run_id: of the run in the ledger that the plan is of.
        settings: how it is labelled; one annotator and no adjudicator by default.

    Raises:
        UsageError: no exchange has a text, the plan follows another labelling policy, or the number of
            annotators is neither 1 nor 2.
    """
    settings = settings or Settings()
    chosen = [one for one in plan.chosen if one.key in texts]
    _check(plan, chosen, settings)
    at = now()
    ended = {
        str(position): fitting(reason, _REASON_WIDTH)
        for position, one in enumerate(chosen, 1)
        if (reason := texts[one.key].get("finish_reason", ""))
    }
    beside = {
        "adjudicators": list(settings.adjudicators),
        "redacted": settings.redacted,
        "verdicts": None if settings.verdicts is None else dict(settings.verdicts),
        "finish_reasons": ended,
    }
    row = {
        "id": new_key(at),
        "title": title,
        "run_id": run_id,
        "plan": plan.header() | {_SETTINGS: beside},
        "policy_version": plan.policy_version,
        "created": at,
        "author": author,
        "annotators": settings.annotators,
    }
    items = [
        {"task_id": row["id"], "position": position} | _item_row(one, texts[one.key])
        for position, one in enumerate(chosen, 1)
    ]
    with ledger.writing() as connection:
        connection.execute(tables.tasks.insert(), row)
        connection.execute(tables.task_items.insert(), items)
    return find_task(ledger, str(row["id"]))


def _check(plan: Plan, chosen: Sequence[Chosen], settings: Settings) -> None:
    if not chosen:
        raise UsageError("no exchange of the plan has a text", hint="give the log the audit read")
    if plan.policy_version != POLICY_VERSION:
        raise UsageError(
            f"the plan follows version {plan.policy_version} of the labelling policy, and the screen shows "
            f"version {POLICY_VERSION}",
            hint="make the plan again: `aligntax label plan RUN`",
        )
    if not 1 <= settings.annotators <= MOST_ANNOTATORS:
        raise UsageError(
            f"{settings.annotators} annotators: an exchange is labelled once or twice", hint="--annotators 2"
        )


def _item_row(one: Chosen, texts: Mapping[str, str]) -> dict[str, object]:
    shown = {name: texts.get(name, "") for name in ("use_case", "system", "prompt", "response")}
    return {"exchange": one.key, "stratum": one.stratum, "probability": one.probability, **shown}


def tasks(ledger: Ledger) -> list[Task]:
    """All tasks, newest first."""
    query = _select_tasks().order_by(tables.tasks.c.created.desc(), tables.tasks.c.id.desc())
    with ledger.reading() as connection:
        return [_task(row) for row in connection.execute(query)]


def find_task(ledger: Ledger, key: str) -> Task:
    """The task of a key, of the beginning of one that only one task has, or of "latest".

    Raises:
        UsageError: several tasks have keys that begin so.
        UnreadableInput: none has.
    """
    query = _select_tasks().order_by(tables.tasks.c.created.desc(), tables.tasks.c.id.desc()).limit(2)
    if key != "latest":
        query = query.where(tables.tasks.c.id.startswith(key, autoescape=True))
    with ledger.reading() as connection:
        found = connection.execute(query).all()
    if len(found) > 1 and key != "latest":
        raise UsageError(f"{key}: several tasks begin so", hint="give more of the key")
    if not found:
        raise UnreadableInput(
            f"{key}: the ledger has no such task", hint="`aligntax label task PLAN LOG` makes one"
        )
    return _task(found[0])


def _select_tasks() -> Select[Any]:
    items = tables.task_items
    size = select(func.count()).where(items.c.task_id == tables.tasks.c.id).scalar_subquery()
    return select(tables.tasks, size.label("size"))


def _task(row: Row[Any]) -> Task:
    values = dict(row._mapping)
    head = dict(values.pop("plan"))
    beside = head.pop(_SETTINGS)
    settings = Settings(
        annotators=values.pop("annotators"),
        adjudicators=tuple(beside["adjudicators"]),
        redacted=beside["redacted"],
        verdicts=beside["verdicts"],
    )
    return Task(**values, settings=settings, head=head)


def item(ledger: Ledger, task_id: str, position: int) -> Item:
    """One exchange of a task, without anything an annotator must not know.

    Raises:
        UnreadableInput: the task has nothing at this position.
    """
    table = tables.task_items
    query = (
        select(table.c.use_case, table.c.system, table.c.prompt, table.c.response, tables.tasks.c.plan)
        .join(tables.tasks, tables.tasks.c.id == table.c.task_id)
        .where(table.c.task_id == task_id, table.c.position == position)
    )
    with ledger.reading() as connection:
        row = connection.execute(query).first()
    if row is None:
        raise UnreadableInput(f"task {task_id} has no exchange {position}", hint="go back to the task")
    texts = dict(row._mapping)
    ended = texts.pop("plan")[_SETTINGS]["finish_reasons"].get(str(position), "")
    return Item(position=position, finish_reason=ended, **texts)


def plan_of(ledger: Ledger, task: Task) -> Plan:
    """The label plan of a task, as far as its exchanges are in the ledger; tells strata and chances."""
    table = tables.task_items
    query = select(table.c.exchange, table.c.stratum, table.c.probability).where(table.c.task_id == task.id)
    head = {name: task.head[name] for name in Plan.__dataclass_fields__ if name in task.head}
    strata = tuple(Stratum(**(row | {"pooled": tuple(row["pooled"])})) for row in head.pop("strata"))
    named = {fitting(stratum.name, _STRATUM_WIDTH): stratum.name for stratum in strata}
    with ledger.reading() as connection:
        rows = connection.execute(query.order_by(table.c.position)).all()
    chosen = tuple(Chosen(row.exchange, named[row.stratum], row.probability) for row in rows)
    return Plan(**(head | {"by": tuple(head["by"]), "strata": strata, "chosen": chosen}))
