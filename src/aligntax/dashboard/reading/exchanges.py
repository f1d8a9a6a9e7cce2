"""The exchanges behind a figure: a page of a run's Parquet file, newest first, and one of them whole.

Two queries a page: places of its rows from the few columns that are filtered and sorted by, then what is
shown of those rows alone. Measured in benchmarks/dashboard: no index beside the file is needed for that.
"""

import atexit
import datetime as dt
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from aligntax.errors import UnreadableInput, UsageError
from aligntax.records import FLAGS

__all__ = [
    "ExchangePage",
    "Wanted",
    "exchange_page",
    "named",
    "names_of",
    "one_exchange",
    "read_columns",
    "texts_by_id",
]

_CURSOR = re.compile(r"^(-?\d{1,18}|none)\.(\d{1,15})$")
_LISTED = ("id", "time", "use_case", "model", "outcome", "layer", "reason", "evidence", "score", *FLAGS)
_FROM = "read_parquet(?, file_row_number = true)"
_EPOCH = dt.datetime(1970, 1, 1)
_CHARGED = {
    "tax": ("outcome IN ('refused', 'hedged') AND coalesce(reason, '') <> ?", "cannot"),
    "declined": ("outcome = 'refused' AND coalesce(reason, '') <> ?", "cannot"),
    "cannot": ("outcome = 'refused' AND reason = ?", "cannot"),
}
_NAMES = ("use_case", "model_requested", "model")
_NAMED = "concat_ws(chr(31), " + ", ".join(f"coalesce({name}, '')" for name in _NAMES) + ")"


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which exchanges are asked for; "" and None for any.

    Attributes:
        use_case: its name; "(none)" for those without one.
        names: use case, model asked for, and model, as `named` puts them together; one of these.
        model: that answered.
        outcome: complete, hedged, refused, undetermined; cannot for refusals for lack of an ability, declined
            for the others; tax for declined or hedged.
        layer: who stepped in.
        symptom: a flag that is set.
        first: on this day or later.
        last: on this day or earlier.
    """

    use_case: str = ""
    names: Sequence[str] | None = None
    model: str = ""
    outcome: str = ""
    layer: str = ""
    symptom: str = ""
    first: dt.date | None = None
    last: dt.date | None = None

    def conditions(self) -> Iterator[tuple[str, object]]:
        """Conditions in SQL, each with the value of its one parameter."""
        yield from self._slice()
        yield from self._events()

    def _slice(self) -> Iterator[tuple[str, object]]:
        for column in ("use_case", "model"):
            if value := getattr(self, column):
                yield f"coalesce({column}, '(none)') = ?", value
        if self.names is not None:
            yield f"list_contains(?, {_NAMED})", list(self.names)
        if self.first:
            yield "time >= ?", dt.datetime.combine(self.first, dt.time())
        if self.last:
            yield "time <= ?", dt.datetime.combine(self.last, dt.time.max)

    def _events(self) -> Iterator[tuple[str, object]]:
        if self.outcome:
            yield _CHARGED.get(self.outcome, ("outcome = ?", self.outcome))
        if self.layer:
            yield "coalesce(layer, '(none)') = ?", self.layer
        if self.symptom in FLAGS:
            yield f"{self.symptom} = ?", True


@dataclass(frozen=True, slots=True)
class ExchangePage:
    """A page of exchanges.

    Attributes:
        rows: what is shown of each; "row" is its place in the file.
        total: how many there are that were asked for.
        following: cursor of the next page; "" on the last one.
    """

    rows: Sequence[Mapping[str, Any]]
    total: int
    following: str


def exchange_page(path: Path, wanted: Wanted, *, after: str = "", limit: int = 50) -> ExchangePage:
    """A page of exchanges, newest first, those without a time last.

    Args:
        path: of the Parquet file of outcomes.
        wanted: which.
        after: the cursor the page before gave.
        limit: how many at most, >= 1.

    Raises:
        UsageError: the cursor is none.
        UnreadableInput: the file cannot be read.
    """
    conditions, values = _split(wanted.conditions())
    total = int(_query(path, f"SELECT count(*) AS n FROM {_FROM}{conditions}", values)[0]["n"])
    following, more = _after(after)
    both = " AND ".join(filter(None, (conditions.removeprefix(" WHERE "), following)))
    places = _query(
        path,
        f"SELECT file_row_number AS row, time FROM {_FROM}{' WHERE ' + both if both else ''} "
        "ORDER BY time DESC NULLS LAST, row LIMIT ?",
        [*values, *more, limit + 1],
    )
    shown = places[:limit]
    if not shown:
        return ExchangePage((), total, "")
    columns, marks = ", ".join(_LISTED), ", ".join("?" * len(shown))
    rows = _query(
        path,
        f"SELECT file_row_number AS row, {columns} FROM {_FROM} WHERE file_row_number IN ({marks})",
        [place["row"] for place in shown],
    )
    found = {row["row"]: row for row in rows}
    last = _cursor(shown[-1]) if len(places) > limit else ""
    return ExchangePage([found[place["row"]] for place in shown], total, last)


def one_exchange(path: Path, row: int) -> Mapping[str, Any] | None:
    """All that is kept of an exchange; None where the file has no such row.

    Args:
        path: of the Parquet file.
        row: its place in the file, from 0.
    """
    found = _query(path, f"SELECT * FROM {_FROM} WHERE file_row_number = ?", [row])
    return found[0] if found else None


def texts_by_id(path: Path, exchange: str) -> Mapping[str, Any] | None:
    """Texts of an exchange from a file of exchanges; None where it is not there."""
    columns = _columns(path) & {"system", "prompt", "response"}
    if not columns or "id" not in _columns(path):
        return None
    found = _query(path, f"SELECT {', '.join(sorted(columns))} FROM {_FROM} WHERE id = ? LIMIT 1", [exchange])
    return found[0] if found else None


def names_of(path: Path) -> list[tuple[str, str, str]]:
    """What exchanges of a file are called: use case, model asked for, model; "" for what is not told."""
    told = ", ".join(f"coalesce({name}, '') AS {name}" for name in _NAMES)
    found = _query(path, f"SELECT DISTINCT {told} FROM {_FROM}", [])
    return [(row["use_case"], row["model_requested"], row["model"]) for row in found]


def named(names: tuple[str, str, str]) -> str:
    """The three put together, as `Wanted.names` has them."""
    return "\x1f".join(names)


def read_columns(path: Path, columns: str, condition: str) -> pa.Table:
    """Columns of the rows a condition holds for, in the order of the file; both are SQL of ours."""
    sql = f"SELECT {columns} FROM {_FROM} WHERE {condition} ORDER BY file_row_number"
    with _reading(path) as cursor:
        return cursor.sql(sql, params=[str(path)]).to_arrow_table()


def _columns(path: Path) -> set[str]:
    return {str(row["column_name"]) for row in _query(path, f"DESCRIBE SELECT * FROM {_FROM}", [])}


def _split(conditions: Iterator[tuple[str, object]]) -> tuple[str, list[object]]:
    found = list(conditions)
    text = " AND ".join(condition for condition, _ in found)
    return f" WHERE {text}" if text else "", [value for _, value in found]


def _after(cursor: str) -> tuple[str, list[object]]:
    """The condition for what follows a cursor."""
    if not cursor:
        return "", []
    told = _CURSOR.match(cursor)
    if told is None:
        raise UsageError("this page has no place in the list", hint="begin again with the first page")
    row = int(told[2])
    if told[1] == "none":
        return "(time IS NULL AND file_row_number > ?)", [row]
    try:
        at = _EPOCH + dt.timedelta(microseconds=int(told[1]))
    except OverflowError as error:
        raise UsageError(
            "this page has no place in the list", hint="begin again with the first page"
        ) from error
    return "(time < ? OR time IS NULL OR (time = ? AND file_row_number > ?))", [at, at, row]


def _cursor(place: Mapping[str, Any]) -> str:
    at = place["time"]
    return f"{'none' if at is None else (at - _EPOCH) // dt.timedelta(microseconds=1)}.{place['row']}"


@cache
def _database() -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect()
    connection.execute("SET parquet_metadata_cache = true")
    atexit.register(_database.cache_clear)  # DuckDB complains of a connection that outlives it
    return connection


def _query(path: Path, sql: str, values: Sequence[object]) -> list[dict[str, Any]]:
    with _reading(path) as cursor:
        cursor.execute(sql, [str(path), *values])
        names = [column[0] for column in cursor.description or ()]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


@contextmanager
def _reading(path: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    try:
        with _database().cursor() as cursor:
            yield cursor
    except duckdb.Error as error:
        said = str(error).splitlines()[0]
        raise UnreadableInput(f"{path.name}: cannot be read: {said}", hint="is the file whole?") from error
