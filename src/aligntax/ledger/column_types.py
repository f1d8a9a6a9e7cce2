"""Types of columns that keep the same in SQLite and in PostgreSQL, whatever they are given."""

import datetime as dt
import hashlib
import re

from sqlalchemy import DateTime, Dialect, String, Text, TypeDecorator
from sqlalchemy.types import TypeEngine

__all__ = ["Moment", "Words", "fitting"]

_UNKEPT = re.compile("[\0\ud800-\udfff]")
_TAIL = 12


def fitting(text: str, most: int | None = None) -> str:
    """A text as a database can keep it.

    Args:
        text: any; what no database keeps (NUL, half a surrogate pair) becomes a replacement character.
        most: characters there is room for; a longer one is cut, and ends on a hash of all of it, so that two
            long names stay two.
    """
    kept = _UNKEPT.sub("\N{REPLACEMENT CHARACTER}", text)
    if most is None or len(kept) <= most:
        return kept
    tail = hashlib.sha256(kept.encode()).hexdigest()[:_TAIL]
    return f"{kept[: most - _TAIL - 1]}~{tail}"


class Words(TypeDecorator[str]):
    """Text from outside: names, remarks, prompts.

    Args:
        most: characters there is room for; None for any number.
    """

    impl = Text
    cache_ok = True

    def __init__(self, most: int | None = None) -> None:
        super().__init__()
        self.most = most

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[str]:
        """Text, or text of a length."""
        return Text() if self.most is None else String(self.most)

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        """As it is kept and looked up."""
        return None if value is None else fitting(value, self.most)


class Moment(TypeDecorator[dt.datetime]):
    """A time in UTC, without zone; one with a zone is turned into it."""

    impl = DateTime
    cache_ok = True

    def process_bind_param(self, value: dt.datetime | None, dialect: Dialect) -> dt.datetime | None:
        """As it is kept and looked up."""
        if value is None or value.tzinfo is None:
            return value
        return value.astimezone(dt.UTC).replace(tzinfo=None)
