"""Which rows of a file are meant: `FILE:field=value,field~part`."""

import glob
import json
import os
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from aligntax.answers.fields import lookup
from aligntax.errors import UsageError

__all__ = [
    "Condition",
    "NothingSelected",
    "Selector",
    "nothing_selected",
    "parse_argument",
    "plain",
    "several",
]

_FIELD = r"[^\W\d][\w.\-]*"
_BEGINS = re.compile(rf"{_FIELD}[=~]")
_CONDITION = re.compile(rf"({_FIELD})([=~])(.*)", re.DOTALL)
_BREAK = re.compile(rf"(?<!\\),(?={_FIELD}[=~])")
_LIKE_BREAK = re.compile(rf",(?={_FIELD}[=~])")
_ESCAPED = re.compile(rf"\\,(?={_FIELD}[=~])")

_MOST_VALUES = 1000
"""Values of a field that are counted for a message."""


class NothingSelected(UsageError):
    """A selector that no row fulfils."""


@dataclass(frozen=True, slots=True)
class Condition:
    """What a field of a row must be.

    Attributes:
        field: name, or a dotted path into nested fields.
        operator: "=" the value is this, "~" the value contains this.
        value: as text; true, false and null stand for what JSON calls so.
    """

    field: str
    operator: Literal["=", "~"]
    value: str

    def __str__(self) -> str:
        return self.field + self.operator + _LIKE_BREAK.sub(r"\\,", self.value)

    def holds(self, value: object) -> bool:
        """Whether a value is as asked; no value at all reads as null, and also as nothing."""
        text = plain(value)
        if self.operator == "~":
            return value is not None and self.value in text
        return text == self.value or (value is None and self.value == "")


@dataclass(frozen=True, slots=True)
class Selector:
    """Conditions that all must hold.

    Attributes:
        conditions: in the order given.
    """

    conditions: tuple[Condition, ...] = ()

    def __str__(self) -> str:
        return ",".join(str(condition) for condition in self.conditions)

    def __bool__(self) -> bool:
        return bool(self.conditions)

    def holds(self, row: Mapping[str, object], aliases: Mapping[str, str | None] | None = None) -> bool:
        """Whether a row is meant.

        Args:
            row: its fields.
            aliases: our name of a field -> the file's own, for a field the row has not under our name.
        """
        return all(c.holds(_value(row, c.field, aliases or {})) for c in self.conditions)

    def rest(self, *names: str) -> "Selector":
        """The conditions on other fields than these."""
        return Selector(tuple(c for c in self.conditions if c.field not in names))

    def on(self, *names: str) -> "Selector":
        """The conditions on these fields alone."""
        return Selector(tuple(c for c in self.conditions if c.field in names))

    def adding(self, field: str, value: object) -> "Selector":
        """With one more condition."""
        return Selector((*self.conditions, Condition(field, "=", plain(value))))


def _value(row: Mapping[str, object], field: str, aliases: Mapping[str, str | None]) -> object:
    value = lookup(row, field)
    return lookup(row, aliases[field]) if value is None and aliases.get(field) else value


def see(
    seen: dict[str, Counter[str]],
    selector: Selector,
    row: Mapping[str, object],
    aliases: Mapping[str, str | None] | None = None,
) -> None:
    """Counts the values a row has in the fields of a selector, to tell them if nothing is selected."""
    for condition in selector.conditions:
        values = seen.setdefault(condition.field, Counter())
        value = _value(row, condition.field, aliases or {})
        if (value is not None or condition.field in row) and len(values) < _MOST_VALUES:
            values[plain(value)] += 1


def plain(value: object) -> str:
    """A value as a person types it: text as it is, everything else as JSON, whole numbers without a point."""
    if isinstance(value, str):
        return value
    if type(value) is int:
        return str(value)
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return json.dumps(value, ensure_ascii=False, default=str)


def parse_argument(argument: str) -> tuple[str, Selector]:
    r"""Splits an argument into the file and what is selected in it.

    An argument that names a file as it stands is taken literally. Else the first colon counts that
    stands behind something there is and before a condition. A comma parts conditions where a condition
    follows it; `\,` is a comma of the value all the same.

    Args:
        argument: a path, directory or glob, with or without a selector.

    Raises:
        UsageError: the selector cannot be read.
    """
    if os.path.lexists(argument):
        return argument, Selector()
    places = [m.start() for m in re.finditer(":", argument) if _BEGINS.match(argument, m.end())]
    there = next((at for at in places if _matches_something(argument[:at])), None)
    at = there if there is not None else next((at for at in places if at > 1), None)
    if at is None:
        return argument, Selector()
    return argument[:at], Selector(tuple(_conditions(argument[at + 1 :])))


def _matches_something(path: str) -> bool:
    return os.path.lexists(path) or bool(glob.glob(path, recursive=True))


def _conditions(text: str) -> Iterator[Condition]:
    for part in _BREAK.split(text):
        found = _CONDITION.fullmatch(part)
        if found is None:
            raise UsageError(f"{part!r} is no condition", hint="FILE:field=value, or FILE:field~part")
        field, operator, value = found.groups()
        yield Condition(field, "=" if operator == "=" else "~", _ESCAPED.sub(",", value))


def several(
    where: str, field: str, counts: Mapping[str, int], typed: Callable[[str], str], *, most: int = 12
) -> UsageError:
    """The error for a file that holds several of what there must be one of.

    Args:
        where: the file.
        field: that has several values.
        counts: value -> rows.
        typed: value -> the argument that settles on it.
        most: values to list.
    """
    listed = ", ".join(f"{value} ({count:,})" for value, count in list(counts.items())[:most])
    more = f" and {len(counts) - most:,} more" if len(counts) > most else ""
    return UsageError(
        f"{where}: {len(counts)} values of {field!r} where there must be one: {listed}{more}",
        hint=f"type {' or '.join(typed(value) for value in list(counts)[:2])}",
    )


def nothing_selected(where: str, selector: Selector, seen: Mapping[str, Iterable[str]]) -> NothingSelected:
    """The error for a selector that no row fulfils.

    Args:
        where: the file.
        selector: as given.
        seen: field of the selector -> values the file has there; none where it has no such field.
    """
    parts = []
    for field, values in seen.items():
        known = list(values)
        shown = ", ".join(known[:12]) + (", …" if len(known) > 12 else "")
        parts.append(f"{field}: {shown}" if known else f"there is no field {field!r}")
    return NothingSelected(f"{where}: nothing matches {str(selector)!r}", hint="; ".join(parts))
