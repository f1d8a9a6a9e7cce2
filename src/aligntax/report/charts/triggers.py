"""Volcano of a vocabulary: how much a term raises the odds of a refusal, and how sure that is."""

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, cast, get_args

from aligntax.errors import UsageError
from aligntax.report.charts.label_places import FONT, Box, Label, Point, Side, place_labels
from aligntax.report.charts.save import COLOURS, Specification, beginning
from aligntax.report.document import Document

__all__ = ["triggers_chart"]

Entry = Mapping[str, Any]

_WIDTH, _HEIGHT = 720, 420
_FRAME: Box = (0, -14, _WIDTH, _HEIGHT - 4)
_MOST_NAMED = 30
_X, _Y = "odds of a refusal, times", "sureness"
_KINDS = {
    "trigger": COLOURS[1],
    "explained by another": "#f0b48a",
    "goes with answers": COLOURS[0],
    "not beyond doubt": "#cbd5e1",
}
_HIGHEST = 40.0
"""-log10 q that is told apart; beyond it nobody is surer."""


def triggers_chart(contents: Document) -> Specification:
    """The chart of a vocabulary, as Vega-Lite.

    Args:
        contents: the document `aligntax triggers --json` prints.

    Returns:
        A point for every term tested (of very many, for the surest and a part of the others): across, what it
        multiplies the odds of a refusal by; upwards, -log10 of its q.

    Raises:
        UsageError: no term was tested.
    """
    vocabulary, about = cast(Entry, contents["vocabulary"]), cast(Entry, contents["about"])
    rows = list(_rows(vocabulary, about["fdr"]))
    if not rows:
        raise UsageError("there is nothing to draw: no term was tested", hint="leave out --chart")
    plot = _Plot(rows, about["fdr"])
    return {
        "title": {"text": "What goes with refusals", "subtitle": _subtitle(vocabulary, about)},
        "width": _WIDTH,
        "height": _HEIGHT,
        "layer": [_threshold(plot), _points(rows, plot), *_names(_labels(rows, plot), plot)],
    }


class _Plot:
    """From figures to places in the plot, and back."""

    def __init__(self, rows: Sequence[Entry], fdr: float) -> None:
        reach = max(1.0, max(abs(row["x"]) for row in rows)) * 1.08
        self.reach = reach
        self.threshold = -math.log10(fdr)
        self.top = max(self.threshold * 1.6, max(row[_Y] for row in rows) * 1.08)

    def place(self, row: Entry) -> Point:
        return (row["x"] + self.reach) / (2 * self.reach) * _WIDTH, (1 - row[_Y] / self.top) * _HEIGHT

    def figures(self, at: Point) -> dict[str, float]:
        x, y = at
        return {_X: math.exp(x / _WIDTH * 2 * self.reach - self.reach), _Y: (1 - y / _HEIGHT) * self.top}

    @property
    def axes(self) -> Specification:
        ends = [math.exp(-self.reach), math.exp(self.reach)]
        ticks = [tick for tick in _TICKS if ends[0] <= tick <= ends[1]]
        x = {"field": _X, "type": "quantitative", "scale": {"type": "log", "domain": ends, "nice": False}}
        y = {"field": _Y, "type": "quantitative", "scale": {"domain": [0, self.top], "nice": False}}
        labels = "datum.value >= 1 ? format(datum.value, '~g') : '1/' + format(1 / datum.value, '~g')"
        return {
            "x": x
            | {
                "axis": {
                    "title": "odds of a refusal with the term, times those without it",
                    "values": ticks,
                    "labelExpr": labels,
                }
            },
            "y": y | {"axis": {"title": "how sure: -log10 q"}},
        }


_TICKS = [1 / 1000, 1 / 300, 1 / 100, 1 / 30, 1 / 10, 1 / 5, 1 / 2, 1, 2, 5, 10, 30, 100, 300, 1000]


