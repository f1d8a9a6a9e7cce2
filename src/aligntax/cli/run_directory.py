"""Where a run keeps its answers, so that the same command finds those of a run that was stopped."""

import contextlib
import datetime as dt
import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aligntax.errors import UnwritableOutput
from aligntax.records.files import atomic

__all__ = ["RUNS", "RunDirectory", "digest_of", "run_directory"]

RUNS = Path("aligntax-runs")
"""Directory of runs that were not told where to keep what they find."""
_NOTE = "run.json"


def digest_of(parts: Sequence[Any]) -> str:
    """Name of what a run asks, by all of it: sixteen hexadecimal digits.

    Args:
        parts: plain values.
    """
    text = json.dumps(parts, sort_keys=True, ensure_ascii=False, default=str)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:16]


@dataclass(frozen=True, slots=True)
class RunDirectory:
    """A directory of a run.

    Attributes:
        path: of the directory.
        command: name of the command.
        digest: of what it asks.
    """

    path: Path
    command: str
    digest: str

    def note(self, *, finished: bool) -> None:
        """Writes down whether the run has come to its end.

        Raises:
            UnwritableOutput: there is no room, or no right to write there.
        """
        told = {"schema": "aligntax.run/1", "command": self.command, "digest": self.digest}
        try:
            with atomic(self.path / _NOTE) as path:
                path.write_text(json.dumps({**told, "finished": finished}, indent=1) + "\n", "utf-8")
        except OSError as error:
            cause = f"{self.path}: {error.strerror}"
            raise UnwritableOutput(cause, hint="name another directory with --out") from error


def run_directory(command: str, digest: str, given: Path | None) -> RunDirectory:
    """A directory for a run; that of the same run, where one was stopped before its end.

    Args:
        command: name of the command.
        digest: of what it asks.
        given: by the person; None for one named after command and time, in `aligntax-runs`.

    Raises:
        UnwritableOutput: it cannot be made.
    """
    path = given or _stopped(command, digest) or RUNS / f"{command}-{_now()}"
    found = RunDirectory(path, command, digest)
    found.note(finished=False)
    return found


def _stopped(command: str, digest: str) -> Path | None:
    """The newest directory of the same run that has not come to its end."""
    for note in sorted(RUNS.glob(f"{command}-*/{_NOTE}"), reverse=True):
        with contextlib.suppress(OSError, ValueError):
            told = json.loads(note.read_text("utf-8"))
            if told["digest"] == digest and not told["finished"]:
                return note.parent
    return None


def _now() -> str:
    return f"{dt.datetime.now(dt.UTC):%Y%m%d-%H%M%S-%f}"
