"""What every chart is made of: scales, marks in percent of the plot, and the ways a chart leaves the page.

Marks are placed in percent of the plot's width and height, so that a chart follows the page while its words
keep their size; lines and bands, which SVG has no percent for, stand in a drawing of 1000 by 1000 that is
stretched over the plot.
"""

import csv
import io
import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from aligntax.report.visible import clipped, visible

__all__ = [
    "Chart",
    "Scale",
    "across",
    "band",
    "circle",
    "dots",
    "join",
    "line",
    "number",
    "upward",
    "words",
    "written",
]

Row = Mapping[str, object]
_STEPS = tuple(digit * 10.0**power for power in range(-9, 10) for digit in (1, 2, 2.5, 5))


@dataclass(frozen=True, slots=True)
class Scale:
    """Values to percent of a length.

    Attributes:
        low: value at 0 %.
        high: value at 100 %, > low.
        ticks: values with their labels.
    """

    low: float
    high: float
    ticks: tuple[tuple[float, str], ...]

    @classmethod
    def over(
        cls, values: Iterable[float], *, unit: str, zero: bool = False, ticks: int = 5, room: float = 0.0
    ) -> "Scale":
        """The shortest round scale that holds all values.

        Args:
            values: nan is left out.
            unit: of the labels; "rate" and "share" are written in percent.
            zero: whether zero is on the scale whatever the values.
            ticks: about so many.
            room: share of the span left free at both ends.
        """
        known = [value for value in values if math.isfinite(value)] + ([0.0] if zero else [])
        low, high = min(known, default=0.0), max(known, default=1.0)
        spare = room * (high - low)
        low, high = low - spare, high + spare
        if high - low < 1e-12:
            low, high = (low - 0.5, high + 0.5) if not zero or low else (0.0, 1.0)
        step = next((one for one in _STEPS if (high - low) / one <= ticks), high - low)
        first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
        places = [step * at for at in range(first, last + 1)]
        return cls(places[0], places[-1], tuple((at, number(at, unit, step)) for at in places))

    def at(self, value: float) -> float:
        """Where a value stands, in percent; the ends are kept to."""
        place = 100 * (value - self.low) / (self.high - self.low)
        return round(min(max(place, 0.0), 100.0), 3)


@dataclass(frozen=True, slots=True, kw_only=True)
class Chart:
    """A chart, drawn, with what it was drawn from.

    Attributes:
        name: of its files.
        title: what it shows.
        description: the same in a sentence or two, for those who do not see it.
        inner: its marks, in percent of the plot.
        height: of the plot, in pixels.
        columns: key in a row -> heading.
        rows: what was drawn.
        legend: class of a colour -> what it stands for.
        named: whether names of rows stand left of the plot.
    """

    name: str
    title: str
    description: str
    inner: Markup
    height: int
    columns: Mapping[str, str]
    rows: Sequence[Row]
    legend: Mapping[str, str]
    named: bool = False

    @property
    def csv(self) -> str:
        """The rows as CSV; no cell is read as a formula by a spreadsheet."""
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(self.columns.values())
        for row in self.rows:
            writer.writerow([_cell(row.get(key)) for key in self.columns])
        return text.getvalue()

    @property
    def json(self) -> str:
        """The rows as JSON, with null for what is not known."""
        rows = [{key: _known(row.get(key)) for key in self.columns} for row in self.rows]
        return json.dumps({"title": self.title, "columns": dict(self.columns), "rows": rows}, allow_nan=False)


def written(text: object, most: int = 60) -> str:
    """Text of others as a chart may show it."""
    return str(visible(clipped(str(text), most)))


def _cell(value: object) -> object:
    if isinstance(value, str):
        return f"'{value}" if value[:1] in ("=", "+", "-", "@", "\t", "\r") else value
    return _known(value)


def _known(value: object) -> object:
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value if isinstance(value, str | int | float | bool | None) else str(value)


def number(value: float, unit: str, step: float) -> str:
    """A label of a tick, with as many digits as the step needs."""
    factor = 100 if unit in ("rate", "share", "difference") else 1
    digits = max(0, -math.floor(math.log10(step * factor) + 1e-9)) if step else 0
    digits += 1 if round(step * factor * 10**digits, 6) % 1 else 0
    text = f"{value * factor + 0.0:,.{digits}f}"
    text = text.removeprefix("-") if not float(text.replace(",", "")) else text
    if unit == "difference":
        return text
    return f"{text}%" if factor == 100 else f"${text}" if unit == "usd" else text


def words(
    x: float, y: float, text: object, kind: str = "", *, dx: float = 0, dy: float = 0, most: int = 60
) -> Markup:
    """Text at a place, in percent, moved by pixels."""
    return Markup('<text class="{}" x="{}%" y="{}%" dx="{}" dy="{}">{}</text>').format(
        kind, x, y, dx, dy, written(text, most)
    )


def line(x1: float, y1: float, x2: float, y2: float, kind: str) -> Markup:
    """A straight line, in percent."""
    return Markup('<line class="{}" x1="{}%" y1="{}%" x2="{}%" y2="{}%"/>').format(kind, x1, y1, x2, y2)


def circle(x: float, y: float, kind: str, title: object = "", *, radius: float = 4.5) -> Markup:
    """A point, in percent, with a tooltip."""
    told = Markup("<title>{}</title>").format(written(title, 300)) if title else Markup("")
    return Markup('<circle class="{}" cx="{}%" cy="{}%" r="{}">{}</circle>').format(kind, x, y, radius, told)


def _stretched(drawn: Markup) -> Markup:
    return Markup(
        '<svg viewBox="0 0 1000 1000" preserveAspectRatio="none" width="100%" height="100%">{}</svg>'
    ).format(drawn)


def join(points: Sequence[tuple[float, float]], kind: str = "join") -> Markup:
    """A line through points, in percent."""
    path = " ".join(f"{10 * x:g},{10 * y:g}" for x, y in points)
    return _stretched(Markup('<polyline class="{}" points="{}"/>').format(kind, path))


def dots(points: Sequence[tuple[float, float]], kind: str = "dots") -> Markup:
    """Many small points at once, in percent; without tooltips."""
    path = "".join(f"M{10 * x:g} {10 * y:g}h0" for x, y in points)
    return _stretched(Markup('<path class="{}" d="{}"/>').format(kind, path))


def band(
    top: Sequence[tuple[float, float]], bottom: Sequence[tuple[float, float]], kind: str = "band"
) -> Markup:
    """The surface between two lines, in percent."""
    path = " ".join(f"{10 * x:g},{10 * y:g}" for x, y in [*top, *reversed(bottom)])
    return _stretched(Markup('<polygon class="{}" points="{}"/>').format(kind, path))


def upward(scale: Scale, title: str = "") -> Markup:
    """Grid and labels of a scale that goes up, and what it counts."""
    drawn = [
        line(0, 100 - scale.at(value), 100, 100 - scale.at(value), "grid")
        + words(0, 100 - scale.at(value), label, "to", dx=-8, dy=4)
        for value, label in scale.ticks
    ]
    return Markup("").join(drawn) + (words(0, 0, title, "from", dx=-46, dy=-14) if title else Markup(""))


def across(scale: Scale, title: str = "") -> Markup:
    """Grid and labels of a scale that goes to the right."""
    drawn = [
        line(scale.at(value), 0, scale.at(value), 100, "grid") + words(scale.at(value), 100, label, dy=18)
        for value, label in scale.ticks
    ]
    return Markup("").join(drawn) + (words(100, 100, title, "to", dy=38) if title else Markup(""))
