"""Rows of a file of results, each with its place, in bounded memory: JSON of any layout, CSV, Parquet."""

import csv
import io
import json
import re
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Literal

import pyarrow as pa
import pyarrow.parquet as pq

from aligntax.errors import UnknownFormat, UnreadableInput
from aligntax.traffic.formats import FORMATS
from aligntax.traffic.lines import BROKEN, Compression, compression_of, encoding_of, head, lines, open_bytes
from aligntax.traffic.mend import MARK, rewritten
from aligntax.traffic.sniff import LogFile

__all__ = ["Row", "document", "first_row", "rows_of"]

Row = tuple[str, Mapping[str, object]]
"""Where the row stands ("file, line 3"), and its fields."""

Layout = Literal["lines", "array", "object", "csv", "parquet"]

_HEAD_BYTES = 1 << 20
_BATCH_ROWS = 1024


def rows_of(path: Path) -> Iterator[Row]:
    """The rows of a file, in its order.

    Args:
        path: JSON lines, a JSON array or objects over several lines, CSV, TSV or Parquet; texts may be
            packed (.gz, .zst) and are UTF-8, with or without a byte order mark.

    Raises:
        UnreadableInput: with file, line and cause; a result of which a part is lost is not read at all.
    """
    if not path.is_file():
        cause = "is a directory" if path.is_dir() else "no such file"
        raise UnreadableInput(f"{path}: {cause}", hint="a file: JSON lines, JSON, CSV, TSV or Parquet")
    compression = compression_of(path, str(path))
    start = head(path, compression, _HEAD_BYTES)
    if not start.strip(b"\xef\xbb\xbf \t\r\n"):
        raise UnreadableInput(f"{path}: the file is empty", hint="is this the right file?")
    if encoding_of(start[:4]) not in ("", "utf-8-sig"):
        raise UnreadableInput(f"{path}: not UTF-8", hint="save the file as UTF-8")
    layout = _layout(start)
    try:
        if layout == "parquet":
            yield from _parquet(path)
        elif layout == "csv":
            yield from _csv(path, compression, start)
        elif layout == "lines":
            yield from _json_lines(path, compression)
        else:
            yield from _json_values(path, compression, layout)
    except BROKEN as error:
        raise UnreadableInput(f"{path}: the file is damaged or cut off: {_cause(error)}") from error


def first_row(path: Path) -> Mapping[str, object]:
    """The fields of the first row.

    Raises:
        UnreadableInput: there is none, or it cannot be read.
    """
    found = next(rows_of(path), None)
    if found is None:
        raise UnreadableInput(f"{path}: there is no row in it", hint="is this the right file?")
    return found[1]


def document(path: Path) -> Mapping[str, object]:
    """A file that is one JSON object, whole.

    Raises:
        UnreadableInput: it is something else, or broken, with the line.
    """
    with open_bytes(path, compression_of(path, str(path))) as file:
        try:
            value = json.loads(file.read().decode("utf-8-sig"))
        except UnicodeDecodeError as error:
            raise UnreadableInput(f"{path}: not UTF-8", hint="save the file as UTF-8") from error
        except json.JSONDecodeError as error:
            cause = f"not valid JSON: {error.msg.lower()} (column {error.colno:,})"
            raise UnreadableInput(
                f"{path}, line {error.lineno:,}: {cause}", hint="is it complete?"
            ) from error
        except (RecursionError, *BROKEN) as error:
            raise UnreadableInput(f"{path}: cannot be read: {_cause(error)}") from error
    if not isinstance(value, dict):
        raise UnreadableInput(f"{path}: not a JSON object")
    return value


def _cause(error: BaseException) -> str:
    return getattr(error, "strerror", None) or str(error).partition("\n")[0] or type(error).__name__


