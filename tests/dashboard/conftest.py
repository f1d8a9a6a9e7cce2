"""A ledger made from the example log, with everything the pages show, and a server over it."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from aligntax.cli.measuring import measure_logs
from aligntax.dashboard.security import Access
from aligntax.ledger.opened import Ledger, open_ledger
from aligntax.ledger.runs import artefact, document
from dashboard.dashboard_ledgers import POLICY, fill
from dashboard.dashboard_server import running

DOCUMENTS = Path(__file__).parent / "documents"


@pytest.fixture(scope="session")
def full_ledger(tmp_path_factory: pytest.TempPathFactory, example_log: Path) -> Iterator[Ledger]:
    """Twelve weeks of bills, a verdict, a frontier, triggers, stages, drift, marks, alerts, policies."""
    home = tmp_path_factory.mktemp("dashboard")
    (home / "policy.toml").write_text(POLICY, "utf-8")
    ledger = open_ledger(home / "ledger")
    run = measure_logs(ledger, [str(example_log)], home / "policy.toml", keep_text=True, quiet=True)
    outcomes = artefact(ledger, run, "outcomes.parquet")
    assert outcomes is not None
    documents = [json.loads(path.read_text("utf-8")) for path in sorted(DOCUMENTS.glob("*.json"))]
    fill(ledger, document(ledger, run), outcomes, documents)
    yield ledger
    ledger.close()


@pytest.fixture(scope="session")
def address(full_ledger: Ledger) -> Iterator[str]:
    """Where a server over that ledger is, on a real socket."""
    with running(full_ledger, Access(open_locally=True, rate=10_000, burst=10_000), show_text=True) as where:
        yield where