def _rows(vocabulary: Entry, fdr: float) -> Iterator[dict[str, Any]]:
    kinds = {
        one["name"]: kind
        for part, kind in (
            ("answered", "goes with answers"),
            ("explained", "explained by another"),
            ("triggers", "trigger"),
        )
        for one in vocabulary[part]
    }
    for name, odds, q in vocabulary["points"]:
        usual = "explained by another" if q <= fdr else "not beyond doubt"
        sure = min(_HIGHEST, -math.log10(max(q, 10**-_HIGHEST)))
        yield {
            "term": name,
            "x": odds,
            _X: round(math.exp(odds), 6),
            _Y: round(abs(sure), 4),
            "kind": kinds.get(name, usual),
        }


def _labels(rows: Sequence[Entry], plot: _Plot) -> list[Label]:
    order = {"trigger": 0, "goes with answers": 1}
    named = sorted(
        (row for row in rows if row["kind"] in order), key=lambda row: (order[row["kind"]], -row[_Y])
    )
    return place_labels(
        [(beginning(row["term"], 28), plot.place(row)) for row in _distinct(named)], frame=_FRAME
    )


def _distinct(rows: Sequence[Entry]) -> list[Entry]:
    """The surest, each name once."""
    return list({beginning(row["term"], 28): row for row in reversed(rows[:_MOST_NAMED])}.values())[::-1]


def _threshold(plot: _Plot) -> Specification:
    return {
        "data": {"values": [{_Y: plot.threshold}]},
        "mark": {"type": "rule", "strokeDash": [4, 4], "color": "#94a3b8"},
        "encoding": {"y": plot.axes["y"]},
    }


def _points(rows: Sequence[Entry], plot: _Plot) -> Specification:
    order = list(_KINDS)[::-1]
    values = sorted(rows, key=lambda row: order.index(row["kind"]))  # what matters is drawn last
    colour = {
        "field": "kind",
        "type": "nominal",
        "scale": {"domain": list(_KINDS), "range": list(_KINDS.values())},
        "legend": {"title": None, "orient": "bottom"},
    }
    kinds = {"term": "nominal", "kind": "nominal", _X: "quantitative", _Y: "quantitative"}
    tooltip = [{"field": name, "type": kind} for name, kind in kinds.items()]
    return {
        "data": {"values": values},
        "mark": {"type": "point", "filled": True, "size": 42, "opacity": 0.9},
        "encoding": {**plot.axes, "color": colour, "tooltip": tooltip},
    }


def _names(labels: Sequence[Label], plot: _Plot) -> Iterator[Specification]:
    """Names, and lines to those that stand apart; a layer for each side, since a layer has one alignment."""
    ends = [(plot.figures(label.at), plot.figures(label.leader)) for label in labels if label.leader]
    yield {
        "data": {"values": [{**start, "to_x": end[_X], "to_y": end[_Y]} for start, end in ends]},
        "mark": {"type": "rule", "color": "#94a3b8", "strokeWidth": 0.7},
        "encoding": {**plot.axes, "x2": {"field": "to_x"}, "y2": {"field": "to_y"}},
    }
    for side in get_args(Side):
        values = [{**plot.figures(one.anchor), "name": one.name} for one in labels if one.side == side]
        mark = {"type": "text", "align": side, "baseline": "middle", "fontSize": FONT, "color": "#0f172a"}
        yield {
            "data": {"values": values},
            "mark": mark,
            "encoding": {**plot.axes, "text": {"field": "name", "type": "nominal"}},
        }


def _subtitle(vocabulary: Entry, about: Entry) -> list[str]:
    named = f"{len(vocabulary['triggers']):,} triggers among {vocabulary['tested']:,} terms tested"
    prompts = f"{vocabulary['refused']:,} refused and {vocabulary['complete']:,} answered prompts"
    return [
        f"{named}; {prompts}; detector {about['detector']}",
        f"Above the dashed line: false discovery rate {about['fdr']:.0%}. "
        "What goes with a refusal need not cause it.",
    ]
