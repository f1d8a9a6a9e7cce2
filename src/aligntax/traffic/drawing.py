"""One file of a log is drawn: batches of exchanges out, every record counted, what is skipped located."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from aligntax.errors import AligntaxError, MalformedRecords, UnreadableInput, UsageError
from aligntax.traffic.formats.tabular import FieldMap
from aligntax.traffic.lines import last_line
from aligntax.traffic.locate import Problem, locate
from aligntax.traffic.mend import mend
from aligntax.traffic.packing import Member, origin
from aligntax.traffic.scan import BUFFER, exchanges_sql, forget_rejects, lacking, rejects
from aligntax.traffic.sniff import LogFile

__all__ = ["FileReader", "Reading"]

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
        left_out: files that could not be read at all, each with the cause.
        notes: what else a reader of the result should know.
        files: how each file was taken, one line each.
    """

    records: int = 0
    exchanges: int = 0
    skipped: int = 0
    problems: list[Problem] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    files: list[str] = field(default_factory=list)

    def summary(self) -> str:
        """One line on what was skipped or left out, "" if nothing was."""
        parts = []
        if self.skipped:
            first = f"; first at {self.problems[0]}" if self.problems else ""
            parts.append(f"skipped {self.skipped:,} of {self.records:,} records{first}")
        if self.left_out:
            several = "files, the first" if len(self.left_out) > 1 else "file"
            parts.append(f"left out {len(self.left_out):,} {several}: {self.left_out[0]}")
        return "; ".join(parts)

    def leave_out(self, error: AligntaxError) -> None:
        """Notes a file that could not be read."""
        self.left_out.append(error.message)
        self.notes.append(f"left out: {error.message}")


@dataclass(slots=True)
class _Part:
    """How far one file has been read.

    Attributes:
        file: as it is read now: a mended copy after a break.
        drawn: rows so far.
        before: rows that a mended copy no longer has.
        skipped: rows so far that could not be used.
        ordinals: positions in `file` of the first of them.
        last_bad: whether the last row could not be used.
        problems: what has been located already.
        lost: records after a break that cannot be mended.
    """

    file: LogFile
    drawn: int = 0
    before: int = 0
    skipped: int = 0
    ordinals: list[int] = field(default_factory=list)
    last_bad: bool = False
    problems: list[Problem] = field(default_factory=list)
    lost: int = 0

    def add(self, rows: int, bad: Sequence[int]) -> None:
        """Counts a batch whose rows at `bad` cannot be used."""
        room = _LOCATED - len(self.ordinals)
        self.ordinals += [self.drawn - self.before + at for at in bad[:room]]
        self.drawn += rows
        self.skipped += len(bad)
        self.last_bad = bool(bad) and bad[-1] == rows - 1


