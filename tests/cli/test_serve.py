"""`aligntax serve` as a person runs it: a process, a real socket."""

import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
import typer
from typer.testing import CliRunner, Result

from aligntax.cli.verbs.serve import serve
from aligntax.errors import AligntaxError, UnreadableInput, UsageError
from aligntax.ledger.opened import open_ledger

_PROGRAM = "import typer; from aligntax.cli.verbs.serve import serve; typer.run(serve)"


def ran(*arguments: object) -> Result:
    app = typer.Typer()
    app.command()(serve)
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


@contextmanager
def serving(*arguments: object) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """The command in a process of its own; yields the address it tells."""
    command = [sys.executable, "-c", _PROGRAM, *map(str, arguments), "--port", "0"]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    told = ""
    try:
        for line in process.stderr:
            told += line
            if found := re.search(r"http://\S+", line):
                yield found[0], process
                return
        pytest.fail(told)
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGINT)
            process.wait(30)
        process.stderr.close()


def test_a_log_is_measured_and_shown(example_log: Path) -> None:
    """One command from a log to the dashboard: bill, exchanges, policy and verdict are there."""
    with serving(example_log, "--show-text") as (address, process):
        page = httpx.get(address, timeout=30).text
        assert "budgets" in page
        assert httpx.get(f"{address}api/exchanges", timeout=30).json()["total"] == 616
        assert httpx.get(f"{address}api/verdicts").json()[0]["verdict"] in ("pass", "inconclusive", "fail")
        assert "I" in httpx.get(f"{address}exchanges/latest/0").text
        process.send_signal(signal.SIGINT)
        assert process.wait(30) in (0, 130)


def test_a_ledger_is_shown_and_a_stranger_s_host_is_not_answered(tmp_path: Path) -> None:
    open_ledger(tmp_path).close()
    with serving("--ledger", tmp_path) as (address, _):
        assert httpx.get(address).status_code == 200
        assert httpx.get(address, headers={"Host": "attacker.example.com"}).status_code == 421


def test_the_example_opens_at_once(example_log: Path) -> None:
    """The page is there within seconds of the command; benchmarks/dashboard has the figure."""
    begun = time.monotonic()
    with serving(example_log) as (address, _):
        assert httpx.get(address, timeout=30).status_code == 200
    assert time.monotonic() - begun < 60


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "example.com"])
def test_it_is_not_exposed_without_users(tmp_path: Path, host: str) -> None:
    open_ledger(tmp_path).close()
    done = ran("--ledger", tmp_path, "--host", host)
    assert isinstance(done.exception, UsageError)
    assert "--access" in done.exception.hint


def test_bad_input(tmp_path: Path) -> None:
    """No ledger, no log, an access file that is none, a port that is taken: each says what to do."""
    open_ledger(tmp_path / "here").close()
    (tmp_path / "access.toml").write_text("[[user]]\nname = 1\n", "utf-8")
    with serving("--ledger", tmp_path / "here") as (address, _):
        port = address.rstrip("/").rpartition(":")[2]
        taken = ran("--ledger", tmp_path / "here", "--port", port)
        assert isinstance(taken.exception, UsageError)
        assert "--port 0" in taken.exception.hint
    nothing = ran("--ledger", tmp_path / "nowhere", "--port", 0)
    assert isinstance(nothing.exception, UnreadableInput)
    for arguments in (
        ("--ledger", tmp_path / "here", "--access", tmp_path / "access.toml"),
        (tmp_path / "no.jsonl", "--port", 0),
    ):
        done = ran(*arguments)
        assert isinstance(done.exception, AligntaxError), done.output
