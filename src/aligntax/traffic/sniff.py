"""Which container and which format a file has, from its first bytes and records."""

import csv
import io
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Literal

import duckdb

from aligntax.errors import UnknownFormat, UnreadableInput
from aligntax.extension_points import LogFormat
from aligntax.traffic.formats import FORMATS
from aligntax.traffic.formats.tabular import FieldMap, Fields, tabular
from aligntax.traffic.lines import (
    BROKEN,
    MAX_RECORD_BYTES,
    Compression,
    compression_of,
    head,
    lines,
    open_bytes,
)
from aligntax.traffic.projection import quoted

__all__ = ["Container", "LogFile", "parquet_sql", "path_sql", "sniff"]

Container = Literal["ndjson", "array", "object", "csv", "parquet", "eval"]

_HEAD_BYTES = 1 << 20
_SNIFFED_RECORDS = 100
_SNIFFED_LINES = 10_000
_SNIFFED_BYTES = 4 * MAX_RECORD_BYTES
_DEPTH = 4
_CONTROLS = bytes(byte for byte in range(32) if byte not in b"\t\n\v\f\r")
_READABLE = "aligntax reads JSON lines, JSON, CSV, Parquet and Inspect logs; see `aligntax formats`"


@dataclass(frozen=True, slots=True, kw_only=True)
class LogFile:
    """A file of a log and how to read it.

    Attributes:
        path: what DuckDB reads.
        name: what the person called it.
        container: how records are laid out in the file.
        compression: of the bytes.
        format: how a record becomes an exchange.
        unit: what records are counted by, "line" or "record".
        delimiter: between the fields of a CSV file; "" for others.
        blank: blank lines above the header of a CSV file.
        columns: names of a CSV file's columns; of others, the top-level keys of the first records.
        encoding: of the text, where it had to be rewritten as plain UTF-8; "" otherwise.
        duplicate_keys: whether one of the first records names a key twice (the first one counts).
        absent: paths a person named that the first records do not have.
        size: of the file a person named, in bytes.
    """

    path: Path
    name: str
    container: Container
    compression: Compression = "none"
    format: LogFormat
    unit: str = "line"
    delimiter: str = ""
    blank: int = 0
    columns: tuple[str, ...] = ()
    encoding: str = ""
    duplicate_keys: bool = False
    absent: tuple[str, ...] = ()
    size: int = 0


@dataclass(frozen=True, slots=True)
class _File:
    """What is known before the content is looked at."""

    path: Path
    name: str
    compression: Compression
    choice: str | None
    fields: FieldMap


def sniff(path: Path, *, name: str, choice: str | None, fields: FieldMap) -> LogFile:
    """How to read a file.

    Args:
        path: the file.
        name: what to call it in messages.
        choice: name of the format a person chose; None to tell from the first records.
        fields: field names a person gave.

    Raises:
        UnreadableInput: the file is missing, empty, binary or broken.
        UnknownFormat: no format recognises it, or there is none of the name chosen.
        UsageError: a field a person named is not there.
    """
    file = _File(path, name, compression_of(path, name), choice, fields)
    start = head(path, file.compression, _HEAD_BYTES)
    if start.startswith(b"PAR1"):
        return _parquet(file)
    if start.startswith(b"PK\x03\x04"):
        return _archive(file)
    if not start.strip():
        raise UnreadableInput(
            f"{name}: {_emptiness(start, file.compression)}", hint="is this the right file?"
        )
    _refuse_binary(start, name)
    text = start.decode("utf-8-sig", errors="replace")
    delimiter = _delimiter(text)
    if text.lstrip()[0] not in "{[" and not _holds_objects(text):
        if delimiter or choice == "tabular":
            return _csv(file, delimiter or ",", text)
        if choice is None:
            begins = text.strip()[:40]
            raise UnknownFormat(
                f"{name}, line 1: neither JSON nor a table with a header line: {begins!r}", hint=_READABLE
            )
    return _json(file, text)


def _emptiness(start: bytes, compression: Compression) -> str:
    if start:
        return "nothing but blank lines"
    return (
        "the file is empty"
        if compression == "none"
        else f"empty, or damaged at its beginning ({compression})"
    )


def _refuse_binary(start: bytes, name: str) -> None:
    sample = start[:4096]
    controls = len(sample) - len(sample.translate(None, _CONTROLS))
    if sample.lstrip()[:1] not in (b"{", b"[") and controls > len(sample) / 50:
        raise UnreadableInput(f"{name}: a binary file, not a log", hint=_READABLE)


def _holds_objects(text: str) -> bool:
    """Whether most of the first lines are JSON objects, although the very first is not."""
    first = [line for line in text.splitlines()[:_SNIFFED_RECORDS] if line.strip()]
    return 2 * sum(bool(_object(line)) for line in first) >= len(first)


