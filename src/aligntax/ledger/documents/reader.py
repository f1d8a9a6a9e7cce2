"""How the documents of one schema are read into the ledger."""

import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from aligntax.ledger.documents.walk import Naming
from aligntax.ledger.models import StageModel

__all__ = ["Document", "Reader", "count", "entries", "named", "part", "texts", "time_of"]

Document = Mapping[str, Any]


def _plain_naming(document: Document) -> Naming:
    return Naming()


def _nothing(document: Document) -> Mapping[str, object]:
    return {}


def _untitled(document: Document) -> str:
    return ""


def _no_stages(document: Document) -> Sequence[StageModel]:
    return ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Reader:
    """How the documents of one schema are read.

    Attributes:
        schema: "aligntax.KIND/VERSION".
        naming: document -> how its figures are called.
        origin: document -> fields of `Origin` that stand elsewhere than is usual.
        title: document -> what it is of, in a few words; "" where its sources say it best.
        stages: document -> the stages of training it measured.
    """

    schema: str
    naming: Callable[[Document], Naming] = _plain_naming
    origin: Callable[[Document], Mapping[str, object]] = _nothing
    title: Callable[[Document], str] = _untitled
    stages: Callable[[Document], Sequence[StageModel]] = _no_stages


def part(document: object, key: str) -> Document:
    """The object under a key; an empty one where there is none."""
    found = document.get(key) if isinstance(document, Mapping) else None
    return found if isinstance(found, Mapping) else {}


def entries(document: object, key: str) -> list[Document]:
    """The objects in the list under a key; none where there is no list."""
    found = document.get(key) if isinstance(document, Mapping) else None
    return [one for one in found if isinstance(one, Mapping)] if isinstance(found, list | tuple) else []


def texts(value: object) -> list[str]:
    """The texts in a list, or one text by itself."""
    if isinstance(value, str):
        return [value] if value else []
    return [str(one) for one in value if isinstance(one, str)] if isinstance(value, list | tuple) else []


def named(value: object) -> str | None:
    """A name; None for anything but a text that says something."""
    return value if isinstance(value, str) and value else None


def count(value: object) -> int | None:
    """A number of things; None for what is none, or beyond what a database counts."""
    if isinstance(value, bool) or not isinstance(value, int):
        return None
    return value if abs(value) < 2**63 else None


def time_of(value: object) -> dt.datetime | None:
    """A time in UTC without zone; None for what is none."""
    if not isinstance(value, str):
        return None
    try:
        time = dt.datetime.fromisoformat(value)
        return time if time.tzinfo is None else time.astimezone(dt.UTC).replace(tzinfo=None)
    except (ValueError, OverflowError):
        return None
