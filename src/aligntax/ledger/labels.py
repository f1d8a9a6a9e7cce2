"""Labels of experts, of a run's exchanges or of a labelling task's."""

from collections.abc import Sequence

from sqlalchemy import Connection, select

from aligntax.ledger.inserting import insert_new
from aligntax.ledger.keys import content_hash
from aligntax.ledger.opened import Ledger
from aligntax.ledger.tables import labels as table
from aligntax.records import Label

__all__ = ["add_labels", "insert_labels", "labels"]

_SAME = tuple(name for name in Label.__slots__ if name != "id")


def add_labels(
    ledger: Ledger,
    labels: Sequence[Label],
    run_id: str | None = None,
    task_id: str | None = None,
) -> int:
    """Adds labels, all or none; one that is there already is not added again.

    Args:
        ledger: to keep them in.
        labels: to add.
        run_id: of the run whose exchanges they are of.
        task_id: of the labelling task they come from.

    Returns:
        How many were new.
    """
    with ledger.writing() as connection:
        return insert_labels(connection, labels, run_id=run_id, task_id=task_id)


def insert_labels(
    connection: Connection, labels: Sequence[Label], *, run_id: str | None = None, task_id: str | None = None
) -> int:
    """The same inside a transaction."""
    return sum(insert_new(connection, table, _row(label, run_id, task_id)) for label in labels)


def _row(label: Label, run_id: str | None, task_id: str | None) -> dict[str, object]:
    row = {name: getattr(label, name) for name in _SAME}
    row |= {"exchange": label.id, "run_id": run_id, "task_id": task_id}
    return row | {"digest": content_hash(row | {"time": label.time and label.time.isoformat()})}


def labels(ledger: Ledger, run_id: str | None = None, task_id: str | None = None) -> list[Label]:
    """Labels in the order they came: of a run, of a task, or all."""
    query = select(table.c.exchange.label("id"), *(table.c[name] for name in _SAME)).order_by(table.c.id)
    if run_id is not None:
        query = query.where(table.c.run_id == run_id)
    if task_id is not None:
        query = query.where(table.c.task_id == task_id)
    with ledger.reading() as connection:
        return [Label(**row._mapping) for row in connection.execute(query)]
