"""Reading a log: every record is an exchange or a counted, located skip, whatever the file looks like."""

import gzip
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from aligntax.errors import AligntaxError, MalformedRecords, UnreadableInput, UsageError
from aligntax.records import EXCHANGE
from aligntax.traffic.formats.tabular import FieldMap
from aligntax.traffic.read import Log
from traffic.logs_on_disk import GOOD, MEBIBYTE, good, ids, read, write, zstd

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


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(body=st.lists(line, max_size=60), ending=st.sampled_from([b"\n", b"\r\n"]), closed=st.booleans())
@pytest.mark.parametrize("pack", [bytes, gzip.compress, zstd], ids=["plain", "gzip", "zstd"])
def test_records_are_the_lines_and_skips_are_located(
    tmp_path: Path, body: list[bytes], ending: bytes, closed: bool, pack: Callable[[bytes], bytes]
) -> None:
    """Records are the lines that are not blank; each is an exchange or a skip; first skips are located."""
    all_lines = [GOOD % 0, *body]
    data = ending.join(all_lines) + (ending if closed else b"")
    path = tmp_path / "log"
    path.write_bytes(pack(data))
    rows, reading = read(path)
    bad = [
        number
        for number, one in enumerate(all_lines, 1)
        if one.strip(b" \t\r\v\f") and not one.startswith(GOOD[:7])
    ]
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


@pytest.mark.parametrize("cut", [-3, -200, -20_000], ids=str)
@pytest.mark.parametrize("pack", [gzip.compress, zstd], ids=["gzip", "zstd"])
def test_packed_file_cut_off(tmp_path: Path, pack: Callable[[bytes], bytes], cut: int) -> None:
    """A compressed file that is cut off gives its whole lines, and one skip where it breaks off."""
    noise = [b'{"id":"%d","response":"%s"}' % (n, os.urandom(12).hex().encode()) for n in range(20_000)]
    path = tmp_path / "log"
    path.write_bytes(pack(b"\n".join(noise) + b"\n")[:cut])
    rows, reading = read(path)
    assert reading.skipped == 1
    assert ids(rows) == [str(n) for n in range(len(rows))]
    assert len(rows) > 10_000
    if pack is gzip.compress:
        assert reading.problems[0].line == len(rows) + 1
    assert "breaks off" in reading.problems[0].cause


@pytest.mark.parametrize("pack", [gzip.compress, zstd], ids=["gzip", "zstd"])
def test_several_members(tmp_path: Path, pack: Callable[[bytes], bytes]) -> None:
    """Compressed files that were joined give all their lines."""
    path = tmp_path / "log"
    path.write_bytes(pack(b"\n".join(good(500)) + b"\n") + pack(b"\n".join(good(500, 500))))
    rows, reading = read(path)
    assert ids(rows) == [str(n) for n in range(1000)]
    assert not reading.skipped


def test_zero_padding_after_gzip_is_no_record(tmp_path: Path) -> None:
    """A gzip file that a tape has padded with zeros reads whole."""
    path = tmp_path / "log"
    path.write_bytes(gzip.compress(b"\n".join(good(500))) + b"\0" * 512)
    rows, reading = read(path)
    assert (len(rows), reading.skipped) == (500, 0)


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32"])
def test_other_encodings(tmp_path: Path, encoding: str) -> None:
    """A log in another Unicode encoding, marked or not, reads like one in UTF-8, line numbers included."""
    text = '{"id":"ä","response":"so"}\ngarbage\r\n{"id":"ö","response":"so"}'
    path = tmp_path / "log"
    path.write_bytes(text.encode(encoding))
    rows, reading = read(path)
    assert ids(rows) == ["ä", "ö"]
    assert [problem.line for problem in reading.problems] == [2]


@pytest.mark.parametrize("indent", [None, 2], ids=["on one line", "indented"])
def test_array_with_a_broken_record(tmp_path: Path, indent: int | None) -> None:
    """What follows a broken record in an array is read where a record begins a line, else said to be lost."""
    records = [json.dumps(json.loads(one), indent=indent) for one in good(4)]
    records[1] = records[1].replace(': "so"', ": so")
    path = tmp_path / "log.json"
    path.write_text("[" + ",\n".join(records) + "]", encoding="utf-8")
    rows, reading = read(path)
    assert ids(rows) == ["0", "2", "3"]
    (problem,) = reading.problems
    assert (problem.unit, problem.line) == ("record", 2)
    assert f"line {2 if indent is None else 9} of the file" in problem.cause
    path.write_text("[" + ",".join(records) + "]", encoding="utf-8")
    rows, reading = read(path)
    assert ids(rows) == ["0", *(["2", "3"] if "\n{" in path.read_text() else [])]
    assert "nothing after it could be read" in reading.problems[0].cause


