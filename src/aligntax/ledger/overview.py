"""What a list of runs wants to know of each: its leading figure, its newest verdict, its files and labels."""

from collections.abc import Sequence

from sqlalchemy import Text, cast, func, select

from aligntax.ledger import tables
from aligntax.ledger.figure_rows import READING_ORDER, figure_of
from aligntax.ledger.opened import Ledger
from aligntax.records import Measurement

__all__ = ["LEADING", "artefact_names", "headlines", "label_count", "newest_verdicts", "slices_of"]

LEADING = (
    "completion_tax",
    "harmful_compliance",
    "over_refusal",
    "capability_tax.mean",
    "completion_tax.difference",
    "drift.per_token",
    "correlation",
)
"""The figure that says most of a run, the first that it has."""


def headlines(ledger: Ledger, run_ids: Sequence[str]) -> dict[str, Measurement]:
    """The leading figure of each run that has one: of the widest slice, corrected before raw."""
    table = tables.measurements
    query = (
        select(table)
        .where(table.c.run_id.in_(run_ids), table.c.component.in_(LEADING))
        .where(table.c.use_case == "", table.c.period == "")
        .order_by(table.c.id)
    )
    found = dict[str, Measurement]()
    with ledger.reading() as connection:
        for row in connection.execute(query).mappings():
            figure = figure_of(row)
            earlier = found.get(row["run_id"])
            if earlier is None or _rank(figure) < _rank(earlier):
                found[row["run_id"]] = figure
    return found


def _rank(figure: Measurement) -> tuple[int, int, bool, int]:
    way = READING_ORDER.index(figure.correction)
    return LEADING.index(figure.component), len(figure.slice), not figure.estimate.known, way


def newest_verdicts(ledger: Ledger, run_ids: Sequence[str]) -> dict[str, str]:
    """The newest verdict on each run that has one: pass, fail or inconclusive."""
    table = tables.verdicts
    query = (
        select(table.c.run_id, table.c.verdict)
        .where(table.c.run_id.in_(run_ids))
        .order_by(table.c.recorded, table.c.id)
    )
    with ledger.reading() as connection:
        return {str(run): str(verdict) for run, verdict in connection.execute(query)}


def slices_of(ledger: Ledger, component: str, *, most: int = 20) -> list[dict[str, str]]:
    """The slices of which the ledger has a figure of a component, of whole times; the most frequent first."""
    table = tables.measurements
    names = (table.c.use_case, table.c.model, cast(table.c.slice, Text))
    query = (
        select(*names, func.max(table.c.id))
        .where(table.c.component == component, table.c.period == "")
        .group_by(*names)
        .order_by(func.count().desc(), *names)
        .limit(most)
    )
    with ledger.reading() as connection:
        kept = connection.execute(query).all()
        rows = connection.execute(select(table).where(table.c.id.in_([row[3] for row in kept]))).mappings()
        by_key = {row["id"]: figure_of(row).slice for row in rows}
    return [by_key[row[3]] for row in kept]


def artefact_names(ledger: Ledger, run_id: str) -> list[str]:
    """The files a run keeps."""
    table = tables.artefacts
    query = select(table.c.name).where(table.c.run_id == run_id).order_by(table.c.name)
    with ledger.reading() as connection:
        return list(connection.execute(query).scalars())


def label_count(ledger: Ledger, run_id: str) -> int:
    """Labels of a run's exchanges."""
    query = select(func.count()).select_from(tables.labels).where(tables.labels.c.run_id == run_id)
    with ledger.reading() as connection:
        return int(connection.execute(query).scalar_one())
