"""A ledger of any day becomes one of today, with all that is in it, however many open it at once."""

import datetime as dt
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.script import ScriptDirectory

from aligntax.errors import UnreadableInput
from aligntax.ledger import open_ledger, runs, tables
from aligntax.ledger.bodies import pack
from aligntax.ledger.labels import labels
from aligntax.ledger.located import located
from aligntax.ledger.marks import marks
from aligntax.ledger.migrations import steps
from aligntax.ledger.migrations.upgrade import context_of, upgrade
from aligntax.ledger.models import stages_of
from aligntax.ledger.opened import _engine, _make
from aligntax.ledger.policies import policies, policy_text
from aligntax.ledger.verdicts import verdict_document
from ledger_worlds import bill

AT = dt.datetime(2026, 1, 2, 3, 4, 5, 678901)
RUN = "20260102T030405-abcdef"
FIRST: list[tuple[str, dict[str, Any]]] = [
    (
        "runs",
        {
            **{"id": RUN, "kind": "bill", "schema": "aligntax.bill/1", "title": "a day", "created": AT},
            **{"recorded": AT, "source": "a.jsonl", "first": AT, "last": AT, "exchanges": 7},
            **{"detector": "cascade", "detector_version": "1", "judge": None, "policy_id": None},
            **{"data_hash": None, "config_hash": None, "git_sha": "0" * 40, "git_dirty": False, "seed": 3},
            **{"versions": {"aligntax": "0.1.0"}, "document_hash": "d" * 64},
        },
    ),
    ("documents", {"run_id": RUN, "body": pack({"schema": "aligntax.bill/1", "kept": "for ever"})}),
    ("artefacts", {"run_id": RUN, "name": "o.parquet", "path": "runs/o", "sha256": "0" * 64, "bytes": 1}),
    (
        "measurements",
        {
            **{
                "run_id": RUN,
                "component": "completion_tax",
                "use_case": "medical",
                "model": "",
                "period": "",
            },
            **{"slice": {}, "correction": "raw", "small": False, "value": 0.25, "low": 0.1, "high": 0.4},
            **{
                "level": 0.95,
                "n": 7,
                "labelled": 0,
                "clusters": None,
                "unit": "rate",
                "method": "Wilson score",
            },
            "reason": "",
        },
    ),
    (
        "labels",
        {
            **{"exchange": "x1", "run_id": RUN, "outcome": "refused", "annotator": "first", "time": AT},
            **{"policy_version": "1", "note": "", "adjudicated": False, "digest": "e" * 64},
        },
    ),
    (
        "policies",
        {
            **{"id": "f" * 64, "text": "version = 1", "recorded": AT, "author": "owner", "note": "why"},
            **{"previous": None, "approved_by": "approver", "approved": AT},
        },
    ),
    (
        "verdicts",
        {
            **{"id": "v1", "run_id": RUN, "policy_id": "f" * 64, "baseline_id": None, "mode": "release"},
            **{"verdict": "pass", "recorded": AT, "body": pack({"schema": "aligntax.gate/1"})},
        },
    ),
    (
        "models",
        {"id": "m1", "name": "base", "revision": "", "weights_hash": "", "recorded": AT, "facts": {"a": 1}},
    ),
    ("stages", {"run_id": RUN, "position": 0, "name": "base", "model_id": "m1"}),
    (
        "marks",
        {"at": AT, "kind": "deploy", "use_case": "", "text": "v2", "author": "owner", "recorded": AT},
    ),
]
"""What a ledger of version 0001 can hold, as it was written then: never change it."""
EARLIER = {"0001": FIRST}


def _raw(where: str) -> sa.Engine:
    url, home = located(where)
    if url.get_backend_name() == "sqlite":
        _make(home)
    return _engine(url)


def test_every_earlier_version_has_its_data_here() -> None:
    assert list(EARLIER) == list(steps.STEPS[:-1])


