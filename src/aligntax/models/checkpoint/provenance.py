"""Which bytes went in and came out: what is known of a checkpoint's files, and whether it still holds."""

import hashlib
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
import xxhash

from aligntax.errors import UnreadableInput
from aligntax.models.checkpoint.checkpoint import Checkpoint
from aligntax.models.checkpoint.writing import digest_of

__all__ = ["RECORD", "Known", "fingerprint", "known_files", "stretch_digest", "verify"]

RECORD = "aligntax_merge.json"
"""Beside the weights of a merge: how they were made, with a hash of every file."""

_HUB_BLOB = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of a file without reading its weights.

    Attributes:
        file: its name.
        size: in bytes.
        header_sha256: of its header: names, types, shapes and places of its tensors.
        xxh3: of the whole file, where a record beside it tells; "" otherwise.
        sha256: the same, where the record or the Hub's cache tells.
    """

    file: str
    size: int
    header_sha256: str
    xxh3: str = ""
    sha256: str = ""


def known_files(checkpoint: Checkpoint) -> list[Known]:
    """What is known of each file of weights."""
    recorded = _recorded(checkpoint.directory)
    return [_known(path, recorded.get(path.name, {})) for path in checkpoint.files]


def verify(checkpoint: Checkpoint) -> Iterator[tuple[Known, bool]]:
    """Reads every file whose hash is known and says whether it is still that; others are passed over.

    Raises:
        UnreadableInput: a file is not what was recorded.
    """
    for known in known_files(checkpoint):
        path = checkpoint.directory / known.file
        for name, recorded in (("SHA-256", known.sha256), ("XXH3", known.xxh3)):
            if not recorded:
                continue
            found = digest_of(path, hashlib.sha256 if name == "SHA-256" else xxhash.xxh3_128)
            if found != recorded:
                raise UnreadableInput(
                    f"{path}: wrong hash: {name} {found[:12]}…, recorded {recorded[:12]}…",
                    hint="the file was damaged or changed since; copy or make it again",
                )
            break
        yield known, bool(known.sha256 or known.xxh3)


def fingerprint(read: Mapping[str, Sequence[str]], model: int) -> str:
    """One value for all the weights of a model that a merge read, whatever files they lay in.

    Args:
        read: tensor -> what was read of each model, as `Written.read` has it; of all files together.
        model: which one, 0 for the pre-alignment model.

    Returns:
        In hexadecimal; "" where some tensor was not read as it is stored.
    """
    if not all(digests[model] for digests in read.values()):
        return ""
    lines = "".join(f"{name} {digests[model]}\n" for name, digests in sorted(read.items()))
    return hashlib.sha256(lines.encode()).hexdigest()


def stretch_digest(numbers: torch.Tensor) -> bytes:
    """XXH3 of a stretch of numbers as they are stored."""
    return xxhash.xxh3_64_digest(numbers.view(torch.uint8).numpy())  # type: ignore[arg-type]


def _known(path: Path, recorded: Mapping[str, str]) -> Known:
    with path.open("rb") as file:
        start = file.read(8)
        header = file.read(int.from_bytes(start, "little"))
    blob = path.resolve().name  # the Hub's cache names a file of weights by its SHA-256
    sha256 = recorded.get("sha256") or (blob if path.is_symlink() and _HUB_BLOB.fullmatch(blob) else "")
    of_header = hashlib.sha256(start + header).hexdigest()
    return Known(path.name, path.stat().st_size, of_header, recorded.get("xxh3", ""), sha256)


def _recorded(directory: Path) -> Mapping[str, Mapping[str, str]]:
    path = directory / RECORD
    if not path.exists():
        return {}
    try:
        return {entry["file"]: entry for entry in json.loads(path.read_text("utf-8"))["files"]}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UnreadableInput(f"{path}: not a record of a merge: {error!r}") from error
