"""Every test of the ledger runs against SQLite and against PostgreSQL."""

from collections.abc import Iterator

import pytest

from aligntax.ledger import Ledger, open_ledger
from ledger_databases import postgresql, where

__all__ = ["postgresql", "where"]


@pytest.fixture
def ledger(where: str) -> Iterator[Ledger]:
    """A new ledger."""
    opened = open_ledger(where)
    yield opened
    opened.close()