def test_array_broken_far_in(tmp_path: Path) -> None:
    """Where DuckDB gives up after many rows have been drawn, none comes twice and none is lost."""
    path = tmp_path / "log.json"
    lines = [*good(70_000), b'{"id"}', *good(5, 70_000)]
    path.write_bytes(b"[\n" + b",\n".join(lines) + b"\n]")
    rows, reading = read(path)
    assert ids(rows) == [str(n) for n in range(70_005)]
    assert [problem.line for problem in reading.problems] == [70_001]
    assert "line 70,002 of the file" in reading.problems[0].cause


@pytest.mark.parametrize("text", ["[3, {}]", "[", "[]", '{\n "response": "x', '{"a": 1}{"a": 2}'], ids=repr)
def test_json_without_a_usable_record(tmp_path: Path, text: str) -> None:
    """JSON that holds no record to begin with is refused with a hint."""
    path = tmp_path / "log.json"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(AligntaxError) as caught:
        read(path)
    assert str(path) in caught.value.message
    assert caught.value.hint


def test_array_keeps_what_is_no_object_apart(tmp_path: Path) -> None:
    """Values of an array that are no objects are counted and located, one by one."""
    path = tmp_path / "log.json"
    path.write_bytes(b"[" + GOOD % 1 + b',3,null,"x",[1],' + GOOD % 2 + b"]")
    rows, reading = read(path)
    assert ids(rows) == ["1", "2"]
    assert [problem.line for problem in reading.problems] == [2, 3, 4, 5]


def test_values_of_another_type_are_text_or_nothing(tmp_path: Path) -> None:
    """Objects, lists and numbers where text is expected come as their JSON; the record is kept."""
    records = [
        b'{"id":1,"response":{"a":[1]}}',
        b'{"id":[2],"response":["x"]}',
        b'{"id":null,"response":2.5}',
    ]
    rows, _ = read(write(tmp_path / "log", *records))
    assert [row["response"] for row in rows] == ['{"a":[1]}', '["x"]', "2.5"]
    assert ids(rows) == ["1", "[2]", f"{tmp_path}/log:3"]


def test_first_line_may_be_broken(tmp_path: Path) -> None:
    """A log whose first line is a banner, or the tail of a lost record, is still told for what it is."""
    for first in (b"Starting, port 80", b"[2026-01-01] start", b'response": "x"}', b'{"id": "1", "resp'):
        rows, reading = read(write(tmp_path / "log", first, *good(50)))
        assert len(rows) == 50
        assert [problem.line for problem in reading.problems] == [1]


def test_last_line_across_the_buffer(tmp_path: Path) -> None:
    """A last line without a newline that crosses DuckDB's buffer is read, not lost."""
    record = GOOD % 0 + b"\n"
    count = (32 * MEBIBYTE - 100) // len(record)
    data = record * count + GOOD.replace(b"so", b"x" * 300) % 1
    for pack in (bytes, gzip.compress):
        path = tmp_path / "log"
        path.write_bytes(pack(data))
        log = Log([str(path)], threads=2, strict=True)
        batches, reading = log.batches(["id"])
        assert sum(batch.num_rows for batch in batches) == count + 1
        log.close()
        assert (reading.records, reading.skipped) == (count + 1, 0)


MEASURED = """
import sys
from aligntax.traffic.read import Log
log = Log([sys.argv[1]])
batches, reading = log.batches()
rows = sum(batch.num_rows for batch in batches)
log.close()
print(rows, reading.skipped, *(problem.line for problem in reading.problems))
print(reading.problems[0].cause)
with open("/proc/self/status") as status:  # what getrusage tells is inherited from the parent
    print(next(int(line.split()[1]) for line in status if line.startswith("VmHWM")) >> 10)
"""


def test_a_line_of_100_megabytes(tmp_path: Path) -> None:
    """A line of 100 MB is one located skip; the lines around it are read, in less than 1 GB of memory."""
    path = tmp_path / "log"
    with path.open("wb") as file:
        file.writelines(line + b"\n" for line in good(100))
        file.write(b'{"response":"' + b"x" * 100_000_000 + b'"}\n')
        file.writelines([*(line + b"\n" for line in good(100, 100)), b"garbage\n", GOOD % 7])
    done = subprocess.run([sys.executable, "-c", MEASURED, path], capture_output=True, text=True, check=True)
    counts, cause, peak = done.stdout.splitlines()
    assert counts == "201 2 101 202"
    assert cause == "a record of 100,000,015 bytes, over the limit of 16 MiB"
    assert int(peak) < 1024


