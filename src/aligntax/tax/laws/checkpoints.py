"""A table of checkpoints: CSV, TSV, JSON lines or Parquet, one row each."""

import difflib
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from aligntax.errors import UnreadableInput, UsageError
from aligntax.stats.predictions import Floats
from aligntax.traffic.rows import Row, rows_of

__all__ = ["NUMBERS", "Checkpoints", "read_checkpoints"]

Rows = Sequence[Row]

NUMBERS = ("tax", "kl_alignment", "kl_capability", "steps", "tokens", "n", "reward")
"""Columns that hold numbers."""
_NAMES = ("method", "run", "seed")
_NEVER_NEGATIVE = ("kl_alignment", "kl_capability", "steps", "tokens")
_BEYOND = 1e100


@dataclass(frozen=True)
class Checkpoints:
    """What a table says of checkpoints.

    Attributes:
        columns: what each column of ours is called in the table; only those that are there.
        numbers: column of ours -> (rows,) its values, nan where the table has none.
        methods: (rows,) how each was trained, "" where not known.
        runs: (rows,) what training run each is of; None where the table does not say.
        run_columns: the columns of the table that tell runs apart.
    """

    columns: Mapping[str, str]
    numbers: Mapping[str, Floats]
    methods: Sequence[str]
    runs: Sequence[str] | None
    run_columns: Sequence[str]

    def __len__(self) -> int:
        return len(self.methods)


def read_checkpoints(path: Path, columns: Mapping[str, str | None]) -> Checkpoints:
    """Reads a table.

    Args:
        path: CSV, TSV, JSON lines or Parquet, told from what is in it.
        columns: column of ours (NUMBERS, method, run, seed) -> its name in the table; None for the same name
            if the table has it. Runs are told apart by run and seed, or without a run by method and seed.

    Raises:
        UnreadableInput: no table, a cell that is no number, NaN, an infinite or negative KL, n below 1.
        UsageError: a column that was named is not there, or nothing to explain is.
    """
    rows = _rows(path)
    found = _found(path, rows, columns)
    numbers = {name: _numbers(rows, name, found[name]) for name in NUMBERS if name in found}
    if not {"tax", "reward"} & set(numbers):
        _no_column(path, "tax", "tax", _header(rows))
    methods = [_text(row.get(found.get("method", ""))) for _, row in rows]
    apart: list[str] = [name for name in ("run", "seed") if name in found]
    if apart == ["seed"]:
        apart = ["method", "seed"] if "method" in found else []
    named = [found[name] for name in apart]
    runs = [" / ".join(_text(row.get(name)) for name in named) for _, row in rows] if named else None
    return Checkpoints(found, numbers, methods, runs, named)


def _rows(path: Path) -> Rows:
    rows = list(rows_of(path))
    if not rows:
        raise UnreadableInput(f"{path}: no rows", hint="one row a checkpoint, below a line of column names")
    return rows


def _header(rows: Rows) -> list[str]:
    return list(dict.fromkeys(name for _, row in rows for name in row))


def _found(path: Path, rows: Rows, columns: Mapping[str, str | None]) -> dict[str, str]:
    header, found = _header(rows), {}
    for name in (*NUMBERS, *_NAMES):
        wanted = columns.get(name)
        if wanted is not None and wanted not in header:
            _no_column(path, name, wanted, header)
        if wanted is not None or name in header:
            found[name] = wanted or name
    return found


def _no_column(path: Path, name: str, wanted: str, header: Sequence[str]) -> None:
    close = difflib.get_close_matches(wanted, header, 1, 0.5)
    option = "--" + name.replace("_", "-")
    raise UsageError(
        f"{path}: no column {wanted!r}; it has {', '.join(header)}",
        hint=f"{option} {close[0] if close else 'COLUMN'}",
    )


def _numbers(rows: Rows, name: str, column: str) -> Floats:
    return np.array([_number(where, name, column, row.get(column)) for where, row in rows])


def _number(where: str, name: str, column: str, cell: object) -> float:
    """A cell as a number; nan for an empty one, which says that nothing was measured."""
    if cell is None or (isinstance(cell, str) and not cell.strip()):
        return math.nan
    try:
        value = float(cell) if not isinstance(cell, bool) else math.nan  # type: ignore[arg-type]
    except (TypeError, ValueError):
        raise UnreadableInput(
            f"{where}: {column} is {cell!r}, not a number", hint="leave the cell empty if it was not measured"
        ) from None
    if not math.isfinite(value) or abs(value) > _BEYOND:
        raise UnreadableInput(
            f"{where}: {column} is {cell!r}, not a finite number", hint="leave the cell empty if not measured"
        )
    if name in _NEVER_NEGATIVE and value < 0:
        raise _negative(where, name, column, value)
    if name == "n" and value < 1:
        raise UnreadableInput(
            f"{where}: {column} is {value:g}: best-of-n takes n of 1 or more",
            hint="leave it empty for the others",
        )
    return value


def _negative(where: str, name: str, column: str, value: float) -> UnreadableInput:
    if not name.startswith("kl"):
        return UnreadableInput(f"{where}: {column} is {value:g}, below 0", hint="a count is 0 or more")
    return UnreadableInput(
        f"{where}: {column} is {value:g}, and no KL is below 0: this is noise of the k1 estimator "
        "(mean of log p - log q over samples)",
        hint="estimate it per token over the whole vocabulary (`aligntax drift`), or leave the cell empty; "
        "setting it to 0 would bias the law",
    )


def _text(cell: object) -> str:
    return "" if cell is None else str(cell).strip()