class FileReader:
    """Draws the exchanges of one file.

    Args:
        connection: to run on.
        file: sniffed, or a pack.
        members: the files in it: itself, or those of the pack.
        fields: field names given by a person.
        scratch: directory for temporary copies.
        strict: whether a record that cannot be read is an error.
    """

    def __init__(
        self,
        connection: duckdb.DuckDBPyConnection,
        file: LogFile,
        members: Sequence[Member],
        fields: FieldMap,
        scratch: Path,
        strict: bool,
    ) -> None:
        self._connection = connection
        self._original = file
        self._members = members
        self._fields = fields
        self._scratch = scratch
        self._strict = strict
        self._part = _Part(file)

    def read(self, columns: list[str], reading: Reading) -> Iterator[pa.RecordBatch]:
        """The exchanges; `reading` grows with them."""
        part = self._part
        for batch in self._batches(columns):
            if self._strict and part.skipped:
                break  # only now is it sure that the line was not the last, which may yet be saved
            usable = batch.column("usable")
            bad = [] if usable.true_count == batch.num_rows else _false_at(usable)
            first = part.drawn
            part.add(batch.num_rows, bad)
            reading.records += batch.num_rows
            reading.skipped += len(bad)
            reading.exchanges += batch.num_rows - len(bad)
            yield _identified(batch, self._members, first, drop=bad)
        if part.last_bad:
            yield from self._last_line(columns, reading)
        self._account(reading)

    def _batches(self, columns: list[str]) -> Iterator[pa.RecordBatch]:
        """The file's rows, from a mended copy where DuckDB gives up."""
        try:
            yield from self._query(self._original, columns)
            return
        except duckdb.BinderException as error:
            if not self._fields.chosen():
                raise
            name = self._original.format.name
            hint = "convert the log to JSON lines with flat fields, and take --format tabular"
            raise UsageError(f"the --…-field options do not go with the format {name}", hint=hint) from error
        except _UNREADABLE as error:
            failure = error
        yield from self._rescued(columns, failure)

    def _query(self, file: LogFile, columns: list[str]) -> Iterator[pa.RecordBatch]:
        relation = self._connection.sql(exchanges_sql(file, columns, self._fields))
        yield from relation.to_arrow_reader(_BATCH_ROWS)

    def _rescued(self, columns: list[str], failure: Exception) -> Iterator[pa.RecordBatch]:
        """What follows the rows drawn before a failure."""
        part, file = self._part, self._original
        if file.container == "parquet":
            self._break_off(failure)
            return
        if file.container == "csv":
            part.problems, part.ordinals = locate(file, part.ordinals), []
            part.before = part.drawn
        drawn = part.drawn
        part.file = mend(file, self._scratch, drawn=drawn)
        try:
            rows = self._query(part.file, columns)
            yield from rows if file.container == "csv" else _after(rows, drawn)
        except _UNREADABLE as error:
            raise UnreadableInput(f"{file.name}: {_cause(error)}", hint="is the file complete?") from error

    def _break_off(self, failure: Exception) -> None:
        part, file = self._part, self._original
        cause = f"{file.name}: {_cause(failure)}"
        try:
            part.lost = pq.read_metadata(file.path).num_rows - part.drawn
        except (OSError, pa.ArrowException):
            part.lost = 1
        if not part.drawn:
            raise UnreadableInput(cause, hint="is the file complete?") from failure

    def _last_line(self, columns: list[str], reading: Reading) -> Iterator[pa.RecordBatch]:
        """The last line, once more and alone.

        On several threads DuckDB loses a last line that no newline ends and that crosses its buffer's edge.
        """
        part = self._part
        if part.file.container != "ndjson":
            return
        line, start = last_line(part.file.path, part.file.compression)
        if start // BUFFER == (start + len(line)) // BUFFER:
            return
        alone = self._scratch / "last.jsonl"
        alone.write_bytes(line + b"\n")
        table = pa.Table.from_batches(
            self._query(replace(part.file, path=alone, compression="none"), columns)
        )
        if not table.num_rows or table["usable"].to_pylist().count(True) < table.num_rows:
            return
        part.skipped -= 1
        del part.ordinals[part.skipped :]
        reading.skipped -= 1
        reading.records += table.num_rows - 1
        reading.exchanges += table.num_rows
        for batch in table.combine_chunks().to_batches():
            yield _identified(batch, self._members, part.drawn - 1, drop=[])

    def _account(self, reading: Reading) -> None:
        """Counts and locates what no batch told of and, in strict mode, refuses it."""
        part = self._part
        rejected, refused = 0, list[tuple[int, str]]()
        if self._original.container == "csv":
            if part.file is self._original:
                rejected, refused = rejects(self._connection, _LOCATED)
            forget_rejects(self._connection)
        part.skipped += rejected + part.lost
        reading.records += rejected + part.lost
        reading.skipped += rejected + part.lost
        if part.skipped and len(reading.problems) < _LOCATED:
            reading.problems += self._located(refused)[: _LOCATED - len(reading.problems)]
        if part.file is not self._original or len(self._members) > 1:
            part.file.path.unlink(missing_ok=True)
        if self._strict and reading.skipped:
            where = str(reading.problems[0]) if reading.problems else part.file.name
            raise MalformedRecords(where, hint="without --strict such records are counted and skipped")

    def _located(self, refused: Sequence[tuple[int, str]]) -> list[Problem]:
        part = self._part
        ordinals = part.ordinals
        if ordinals and part.file.format.source != "log":
            ordinals = lacking(self._connection, part.file, self._fields, len(ordinals))
        found = [*part.problems, *locate(part.file, ordinals, rejected=refused)]
        if part.lost:
            cause = f"the file breaks off here, and {part.lost:,} records are lost"
            found.append(Problem(file=part.file.name, line=part.drawn + 1, cause=cause, unit=part.file.unit))
        return [origin(problem, self._members) for problem in found]


def _cause(error: Exception) -> str:
    """The first line of DuckDB's message, without the kind of error."""
    first = str(error).splitlines()[0]
    kind, _, rest = first.partition(" Error: ")
    return rest if rest and " " not in kind.replace("Invalid Input", "").strip() else first


def _false_at(usable: pa.BooleanArray) -> list[int]:
    return [int(at) for at in np.flatnonzero(~usable.to_numpy(zero_copy_only=False))]


def _identified(
    batch: pa.RecordBatch, members: Sequence[Member], first: int, *, drop: Sequence[int]
) -> pa.RecordBatch:
    """The usable rows of a batch, those without an id named after their place: `file:ordinal`."""
    usable = batch.column("usable")
    batch = batch.drop_columns(["usable"])
    if "id" in batch.schema.names and batch.column("id").null_count:
        rows = np.arange(first, first + batch.num_rows)
        before = np.array([member.records_before for member in members])
        among = np.searchsorted(before, rows, side="right") - 1
        names = pa.array([member.file.name for member in members]).take(pa.array(among))
        ordinals = pa.array(rows - before[among] + 1).cast(pa.string())
        filled = pc.coalesce(batch.column("id"), pc.binary_join_element_wise(names, ordinals, ":"))
        batch = batch.set_column(batch.schema.get_field_index("id"), "id", filled)
    return batch.filter(usable) if drop else batch


def _after(batches: Iterator[pa.RecordBatch], rows: int) -> Iterator[pa.RecordBatch]:
    """The batches without their first `rows` rows."""
    for batch in batches:
        if rows < batch.num_rows:
            yield batch.slice(rows)
        rows = max(0, rows - batch.num_rows)
