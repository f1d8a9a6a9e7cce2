"""Reading a log: every record is an exchange or a counted, located skip, whatever the file looks like."""

import gzip
import json
import os
import resource
import subprocess
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from aligntax.errors import AligntaxError, MalformedRecords, UnreadableInput, UsageError
from aligntax.records import EXCHANGE
from aligntax.traffic.formats.tabular import FieldMap
from aligntax.traffic.read import Log, Reading

GOOD = b'{"id":"%d","prompt":"how?","response":"so"}'
MEBIBYTE = 1 << 20


def read(
    *inputs: Path | str, columns: Sequence[str] = ("id", "response"), **options: Any
) -> tuple[list[dict[str, Any]], Reading]:
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


GARBAGE = [
    b"garbage",
    b'{"id": "1", "response": "cut off',
    b'{"id": "1", "response": "a"}{"id": "2", "response": "b"}',
    b'{"id": "1", "response": "a"} trailing',
    b'{"id": "1", "prompt": "no response"}',
    b'{"id": "1", "response": null}',
    b'{"response": "nul \x00 inside"}',
    b"\x00\x00\x00",
    b'{"response": "caf\xe9"}',
    b'{"response": "\xff\xfe"}',
    b'{"response": "\\ud800"}',
    b'{"response": "raw \x01 control"}',
    b"null",
    b"12",
    b'"text"',
    b'["response"]',
    b'[{"response": "in an array"}]',
    b"{}",
    b"\xc2\xa0",
    b"\x1c",
    b'\xef\xbb\xbf{"response": "after a byte order mark"}',
    b"{'response': 'single quotes'}",
]
BLANK = [b"", b" ", b"\t", b"  \t ", b"\r", b"\x0b", b"\x0c"]

line = st.one_of(
    st.just(GOOD % 7),
    st.sampled_from(GARBAGE),
    st.sampled_from(BLANK),
    st.binary(max_size=12).filter(lambda b: b"\n" not in b and b.strip() and b.strip() != b"{}"),
)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(body=st.lists(line, max_size=60), ending=st.sampled_from([b"\n", b"\r\n"]), closed=st.booleans())
@pytest.mark.parametrize("pack", [bytes, gzip.compress, zstd], ids=["plain", "gzip", "zstd"])
def test_records_are_the_lines_and_skips_are_located(
    tmp_path: Path, body: list[bytes], ending: bytes, closed: bool, pack: Callable[[bytes], bytes]
) -> None:
    """records == exchanges + skipped == the lines that are not blank, and the first five skips are where they are."""
    all_lines = [GOOD % 0, *body]
    data = ending.join(all_lines) + (ending if closed else b"")
    path = tmp_path / "log"
    path.write_bytes(pack(data))
    rows, reading = read(path)
    bad = [number for number, one in enumerate(all_lines, 1) if one.strip(b" \t\r\v\f") and not one.startswith(GOOD[:7])]
    full = [one for one in all_lines if one.strip(b" \t\r\v\f")]
    assert reading.records == len(full)
    assert reading.skipped == len(bad)
    assert [problem.line for problem in reading.problems] == bad[:5]
    assert len(rows) == len(full) - len(bad)


@pytest.mark.parametrize("record", GARBAGE, ids=repr)
def test_each_cause_is_named(tmp_path: Path, record: bytes) -> None:
    """Each kind of broken record is located with a cause in words that fit on a line."""
    _, reading = read(write(tmp_path / "log", *good(3), record, *good(2)))
    (problem,) = reading.problems
    assert (problem.line, reading.skipped, reading.exchanges) == (4, 1, 5)
    assert len(problem.cause) > 5
    assert "\n" not in str(problem)
    assert str(problem).startswith(f"{tmp_path}/log, line 4: ")
