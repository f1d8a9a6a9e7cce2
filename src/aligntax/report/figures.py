"""Finding figures in a document, and writing them down: one way for the terminal and for HTML."""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

from aligntax.records import Estimate, Unit, unknown
from aligntax.report.document import Document, estimate_of

__all__ = ["WAYS", "Behind", "Figure", "Figures", "apart", "interval_text", "value_text"]

_WORST = (("use_case",), ("model",), ("use_case", "model"), ("use_case", "period"), ("model", "period"))
WAYS: Mapping[str, str] = {
    "raw": "raw detector",
    "labels": "human labels only",
    "powered": "prediction-powered",
    "published": "published detector error",
}
"""What a figure can rest on, in words."""
_PLAIN: Mapping[str, str] = {
    "agreement": ".2f",
    "per 1,000 characters": ".2f",
    "score": ".3f",
    "share": "+.1%",
    "log ratio": "+.3f",
    "log odds ratio": "+.3f",
    "correlation": ".3f",
    "nats": ".4g",
}
Key = tuple[str, str, frozenset[tuple[str, str]]]
Behind = Callable[[str, Mapping[str, str]], str]
"""Address of the exchanges behind a component of a slice; "" where there is none."""


@dataclass(frozen=True, slots=True)
class Figure:
    """An estimate of a component for a slice.

    Attributes:
        component: of the tax.
        slice: dimension -> value; empty for all traffic.
        small: whether the slice is too small to be read without its interval.
        estimate: the number.
        correction: what it rests on, a key of WAYS.
        behind: address of its exchanges; "" where they cannot be looked at.
    """

    component: str
    slice: Mapping[str, str]
    small: bool
    estimate: Estimate
    correction: str = "raw"
    behind: str = ""

    @property
    def value(self) -> str:
        """The number, in words fit for a table."""
        return value_text(self.estimate)

    @property
    def interval(self) -> str:
        """Its interval, in the same unit."""
        return interval_text(self.estimate)


class Figures:
    """The measurements of a document, by component and slice.

    Args:
        contents: the document.
        behind: where the exchanges behind its figures can be looked at; None for nowhere.
    """

    def __init__(self, contents: Document, behind: Behind | None = None) -> None:
        self.contents = contents
        self.correction = cast(Mapping[str, Any] | None, contents.get("correction"))
        corrected = self.correction["measurements"] if self.correction else []
        self._figures: dict[Key, Figure] = {}
        for entry in [*cast(Sequence[Mapping[str, Any]], contents["measurements"]), *corrected]:
            estimate, way = estimate_of(entry), str(entry.get("correction", "raw"))
            component, where = entry["component"], entry["slice"]
            address = behind(component, where) if behind else ""
            figure = Figure(component, where, entry["small"], estimate, way, address)
            self._figures[_key(way, figure.component, figure.slice)] = figure

    def get(self, component: str, **where: str) -> Figure:
        """The raw figure of a component for a slice; one that says "not measured" if there is none."""
        return self.by("raw", component, **where)

    def by(self, way: str, component: str, **where: str) -> Figure:
        """The same, resting on something else: `way` is a key of WAYS."""
        found = self._figures.get(_key(way, component, where))
        return found or Figure(component, where, False, unknown("not measured", unit="rate"), way)

    def read(self, component: str, **where: str) -> Figure:
        """The figure to read: the corrected one where there is one, else the raw one."""
        way = str(self.correction["read"]) if self.correction else "raw"
        found = self.by(way, component, **where)
        return found if found.estimate.known else self.get(component, **where)

    @property
    def ways(self) -> list[str]:
        """What figures of all traffic rest on here, raw first."""
        return [way for way in WAYS if _key(way, "completion_tax", {}) in self._figures]

    def over(self, component: str, *dimensions: str) -> Iterator[Figure]:
        """The raw figures of a component broken down by exactly these dimensions, in the document's order."""
        wanted = set(dimensions)
        for figure in self._figures.values():
            if (figure.correction, figure.component) == ("raw", component) and set(figure.slice) == wanted:
                yield figure

    def worst(self, component: str, *, most: int = 6, least: int = 30) -> list[Figure]:
        """The slices with the highest lower bound, of at least `least` exchanges, none inside another.

        The lower bound, not the value, decides: a slice is worst only if it is sure to be bad. Slices
        picked by looking at many look a little worse than they are.
        """
        levels = (
            ("use_case",),
            ("model",),
            ("use_case", "model"),
            ("use_case", "period"),
            ("model", "period"),
        )
        candidates = [f for level in levels for f in self.over(component, *level) if f.estimate.n >= least]
        whole = self.get(component).estimate
        bad = [f for f in candidates if f.estimate.low > whole.value]
        bad.sort(key=lambda f: -f.estimate.low)
        return bad[:most]


def _key(way: str, component: str, where: Mapping[str, str]) -> Key:
    return way, component, frozenset(where.items())


def apart(figure: Figure, raw: Figure) -> str:
    """How far a corrected rate lies from the raw one, in words; "" where either is unknown."""
    if not figure.estimate.known or not raw.estimate.known:
        return ""
    points = 100 * (figure.estimate.value - raw.estimate.value)
    if abs(points) < 0.05:
        return "the same"
    return f"{abs(points):.1f} points {'below' if points > 0 else 'above'} that"


def value_text(estimate: Estimate) -> str:
    """The value with its unit; "unknown" for nan."""
    return _number(estimate.value, estimate.unit) if estimate.known else "unknown"


def interval_text(estimate: Estimate) -> str:
    """The interval with its unit, or why there is none."""
    if not estimate.known:
        return estimate.reason
    low, high = (_number(end, estimate.unit) for end in (estimate.low, estimate.high))
    low = low.removesuffix(" points")
    return f"{low} to {high}"


def _number(value: float, unit: Unit) -> str:
    if math.isnan(value):
        return "?"
    if unit == "rate":
        return f"{value:.2%}" if 0 < value < 0.01 else f"{value:.1%}"
    if unit == "difference":
        return f"{100 * value:+.1f} points"
    if unit == "usd":
        return f"${value:,.0f}" if value >= 1000 else f"${value:,.2f}" if value >= 0.1 else f"${value:,.4f}"
    if unit in _PLAIN:
        return f"{value:{_PLAIN[unit]}}"
    return f"{value:,.0f}"
