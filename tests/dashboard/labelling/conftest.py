"""A ledger, the labelling screen over it, and people before it."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

pytest.importorskip("fastapi")
from starlette.testclient import TestClient

from aligntax.dashboard.app import make_app
from aligntax.dashboard.security import Access
from aligntax.ledger.opened import Ledger, open_ledger
from dashboard.labelling.visitors import ROLES, Visitor, holder


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    opened = open_ledger(tmp_path / "ledger")
    yield opened
    opened.close()


@pytest.fixture
def client(ledger: Ledger) -> Iterator[TestClient]:
    access = Access(
        holders=tuple(holder(name, role) for name, role in ROLES.items()),
        hosts=("testserver",),
        burst=10_000,
    )
    with TestClient(make_app(ledger, access)) as made:
        yield made


@pytest.fixture
def visitor(client: TestClient) -> Callable[[str], Visitor]:
    return lambda name: Visitor(client, name)
