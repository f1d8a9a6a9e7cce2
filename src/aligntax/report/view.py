"""The bill as a page: figures picked, put in order, worded and placed; templates only set them out.

Nothing is computed here that the document does not hold, but for lengths of bars: a share worked out
anew would have no interval.
"""

import datetime as dt
import math
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any, cast

from aligntax.report.document import Document, estimate_of
from aligntax.report.figures import Behind, Figure, Figures, apart
from aligntax.report.shapes import Axis, Line, Plot, Point, Quotes, Stack, share_of
from aligntax.report.visible import clipped
from aligntax.tax.bill import ITEMS

__all__ = ["SHOWN", "View", "clipped", "fraction"]

SHOWN = 20
"""Rows of a list that stand open; the others are folded away."""
_AT_ONCE = 3
_SERIES = 4
_DENSE = 40
"""Periods beyond which markers no longer fit beside each other."""
_FRACTIONS = ((1, 2), (3, 5), (2, 3), (3, 4), (4, 5), (9, 10))
_UNUSUAL = 0.97
_PARTICULAR = re.compile(r", [\d.]+% without a label|, \d+ degrees of freedom$")
_GROUPS = {"exchanges": "Requests", "tokens": "Tokens", "usd": "Money"}


def fraction(share: float) -> str:
    """A share in words: "about 1 in 4"."""
    if share <= 0:
        return "none"
    if share >= _UNUSUAL:
        return "nearly all" if share < 1 else "all"
    if share < 0.001:
        return "fewer than 1 in 1,000"
    if share < 0.45:
        return f"about 1 in {round(1 / share):,}"
    some, out_of = min(_FRACTIONS, key=lambda pair: abs(pair[0] / pair[1] - share))
    return f"about {some} in {out_of}"


