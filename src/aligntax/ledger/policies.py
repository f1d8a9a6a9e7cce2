"""Policies: every text that was in force, who wrote it, who approved it."""

import datetime as dt
from dataclasses import dataclass

from sqlalchemy import select

from aligntax.errors import UnreadableInput
from aligntax.ledger.inserting import alone
from aligntax.ledger.keys import content_hash, now
from aligntax.ledger.opened import Ledger
from aligntax.ledger.tables import policies as table

__all__ = ["KeptPolicy", "approve", "keep_policy", "policies", "policy_text"]


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptPolicy:
    """One change of the policy.

    Attributes:
        id: hash of its text; a change back to an earlier text has that text's.
        recorded: when, UTC without zone.
        author: who made it; "" where that was not said.
        note: why.
        previous: the policy before it.
        approved_by: who approved it; None as long as nobody has.
        approved: when.
    """

    id: str
    recorded: dt.datetime
    author: str
    note: str
    previous: str | None
    approved_by: str | None
    approved: dt.datetime | None


_COLUMNS = tuple(table.c[name] for name in KeptPolicy.__slots__)


def keep_policy(ledger: Ledger, text: str, *, author: str = "", note: str = "") -> str:
    """Keeps a policy's text, unless it is the newest already.

    Returns:
        Its id.
    """
    key = content_hash(text)
    with ledger.writing() as connection:
        alone(connection, table)
        newest = connection.execute(select(table.c.id).order_by(table.c.change.desc()).limit(1)).scalar()
        if newest == key:
            return key
        row = {"id": key, "text": text, "recorded": now(), "author": author, "note": note}
        connection.execute(table.insert(), row | {"previous": newest})
    return key


def approve(ledger: Ledger, policy_id: str, *, by: str) -> None:
    """Says who approved the newest change to a policy; the first approval stands.

    Raises:
        UnreadableInput: the ledger has no such policy.
    """
    newest = select(table.c.change).where(table.c.id == policy_id).order_by(table.c.change.desc()).limit(1)
    with ledger.writing() as connection:
        change = connection.execute(newest).scalar()
        if change is None:
            raise UnreadableInput(f"{policy_id}: the ledger has no policy of that id")
        awaiting = (table.c.change == change) & table.c.approved_by.is_(None)
        connection.execute(table.update().where(awaiting).values(approved_by=by, approved=now()))


def policies(ledger: Ledger, *, limit: int | None = None) -> list[KeptPolicy]:
    """All changes, newest first."""
    query = select(*_COLUMNS).order_by(table.c.change.desc()).limit(limit)
    with ledger.reading() as connection:
        return [KeptPolicy(**row._mapping) for row in connection.execute(query)]


def policy_text(ledger: Ledger, policy_id: str) -> str:
    """The text of a policy.

    Raises:
        UnreadableInput: the ledger has no such policy.
    """
    with ledger.reading() as connection:
        text = connection.execute(select(table.c.text).where(table.c.id == policy_id).limit(1)).scalar()
    if text is None:
        raise UnreadableInput(f"{policy_id}: the ledger has no policy of that id")
    return str(text)
