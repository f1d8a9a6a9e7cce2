"""What there is to choose from: use cases, models and components that runs have figures for."""

from collections.abc import Sequence

from sqlalchemy import select

from aligntax.ledger import tables
from aligntax.ledger.opened import Ledger
from aligntax.ledger.runs import Run, runs

__all__ = ["components_of", "newest", "slices_of"]


def newest(ledger: Ledger, kind: str) -> Run | None:
    """The newest run of a kind; None where there is none."""
    found = runs(ledger, kind=kind, limit=1)
    return found[0] if found else None


def slices_of(ledger: Ledger, run_id: str) -> tuple[list[str], list[str]]:
    """Use cases and models a run has figures for, each in the order of the run."""
    table = tables.measurements
    query = select(table.c.use_case, table.c.model, table.c.id).where(
        table.c.run_id == run_id, table.c.period == "", table.c.component == "completion_tax"
    )
    with ledger.reading() as connection:
        rows = connection.execute(query.order_by(table.c.id)).all()
    return _distinct([row.use_case for row in rows]), _distinct([row.model for row in rows])


def components_of(ledger: Ledger, run_id: str, use_case: str) -> list[str]:
    """Components a run has for a use case, "" for all traffic, in the order of the run."""
    table = tables.measurements
    query = select(table.c.component).where(
        table.c.run_id == run_id, table.c.use_case == use_case, table.c.model == "", table.c.period == ""
    )
    with ledger.reading() as connection:
        return _distinct(list(connection.execute(query.order_by(table.c.id)).scalars()))


def _distinct(names: Sequence[str]) -> list[str]:
    return [name for name in dict.fromkeys(names) if name]
