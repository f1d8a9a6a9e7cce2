"""What a person named on the command line becomes files: paths, globs, directories, standard input."""

import glob
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import IO

from aligntax.errors import UnreadableInput, UsageError

__all__ = ["STDIN", "find_files", "keep_stdin"]

STDIN = "-"


def find_files(inputs: Sequence[str]) -> list[Path]:
    """The files meant, in a stable order, each once.

    Args:
        inputs: paths, globs (also `**`) or directories, which are searched through and through;
            hidden files are left out there.

    Raises:
        UsageError: nothing was named.
        UnreadableInput: a name matches nothing.
    """
    if not inputs:
        raise UsageError("no log given", hint="aligntax audit traffic.jsonl")
    found: dict[Path, None] = {}
    for name in inputs:
        matches = _matches(name)
        if not matches:
            raise UnreadableInput(f"{name}: no such file", hint="check the path; quote a glob: 'logs/*.jsonl'")
        found.update(dict.fromkeys(matches))
    return list(found)


def _matches(name: str) -> list[Path]:
    path = Path(name)
    if path.is_dir():
        return sorted(p for p in path.rglob("*") if p.is_file() and not _hidden(p, path))
    if path.exists():
        return [path]
    return sorted(Path(p) for p in glob.glob(name, recursive=True) if Path(p).is_file())


def _hidden(path: Path, under: Path) -> bool:
    return any(part.startswith(".") for part in path.relative_to(under).parts)


def keep_stdin(stream: IO[bytes], directory: Path) -> Path:
    """Copies standard input to a file, since a log is read more than once (sniffed, read, located)."""
    path = directory / "stdin"
    with path.open("wb") as file:
        shutil.copyfileobj(stream, file, 1 << 20)
    return path
