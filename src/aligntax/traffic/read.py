"""One reader for every format: files in, record batches of exchanges out, nothing lost uncounted."""

import os
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from aligntax.errors import AligntaxError, MalformedRecords, UnreadableInput
from aligntax.extension_points import LogFormat
from aligntax.records import EXCHANGE
from aligntax.traffic.discover import STDIN, find_files, keep_stdin
from aligntax.traffic.formats.tabular import FieldMap, overrides
from aligntax.traffic.lines import MAX_RECORD_BYTES, stdin_bytes
from aligntax.traffic.locate import Problem, locate
from aligntax.traffic.mend import mend, needs_mending
from aligntax.traffic.projection import projection_sql, quoted
from aligntax.traffic.sniff import LogFile, sniff, table_sql

__all__ = ["Log", "Reading"]

_BATCH_ROWS = 32_768
_LOCATED = 5
_UNREADABLE = (duckdb.Error, pa.ArrowException, OSError)


@dataclass(slots=True)
class Reading:
    """What reading a log came to. `records == exchanges + skipped` at any time.

    Attributes:
        records: records met, blank lines not counted.
        exchanges: records that became exchanges.
        skipped: records that could not be used.
        problems: the first few of them, located.
        notes: what else a reader of the result should know.
        files: how each file was taken, one line each.
    """

    records: int = 0
    exchanges: int = 0
    skipped: int = 0
    problems: list[Problem] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    files: list[str] = field(default_factory=list)

    def summary(self) -> str:
        """One line on what was skipped, "" if nothing was."""
        if not self.skipped:
            return ""
        first = f"; first at {self.problems[0]}" if self.problems else ""
        return f"skipped {self.skipped:,} of {self.records:,} records{first}"


