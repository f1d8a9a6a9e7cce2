"""Bad input at the command line: a clear error or a counted skip, never a traceback, never a silent drop."""

import contextlib
import gzip
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import tests_commands
from tests_commands import CODE, Done

GOOD = '{"id":"%d","prompt":"How do I sort a list?","response":"Use sorted(), which returns a new list."}\n'
MAIN = [sys.executable, "-c", CODE]


def aligntax(*arguments: object, cwd: Path, stdin: bytes = b"") -> Done:
    done = tests_commands.aligntax(*arguments, cwd=cwd, stdin=stdin)
    assert "Traceback" not in done.stdout + done.stderr
    return done


def refused(*arguments: object, cwd: Path, stdin: bytes = b"") -> str:
    """What is said on standard error by a run that ends with exit code 2 and writes nothing."""
    before = sorted(cwd.rglob("*"))
    done = aligntax(*arguments, cwd=cwd, stdin=stdin)
    assert done.returncode == 2, done.stderr
    assert done.stdout == ""
    assert [path for path in sorted(cwd.rglob("*")) if path not in before and path.is_file()] == []
    return done.stderr


def detected(*arguments: object, cwd: Path, stdin: bytes = b"") -> tuple[list[dict[str, object]], str]:
    done = aligntax("detect", *arguments, "-o", "-", cwd=cwd, stdin=stdin)
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()], done.stderr


def log(path: Path, count: int = 20, *, bad: str = "") -> Path:
    lines = [GOOD % number for number in range(count)]
    if bad:
        lines.insert(7, bad + "\n")
    path.write_text("".join(lines), encoding="utf-8")
    return path


REFUSED = [
    ("empty", b"", "the file is empty"),
    ("binary", bytes(range(256)) * 8, "a binary file"),
    ("prose", b"once upon a time\n", "line 1: neither JSON nor a table"),
    ("zip", b"PK\x03\x04 and no more", "not a readable Inspect log"),
    ("gzip", gzip.compress(b"x" * 1000)[:10], "damaged at its beginning"),
    (
        "nulls",
        b'{"id": "1", "response": null}\n' * 3,
        "none of the 3 records could be read; first at nulls, line 1",
    ),
    ("none.jsonl", None, "no such file"),
    ("*.jsonl", None, "no such file"),
]


@pytest.mark.parametrize(("name", "data", "cause"), REFUSED, ids=[name for name, _, _ in REFUSED])
def test_unreadable_input(tmp_path: Path, name: str, data: bytes | None, cause: str) -> None:
    """What cannot be read ends with exit code 2, the file's name, the cause and a hint, and no output."""
    if data is not None:
        (tmp_path / name).write_bytes(data)
    said = refused("audit", name, "--quiet", cwd=tmp_path)
    assert said.startswith("error: ")
    assert name in said
    assert cause in said
    assert "\nhint: " in said


def test_usage(tmp_path: Path) -> None:
    """Options that make no sense end with exit code 2 and say what would."""
    log(tmp_path / "log")
    assert "no format is called 'nope'" in refused("audit", "log", "--format", "nope", cwd=tmp_path)
    assert "the fields are: " in refused("audit", "log", "--use-case-field", "nope", cwd=tmp_path)


def test_skips_are_counted_and_located(tmp_path: Path) -> None:
    """A skip is told on standard error with count, file, line and cause, even when quiet."""
    log(tmp_path / "log", bad="{'id': 1}")
    done = aligntax("audit", "log", "--quiet", "-o", "tax", cwd=tmp_path)
    assert done.returncode == 0
    assert "skipped 1 of 21 records; first at log, line 8: not valid JSON" in done.stderr
    reading = json.loads((tmp_path / "tax" / "bill.json").read_text("utf-8"))["reading"]
    assert (reading["records"], reading["exchanges"], reading["skipped"]) == (21, 20, 1)
    assert (reading["problems"][0]["file"], reading["problems"][0]["line"]) == ("log", 8)


def test_strict(tmp_path: Path) -> None:
    """With --strict a skip is an error and nothing is written."""
    log(tmp_path / "log", bad="garbage")
    said = refused("audit", "log", "--strict", cwd=tmp_path)
    assert "error: log, line 8: not valid JSON" in said
    assert "hint: without --strict" in said


