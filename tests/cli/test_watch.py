"""`aligntax watch`: what a person sees of it, and how it ends."""

import datetime as dt
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from aligntax.ledger.opened import open_ledger
from aligntax.ledger.watches import alerts
from tests_commands import CODE, aligntax, apart, wrong
from watch_logs import BEGIN, line, write

POLICY = """
version = 1
service = "desk"

[[use_case]]
name = "a"
match.use_case = ["a"]
tell = ["duty"]

  [[use_case.budget]]
  component = "refused"
  direction = "at_most"
  limit = 0.05

  [[use_case.budget]]
  component = "delay.median"
  direction = "at_most"
  limit = 100

[[tell]]
name = "duty"
command = [{command}]
"""
TELL = "import pathlib, sys; pathlib.Path({path!r}).open('a').write(sys.stdin.read() + chr(10))"


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A directory with a policy, whose alerts go to `told`."""
    argv = [sys.executable, "-c", TELL.format(path=str(tmp_path / "told"))]
    policy = POLICY.format(command=", ".join(json.dumps(one) for one in argv))
    (tmp_path / "aligntax.toml").write_text(policy)
    (tmp_path / "logs").mkdir()
    return tmp_path


def _traffic(place: Path, first: int, last: int, rate: float) -> None:
    generator = np.random.default_rng(first)
    lines = []
    for n in range(first, last):
        record = json.loads(line(n, at=BEGIN + n * dt.timedelta(minutes=10)))
        if generator.random() < rate:
            record |= {"response": "I'm sorry, but I can't help with that."}
        lines.append(json.dumps(record))
    write(place / "logs" / "a.jsonl", *lines)


def _told(place: Path) -> list[dict[str, object]]:
    file = place / "told"
    return [json.loads(text) for text in file.read_text().splitlines()] if file.exists() else []


QUICK = ("--detector", "phrases", "--ledger", "kept")


def test_once_says_how_budgets_stand_and_what_is_wrong(place: Path) -> None:
    """In a process of its own: a budget that is kept, then one that is not; told once."""
    _traffic(place, 0, 400, 0.01)
    done = apart("watch", "logs", "--once", *QUICK, cwd=place)
    assert done.returncode == 0, done.stderr
    assert "400 exchanges from 1 file," in done.stdout
    assert "≤ 5 " in done.stdout
    assert "a: delay.median is no rate of exchanges" in done.stdout
    assert max(map(len, done.stdout.splitlines())) <= 80
    assert _told(place) == []

    _traffic(place, 400, 1000, 0.3)
    done = aligntax("watch", "logs", "--once", *QUICK, cwd=place)
    assert done.returncode == 1
    assert "beyond" in done.stdout
    kinds = [one["kind"] for one in _told(place)]
    assert sorted(kinds) == ["budget", "change"]
    assert "told duty of a refused (budget): left with 0" in done.stderr
    assert aligntax("watch", "logs", "--once", *QUICK, cwd=place).returncode == 1
    assert len(_told(place)) == 2


def test_nothing_to_read_is_no_pass(place: Path) -> None:
    done = aligntax("watch", "logs/*.jsonl", "--once", *QUICK, cwd=place)
    assert done.returncode == 3
    assert "not there yet: logs/*.jsonl" in done.stdout


def test_json_is_a_line_a_round(place: Path) -> None:
    _traffic(place, 0, 900, 0.3)
    done = aligntax("watch", "logs", "--until-idle", "--every", "0s", "--json", *QUICK, cwd=place)
    assert done.returncode == 1
    (first,) = done.stdout.splitlines()
    document = json.loads(first)
    assert document["schema"] == "aligntax.watch/1"
    assert document["totals"]["exchanges"] == 900
    (budget,) = document["slices"]
    assert budget["rate"]["low"] > budget["limit"] == 0.05
    assert budget["state"] == "beyond"
    assert budget["open_since"] is not None
    assert [one["schema"] for one in document["alerts"]] == ["aligntax.alert/1"]
    assert "sorry" not in done.stdout


def test_a_dry_run_tells_nobody(place: Path) -> None:
    _traffic(place, 0, 900, 0.3)
    assert aligntax("watch", "logs", "--once", "--dry-run-alerts", *QUICK, cwd=place).returncode == 1
    assert _told(place) == []
    assert aligntax("watch", "logs", "--once", *QUICK, cwd=place).returncode == 1
    assert _told(place) == []
    ledger = open_ledger(place / "kept")
    assert [one.told[0]["state"] for one in alerts(ledger)] == ["dry run"]
    ledger.close()


def test_quiet_says_what_was_skipped_and_raised_alone(place: Path) -> None:
    write(place / "logs" / "a.jsonl", line(1), "{broken", line(2))
    done = aligntax("watch", "logs", "--once", "--quiet", *QUICK, cwd=place)
    assert done.returncode == 0
    assert done.stdout == ""
    assert "a.jsonl, line 2" in done.stderr


def test_it_follows_until_it_is_asked_to_end(place: Path) -> None:
    """A process of its own sees lines as they are written, and ends between two rounds."""
    _traffic(place, 0, 50, 0.0)
    arguments = ["watch", "logs", "--every", "0.02s", "--json", *QUICK]
    process = subprocess.Popen(
        [sys.executable, "-c", CODE, *arguments],
        cwd=place,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "COLUMNS": "80"},
    )
    assert process.stdout is not None
    totals = [json.loads(process.stdout.readline())["totals"]["exchanges"]]
    for more in (1, 2):
        _traffic(place, 50 * more, 50 * more + 50, 0.0)
        totals.append(json.loads(process.stdout.readline())["totals"]["exchanges"])
    assert totals == [50, 100, 150]
    process.send_signal(signal.SIGTERM)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    assert out == ""


def test_what_makes_no_sense_is_refused(place: Path) -> None:
    assert "cannot be taken up again" in wrong("watch", "-", "--once", cwd=place)
    assert "--every soon" in wrong("watch", "logs", "--every", "soon", cwd=place)
    assert "no such file" in wrong("watch", "logs", "--policy", "none.toml", cwd=place)
    assert "no detector is called" in wrong("watch", "logs", "--detector", "none", cwd=place)
    (place / "aligntax.toml").write_text('version = 1\nservice = "x"\n')
    assert "use_case" in wrong("watch", "logs", cwd=place)
