"""A figure over runs: points with intervals, joined as long as they were measured alike."""

import datetime as dt
import itertools
import math
from collections.abc import Mapping, Sequence

from markupsafe import Markup

from aligntax.dashboard.charts.plot import Chart, Scale, band, circle, dots, join, line, number, upward, words
from aligntax.dashboard.reading.history import History, Point
from aligntax.dashboard.words import said
from aligntax.ledger.marks import Mark
from aligntax.policy.model import Budget
from aligntax.report.figures import interval_text, value_text

__all__ = ["trend_chart"]

_HEIGHT = 320
_MANY = 70
"""Points beyond which whiskers beside each other make no picture, and bands are drawn."""
_COLUMNS: Mapping[str, str] = {
    "at": "traffic until (UTC)",
    "run": "run",
    "value": "value",
    "low": "low",
    "high": "high",
    "level": "level",
    "n": "n",
    "unit": "unit",
    "correction": "rests on",
    "detector": "detector",
    "version": "version",
}


def trend_chart(found: History, marks: Sequence[Mark], budget: Budget | None) -> Chart:
    """The chart of a figure's history.

    Args:
        found: the figure over runs.
        marks: what happened in that time, oldest first.
        budget: that it is held to; None for none.
    """
    times = [point.at for point in found.points]
    time = _Time(min(times, default=dt.datetime(2000, 1, 1)), max(times, default=dt.datetime(2000, 1, 1)))
    unit = found.unit
    scale = _scale(found, budget)
    drawn = [upward(scale, ""), *time.drawn()]
    if budget is not None:
        drawn.append(_limit(scale, budget))
    drawn += _marks(time, marks)
    many = len(found.points) > _MANY
    for at, alike in enumerate(found.alike):
        drawn += _line(time, scale, alike, f"s{at % 4}", many=many)
    drawn += _breaks(time, found)
    if budget is not None:
        drawn.append(_limit_said(scale, budget, unit))
    return (
        Chart(
            name="trend",
            title=_title(found),
            description=_description(found, budget),
            inner=Markup("").join(drawn),
            height=_HEIGHT,
            columns=_COLUMNS,
            rows=[_row(point) for point in found.points],
            legend={f"s{at % 4}": _measured(alike[0]) for at, alike in enumerate(found.alike[:8])},
        )
        if unit
        else _nothing(found)
    )


class _Time:
    """Times to percent of the width."""

    def __init__(self, first: dt.datetime, last: dt.datetime) -> None:
        spare = max((last - first) * 0.02, dt.timedelta(hours=6))
        self.first, self.last = first - spare, last + spare

    def at(self, time: dt.datetime) -> float:
        return round(100 * ((time - self.first) / (self.last - self.first)), 3)

    def holds(self, time: dt.datetime) -> bool:
        return self.first <= time <= self.last

    def drawn(self) -> list[Markup]:
        return [
            line(self.at(day), 0, self.at(day), 100, "grid") + words(self.at(day), 100, label, dy=18)
            for day, label in self._ticks()
        ]

    def _ticks(self) -> list[tuple[dt.datetime, str]]:
        """Five days or so, on beginnings of months where there are enough of them."""
        months = [month for month in _months(self.first, self.last) if self.holds(month)]
        if len(months) >= 4:
            some = months[:: math.ceil(len(months) / 6)]
            return [
                (day, f"{day:%b %Y}" if day.month == 1 or day is some[0] else f"{day:%b}") for day in some
            ]
        days = max(1, math.ceil((self.last - self.first).days / 5))
        start = dt.datetime.combine(self.first.date() + dt.timedelta(days=1), dt.time())
        found = [start + dt.timedelta(days=days * at) for at in range(6)]
        return [(day, f"{day.day} {day:%b}") for day in found if self.holds(day)]