def _object(line: str) -> bool:
    try:
        return line.lstrip()[:1] == "{" and isinstance(json.loads(line), dict)
    except (ValueError, RecursionError):
        return False


def _json(file: _File, text: str) -> LogFile:
    if file.compression == "none" and re.match(r'\{\s*"version":.{0,400}"eval":\s*\{', text, re.DOTALL):
        return _archive(file)
    container = _json_container(text)
    found = _first_records(file, container, text)
    if not found.records:
        raise UnknownFormat(
            f"{file.name}, line 1: no JSON object to begin with: {_fault(text, container)}",
            hint="aligntax reads one JSON object a line, an array of them, or objects over several lines",
        )
    present = _fields(found.records)
    named = file.fields.chosen().values()
    return LogFile(
        path=file.path,
        name=file.name,
        container=container,
        compression=file.compression,
        format=_json_format(file, found.records, present),
        unit="line" if container == "ndjson" else "record",
        columns=tuple(present.types),
        duplicate_keys=found.duplicate_keys,
        absent=tuple(path for path in named if not present.have(path)),
    )


def _fault(text: str, container: Container) -> str:
    """What is wrong with the first record."""
    begun = text.lstrip("\ufeff \t\r\n")
    if container == "ndjson" and "\n" not in begun and len(begun) > _HEAD_BYTES // 4:
        return f"the first line is cut off, or longer than {MAX_RECORD_BYTES // 2**20} MiB"
    try:
        json.loads(begun if container != "ndjson" else begun.partition("\n")[0])
    except json.JSONDecodeError as error:
        return f"{error.msg.lower()} (line {error.lineno:,}, column {error.colno:,})"
    except (ValueError, RecursionError):
        return "nested too deeply"
    return f"{begun[:40]!r}"


def _json_format(file: _File, records: Sequence[Mapping[str, object]], present: Fields) -> LogFormat:
    if file.choice is not None and file.choice != "tabular":
        return _named(file.choice, file.name)
    recognised = [f for f in FORMATS if file.choice is None and f.recognises(records)]
    return recognised[0] if recognised else tabular(present, file.fields, where=file.name)


def _named(choice: str, where: str) -> LogFormat:
    for log_format in FORMATS:
        if log_format.name == choice:
            return log_format
    names = ", ".join(["tabular", *(f.name for f in FORMATS)])
    raise UnknownFormat(f"{where}: no format is called {choice!r}", hint=f"one of: {names}")


def _insist(file: _File, found: str, what: str) -> None:
    """Refuses a file of another kind than the one chosen."""
    if file.choice not in (None, found):
        _named(str(file.choice), file.name)
        hint = f"leave --format out, or take --format {found}"
        raise UnknownFormat(f"{file.name}: {what}, not {file.choice}", hint=hint)


def _json_container(text: str) -> Container:
    stripped = text.lstrip()
    if re.match(r"\[\s*[\]{]", stripped):
        return "array"
    first = stripped.partition("\n")[0]
    if _object(first) or not stripped.startswith("{"):
        return "ndjson"
    try:
        _, end = json.JSONDecoder().raw_decode(stripped)
        return "object" if end > len(first) else "ndjson"
    except (ValueError, RecursionError):
        return "object" if re.match(r'\{\s*\n\s*"', stripped) else "ndjson"


@dataclass(frozen=True, slots=True)
class _Head:
    records: Sequence[Mapping[str, object]]
    duplicate_keys: bool


def _first_records(file: _File, container: Container, text: str) -> _Head:
    if container == "ndjson":
        with open_bytes(file.path, file.compression) as raw:
            return _parsed(line for line, _ in islice(_readable(lines(raw)), _SNIFFED_LINES))
    found = _parsed(_values(text))
    if not found.records and len(text) > _HEAD_BYTES / 4:  # the first record alone may be as long
        longer = head(file.path, file.compression, 2 * MAX_RECORD_BYTES)
        return _parsed(_values(longer.decode("utf-8-sig", errors="replace")))
    return found


def _readable(found: Iterator[tuple[bytes, int]]) -> Iterator[tuple[bytes, int]]:
    """The lines up to where the file breaks off, or as many as there is time for."""
    seen = 0
    try:
        for line, length in found:
            seen += length
            yield line, length
            if seen > _SNIFFED_BYTES:
                return
    except BROKEN:
        return


