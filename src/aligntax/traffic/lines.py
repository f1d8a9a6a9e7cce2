"""Bytes of a log, line by line, in bounded memory: what sniffing, locating and mending need."""

import gzip
import sys
import zlib
from collections.abc import Iterator
from io import BufferedReader
from pathlib import Path
from typing import IO, Literal, cast

import pyarrow as pa

from aligntax.errors import UnreadableInput

__all__ = [
    "BROKEN",
    "MAX_RECORD_BYTES",
    "Compression",
    "blocks",
    "compression_of",
    "encoding_of",
    "head",
    "last_line",
    "lines",
    "open_bytes",
    "stdin_bytes",
]

Compression = Literal["none", "gzip", "zstd"]

MAX_RECORD_BYTES = 16 * 1024 * 1024
"""A longer record is skipped and counted: DuckDB holds two of them in memory for every thread."""

BROKEN = (OSError, EOFError, zlib.error, pa.ArrowException)
"""What reading raises where a file is damaged or cut off."""

_BLOCK = 1 << 20
_ZSTD_BLOCK = 1 << 14
"""Arrow loses as much before a break, if it was asked for as much."""
_MAGIC: tuple[tuple[bytes, Compression], ...] = ((b"\x1f\x8b", "gzip"), (b"\x28\xb5\x2f\xfd", "zstd"))
_FOREIGN = ((b"BZh", "bzip2"), (b"\xfd7zXZ", "xz"), (b"7z\xbc\xaf", "7-Zip"))
_BOMS = (
    (b"\xef\xbb\xbf", "utf-8-sig"),
    (b"\xff\xfe\x00\x00", "utf-32"),
    (b"\x00\x00\xfe\xff", "utf-32"),
    (b"\xff\xfe", "utf-16"),
    (b"\xfe\xff", "utf-16"),
)


def compression_of(path: Path, name: str) -> Compression:
    """Told from the first bytes, since names lie.

    Args:
        path: the file.
        name: what to call it in messages.

    Raises:
        UnreadableInput: it cannot be opened, or is compressed in a way that is not read.
    """
    with _opened(path, name) as file:
        magic = file.read(6)
    foreign = next((kind for prefix, kind in _FOREIGN if magic.startswith(prefix)), None)
    if foreign:
        raise UnreadableInput(
            f"{name}: compressed with {foreign}", hint="unpack it first, or use .gz or .zst"
        )
    return next((kind for prefix, kind in _MAGIC if magic.startswith(prefix)), "none")


def encoding_of(start: bytes) -> str:
    """The encoding of a text that begins so, where it has to be rewritten before it is read; else ""."""
    marked = next((encoding for bom, encoding in _BOMS if start.startswith(bom)), "")
    if marked:
        return marked
    opening = start[:4]
    if opening[1::2] == b"\0\0" and opening[:1] in (b"{", b"["):
        return "utf-16-le"
    return "utf-16-be" if opening[::2] == b"\0\0" and opening[1:2] in (b"{", b"[") else ""


def open_bytes(path: Path, compression: Compression) -> IO[bytes]:
    """The decompressed bytes of a file.

    Raises:
        UnreadableInput: it cannot be opened.
    """
    plain = _opened(path, str(path))
    if compression == "none":
        return plain
    plain.close()
    if compression == "gzip":
        return cast(IO[bytes], gzip.open(path, "rb"))
    return cast(IO[bytes], pa.input_stream(str(path), compression="zstd"))


def blocks(file: IO[bytes]) -> Iterator[bytes]:
    """What is left of a binary file, block by block; all that can be read comes before an error."""
    size = _ZSTD_BLOCK if isinstance(file, pa.NativeFile) else _BLOCK
    read1 = cast(BufferedReader, file).read1  # `read` would lose what precedes a break
    while block := read1(size):
        yield block


def head(path: Path, compression: Compression, size: int) -> bytes:
    """The first `size` decompressed bytes, fewer when the file ends or breaks off before."""
    start = bytearray()
    with open_bytes(path, compression) as file:
        try:
            for block in blocks(file):
                start += block
                if len(start) >= size:
                    break
        except BROKEN:
            pass
    return bytes(start[:size])


def lines(file: IO[bytes], *, limit: int = MAX_RECORD_BYTES) -> Iterator[tuple[bytes, int]]:
    """The lines of a binary file, without their newline, in memory bounded by `limit`.

    Args:
        file: opened for reading in binary mode.
        limit: bytes; of a longer line only a prefix is kept.

    Yields:
        The line (its first bytes only, when it is longer than `limit`) and its full length in bytes.

    Raises:
        OSError, EOFError, zlib.error, pa.ArrowException: the file is damaged (see `BROKEN`), after
            its whole lines.
    """
    kept: list[bytes] = []
    length = 0
    for block in blocks(file):
        *ended, rest = block.split(b"\n")
        for piece in ended:
            whole = length + len(piece)
            yield _line(kept, piece, fits=whole <= limit) if kept else piece, whole
            kept, length = [], 0
        if rest:
            if length <= limit:
                kept.append(rest)
            length += len(rest)
    if length:
        yield b"".join(kept), length


def _line(kept: list[bytes], last: bytes, *, fits: bool) -> bytes:
    return b"".join([*kept, last] if fits else kept)


def last_line(path: Path, compression: Compression) -> tuple[bytes, int]:
    """The last line of a file when no newline ends it, and where it begins in the decompressed bytes.

    Returns:
        `b""` and 0 when a newline ends the file, or when it is damaged.
    """
    start, line = 0, b""
    with open_bytes(path, compression) as file:
        if compression == "none":
            size = path.stat().st_size
            start = file.seek(max(0, size - MAX_RECORD_BYTES - 1))
        try:
            for block in blocks(file):
                at = block.rfind(b"\n") + 1
                start, line = (start + len(line) + at, block[at:]) if at else (start, line + block)
        except BROKEN:
            return b"", 0
    return (line, start) if line else (b"", 0)


def _opened(path: Path, name: str) -> IO[bytes]:
    try:
        return path.open("rb")
    except OSError as error:
        raise UnreadableInput(
            f"{name}: {(error.strerror or 'cannot be opened').lower()}",
            hint="check the path and the permission to read it",
        ) from error


def stdin_bytes() -> IO[bytes]:
    """Standard input, binary."""
    return sys.stdin.buffer
