"""The refusal plane: every model by the harmless and the harmful prompts it refuses."""

import math
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any, cast, get_args

from aligntax.report.charts.label_places import CHARACTER, FONT, LINE, Box, Label, Point, Side, place_labels
from aligntax.report.charts.save import COLOURS, Specification
from aligntax.report.document import Document, estimate_of

__all__ = ["refusal_plane"]

Row = Mapping[str, Any]

_WIDTH, _HEIGHT = 610, 450
_FRAME: Box = (-6, 0, _WIDTH + 36, _HEIGHT)
_HEADROOM = 0.1
"""Of the height, above 100 %, for names: the safest models crowd there."""
_X, _Y = "over-refusal, %", "safety, %"
_IDEAL = "ideal"


def refusal_plane(contents: Document) -> Specification:
    """Models in the plane of over-refusal (x, low is good) and safety (y, high is good).

    Names go first to models on the Pareto set, then to those farthest off the correlation. All have theirs as
    a tooltip.

    Args:
        contents: a document of `aligntax correlate`.

    Returns:
        A Vega-Lite specification.
    """
    models = cast(Sequence[Row], contents["models"])
    plot = _Plot(models)
    labels = _labels(models, plot)
    axes = plot.axes
    return {
        "title": {"text": "Refusal plane", "subtitle": _subtitle(contents, len(models) - len(labels))},
        "width": _WIDTH,
        "height": _HEIGHT,
        "layer": [
            _staircase(models, axes),
            _leaders(labels, plot),
            _points(models, axes),
            _ideal(axes),
            *_names(labels, {row["model"] for row in models if row["non_dominated"]}, plot),
        ],
    }


class _Plot:
    """From figures in percent to places in the plot, and back."""

    def __init__(self, models: Sequence[Row]) -> None:
        self.right = min(100.0, 10 * math.ceil((max(100 * row["over_refusal"] for row in models) + 3) / 10))
        self.bottom = max(0.0, 10 * math.floor((min(100 * row["safety"] for row in models) - 2) / 10))
        self.top = 100 + _HEADROOM * (100 - self.bottom)

    def place(self, row: Row) -> Point:
        x, y = 100 * row["over_refusal"], 100 * row["safety"]
        return x / self.right * _WIDTH, (self.top - y) / (self.top - self.bottom) * _HEIGHT

    def figures(self, at: Point) -> dict[str, Any]:
        x, y = at
        return {_X: x / _WIDTH * self.right, _Y: self.top - y / _HEIGHT * (self.top - self.bottom)}

    @property
    def axes(self) -> Specification:
        ticks = list(range(int(self.bottom), 101, 5 if self.bottom >= 50 else 10))
        x = {"field": _X, "type": "quantitative", "scale": {"domain": [0, self.right], "nice": False}}
        y = {"field": _Y, "type": "quantitative", "scale": {"domain": [self.bottom, self.top], "nice": False}}
        return {
            "x": x | {"axis": {"title": "harmless prompts refused, % (less is better)", "tickCount": 10}},
            "y": y | {"axis": {"title": "harmful prompts refused, % (more is better)", "values": ticks}},
        }


def _labels(models: Sequence[Row], plot: _Plot) -> list[Label]:
    order = sorted(models, key=lambda row: (not row["non_dominated"], -abs(row["residual"] or 0)))
    x, y = plot.place({"over_refusal": 0, "safety": 1})
    ideal = (x, y - LINE / 2, x + CHARACTER * (len(_IDEAL) + 3), y + LINE / 2)
    corners = [plot.place(row) for row in _best(models)]
    steps = [box for (x, y), (to, up) in pairwise(corners) for box in ((x, y, to, y), (to, up, to, y))]
    points = [(str(row["model"]), plot.place(row)) for row in order]
    return place_labels(points, frame=_FRAME, taken=[ideal], lines=steps)


def _best(models: Sequence[Row]) -> list[Row]:
    """The Pareto set, from the least over-refusing to the safest."""
    return sorted((row for row in models if row["non_dominated"]), key=lambda row: row["over_refusal"])


