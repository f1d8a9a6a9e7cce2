"""Writing what may be there already, and one writer at a time where order matters."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection, Table, text
from sqlalchemy.dialects import postgresql, sqlite

__all__ = ["alone", "insert_new"]


def insert_new(connection: Connection, table: Table, row: Mapping[str, Any]) -> bool:
    """Adds a row unless one with its unique key is there; whether it was added.

    Of two processes that add the same at once, one does; the other waits for it and does not.
    """
    insert = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
    statement = insert(table).on_conflict_do_nothing()
    done = connection.execute(statement, row, execution_options={"preserve_rowcount": True})
    return done.rowcount == 1


def alone(connection: Connection, table: Table) -> None:
    """Lets nobody else write the table until this transaction ends; SQLite has one writer as it is."""
    if connection.dialect.name == "postgresql":
        connection.execute(text(f"LOCK TABLE {table.name} IN SHARE ROW EXCLUSIVE MODE"))