def _months(first: dt.datetime, last: dt.datetime) -> list[dt.datetime]:
    count = (last.year - first.year) * 12 + last.month - first.month
    starts = [(first.year * 12 + first.month - 1 + at) for at in range(count + 1)]
    return [dt.datetime(at // 12, at % 12 + 1, 1) for at in starts]


def _scale(found: History, budget: Budget | None) -> Scale:
    ends = [end for p in found.points for end in (p.figure.estimate.low, p.figure.estimate.high)]
    ends += [point.figure.estimate.value for point in found.points]
    ends += [budget.limit] if budget else []
    known = [end for end in ends if math.isfinite(end)]
    from_zero = bool(known) and 0 <= min(known) <= 0.6 * max(known)
    return Scale.over(ends, unit=found.unit or "rate", zero=from_zero)


def _limit(scale: Scale, budget: Budget) -> Markup:
    at = 100 - scale.at(budget.limit)
    top, tall = (0.0, at) if budget.direction == "at_most" else (at, 100 - at)
    over = Markup('<rect class="forbidden" x="0" width="100%" y="{}%" height="{}%"/>').format(
        top, round(tall, 3)
    )
    return over + line(0, at, 100, at, "rule")


def _limit_said(scale: Scale, budget: Budget, unit: str) -> Markup:
    """What the line of the budget is, above everything else, where points seldom are."""
    at = 100 - scale.at(budget.limit)
    limit = number(budget.limit, unit, budget.limit or 1)
    return words(0, at, f"budget: {said(budget.direction)} {limit}", "from halo", dx=6, dy=-6)


def _marks(time: _Time, marks: Sequence[Mark]) -> list[Markup]:
    """A flag with a number for each; the numbers are explained beside the chart."""
    drawn = []
    for count, mark in enumerate(marks, start=1):
        if time.holds(mark.at):
            x = time.at(mark.at)
            flag = Markup('<circle class="flag" cx="{}%" cy="-9" r="9"/>').format(x)
            drawn.append(line(x, 0, x, 100, "markline") + flag + words(x, 0, count, "marktext", dy=-5))
    return drawn


def _line(time: _Time, scale: Scale, points: Sequence[Point], colour: str, *, many: bool) -> list[Markup]:
    """Points measured alike: joined, with a band or whiskers for their intervals; a gap stays open."""
    drawn = []
    for known, group in itertools.groupby(points, key=lambda point: point.figure.estimate.known):
        if not known:
            continue
        some = list(group)
        places = [(time.at(p.at), 100 - scale.at(p.figure.estimate.value)) for p in some]
        if many and len(some) > 1:
            lows = [(time.at(p.at), 100 - scale.at(_or(p.figure.estimate.low, p))) for p in some]
            highs = [(time.at(p.at), 100 - scale.at(_or(p.figure.estimate.high, p))) for p in some]
            drawn.append(band(highs, lows))
        drawn.append(join(places))
        if many:
            drawn.append(dots(places))
        else:
            drawn += [_point(p, place, scale) for p, place in zip(some, places, strict=True)]
    return [Markup('<g class="{}">{}</g>').format(colour, Markup("").join(drawn))]


def _or(end: float, point: Point) -> float:
    return end if math.isfinite(end) else point.figure.estimate.value


def _point(point: Point, place: tuple[float, float], scale: Scale) -> Markup:
    x, y = place
    estimate = point.figure.estimate
    title = f"{point.at:%Y-%m-%d}: {value_text(estimate)} ({interval_text(estimate)}), n {estimate.n:,}"
    low, high = 100 - scale.at(_or(estimate.low, point)), 100 - scale.at(_or(estimate.high, point))
    return line(x, low, x, high, "whisker") + circle(x, y, "hollow" if point.figure.small else "dot", title)


def _breaks(time: _Time, found: History) -> list[Markup]:
    """Where something else began to measure."""
    drawn = []
    for before, after in itertools.pairwise(found.alike):
        x = (time.at(before[-1].at) + time.at(after[0].at)) / 2
        drawn.append(line(x, 0, x, 100, "markline strong"))
    return drawn


def _title(found: History) -> str:
    where = [found.use_case or "all use cases", *([found.model] if found.model else [])]
    return f"{said(found.component)}: {', '.join(where)}"


def _measured(point: Point) -> str:
    origin = point.run.origin
    detector = " ".join(filter(None, (origin.detector or "no detector", origin.detector_version or "")))
    return (
        detector if point.figure.correction == "raw" else f"{detector}; corrected ({point.figure.correction})"
    )


def _description(found: History, budget: Budget | None) -> str:
    if not found.points:
        return "Nothing was measured."
    newest = found.points[-1]
    estimate = newest.figure.estimate
    held = f" The budget is {said(budget.direction)} {budget.limit:g}." if budget else ""
    return (
        f"{len(found.points):,} runs from {found.points[0].at:%Y-%m-%d} to {newest.at:%Y-%m-%d}; the newest "
        f"is {value_text(estimate)}, interval {interval_text(estimate)}.{held} The table has the figures."
    )


def _row(point: Point) -> dict[str, object]:
    estimate = point.figure.estimate
    return {
        "at": point.at.isoformat(timespec="seconds"),
        "run": point.run.id,
        "value": estimate.value,
        "low": estimate.low,
        "high": estimate.high,
        "level": estimate.level,
        "n": estimate.n,
        "unit": estimate.unit,
        "correction": point.figure.correction,
        "detector": point.run.origin.detector or "",
        "version": point.run.origin.detector_version or "",
    }


def _nothing(found: History) -> Chart:
    return Chart(
        name="trend",
        title=_title(found),
        description="Nothing was measured.",
        inner=words(50, 50, "nothing was measured"),
        height=120,
        columns=_COLUMNS,
        rows=[],
        legend={},
    )
