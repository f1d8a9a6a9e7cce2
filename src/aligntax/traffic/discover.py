"""What a person named on the command line becomes files: paths, globs, directories, standard input."""

import contextlib
import glob
import os
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO

from aligntax.errors import AligntaxError, UnreadableInput, UsageError

__all__ = ["STDIN", "find_files", "keep", "temporary"]

STDIN = "-"


def find_files(inputs: Sequence[str]) -> tuple[list[Path], list[AligntaxError]]:
    """The files meant, in a stable order, each once.

    Args:
        inputs: paths, globs (also `**`) or directories, which are searched through and through;
            hidden files are left out there.

    Returns:
        The files, and what kept a directory from being searched.

    Raises:
        UsageError: nothing was named.
        UnreadableInput: a name matches nothing.
    """
    if not inputs:
        raise UsageError("no log given", hint="aligntax audit traffic.jsonl")
    found: dict[str, Path] = {}
    failures: list[AligntaxError] = []
    for name in inputs:
        before = len(failures)
        matches = list(_matches(name, failures))
        if not matches and len(failures) == before:
            cause = "no file in this directory" if os.path.isdir(name) else "no such file"
            raise UnreadableInput(f"{name}: {cause}", hint="check the path; quote a glob: 'logs/*.jsonl'")
        for path in matches:
            found.setdefault(os.path.realpath(path), path)
    return list(found.values()), failures


def _matches(name: str, failures: list[AligntaxError]) -> Iterator[Path]:
    paths = [name] if os.path.lexists(name) else sorted(glob.glob(name, recursive=True))
    for path in paths:
        if os.path.isdir(path):
            yield from sorted(_under(path, failures))
        else:
            yield Path(path)


def _under(directory: str, failures: list[AligntaxError]) -> Iterator[Path]:
    """The files in a directory, none of them hidden; links are followed, each directory once."""

    def failed(error: OSError) -> None:
        cause = (error.strerror or "cannot be searched").lower()
        failures.append(UnreadableInput(f"{error.filename}: {cause}", hint="check the permission to read it"))

    seen: set[str] = set()
    for place, directories, files in os.walk(directory, onerror=failed, followlinks=True):
        real = os.path.realpath(place)
        if real in seen:
            directories.clear()
            continue
        seen.add(real)
        directories[:] = [name for name in directories if not name.startswith(".")]
        paths = (Path(place, name) for name in files if not name.startswith("."))
        yield from (path for path in paths if path.is_file() or path.is_symlink())


def keep(stream: IO[bytes], directory: Path) -> Path:
    """Copies a stream to a file, since a log is read more than once (sniffed, read, located)."""
    with temporary(directory) as path:
        with path.open("wb") as file:
            shutil.copyfileobj(stream, file, 1 << 20)
        return path


@contextlib.contextmanager
def temporary(directory: Path) -> Iterator[Path]:
    """A new empty file to write to; the disk running full becomes an error of ours."""
    try:
        with tempfile.NamedTemporaryFile(dir=directory, delete=False) as made:
            pass
        yield Path(made.name)
    except OSError as error:
        cause = f"{directory}: a temporary copy cannot be written: {error.strerror or error}"
        raise UnreadableInput(cause, hint="set TMPDIR to a directory with more room") from error
