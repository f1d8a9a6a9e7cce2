"""What annotators fill in: one file a format, each writes tasks and reads answers."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from aligntax.errors import UnreadableInput, UsageError
from aligntax.labels.formats import json_lines, label_studio, spreadsheet
from aligntax.labels.tasks import Answer, Task

__all__ = ["FORMATS", "read_answers", "write_tasks"]

FORMATS: Mapping[str, Callable[[Sequence[Task], Path], list[Path]]] = {
    "csv": spreadsheet.write,
    "jsonl": json_lines.write,
    "label-studio": label_studio.write,
}
"""Name -> what writes tasks to a file and tells which files it wrote; `--to` takes the name."""


def write_tasks(tasks: Sequence[Task], path: Path, to: str) -> list[Path]:
    """Writes what annotators fill in.

    Args:
        tasks: in the order to show them.
        path: of the file.
        to: a key of FORMATS.

    Returns:
        The files written.

    Raises:
        UsageError: there is no such format.
    """
    if to not in FORMATS:
        raise UsageError(
            f"--to {to}: labels are not written in that form", hint=f"one of: {', '.join(FORMATS)}"
        )
    path.parent.mkdir(parents=True, exist_ok=True)
    return FORMATS[to](tasks, path)


def read_answers(path: Path) -> Iterator[Answer]:
    """What annotators filled in; the format is told from the file's first bytes.

    Raises:
        UnreadableInput: the file, a line or a task of it cannot be read.
    """
    for one in _read(path):
        yield replace(one, source=path.stem)


def _read(path: Path) -> Iterator[Answer]:
    begins = _beginning(path)
    if begins.startswith(b"PK\x03\x04"):
        raise UnreadableInput(f"{path}: a workbook, not text", hint="save it as CSV (UTF-8) and import that")
    if begins.startswith(b"["):
        return label_studio.read(path)
    if begins.startswith(b"{"):
        return json_lines.read(path)
    return spreadsheet.read(path)


def _beginning(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            begins = file.read(4096).removeprefix(b"\xef\xbb\xbf").lstrip()
    except OSError as error:
        raise UnreadableInput(f"{path}: {(error.strerror or str(error)).lower()}") from error
    if not begins:
        raise UnreadableInput(f"{path}: it is empty", hint="is this the file the annotator saved?")
    return begins
