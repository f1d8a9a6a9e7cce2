"""Watches: how far each has read, what it has counted, what it has raised, and who has been told.

The state of a watch and the alerts that came of it are kept in one transaction: a watch that is killed goes
on from where its sums and its alerts agree. An alert is kept as not yet told; telling is written down after
it was done, so that an alert may be told twice and is never forgotten.
"""

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Row, select, update

from aligntax.errors import UsageError
from aligntax.ledger.inserting import alone, insert_new
from aligntax.ledger.keys import now
from aligntax.ledger.opened import Ledger
from aligntax.ledger.tables import alerts as alert_table
from aligntax.ledger.tables import watches as watch_table

__all__ = ["KeptAlert", "NewAlert", "alerts", "keep_state", "keep_told", "state", "watch_names"]


@dataclass(frozen=True, slots=True, kw_only=True)
class NewAlert:
    """What a watch raises.

    Attributes:
        at: when, UTC without zone.
        use_case: it is about.
        component: it is about.
        kind: budget, change, or recovered.
        document: all there is to say, as plain values.
        told: who is to be told, and that nobody was yet; as plain values.
    """

    at: dt.datetime
    use_case: str
    component: str
    kind: str
    document: Mapping[str, Any]
    told: Sequence[Mapping[str, Any]]


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptAlert:
    """An alert of the ledger.

    Attributes:
        id: its number.
        watch: name of the watch that raised it.
        at: when, UTC without zone.
        use_case: it is about.
        component: it is about.
        kind: budget, change, or recovered.
        document: all there is to say.
        told: who is to be told, and what came of it.
    """

    id: int
    watch: str
    at: dt.datetime
    use_case: str
    component: str
    kind: str
    document: dict[str, Any]
    told: list[dict[str, Any]]


def state(ledger: Ledger, name: str) -> dict[str, Any] | None:
    """What a watch knew when it last wrote; None where it never did."""
    query = select(watch_table.c.state).where(watch_table.c.name == name)
    with ledger.reading() as connection:
        found: dict[str, Any] | None = connection.execute(query).scalar_one_or_none()
    return found


def watch_names(ledger: Ledger) -> list[tuple[str, dt.datetime]]:
    """The watches there are, and when each last wrote."""
    query = select(watch_table.c.name, watch_table.c.updated).order_by(watch_table.c.name)
    with ledger.reading() as connection:
        return [(str(name), updated) for name, updated in connection.execute(query)]


def keep_state(
    ledger: Ledger,
    name: str,
    new: Mapping[str, Any],
    alerts: Sequence[NewAlert] = (),
    *,
    turn: int | None = None,
) -> list[int]:
    """Keeps what a watch knows now and what it raises: both, or neither.

    Args:
        ledger: to keep it in.
        name: of the watch.
        new: what it knows; its "turn" counts how often it was kept.
        alerts: raised since it was last kept.
        turn: of the state this one follows, 0 for none; not looked at by default.

    Returns:
        Numbers of the alerts.

    Raises:
        UsageError: another process has kept a state of this watch since.
    """
    moment = now()
    with ledger.writing() as connection:
        alone(connection, watch_table)
        query = select(watch_table.c.state).where(watch_table.c.name == name)
        kept = connection.execute(query).scalar_one_or_none()
        if turn is not None and (kept or {}).get("turn", 0) != turn:
            raise UsageError(
                f"{name}: another process keeps this watch too",
                hint="stop one of them, or give it another --name",
            )
        row = {"name": name, "state": dict(new), "updated": moment}
        if kept is None:
            insert_new(connection, watch_table, row)
        else:
            connection.execute(update(watch_table).where(watch_table.c.name == name).values(row))
        return [
            int(
                connection.execute(
                    alert_table.insert().returning(alert_table.c.id), _row(name, alert)
                ).scalar_one()
            )
            for alert in alerts
        ]


def _row(name: str, alert: NewAlert) -> dict[str, Any]:
    return {
        "watch": name,
        "at": alert.at,
        "use_case": alert.use_case,
        "component": alert.component,
        "kind": alert.kind,
        "document": dict(alert.document),
        "told": [dict(one) for one in alert.told],
    }


def alerts(
    ledger: Ledger,
    watch: str | None = None,
    *,
    use_case: str | None = None,
    first: dt.datetime | None = None,
    untold: bool = False,
    limit: int | None = None,
) -> list[KeptAlert]:
    """Alerts, newest first.

    Args:
        ledger: to read.
        watch: that raised them; all by default.
        use_case: they are about; all by default.
        first: only those from then on, UTC without zone.
        untold: only those that somebody is still to be told of.
        limit: how many at most.
    """
    table = alert_table
    query = select(table).order_by(table.c.at.desc(), table.c.id.desc())
    for column, wanted in ((table.c.watch, watch), (table.c.use_case, use_case)):
        if wanted is not None:
            query = query.where(column == wanted)
    if first is not None:
        query = query.where(table.c.at >= first)
    with ledger.reading() as connection:
        found = [_alert(row) for row in connection.execute(query.limit(None if untold else limit))]
    return (
        [one for one in found if any(t["state"] == "pending" for t in one.told)][:limit] if untold else found
    )


def _alert(row: Row[Any]) -> KeptAlert:
    return KeptAlert(**row._mapping)


def keep_told(ledger: Ledger, alert: int, told: Sequence[Mapping[str, Any]]) -> None:
    """Keeps what came of telling of an alert."""
    table = alert_table
    with ledger.writing() as connection:
        connection.execute(update(table).where(table.c.id == alert).values(told=[dict(one) for one in told]))
