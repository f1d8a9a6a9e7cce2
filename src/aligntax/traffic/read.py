"""One reader for every format: files in, record batches of exchanges out, nothing lost uncounted."""

import contextlib
import os
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import duckdb
import pyarrow as pa

from aligntax.errors import AligntaxError, UnreadableInput, UsageError
from aligntax.records import EXCHANGE
from aligntax.traffic.discover import STDIN, find_files, keep
from aligntax.traffic.drawing import FileReader, Reading
from aligntax.traffic.formats.tabular import FieldMap
from aligntax.traffic.lines import compression_of, encoding_of, head, stdin_bytes
from aligntax.traffic.mend import decode, mend
from aligntax.traffic.packing import Member, groups, pack
from aligntax.traffic.scan import connect, exchanges_sql
from aligntax.traffic.sniff import LogFile, sniff

__all__ = ["Log", "Reading"]

_MOST_THREADS = 8
"""Judging keeps one thread busy, so that more readers only take memory."""


class Log:
    """A log of one or many files, opened: each file sniffed, none read yet.

    Args:
        inputs: paths, globs, directories, or "-" for standard input.
        choice: name of the format; None to tell it from each file.
        fields: field names given by a person.
        threads: threads DuckDB may use.
        strict: whether a record or a file that cannot be read is an error.

    Raises:
        UnreadableInput: no file can be read.
        UsageError: no file has a field that a person named.
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
        self._scratch = Path(self._directory.name)
        self._fields = fields or FieldMap()
        self._strict = strict
        self._threads = threads or min(os.cpu_count() or 1, _MOST_THREADS)
        self._connection: duckdb.DuckDBPyConnection | None = None
        self._done_bytes = 0
        self._current_bytes = 0
        try:
            self.files, self._failures = self._open(inputs, choice)
            self._check_fields()
        except BaseException:
            self.close()
            raise
        self.bytes = sum(file.size for file in self.files)

    def batches(self, columns: Sequence[str] | None = None) -> tuple[Iterator[pa.RecordBatch], Reading]:
        """The exchanges, in the order of the log, and the counts that grow while they are drawn.

        Args:
            columns: names of the EXCHANGE columns wanted; all by default. `id` is never null. The
                name "prompt_key" adds a hash of the prompt, to recognise one that is asked again.

        Raises:
            UnreadableInput: while drawing, when nothing in the log can be read.
            MalformedRecords: while drawing, in strict mode.
        """
        reading = Reading(files=self.described)
        for failure in self._failures:
            reading.leave_out(failure)
        repeats = [f.name for f in self.files if f.duplicate_keys]
        reading.notes += [f"{name}: a record names a key twice; the first value counts" for name in repeats]
        for path in self._fields.chosen().values():
            if without := sum(path in file.absent for file in self.files):
                reading.notes.append(
                    f"{without:,} of {len(self.files):,} files do not begin with a field {path!r}"
                )
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
        except duckdb.Error:  # closed between two reads
            return 0.0
        return max(0.0, share) / 100

    def close(self) -> None:
        """Removes the temporary copies."""
        self._directory.cleanup()

    def _open(self, inputs: Sequence[str], choice: str | None) -> tuple[list[LogFile], list[AligntaxError]]:
        names = [name for name in inputs if name != STDIN]
        paths, failures = find_files(names) if names or not inputs else ([], [])
        sources = [(path, str(path)) for path in paths]
        if STDIN in inputs:
            sources.append((keep(stdin_bytes(), self._scratch), "stdin"))
        files = list[LogFile]()
        for path, name in sources:
            try:
                files.append(self._sniffed(path, name, choice))
            except AligntaxError as error:
                failures.append(error)
        if failures and (not files or self._strict):
            raise failures[0]
        return files, failures

    def _sniffed(self, path: Path, name: str, choice: str | None) -> LogFile:
        try:
            return self._prepared(path, name, choice)
        except OSError as error:
            cause = (error.strerror or "cannot be read").lower()
            raise UnreadableInput(f"{name}: {cause}", hint="check the path and the disk") from error

    def _prepared(self, path: Path, name: str, choice: str | None) -> LogFile:
        if path.is_fifo() or path.is_char_device():  # can be read only once
            with path.open("rb") as stream:
                path = keep(stream, self._scratch)
        compression = compression_of(path, name)
        encoding = encoding_of(head(path, compression, 4))
        if encoding:
            path = decode(path, compression, encoding, self._scratch)
        found = sniff(path, name=name, choice=choice, fields=self._fields)
        file = replace(found, encoding=encoding, size=path.stat().st_size)
        return mend(file, self._scratch) if file.container == "eval" else file

    def _check_fields(self) -> None:
        for name, path in self._fields.chosen().items():
            if all(path in file.absent for file in self.files):
                shown = ", ".join(self.files[0].columns[:20])
                raise UsageError(
                    f"{self.files[0].name}: no field {path!r} (--{name.replace('_', '-')}-field)",
                    hint=f"the fields are: {shown}",
                )

    def _draw(self, columns: list[str], reading: Reading) -> Iterator[pa.RecordBatch]:
        self._done_bytes = 0
        with contextlib.closing(connect(self._threads, self._directory.name)) as connection:
            self._connection = connection
            for group in groups(self.files, self._query_of):
                self._current_bytes = sum(file.size for file in group)
                try:
                    yield from self._reader(connection, group, reading).read(columns, reading)
                except UnreadableInput as error:
                    if self._strict or len(self.files) == 1:
                        raise
                    reading.leave_out(error)
                self._done_bytes += self._current_bytes
                self._current_bytes = 0
        self._refuse_nothing(reading)

    def _query_of(self, file: LogFile) -> str:
        anywhere = replace(file, path=Path(), container="ndjson", compression="none")
        return exchanges_sql(anywhere, EXCHANGE.names, self._fields)

    def _reader(
        self, connection: duckdb.DuckDBPyConnection, group: list[LogFile], reading: Reading
    ) -> FileReader:
        file, members = group[0], [Member(group[0])]
        if len(group) > 1:
            file, members, failures = pack(group, self._scratch)
            for failure in failures:
                if self._strict:
                    raise failure
                reading.leave_out(failure)
        return FileReader(connection, file, members, self._fields, self._scratch, self._strict)

    def _refuse_nothing(self, reading: Reading) -> None:
        """A log that came to nothing is no log with a tax of zero."""
        if reading.exchanges:
            return
        if not reading.skipped:
            where = (
                reading.left_out[0]
                if reading.left_out
                else f"{self.files[0].name}: there is no exchange in it"
            )
            raise UnreadableInput(where, hint="is this the right file?")
        first = f"; first at {reading.problems[0]}" if reading.problems else ""
        raise UnreadableInput(
            f"none of the {reading.records:,} records could be read{first}",
            hint="name the format with --format or the fields with --…-field; see `aligntax formats`",
        )


def describe(file: LogFile) -> str:
    """How a file was taken, for a person."""
    tabular = file.format.name == "tabular"
    parts = [
        f"tabular ({file.format.describes})" if tabular else file.format.name,
        file.container if file.container in ("csv", "parquet") else "",
        file.compression if file.compression != "none" else "",
        "" if file.encoding == "utf-8-sig" else file.encoding,
    ]
    return f"{file.name}: {', '.join(part for part in parts if part)}"
