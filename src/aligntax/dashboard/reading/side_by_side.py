"""Two runs next to each other: the figures both have, how far apart they are, and if that may be said."""

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import select

from aligntax.ledger import tables
from aligntax.ledger.figure_rows import figure_of, reading_rank
from aligntax.ledger.opened import Ledger
from aligntax.ledger.runs import Run
from aligntax.records import Estimate, Measurement

__all__ = ["Compared", "clashes", "compared_figures", "differing"]

_MOST = 300
_BY_USE_CASE = ("completion_tax", "refused", "hedged")
Slice = tuple[str, tuple[tuple[str, str], ...]]


@dataclass(frozen=True, slots=True)
class Compared:
    """A figure of both runs.

    Attributes:
        component: of the tax.
        where: what it was narrowed to.
        first: of the first run.
        second: of the second.
        difference: second less first, of independent traffic; None where figures of this unit are not
            subtracted, or must not be compared.
    """

    component: str
    where: Mapping[str, str]
    first: Estimate
    second: Estimate
    difference: Estimate | None

    @property
    def words(self) -> str:
        """more, less, or cannot tell; "" without a difference."""
        if self.difference is None or not self.difference.known:
            return ""
        if self.difference.low > 0:
            return "more"
        return "less" if self.difference.high < 0 else "cannot tell"


def clashes(first: Run, second: Run) -> list[str]:
    """Why two runs' figures are not to be compared, in words; empty where they are."""
    one, other = first.origin, second.origin
    found = []
    if first.kind != second.kind:
        found.append(f"one is a {first.kind}, the other a {second.kind}")
    if (one.detector, one.detector_version) != (other.detector, other.detector_version):
        names = [f"{at.detector or 'none'} ({at.detector_version or 'no version'})" for at in (one, other)]
        found.append(f"the detector is {names[0]} in one and {names[1]} in the other")
    if one.judge != other.judge:
        found.append(f"the judge is {one.judge or 'none'} in one and {other.judge or 'none'} in the other")
    return found


def differing(first: Run, second: Run) -> list[tuple[str, str, str]]:
    """What else differs: name, in the first, in the second."""
    found = list[tuple[str, str, str]]()
    for name, attribute in (
        ("policy", "policy_id"),
        ("hash of the data", "data_hash"),
        ("hash of the settings", "config_hash"),
        ("commit", "git_sha"),
        ("seed", "seed"),
    ):
        sides = [getattr(run.origin, attribute) for run in (first, second)]
        if sides[0] != sides[1]:
            one, other = (str(side)[:12] if side is not None else "not known" for side in sides)
            found.append((name, one, other))
    versions = [run.origin.versions for run in (first, second)]
    for name in sorted(versions[0].keys() | versions[1].keys()):
        if versions[0].get(name) != versions[1].get(name):
            one, other = (side.get(name, "none") for side in versions)
            found.append((f"version of {name}", one, other))
    return found


def compared_figures(ledger: Ledger, first: Run, second: Run, *, apart: bool) -> list[Compared]:
    """Figures both runs have, all traffic first.

    Args:
        ledger: to read.
        first: a run.
        second: another.
        apart: whether their difference may be told.
    """
    sides = [_figures(ledger, run) for run in (first, second)]
    both = [key for key in sides[0] if key in sides[1]]
    both.sort(key=lambda key: bool(key[1]))
    return [_compared(key, sides[0][key], sides[1][key], apart=apart) for key in both[:_MOST]]


def _compared(key: Slice, one: Measurement, other: Measurement, *, apart: bool) -> Compared:
    from aligntax.report.compare import rate_difference  # scipy, which a server that starts does without

    alike = one.correction == other.correction and one.estimate.unit == other.estimate.unit == "rate"
    same_level = one.estimate.level == other.estimate.level
    difference = rate_difference(one.estimate, other.estimate) if apart and alike and same_level else None
    return Compared(key[0], dict(key[1]), one.estimate, other.estimate, difference)


def _figures(ledger: Ledger, run: Run) -> dict[Slice, Measurement]:
    """Of all traffic everything, of use cases the rates that matter most; of other kinds what there is."""
    table = tables.measurements
    query = select(table).where(table.c.run_id == run.id, table.c.model == "", table.c.period == "")
    if run.kind == "bill":
        query = query.where((table.c.use_case == "") | table.c.component.in_(_BY_USE_CASE))
    found: dict[Slice, Measurement] = {}
    with ledger.reading() as connection:
        for row in connection.execute(query.order_by(table.c.id).limit(4 * _MOST)):
            figure = figure_of(row._mapping)
            key = (figure.component, tuple(sorted(figure.slice.items())))
            if key not in found or reading_rank(figure) < reading_rank(found[key]):
                found[key] = figure
    return found
