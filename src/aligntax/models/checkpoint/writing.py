"""Writing a checkpoint as a stream: a directory beside the final one, renamed when everything in it is whole.

A run that is stopped leaves `NAME.partial` with a journal of the files that are finished; the same run taken
up again keeps those whose checksum still holds and writes the rest. Nothing stands under the final name
before the end.
"""

import json
import os
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from math import prod
from pathlib import Path
from typing import Any, Protocol

import torch
import xxhash

from aligntax.errors import UnwritableOutput, UsageError
from aligntax.models.checkpoint.checkpoint import INDEX, SINGLE
from aligntax.models.checkpoint.header import header_bytes

__all__ = ["Digest", "Partial", "Shard", "Written", "digest_of", "laid_out", "translated"]

_JOURNAL = "merge.journal"
_BLOCK = 1 << 24
_METADATA = {"format": "pt"}
Shape = tuple[int, ...]


class Digest(Protocol):
    """What hashlib and xxhash hand out."""

    def update(self, data: Any, /) -> None: ...  # noqa: ANN401, D102 - anything with bytes in it
    def hexdigest(self) -> str: ...  # noqa: D102


@dataclass(frozen=True, slots=True)
class Shard:
    """A file to write.

    Attributes:
        file: its name.
        tensors: name -> (type, shape), in the order of their bytes.
    """

    file: str
    tensors: Mapping[str, tuple[torch.dtype, Shape]]

    @property
    def header(self) -> bytes:
        """What the file starts with."""
        return header_bytes(self.tensors, _METADATA)

    @property
    def size(self) -> int:
        """Bytes of the whole file."""
        return len(self.header) + sum(_size(dtype, shape) for dtype, shape in self.tensors.values())


@dataclass(frozen=True, slots=True)
class Written:
    """A file that is whole.

    Attributes:
        file: its name.
        size: in bytes.
        xxh3: 128-bit XXH3 of all of it, in hexadecimal: it tells damage, not forgery.
        sha256: the same where it was asked for; "" otherwise.
        read: tensor -> XXH3 of its stretches in each model it was made of, where a model holds it as it is.
    """

    file: str
    size: int
    xxh3: str
    sha256: str = ""
    read: Mapping[str, Sequence[str]] = field(default_factory=dict)


def laid_out(
    tensors: Iterable[tuple[str, torch.dtype, Shape, str]], shard_size: int | None = None
) -> list[Shard]:
    """Which tensor goes into which file.

    Args:
        tensors: (name, type, shape, file it came from), in order.
        shard_size: most bytes of tensors a file; None keeps each tensor in the file it came from. A tensor
            larger than that has a file of its own.
    """
    files: dict[str, dict[str, tuple[torch.dtype, Shape]]] = {}
    if shard_size is None:
        for name, dtype, shape, file in tensors:
            files.setdefault(file, {})[name] = (dtype, shape)
        return [Shard(file, held) for file, held in files.items()]
    groups: list[dict[str, tuple[torch.dtype, Shape]]] = [{}]
    room = shard_size
    for name, dtype, shape, _ in tensors:
        size = _size(dtype, shape)
        if size > room and groups[-1]:
            groups.append({})
            room = shard_size
        groups[-1][name] = (dtype, shape)
        room -= size
    if len(groups) == 1:
        return [Shard(SINGLE, groups[0])]
    count = len(groups)
    return [Shard(f"model-{at:05}-of-{count:05}.safetensors", held) for at, held in enumerate(groups, 1)]


