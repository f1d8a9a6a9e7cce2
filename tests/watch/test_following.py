"""Logs are followed: every exchange is counted once, whatever becomes of its file."""

import errno
import gzip
import json
import os
import random
import shutil
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from aligntax.ledger.opened import Ledger, open_ledger
from aligntax.watch.watch import Watch
from watch_logs import counts, line, watch_of, write


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    opened = open_ledger(tmp_path / "ledger")
    yield opened
    opened.close()


@pytest.fixture
def logs(tmp_path: Path) -> Path:
    made = tmp_path / "logs"
    made.mkdir()
    return made


@pytest.fixture
def watch(ledger: Ledger) -> Iterator[Watch]:
    made, reader = watch_of(ledger)
    yield made
    reader.close()


def _read(watch: Watch, logs: Path) -> int:
    """Exchanges by the hours, which are the exchanges by the totals."""
    watch.round([str(logs)])
    hours, _, total = counts(watch)
    assert hours == total
    return total


def test_appended_lines_are_read_and_an_unfinished_one_waits(watch: Watch, logs: Path) -> None:
    file = logs / "a.jsonl"
    write(file, line(1), line(2), line(3)[:40], end="")
    assert _read(watch, logs) == 2
    write(file, line(3)[40:])
    assert _read(watch, logs) == 3
    assert _read(watch, logs) == 3
    write(file, line(4), end="")  # a whole object ends although its line does not
    assert _read(watch, logs) == 4
    write(file, "", line(5))
    assert _read(watch, logs) == 5


def test_it_goes_on_where_another_process_stopped(ledger: Ledger, logs: Path) -> None:
    for last in (2, 5, 9):
        write(logs / "a.jsonl", *(line(n) for n in range(last - 2, last)))
        watch, reader = watch_of(ledger)
        _read(watch, logs)
        reader.close()
    assert counts(watch)[2] == 6


def test_a_file_that_is_not_there_yet_is_waited_for(watch: Watch, logs: Path) -> None:
    assert watch.round([str(logs / "new.jsonl"), str(logs / "*.log")]).waiting != []
    write(logs / "new.jsonl", line(1))
    assert watch.round([str(logs / "new.jsonl")]).exchanges == 1


def test_rotation_by_renaming_loses_no_last_line(watch: Watch, logs: Path) -> None:
    """The old file is read to its end, also where the glob does not name it any more."""
    file = logs / "a.log"
    write(file, line(1))
    watch.round([str(logs / "*.log")])
    write(file, line(2))
    file.rename(logs / "a.log.1")
    write(file, line(3))
    watch.round([str(logs / "*.log")])
    assert counts(watch)[2] == 3
    write(logs / "a.log.1", line(4))  # a writer that has not reopened its file yet
    watch.round([str(logs / "*.log")])
    assert counts(watch)[2] == 4


def test_rotation_by_copying_and_truncating(watch: Watch, logs: Path) -> None:
    file = logs / "a.jsonl"
    write(file, line(1), line(2))
    assert _read(watch, logs) == 2
    write(file, line(3))
    shutil.copy(file, logs / "a.jsonl.1")
    done = watch.round([str(logs)])  # in between: the copy holds what the other has
    assert done.copies
    os.truncate(file, 0)
    assert _read(watch, logs) == 3
    write(file, line(4), line(5), line(6), line(7))
    assert _read(watch, logs) == 7


def test_truncated_and_grown_beyond_where_it_was(watch: Watch, logs: Path) -> None:
    file = logs / "a.jsonl"
    write(file, line(1))
    assert _read(watch, logs) == 1
    os.truncate(file, 0)
    write(file, line(12), line(13), line(14))
    assert _read(watch, logs) == 4


def test_a_compressed_rotation_goes_on_where_reading_stopped(watch: Watch, logs: Path) -> None:
    file = logs / "a.jsonl"
    write(file, *(line(n) for n in range(5)))
    assert _read(watch, logs) == 5
    write(file, line(5), line(6))
    with gzip.open(logs / "a.jsonl.1.gz", "wb") as out:
        out.write(file.read_bytes())
    file.unlink()
    write(file, line(7))
    assert _read(watch, logs) == 8
    assert _read(watch, logs) == 8


