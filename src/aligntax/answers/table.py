"""Rows become a table of answers, batch by batch."""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from aligntax.errors import UnreadableInput
from aligntax.records import ANSWER

__all__ = ["TableBuilder", "is_binary", "outcome_of", "score_of", "text_of", "with_lengths"]

_BATCH_ROWS = 4096
_WORDS = {"true": 1.0, "yes": 1.0, "false": 0.0, "no": 0.0, "nan": None, "none": None, "null": None, "": None}
_OUTCOMES = {
    "complete": "complete",
    "hedged": "hedged",
    "partial": "hedged",
    "refused": "refused",
    "undetermined": "undetermined",
}


def score_of(value: object, where: str, field: str) -> float | None:
    """A score as a number; None where nothing was scored, which NaN says as well.

    Args:
        value: a number, a truth value, or text that spells one.
        where: the row, for the message.
        field: the score's, for the message.

    Raises:
        UnreadableInput: it is something else, or infinite.
    """
    if value is None:
        return None
    if isinstance(value, str) and value.strip().lower() in _WORDS:
        return _WORDS[value.strip().lower()]
    try:
        number = float(value) if isinstance(value, int | float | str) else math.inf
    except (ValueError, OverflowError):
        number = math.inf
    if math.isinf(number):
        raise UnreadableInput(
            f"{where}: {field!r} is no score: {str(value)[:40]!r}", hint="a number, or true or false"
        )
    return None if math.isnan(number) else number


def text_of(value: object, where: str, field: str) -> str | None:
    """A text without halves of surrogate pairs, which JSON can spell and UTF-8 cannot.

    Raises:
        UnreadableInput: it is no text.
    """
    if value is None:
        return None
    if not isinstance(value, str):
        raise UnreadableInput(f"{where}: {field!r} is not text but {type(value).__name__}")
    return value.encode("utf-8", "replace").decode("utf-8")


def outcome_of(value: object) -> str | None:
    """The outcome a word stands for: partial is hedged; None for any other word."""
    return _OUTCOMES.get(value.strip().lower()) if isinstance(value, str) else None


class TableBuilder:
    """Collects answers and hands them over as one table.

    An item that comes again (a sample more of the same prompt) becomes "item#2", "item#3", …, and all of
    them share the item as their cluster.
    """

    def __init__(self) -> None:
        self._added = 0
        self._batches: list[pa.RecordBatch] = []
        self._rows: list[Mapping[str, Any]] = []
        self._seen: Counter[str] = Counter()
        self._prompts: dict[str, int] = {}

    def __len__(self) -> int:
        return self._added

    def add(self, where: str, **values: object) -> None:
        """Adds one answer.

        Args:
            where: the row, for the message.
            values: columns of ANSWER by name; those left out are null.

        Raises:
            UnreadableInput: the item has been there with another prompt.
        """
        row = {name: values.get(name) for name in ANSWER.names}
        item = str(row["item"])
        self._check_prompt(where, item, row["prompt"])
        self._seen[item] += 1
        if self._seen[item] > 1:
            row |= {"item": self._numbered(item), "cluster": row["cluster"] or item}
        self._rows.append(row)
        self._added += 1
        if len(self._rows) >= _BATCH_ROWS:
            self._flush()

    def _numbered(self, item: str) -> str:
        number = self._seen[item]
        while f"{item}#{number}" in self._seen:  # the file may have an item of that very name
            number += 1
        self._seen[f"{item}#{number}"] = 1
        return f"{item}#{number}"

    def _check_prompt(self, where: str, item: str, prompt: object) -> None:
        asked = hash(prompt)
        if self._prompts.setdefault(item, asked) != asked:
            raise UnreadableInput(
                f"{where}: the item {item!r} has been there before, with another prompt",
                hint="select one run with FILE:field=value, or name the field that tells items apart",
            )

    def _flush(self) -> None:
        self._batches.append(pa.RecordBatch.from_pylist(self._rows, schema=ANSWER))
        self._rows = []

    def table(self) -> pa.Table:
        """(items,) of the ANSWER schema, in the order they came."""
        if self._rows:
            self._flush()
        table = pa.Table.from_batches(self._batches, schema=ANSWER)
        return self._gathered(table)

    def _gathered(self, table: pa.Table) -> pa.Table:
        """With the first of the samples of an item in their cluster too."""
        again = {item for item, count in self._seen.items() if count > 1}
        if not again:
            return table
        clusters = table.column("cluster").to_pylist()
        items: Sequence[str] = table.column("item").to_pylist()
        filled = [c or (i if i in again else None) for i, c in zip(items, clusters, strict=True)]
        return table.set_column(
            ANSWER.names.index("cluster"), ANSWER.field("cluster"), pa.array(filled, pa.string())
        )


def with_lengths(table: pa.Table, *, anew: bool = False) -> pa.Table:
    """With the length of every response in characters.

    Args:
        table: of the ANSWER schema.
        anew: also where a length is known, which may be in tokens; only rows without a response keep null.
    """
    counted = pc.utf8_length(table.column("response")).cast(pa.int64())
    column = counted if anew else pc.coalesce(table.column("length"), counted)
    return table.set_column(ANSWER.names.index("length"), ANSWER.field("length"), column)


def is_binary(table: pa.Table) -> bool:
    """Whether every score there is is 0 or 1."""
    scores = table.column("score").drop_null().to_numpy()
    return bool(np.isin(scores, (0.0, 1.0)).all())
