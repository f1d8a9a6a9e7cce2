"""The ledger's tables as files that other programs read; documents and other JSON as text."""

import csv
import datetime as dt
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any, Literal, TextIO

import pyarrow as pa
import pyarrow.parquet as pq
from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    ColumnElement,
    Connection,
    Double,
    Integer,
    LargeBinary,
    Select,
    Table,
    select,
)

from aligntax.ledger import tables
from aligntax.ledger.bodies import plain_json, unpack
from aligntax.ledger.column_types import Moment
from aligntax.ledger.opened import Ledger
from aligntax.records.files import atomic

__all__ = ["EXPORTED", "FORMATS", "Format", "export_tables"]

Format = Literal["parquet", "jsonl", "csv"]
EXPORTED: tuple[Table, ...] = (
    tables.runs,
    tables.measurements,
    tables.documents,
    tables.verdicts,
    tables.labels,
    tables.marks,
    tables.policies,
    tables.models,
    tables.stages,
    tables.artefacts,
)
"""What is written, one file a table; texts of exchanges are in none of them."""
_AT_ONCE = 5_000
_TYPES: Mapping[type, pa.DataType] = {
    Moment: pa.timestamp("us"),
    BigInteger: pa.int64(),
    Integer: pa.int64(),
    Double: pa.float64(),
    Boolean: pa.bool_(),
}
Rows = list[dict[str, Any]]
Write = Callable[[Rows], None]


def export_tables(
    ledger: Ledger, directory: Path, kind: Format = "parquet", *, run_id: str | None = None
) -> dict[str, int]:
    """Writes the tables, all of one moment, each whole or not at all.

    Args:
        ledger: to read.
        directory: to write to: `runs.parquet`, `measurements.parquet`, ...
        kind: of the files.
        run_id: of the one run wanted, with what belongs to it; all by default.

    Returns:
        Table -> rows written.
    """
    written = dict[str, int]()
    with ledger.reading() as connection:
        connection = connection.execution_options(yield_per=_AT_ONCE)
        for table in EXPORTED:
            with atomic(directory / f"{table.name}.{kind}") as part, FORMATS[kind](part, table) as write:
                written[table.name] = _write(connection, _wanted(table, run_id), table, write)
    return written


def _write(connection: Connection, query: Select[Any], table: Table, write: Write) -> int:
    count = 0
    for rows in connection.execute(query).mappings().partitions():
        write([{column.name: _plain(column.name, row[column.name]) for column in table.c} for row in rows])
        count += len(rows)
    return count


def _plain(name: str, value: object) -> object:
    if isinstance(value, bytes):
        return plain_json(unpack(value))
    return plain_json(value) if isinstance(value, dict | list) else value


def _wanted(table: Table, run_id: str | None) -> Select[Any]:
    query = select(table).order_by(*table.primary_key.columns)
    return query if run_id is None else query.where(_of_run(table, run_id))


def _of_run(table: Table, run_id: str) -> ColumnElement[bool]:
    if table is tables.runs:
        return table.c.id == run_id
    if table is tables.models:
        return table.c.id.in_(select(tables.stages.c.model_id).where(tables.stages.c.run_id == run_id))
    if table is tables.policies:
        return table.c.id.in_(select(tables.verdicts.c.policy_id).where(tables.verdicts.c.run_id == run_id))
    if table is tables.marks:
        run = select(tables.runs.c.first, tables.runs.c.last).where(tables.runs.c.id == run_id).subquery()
        return table.c.at.between(select(run.c.first).scalar_subquery(), select(run.c.last).scalar_subquery())
    within: ColumnElement[bool] = table.c.run_id == run_id
    return within


def _schema(table: Table) -> pa.Schema:
    return pa.schema([(column.name, _arrow(column.type)) for column in table.c])


def _arrow(kind: object) -> pa.DataType:
    if isinstance(kind, JSON | LargeBinary):
        return pa.large_string()
    return next((found for one, found in _TYPES.items() if isinstance(kind, one)), pa.string())


@contextmanager
def _parquet(path: Path, table: Table) -> Iterator[Write]:
    schema = _schema(table)
    with pq.ParquetWriter(path, schema, compression="zstd") as writer:
        yield lambda rows: writer.write_table(pa.Table.from_pylist(rows, schema))


@contextmanager
def _json_lines(path: Path, table: Table) -> Iterator[Write]:
    with path.open("w", encoding="utf-8", newline="\n") as file:
        yield lambda rows: _add_lines(file, rows)


def _add_lines(file: TextIO, rows: Iterable[Mapping[str, Any]]) -> None:
    for row in rows:
        file.write(json.dumps(row, ensure_ascii=False, default=_time) + "\n")


@contextmanager
def _csv(path: Path, table: Table) -> Iterator[Write]:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, [column.name for column in table.c], lineterminator="\n")
        writer.writeheader()
        yield lambda rows: writer.writerows(_timed(row) for row in rows)


def _timed(row: Mapping[str, Any]) -> dict[str, Any]:
    return {name: _time(value) if isinstance(value, dt.datetime) else value for name, value in row.items()}


def _time(value: object) -> str:
    if isinstance(value, dt.datetime):
        return value.isoformat()
    raise TypeError(f"{type(value).__name__} is no JSON")


FORMATS: Mapping[str, Callable[[Path, Table], AbstractContextManager[Write]]] = {
    "parquet": _parquet,
    "jsonl": _json_lines,
    "csv": _csv,
}
