"""Rows of a file of prompts: JSON lines, JSON, CSV, tab-separated or Parquet, with the place of each."""

import csv
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from aligntax.errors import UnreadableInput
from aligntax.probes.prompts import digest

__all__ = ["Row", "Rows", "read_rows"]

Row = Mapping[str, object]
_HINT = "JSON lines, a JSON list, CSV or Parquet"
_LONGEST_CELL = 1 << 30


@dataclass(frozen=True, slots=True)
class Rows:
    """The rows of a file.

    Attributes:
        rows: where each stands, for messages, and its fields.
        sha256: of the file.
    """

    rows: Sequence[tuple[str, Row]]
    sha256: str


def read_rows(path: Path) -> Rows:
    """Reads a file, whose form is told from its ending or, failing that, from its beginning.

    Raises:
        UnreadableInput: the file or a row of it cannot be read, with the cause.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise UnreadableInput(f"{path}: {(error.strerror or str(error)).lower()}") from error
    rows = _parquet(path) if path.suffix == ".parquet" or data.startswith(b"PAR1") else _texts(path, data)
    return Rows(rows, digest(data))


def _texts(path: Path, data: bytes) -> Sequence[tuple[str, Row]]:
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UnreadableInput(f"{path}: not UTF-8 text", hint=_HINT) from error
    begins = text.lstrip()[:1]
    if path.suffix in (".csv", ".tsv"):
        return _csv(path, text)
    if begins == "[":
        return _json(path, text)
    if begins == "{":
        return _lines(path, text)
    if not begins:
        raise UnreadableInput(f"{path}: it is empty", hint=_HINT)
    return _csv(path, text)


def _lines(path: Path, text: str) -> Sequence[tuple[str, Row]]:
    rows = list[tuple[str, Row]]()
    for number, line in enumerate(text.split("\n"), start=1):
        if line.strip():
            rows.append((f"{path}:{number}", _object(f"{path}:{number}", _parsed(f"{path}:{number}", line))))
    return rows


def _json(path: Path, text: str) -> Sequence[tuple[str, Row]]:
    found = _parsed(str(path), text)
    if not isinstance(found, list):
        raise UnreadableInput(f"{path}: not a list of objects", hint=_HINT)
    return [(f"{path}, item {at}", _object(f"{path}, item {at}", one)) for at, one in enumerate(found, 1)]


def _csv(path: Path, text: str) -> Sequence[tuple[str, Row]]:
    header = text.lstrip("\n").partition("\n")[0]
    separator = max(",;\t", key=header.count)
    csv.field_size_limit(_LONGEST_CELL)
    reader = csv.DictReader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    rows, begins = list[tuple[str, Row]](), 2
    try:
        for row in reader:
            place = f"{path}:{begins}"
            if None in row:
                raise UnreadableInput(f"{place}: more cells than the first row names", hint=_HINT)
            rows.append((place, row))
            begins = reader.line_num + 1
    except csv.Error as error:
        raise UnreadableInput(f"{path}:{reader.line_num}: not CSV ({error})", hint=_HINT) from error
    return rows


def _parquet(path: Path) -> Sequence[tuple[str, Row]]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        rows = pq.read_table(path).to_pylist()
    except (pa.ArrowException, OSError) as error:
        raise UnreadableInput(f"{path}: not a Parquet file that can be read", hint=_HINT) from error
    return [(f"{path}, row {at}", row) for at, row in enumerate(rows, start=1)]


def _parsed(place: str, text: str) -> object:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise UnreadableInput(f"{place}: not valid JSON ({error})", hint=_HINT) from error


def _object(place: str, found: object) -> Row:
    if not isinstance(found, dict):
        raise UnreadableInput(f"{place}: not a JSON object", hint=_HINT)
    return found