class View:
    """A document as the templates want it.

    Args:
        contents: the document.
        behind: where the exchanges behind its figures can be looked at; None for nowhere.
    """

    def __init__(self, contents: Document, behind: Behind | None = None) -> None:
        self.contents = contents
        self.about = cast(Mapping[str, Any], contents["about"])
        self.reading = cast(Mapping[str, Any], contents["reading"])
        self.notes = cast(Sequence[str], contents["notes"])
        self.month = cast(float | None, contents["month"])
        self._figures = Figures(contents, behind)
        self.whole = self.stack(self._figures.get("completion_tax"))
        self.tax = self._figures.read("completion_tax")
        self.correction = self._figures.correction
        self.ways = self._figures.ways
        self.level = f"{100 * self.about['level']:.6g}%"

    def get(self, component: str, **where: str) -> Figure:
        """A figure, by component and slice."""
        return self._figures.get(component, **where)

    def read(self, component: str, **where: str) -> Figure:
        """The figure to read: the corrected one where there is one, else the raw one."""
        return self._figures.read(component, **where)

    def by_way(self, component: str, **where: str) -> list[Figure]:
        """A figure by everything it can rest on here, raw first."""
        return [self._figures.by(way, component, **where) for way in self.ways]

    @property
    def apart(self) -> str:
        """How far the raw tax lies from the one to read."""
        return apart(self.tax, self.whole.tax)

    @property
    def corrected(self) -> list[list[Figure]]:
        """The tax of every slice that has corrected rates, by what it rests on; all traffic first."""
        raw = [self.whole.tax]
        for level in (("use_case",), ("model",), ("use_case", "model")):
            raw += self._figures.over("completion_tax", *level)
        rows = [self.by_way("completion_tax", **figure.slice) for figure in raw]
        return [row for row in rows if any(figure.estimate.known for figure in row[1:])]

    def stack(self, tax: Figure) -> Stack:
        """What belongs to a completion tax: the outcomes of the same slice."""
        names = ("refused", "hedged", "cannot", "undetermined")
        return Stack(tax, *(self._figures.get(name, **tax.slice) for name in names))

    rate_axis = Axis.over(())

    def axis(self, figures: Sequence[Figure]) -> Axis:
        """The scale that holds all of them."""
        return Axis.over(figures)

    @property
    def span(self) -> str:
        """From when to when the log runs."""
        first, last = (_date(str(self.about[end] or "")) for end in ("first", "last"))
        if first is None or last is None:
            return ""
        start = f"{first.day} {first:%b}" if first.year == last.year else _day(first)
        return _day(last) if first == last else f"{start} to {_day(last)}"

    @property
    def models(self) -> list[str]:
        """Every model, largest first."""
        return [figure.slice["model"] for figure in self._figures.over("completion_tax", "model")]

    def name(self, figure: Figure) -> str:
        """What a slice is called."""
        parts = [
            self.when(value) if key == "period" else clipped(value) for key, value in figure.slice.items()
        ]
        return ", ".join(parts) or "all requests"

    def when(self, period: str) -> str:
        """A period in words."""
        start, kind = _date(period), self.about["period"]
        if start is None:
            return "no time" if period == "(none)" else clipped(period)
        return (
            f"{start:%b %Y}"
            if kind == "month"
            else f"week of {_day(start)}"
            if kind == "week"
            else _day(start)
        )

    @property
    def bill(self) -> list[tuple[str, list[Line]]]:
        """The lines of the bill by what they count; the total is apart."""
        groups = defaultdict[str, list[Line]](list)
        for item in ITEMS[:-1]:
            groups[_GROUPS[item.unit]].append(self._line(item.title, item.name))
        return list(groups.items())

    @property
    def totals(self) -> list[Line]:
        """Money for nothing, and beside it all that was spent."""
        total = ITEMS[-1]
        return [self._line(total.title, total.name), self._line("money spent in all", "bill.spent_cost")]

    def _line(self, title: str, component: str) -> Line:
        figure = self._figures.read(component)
        title += ", corrected" if figure.correction != "raw" else ""
        return Line(title, figure, None if self.month is None else _times(figure, self.month))

    @property
    def use_cases(self) -> list[Stack]:
        """Outcomes by use case; of the largest, those that pay most come first."""
        found = [self.stack(tax) for tax in self._figures.over("completion_tax", "use_case")]
        return [*sorted(found[:SHOWN], key=lambda stack: -share_of(stack.tax)), *found[SHOWN:]]

    def rates(self, *families: str) -> list[Figure]:
        """Figures of all traffic whose component begins so, highest first, the unknown last."""
        entries = cast(Sequence[Mapping[str, Any]], self.contents["measurements"])
        names = dict.fromkeys(str(entry["component"]) for entry in entries if not entry["slice"])
        found = [self._figures.get(name) for name in names if name.startswith(families)]
        return sorted(found, key=lambda f: -f.estimate.value if f.estimate.known else 1.0)

    @property
    def worst(self) -> list[Figure]:
        """Slices surely worse than the whole."""
        return self._figures.worst("completion_tax")

    @property
    def quotes(self) -> list[Quotes]:
        """Examples by use case, the largest first."""
        by_use_case = defaultdict[str, list[Mapping[str, Any]]](list)
        for example in cast(Sequence[Mapping[str, Any]], self.contents["examples"]):
            by_use_case[str(example["use_case"])].append(example)
        sizes = [figure.slice["use_case"] for figure in self._figures.over("completion_tax", "use_case")]
        order = {name: at for at, name in enumerate(sizes)}
        found = []
        for name in sorted(by_use_case, key=lambda name: order.get(name, len(order))):
            said = sorted(by_use_case[name], key=lambda example: -example["count"])
            found.append(Quotes(name, said[:_AT_ONCE], said[_AT_ONCE:]))
        return found

    def table(self, *dimensions: str) -> list[Stack]:
        """Outcomes by these dimensions, in the order of the names and the dates."""
        found = [self.stack(tax) for tax in self._figures.over("completion_tax", *dimensions)]
        return sorted(found, key=lambda stack: [stack.tax.slice[name] for name in dimensions])

    @property
    def by_period(self) -> tuple[str, ...]:
        """The finest breakdown by period the document has; () without one."""
        for level in (
            ("use_case", "model", "period"),
            ("use_case", "period"),
            ("model", "period"),
            ("period",),
        ):
            if any(True for _ in self._figures.over("completion_tax", *level)):
                return level
        return ()

    @property
    def methods(self) -> list[tuple[str, str, int]]:
        """(method, its design effects, figures made so), the commonest first."""
        corrected = self.correction["measurements"] if self.correction else []
        entries = [*cast(Sequence[Mapping[str, Any]], self.contents["measurements"]), *corrected]
        used, effects = Counter[str](), defaultdict[str, list[float]](list)
        for method, reason in ((str(entry["method"]), entry["reason"]) for entry in entries):
            if reason:
                continue
            name, _, effect = _PARTICULAR.sub("", method).partition(", design effect ")
            used[name] += 1
            effects[name] += [float(effect)] if re.fullmatch(r"\d+(\.\d+)?", effect) else []
        return [(name, _range(effects[name]), count) for name, count in used.most_common()]

    @property
    def labels(self) -> Mapping[str, Any] | None:
        """What corrected rates rest on; None without labels."""
        return self.correction["labels"] if self.correction else None

    @property
    def agreement(self) -> Figure:
        """How far annotators agree, where there are labels."""
        figures = self.labels["agreement"] if self.labels else {}
        return Figure("agreement", {}, False, estimate_of(figures))

    @property
    def trend(self) -> Plot:
        """Completion tax over time, one line a model where they are few."""
        models = self.models
        if 0 < len(models) <= _SERIES:
            figures = list(self._figures.over("completion_tax", "model", "period"))
            lines = {name: [f for f in figures if f.slice["model"] == name] for name in models}
        else:
            lines = {"all requests": list(self._figures.over("completion_tax", "period"))}
        return self._plot(lines)

    def _plot(self, lines: Mapping[str, list[Figure]]) -> Plot:
        dated = {name: dict(_by_date(figures)) for name, figures in lines.items()}
        dates = sorted({date for line in dated.values() for date in line})
        axis = Axis.over([figure for line in dated.values() for figure in line.values()])
        undated = sum(f.estimate.n for line in lines.values() for f in line if not _date(f.slice["period"]))
        if len(dates) < 2:
            reason = (
                "The log has no times."
                if not dates
                else f"All of it is one period: {self.when(str(dates[0]))}."
            )
            return Plot([], [], axis, [], False, undated, reason)
        across = {date: round(3 + 94 * (date - dates[0]) / (dates[-1] - dates[0]), 2) for date in dates}
        series = [
            (name, [self._point(f, axis, across[d]) for d, f in sorted(line.items())])
            for name, line in dated.items()
        ]
        joins = [[pair for pair in pairwise(points) if self._neighbours(*pair)] for _, points in series]
        every = math.ceil(len(dates) / 6)
        labels = [(across[date], self._tick(date, dates)) for date in dates[::every]]
        return Plot(series, joins, axis, labels, len(dates) > _DENSE, undated)

    def _point(self, figure: Figure, axis: Axis, x: float) -> Point:
        value, low, high = (100 - axis.at(end) for end in _ends(figure))
        return Point(
            figure, x, round(value, 2), round(low, 2), round(high, 2), self.when(figure.slice["period"])
        )

    def _neighbours(self, one: Point, other: Point) -> bool:
        first, second = (_date(point.figure.slice["period"]) for point in (one, other))
        longest = {"day": 1, "week": 7}.get(str(self.about["period"]), 31)
        return first is not None and second is not None and (second - first).days <= longest

    def _tick(self, date: dt.date, dates: Sequence[dt.date]) -> str:
        if self.about["period"] == "month":
            return f"{date:%b %Y}"
        return f"{date.day} {date:%b}" + (f" {date:%Y}" if dates[0].year != dates[-1].year else "")


def _by_date(figures: Iterable[Figure]) -> Iterator[tuple[dt.date, Figure]]:
    for figure in figures:
        date = _date(figure.slice["period"])
        if date is not None and figure.estimate.known:
            yield date, figure


def _times(figure: Figure, factor: float) -> Figure:
    estimate = figure.estimate.times(factor, figure.estimate.unit)
    return replace(figure, estimate=estimate)


def _ends(figure: Figure) -> tuple[float, float, float]:
    value, low, high = figure.estimate.value, figure.estimate.low, figure.estimate.high
    return value, value if math.isnan(low) else low, value if math.isnan(high) else high


def _date(text: str) -> dt.date | None:
    try:
        return dt.date.fromisoformat(text[:10])
    except ValueError:
        return None


def _day(date: dt.date) -> str:
    return f"{date.day} {date:%b %Y}"


def _range(effects: Sequence[float]) -> str:
    if not effects:
        return ""
    low, high = min(effects), max(effects)
    return f"{low}" if low == high else f"{low} to {high}"
