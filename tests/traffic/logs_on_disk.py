"""Logs as files: writing them, and reading them whole with the counts that must hold."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa

from aligntax.traffic.read import Log, Reading

GOOD = b'{"id":"%d","prompt":"how?","response":"so"}'
MEBIBYTE = 1 << 20


def read(
    *inputs: Path | str, columns: Sequence[str] = ("id", "response"), **options: Any
) -> tuple[list[dict[str, Any]], Reading]:
    """The exchanges of some files; records == exchanges + skipped is asserted for every one of them."""
    log = Log([str(name) for name in inputs], **options)
    try:
        batches, reading = log.batches(columns)
        rows = [row for batch in batches for row in batch.to_pylist()]
    finally:
        log.close()
    assert reading.records == reading.exchanges + reading.skipped
    assert len(rows) == reading.exchanges
    return rows, reading


def write(path: Path, *lines: bytes, end: bytes = b"\n") -> Path:
    path.write_bytes(b"".join(line + end for line in lines))
    return path


def good(count: int, start: int = 0) -> list[bytes]:
    return [GOOD % number for number in range(start, start + count)]


def ids(rows: Iterable[Mapping[str, Any]]) -> list[str]:
    return [str(row["id"]) for row in rows]


def zstd(data: bytes) -> bytes:
    return bytes(pa.compress(data, codec="zstd", asbytes=True))
