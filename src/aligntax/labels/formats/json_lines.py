"""JSON Lines: one object an exchange, for annotation tools of one's own."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from aligntax.labels.lines import json_line
from aligntax.labels.lines import json_lines as read_lines
from aligntax.labels.tasks import Answer, Task, answer

__all__ = ["read", "write"]


def write(tasks: Sequence[Task], path: Path) -> list[Path]:
    """A line for each task, with `outcome` and `note` empty."""
    with path.open("w", encoding="utf-8", newline="\n") as file:
        file.writelines(json_line(dict(task.row())) for task in tasks)
    return [path]


def read(path: Path) -> Iterator[Answer]:
    """The same lines filled in; a file of labels that aligntax wrote is read as well.

    Raises:
        UnreadableInput: the file or a line of it cannot be read.
    """
    for number, row in read_lines(path):
        if "aligntax" not in row:  # else the first line of our own files
            yield answer(row, f"{path}:{number}")
