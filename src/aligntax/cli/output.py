"""How every command shows what it found and how far it has come."""

import contextlib
import json
import sys
from collections.abc import Callable, Iterator, Mapping

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TaskProgressColumn, TextColumn, TimeRemainingColumn

__all__ = ["Advance", "Stage", "print_json", "stages", "status", "stderr"]

Advance = Callable[[float], None]
"""Told how much more is done."""
Stage = Callable[[str, int], contextlib.AbstractContextManager[Advance]]
"""Title, and total or 0 where it is not known -> what to tell of progress."""


def stderr() -> Console:
    """Where everything but data goes."""
    return Console(stderr=True, highlight=False)


def print_json(document: Mapping[str, object]) -> None:
    """Prints a document on standard output; a nan left in it is a mistake of ours, and an error."""
    json.dump(document, sys.stdout, indent=1, ensure_ascii=False, allow_nan=False)
    sys.stdout.write("\n")


@contextlib.contextmanager
def status(*, quiet: bool) -> Iterator[Callable[[str], None]]:
    """A line that says what is being done, on a terminal; nothing into a pipe. Yields what to tell of it."""
    console = stderr()
    if quiet or not console.is_terminal:
        yield lambda text: None
        return
    with console.status("") as shown:
        yield shown.update


@contextlib.contextmanager
def stages(*, quiet: bool) -> Iterator[Stage]:
    """A bar with the time left for each stage of long work, on a terminal; nothing into a pipe."""
    console = stderr()
    if quiet or not console.is_terminal:
        yield lambda title, total: contextlib.nullcontext(lambda done: None)
        return
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[said]}"),
    )
    with Progress(*columns, console=console, transient=True) as bar:

        @contextlib.contextmanager
        def stage(title: str, total: int) -> Iterator[Advance]:
            task = bar.add_task(title, total=total or None, said="")
            yield _Told(bar, task)
            bar.remove_task(task)

        yield stage


class _Told:
    """What is told of progress: how much more is done, and a word beside the bar."""

    def __init__(self, bar: Progress, task: TaskID) -> None:
        self._bar, self._task = bar, task

    def __call__(self, done: float) -> None:
        self._bar.advance(self._task, done)

    def say(self, text: str) -> None:
        """Shows a word beside the bar, such as what has been spent."""
        self._bar.update(self._task, said=text)
