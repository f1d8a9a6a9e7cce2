"""Several processes write at once and one of them may be killed at any point: nothing whole is lost."""

import itertools
import json
import os
import random
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import sqlalchemy as sa

from aligntax.ledger import Ledger, open_ledger, runs, tables
from aligntax.ledger.documents import figures
from aligntax.ledger.labels import labels
from aligntax.ledger.marks import marks
from aligntax.ledger.models import stages_of
from aligntax.ledger.policies import policies
from aligntax.ledger.record import record
from aligntax.ledger.verdicts import verdicts
from ledger_worlds import bill

WRITERS = 10
RUNS = 4

WRITE = """
import sys
from pathlib import Path
from ledger_worlds import bill
from aligntax.ledger import open_ledger
from aligntax.ledger.labels import add_labels
from aligntax.ledger.marks import add_mark
from aligntax.ledger.policies import keep_policy
from aligntax.ledger.record import record
from aligntax.ledger.verdicts import keep_verdict
from aligntax.records import Label

where, writer, count, outcomes = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), Path(sys.argv[4])
ledger = open_ledger(where)
for at in range(count):
    run = record(ledger, bill(writer / 100, day=at), files={"outcomes.parquet": outcomes}, fresh=False)
    record(ledger, bill(0.99, day=at), fresh=False)  # the same of all writers
    label = Label(id=f"x{at}", outcome="refused", annotator=str(writer), policy_version="1")
    add_labels(ledger, [label], run.id)
    keep_policy(ledger, f"version = {at}")
    keep_verdict(ledger, run.id, "p", "pass", "release", {"schema": "aligntax.gate/1"})
    add_mark(ledger, "note", f"{writer} {at}")
ledger.close()
"""


def _environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])}


def test_ten_processes_write_at_once_and_lose_nothing(where: str, tmp_path: Path) -> None:
    """Into a ledger that none of them found; what all of them record is kept once."""
    outcomes = tmp_path / "outcomes.parquet"
    outcomes.write_bytes(b"rows")

    def write(writer: int) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-c", WRITE, where, str(writer), str(RUNS), str(outcomes)]
        return subprocess.run(command, env=_environment(), capture_output=True, text=True, check=False)

    with ThreadPoolExecutor(WRITERS) as pool:
        done = list(pool.map(write, range(WRITERS)))
    assert [(one.returncode, one.stderr) for one in done] == [(0, "")] * WRITERS
    ledger = open_ledger(where)
    try:
        kept = runs.runs(ledger)
        assert len(kept) == WRITERS * RUNS + RUNS
        assert len(labels(ledger)) == len(verdicts(ledger)) == len(marks(ledger)) == WRITERS * RUNS
        changes = [one.id for one in reversed(policies(ledger))]
        assert [one.previous for one in reversed(policies(ledger))] == [None, *changes[:-1]]
        assert all(first != second for first, second in itertools.pairwise(changes))
        _all_whole(ledger)
        assert sum(runs.artefact(ledger, one.id, outcomes.name) is not None for one in kept) == WRITERS * RUNS
    finally:
        ledger.close()


def _all_whole(ledger: Ledger) -> None:
    """Every run has its document, all figures of it, its stages and its files; nothing belongs to no run."""
    known = {one.id for one in runs.runs(ledger)}
    for key in known:
        contents = runs.document(ledger, key)
        assert len(runs.measurements(ledger, key)) == len(figures(contents))
        assert len(stages_of(ledger, key)) == len(contents.get("stages", []))
    with ledger.reading() as connection:
        for table in (tables.documents, tables.measurements, tables.artefacts, tables.stages):
            assert set(connection.execute(sa.select(table.c.run_id)).scalars()) <= known
        for run, name in connection.execute(sa.select(tables.artefacts.c.run_id, tables.artefacts.c.name)):
            assert (ledger.home / "runs" / run / name).read_bytes() == b"rows"
        if connection.dialect.name == "sqlite":
            assert connection.execute(sa.text("PRAGMA integrity_check")).scalar_one() == "ok"
            assert connection.execute(sa.text("PRAGMA foreign_key_check")).all() == []