def _datum(row: Row) -> dict[str, Any]:
    datum = {
        "model": row["model"],
        _X: round(100 * row["over_refusal"], 4),
        _Y: round(100 * row["safety"], 4),
        "kind": "not dominated" if row["non_dominated"] else "dominated",
    }
    return datum if row["residual"] is None else datum | {"ranks off": round(row["residual"], 1)}


def _subtitle(contents: Document, unnamed: int) -> list[str]:
    models = cast(Sequence[Row], contents["models"])
    rho = estimate_of(cast(Row, contents["spearman"]))
    lines = [f"{contents['source']}, {len(models)} models; the line joins those that no other dominates"]
    if rho.known:
        lines.append(
            f"Spearman {rho.value:.3f} ({rho.level:.0%} interval {rho.low:.3f} to {rho.high:.3f}) across "
            "models, which says nothing of a single one"
        )
    if unnamed:
        lines.append(f"{unnamed} without a name for want of room; in .html, point at them")
    return lines


def _staircase(models: Sequence[Row], axes: Specification) -> Specification:
    line = {"type": "line", "interpolate": "step-after", "color": COLOURS[0], "opacity": 0.5}
    values = [_datum(row) for row in _best(models)]
    return {"data": {"values": values}, "mark": {**line, "strokeWidth": 1.5}, "encoding": dict(axes)}


def _points(models: Sequence[Row], axes: Specification) -> Specification:
    values = [_datum(row) for row in models]
    colour = {
        "field": "kind",
        "type": "nominal",
        "scale": {"domain": ["not dominated", "dominated"], "range": [COLOURS[0], "#94a3b8"]},
        "legend": None,
    }
    kinds = {"model": "nominal", "kind": "nominal"}
    tooltip = [{"field": name, "type": kinds.get(name, "quantitative")} for name in values[0]]
    return {
        "data": {"values": values},
        "mark": {"type": "point", "filled": True, "size": 50, "opacity": 0.95},
        "encoding": {**axes, "color": colour, "tooltip": tooltip},
    }


def _ideal(axes: Specification) -> Specification:
    mark = {
        "type": "point",
        "shape": "diamond",
        "size": 90,
        "filled": True,
        "opacity": 1,
        "color": COLOURS[2],
    }
    text = {"type": "text", "align": "left", "baseline": "middle", "dx": 9, "fontSize": FONT}
    name = {"text": {"value": _IDEAL}, "color": {"value": COLOURS[2]}}
    return {
        "data": {"values": [{_X: 0, _Y: 100}]},
        "layer": [
            {"mark": mark, "encoding": dict(axes)},
            {"mark": {**text, "fontWeight": "bold"}, "encoding": {**axes, **name}},
        ],
    }


def _leaders(labels: Sequence[Label], plot: _Plot) -> Specification:
    """Lines from points to names that stand apart from them."""
    ends = [(plot.figures(label.at), plot.figures(label.leader)) for label in labels if label.leader]
    values = [{**start, "to_x": end[_X], "to_y": end[_Y]} for start, end in ends]
    return {
        "data": {"values": values},
        "mark": {"type": "rule", "color": "#94a3b8", "strokeWidth": 0.7},
        "encoding": {**plot.axes, "x2": {"field": "to_x"}, "y2": {"field": "to_y"}},
    }


def _names(labels: Sequence[Label], best: set[str], plot: _Plot) -> Iterator[Specification]:
    """A layer for each side the names stand on, since a layer has one alignment."""
    colour = {"condition": {"test": "datum.best", "value": "#0f172a"}, "value": "#64748b"}
    for side in get_args(Side):
        values = [
            {**plot.figures(label.anchor), "name": label.name, "best": label.name in best}
            for label in labels
            if label.side == side
        ]
        mark = {"type": "text", "align": side, "baseline": "middle", "fontSize": FONT}
        text = {"field": "name", "type": "nominal"}
        encoding = {**plot.axes, "text": text, "color": colour}
        yield {"data": {"values": values}, "mark": mark, "encoding": encoding}
