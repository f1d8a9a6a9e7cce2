"""The new lines of a stream are copied to a temporary file, which the importers then read like any other."""

import json
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from aligntax.traffic.discover import temporary
from aligntax.traffic.lines import BROKEN, MAX_RECORD_BYTES, blocks, head, open_bytes
from aligntax.watch.streams import TAIL, Stream, skip

__all__ = ["Spooled", "spool"]

_SETTLED_SECONDS = 60.0
"""A CSV file nobody wrote to for so long is finished, also where no newline ends its last row."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Spooled:
    """Whole new lines of a stream.

    Attributes:
        path: of the temporary file: the header of a CSV file, then the lines.
        size: bytes of the lines.
        lines: how many they are.
        last: the last bytes of the stream up to the end of these lines.
        unfinished: bytes behind them, of a line that has not ended.
        more: whether there is more to read already.
    """

    path: Path
    size: int
    lines: int
    last: bytes
    unfinished: int
    more: bool


def spool(stream: Stream, scratch: Path, *, csv: bool, most: int) -> Spooled | None:
    """Copies whole new lines.

    Args:
        stream: read from where reading stopped.
        scratch: directory for the copy.
        csv: whether a newline inside quotes ends no row.
        most: bytes after which to stop at the next end of a line.

    Returns:
        None where the file is not the stream's any more.
    """
    path = Path(stream.path)
    with open_bytes(path, stream.compression) as raw:
        if stream.compression == "none" and not stream.is_file(os.fstat(raw.fileno())):
            return None
        with temporary(scratch) as copy, copy.open("w+b") as out:
            header = head(path, stream.compression, stream.header)
            out.write(header)
            skip(raw, stream.offset)
            part = _copied(raw, out, ends=_row_ends if csv else _line_ends, most=most)
            if part.unfinished and not part.more and _is_whole(out, path, part.unfinished, csv=csv):
                part.take_all()
            out.truncate(len(header) + part.size)
            last = _last(out, stream, part.size)
        return Spooled(
            path=copy,
            size=part.size,
            lines=part.lines,
            last=last,
            unfinished=part.unfinished,
            more=part.more,
        )


@dataclass(slots=True)
class _Part:
    """How far copying has come."""

    size: int = 0
    lines: int = 0
    unfinished: int = 0
    more: bool = False

    def take_all(self) -> None:
        """Counts what has not ended as a line."""
        self.size, self.lines, self.unfinished = self.size + self.unfinished, self.lines + 1, 0


Ends = Callable[[bytes, bool], tuple[int, int, bool]]


def _line_ends(block: bytes, quoted: bool) -> tuple[int, int, bool]:
    """Bytes up to the last end of a line, how many lines end, and whether quotes are open."""
    return block.rfind(b"\n") + 1, block.count(b"\n"), quoted


def _row_ends(block: bytes, quoted: bool) -> tuple[int, int, bool]:
    """The same of a CSV file: a newline between quotes ends no row."""
    end, lines, at = 0, 0, 0
    for piece in block.splitlines(keepends=True):
        at += len(piece)
        quoted ^= bool(piece.count(b'"') % 2)
        if piece.endswith(b"\n"):
            lines += 1
            end = end if quoted else at
    return end, lines, quoted


def _copied(raw: IO[bytes], out: IO[bytes], *, ends: Ends, most: int) -> _Part:
    part, quoted = _Part(), False
    for block in _until_broken(raw, most):
        end, lines, quoted = ends(block, quoted)
        out.write(block)
        if end:
            part.size, part.unfinished = part.size + part.unfinished + end, len(block) - end
        else:
            part.unfinished += len(block)
        part.lines += lines
        if part.size >= most:
            part.more = True
            break
    return part


def _until_broken(raw: IO[bytes], most: int) -> Iterator[bytes]:
    """What can be read, piece by piece; a compressed file that is still written ends in the middle."""
    try:
        for block in blocks(raw):
            yield from (block[at : at + most] for at in range(0, len(block), most))
    except BROKEN:
        return


def _is_whole(out: IO[bytes], path: Path, size: int, *, csv: bool) -> bool:
    """Whether the last line is finished, though no newline ends it: nothing goes on behind a JSON object."""
    if csv:
        return time.time() - path.stat().st_mtime > _SETTLED_SECONDS
    if size > MAX_RECORD_BYTES:
        return False
    out.seek(-size, os.SEEK_END)
    line = out.read(size)
    if not line.rstrip().endswith(b"}"):
        return False
    try:
        return isinstance(json.loads(line), dict)
    except (ValueError, RecursionError):
        return False


def _last(out: IO[bytes], stream: Stream, size: int) -> bytes:
    """The stream's last bytes; where few are new, the older ones before them are read from its file."""
    wanted = min(TAIL, stream.offset + size)
    if size >= wanted:
        out.seek(-wanted, os.SEEK_END)
        return out.read(wanted)
    with open_bytes(Path(stream.path), stream.compression) as raw:
        skip(raw, stream.offset + size - wanted)
        return raw.read(wanted)
