"""Which bytes went in and came out: what is known of a checkpoint's files, and whether it still holds."""

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from aligntax.errors import UnreadableInput
from aligntax.models.checkpoint.checkpoint import Checkpoint
from aligntax.models.checkpoint.writing import digest_of

__all__ = ["RECORD", "Known", "known_files", "verify"]

RECORD = "aligntax_merge.json"
"""Beside the weights of a merge: how they were made, with the SHA-256 of every file."""

_HUB_BLOB = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of a file without reading its weights.

    Attributes:
        file: its name.
        size: in bytes.
        header_sha256: of its header: names, types, shapes and places of its tensors.
        sha256: of the whole file, where a record beside it or the Hub's cache tells; "" otherwise.
    """

    file: str
    size: int
    header_sha256: str
    sha256: str


def known_files(checkpoint: Checkpoint) -> list[Known]:
    """What is known of each file of weights."""
    recorded = _recorded(checkpoint.directory)
    return [_known(path, recorded.get(path.name, "")) for path in checkpoint.files]


def verify(checkpoint: Checkpoint) -> Iterator[tuple[Known, bool]]:
    """Reads every file whose SHA-256 is known and says whether it is still that; others are passed over.

    Raises:
        UnreadableInput: a file is not what was recorded.
    """
    for known in known_files(checkpoint):
        if not known.sha256:
            yield known, False
            continue
        found = digest_of(checkpoint.directory / known.file)
        if found != known.sha256:
            path = checkpoint.directory / known.file
            raise UnreadableInput(
                f"{path}: wrong hash: SHA-256 {found[:12]}…, recorded {known.sha256[:12]}…",
                hint="the file was damaged or changed since; copy or make it again",
            )
        yield known, True


def _known(path: Path, recorded: str) -> Known:
    with path.open("rb") as file:
        start = file.read(8)
        header = file.read(int.from_bytes(start, "little"))
    blob = path.resolve().name  # the Hub's cache names a file of weights by its SHA-256
    sha256 = recorded or (blob if path.is_symlink() and _HUB_BLOB.fullmatch(blob) else "")
    return Known(path.name, path.stat().st_size, hashlib.sha256(start + header).hexdigest(), sha256)


def _recorded(directory: Path) -> Mapping[str, str]:
    path = directory / RECORD
    if not path.exists():
        return {}
    try:
        return {entry["file"]: entry["sha256"] for entry in json.loads(path.read_text("utf-8"))["files"]}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UnreadableInput(f"{path}: not a record of a merge: {error!r}") from error
