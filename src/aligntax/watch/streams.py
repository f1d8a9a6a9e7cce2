"""A stream: what is written to one log file, known again after the file was renamed, compressed or replaced.

A stream is what was read of it: its first bytes, its last bytes before where reading stopped, and how many.
A file in which these stand is that stream, whatever its name; one in which they do not is another, whatever
its name.
"""

import hashlib
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, Any

from aligntax.errors import UnreadableInput
from aligntax.traffic.lines import BROKEN, Compression, blocks, compression_of, head, open_bytes

__all__ = ["HEAD", "TAIL", "Stream", "skip", "stands_in"]

HEAD = 4096
TAIL = 1024


@dataclass(slots=True, kw_only=True)
class Stream:
    """What was read of one log file.

    Attributes:
        number: its own, never given twice in a watch.
        path: where it was last.
        device: of the file.
        inode: of the file.
        size: of the file when it was last looked at, in bytes; -1 before.
        changed: when the file had last changed then, in nanoseconds.
        whole: whether the file is read as one (Parquet, JSON arrays, archives), not line by line.
        compression: of the bytes.
        offset: bytes read so far, decompressed; of a whole file, its size.
        lines: lines read so far.
        head: hash of its first `head_bytes` bytes.
        head_bytes: 4,096, or as many as were read.
        tail: hash of the last `tail_bytes` bytes before `offset`.
        tail_bytes: 1,024, or as many as were read.
        choice: name of the format it was taken for; None before.
        header: bytes above the rows of a CSV file, its header line among them.
        strayed: whether its file was found beside what was asked for, after a rotation.
        gone: whether there is no file any more that it stands in.
    """

    number: int
    path: str
    device: int
    inode: int
    size: int = -1
    changed: int = -1
    whole: bool = False
    compression: Compression = "none"
    offset: int = 0
    lines: int = 0
    head: str = ""
    head_bytes: int = 0
    tail: str = ""
    tail_bytes: int = 0
    choice: str | None = None
    header: int = 0
    strayed: bool = False
    gone: bool = False

    @classmethod
    def read(cls, kept: Mapping[str, Any]) -> "Stream":
        """From the state of a watch."""
        return cls(**kept)

    def kept(self) -> dict[str, Any]:
        """For the state of a watch."""
        return asdict(self)

    def lies_in(self, path: Path, found: os.stat_result) -> None:
        """The file it was found in."""
        self.path, self.device, self.inode, self.gone = str(path), found.st_dev, found.st_ino, False

    def as_it_was(self, found: os.stat_result) -> bool:
        """Whether its file has not changed since it was last looked at."""
        return (found.st_size, found.st_mtime_ns) == (self.size, self.changed) and self.is_file(found)

    def is_file(self, found: os.stat_result) -> bool:
        """Whether it lies in the very file, by its number on the disk."""
        return (found.st_dev, found.st_ino) == (self.device, self.inode)

    def looked_at(self, found: os.stat_result) -> None:
        """Its file as it was when it was looked at."""
        self.size, self.changed = found.st_size, found.st_mtime_ns

    def mark(self, path: Path, last: bytes) -> None:
        """Remembers what stands at its beginning and before `offset`.

        Args:
            path: it was read from.
            last: the bytes before `offset`, 1,024 or as many as there are.
        """
        wanted = min(HEAD, self.offset)
        if wanted > self.head_bytes:
            first = head(path, "none" if self.whole else self.compression, wanted)
            self.head, self.head_bytes = _hash(first), len(first)
        self.tail, self.tail_bytes = _hash(last), len(last)


def _hash(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:32]


def stands_in(stream: Stream, path: Path) -> bool:
    """Whether all that was read of a stream stands in a file, at its beginning and where reading stopped."""
    if not stream.offset:
        return False
    try:
        compression = "none" if stream.whole else compression_of(path, str(path))
        if compression == "none" and path.stat().st_size < stream.offset:
            return False
        if _hash(head(path, compression, stream.head_bytes)) != stream.head:
            return False
        with open_bytes(path, compression) as raw:
            return _hash(_before(raw, stream.offset, stream.tail_bytes)) == stream.tail
    except (UnreadableInput, *BROKEN):
        return False


def _before(raw: IO[bytes], offset: int, size: int) -> bytes:
    """The bytes that end at an offset; fewer where the file does before."""
    skip(raw, offset - size)
    kept = bytearray()
    for block in blocks(raw):
        kept += block[: size - len(kept)]
        if len(kept) == size:
            break
    return bytes(kept)


def skip(raw: IO[bytes], size: int) -> None:
    """Goes to a place counted from the beginning, which is where `raw` still is; not beyond its end."""
    if raw.seekable():
        raw.seek(size)
        return
    while size > 0 and (block := raw.read(min(size, 1 << 20))):
        size -= len(block)