def test_a_compressed_copy_beside_the_original_is_not_counted_twice(watch: Watch, logs: Path) -> None:
    file = logs / "a.jsonl"
    write(file, *(line(n) for n in range(5)))
    assert _read(watch, logs) == 5
    with gzip.open(logs / "a.jsonl.gz", "wb") as out:
        out.write(file.read_bytes())
    assert _read(watch, logs) == 5
    file.unlink()
    assert _read(watch, logs) == 5


def test_a_file_put_in_the_place_of_another(watch: Watch, logs: Path) -> None:
    write(logs / "a.jsonl", line(1), line(2))
    assert _read(watch, logs) == 2
    write(logs / "other", line(3), line(4), line(5))
    (logs / "other").replace(logs / "a.jsonl")
    assert _read(watch, logs) == 5


def test_the_format_is_that_of_the_beginning(ledger: Ledger, logs: Path) -> None:
    """A later chunk of records that lack half the fields, or look like another format, changes nothing."""
    full = [line(n) for n in range(150)]
    bare = [
        json.dumps({"prompt": "p", "response": "No.", "timestamp": "2026-10-02", "messages": []})
        for _ in full
    ]
    write(logs / "a.jsonl", *full, *bare)
    watch, reader = watch_of(ledger, chunk_bytes=2_000)
    watch.round([str(logs)])
    reader.close()
    assert watch.totals["exchanges"] == 300
    assert watch.totals["unassigned"] == 150  # they tell no use case, and are not taken for one
    assert watch.totals["skipped"] == 0


def test_malformed_lines_are_counted_and_told_by_their_line(ledger: Ledger, logs: Path) -> None:
    lines = [line(n) for n in range(400)]
    lines[7], lines[333] = '{"prompt": "cut', "[1, 2]"
    write(logs / "a.jsonl", *lines)
    watch, reader = watch_of(ledger, chunk_bytes=10_000)
    done = watch.round([str(logs)])
    reader.close()
    assert watch.totals["skipped"] == 2
    assert watch.totals["records"] == watch.totals["exchanges"] + 2 == 400
    assert [problem.split(": ")[0].partition(", ")[2] for problem in done.problems] == ["line 8", "line 334"]


def test_a_file_that_is_no_log_is_said_and_left_alone(watch: Watch, logs: Path) -> None:
    (logs / "README").write_text("What lies here\n")
    write(logs / "a.jsonl", line(1))
    done = watch.round([str(logs)])
    assert counts(watch)[2] == 1
    assert any("README" in problem for problem in done.problems)
    assert not watch.round([str(logs)]).problems


