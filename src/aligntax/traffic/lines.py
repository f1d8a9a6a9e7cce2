"""Bytes of a log, line by line, in bounded memory: what sniffing, locating and mending need."""

import gzip
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Literal, cast

import pyarrow as pa

from aligntax.errors import UnreadableInput

__all__ = ["MAX_RECORD_BYTES", "Compression", "compression_of", "head", "lines", "open_bytes"]

Compression = Literal["none", "gzip", "zstd"]

MAX_RECORD_BYTES = 16 * 1024 * 1024
"""A longer record is skipped and counted: DuckDB holds two of them in memory for every thread."""

_BLOCK = 1 << 20
_MAGIC: tuple[tuple[bytes, Compression], ...] = ((b"\x1f\x8b", "gzip"), (b"\x28\xb5\x2f\xfd", "zstd"))


def compression_of(path: Path) -> Compression:
    """Told from the first bytes, since names lie."""
    with _opened(path) as file:
        magic = file.read(4)
    return next((name for prefix, name in _MAGIC if magic.startswith(prefix)), "none")


def open_bytes(path: Path, compression: Compression) -> IO[bytes]:
    """The decompressed bytes of a file."""
    if compression == "gzip":
        return cast(IO[bytes], gzip.open(path, "rb"))
    if compression == "zstd":
        return cast(IO[bytes], pa.input_stream(str(path), compression="zstd"))
    return _opened(path)


def head(path: Path, compression: Compression, size: int) -> bytes:
    """The first `size` decompressed bytes, fewer when the file ends or breaks off before."""
    with open_bytes(path, compression) as file:
        try:
            return file.read(size)
        except (OSError, EOFError):
            return b""


def lines(file: IO[bytes], *, limit: int = MAX_RECORD_BYTES) -> Iterator[tuple[bytes, int]]:
    """The lines of a binary file, without their newline, in memory bounded by `limit`.

    Args:
        file: opened for reading in binary mode.
        limit: bytes; of a longer line only a prefix is kept.

    Yields:
        The line (its first bytes only, when it is longer than `limit`) and its full length in bytes.
    """
    rest = b""
    while block := file.read(_BLOCK):
        *whole, rest = (rest + block).split(b"\n")
        for line in whole:
            yield line, len(line)
        if len(rest) > limit:
            dropped, after = _skip_line(file)
            yield rest[:_BLOCK], len(rest) + dropped
            rest = after
    if rest:
        yield rest, len(rest)


def _skip_line(file: IO[bytes]) -> tuple[int, bytes]:
    """Reads to the end of the current line: bytes dropped, and what was read of the next line."""
    dropped = 0
    while block := file.read(_BLOCK):
        end = block.find(b"\n")
        if end >= 0:
            return dropped + end, block[end + 1 :]
        dropped += len(block)
    return dropped, b""


def _opened(path: Path) -> IO[bytes]:
    try:
        return path.open("rb")
    except OSError as error:
        raise UnreadableInput(
            f"{path}: {(error.strerror or 'cannot be opened').lower()}",
            hint="check the path and the permission to read it",
        ) from error


def stdin_bytes() -> IO[bytes]:
    """Standard input, binary."""
    return sys.stdin.buffer
