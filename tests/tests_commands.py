"""The command line as a person runs it: in a process of its own, and what came of it."""

import os
import subprocess
import sys
from pathlib import Path

__all__ = ["Done", "aligntax", "fine", "wrong"]

CODE = "from aligntax.cli.app import main; main()"
Done = subprocess.CompletedProcess[str]


def aligntax(*arguments: object, cwd: Path) -> Done:
    """Runs a command in a directory, in a terminal of 80 columns."""
    return subprocess.run(
        [sys.executable, "-c", CODE, *map(str, arguments)],
        cwd=cwd,
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=False,
        env={**os.environ, "COLUMNS": "80"},
    )


def fine(*arguments: object, cwd: Path) -> Done:
    """Runs a command that must succeed."""
    done = aligntax(*arguments, cwd=cwd)
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    return done


def wrong(*arguments: object, cwd: Path) -> str:
    """Runs a command that must be refused with a hint; what it says."""
    done = aligntax(*arguments, cwd=cwd)
    assert done.returncode == 2, done.stderr
    assert done.stdout == ""
    assert "hint: " in done.stderr
    return done.stderr
