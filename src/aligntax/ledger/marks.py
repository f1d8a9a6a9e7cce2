"""Marks: what happened between runs, such as a deploy or a new prompt."""

import datetime as dt
from dataclasses import dataclass
from typing import Literal, get_args

from sqlalchemy import select

from aligntax.errors import UsageError
from aligntax.ledger.keys import now
from aligntax.ledger.opened import Ledger
from aligntax.ledger.tables import marks as table

__all__ = ["MARK_KINDS", "Mark", "MarkKind", "add_mark", "marks"]

MarkKind = Literal["deploy", "model", "prompt", "detector", "policy", "note"]
MARK_KINDS: tuple[MarkKind, ...] = get_args(MarkKind)


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """Something that happened.

    Attributes:
        at: when, UTC without zone.
        kind: deploy, model, prompt, detector, policy or note.
        text: what, for a person.
        use_case: it concerns; "" for all.
        author: who says so; "" where that was not said.
    """

    at: dt.datetime
    kind: str
    text: str
    use_case: str = ""
    author: str = ""


def add_mark(
    ledger: Ledger,
    kind: str,
    text: str,
    at: dt.datetime | None = None,
    use_case: str = "",
    author: str = "",
) -> Mark:
    """Adds a mark; `at` is now by default.

    Raises:
        UsageError: there is no such kind.
    """
    if kind not in MARK_KINDS:
        raise UsageError(f"{kind}: no kind of mark", hint=f"one of {', '.join(MARK_KINDS)}")
    recorded = now()
    at = recorded if at is None else at
    if at.tzinfo is not None:
        at = at.astimezone(dt.UTC).replace(tzinfo=None)
    mark = Mark(at=at, kind=kind, text=text, use_case=use_case, author=author)
    row = {name: getattr(mark, name) for name in Mark.__slots__}
    with ledger.writing() as connection:
        connection.execute(table.insert(), row | {"recorded": recorded})
    return mark


def marks(
    ledger: Ledger,
    first: dt.datetime | None = None,
    last: dt.datetime | None = None,
    *,
    use_case: str | None = None,
) -> list[Mark]:
    """Marks, oldest first.

    Args:
        ledger: to read.
        first: only those from then on, UTC without zone.
        last: only those until then.
        use_case: only those that concern it, which those for all do; all marks by default.
    """
    query = select(*(table.c[name] for name in Mark.__slots__)).order_by(table.c.at, table.c.id)
    if first is not None:
        query = query.where(table.c.at >= first)
    if last is not None:
        query = query.where(table.c.at <= last)
    if use_case is not None:
        query = query.where(table.c.use_case.in_(("", use_case)))
    with ledger.reading() as connection:
        return [Mark(**row._mapping) for row in connection.execute(query)]
