"""Running the steps that a ledger still lacks; apart, since Alembic takes a while to import."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from alembic.migration import MigrationContext
from alembic.operations import Operations
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, inspect, text

from aligntax.errors import UnreadableInput
from aligntax.ledger.located import shown_url
from aligntax.ledger.migrations.steps import VERSION_TABLE
from aligntax.ledger.tables import metadata

__all__ = ["context_of", "upgrade"]

_LOCK = 0x616C69676E746178  # "aligntax": the advisory lock of whoever changes the tables


def upgrade(engine: Engine, to: str = "head") -> None:
    """Runs the steps, in one transaction.

    Args:
        engine: to the ledger's database.
        to: the step to stop after; all of them by default.

    Raises:
        UnreadableInput: the database is that of another program.
    """
    script = ScriptDirectory(str(Path(__file__).parent))
    with _alone(engine) as connection:
        _refuse_foreign(connection)
        context = context_of(connection)
        lacking = list(script.iterate_revisions(to, context.get_current_revision() or "base"))
        with Operations.context(context):
            for step in reversed(lacking):
                step.module.upgrade()
                context.stamp(script, step.revision)


def context_of(connection: Connection) -> MigrationContext:
    """Alembic's view of a ledger."""
    settings = {"version_table": VERSION_TABLE, "target_metadata": metadata, "transactional_ddl": True}
    return MigrationContext.configure(connection, opts=settings)


@contextmanager
def _alone(engine: Engine) -> Iterator[Connection]:
    """A transaction that no other process that changes tables runs beside.

    SQLite cannot change a table others refer to while it checks references, and heeds being told so only
    outside a transaction.
    """
    with engine.connect() as connection:
        if engine.dialect.name == "postgresql":
            with connection.begin():
                connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK})
                yield connection
            return
        _check_references(connection, on=False)
        try:
            with connection.begin():
                yield connection
        finally:
            _check_references(connection, on=True)


def _check_references(connection: Connection, *, on: bool) -> None:
    raw = connection.connection.driver_connection
    raw.execute(f"PRAGMA foreign_keys = {'ON' if on else 'OFF'}").close()  # type: ignore[union-attr]


def _refuse_foreign(connection: Connection) -> None:
    present = inspect(connection)
    if not present.has_table(VERSION_TABLE) and present.has_table("runs"):
        where = shown_url(connection.engine.url)
        raise UnreadableInput(
            f"{where}: another program keeps its tables here", hint="give the ledger a database of its own"
        )
