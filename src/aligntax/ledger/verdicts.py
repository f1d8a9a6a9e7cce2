"""Verdicts: what the gate said of a run, under which policy."""

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select

from aligntax.errors import UnreadableInput
from aligntax.ledger.bodies import pack, unpack
from aligntax.ledger.keys import new_key, now
from aligntax.ledger.opened import Ledger
from aligntax.ledger.tables import verdicts as table

__all__ = ["KeptVerdict", "keep_verdict", "verdict_document", "verdicts"]


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptVerdict:
    """One verdict.

    Attributes:
        id: its key.
        run_id: of the run it is on.
        policy_id: of the policy it was held to.
        baseline_id: of the run it was compared with; None without one.
        mode: release or pull_request.
        verdict: pass, fail or inconclusive.
        recorded: when, UTC without zone.
    """

    id: str
    run_id: str
    policy_id: str
    baseline_id: str | None
    mode: str
    verdict: str
    recorded: dt.datetime


_COLUMNS = tuple(table.c[name] for name in KeptVerdict.__slots__)


def keep_verdict(
    ledger: Ledger,
    run_id: str,
    policy_id: str,
    verdict: str,
    mode: str,
    document: Mapping[str, Any],
    *,
    baseline_id: str | None = None,
) -> str:
    """Keeps a verdict.

    Args:
        ledger: to keep it in.
        run_id: of the run it is on, which the ledger has.
        policy_id: of the policy.
        verdict: pass, fail or inconclusive.
        mode: release or pull_request.
        document: the gate's.
        baseline_id: of the run it was compared with.

    Returns:
        Its id.
    """
    at = now()
    row = {
        "id": new_key(at),
        "run_id": run_id,
        "policy_id": policy_id,
        "baseline_id": baseline_id,
        "mode": mode,
        "verdict": verdict,
        "recorded": at,
        "body": pack(document),
    }
    with ledger.writing() as connection:
        connection.execute(table.insert(), row)
    return str(row["id"])


def verdicts(ledger: Ledger, run_id: str | None = None, limit: int | None = None) -> list[KeptVerdict]:
    """Verdicts, newest first; of one run, or of all."""
    query = select(*_COLUMNS).order_by(table.c.recorded.desc(), table.c.id.desc()).limit(limit)
    if run_id is not None:
        query = query.where(table.c.run_id == run_id)
    with ledger.reading() as connection:
        return [KeptVerdict(**row._mapping) for row in connection.execute(query)]


def verdict_document(ledger: Ledger, verdict_id: str) -> dict[str, Any]:
    """The gate's document of a verdict.

    Raises:
        UnreadableInput: the ledger has no such verdict.
    """
    with ledger.reading() as connection:
        body = connection.execute(select(table.c.body).where(table.c.id == verdict_id)).scalar()
    if body is None:
        raise UnreadableInput(f"{verdict_id}: the ledger has no verdict of that id")
    return unpack(body)
