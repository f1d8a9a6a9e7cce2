"""Keeping what a command found in the ledger, where `--record` or `--ledger` asks for it."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path

__all__ = ["keep", "keeping"]


@dataclass(frozen=True, slots=True)
class _Wish:
    """What the command that is running was asked to keep.

    Attributes:
        ledger: a directory, a file or a URL; None for the nearest.
        settings: of the command, for their hash.
    """

    ledger: str | None
    settings: Mapping[str, object]


_WISH: ContextVar[_Wish | None] = ContextVar("wish", default=None)


@contextmanager
def keeping(*, record: bool, ledger: str | None, settings: Mapping[str, object]) -> Iterator[None]:
    """While a command runs: whether, and where, `keep` keeps what it is given.

    Args:
        record: whether to; a ledger that is named says so too.
        ledger: a directory, a file or a URL; None for the nearest.
        settings: of the command, for their hash.
    """
    wish = _Wish(ledger, settings) if record or ledger else None
    token = _WISH.set(wish)
    try:
        yield
    finally:
        _WISH.reset(token)


def keep(contents: Mapping[str, object], *, files: Mapping[str, Path] | None = None) -> None:
    """Keeps a document in the ledger, if this command was asked to, and says under which name.

    Args:
        contents: the document, complete.
        files: name -> file to keep a copy of.
    """
    wish = _WISH.get()
    if wish is None:
        return
    from aligntax.cli.output import stderr
    from aligntax.ledger.opened import open_ledger
    from aligntax.ledger.record import record

    ledger = open_ledger(wish.ledger)
    try:
        run = record(ledger, contents, files=files, settings=wish.settings)
    finally:
        ledger.close()
    stderr().print(f"recorded as {run.id}", markup=False, soft_wrap=True)