def test_the_decision_is_printed(tmp_path: Path) -> None:
    """How a file is taken is told, and --format overrides it."""
    log(tmp_path / "log")
    _, said = detected("log", cwd=tmp_path)
    assert "reading log: tabular (id = id, prompt = prompt, response = response)" in said
    chat = '{"messages":[{"role":"user","content":"q"},{"role":"assistant","content":"a"}],"response":"r"}\n'
    (tmp_path / "chat").write_text(chat, encoding="utf-8")
    _, said = detected("chat", "--format", "tabular", cwd=tmp_path)
    assert "reading chat: tabular (response = response)" in said


def test_files_that_are_left_out_are_named(tmp_path: Path) -> None:
    """In a directory of mixed formats what is no log is left out, and that is said even when quiet."""
    log(tmp_path / "a.jsonl", 3)
    (tmp_path / "b.csv").write_text("id,response\n100,Sure.\n", encoding="utf-8")
    (tmp_path / "c.png").write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(range(256)))
    rows, said = detected(tmp_path, "--quiet", cwd=tmp_path)
    assert [row["id"] for row in rows] == ["0", "1", "2", "100"]
    assert "left out 1 file" in said
    assert "c.png: a binary file" in said


def test_standard_input(tmp_path: Path) -> None:
    """A log can be piped in, packed too; its lines are located as those of stdin."""
    data = log(tmp_path / "log", bad="garbage").read_bytes()
    rows, said = detected("-", cwd=tmp_path, stdin=gzip.compress(data))
    assert [row["id"] for row in rows] == [str(number) for number in range(20)]
    assert "first at stdin, line 8: " in said
    assert "stdin: the file is empty" in refused("audit", "-", cwd=tmp_path)


def test_a_reader_that_goes_away(tmp_path: Path) -> None:
    """A pipe closed by its reader, as `head` does, ends without a complaint."""
    log(tmp_path / "log", 5000)
    command = " ".join(f"'{part}'" for part in [*MAIN, "detect", "log", "-o", "-", "-q"])
    done = subprocess.run(
        ["sh", "-c", f"{command} | head -n 1"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert json.loads(done.stdout)["id"] == "0"
    assert "rror" not in done.stderr


def _until(found: object, run: subprocess.Popen[bytes]) -> None:
    """Waits, briefly at a time, until something is found or the run has ended."""
    end = time.monotonic() + 300
    while not found():  # type: ignore[operator]
        assert time.monotonic() < end
        with contextlib.suppress(subprocess.TimeoutExpired):
            run.wait(0.002)
            pytest.fail("the run ended before it could be killed")


@pytest.mark.parametrize("signum", [signal.SIGKILL, signal.SIGINT], ids=lambda s: s.name)
def test_a_killed_run_leaves_the_old_report(tmp_path: Path, signum: signal.Signals) -> None:
    """An audit that is killed half way leaves the three outputs of the run before as they were."""
    (tmp_path / "tax").mkdir()
    outputs = {
        tmp_path / "tax" / name: os.urandom(99) for name in ("report.html", "bill.json", "outcomes.parquet")
    }
    for path, old in outputs.items():
        path.write_bytes(old)
    with (tmp_path / "log").open("w", encoding="utf-8") as file:
        for start in range(0, 100_000, 10_000):
            file.write("".join(GOOD % number for number in range(start, start + 10_000)))
    run = subprocess.Popen(
        [*MAIN, "audit", "log", "-q", "-o", "tax"],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    _until(lambda: list((tmp_path / "tax").glob(".outcomes.parquet.*.part")), run)
    run.send_signal(signum)
    _, said = run.communicate(timeout=300)
    assert run.returncode == (-signum if signum == signal.SIGKILL else 130), said
    assert {path: path.read_bytes() for path in outputs} == outputs
    others = {path.name for path in (tmp_path / "tax").iterdir() if path not in outputs}
    assert all(name.startswith(".") and name.endswith(".part") for name in others)
    assert b"Traceback" not in said


def test_detect_that_fails_leaves_the_old_file(tmp_path: Path) -> None:
    """A run of detect that meets an error leaves the file of an earlier run, and no part of its own."""
    (tmp_path / "out.jsonl").write_bytes(b"old")
    log(tmp_path / "log", bad="garbage")
    assert aligntax("detect", "log", "-o", "out.jsonl", "--strict", cwd=tmp_path).returncode == 2
    assert (tmp_path / "out.jsonl").read_bytes() == b"old"
    assert sorted(os.listdir(tmp_path)) == ["log", "out.jsonl"]
