"""The command line as a person runs it, and what came of it.

In this process, which has everything imported already; or in a process of its own, which takes seconds and in
which every verb is run at least once.
"""

import io
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from pathlib import Path
from unittest import mock

from aligntax.cli.app import main

__all__ = ["CODE", "Done", "aligntax", "apart", "checked", "fine", "wrong"]

CODE = "from aligntax.cli.app import main; main()"
Done = subprocess.CompletedProcess[str]


def apart(*arguments: object, cwd: Path, columns: int = 80, stdin: bytes = b"") -> Done:
    """Runs a command in a directory, in a terminal of 80 columns and a process of its own."""
    done = subprocess.run(
        [sys.executable, "-c", CODE, *map(str, arguments)],
        cwd=cwd,
        input=stdin,
        capture_output=True,
        check=False,
        env={**os.environ, "COLUMNS": str(columns)},
    )
    return Done(done.args, done.returncode, done.stdout.decode("utf-8"), done.stderr.decode("utf-8"))


def aligntax(*arguments: object, cwd: Path, columns: int = 80, stdin: bytes = b"") -> Done:
    """The same in this process: with the arguments, the streams and the exit code of a process of its own."""
    given = ["aligntax", *map(str, arguments)]
    streams = [io.TextIOWrapper(io.BytesIO(), "utf-8", write_through=True) for _ in range(2)]
    code: object = 0
    with (
        _within(cwd),
        mock.patch.dict(os.environ, COLUMNS=str(columns)),
        mock.patch.object(sys, "argv", given),
        mock.patch.object(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin), "utf-8")),
        redirect_stdout(streams[0]),
        redirect_stderr(streams[1]),
    ):
        try:
            main()
        except SystemExit as left:
            code = left.code or 0
    assert isinstance(code, int), code
    out, err = (stream.buffer.getvalue().decode("utf-8") for stream in streams)  # type: ignore[attr-defined]
    return Done(given, code, out, err)


@contextmanager
def _within(directory: Path) -> Iterator[None]:
    before = Path.cwd()
    os.chdir(directory)
    try:
        yield
    finally:
        os.chdir(before)


def checked(done: Done) -> Done:
    """What came of a command that must succeed."""
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    return done


def fine(*arguments: object, cwd: Path) -> Done:
    """Runs a command that must succeed."""
    return checked(aligntax(*arguments, cwd=cwd))


def wrong(*arguments: object, cwd: Path) -> str:
    """Runs a command that must be refused with a hint; what it says."""
    done = aligntax(*arguments, cwd=cwd)
    assert done.returncode == 2, done.stderr
    assert done.stdout == ""
    assert "hint: " in done.stderr
    return done.stderr
