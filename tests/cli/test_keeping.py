"""`--record` and `--ledger`: what a command found is in the ledger, and only where that was asked for."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from aligntax.ledger.opened import Ledger, open_ledger
from aligntax.ledger.runs import artefact, document, measurements, runs
from tests_commands import fine, wrong

EXAMPLE = Path(__file__).parents[2] / "examples" / "traffic.jsonl"


@contextmanager
def opened(place: Path) -> Iterator[Ledger]:
    ledger = open_ledger(place, create=False)
    yield ledger
    ledger.close()


def test_an_audit_is_kept_with_its_outcomes(tmp_path: Path) -> None:
    done = fine("audit", EXAMPLE, "--sample", 100, "--ledger", "kept", "--json", cwd=tmp_path)
    printed = json.loads(done.stdout)
    with opened(tmp_path / "kept") as ledger:
        (run,) = runs(ledger)
        assert f"recorded as {run.id}" in done.stderr
        assert document(ledger, run.id) == printed
        figures = measurements(ledger, run.id)
        assert len(figures) >= len(printed["measurements"])
        kept = artefact(ledger, run.id, "outcomes.parquet")
        assert kept is not None
        assert kept.read_bytes() == (tmp_path / "outcomes.parquet").read_bytes()
        assert run.origin.config_hash
        assert run.origin.detector == "cascade"


def test_nothing_is_kept_unasked(tmp_path: Path) -> None:
    (tmp_path / ".aligntax").mkdir()
    fine("audit", EXAMPLE, "--sample", 50, cwd=tmp_path)
    assert not list((tmp_path / ".aligntax").iterdir())


def test_record_finds_the_nearest_ledger(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / ".aligntax").mkdir()
    below = tmp_path / "a" / "b"
    below.mkdir(parents=True)
    monkeypatch.setenv("ALIGNTAX_RECORD", "1")
    table = below / "models.csv"
    rows = "".join(f"m{n},{n},{n * n}\n" for n in range(1, 9))
    table.write_text("model,over_refusal,toxic_rejected\n" + rows)
    fine("correlate", table, cwd=below)
    with opened(tmp_path / ".aligntax") as ledger:
        assert [run.kind for run in runs(ledger)] == ["correlate"]


def test_the_same_document_is_kept_once(tmp_path: Path) -> None:
    """Stages say nothing of the time they were measured at, so twice the same is the same run."""
    for name, right in (("base", 60), ("sft", 50)):
        rows = [{"id": f"q{at}", "correct": at < right} for at in range(80)]
        (tmp_path / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    asked = ("stages", "base=base.jsonl", "sft=sft.jsonl", "--ledger", "l.db")
    first = fine(*asked, cwd=tmp_path).stderr
    with opened(tmp_path / "l.db") as ledger:
        figures = [figure.component for figure in measurements(ledger, runs(ledger)[0].id)]
    assert any("capability" in component for component in figures)
    assert "recorded as" in first


def test_a_ledger_that_cannot_be_is_said(tmp_path: Path) -> None:
    (tmp_path / "no.db").write_text("this is no database, but a text that is long enough to be looked at")
    assert "no.db" in wrong("audit", EXAMPLE, "--sample", 50, "--ledger", "no.db", cwd=tmp_path)
