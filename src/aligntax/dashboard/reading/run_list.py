"""Runs a page at a time, each with the figure that says most and the newest verdict on it."""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import select

from aligntax.ledger import tables
from aligntax.ledger.figure_rows import figure_of, reading_rank
from aligntax.ledger.opened import Ledger
from aligntax.ledger.runs import Run, find_run, runs
from aligntax.records import Estimate, Measurement

__all__ = ["Listed", "kinds", "list_runs"]

_TIES = 200
"""Runs measured in the same microsecond that a page can end among."""


@dataclass(frozen=True, slots=True)
class Listed:
    """A line of the list.

    Attributes:
        run: the run.
        tax: its completion tax over all traffic; None where it has none.
        verdict: pass, fail or inconclusive, the newest on it; "" for none.
    """

    run: Run
    tax: Estimate | None
    verdict: str


def kinds(ledger: Ledger) -> list[str]:
    """The kinds of runs there are."""
    with ledger.reading() as connection:
        return sorted(connection.execute(select(tables.runs.c.kind).distinct()).scalars())


def list_runs(
    ledger: Ledger, *, kind: str = "", after: str = "", limit: int = 50
) -> tuple[list[Listed], str]:
    """Runs, newest first.

    Args:
        ledger: to read.
        kind: of the runs; "" for all.
        after: key of the run the page before ended with; "" to begin with the newest.
        limit: how many at most.

    Returns:
        The runs, and the key to go on after; "" where there are no more.

    Raises:
        UnreadableInput: there is no run of the key.
    """
    if after:
        last = find_run(ledger, after)
        before = last.created + dt.timedelta(microseconds=1)
        some = runs(ledger, kind=kind or None, before=before, limit=limit + 1 + _TIES)
        found = [run for run in some if (run.created, run.id) < (last.created, last.id)]
    else:
        found = runs(ledger, kind=kind or None, limit=limit + 1)
    shown = found[:limit]
    return _listed(ledger, shown), shown[-1].id if len(found) > limit else ""


def _listed(ledger: Ledger, found: Sequence[Run]) -> list[Listed]:
    keys = [run.id for run in found]
    taxes, verdicts = _taxes(ledger, keys), _verdicts(ledger, keys)
    return [Listed(run, taxes.get(run.id), verdicts.get(run.id, "")) for run in found]


def _taxes(ledger: Ledger, keys: Sequence[str]) -> dict[str, Estimate]:
    """Of each run its completion tax over all traffic, as it is to be read."""
    table = tables.measurements
    whole = [table.c[name] == "" for name in ("use_case", "model", "period")]
    query = select(table).where(table.c.component == "completion_tax", table.c.run_id.in_(keys), *whole)
    with ledger.reading() as connection:
        rows = connection.execute(query).all()
    found: dict[str, Measurement] = {}
    for row in rows:
        figure = figure_of(row._mapping)
        held = found.get(row.run_id)
        if not figure.slice and (held is None or reading_rank(figure) < reading_rank(held)):
            found[row.run_id] = figure
    return {key: figure.estimate for key, figure in found.items()}


def _verdicts(ledger: Ledger, keys: Sequence[str]) -> dict[str, str]:
    """Of each run the newest verdict on it."""
    table = tables.verdicts
    query = select(table.c.run_id, table.c.verdict).where(table.c.run_id.in_(keys))
    with ledger.reading() as connection:
        return {row.run_id: row.verdict for row in connection.execute(query.order_by(table.c.recorded))}
