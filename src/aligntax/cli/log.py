"""What `audit` and `detect` share: opening the log and showing how far reading has come."""

import contextlib
from collections.abc import Callable, Iterator, Sequence

from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from aligntax.cli.output import stderr
from aligntax.traffic.formats.tabular import FieldMap
from aligntax.traffic.read import Log, Reading

__all__ = ["field_map", "opened", "progress", "report_reading"]


def field_map(options: dict[str, object]) -> FieldMap:
    """The `--…-field` options as a field map."""
    named = {key.removesuffix("_field"): value for key, value in options.items() if key.endswith("_field")}
    return FieldMap(**{name: None if value is None else str(value) for name, value in named.items()})


@contextlib.contextmanager
def opened(
    logs: Sequence[str],
    *,
    log_format: str | None,
    fields: FieldMap,
    threads: int | None,
    strict: bool,
    quiet: bool,
) -> Iterator[Log]:
    """The log, with a line on standard error on how each file is taken."""
    log = Log(logs, choice=log_format, fields=fields, threads=threads, strict=strict)
    try:
        if not quiet:
            for file in log.described[:5]:
                stderr().print(f"reading {file}", markup=False, soft_wrap=True)
            if len(log.described) > 5:
                stderr().print(f"and {len(log.described) - 5:,} more files")
        yield log
    finally:
        log.close()


@contextlib.contextmanager
def progress(log: Log, *, quiet: bool) -> Iterator[Callable[[int], None]]:
    """A bar with rate and time left on a terminal; nothing into a pipe. Yields what to tell of progress."""
    console = stderr()
    if quiet or not console.is_terminal:
        yield lambda exchanges: None
        return
    columns = (
        TextColumn("judging"),
        BarColumn(),
        TaskProgressColumn(show_speed=False),
        TextColumn("{task.fields[exchanges]:,} exchanges, {task.fields[rate]:,.0f}/s"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task("judging", total=1.0, exchanges=0, rate=0.0)

        def seen(exchanges: int) -> None:
            elapsed = bar.tasks[0].elapsed or 1e-9
            bar.update(task, completed=log.progress, exchanges=exchanges, rate=exchanges / elapsed)

        yield seen


def report_reading(reading: Reading) -> None:
    """What was skipped, on standard error, also when quiet: a drop is never silent."""
    if summary := reading.summary():
        stderr().print(summary, markup=False, soft_wrap=True)
        for problem in reading.problems[1:]:
            stderr().print(f"  also {problem}", markup=False, soft_wrap=True)