class Partial:
    """A checkpoint being written.

    Args:
        final: directory it will be.
        identity: what makes this run this run; another one starts over.
        shards: files of weights it will hold.

    Raises:
        UsageError: something stands under the final name.
        UnwritableOutput: no place to write to, or too little of it.
    """

    def __init__(self, final: Path, identity: Mapping[str, Any], shards: list[Shard]) -> None:
        if final.exists() and (not final.is_dir() or any(final.iterdir())):
            raise UsageError(f"{final}: already there", hint="name another directory with --out")
        self.final = final
        self.directory = final.with_name(final.name + ".partial")
        self._shards = shards
        self._journal = self.directory / _JOURNAL
        first = json.dumps({"identity": identity}, sort_keys=True) + "\n"
        with translated(self.directory):
            self.finished = self._taken_up(first)
            self._check_room()
        self.resumed = len(self.finished)

    @contextmanager
    def writing(self, shard: Shard) -> Iterator[tuple[int, int]]:
        """Opens a file of the final size with its header in it; its descriptor and where tensors start."""
        header = shard.header
        with translated(self.directory / shard.file):
            descriptor = os.open(self.directory / shard.file, os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o666)
            try:
                os.posix_fallocate(descriptor, 0, shard.size)  # a full disk is met here, not half-way
                os.pwrite(descriptor, header, 0)
                yield descriptor, len(header)
            finally:
                os.close(descriptor)

    def finish_file(self, written: Written) -> None:
        """Notes that a file is whole."""
        self.finished[written.file] = written
        line = json.dumps(asdict(written))
        with translated(self._journal), self._journal.open("a", encoding="utf-8") as journal:
            journal.write(line + "\n")

    def finish(self, texts: Mapping[str, str], copied: Iterable[Path]) -> None:
        """Writes what stands beside the weights and gives the directory its final name.

        Args:
            texts: file name -> content.
            copied: small files taken over as they are, unless `texts` has them.
        """
        if len(self._shards) > 1:
            texts = {INDEX: _index(self._shards), **texts}
        with translated(self.directory):
            for path in copied:
                if path.name not in texts:
                    shutil.copyfile(path, self.directory / path.name)
            for name, text in texts.items():
                (self.directory / name).write_text(text, "utf-8")
            self._journal.unlink()
            if self.final.exists():
                self.final.rmdir()
            os.replace(self.directory, self.final)

    def _taken_up(self, first: str) -> dict[str, Written]:
        """The finished files of a run of the same identity, or an empty directory with a new journal."""
        if self._journal.exists():
            lines = self._journal.read_text("utf-8").split("\n")
            if lines[0] + "\n" == first:
                return {found.file: found for found in _still_whole(self.directory, lines[1:])}
        elif self.directory.exists() and any(self.directory.iterdir()):
            raise UsageError(
                f"{self.directory}: already there, and not of a merge", hint="move it out of the way"
            )
        if self.directory.exists():
            shutil.rmtree(self.directory)
        self.directory.mkdir(parents=True)
        self._journal.write_text(first, "utf-8")
        return {}

    def _check_room(self) -> None:
        needed = sum(shard.size for shard in self._shards if shard.file not in self.finished)
        free = shutil.disk_usage(self.directory).free
        if needed > free:
            raise UnwritableOutput(
                f"{self.final}: {needed / 2**30:.1f} GiB to write, {free / 2**30:.1f} GiB free",
                hint="make room, or name another disk with --out",
            )


@contextmanager
def translated(path: Path) -> Iterator[None]:
    """What the system says about writing, said with the path and what to do."""
    try:
        yield
    except OSError as error:
        cause = (error.strerror or str(error)).lower()
        raise UnwritableOutput(
            f"{path}: {cause}", hint="when that is mended, the same command goes on where it stopped"
        ) from error


def digest_of(path: Path, algorithm: Callable[[], Digest] = xxhash.xxh3_128) -> str:
    """Digest of a file, in hexadecimal."""
    digest = algorithm()
    with path.open("rb", buffering=0) as file:
        buffer = bytearray(_BLOCK)
        while count := file.readinto(buffer):
            digest.update(memoryview(buffer)[:count])
    return digest.hexdigest()


def _still_whole(directory: Path, lines: list[str]) -> Iterator[Written]:
    for line in lines:
        try:
            found = Written(**json.loads(line))
        except (ValueError, TypeError):  # the line that was being written when the run was stopped
            continue
        path = directory / found.file
        if path.exists() and path.stat().st_size == found.size and digest_of(path) == found.xxh3:
            yield found


def _index(shards: list[Shard]) -> str:
    total = sum(_size(dtype, shape) for shard in shards for dtype, shape in shard.tensors.values())
    placed = {name: shard.file for shard in shards for name in shard.tensors}
    return json.dumps({"metadata": {"total_size": total}, "weight_map": placed}, indent=2) + "\n"


def _size(dtype: torch.dtype, shape: Shape) -> int:
    return prod(shape) * dtype.itemsize
