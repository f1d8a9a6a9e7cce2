"""CSV as spreadsheet programs read and write it.

A cell that a spreadsheet would take for a formula (`=cmd|...`) or turn into a number (an id such as `00123`
or one of twenty digits) gets an apostrophe before it, and loses one when it comes back.
"""

import csv
import io
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from aligntax.errors import UnreadableInput
from aligntax.labels.tasks import Answer, Task, answer

__all__ = ["neutralised", "read", "restored", "write"]

_RECAST = re.compile(
    r"(?!(?:0|[1-9][0-9]{0,14})\Z)"  # a plain number survives
    r"\s*(?:[=+\-@\t\r\n\uff1d\uff0b\uff0d\uff20]|[0-9][0-9.,:/ eE+-]*\Z)"
)
_LONGEST_CELL = 1 << 30
_UTF16 = (b"\xff\xfe", b"\xfe\xff")


def neutralised(cell: str) -> str:
    """A cell that a spreadsheet shows as it is and does not compute."""
    return f"'{cell}" if _RECAST.match(cell.lstrip("'")) else cell


def restored(cell: str) -> str:
    """What `neutralised` was given; other cells stay as they are."""
    return cell[1:] if cell.startswith("'") and _RECAST.match(cell.lstrip("'")) else cell


def write(tasks: Sequence[Task], path: Path) -> list[Path]:
    """A header, then a row for each task, in UTF-8 with a byte order mark, by which Excel knows it."""
    rows = [task.row() for task in tasks]
    names = list(dict.fromkeys(name for row in rows for name in row))
    with path.open("w", encoding="utf-8-sig", errors="replace", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(names)
        writer.writerows([neutralised(row.get(name, "")) for name in names] for row in rows)
    return [path]


def read(path: Path) -> Iterator[Answer]:
    """The same rows filled in, separated by commas, semicolons or tabs.

    Raises:
        UnreadableInput: the file or a row of it cannot be read.
    """
    text = _text(path)
    csv.field_size_limit(_LONGEST_CELL)  # a response may have a megabyte
    # strict, for else a quote that is never closed would swallow the rows behind it
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=_separator(text), strict=True)
    try:
        names = [_name(cell) for cell in next(reader, [])]
        _check(names, path)
        begins = reader.line_num + 1
        for cells in reader:
            if any(cell.strip() for cell in cells):
                yield answer(dict(zip(names, map(restored, cells), strict=False)), f"{path}:{begins}")
            begins = reader.line_num + 1
    except csv.Error as error:
        hint = "look for a quotation mark that is not closed or not doubled"
        raise UnreadableInput(f"{path}:{reader.line_num}: not CSV ({error})", hint=hint) from error


def _text(path: Path) -> str:
    try:
        data = path.read_bytes()
    except OSError as error:
        raise UnreadableInput(f"{path}: {(error.strerror or str(error)).lower()}") from error
    try:
        return data.decode("utf-16" if data.startswith(_UTF16) else "utf-8-sig")
    except UnicodeDecodeError:
        return data.decode("cp1252", errors="replace")  # what "CSV" without "UTF-8" means in Excel


def _separator(text: str) -> str:
    """What stands most often in the header."""
    header = re.split("[\r\n]", text, maxsplit=1)[0]
    return max(",;\t", key=header.count)


def _name(cell: str) -> str:
    return re.sub(r"[ -]+", "_", cell.strip().lower())


def _check(names: Sequence[str], path: Path) -> None:
    for wanted, also in (("exchange_id", "id"), ("outcome", "label")):
        if wanted not in names and also not in names:
            there = ", ".join(names[:10]) or "none"
            raise UnreadableInput(
                f"{path}:1: there is no column {wanted!r}",
                hint=f"the columns are: {there}; keep the first row",
            )