@pytest.mark.parametrize("version", EARLIER)
def test_from_an_earlier_version_with_data(where: str, version: str) -> None:
    """All that an earlier version kept is read as it was."""
    engine = _raw(where)
    upgrade(engine, version)
    old = sa.MetaData()
    old.reflect(engine)
    with engine.begin() as connection:
        for table, row in EARLIER[version]:
            connection.execute(old.tables[table].insert(), _typed(old.tables[table], row))
    engine.dispose()
    ledger = open_ledger(where)
    try:
        (run,) = runs.runs(ledger)
        assert (run.id, run.created, run.origin.seed, run.origin.git_dirty) == (RUN, AT, 3, False)
        assert run.origin.versions == {"aligntax": "0.1.0"}
        assert runs.document(ledger, RUN)["kept"] == "for ever"
        ((_, told),) = runs.trend(ledger, "completion_tax", use_case="medical")
        assert told.estimate.value == 0.25
        (label,) = labels(ledger, RUN)
        assert (label.id, label.time, label.adjudicated) == ("x1", AT, False)
        assert policies(ledger)[0].approved_by == "approver"
        assert policy_text(ledger, "f" * 64) == "version = 1"
        assert verdict_document(ledger, "v1") == {"schema": "aligntax.gate/1"}
        (stage,) = stages_of(ledger, RUN)
        assert (stage.name, stage.model.facts) == ("base", {"a": 1})
        assert marks(ledger)[0].text == "v2"
        runs.record_run(ledger, bill(), [], title="today", origin=runs.Origin())
        assert len(runs.runs(ledger)) == 2
    finally:
        ledger.close()


def _typed(table: sa.Table, row: dict[str, Any]) -> dict[str, Any]:
    """Reflection does not tell SQLite's JSON from text."""
    import json

    texts = {c.name for c in table.columns if not isinstance(c.type, sa.JSON)}
    return {k: json.dumps(v) if isinstance(v, dict) and k in texts else v for k, v in row.items()}


def test_the_schema_is_that_of_the_tables(where: str) -> None:
    """The steps lead to exactly what `tables` says, and the references hold."""
    ledger = open_ledger(where)
    with ledger.engine.connect() as connection:
        assert compare_metadata(context_of(connection), tables.metadata) == []
        names = set(sa.inspect(connection).get_table_names())
    ledger.close()
    assert names == {*tables.metadata.tables, steps.VERSION_TABLE}


def test_the_newest_step_is_said_rightly() -> None:
    script = ScriptDirectory(str(Path(steps.__file__).parent))
    assert script.get_current_head() == steps.HEAD
    assert [step.revision for step in script.walk_revisions()][::-1] == list(steps.STEPS)


def test_a_later_version_is_refused(where: str) -> None:
    """What a later aligntax wrote is left alone."""
    ledger = open_ledger(where)
    with ledger.writing() as connection:
        connection.execute(sa.text(f"UPDATE {steps.VERSION_TABLE} SET version_num = '0999'"))
    ledger.close()
    with pytest.raises(UnreadableInput, match="a later aligntax wrote this ledger") as caught:
        open_ledger(where)
    assert "upgrade" in caught.value.hint


def test_the_tables_of_another_program_are_left_alone(where: str) -> None:
    engine = _raw(where)
    with engine.begin() as connection:
        connection.execute(sa.text("CREATE TABLE runs (run_uuid VARCHAR(32))"))
    engine.dispose()
    with pytest.raises(UnreadableInput, match="another program keeps its tables here"):
        open_ledger(where)


def test_a_step_that_fails_leaves_nothing(where: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The tables are made together or not at all, and the next to open the ledger makes them."""
    engine = _raw(where)
    with monkeypatch.context() as patched:
        patched.setattr("alembic.operations.Operations.batch_alter_table", _fail)
        with pytest.raises(RuntimeError, match="half way"):
            upgrade(engine)
    with engine.connect() as connection:
        assert sa.inspect(connection).get_table_names() == []
    engine.dispose()
    open_ledger(where).close()


def _fail(*given: object, **named: object) -> None:
    raise RuntimeError("half way")


OPEN = "import sys; from aligntax.ledger import open_ledger; open_ledger(sys.argv[1]).close()"


def test_ten_processes_open_a_new_ledger_at_once(where: str) -> None:
    """One makes the tables, nine find them made."""

    def opened(_: int) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-c", OPEN, where], capture_output=True, text=True, check=False
        )

    with ThreadPoolExecutor(10) as pool:
        done = list(pool.map(opened, range(10)))
    assert [(one.returncode, one.stderr) for one in done] == [(0, "")] * 10


def test_a_ledger_that_is_up_to_date_is_opened_without_alembic(where: str) -> None:
    open_ledger(where).close()
    code = f"{OPEN}; sys.exit('alembic' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code, where], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
