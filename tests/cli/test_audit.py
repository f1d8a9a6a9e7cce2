"""`aligntax audit`, `detect`, `report` as a person runs them."""

import json
import math
import os
import subprocess
import sys
from pathlib import Path

import pyarrow.parquet as pq
import pytest

import tests_commands
from aligntax.records import FLAGS
from tests_commands import Done


def aligntax(*arguments: str, cwd: Path, stdin: bytes = b"") -> Done:
    return tests_commands.aligntax(*arguments, cwd=cwd, columns=110, stdin=stdin)


@pytest.fixture(scope="module")
def example_run(example_log: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Done, Path]:
    """In a process of its own."""
    directory = tmp_path_factory.mktemp("audit")
    return tests_commands.apart("audit", example_log, cwd=directory, columns=110), directory


Run = tuple[Done, Path]


def test_audit_of_the_example(example_run: Run) -> None:
    """The bill is printed, three files are written, and the decision on the format is told."""
    done, directory = example_run
    assert done.returncode == 0, done.stderr
    assert "of requests refused or hedged" in done.stdout
    assert "openai-pairs" in done.stderr
    assert sorted(os.listdir(directory)) == ["bill.json", "outcomes.parquet", "report.html"]


def test_plain_text_into_a_pipe(example_run: Run) -> None:
    """Into a pipe go no escape codes and no bar of progress."""
    done, _ = example_run
    assert "\x1b" not in done.stdout + done.stderr


def test_every_number_has_an_interval(example_run: Run) -> None:
    """In bill.json each figure has low <= value <= high, or is null with a reason."""
    _, directory = example_run
    measurements = json.loads((directory / "bill.json").read_text("utf-8"))["measurements"]
    assert len(measurements) > 300
    for m in measurements:
        if m["value"] is None:
            assert m["reason"]
        else:
            assert m["low"] <= m["value"] + 1e-9, m
            assert m["high"] is None or m["value"] <= m["high"] + 1e-9, m
            assert not math.isnan(m["value"])


def test_json_on_stdout_is_the_bill(example_log: Path, tmp_path: Path) -> None:
    """--json prints bill.json and nothing else."""
    done = aligntax("audit", str(example_log), "--json", "--quiet", cwd=tmp_path)
    assert json.loads(done.stdout) == json.loads((tmp_path / "bill.json").read_text("utf-8"))


def test_reading_counts_agree(example_run: Run, example_log: Path) -> None:
    """Records read are the lines of the file, and every exchange has its row."""
    _, directory = example_run
    lines = example_log.read_bytes().count(b"\n")
    reading = json.loads((directory / "bill.json").read_text("utf-8"))["reading"]
    assert reading["records"] == reading["exchanges"] + reading["skipped"] == lines
    assert pq.read_metadata(directory / "outcomes.parquet").num_rows == lines


def test_the_report_can_be_drawn_again(example_run: Run, tmp_path: Path) -> None:
    """`aligntax report bill.json` writes the very report the audit wrote."""
    _, directory = example_run
    done = aligntax("report", str(directory / "bill.json"), "--out", "again.html", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "again.html").read_bytes() == (directory / "report.html").read_bytes()


def test_nothing_personal_in_the_outputs(example_run: Run) -> None:
    """Addresses, numbers and users of the example log are in none of the outputs."""
    done, directory = example_run
    written = done.stdout.encode() + b"".join(p.read_bytes() for p in directory.iterdir())
    for secret in (b"example.com", b"555 0143", b"4111 1111", b"sec-08"):
        assert secret not in written


def test_a_sample_is_the_same_every_time(example_log: Path, tmp_path: Path) -> None:
    """--sample draws the same exchanges again, in proportion to the use cases, and says so."""
    for name in ("a", "b"):
        done = aligntax("audit", str(example_log), "--sample", "200", "--out", name, "-q", cwd=tmp_path)
        assert done.returncode == 0, done.stderr
    ids = [pq.read_table(tmp_path / name / "outcomes.parquet")["id"].to_pylist() for name in ("a", "b")]
    assert ids[0] == ids[1]
    assert len(ids[0]) == 200
    assert "200 of 616" in " ".join(done.stdout.split())


