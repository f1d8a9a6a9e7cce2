"""What DuckDB cannot take becomes plain JSON lines first: other encodings, archives, damaged files."""

import codecs
import contextlib
import csv
import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import IO

from aligntax.traffic.discover import temporary
from aligntax.traffic.formats.inspect import unpack
from aligntax.traffic.lines import BROKEN, MAX_RECORD_BYTES, Compression, blocks, lines, open_bytes
from aligntax.traffic.sniff import LogFile

__all__ = ["MARK", "decode", "mend", "rewritten"]

MARK = b"!aligntax: "
"""Begins a line that stands for a record which cannot be read; the cause follows."""

_BLANKS = re.compile(r"[\s,\[\]\ufeff]*")
_NEXT_ROOT = re.compile(r"\n(?=\{)")
"""Where a new record begins after a broken one: what is nested is indented, or stands on the same line."""


def decode(path: Path, compression: Compression, encoding: str, directory: Path) -> Path:
    """A copy of a text in `directory`, unpacked and in UTF-8."""
    decoder = codecs.getincrementaldecoder(encoding)(errors="replace")
    with open_bytes(path, compression) as raw, temporary(directory) as out:
        with out.open("wb") as file:
            for block in _until_broken(blocks(raw)):
                broken = block.startswith(MARK)
                file.write(b"\n" + block if broken else decoder.decode(block).encode(errors="replace"))
        return out


def mend(file: LogFile, directory: Path, *, drawn: int = 0) -> LogFile:
    """A copy in `directory` as plain JSON lines, one a record, with marks where a record cannot be read.

    Args:
        file: as it was sniffed.
        directory: where the copy goes.
        drawn: rows of a CSV file that have been read already and are left out of the copy.
    """
    with temporary(directory) as target:
        with target.open("wb") as out:
            for line in rewritten(file, drawn=drawn):
                out.write(line)
                out.write(b"\n")
        return replace(file, path=target, container="ndjson", compression="none")


def rewritten(file: LogFile, *, drawn: int = 0) -> Iterator[bytes]:
    """The lines of the mended copy.

    JSON lines and CSV rows keep the line number they have in `file`: blank lines fill up.
    """
    if file.container == "eval":
        return unpack(file.path)
    if file.container == "csv":
        return _until_broken(_rows(file, drawn))
    return _until_broken(_shortened(file) if file.container == "ndjson" else _values(file))


def _until_broken(records: Iterator[bytes]) -> Iterator[bytes]:
    try:
        yield from records
    except BROKEN as error:
        yield _marked(f"the file breaks off here ({str(error).rstrip('.').lower()})")


def _marked(cause: str) -> bytes:
    return MARK + cause.replace("\n", " ").encode(errors="replace")


def _shortened(file: LogFile) -> Iterator[bytes]:
    limit = MAX_RECORD_BYTES
    with open_bytes(file.path, file.compression) as raw:
        for line, length in lines(raw):
            kept = length <= limit or not line.strip()
            yield line if kept else _overlong(f"a record of {length:,} bytes")


def _overlong(what: str) -> bytes:
    return _marked(f"{what}, over the limit of {MAX_RECORD_BYTES // 2**20} MiB")


def _values(file: LogFile) -> Iterator[bytes]:
    """The records of an array, or objects one after the other, each on a line of its own."""
    with open_bytes(file.path, file.compression) as raw:
        window = _Window(blocks(raw))
        while window.at_value():
            yield window.value()