def _parsed(candidates: Iterable[bytes]) -> _Head:
    repeats: list[bool] = []

    def pairs(items: list[tuple[str, object]]) -> dict[str, object]:
        record = dict(reversed(items))
        repeats.append(len(record) < len(items))
        return record

    records: list[Mapping[str, object]] = []
    for line in candidates:
        try:
            value = json.loads(line.decode("utf-8-sig"), object_pairs_hook=pairs)
        except (ValueError, RecursionError):
            continue
        if isinstance(value, dict):
            records.append(value)
        if len(records) >= _SNIFFED_RECORDS:
            break
    return _Head(records, any(repeats))


def _values(text: str) -> Iterator[bytes]:
    """The whole JSON values at the start of a pretty-printed file or an array."""
    decoder, blanks = json.JSONDecoder(), re.compile(r"[\s,\[]*")
    at = 0
    while found := blanks.match(text, at):
        at = found.end()
        try:
            _, end = decoder.raw_decode(text, at)
        except (ValueError, RecursionError):
            return
        yield text[at:end].encode(errors="replace")
        at = end


def _fields(records: Sequence[Mapping[str, object]]) -> Fields:
    """The keys of JSON records, at the top and below it."""
    paths: dict[str, None] = {}
    for record in records:
        paths.update(dict.fromkeys(_paths(record, "", _DEPTH)))
    top = dict.fromkeys(key for record in records for key in record)
    return Fields(dict.fromkeys(top, "VARCHAR"), [path for path in paths if path not in top])


def _paths(record: Mapping[str, object], prefix: str, depth: int) -> Iterator[str]:
    for key, value in record.items():
        yield prefix + key
        if isinstance(value, dict) and depth > 1:
            yield from _paths(value, f"{prefix}{key}.", depth - 1)


def _delimiter(text: str) -> str:
    """What parts the names in the header of a CSV file, "" where there is no such header."""
    widths = {delimiter: _width(_header(text, delimiter)) for delimiter in (",", "\t", ";", "|")}
    best = max(widths, key=lambda delimiter: widths[delimiter])
    return best if widths[best] > 1 else ""


def _width(names: Sequence[str]) -> int:
    """How many columns a header line has, 0 if it does not look like one."""
    fits = all(re.fullmatch(r"[\w .\-/()#%:?]{0,60}", name.strip()) for name in names)
    return len(names) if fits and any(name.strip() for name in names) else 0


def _header(text: str, delimiter: str) -> list[str]:
    first = "\n".join(text.lstrip("\ufeff\r\n").splitlines()[:10])
    try:
        return next(csv.reader(io.StringIO(first, newline=""), delimiter=delimiter), [])
    except csv.Error:
        return []


def _csv(file: _File, delimiter: str, text: str) -> LogFile:
    _insist(file, "tabular", "a CSV table")
    names = _unique(_header(text, delimiter))
    return LogFile(
        path=file.path,
        name=file.name,
        container="csv",
        compression=file.compression,
        format=tabular(Fields(dict.fromkeys(names, "VARCHAR"), table=True), file.fields, where=file.name),
        delimiter=delimiter,
        blank=text[: len(text) - len(text.lstrip("\r\n"))].count("\n"),
        columns=names,
    )


def _unique(names: Sequence[str]) -> tuple[str, ...]:
    """Column names that SQL can tell apart: the second "text" becomes "text_1"."""
    taken: dict[str, str] = {}
    for position, name in enumerate(names):
        base = name.strip() or f"column{position}"
        candidates = (base if not n else f"{base}_{n}" for n in range(len(names) + 1))
        free = next(c for c in candidates if c.lower() not in taken)
        taken[free.lower()] = free
    return tuple(taken.values())


def _archive(file: _File) -> LogFile:
    _insist(file, "inspect", "an Inspect log or another archive")
    return LogFile(
        path=file.path, name=file.name, container="eval", unit="record", format=_named("inspect", file.name)
    )


def _parquet(file: _File) -> LogFile:
    _insist(file, "tabular", "a Parquet table")
    try:
        found = duckdb.execute(f"DESCRIBE SELECT * FROM {parquet_sql(file.path)}").fetchall()
    except duckdb.Error as error:
        cause = str(error).splitlines()[0]
        raise UnreadableInput(
            f"{file.name}: not a readable Parquet file: {cause}", hint="is it complete?"
        ) from error
    types = {str(row[0]): str(row[1]) for row in found}
    return LogFile(
        path=file.path,
        name=file.name,
        container="parquet",
        unit="record",
        format=tabular(Fields(types, table=True), file.fields, where=file.name),
        columns=tuple(types),
    )


def parquet_sql(path: Path) -> str:
    """The DuckDB table function that reads a Parquet file."""
    return f"read_parquet({path_sql(path)}, hive_partitioning=false)"


def path_sql(path: Path) -> str:
    """A path as SQL: DuckDB would take `*`, `?` and `[` in a name as a pattern."""
    return quoted(re.sub(r"[*?[]", r"[\g<0>]", str(path.absolute())))
