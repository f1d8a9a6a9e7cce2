"""Budgets beneath each other, drawn to their limits: the limit of every one stands in the middle."""

import math
from collections.abc import Mapping, Sequence

from markupsafe import Markup

from aligntax.dashboard.charts.plot import Chart, words
from aligntax.dashboard.reading.standing import Standing
from aligntax.dashboard.words import said
from aligntax.report.figures import interval_text, value_text

__all__ = ["budgets_chart", "bullet"]

_TALL = 34
_COLUMNS: Mapping[str, str] = {
    "use_case": "use case",
    "component": "figure",
    "value": "value",
    "low": "low",
    "high": "high",
    "level": "level",
    "n": "n",
    "direction": "direction",
    "limit": "limit",
    "window": "window",
    "verdict": "verdict",
    "reason": "why no pass",
}


def bullet(one: Standing, y: float = 50.0, tall: float = 100.0) -> Markup:
    """One budget: its interval, its value, and the limit in the middle.

    Args:
        one: the budget.
        y: middle of the row, in percent of the height.
        tall: height of the row, in percent of the height.
    """
    ground = _box("ground", 0, 100, y, 0.62 * tall)
    if one.limit > 0:
        over = (50.0, 50.0) if one.direction == "at_most" else (0.0, 50.0)
        ground += _box("beyond", *over, y, 0.62 * tall)
    drawn = ground
    estimate = one.figure
    if estimate.known:
        low, high = (end if math.isfinite(end) else estimate.value for end in (estimate.low, estimate.high))
        start, end = _at(low, one), _at(high, one)
        drawn += _box("ci", start, max(0.4, round(end - start, 2)), y, 0.28 * tall)
        told = f"{one.use_case}, {said(one.component)}: {value_text(estimate)} ({interval_text(estimate)})"
        drawn += Markup('<circle cx="{}%" cy="{}%" r="5"><title>{}</title></circle>').format(
            _at(estimate.value, one), y, told[:300]
        )
        if high > _most(one):
            drawn += words(
                100, y, "\N{SINGLE RIGHT-POINTING ANGLE QUOTATION MARK}", "to beyond-end", dx=-3, dy=5
            )
    limit = _at(one.limit, one)
    return drawn + Markup('<line class="limit" x1="{x}%" x2="{x}%" y1="{top}%" y2="{end}%"/>').format(
        x=limit, top=round(y - 0.44 * tall, 2), end=round(y + 0.44 * tall, 2)
    )


def _most(one: Standing) -> float:
    """The value at the right end: twice the limit; of a limit of nothing, what the figure needs."""
    if one.limit > 0:
        return 2 * one.limit
    ends = [end for end in (one.figure.high, one.figure.value) if math.isfinite(end)]
    return max(ends, default=1.0) or 1.0


def _at(value: float, one: Standing) -> float:
    return round(100 * min(max(value / _most(one), 0.0), 1.0), 2)


def _box(kind: str, x: float, width: float, y: float, tall: float) -> Markup:
    return Markup('<rect class="{}" x="{}%" y="{}%" width="{}%" height="{}%"/>').format(
        kind, x, round(y - tall / 2, 2), width, round(tall, 2)
    )


def budgets_chart(budgets: Sequence[Standing]) -> Chart:
    """All budgets in one chart, as it leaves the page."""
    tall = 100 / max(1, len(budgets))
    drawn = []
    for at, one in enumerate(budgets):
        y = round(tall * (at + 0.5), 3)
        drawn.append(words(0, y, f"{one.use_case}: {said(one.component)}", "to name", dx=-12, dy=4, most=36))
        drawn.append(bullet(one, y, tall))
    return Chart(
        name="budgets",
        title="Use cases against budget",
        description="Each row is drawn to its own limit, in the middle; the shaded side is over budget.",
        inner=Markup('<g class="bullet">{}</g>').format(Markup("").join(drawn)),
        height=_TALL * max(1, len(budgets)),
        columns=_COLUMNS,
        rows=[_row(one) for one in budgets],
        legend={},
        named=True,
    )


def _row(one: Standing) -> dict[str, object]:
    known = {key: getattr(one.figure, key) for key in ("value", "low", "high", "level", "n")}
    told = {
        key: getattr(one, key) for key in ("use_case", "component", "direction", "limit", "window", "reason")
    }
    return known | told | {"verdict": one.verdict or one.lies}
