"""Which container and which format a file has, from its first bytes and records."""

import csv
import io
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Literal

import duckdb

from aligntax.errors import UnknownFormat, UnreadableInput
from aligntax.extension_points import LogFormat
from aligntax.traffic.formats import FORMATS
from aligntax.traffic.formats.tabular import FieldMap, tabular
from aligntax.traffic.lines import Compression, compression_of, head, lines, open_bytes
from aligntax.traffic.projection import quoted

__all__ = ["Container", "LogFile", "sniff"]

Container = Literal["ndjson", "array", "object", "csv", "parquet", "eval"]

_HEAD_BYTES = 1 << 20
_SNIFFED_RECORDS = 100
_SNIFFED_LINES = 10_000
_BOMS = (b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff")


@dataclass(frozen=True, slots=True, kw_only=True)
class LogFile:
    """A file of a log and how to read it.

    Attributes:
        path: what DuckDB reads.
        name: what the person called it.
        container: how records are laid out in the file.
        compression: of the bytes.
        format: how a record becomes an exchange.
        delimiter: between the fields of a CSV file; "" for others.
        transcode: whether the text has to become plain UTF-8 first.
        duplicate_keys: whether one of the first records names a key twice (the first one counts).
        bytes_a_record: mean size of the first records, in bytes; 0 when unknown.
    """

    path: Path
    name: str
    container: Container
    compression: Compression = "none"
    format: LogFormat
    delimiter: str = ""
    transcode: bool = False
    duplicate_keys: bool = False
    bytes_a_record: float = 0.0


@dataclass(frozen=True, slots=True)
class _Head:
    records: Sequence[Mapping[str, object]]
    bytes_read: int
    duplicate_keys: bool


def sniff(path: Path, *, name: str, choice: str | None, fields: FieldMap) -> LogFile:
    """How to read a file.

    Args:
        path: the file.
        name: what to call it in messages.
        choice: name of the format a person chose; None to tell from the first records.
        fields: field names a person gave.

    Raises:
        UnreadableInput: the file is missing, empty, binary or broken.
        UnknownFormat: no format recognises it.
        UsageError: a field a person named is not there.
    """
    compression = compression_of(path)
    start = head(path, compression, _HEAD_BYTES)
    if start.startswith(b"PAR1"):
        return _table(path, name, "parquet", compression, "", fields)
    if start.startswith(b"PK\x03\x04"):
        return LogFile(path=path, name=name, container="eval", format=_named("inspect", name))
    if not start.strip():
        raise UnreadableInput(f"{name}: the file is empty" if not start else f"{name}: nothing but blank lines")
    transcode = start.startswith(_BOMS)
    text = _decoded(start, name)
    if text.lstrip()[:1] in ("{", "["):
        return _json(path, name, compression, text, choice, fields, transcode)
    delimiter = _delimiter(text)
    if delimiter and not transcode:
        return _table(path, name, "csv", compression, delimiter, fields)
    if choice is None:
        raise UnknownFormat(
            f"{name}, line 1: neither JSON nor a table with a header line: {text.strip()[:40]!r}",
            hint="aligntax reads JSON lines, JSON, CSV, Parquet and Inspect logs; see `aligntax formats`",
        )
    return _json(path, name, compression, text, choice, fields, transcode)


def _json(
    path: Path,
    name: str,
    compression: Compression,
    text: str,
    choice: str | None,
    fields: FieldMap,
    transcode: bool,
) -> LogFile:
    container = _json_container(text)
    found = _first_records(path, compression, container, text)
    if not found.records:
        raise UnknownFormat(
            f"{name}: none of the first lines is a JSON object: {text.strip()[:40]!r}",
            hint="is the file cut off at its beginning?",
        )
    keys = _keys(found.records)
    if choice is not None and choice != "tabular":
        chosen: LogFormat = _named(choice, name)
    else:
        recognised = [f for f in FORMATS if choice is None and f.recognises(found.records)]
        chosen = recognised[0] if recognised else tabular(keys, fields, where=name)
    return LogFile(
        path=path,
        name=name,
        container=container,
        compression=compression,
        format=chosen,
        transcode=transcode,
        duplicate_keys=found.duplicate_keys,
        bytes_a_record=found.bytes_read / len(found.records),
    )


def _named(choice: str, where: str) -> LogFormat:
    for log_format in FORMATS:
        if log_format.name == choice:
            return log_format
    names = ", ".join(["tabular", *(f.name for f in FORMATS)])
    raise UnknownFormat(f"{where}: no format is called {choice!r}", hint=f"one of: {names}")


def _decoded(start: bytes, name: str) -> str:
    if start.startswith((b"\xff\xfe", b"\xfe\xff")):
        return start[: len(start) // 2 * 2].decode("utf-16", errors="replace")
    sample = start[:4096]
    controls = sum(byte < 9 or 13 < byte < 32 for byte in sample)
    if sample[:1] not in (b"{", b"[") and controls > len(sample) / 50:
        raise UnreadableInput(
            f"{name}: a binary file, not a log",
            hint="aligntax reads JSON lines, JSON, CSV, Parquet and Inspect logs, plain, .gz or .zst",
        )
    return start.decode("utf-8-sig", errors="replace")


def _json_container(text: str) -> Container:
    stripped = text.lstrip()
    if stripped.startswith("["):
        return "array"
    first = stripped.partition("\n")[0].rstrip()
    pretty = first == "{" or (re.match(r'\{\s*\n\s*"', stripped) is not None)
    return "object" if pretty else "ndjson"


def _first_records(path: Path, compression: Compression, container: Container, text: str) -> _Head:
    if container == "ndjson":
        with open_bytes(path, compression) as file:
            try:
                return _parsed(islice(lines(file), _SNIFFED_LINES))
            except (OSError, EOFError):
                return _parsed((line.encode(), len(line)) for line in text.splitlines())
    return _parsed((json.dumps(r).encode(), size) for r, size in _values(text))


def _parsed(candidates: Iterable[tuple[bytes, int]]) -> _Head:
    seen: list[bool] = []

    def pairs(items: list[tuple[str, object]]) -> dict[str, object]:
        record = dict(reversed(items))
        seen.append(len(record) < len(items))
        return record

    records: list[Mapping[str, object]] = []
    size = 0
    for line, length in candidates:
        try:
            value = json.loads(line.decode("utf-8-sig"), object_pairs_hook=pairs)
        except (ValueError, RecursionError):
            continue
        if isinstance(value, dict):
            records.append(value)
            size += length + 1
        if len(records) >= _SNIFFED_RECORDS:
            break
    return _Head(records, size, any(seen))


def _values(text: str) -> Iterable[tuple[object, int]]:
    """The whole JSON objects at the start of a pretty-printed file or an array."""
    decoder = json.JSONDecoder()
    at = len(text) - len(text.lstrip())
    at += text[at] == "["
    while at < len(text):
        at += len(text[at:]) - len(text[at:].lstrip(" \t\r\n,"))
        try:
            value, end = decoder.raw_decode(text, at)
        except (ValueError, RecursionError):
            return
        yield value, end - at
        at = end


def _keys(records: Sequence[Mapping[str, object]]) -> list[str]:
    keys: dict[str, None] = {}
    for record in records:
        for key, value in record.items():
            keys.setdefault(key)
            if isinstance(value, dict):
                keys.update(dict.fromkeys(f"{key}.{inner}" for inner in value))
    return list(keys)


def _delimiter(text: str) -> str:
    first = text.lstrip().partition("\n")[0]
    for delimiter in (",", "\t", ";", "|"):
        names = next(csv.reader(io.StringIO(first), delimiter=delimiter), [])
        if len(names) > 1 and all(re.fullmatch(r"[\w .\-/()]{1,60}", name.strip()) for name in names):
            return delimiter
    return ""


def _table(
    path: Path, name: str, container: Container, compression: Compression, delimiter: str, fields: FieldMap
) -> LogFile:
    try:
        described = duckdb.sql(f"DESCRIBE SELECT * FROM {table_sql(path, container, compression, delimiter)}")
        keys = [str(row[0]) for row in described.fetchall()]
    except duckdb.Error as error:
        raise UnreadableInput(f"{name}: not a readable {container} file: {str(error).splitlines()[0]}") from error
    return LogFile(
        path=path,
        name=name,
        container=container,
        compression=compression,
        format=tabular(keys, fields, where=name),
        delimiter=delimiter,
    )


def table_sql(path: Path, container: Container, compression: Compression, delimiter: str) -> str:
    """The DuckDB table function that reads a CSV or Parquet file."""
    if container == "parquet":
        return f"read_parquet({quoted(str(path))})"
    return (
        f"read_csv({quoted(str(path))}, header=true, all_varchar=true, delim={quoted(delimiter)}, "
        f"quote='\"', escape='\"', compression={quoted(compression)}, store_rejects=true, "
        "null_padding=false, rejects_table='rejected', rejects_scan='scanned')"
    )
