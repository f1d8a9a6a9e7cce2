"""Where the records are that could not be read, and what is wrong with each."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from aligntax.traffic.lines import MAX_RECORD_BYTES, lines, open_bytes
from aligntax.traffic.mend import OVERLONG
from aligntax.traffic.sniff import LogFile

__all__ = ["Problem", "locate"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """A record that was skipped.

    Attributes:
        file: as the person named it.
        line: counted from 1; the record's number where the file has no lines.
        cause: what is wrong with it.
    """

    file: str
    line: int
    cause: str

    def __str__(self) -> str:
        return f"{self.file}, line {self.line}: {self.cause}"


def locate(file: LogFile, ordinals: Sequence[int]) -> list[Problem]:
    """The lines of skipped records.

    Args:
        file: the file they were read from.
        ordinals: positions of the skipped records among the file's records, from 0, ascending. A
            format that takes several exchanges from one record has no such positions: there, as many
            broken lines are looked for as there are ordinals.
    """
    if file.container != "ndjson":
        return [Problem(file=file.name, line=n + 1, cause=file.format.missing) for n in ordinals]
    found = _at(file, ordinals) if file.format.source == "log" else _broken(file, len(ordinals))
    return [Problem(file=file.name, line=number, cause=cause) for number, cause in found]


def _at(file: LogFile, ordinals: Sequence[int]) -> Iterator[tuple[int, str]]:
    wanted = set(ordinals)
    for ordinal, (number, line) in enumerate(_records(file)):
        if ordinal in wanted:
            yield number, _cause(line) or f"{file.format.missing} ({file.format.name})"
        if ordinal >= ordinals[-1]:
            return


def _broken(file: LogFile, count: int) -> Iterator[tuple[int, str]]:
    for number, line in _records(file):
        cause = _cause(line)
        if cause:
            yield number, cause
            count -= 1
        if not count:
            return


def _records(file: LogFile) -> Iterator[tuple[int, bytes]]:
    """The lines that hold a record, with their number: DuckDB passes over blank ones."""
    with open_bytes(file.path, file.compression) as raw:
        for number, (line, _) in enumerate(lines(raw), start=1):
            if line.strip(b" \t\r\n"):
                yield number, line


def _cause(line: bytes) -> str:
    """What is wrong with a line, or "" if it is a JSON object DuckDB would take."""
    if line.startswith(OVERLONG):
        limit = MAX_RECORD_BYTES // 2**20
        return f"a record of {int(line[len(OVERLONG) : -6]):,} bytes, over the limit of {limit} MiB"
    if b"\x00" in line:
        return f"a NUL byte at column {line.index(0) + 1}"
    try:
        text = line.decode("utf-8")
    except UnicodeDecodeError as error:
        return f"not UTF-8 at column {error.start + 1} (byte 0x{line[error.start]:02x})"
    try:
        value = json.loads(text)
    except RecursionError:
        return "JSON nested too deeply"
    except ValueError as error:
        return f"not valid JSON: {_reworded(str(error))}"
    if not isinstance(value, dict):
        return f"a JSON {type(value).__name__}, not an object"
    return "an unpaired surrogate in a \\u escape" if "\\ud" in text.lower() and _surrogate(value) else ""


def _reworded(message: str) -> str:
    return message.partition(": line")[0].lower() + " at column " + message.rpartition("(char ")[2].rstrip(")")


def _surrogate(value: object) -> bool:
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return True
    return False
