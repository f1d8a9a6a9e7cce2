"""The ledger's tables as files that DuckDB reads, and both databases alike."""

from pathlib import Path
from typing import Any

import duckdb
import pytest

from aligntax.ledger import Ledger, open_ledger
from aligntax.ledger.exporting import EXPORTED, export_tables
from aligntax.ledger.labels import add_labels, labels
from aligntax.ledger.marks import add_mark, marks
from aligntax.ledger.models import stages_of
from aligntax.ledger.overview import headlines, newest_verdicts, slices_of
from aligntax.ledger.policies import approve, keep_policy, policies
from aligntax.ledger.record import record
from aligntax.ledger.runs import measurements, runs, trend
from aligntax.ledger.verdicts import keep_verdict, verdicts
from aligntax.records import Label
from ledger_databases import Server
from ledger_worlds import NOON, bill

HOSTILE = '=1+1\n"; DROP TABLE runs; --\t\u202e<script>'


def _fill(ledger: Ledger) -> str:
    """Something in every table; the key of the first run."""
    policy = keep_policy(ledger, f"# {HOSTILE}\n", author="owner")
    approve(ledger, policy, by="approver")
    stages = {
        "schema": "aligntax.stages/1",
        "created": "2025-11-20T12:00:00",
        "stages": [{"name": "base", "models": ["m"], "sources": []}],
    }
    kept = [record(ledger, one, title=HOSTILE, fresh=False) for one in (bill(0.1), bill(0.2, day=1), stages)]
    keep_verdict(ledger, kept[0].id, policy, "pass", "release", {"schema": "aligntax.gate/1", "x": HOSTILE})
    add_mark(ledger, "deploy", HOSTILE, at=NOON)
    label = Label(id=HOSTILE, outcome="refused", annotator="a", policy_version="1", time=NOON, note=HOSTILE)
    add_labels(ledger, [label], kept[0].id)
    return kept[0].id


@pytest.mark.parametrize("kind", ["parquet", "jsonl", "csv"])
def test_what_is_written_is_what_is_there(ledger: Ledger, tmp_path: Path, kind: str) -> None:
    first = _fill(ledger)
    written = export_tables(ledger, tmp_path / "out", kind)  # type: ignore[arg-type]
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == sorted(
        f"{table.name}.{kind}" for table in EXPORTED
    )
    assert written["runs"] == 3
    with duckdb.connect() as reader:

        def read(query: str, name: str) -> list[tuple[Any, ...]]:
            path = f"'{tmp_path}/out/{name}.{kind}'"
            told = f"""read_csv({path}, header = true, delim = ',', quote = '"', escape = '"')"""
            return reader.sql(query.replace("FILE", told if kind == "csv" else path)).fetchall()

        for name, count in written.items():
            if count:
                assert read("SELECT count(*) FROM FILE", name) == [(count,)]
        ((title, created),) = read(f"SELECT title, created FROM FILE WHERE id = '{first}'", "runs")
        assert title == HOSTILE
        assert str(created).replace("T", " ").startswith("2025-11-22 12:00:00")
        legal = "component = 'completion_tax' AND use_case = 'legal' ORDER BY value"
        figures = read(f"SELECT value, typeof(value) FROM FILE WHERE {legal}", "measurements")
        assert figures == [(0.1, "DOUBLE"), (0.2, "DOUBLE")]
        assert read("SELECT body->>'$.schema' FROM FILE", "verdicts") == [("aligntax.gate/1",)]


def test_one_run(ledger: Ledger, tmp_path: Path) -> None:
    """With what belongs to it, and nothing else."""
    first = _fill(ledger)
    written = export_tables(ledger, tmp_path, "jsonl", run_id=first)
    assert {name: count for name, count in written.items() if name != "measurements"} == {
        **{"runs": 1, "documents": 1, "verdicts": 1, "labels": 1, "marks": 1, "policies": 1},
        **{"models": 0, "stages": 0, "artefacts": 0},
    }
    assert written["measurements"] == len(measurements(ledger, first))


def _answers(ledger: Ledger) -> dict[str, Any]:
    """Whatever can be asked of a ledger, without keys and times of recording."""
    _fill(ledger)
    found = runs(ledger)
    keys = [one.id for one in found]
    return {
        "runs": [(one.kind, one.title, one.created, one.origin, one.document_hash) for one in found],
        "figures": [repr(measurements(ledger, key)) for key in keys],
        "trend": [repr(one) for _, one in trend(ledger, "completion_tax", use_case="legal")],
        "stages": [[(s.name, s.model.id) for s in stages_of(ledger, key)] for key in keys],
        "headlines": [repr(headlines(ledger, keys).get(key)) for key in keys],
        "verdicts": [newest_verdicts(ledger, keys).get(key) for key in keys],
        "slices": slices_of(ledger, "completion_tax"),
        "documents": [(one.verdict, one.policy_id) for one in verdicts(ledger)],
        "policies": [(one.id, one.author, one.approved_by) for one in policies(ledger)],
        "marks": marks(ledger),
        "labels": labels(ledger),
    }


def test_both_databases_give_the_same_answers(postgresql: Server, tmp_path: Path) -> None:
    told = []
    for where in (str(tmp_path / "ledger"), postgresql.fresh()):
        ledger = open_ledger(where)
        told.append(_answers(ledger))
        ledger.close()
    assert told[0] == told[1]
    assert all(told[0].values())