class Log:
    """A log of one or many files, opened: each file sniffed, none read yet.

    Args:
        inputs: paths, globs, directories, or "-" for standard input.
        choice: name of the format; None to tell it from each file.
        fields: field names given by a person.
        threads: threads DuckDB may use.
        strict: whether a record that cannot be read is an error.

    Raises:
        UnreadableInput: no file can be read.
    """

    def __init__(
        self,
        inputs: Sequence[str],
        *,
        choice: str | None = None,
        fields: FieldMap | None = None,
        threads: int | None = None,
        strict: bool = False,
    ) -> None:
        self._directory = tempfile.TemporaryDirectory(prefix="aligntax-")
        self._fields = fields or FieldMap()
        self._strict = strict
        self._threads = threads or os.cpu_count() or 1
        self._connection: duckdb.DuckDBPyConnection | None = None
        self._done_bytes = 0
        self._current_bytes = 0
        self.files = self._open(inputs, choice)
        self.bytes = sum(file.path.stat().st_size for file in self.files)

    def batches(self, columns: Sequence[str] | None = None) -> tuple[Iterator[pa.RecordBatch], Reading]:
        """The exchanges, in the order of the log, and the counts that grow while they are drawn.

        Args:
            columns: names of the EXCHANGE columns wanted; all by default. `id` is never null. The
                name "prompt_key" adds a hash of the prompt, to recognise one that is asked again.

        Raises:
            UnreadableInput: while drawing, when a file breaks off before its first record.
            MalformedRecords: while drawing, in strict mode.
        """
        reading = Reading(files=self.described)
        reading.notes.extend(self._notes)
        return self._draw(list(columns or EXCHANGE.names), reading), reading

    @property
    def described(self) -> list[str]:
        """How each file is taken, one line each."""
        return [describe(file) for file in self.files]

    @property
    def progress(self) -> float:
        """Share of the log's bytes read, in [0, 1]."""
        done = self._done_bytes + self._current_bytes * self._query_share()
        return min(1.0, done / self.bytes) if self.bytes else 1.0

    def _query_share(self) -> float:
        """Share of the current file DuckDB has read, in [0, 1]."""
        try:
            share = self._connection.query_progress() if self._connection else -1.0
        except duckdb.Error:  # closed between two files
            return 0.0
        return max(0.0, share) / 100

    def close(self) -> None:
        """Removes the temporary copies."""
        self._directory.cleanup()

    def _open(self, inputs: Sequence[str], choice: str | None) -> list[LogFile]:
        names = [name for name in inputs if name != STDIN]
        paths = [(path, str(path)) for path in (find_files(names) if names or not inputs else [])]
        if STDIN in inputs:
            paths.append((keep_stdin(stdin_bytes(), Path(self._directory.name)), "stdin"))
        self._notes: list[str] = []
        files, failures = [], []
        for path, name in paths:
            try:
                files.append(sniff(path, name=name, choice=choice, fields=self._fields))
            except AligntaxError as error:
                failures.append(error)
        if failures and (not files or self._strict):
            raise failures[0]
        self._notes += [f"left out: {error.message}" for error in failures]
        self._notes += [
            f"{f.name}: a record names a key twice; the first value counts" for f in files if f.duplicate_keys
        ]
        return [mend(file, self._scratch()) if needs_mending(file) else file for file in files]

    def _scratch(self) -> Path:
        path = Path(self._directory.name) / "mended"
        path.mkdir(exist_ok=True)
        return path

    def _draw(self, columns: list[str], reading: Reading) -> Iterator[pa.RecordBatch]:
        self._done_bytes = 0
        for file in self.files:
            self._current_bytes = file.path.stat().st_size
            yield from self._file(file, columns, reading)
            self._done_bytes += self._current_bytes
            self._current_bytes = 0

    def _file(self, file: LogFile, columns: list[str], reading: Reading) -> Iterator[pa.RecordBatch]:
        drawn, skipped = 0, list[int]()
        for batch in self._resilient(file, columns, reading):
            usable = batch.column("usable")
            bad = [] if usable.true_count == batch.num_rows else _false_at(usable)
            reading.records += batch.num_rows
            reading.skipped += len(bad)
            reading.exchanges += batch.num_rows - len(bad)
            skipped += [drawn + int(at) for at in bad[: _LOCATED - len(skipped)]]
            if bad and self._strict:
                break
            yield _identified(batch, file.name, drawn, drop=bad)
            drawn += batch.num_rows
        self._account(file, skipped, reading)

    def _account(self, file: LogFile, skipped: Sequence[int], reading: Reading) -> None:
        """Locates what was skipped in a file and, in strict mode, refuses it."""
        if skipped:
            reading.problems += locate(file, skipped)[: _LOCATED - len(reading.problems)]
        if file.container == "csv" and self._connection is not None:
            _count_rejects(self._connection, file, reading)
        if self._strict and reading.skipped:
            where = str(reading.problems[0]) if reading.problems else file.name
            raise MalformedRecords(where, hint="without --strict such records are counted and skipped")

    def _resilient(self, file: LogFile, columns: list[str], reading: Reading) -> Iterator[pa.RecordBatch]:
        """The file's records; a record too long to read is replaced and the file read on."""
        drawn = 0
        try:
            for batch in self._query(file, columns):
                drawn += batch.num_rows
                yield batch
        except _UNREADABLE as error:
            message = str(error)
            if "maximum_object_size" in message and file.container == "ndjson":
                yield from _after(self._query(mend(file, self._scratch()), columns), drawn)
                return
            cause = message.splitlines()[0].removeprefix("Invalid Input Error: ").removeprefix("IO Error: ")
            if not drawn:
                raise UnreadableInput(f"{file.name}: {cause}", hint="is the file complete?") from error
            reading.records += 1
            reading.skipped += 1
            lost = f"the file breaks off here ({cause})"
            reading.problems.append(Problem(file=file.name, line=drawn + 1, cause=lost))

    def _query(self, file: LogFile, columns: list[str]) -> Iterator[pa.RecordBatch]:
        connection = self._connection = connect(self._threads)
        try:
            relation = connection.sql(_sql(file, columns, self._fields))
            yield from relation.to_arrow_reader(_BATCH_ROWS)
        finally:
            if file.container != "csv":
                connection.close()


