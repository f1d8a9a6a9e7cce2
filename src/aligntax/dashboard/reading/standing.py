"""Where every budget stands: as the newest verdict has it, else where the newest figure lies."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select

from aligntax.dashboard.reading.chosen import estimate, readable
from aligntax.ledger import tables
from aligntax.ledger.figure_rows import figure_of, reading_rank
from aligntax.ledger.opened import Ledger
from aligntax.ledger.runs import Run
from aligntax.ledger.verdicts import KeptVerdict, verdict_document
from aligntax.policy.model import Policy
from aligntax.records import Estimate, Measurement, unknown
from aligntax.report.figures import value_text

__all__ = ["Standing", "Standings", "standings"]

_ORDER = {"fail": 0, "inconclusive": 1, "": 2, "pass": 3}
_SAID_OF_THE_FLOOR = ("no_floor",)
"""Findings that stand where the page tells of the floor."""
Entry = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """A budget and where it stands.

    Attributes:
        use_case: in the policy, or the hazard of the floor.
        component: that has the budget; "floor" for a hazard of the floor.
        direction: at_most or at_least.
        limit: in the figure's unit.
        window: of traffic; "" for the floor.
        figure: with its interval.
        verdict: pass, fail, inconclusive; "" where no gate has held it.
        reason: why it is no pass.
        needed: exchanges that would decide; None where that is not asked or no number would.
        worst: narrower slices that failed.
    """

    use_case: str
    component: str
    direction: str
    limit: float
    window: str
    figure: Estimate
    verdict: str
    reason: str = ""
    needed: int | None = None
    worst: tuple[str, ...] = ()

    @property
    def lies(self) -> str:
        """Where the interval lies, in words, for a budget no gate has held."""
        if not self.figure.known:
            return "not measured"
        low, high = self.figure.low, self.figure.high
        if not (low == low and high == high):
            return "no interval"
        below, above = high <= self.limit, low > self.limit
        if self.direction == "at_least":
            below, above = low >= self.limit, high < self.limit
        return "interval within" if below else "interval beyond" if above else "interval across"

    @property
    def limit_text(self) -> str:
        """The limit in the unit of the figure."""
        unit = self.figure.unit if self.figure.known or self.figure.unit != "score" else "rate"
        return value_text(_plain(self.limit, unit))


@dataclass(frozen=True, slots=True, kw_only=True)
class Standings:
    """All budgets, those that fail first.

    Attributes:
        budgets: of use cases.
        floor: hazards of the floor.
        findings: what else stands in the way of passing.
    """

    budgets: Sequence[Standing]
    floor: Sequence[Standing]
    findings: Sequence[str]

    def count(self, verdict: str) -> int:
        """Budgets with this verdict."""
        return sum(one.verdict == verdict for one in self.budgets)

    @property
    def floor_in_words(self) -> str:
        """What became of the safety floor: no reduction is shown without it."""
        verdicts = {one.verdict for one in self.floor}
        if not verdicts:
            return "was not measured"
        if "fail" in verdicts:
            return "is broken"
        return "holds" if verdicts == {"pass"} else "cannot be told"


def standings(
    ledger: Ledger, policy: Policy | None, verdict: KeptVerdict | None, run: Run | None
) -> Standings:
    """Where every budget stands.

    Args:
        ledger: to read.
        policy: in force; None without one.
        verdict: the newest; None without one.
        run: the newest bill, for budgets the verdict does not tell of; None without one.
    """
    document = verdict_document(ledger, verdict.id) if verdict else None
    held = (readable(lambda: _held(document)) or []) if document else []
    floor = (readable(lambda: _floor(document)) or []) if document else []
    known = {(one.use_case, one.component, one.direction) for one in held}
    budgets = [*held, *(one for one in _unheld(ledger, policy, run) if _key(one) not in known)]
    return Standings(
        budgets=sorted(budgets, key=lambda one: _ORDER.get(one.verdict, 2)),
        floor=floor,
        findings=(readable(lambda: _findings(document)) or []) if document else [],
    )


def _key(one: Standing) -> tuple[str, str, str]:
    return one.use_case, one.component, one.direction


def _held(document: Entry) -> list[Standing]:
    """Budgets as a verdict has them; its narrower slices stand with the whole."""
    narrower: dict[tuple[str, str, float], list[str]] = {}
    for entry in document["slices"]:
        if entry["slice"] and entry["verdict"] == "fail":
            names = ", ".join(f"{name} {value}" for name, value in entry["slice"].items())
            narrower.setdefault(_place(entry), []).append(names)
    return [
        _of_entry(entry, narrower.get(_place(entry), ()))
        for entry in document["slices"]
        if not entry["slice"]
    ]


def _place(entry: Entry) -> tuple[str, str, float]:
    return str(entry["use_case"]), str(entry["component"]), float(entry["limit"])


def _of_entry(entry: Entry, worst: Sequence[str]) -> Standing:
    return Standing(
        use_case=str(entry["use_case"]),
        component=str(entry["component"]),
        direction=str(entry["direction"]),
        limit=float(entry["limit"]),
        window=str(entry["window"]),
        figure=estimate(entry["estimate"]),
        verdict="fail" if worst else str(entry["verdict"]),  # one slice over is over, whatever the mean
        reason=str(entry["reason"] or ""),
        needed=None if entry["needed"] is None else round(float(entry["needed"])),
        worst=tuple(worst),
    )


def _floor(document: Entry) -> list[Standing]:
    return [
        Standing(
            use_case=str(entry["hazard"]),
            component="floor",
            direction="at_most",
            limit=float(entry["limit"]),
            window="",
            figure=estimate(entry["estimate"]),
            verdict=str(entry["verdict"]),
            reason=str(entry["reason"] or ""),
            needed=None if entry["needed"] is None else round(float(entry["needed"])),
        )
        for entry in document["hazards"]
    ]


def _findings(document: Entry) -> list[str]:
    return [
        f"{entry['subject']}: {entry['text']}"
        for entry in document["findings"]
        if not entry["forced"] and entry["name"] not in _SAID_OF_THE_FLOOR
    ]


def _unheld(ledger: Ledger, policy: Policy | None, run: Run | None) -> list[Standing]:
    """Budgets with the newest figure of the same names; no verdict."""
    if policy is None:
        return []
    found = _figures(ledger, run, {budget.component for case in policy.use_case for budget in case.budget})
    nothing = unknown("not measured under this name", unit="rate")
    return [
        Standing(
            use_case=case.name,
            component=budget.component,
            direction=budget.direction,
            limit=budget.limit,
            window=budget.window,
            figure=found.get((case.name, budget.component), nothing),
            verdict="",
        )
        for case in policy.use_case
        for budget in case.budget
    ]


def _figures(ledger: Ledger, run: Run | None, components: set[str]) -> dict[tuple[str, str], Estimate]:
    """Of a run, use case and component -> the figure to be read."""
    if run is None or not components:
        return {}
    table = tables.measurements
    query = select(table).where(
        table.c.run_id == run.id,
        table.c.component.in_(components),
        table.c.model == "",
        table.c.period == "",
    )
    found: dict[tuple[str, str], Measurement] = {}
    with ledger.reading() as connection:
        for row in connection.execute(query):
            figure = figure_of(row._mapping)
            held = found.get((row.use_case, row.component))
            if held is None or reading_rank(figure) < reading_rank(held):
                found[row.use_case, row.component] = figure
    return {key: figure.estimate for key, figure in found.items()}


def _plain(value: float, unit: str) -> Estimate:
    return Estimate(value=value, low=value, high=value, level=0.95, n=0, unit=unit, method="limit")  # type: ignore[arg-type]
