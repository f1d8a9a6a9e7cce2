"""How a ledger of any earlier day becomes one of today.

Every step is a file in `versions` and is never changed once it is out. All of them run in one
transaction, and one process at a time: of ten that open a new ledger at once, one makes the tables and nine
find them made.
"""

from sqlalchemy import Engine, inspect, text

from aligntax.errors import UnreadableInput
from aligntax.ledger.located import shown_url
from aligntax.ledger.migrations.steps import HEAD, STEPS, VERSION_TABLE

__all__ = ["migrate"]


def migrate(engine: Engine) -> None:
    """Brings the tables of a ledger up to date.

    Raises:
        UnreadableInput: a later aligntax wrote it, or the database is that of another program.
    """
    found = _version(engine)
    if found == HEAD:
        return
    where = shown_url(engine.url)
    if found is not None and found not in STEPS:
        raise UnreadableInput(
            f"{where}: a later aligntax wrote this ledger (its version is {found}, this one knows {HEAD})",
            hint="pip install --upgrade aligntax",
        )
    from aligntax.ledger.migrations.upgrade import upgrade

    upgrade(engine)


def _version(engine: Engine) -> str | None:
    """The step the ledger is at; None where it has no tables yet."""
    with engine.connect().execution_options(aligntax_reading=True) as connection:
        if not inspect(connection).has_table(VERSION_TABLE):
            return None
        return connection.execute(text(f"SELECT version_num FROM {VERSION_TABLE}")).scalar()