def _layout(start: bytes) -> Layout:
    if start.startswith(b"PAR1"):
        return "parquet"
    text = start.decode("utf-8-sig", errors="replace").lstrip()
    if re.match(r"\[\s*[\]{]", text):
        return "array"
    if not text.startswith("{"):
        return "csv" if text[:1] != "[" else "lines"
    first, _, more = text.partition("\n")
    return "lines" if _whole(first, more) or more.lstrip().startswith("{") else "object"


def _whole(first: str, more: str) -> bool:
    """Whether the first line is an object, or all there is."""
    try:
        return isinstance(json.loads(first), dict)
    except (ValueError, RecursionError):
        return not more.strip()


def _json_lines(path: Path, compression: Compression) -> Iterator[Row]:
    with open_bytes(path, compression) as file:
        for number, (line, _) in enumerate(
            lines(file, limit=sys.maxsize), 1
        ):  # at \n alone: texts hold U+2028
            if line.strip():
                where = f"{path}, line {number:,}"
                yield where, _object(line, where)


def _object(line: bytes, where: str) -> Mapping[str, object]:
    try:
        row = json.loads(line.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        raise UnreadableInput(f"{where}: not UTF-8", hint="save the file as UTF-8") from error
    except json.JSONDecodeError as error:
        cause = f"not valid JSON: {error.msg.lower()} (column {error.colno:,})"
        hint = "was the evaluation cut short? take the line out, or run it again"
        raise UnreadableInput(f"{where}: {cause}", hint=hint) from error
    except (ValueError, RecursionError) as error:
        raise UnreadableInput(f"{where}: not readable JSON: {_cause(error)}") from error
    if not isinstance(row, dict):
        raise UnreadableInput(f"{where}: not a JSON object", hint="one object a row")
    return row


def _json_values(path: Path, compression: Compression, layout: Literal["array", "object"]) -> Iterator[Row]:
    # the container alone decides how the file is cut up; the format is there because every log has one
    file = LogFile(path=path, name=str(path), container=layout, compression=compression, format=FORMATS[0])
    for number, line in enumerate(rewritten(file), 1):
        where = f"{path}, record {number:,}"
        if line.startswith(MARK):
            raise UnreadableInput(f"{where}: {line.removeprefix(MARK).decode(errors='replace')}")
        yield where, _object(line, where)


def _csv(path: Path, compression: Compression, start: bytes) -> Iterator[Row]:
    csv.field_size_limit(sys.maxsize)  # a response may be longer than the 131,072 bytes it starts with
    header = start.decode("utf-8-sig", errors="replace").partition("\n")[0]
    delimiter = max(",\t;", key=header.count)
    if delimiter not in header or "\x00" in header:
        hint = "JSON lines, JSON, CSV with a header line, Parquet, Inspect logs"
        raise UnknownFormat(f"{path}, line 1: neither JSON nor a table: {header[:40]!r}", hint=hint)
    with open_bytes(path, compression) as raw:
        text = io.TextIOWrapper(raw, encoding="utf-8-sig", newline="")
        reader = csv.DictReader(text, delimiter=delimiter, strict=True)
        try:
            number = 2
            for row in reader:
                where = f"{path}, line {number:,}"
                if None in row or None in row.values():
                    raise UnreadableInput(
                        f"{where}: not as many fields as the header names",
                        hint="quote cells with commas in them",
                    )
                yield where, {name: value or None for name, value in row.items()}
                number = reader.line_num + 1
        except csv.Error as error:
            raise UnreadableInput(f"{path}, line {reader.line_num:,}: not CSV: {error}") from error
        except UnicodeDecodeError as error:
            message = f"{path}, after line {reader.line_num:,}: not UTF-8"
            raise UnreadableInput(message, hint="save the file as UTF-8") from error


def _parquet(path: Path) -> Iterator[Row]:
    number = 0
    with pq.ParquetFile(pa.memory_map(str(path))) as file:
        for batch in file.iter_batches(batch_size=_BATCH_ROWS):
            for row in batch.to_pylist():
                number += 1
                yield f"{path}, row {number:,}", row
