"""A watch that is killed at any moment counts every exchange once and raises every alert once."""

import contextlib
import random
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from aligntax.ledger.opened import open_ledger
from aligntax.ledger.watches import alerts, state
from watch_logs import line, watch_of, write
from watch_worlds import policy_of

CODE = """
import sys
sys.path.insert(0, {tests!r})
from aligntax.ledger.opened import open_ledger
from watch_logs import watch_of
from watch_worlds import policy_of
ledger = open_ledger({ledger!r})
watch, reader = watch_of(ledger, policy_of(("a", 0.05)), chunk_bytes=2500)
watch.round([{logs!r}], seen=lambda exchanges: print(exchanges, flush=True))
reader.close()
"""


def _log(logs: Path) -> None:
    generator = np.random.default_rng(5)
    for file in range(3):
        rate = np.where(np.arange(1500) < 800, 0.02, 0.3)
        refused = generator.random(1500) < rate
        lines = [line(3 * n + file, refused=bool(refused[n]), user=f"u{n % 90}") for n in range(1500)]
        write(logs / f"{file}.jsonl", *lines)


def _plain(document: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in document.items() if name not in ("key", "raised")}


@pytest.mark.slow
def test_killed_at_any_moment_it_comes_to_the_same(tmp_path: Path) -> None:
    """A process is killed (kill -9) again and again until one reads to the end: sums, first sights, tests and
    alerts are those of a watch that was left alone."""
    logs = tmp_path / "logs"
    logs.mkdir()
    _log(logs)
    tests = str(Path(__file__).parents[1])
    code = CODE.format(tests=tests, ledger=str(tmp_path / "killed"), logs=str(logs))
    generator, kills, ended = random.Random(3), 0, False
    while not ended:
        process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE)
        assert process.stdout is not None
        with process.stdout as told:
            chunks = [told.readline() for _ in range(generator.randrange(15, 60))]
            ended = chunks[-1] == b""
            if not ended:  # somewhere in the next chunk
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(timeout=generator.uniform(0, 0.03))
                process.kill()
                kills += 1
        code_left = process.wait()
        assert code_left == (0 if ended else -9)
    assert kills >= 3

    alone = open_ledger(tmp_path / "alone")
    watch, reader = watch_of(alone, policy_of(("a", 0.05)), chunk_bytes=2500)
    watch.round([str(logs)])
    reader.close()
    killed = open_ledger(tmp_path / "killed")
    wanted, found = state(alone, "w"), state(killed, "w")
    assert wanted is not None
    assert found is not None
    assert found["totals"] == wanted["totals"]
    assert found["totals"]["exchanges"] == 4500
    assert [one["offset"] for one in found["streams"]] == [one["offset"] for one in wanted["streams"]]
    assert {k: found[k] for k in ("counted", "seen", "looks")} == {
        k: wanted[k] for k in ("counted", "seen", "looks")
    }
    raised = [[_plain(one.document) for one in alerts(ledger, "w")] for ledger in (alone, killed)]
    assert raised[0] == raised[1]
    assert {one["kind"] for one in raised[0]} >= {"change"}
    alone.close()
    killed.close()
