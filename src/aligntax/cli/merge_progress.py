"""How far `aligntax merge` has come: a bar for each thing it does, with the time left."""

import contextlib
from collections.abc import Callable, Iterator

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from aligntax.cli.log import stderr

__all__ = ["Advance", "Stage", "stages"]

Advance = Callable[[int], None]
"""Told how much more is done."""
Stage = Callable[[str, int], contextlib.AbstractContextManager[Advance]]
"""Title and total -> what to tell of progress."""


@contextlib.contextmanager
def stages(*, quiet: bool) -> Iterator[Stage]:
    """Bars on standard error if it is a terminal; nothing into a pipe."""
    console = stderr()
    if quiet or not console.is_terminal:
        yield lambda title, total: contextlib.nullcontext(lambda done: None)
        return

    @contextlib.contextmanager
    def stage(title: str, total: int) -> Iterator[Advance]:
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        with Progress(*columns, console=console, transient=True) as bar:
            task = bar.add_task(title, total=total)
            yield lambda done: bar.advance(task, done)

    yield stage