def test_many_threads_fit_into_memory(tmp_path: Path) -> None:
    """The memory given to DuckDB grows with its threads, each of which holds a buffer."""
    record = GOOD.replace(b"so", b"x" * 1000) % 0 + b"\n"
    path = tmp_path / "log"
    path.write_bytes(record * (40 * MEBIBYTE // len(record)))
    rows, _ = read(path, columns=["kind"], threads=24)
    assert len(rows) == 40 * MEBIBYTE // len(record)


def test_order_of_the_log_is_kept(tmp_path: Path) -> None:
    """Exchanges come in the order of the log, however many threads read it, and skips far in are located."""
    records = [GOOD.replace(b"so", b"x" * 900) % n for n in range(80_000)]
    records[60_000] = b"garbage"
    rows, reading = read(write(tmp_path / "log", *records), columns=["id"], threads=4)
    assert ids(rows) == [str(n) for n in range(80_000) if n != 60_000]
    assert [problem.line for problem in reading.problems] == [60_001]


def test_a_log_of_nothing_usable_is_an_error(tmp_path: Path) -> None:
    """A log without one usable record is an error that locates the first problem, never a tax of zero."""
    path = write(tmp_path / "log", *[b'{"id":"1","response":null}'] * 10)
    with pytest.raises(
        UnreadableInput, match=r"none of the 10 records could be read; first at .*log, line 1: "
    ):
        read(path)


@pytest.mark.parametrize("bad", [b"garbage", b'{"id":"1"}'], ids=repr)
def test_strict_refuses_the_first_skip(tmp_path: Path, bad: bytes) -> None:
    """In strict mode a skip is an error that names file, line and cause; a clean log passes."""
    path = write(tmp_path / "log", *good(40_000), bad, *good(40_000))
    with pytest.raises(MalformedRecords, match=r"log, line 40,001: ") as caught:
        read(path, strict=True)
    assert "--strict" in caught.value.hint
    rows, _ = read(write(path, *good(3)), strict=True)
    assert len(rows) == 3


def test_a_key_named_twice_is_noted(tmp_path: Path) -> None:
    """Of a key named twice the first value counts, and that is said."""
    rows, reading = read(write(tmp_path / "log", b'{"id":"1","response":"first","response":"second"}'))
    assert rows[0]["response"] == "first"
    assert any("names a key twice" in note for note in reading.notes)


def test_ids_that_repeat_are_all_kept(tmp_path: Path) -> None:
    """Exchanges whose ids repeat are all read."""
    rows, _ = read(write(tmp_path / "log", *[GOOD % 1] * 5))
    assert ids(rows) == ["1"] * 5


@pytest.mark.parametrize(
    "directory", sorted((Path(__file__).parents[1] / "golden").glob("*")), ids=lambda d: d.name
)
def test_every_format_has_the_types_of_an_exchange(directory: Path) -> None:
    """Every format gives the columns of EXCHANGE with their types, and accounts for all of its records."""
    (path, *_) = sorted(directory.glob("input*"))
    log = Log([str(path)])
    batches, reading = log.batches()
    for batch in batches:
        assert batch.schema.equals(pa.schema([EXCHANGE.field(name) for name in batch.schema.names]))
        assert batch.schema.names == EXCHANGE.names
        assert batch.column("id").null_count == 0
    assert reading.records == reading.exchanges + reading.skipped
    log.close()


def test_skips_of_a_format_that_filters_are_located(tmp_path: Path) -> None:
    """A format that takes only some of the records still locates those it cannot use."""
    golden = Path(__file__).parents[1] / "golden" / "litellm" / "input.jsonl"
    first = golden.read_bytes().splitlines()[0]
    other = [b'{"call_type":"embedding","id":"e"}', b'{"call_type":"completion","startTime":"x"}', b"garbage"]
    _, reading = read(write(tmp_path / "log", first, b"", *other))
    assert [problem.line for problem in reading.problems] == [4, 5]


def test_field_options_that_no_file_has(tmp_path: Path) -> None:
    """A field that is in no file is an error that lists the fields; one that some files lack is noted."""
    chat = b'{"id":"1","messages":[{"role":"assistant","content":"a"}],"team":"%s"}'
    a = write(tmp_path / "a.jsonl", chat % b"red")
    b = write(tmp_path / "b.jsonl", chat.replace(b',"team":"%s"', b""))
    with pytest.raises(UsageError, match=r"no field 'tema' \(--use-case-field\)") as caught:
        read(a, b, fields=FieldMap(use_case="tema"))
    assert "team" in caught.value.hint
    rows, reading = read(a, b, columns=["use_case"], fields=FieldMap(use_case="team"))
    assert [row["use_case"] for row in rows] == ["red", None]
    assert any("1 of 2 files" in note for note in reading.notes)
