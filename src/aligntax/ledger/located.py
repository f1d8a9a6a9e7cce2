"""Which ledger is meant: its database's URL, and the directory its files are kept below."""

import os
from pathlib import Path

from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError

from aligntax.errors import UnreadableInput, UsageError

__all__ = ["DIRECTORY", "VARIABLE", "located", "present", "shown_url"]

DIRECTORY = ".aligntax"
VARIABLE = "ALIGNTAX_LEDGER"
_FILE = "ledger.db"
_SHAPE = "postgresql://USER@HOST/DATABASE, sqlite:///FILE, or a directory"


def located(where: str | Path | None) -> tuple[URL, Path]:
    """The database and the directory of a ledger.

    Args:
        where: see `open_ledger`.

    Raises:
        UsageError: the URL is none, or of a database that is not supported.
    """
    given = where or os.environ.get(VARIABLE) or _nearest()
    if "://" in str(given):
        url = _url(str(given))
        of_server = url.get_backend_name() == "postgresql"
        return url, _nearest() if of_server else Path(url.database or "").parent
    file = _file(Path(given).absolute())
    return URL.create("sqlite", database=str(file)), file.parent


def _file(path: Path) -> Path:
    if path.suffix == ".db" or path.is_file():
        return path
    inside = path / DIRECTORY / _FILE
    return inside if inside.exists() and not (path / _FILE).exists() else path / _FILE


def _nearest() -> Path:
    try:
        here = Path.cwd()
    except OSError as error:
        raise UsageError("the working directory is gone", hint="change into another one") from error
    for directory in (here, *here.parents):
        if (directory / DIRECTORY).is_dir():
            return directory / DIRECTORY
    return here / DIRECTORY


def _url(text: str) -> URL:
    try:
        url = make_url(text)
    except (ArgumentError, ValueError):
        raise UsageError("the ledger's URL cannot be read", hint=_SHAPE) from None  # it may hold a password
    backend = url.get_backend_name()
    if backend in ("postgres", "postgresql"):
        return url.set(drivername="postgresql+psycopg")
    if backend != "sqlite":
        raise UsageError(f"a ledger cannot be kept in {backend}", hint=_SHAPE)
    if url.database in (None, "", ":memory:"):
        raise UsageError("a ledger in memory would be lost at once", hint=_SHAPE)
    return URL.create("sqlite", database=str(Path(url.database).absolute()))


def present(url: URL, *, create: bool) -> None:
    """Looks whether a ledger in a file is there.

    Raises:
        UnreadableInput: it is not, and none is to be made.
    """
    if create or url.get_backend_name() != "sqlite" or Path(url.database or "").exists():
        return
    raise UnreadableInput(
        f"{url.database}: there is no ledger here",
        hint="`aligntax record FILE` makes one, or name one with --ledger",
    )


def shown_url(url: URL) -> str:
    """Where a ledger is, for a person: a file's path, or a URL without its password."""
    if url.get_backend_name() == "sqlite":
        return url.database or ""
    secret = {key: "hidden" for key in url.query if "pass" in key}
    return url.set(drivername="postgresql").update_query_dict(secret).render_as_string(hide_password=True)
