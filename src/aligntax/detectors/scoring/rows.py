"""Rows of a file of labels, each with its place: JSON lines, CSV, Parquet."""

import csv
import io
import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO

import pyarrow as pa
import pyarrow.parquet as pq

from aligntax.errors import UnreadableInput

__all__ = ["Row", "rows_of"]

Row = tuple[str, Mapping[str, object]]
"""Where the row stands ("file, line 3"), and its fields."""

_SUFFIXES = {".jsonl": "json", ".ndjson": "json", ".json": "json", ".csv": "csv", ".tsv": "csv"}
_PACKED = (".gz", ".zst", ".bz2")


def rows_of(path: Path) -> Iterator[Row]:
    """The rows of a file in its order.

    Args:
        path: .jsonl, .ndjson or .json (an object a line), .csv, .tsv or .parquet; text files may be packed
            (.gz, .zst, .bz2).

    Raises:
        UnreadableInput: with file, line and cause.
    """
    plain = path.with_suffix("") if path.suffix.lower() in _PACKED else path
    suffix = plain.suffix.lower()
    if not path.is_file():
        raise UnreadableInput(f"{path}: {'is a directory' if path.is_dir() else 'no such file'}")
    try:
        if suffix == ".parquet":
            yield from _parquet(path)
        elif _SUFFIXES.get(suffix) == "csv":
            yield from _csv(path, "\t" if suffix == ".tsv" else ",")
        elif suffix in _SUFFIXES:
            yield from _json_lines(path)
        else:
            raise UnreadableInput(f"{path}: not a file of labels", hint="JSON lines, CSV, TSV or Parquet")
    except (OSError, pa.ArrowInvalid) as error:
        raise UnreadableInput(f"{path}: {_cause(error)}") from error


def _cause(error: Exception) -> str:
    return getattr(error, "strerror", None) or str(error).splitlines()[0]


def _opened(path: Path) -> IO[bytes]:
    file: IO[bytes] = io.BufferedReader(pa.input_stream(str(path), compression="detect"))
    return file


def _json_lines(path: Path) -> Iterator[Row]:
    with _opened(path) as file:
        for number, line in enumerate(file, 1):  # at \n alone: texts hold U+2028
            where = f"{path}, line {number}"
            if not line.strip():
                continue
            try:
                row = json.loads(line.decode("utf-8-sig"))
            except UnicodeDecodeError as error:
                raise UnreadableInput(f"{where}: not UTF-8", hint="save the file as UTF-8") from error
            except (ValueError, RecursionError) as error:
                raise UnreadableInput(f"{where}: not JSON: {error}", hint="one object a line") from error
            if not isinstance(row, dict):
                raise UnreadableInput(f"{where}: not an object", hint="one object a line")
            yield where, row


def _csv(path: Path, delimiter: str) -> Iterator[Row]:
    csv.field_size_limit(sys.maxsize)  # a response may be longer than the 131,072 bytes it starts with
    with _opened(path) as file:
        reader = csv.DictReader(
            io.TextIOWrapper(file, encoding="utf-8-sig", newline=""), delimiter=delimiter, strict=True
        )
        try:
            first = 2
            for row in reader:
                where = f"{path}, line {first}"
                if None in row:
                    raise UnreadableInput(f"{where}: more fields than the header names")
                yield where, {name: value or None for name, value in row.items()}
                first = reader.line_num + 1
        except csv.Error as error:
            raise UnreadableInput(f"{path}, line {reader.line_num}: not CSV: {error}") from error
        except UnicodeDecodeError as error:
            message = f"{path}, after line {reader.line_num}: not UTF-8"
            raise UnreadableInput(message, hint="save the file as UTF-8") from error


def _parquet(path: Path) -> Iterator[Row]:
    with pq.ParquetFile(path) as file:
        number = 0
        for batch in file.iter_batches():
            for row in batch.to_pylist():
                number += 1
                yield f"{path}, row {number}", row
