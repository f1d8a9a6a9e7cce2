"""The files of a log: which are read, under which names, and what becomes of those that cannot be."""

import gzip
import os
import resource
import subprocess
from pathlib import Path
from typing import Any

import pytest

from aligntax.errors import UnreadableInput
from aligntax.traffic.read import Log
from traffic.logs_on_disk import good, ids, read, write

NAMES = [
    "x[1].jsonl",
    "a*b.jsonl",
    "q?.jsonl",
    "two words.jsonl",
    "it's.jsonl",
    "ünï.jsonl",
    "{a,b}.jsonl",
    "use_case=x/y.jsonl",
]


@pytest.mark.parametrize("name", NAMES)
def test_a_name_is_no_pattern(tmp_path: Path, name: str) -> None:
    """A file is read under any name, and no other file that its name would match as a pattern."""
    decoy = name.replace("[1]", "1").replace("*", "X").replace("?", "1")
    for place, count in ((decoy, 9), (name, 2)):
        path = tmp_path / place
        path.parent.mkdir(exist_ok=True)
        write(path, *good(count))
    rows, reading = read(tmp_path / name, columns=["id", "use_case"])
    assert len(rows) == reading.records == 2
    assert {row["use_case"] for row in rows} == {None}


def fill(directory: Path) -> None:
    """A directory of mixed formats, some of it unreadable."""
    (directory / "below" / ".hidden").mkdir(parents=True)
    write(directory / "a.jsonl", *good(3), b"garbage", *good(2, 10))
    write(directory / "b.csv", b"id,response", b"20,x", b"ragged")
    (directory / "c.json").write_bytes(b"[" + b",\n".join(good(2, 30)) + b"]")
    (directory / "below" / "d.jsonl.gz").write_bytes(gzip.compress(b"\n".join(good(2, 40))))
    write(directory / "below" / ".hidden" / "e.jsonl", *good(1, 50))
    (directory / "f.png").write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(range(256)))
    (directory / "g.jsonl").write_bytes(b"")
    (directory / "h").symlink_to(directory / "nowhere")
    (directory / "i").symlink_to(directory)
    write(directory / "j.txt", b"some prose")


def test_directory_of_mixed_formats(tmp_path: Path) -> None:
    """In a directory every file is told for itself; hidden ones are passed over; what is no log is named."""
    fill(tmp_path)
    rows, reading = read(tmp_path)
    assert ids(rows) == ["0", "1", "2", "10", "11", "20", "40", "41", "30", "31"]
    assert (reading.records, reading.exchanges, reading.skipped) == (12, 10, 2)
    assert [(Path(p.file).name, p.line) for p in reading.problems] == [("a.jsonl", 4), ("b.csv", 3)]
    left_out = [out.partition(":")[0].partition(",")[0] for out in reading.left_out]
    assert [Path(name).name for name in left_out] == ["f.png", "g.jsonl", "h", "j.txt"]
    assert "left out 4 files" in reading.summary()


def test_strict_refuses_a_file_that_is_no_log(tmp_path: Path) -> None:
    """In strict mode a file that cannot be read is an error."""
    fill(tmp_path)
    with pytest.raises(UnreadableInput, match=r"f\.png: a binary file"):
        read(tmp_path, strict=True)


def test_each_file_is_read_once(tmp_path: Path) -> None:
    """A file that is named twice, or is found by a glob again, counts once."""
    path = write(tmp_path / "log.jsonl", *good(3))
    rows, _ = read(path, tmp_path / ".." / tmp_path.name / "log.jsonl", f"{tmp_path}/*.jsonl", tmp_path)
    assert len(rows) == 3


def test_small_files_are_told_apart(tmp_path: Path) -> None:
    """Small files are read together; ids, lines and counts are still those of each file."""
    for number in range(300):
        lines = [b'{"response":"x"}', b"", b"garbage" if number in (7, 250) else b'{"response":"y"}']
        path = tmp_path / f"{number:03}.jsonl"
        path.write_bytes(b"\n".join(lines))
    rows, reading = read(tmp_path)
    assert (reading.records, reading.skipped) == (600, 2)
    expected = [
        f"{tmp_path}/{n:03}.jsonl:{k}" for n in range(300) for k in (1, 2) if k == 1 or n not in (7, 250)
    ]
    assert ids(rows) == expected
    assert [str(p) for p in reading.problems] == [
        f"{tmp_path}/{name}.jsonl, line 3: not valid JSON: expecting value at column 1"
        for name in ("007", "250")
    ]


def test_a_file_that_vanishes(tmp_path: Path) -> None:
    """A file that is gone when its turn comes is named; alone, or in strict mode, it is an error."""
    paths = [write(tmp_path / name, *good(3)) for name in ("a", "b")]
    log = Log([str(path) for path in paths])
    paths[0].unlink()
    batches, reading = log.batches(["id"])
    assert sum(batch.num_rows for batch in batches) == 3
    assert reading.left_out == [f"{paths[0]}: no such file or directory"]
    log.close()
    log = Log([str(paths[1])])
    paths[1].unlink()
    batches, _ = log.batches(["id"])
    with pytest.raises(UnreadableInput, match="no such file"):
        next(batches)
    log.close()


def test_directory_that_may_not_be_searched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A directory without permission to search it is named, not passed over."""
    write(tmp_path / "a.jsonl", *good(3))
    closed = tmp_path / "closed"
    closed.mkdir()
    scandir = os.scandir

    def refuse(path: str) -> Any:
        if str(path) == str(closed):
            raise PermissionError(13, "Permission denied", str(path))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refuse)
    rows, reading = read(tmp_path)
    assert len(rows) == 3
    assert reading.left_out == [f"{closed}: permission denied"]


def test_a_file_that_may_not_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file without permission to read it is an error with a hint."""
    path = write(tmp_path / "a.jsonl", *good(3))
    opened = Path.open

    def refuse(self: Path, *args: Any, **options: Any) -> Any:
        if self == path:
            raise PermissionError(13, "Permission denied", str(path))
        return opened(self, *args, **options)

    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(UnreadableInput, match=r"a\.jsonl: permission denied") as caught:
        read(path)
    assert "permission" in caught.value.hint


def test_a_named_pipe(tmp_path: Path) -> None:
    """A pipe, as a shell makes it for <(zcat log.gz), is read although it can be read only once."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    source = write(tmp_path / "log", *good(10))
    with subprocess.Popen(["sh", "-c", f"cat {source} > {pipe}"]):
        rows, _ = read(pipe)
    assert len(rows) == 10


def test_peak_of_open_files_is_bounded(tmp_path: Path) -> None:
    """Reading a thousand small files leaves no file open."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    for number in range(300):
        write(tmp_path / f"{number}.jsonl", *good(1))
    resource.setrlimit(resource.RLIMIT_NOFILE, (100, hard))
    try:
        rows, _ = read(tmp_path)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert len(rows) == 300
