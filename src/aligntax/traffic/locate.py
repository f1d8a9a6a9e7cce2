"""Where the records are that could not be read, and what is wrong with each."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from aligntax.traffic.lines import BROKEN, blocks, lines, open_bytes
from aligntax.traffic.mend import MARK, rewritten
from aligntax.traffic.sniff import LogFile

__all__ = ["BLANK", "Problem", "locate"]

BLANK = b" \t\r\n\v\f"
"""What DuckDB takes for space between records: lines of nothing else are passed over."""

_KINDS = {
    "list": "array",
    "str": "string",
    "int": "number",
    "float": "number",
    "bool": "boolean",
    "NoneType": "null",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """A record that was skipped.

    Attributes:
        file: as the person named it.
        line: counted from 1.
        cause: what is wrong with it.
        unit: "line", or "record" where a file has no lines to count by.
    """

    file: str
    line: int
    cause: str
    unit: str = "line"

    def __str__(self) -> str:
        return f"{self.file}, {self.unit} {self.line:,}: {self.cause}"


def locate(
    file: LogFile, ordinals: Sequence[int], *, rejected: Sequence[tuple[int, str]] = ()
) -> list[Problem]:
    """The places of skipped records.

    Args:
        file: the file they were read from.
        ordinals: positions of the skipped records among the file's records, from 0, ascending.
        rejected: of rows of a CSV file that count in no ordinal, the byte each begins at and the cause.
    """
    if file.container == "csv":
        found = sorted([*_in_table(file, ordinals), *_at_bytes(file, rejected)])
    elif file.container == "ndjson":
        found = list(_in_lines(file, ordinals))
    else:
        found = [(ordinal + 1, _lacking(file)) for ordinal in ordinals]
    return [Problem(file=file.name, line=number, cause=cause, unit=file.unit) for number, cause in found]


def _lacking(file: LogFile) -> str:
    return f"not usable as {file.format.name}, for want of {file.format.missing}"


def _in_lines(file: LogFile, ordinals: Sequence[int]) -> Iterator[tuple[int, str]]:
    left = list(ordinals)
    for ordinal, (number, line) in enumerate(_records(file)):
        if not left:
            return
        if ordinal == left[0] or line.startswith(MARK + b"the file breaks off"):
            left.pop(0)
            yield number, _cause(line) or _lacking(file)


def _records(file: LogFile) -> Iterator[tuple[int, bytes]]:
    """The lines that hold a record, with their number."""
    number = 0
    with open_bytes(file.path, file.compression) as raw:
        try:
            for number, (line, _) in enumerate(lines(raw), start=1):
                if line.strip(BLANK):
                    yield number, line
        except BROKEN as error:
            yield number + 1, MARK + f"the file breaks off here ({error})".lower().encode()


def _in_table(file: LogFile, ordinals: Sequence[int]) -> Iterator[tuple[int, str]]:
    left = list(ordinals)
    ordinal = -1
    for number, line in enumerate(rewritten(file) if left else (), start=1):
        ordinal += bool(line) and not line.startswith(MARK)
        if ordinal == left[0]:
            left.pop(0)
            yield number, _lacking(file)
        if not left:
            return


def _at_bytes(file: LogFile, places: Sequence[tuple[int, str]]) -> Iterator[tuple[int, str]]:
    left, passed, number = list(places), 0, 1
    if not left:
        return
    with open_bytes(file.path, file.compression) as raw:
        for block in blocks(raw):
            while left and left[0][0] <= passed + len(block):
                at, cause = left.pop(0)
                row = block[at - passed :]  # DuckDB counts the blank lines above a row to it
                begins = at - passed + len(row) - len(row.lstrip(b"\r\n"))
                yield number + block.count(b"\n", 0, begins), cause
            if not left:
                return
            passed += len(block)
            number += block.count(b"\n")


def _cause(line: bytes) -> str:
    """What is wrong with a line, or "" if it is a JSON object DuckDB would take."""
    if line.startswith(MARK):
        return line.removeprefix(MARK).decode(errors="replace")
    if b"\x00" in line:
        return f"a NUL byte at column {line.index(0) + 1:,}"
    try:
        value = json.loads(line.decode("utf-8"))
    except UnicodeDecodeError as error:
        return f"not UTF-8 at column {error.start + 1:,} (byte 0x{line[error.start]:02x})"
    except RecursionError:
        return "JSON nested too deeply"
    except json.JSONDecodeError as error:
        reason = error.msg.lower().removesuffix(" at")
        return f"not valid JSON: {reason} at column {error.pos + 1:,}"
    except ValueError as error:
        return f"not readable JSON: {error}"
    if not isinstance(value, dict):
        kind = type(value).__name__
        return f"a JSON {_KINDS.get(kind, kind)}, not an object"
    return "an unpaired surrogate in a \\u escape" if b"\\ud" in line.lower() and _surrogate(value) else ""


def _surrogate(value: object) -> bool:
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return True
    return False
