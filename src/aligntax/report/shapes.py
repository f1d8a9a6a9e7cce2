"""What a page is drawn from: a scale, what became of a slice, a line of the bill, points and their plot."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from aligntax.report.figures import Figure

__all__ = ["Axis", "Line", "Plot", "Point", "Quotes", "Stack", "share_of"]

_STEPS = tuple(digit * 10.0**power for power in range(-6, 0) for digit in (1, 2, 2.5, 5))


@dataclass(frozen=True, slots=True)
class Axis:
    """A scale of rates from zero.

    Attributes:
        most: the rate at its end.
        ticks: (place in percent of the length, label), from zero on.
    """

    most: float
    ticks: tuple[tuple[float, str], ...]

    @classmethod
    def over(cls, figures: Iterable[Figure]) -> "Axis":
        """The shortest round scale that holds every interval."""
        highs = [f.estimate.high for f in figures if f.estimate.known and not math.isnan(f.estimate.high)]
        highest = min(1.0, max(highs, default=1.0)) or 1.0
        step = next((step for step in _STEPS if highest / step <= 5), 0.25)
        count = max(1, math.ceil(highest / step - 1e-9))
        ticks = tuple((round(100 * at / count, 2), f"{100 * step * at:.6g}%") for at in range(count + 1))
        return cls(step * count, ticks)

    def at(self, rate: float) -> float:
        """Where a rate stands, in percent of the length."""
        return round(100 * min(max(rate, 0.0), self.most) / self.most, 2)


@dataclass(frozen=True, slots=True)
class Stack:
    """What became of the requests of a slice, and how sure that is."""

    tax: Figure
    refused: Figure
    hedged: Figure
    unable: Figure
    unsure: Figure

    @property
    def parts(self) -> list[tuple[str, float, float]]:
        """(name, from, width) in percent: what is charged first, so that the tax ends where it is drawn."""
        charged = max(0.0, share_of(self.tax) - share_of(self.hedged))
        widths = {"refused": charged, "hedged": share_of(self.hedged), "unable": share_of(self.unable)}
        widths["complete"] = max(0.0, 1 - sum(widths.values()))
        placed, start = [], 0.0
        for name, width in widths.items():
            if width > 0:
                placed.append((name, round(100 * start, 2), round(100 * width, 2)))
            start += width
        return placed


@dataclass(frozen=True, slots=True)
class Line:
    """A line of the bill: in the log, and in a month where the log tells how long it ran."""

    title: str
    log: Figure
    month: Figure | None


@dataclass(frozen=True, slots=True)
class Point:
    """A figure in the trend: across in percent, heights in percent from the top."""

    figure: Figure
    x: float
    value: float
    low: float
    high: float
    when: str


@dataclass(frozen=True, slots=True)
class Plot:
    """The trend, or why there is none.

    Attributes:
        series: (name, points) of each line.
        joins: for each line, pairs of points of neighbouring periods; a gap stays open.
        axis: of rates, upward.
        dates: (place in percent, label).
        dense: whether there are too many periods for markers beside each other.
        undated: exchanges without a time, which are not drawn.
        reason: why nothing is drawn; "" when it is.
    """

    series: list[tuple[str, list[Point]]]
    joins: list[list[tuple[Point, Point]]]
    axis: Axis
    dates: list[tuple[float, str]]
    dense: bool
    undated: int
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Quotes:
    """What was said in a use case: the commonest, and the rest."""

    use_case: str
    first: list[Mapping[str, Any]]
    rest: list[Mapping[str, Any]]


def share_of(figure: Figure) -> float:
    """A rate as a length, in [0, 1]; 0 where it is unknown."""
    return min(max(figure.estimate.value, 0.0), 1.0) if figure.estimate.known else 0.0