def connect(threads: int) -> duckdb.DuckDBPyConnection:
    """A DuckDB connection of its own: UTC, bounded memory, nothing fetched from outside."""
    connection = duckdb.connect(
        config={
            "threads": threads,
            "memory_limit": "512MB",
            "autoinstall_known_extensions": "false",
        }
    )
    connection.execute("SET TimeZone = 'UTC'; SET enable_progress_bar = true; SET enable_progress_bar_print = false")
    return connection


def describe(file: LogFile) -> str:
    """How a file was taken, for a person."""
    packed = "" if file.compression == "none" else f", {file.compression}"
    how = file.format.describes if file.format.name == "tabular" else file.format.name
    kind = f"tabular ({how})" if file.format.name == "tabular" else how
    return f"{file.name}: {kind}{packed}"


def _sql(file: LogFile, columns: list[str], fields: FieldMap) -> str:
    log_format: LogFormat = file.format
    wanted, expressions = overrides(fields, log_format.columns)
    if log_format.name == "tabular":
        wanted, expressions = dict(log_format.columns), {}
    projection = projection_sql(log_format, [name for name in columns if name != "prompt_key"], expressions)
    key = ", hash(prompt) AS prompt_key" if "prompt_key" in columns else ""
    log = f"SELECT * FROM {_table_function(file, wanted)}"
    return f"WITH log AS ({log}), exchanges AS ({projection}) SELECT *{key} FROM exchanges"


def _table_function(file: LogFile, columns: dict[str, str]) -> str:
    if file.container in ("csv", "parquet"):
        return table_sql(file.path, file.container, file.compression, file.delimiter)
    layout = {"ndjson": "newline_delimited", "array": "array", "object": "unstructured"}[file.container]
    types = ", ".join(f"{quoted(name)}: {quoted(kind)}" for name, kind in columns.items())
    lenient = "true" if file.container == "ndjson" else "false"
    return (
        f"read_json({quoted(str(file.path))}, format={quoted(layout)}, columns={{{types}}}, "
        f"compression={quoted(file.compression)}, ignore_errors={lenient}, "
        f"maximum_object_size={MAX_RECORD_BYTES})"
    )


def _false_at(usable: pa.BooleanArray) -> list[int]:
    return [int(at) for at in np.flatnonzero(~usable.to_numpy(zero_copy_only=False))]


def _identified(batch: pa.RecordBatch, name: str, first: int, *, drop: Sequence[int]) -> pa.RecordBatch:
    """The usable rows of a batch, those without an id named after their place: `file:ordinal`."""
    usable = batch.column("usable")
    batch = batch.drop_columns(["usable"])
    if "id" in batch.schema.names and batch.column("id").null_count:
        ordinals = pa.array(np.arange(first + 1, first + batch.num_rows + 1)).cast(pa.string())
        places = pc.binary_join_element_wise(name, ordinals, ":")
        filled = pc.coalesce(batch.column("id"), places)
        batch = batch.set_column(batch.schema.get_field_index("id"), "id", filled)
    return batch.filter(usable) if drop else batch


def _after(batches: Iterator[pa.RecordBatch], rows: int) -> Iterator[pa.RecordBatch]:
    """The batches without their first `rows` rows."""
    for batch in batches:
        if rows < batch.num_rows:
            yield batch.slice(rows)
        rows = max(0, rows - batch.num_rows)


def _count_rejects(connection: duckdb.DuckDBPyConnection, file: LogFile, reading: Reading) -> None:
    rejected = connection.execute(
        "SELECT line, min(error_message) FROM rejected GROUP BY line ORDER BY line"
    ).fetchall()
    connection.close()
    reading.records += len(rejected)
    reading.skipped += len(rejected)
    for line, message in rejected[: _LOCATED - len(reading.problems)]:
        cause = str(message).splitlines()[0].lower()
        reading.problems.append(Problem(file=file.name, line=int(line), cause=cause))
