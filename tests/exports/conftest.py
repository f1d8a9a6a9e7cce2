"""An audit of the example's traffic, made once, and a policy to hold it to."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from aligntax.exports.exported import Exported, of_document
from aligntax.ledger import Ledger, open_ledger
from aligntax.policy.read import LoadedPolicy, read_policy

__all__ = ["postgresql", "where"]
from exports_world import POLICY
from ledger_databases import postgresql, where
from tests_commands import fine

EXAMPLE = Path(__file__).parents[2] / "examples" / "traffic.jsonl"


@pytest.fixture(scope="session")
def audited(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The directory of an audit of examples/traffic.jsonl, with texts."""
    folder = tmp_path_factory.mktemp("exports")
    fine("audit", EXAMPLE, "--out", "audit", "--quiet", "--keep-text", cwd=folder)
    return folder / "audit"


@pytest.fixture(scope="session")
def policy() -> LoadedPolicy:
    """Two budgets that can be counted, one that cannot, and a floor."""
    return read_policy(POLICY)


@pytest.fixture(scope="session")
def bill(audited: Path, policy: LoadedPolicy) -> Exported:
    """Its bill, with the policy."""
    return of_document(audited / "bill.json", policy)


@pytest.fixture
def ledger(where: str) -> Iterator[Ledger]:
    """A new ledger, in SQLite and in PostgreSQL."""
    opened = open_ledger(where)
    yield opened
    opened.close()