def test_a_reader_sees_one_moment(ledger: Ledger) -> None:
    """Whatever is written meanwhile, which need not wait for it."""
    record(ledger, bill(0.1))
    count = sa.select(sa.func.count()).select_from(tables.runs)
    with ledger.reading() as connection:
        assert connection.execute(count).scalar_one() == 1
        record(ledger, bill(0.2))
        assert connection.execute(count).scalar_one() == 1
    with ledger.reading() as connection:
        assert connection.execute(count).scalar_one() == 2


STAGES = {
    "schema": "aligntax.stages/1",
    "stages": [{"name": name, "models": [name], "sources": []} for name in ("base", "sft", "dpo")],
    "mean": {"steps": [bill()["measurements"][0]], "since_start": []},
}

KILLED = """
import json, os, signal, sys
from pathlib import Path
import sqlalchemy
from aligntax.ledger import open_ledger
from aligntax.ledger.record import record

where, points, files = sys.argv[1], json.loads(sys.argv[2]), {"outcomes.parquet": Path(sys.argv[3])}
documents = json.loads(sys.argv[4])
finished = []
for point in points:
    child = os.fork()
    if child == 0:
        seen = [0]
        def count(*given):
            seen[0] += 1
            if seen[0] == point:
                os.kill(os.getpid(), signal.SIGKILL)
        ledger = open_ledger(where)
        for event in ("before_cursor_execute", "after_cursor_execute", "commit"):
            sqlalchemy.event.listen(ledger.engine, event, count)
        for at, document in enumerate(documents):
            record(ledger, document | {"point": point, "at": at}, files=files, fresh=False)
            os.write(1, f"{point} {at}\\n".encode())
        os._exit(0)
    _, status = os.waitpid(child, 0)
    finished.append(os.WIFEXITED(status))
    if finished[-1]:
        break
sys.exit(0 if finished[-1] and not any(finished[:-1]) else f"{finished}")
"""
"""Children that are killed before and after every statement, and at every commit, of recording two runs."""


def test_a_process_killed_at_any_statement_leaves_whole_runs(where: str, tmp_path: Path) -> None:
    """What was acknowledged is there; the rest is there whole or not at all."""
    open_ledger(where).close()
    outcomes = tmp_path / "outcomes.parquet"
    outcomes.write_bytes(b"rows")
    points = list(range(1, 80))
    given = [where, json.dumps(points), str(outcomes), json.dumps([bill(0.3), STAGES])]
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", KILLED, *given],
        env=_environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    acknowledged = {tuple(map(int, line.split())) for line in done.stdout.splitlines()}
    ledger = open_ledger(where)
    try:
        _all_whole(ledger)
        documents = [runs.document(ledger, one.id) for one in runs.runs(ledger)]
        kept = {(one["point"], one["at"]) for one in documents}
        assert acknowledged <= kept
        assert len(documents) == len(kept)
        assert len(kept - acknowledged) < len(points), "a commit is acknowledged only after it is made"
        runs.record_run(ledger, bill(0.9), [], title="after", origin=runs.Origin())
    finally:
        ledger.close()


COMMAND = """
import sys
from aligntax.cli.ledger_record import run
from pathlib import Path

print("ready", flush=True)
for at, path in enumerate(sorted(Path(sys.argv[2]).iterdir())):
    options = dict(mark=None, at=None, use_case="", author="", note="", run="", title="", data=None)
    run(files=[path], ledger=sys.argv[1], here=False, as_json=False, quiet=True, **options)
    print(at, flush=True)
"""


@pytest.mark.parametrize("seed", range(3))
def test_the_command_killed_from_outside(where: str, tmp_path: Path, seed: int) -> None:
    """At a moment that depends on nothing it does."""
    directory = tmp_path / "documents"
    directory.mkdir()
    for at in range(40):
        (directory / f"{at:02}.json").write_text(json.dumps(bill(at / 100, day=at)))
    command = [sys.executable, "-c", COMMAND, where, str(directory)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=_environment())
    assert process.stdout is not None
    until = random.Random(seed).randrange(2, 20)
    lines = [process.stdout.readline() for _ in range(until)]
    process.send_signal(signal.SIGKILL)
    lines += process.communicate()[0].splitlines(keepends=True)
    told = sum(line.endswith("\n") for line in lines) - 1
    ledger = open_ledger(where)
    try:
        _all_whole(ledger)
        assert told <= len(runs.runs(ledger)) <= told + 1
    finally:
        ledger.close()