def test_detect_writes_a_row_an_exchange(example_log: Path, tmp_path: Path) -> None:
    """JSON lines in the log's order, with the keys other tools build on."""
    done = aligntax("detect", str(example_log), "--out", "out.jsonl", "--quiet", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    with (tmp_path / "out.jsonl").open(encoding="utf-8") as file:
        rows = [json.loads(line) for line in file]
    with example_log.open(encoding="utf-8") as file:
        assert [row["id"] for row in rows] == [json.loads(line)["id"] for line in file]
    assert {"id", "outcome", "flags", "score", "evidence", "detector", "version"} <= set(rows[0])
    assert {row["outcome"] for row in rows} == {"complete", "hedged", "refused", "undetermined"}
    assert {flag for row in rows for flag in row["flags"]} <= set(FLAGS)


def test_detect_reads_prompt_and_response_as_they_come(tmp_path: Path) -> None:
    """JSON lines with `prompt` and `response` need no option, from standard input too, to stdout."""
    log = '{"prompt": "a?", "response": "I can\'t help with that."}\n{"prompt": "b?", "response": "Paris."}\n'
    detect = ("detect", "-", "--out", "-", "--quiet")
    done = tests_commands.apart(*detect, cwd=tmp_path, stdin=log.encode())
    assert aligntax(*detect, cwd=tmp_path, stdin=log.encode()).stdout == done.stdout
    assert [json.loads(line)["outcome"] for line in done.stdout.splitlines()] == ["refused", "complete"]


def test_detect_to_parquet(example_log: Path, tmp_path: Path) -> None:
    """The Parquet file holds the same outcomes as the JSON lines."""
    for name in ("out.parquet", "out.jsonl"):
        aligntax("detect", str(example_log), "--out", name, "--detector", "phrases", "-q", cwd=tmp_path)
    with (tmp_path / "out.jsonl").open(encoding="utf-8") as file:
        outcomes = [json.loads(line)["outcome"] for line in file]
    assert pq.read_table(tmp_path / "out.parquet")["outcome"].to_pylist() == outcomes


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (("audit", "missing.jsonl"), "missing.jsonl: no such file"),
        (("audit",), "Missing argument"),
        (("detect", "x.jsonl", "--out", "x.csv"), "x.csv: outcomes go to"),
        (("audit", "log.jsonl", "--detector", "magic"), "no detector is called 'magic'"),
        (("audit", "log.jsonl", "--format", "magic"), "no format is called 'magic'"),
        (("audit", "log.jsonl", "--prices", "none.toml"), "none.toml"),
        (("audit", "log.jsonl", "--response-field", "nope"), "no field 'nope'"),
        (("report", "log.jsonl"), "not a bill"),
    ],
)
def test_mistakes_end_with_two(tmp_path: Path, arguments: tuple[str, ...], complaint: str) -> None:
    """A wrong call or file ends with exit code 2 and one complaint that names it; no traceback."""
    (tmp_path / "log.jsonl").write_text('{"prompt": "a", "response": "b"}\n')
    done = aligntax(*arguments, cwd=tmp_path)
    assert done.returncode == 2
    assert complaint in done.stderr
    assert "Traceback" not in done.stderr


def test_an_internal_error_ends_with_four(tmp_path: Path) -> None:
    """What nobody foresaw ends with exit code 4 and asks for a report; --debug shows where."""
    code = (
        "import aligntax.cli.formats as f, aligntax.cli.app as app, sys\n"
        "f.run = lambda: 1 / 0\n"
        "sys.argv = ['aligntax', *sys.argv[1:]]\napp.main()"
    )
    for flags, shows in (((), False), (("--debug",), True)):
        done = subprocess.run(
            [sys.executable, "-c", code, *flags, "formats"], capture_output=True, text=True, check=False
        )
        assert ("Traceback" in done.stderr) == shows
        assert done.returncode == (1 if shows else 4)


@pytest.mark.parametrize(
    ("path", "options"),
    [
        ("traffic/arena_hard_real_user_prompts.jsonl", ()),
        ("paired/alpaca_eval_outputs.jsonl", ("--use-case-field", "dataset")),
        ("labelled/xstest_completions.jsonl", ("--use-case-field", "prompt_type")),
    ],
)
def test_real_logs(shared_data: Path, tmp_path: Path, path: str, options: tuple[str, ...]) -> None:
    """Logs that others wrote are audited whole, without a word of set-up."""
    log = shared_data / path
    done = aligntax("audit", str(log), *options, "--quiet", "--json", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    reading = json.loads(done.stdout)["reading"]
    with log.open("rb") as file:
        assert reading["records"] == reading["exchanges"] == sum(1 for _ in file)
