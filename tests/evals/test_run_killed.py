"""A run that is killed and started again pays for no answer twice."""

import json
import os
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

pytest.importorskip("inspect_ai")
pytest.importorskip("openai")

from planted import Server, World

SCRIPT = Path(__file__).with_name("killed_run.py")


def _world() -> tuple[World, list, int]:
    from importlib.util import module_from_spec, spec_from_file_location

    spec = spec_from_file_location("killed_run", SCRIPT)
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.WORLD, module.QUESTIONS, module.CONNECTIONS


def _start(server: Server, directory: Path) -> subprocess.Popen:
    environment = {**os.environ, "PYTHONPATH": str(SCRIPT.parents[1])}
    command = [sys.executable, str(SCRIPT), str(server.port), str(directory)]
    return subprocess.Popen(command, env=environment)


def _stopped(server: Server, directory: Path, how: signal.Signals) -> int:
    """Starts a run, stops it when 30 answers are paid; how many answers it has kept."""
    running = _start(server, directory)
    assert server.wait_until_paid(30)
    running.send_signal(how)
    running.wait(60)
    assert running.returncode != 0
    return len([json.loads(line) for line in (directory / "answers.jsonl").read_text().splitlines()])


def test_killed_and_started_again(tmp_path: Path) -> None:
    world, questions, connections = _world()
    with Server(world, latency=0.05) as server:
        kept = _stopped(server, tmp_path, signal.SIGKILL)
        paid, before = len(server.paid), {one.number for one in server.seen}
        assert paid < len(questions)
        assert paid - connections <= kept <= paid
        assert _start(server, tmp_path).wait(120) == 0
        again = [one for one in server.seen if one.number not in before]
        assert len(again) == len(questions) - kept
        times = Counter(one.prompt for one in server.paid)
        assert set(times) == {one.prompt for one in questions}
        assert sum(times.values()) - len(questions) <= connections  # those under way when it was killed


def test_interrupted(tmp_path: Path) -> None:
    world, questions, connections = _world()
    with Server(world, latency=0.05) as server:
        kept = _stopped(server, tmp_path, signal.SIGINT)
        assert len(server.paid) - connections <= kept <= len(server.paid) < len(questions)
