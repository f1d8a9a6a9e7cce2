"""Opening a ledger: its connection set up for several writers at once, its tables brought up to date."""

import json
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine import URL
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from aligntax.errors import UnreadableInput, UnwritableOutput, needs
from aligntax.ledger.bodies import plain_json
from aligntax.ledger.located import DIRECTORY, VARIABLE, located, present, shown_url
from aligntax.ledger.migrations import migrate

__all__ = ["DIRECTORY", "VARIABLE", "Ledger", "open_ledger"]

_BUSY_SECONDS = 60.0  # a writer waits for the others this long before it gives up
_CONNECT_SECONDS = 10
_SNAPSHOT: dict[str, Any] = {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}


@dataclass(frozen=True)
class Ledger:
    """An open ledger.

    Attributes:
        engine: to its database.
        home: the directory files of runs are kept below.
    """

    engine: Engine
    home: Path

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A connection to read from; what it reads is of one moment."""
        of_one_moment = _SNAPSHOT if self.engine.dialect.name == "postgresql" else {}
        with _translated(self.engine.url), self.engine.connect() as connection:
            yield connection.execution_options(aligntax_reading=True, **of_one_moment)

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """A connection whose writes are kept together, when the block ends, or not at all."""
        with _translated(self.engine.url), self.engine.begin() as connection:
            yield connection

    def close(self) -> None:
        """Lets go of the database."""
        self.engine.dispose()


def open_ledger(where: str | Path | None = None, *, create: bool = True) -> Ledger:
    """Opens a ledger and brings its tables up to date.

    Args:
        where: a directory (`.aligntax` itself, one that holds it, or one to hold a `ledger.db`), a `.db`
            file, or a database's URL; by default ALIGNTAX_LEDGER, else the nearest `.aligntax` from here
            upward, else `.aligntax` here.
        create: whether a ledger that is not there is made.

    Raises:
        UsageError: the URL is none, or of a database that is not supported.
        UnreadableInput: there is no ledger and none is to be made, it cannot be reached, it is none, or it
            was written by a later aligntax.
        UnwritableOutput: its directory cannot be made.
        MissingExtra: it is PostgreSQL's and its driver is not installed.
    """
    url, home = located(where)
    present(url, create=create)
    if url.get_backend_name() == "sqlite":
        _make(home)
    engine = _engine(url)
    try:
        with _translated(url):
            migrate(engine)
    except BaseException:
        engine.dispose()
        raise
    return Ledger(engine, home)


def _make(home: Path) -> None:
    try:
        home.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UnwritableOutput(
            f"{home}: the ledger's directory cannot be made: {error.strerror}",
            hint="name another with --ledger or ALIGNTAX_LEDGER",
        ) from error


def _engine(url: URL) -> Engine:
    if url.get_backend_name() == "postgresql":
        with needs("postgresql"):
            import psycopg  # noqa: F401
        wait = {} if "connect_timeout" in url.query else {"connect_timeout": _CONNECT_SECONDS}
        return create_engine(
            url,
            pool_pre_ping=True,
            connect_args=wait,
            json_serializer=plain_json,
            json_deserializer=json.loads,
        )
    engine = create_engine(url, connect_args={"timeout": _BUSY_SECONDS}, json_serializer=plain_json)
    event.listen(engine, "connect", _sqlite_ready)
    event.listen(engine, "begin", _sqlite_begin)
    return engine


def _sqlite_ready(connection: sqlite3.Connection, _record: object) -> None:
    connection.isolation_level = None  # BEGIN is ours, see below
    _write_ahead(connection)
    for pragma in ("synchronous = FULL", "foreign_keys = ON"):
        connection.execute(f"PRAGMA {pragma}").close()


def _write_ahead(connection: sqlite3.Connection) -> None:
    """Lets readers read while one writes; a new file is busy for a moment where several open it at once.

    The wait for other writers does not cover this switch, so it is tried again here.
    """
    until = time.monotonic() + _BUSY_SECONDS
    while connection.execute("PRAGMA journal_mode").fetchone() != ("wal",):
        try:
            connection.execute("PRAGMA journal_mode = WAL").fetchone()
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or time.monotonic() > until:
                raise
            time.sleep(0.01)


def _sqlite_begin(connection: Connection) -> None:
    """Takes the write lock at once: two readers that both go on to write would refuse each other."""
    reads = connection.get_execution_options().get("aligntax_reading", False)
    connection.exec_driver_sql("BEGIN" if reads else "BEGIN IMMEDIATE")


@contextmanager
def _translated(url: URL) -> Iterator[None]:
    """The database's errors, as ours; a password is never shown."""
    try:
        yield
    except (SQLAlchemyError, sqlite3.Error) as error:
        cause = error.orig if isinstance(error, DBAPIError) else error
        said = " ".join(str(cause).split())
        raise UnreadableInput(f"{shown_url(url)}: {said}", hint=_remedy(said)) from None


def _remedy(said: str) -> str:
    """What to do about an error, told from its words, which both databases have always used."""
    for words, remedy in _REMEDIES.items():
        if words in said:
            return remedy
    return "see whether the ledger's database is whole and this user may write to it"


_REMEDIES = {
    "not a database": "this file is no ledger; name another with --ledger or ALIGNTAX_LEDGER",
    "malformed": "the file is damaged; go back to a copy of it",
    "readonly": "this user may not write here; name another ledger with --ledger or ALIGNTAX_LEDGER",
    "unable to open": "this user may not read or write here; name another with --ledger or ALIGNTAX_LEDGER",
    "locked": "another process has been writing for a minute; try again when it has ended",
    "disk is full": "make room on the disk; nothing was lost",
    "refused": "is PostgreSQL running there, and is the address right?",
    "timeout": "is PostgreSQL running there, and is the address right?",
    "resolve": "is the host's name right?",
    "authentication": "is the password right? it may stand in ~/.pgpass instead of the URL",
    "permission denied": "this user may not write to the database; grant it the right to",
}