class _Window:
    """A stretch of JSON text that moves over a file of any size.

    Args:
        source: the file's bytes.
    """

    def __init__(self, source: Iterator[bytes]) -> None:
        self._source = source
        self._decoder = codecs.getincrementaldecoder("utf-8")(errors="surrogateescape")
        self._parser = json.JSONDecoder()
        self._text = ""
        self._at = 0
        self._lines_before = 0

    def at_value(self) -> bool:
        """Moves to the next value; false at the end of the file."""
        while True:
            found = _BLANKS.match(self._text, self._at)
            self._at = found.end() if found else self._at
            if self._at < len(self._text):
                return True
            if not self._grow():
                return False

    def value(self) -> bytes:
        """The value here on one line, or a mark in its place."""
        while True:
            try:
                _, end = self._parser.raw_decode(self._text, self._at)
            except (ValueError, RecursionError) as error:
                if not self._too_long() and self._grow():
                    continue  # it may only be cut off by the edge of the window
                return self._broken(error)
            if end < len(self._text) or not self._grow():
                break
        text, self._at = self._text[self._at : end], end
        value = re.sub(r"[\r\n]", " ", text).encode(errors="surrogateescape")
        return value if len(value) <= MAX_RECORD_BYTES else _overlong(f"a record of {len(value):,} bytes")

    def _too_long(self) -> bool:
        return len(self._text) - self._at > 2 * MAX_RECORD_BYTES

    def _grow(self) -> bool:
        """Twice as much text from here on, at least another block; false at the end of the file."""
        wanted, more = len(self._text) - self._at, list[str]()
        while wanted >= 0 and (block := next(self._source, b"")):
            more.append(self._decoder.decode(block))
            wanted -= len(more[-1]) or 1
        if more:
            self._lines_before += self._text.count("\n", 0, self._at)
            self._text = self._text[self._at :] + "".join(more)
            self._at = 0
        return bool(more)

    def _broken(self, error: Exception) -> bytes:
        """A mark for a value that is not JSON; reading goes on at the next line that begins one."""
        place = error.pos if isinstance(error, json.JSONDecodeError) else self._at
        line = self._lines_before + self._text.count("\n", 0, place) + 1
        reason = (
            error.msg.lower().removesuffix(" at")
            if isinstance(error, json.JSONDecodeError)
            else "nested too deeply"
        )
        if self._too_long():
            reason += f", or a record over the limit of {MAX_RECORD_BYTES // 2**20} MiB"
        lost = "" if self._to_next_root() else "; nothing after it could be read"
        return _marked(f"not valid JSON at line {line:,} of the file: {reason}{lost}")

    def _to_next_root(self) -> bool:
        self._at += 1
        while True:
            found = _NEXT_ROOT.search(self._text, self._at)
            if found:
                self._at = found.end()
                return True
            self._at = max(self._at, len(self._text) - 1)
            if not self._grow():
                self._at = len(self._text)
                return False


def _rows(file: LogFile, drawn: int) -> Iterator[bytes]:
    """The rows of a CSV file as JSON objects; the first `drawn` good ones as blank lines."""
    written = 0
    with open_bytes(file.path, file.compression) as raw, wide_fields():
        rows = (found for found in _csv(_texts(raw), file.delimiter) if found[1] or found[2])
        next(rows, None)  # the header
        for number, row, fault in rows:
            record = _marked(fault) if fault else _record(file, row)
            if not record.startswith(MARK):
                drawn -= 1
                if drawn >= 0:
                    continue
            yield from (b"" for _ in range(number - 1 - written))
            yield record
            written = max(written, number - 1) + 1


@contextlib.contextmanager
def wide_fields() -> Iterator[None]:
    """Lets the csv module take fields of any length, which is a setting of the whole process."""
    before = csv.field_size_limit(2**31 - 1)
    try:
        yield
    finally:
        csv.field_size_limit(before)


def _csv(texts: Iterable[str], delimiter: str) -> Iterator[tuple[int, list[str], str]]:
    """Each row: the line it begins at, its fields, and what is wrong with it."""
    reader = csv.reader(texts, delimiter=delimiter, strict=True)
    while True:
        number = reader.line_num + 1
        try:
            yield number, next(reader), ""
        except StopIteration:
            return
        except csv.Error as error:
            swallowed = reader.line_num - number
            more = f"; it takes {swallowed:,} more lines with it" if swallowed else ""
            yield number, [], f"not a CSV row: {error}{more}"


def _texts(raw: IO[bytes]) -> Iterator[str]:
    for line, length in lines(raw):
        whole = line if length <= MAX_RECORD_BYTES else _overlong("a line")
        yield whole.decode("utf-8", "surrogateescape") + "\n"


def _record(file: LogFile, row: list[str]) -> bytes:
    names = file.columns
    if row[0].startswith(MARK.decode()):
        return file.delimiter.join(row).encode()
    if len(row) != len(names):
        return _marked(f"{len(row)} fields, where the header has {len(names)}")
    try:
        return json.dumps(dict(zip(names, row, strict=True)), ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return _marked("not UTF-8")
