"""Every error a person can cause or meet, in one tree.

    * AligntaxError            anything aligntax raises on purpose
      x UsageError             the command or call asks for something that makes no sense
      x UnreadableInput        a file, a line or a format that cannot be read
        + UnknownFormat        no importer recognises the log
        + MalformedRecords     --strict, and some records could not be read
        + UnreadablePolicy     an aligntax.toml with mistakes (policy.mistakes)
      x UnwritableOutput       a file or directory that cannot be written
      x PriceTableError        a price table that cannot be used
      x LexiconError           a phrase lexicon that cannot be compiled
      x MissingExtra           an optional dependency is not installed

The command line prints the message and the hint on stderr and leaves with `exit_code`.
"""

from collections.abc import Iterator
from contextlib import contextmanager

__all__ = [
    "AligntaxError",
    "LexiconError",
    "MalformedRecords",
    "MissingExtra",
    "PriceTableError",
    "UnknownFormat",
    "UnreadableInput",
    "UnwritableOutput",
    "UsageError",
    "needs",
]


class AligntaxError(Exception):
    """What went wrong, where, and what to do about it.

    Args:
        message: one sentence that names the file, the line and the cause.
        hint: the remedy, as something the reader can type or change; "" when there is none.
    """

    exit_code = 2

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message}\nhint: {self.hint}" if self.hint else self.message


class UsageError(AligntaxError):
    """The command or call asks for something that makes no sense."""


class UnreadableInput(AligntaxError):
    """A file, a line or a format that cannot be read."""


class UnknownFormat(UnreadableInput):
    """No importer recognises the log."""


class MalformedRecords(UnreadableInput):
    """`--strict` was asked for and some records could not be read."""


class UnwritableOutput(AligntaxError):
    """A file or directory that cannot be written."""


class PriceTableError(AligntaxError):
    """A price table that cannot be used."""


class LexiconError(AligntaxError):
    """A phrase lexicon that cannot be compiled."""


class MissingExtra(AligntaxError):
    """An optional dependency is not installed."""

    def __init__(self, package: str, extra: str) -> None:
        super().__init__(f"{package} is not installed", hint=f"pip install 'aligntax[{extra}]'")


@contextmanager
def needs(extra: str) -> Iterator[None]:
    """Around imports: a package that is missing is said with the command that installs it.

    Raises:
        MissingExtra: something imported inside is not installed.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        package = (error.name or "").partition(".")[0]
        if package == "aligntax":
            raise
        raise MissingExtra(package, extra) from error
