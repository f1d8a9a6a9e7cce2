"""Files DuckDB cannot take as they are become plain JSON lines first: other encodings, archives, giants."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

from aligntax.traffic.formats.inspect import unpack
from aligntax.traffic.lines import MAX_RECORD_BYTES, head, lines, open_bytes
from aligntax.traffic.sniff import LogFile

__all__ = ["OVERLONG", "mend", "needs_mending"]

OVERLONG = b"!record of "
"""Begins the line that stands for a record too long to read, so that lines keep their numbers."""


def needs_mending(file: LogFile) -> bool:
    """Whether the file has to be rewritten before it is read at all."""
    return file.transcode or file.container == "eval"


def mend(file: LogFile, directory: Path) -> LogFile:
    """A readable copy in `directory`, line for line: UTF-8, unpacked, records over the limit replaced."""
    target = directory / f"{len(list(directory.iterdir()))}.jsonl"
    rewrite = _rewriter(file)
    with target.open("wb") as out:
        for line in rewrite(file):
            out.write(line)
            out.write(b"\n")
    container = "ndjson" if file.container == "eval" else file.container
    return replace(file, path=target, container=container, compression="none", transcode=False)


def _rewriter(file: LogFile) -> Callable[[LogFile], Iterator[bytes]]:
    if file.container == "eval":
        return lambda f: unpack(f.path)
    return _transcoded if file.transcode else _shortened


def _transcoded(file: LogFile) -> Iterator[bytes]:
    start = head(file.path, file.compression, 4)
    encoding = "utf-8-sig" if start.startswith(b"\xef\xbb\xbf") else "utf-16"
    if encoding == "utf-8-sig":
        first = True
        for line in _shortened(file):
            yield line.removeprefix(b"\xef\xbb\xbf") if first else line
            first = False
        return
    with open_bytes(file.path, file.compression) as raw:  # a line break is two bytes here
        import io

        for text in io.TextIOWrapper(raw, encoding=encoding, errors="replace"):
            yield text.rstrip("\n").encode()


def _shortened(file: LogFile) -> Iterator[bytes]:
    with open_bytes(file.path, file.compression) as raw:
        for line, length in lines(raw):
            yield line if length <= MAX_RECORD_BYTES else OVERLONG + b"%d bytes" % length