def test_a_directory_that_cannot_be_searched_is_said_once(
    watch: Watch, logs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The system's refusal is played, since permissions do not bind root."""
    write(logs / "a.jsonl", line(1))
    (logs / "closed").mkdir()
    search = os.scandir

    def refused(path: str) -> object:
        if str(path).endswith("closed"):
            raise PermissionError(errno.EACCES, "Permission denied", path)
        return search(path)

    monkeypatch.setattr(os, "scandir", refused)
    (problem,) = watch.round([str(logs)]).problems
    assert "closed: permission denied" in problem
    assert watch.round([str(logs)]).problems == []
    assert counts(watch)[2] == 1


def test_other_logs_under_the_same_name_go_on_alone(ledger: Ledger, logs: Path) -> None:
    """What is not asked for any more is not read; asked for again, it goes on where it was."""
    write(logs / "a.jsonl", line(1))
    write(logs / "b.jsonl", line(2))
    watch, reader = watch_of(ledger)
    _read(watch, logs)
    write(logs / "a.jsonl", line(3))
    watch.round([str(logs / "b.jsonl")])
    assert counts(watch)[2] == 2
    assert _read(watch, logs) == 3
    reader.close()


def test_tables_and_arrays_are_read_whole_once(watch: Watch, logs: Path) -> None:
    records = [json.loads(line(n)) for n in range(30)]
    pq.write_table(pa.Table.from_pylist(records), logs / "a.parquet")
    (logs / "b.json").write_text(json.dumps([json.loads(line(n)) for n in range(40, 60)], indent=1))
    assert _read(watch, logs) == 50
    assert _read(watch, logs) == 50
    (logs / "a.parquet").rename(logs / "c.parquet")
    assert _read(watch, logs) == 50
    (logs / "d.json").write_text("[" + line(70) + ",\n")
    assert _read(watch, logs) == 50  # not closed yet
    with (logs / "d.json").open("a") as file:
        file.write(line(71) + "]")
    assert _read(watch, logs) == 52


def test_rows_of_a_csv_file_as_they_come(watch: Watch, logs: Path) -> None:
    file = logs / "a.csv"
    file.write_text('id,timestamp,use_case,prompt,response\n1,2026-10-01,a,p,No.\n2,2026-10-01,a,"two\nli')
    assert _read(watch, logs) == 1
    with file.open("a") as out:
        out.write('nes",Yes.\n3,2026-10-01,a,p,No.\n')
    assert _read(watch, logs) == 3
    assert counts(watch)[1] == 2


def test_a_byte_order_mark_is_no_record(watch: Watch, logs: Path) -> None:
    (logs / "a.jsonl").write_bytes(b"\xef\xbb\xbf" + (line(1) + "\n" + line(2) + "\n").encode())
    assert _read(watch, logs) == 2
    assert watch.totals["skipped"] == 0


def test_months_one_after_the_other_and_what_is_too_late(watch: Watch, logs: Path) -> None:
    months = [f"2026-{month:02d}-15T10:00:00Z" for month in (3, 6, 7, 8, 8, 7, 3)]
    for n, moment in enumerate(months):
        write(logs / "a.jsonl", json.dumps(json.loads(line(n)) | {"timestamp": moment}))
        watch.round([str(logs)])
    assert watch.counted.late == 1
    assert watch.totals["exchanges"] == 7
    assert counts(watch)[0] == 4  # July and August


def _rotate(generator: random.Random, file: Path, number: int) -> None:
    """One of the ways in which a file is rotated."""
    way = generator.choice(["rename", "truncate", "compress", "replace"])
    old = file.with_name(f"{file.name}.{number}")
    if way == "rename":
        file.rename(old)
    elif way == "truncate":
        shutil.copy(file, old)
        os.truncate(file, 0)
    elif way == "compress":
        with gzip.open(f"{old}.gz", "wb") as out:
            out.write(file.read_bytes())
        file.unlink()
    else:
        file.rename(old)
        file.touch()


@pytest.mark.parametrize("seed", range(6))
def test_any_course_of_events_counts_each_exchange_once(ledger: Ledger, logs: Path, seed: int) -> None:
    """Lines come whole and in parts, files rotate in four ways, the watch stops and goes on: what is counted
    is what was written."""
    generator = random.Random(seed)
    written, pending = 0, dict[Path, str]()
    watch, reader = watch_of(ledger, chunk_bytes=600)
    for step in range(60):
        file = logs / generator.choice(["a.jsonl", "b.jsonl"])
        doing = generator.random()
        if doing < 0.55:
            with file.open("a") as out:
                out.write(pending.pop(file, ""))
                for _ in range(generator.randrange(1, 6)):
                    text = line(written, refused=generator.random() < 0.3) + "\n"
                    written += 1
                    if generator.random() < 0.15:
                        cut = generator.randrange(1, len(text) - 2)
                        out.write(text[:cut])
                        pending[file] = text[cut:]
                        break
                    out.write(text)
        elif doing < 0.7 and file.exists() and file.stat().st_size and file not in pending:
            _rotate(generator, file, step)
        elif doing < 0.8:
            reader.close()
            watch, reader = watch_of(ledger, chunk_bytes=600)
        else:
            watch.round([str(logs)])
    for file, rest in pending.items():
        with file.open("a") as out:
            out.write(rest)
    watch.round([str(logs)])
    reader.close()
    assert counts(watch)[2] == written == counts(watch)[0]
    assert watch.totals["skipped"] == 0
