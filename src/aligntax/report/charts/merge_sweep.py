"""Merges by their share of the pre-alignment model: alignment kept against capability won back."""

from collections.abc import Mapping, Sequence
from typing import Any, cast

from aligntax.errors import UsageError
from aligntax.report.charts.save import COLOURS, Specification
from aligntax.report.document import Document

__all__ = ["merge_sweep_chart"]

_WIDTH, _HEIGHT = 275, 240
_ALIGNED, _GAIN = COLOURS[1], COLOURS[0]
_TEXTS = {
    "proxy": ("Alignment: up is lost", "proxy samples: nats a token against aligned", _ALIGNED),
    "text": ("Capability: down is won back", "text: nats a token against aligned", _GAIN),
}
_X: Specification = {
    "field": "pre_weight",
    "type": "quantitative",
    "title": "pre_weight",
    "scale": {"domain": [0, 1]},
    "axis": {"tickCount": 6, "labelFlush": False},
}
Entry = Mapping[str, Any]
Row = dict[str, Any]


def merge_sweep_chart(document: Document) -> Specification:
    """The chart: of a sweep two panels over pre_weight with bands, of a search capability against harm.

    Args:
        document: of `merge_sweep_document`.

    Raises:
        UsageError: there is nothing to draw.
    """
    contents = cast(Entry, document)
    panels = _of_search(contents) if contents["kind"] == "search" else _of_sweep(contents)
    if not panels:
        raise UsageError("there is nothing to draw", hint="a chart takes more than one merge")
    level = f"{contents['about']['level']:.0%}"
    subtitle = {
        "sweep": f"◆: the pre-alignment model. Bands: {level} intervals.",
        "search": f"Filled: beaten by no other merge. Bars: {level} intervals. ◆: the pre-alignment model.",
    }
    return {
        "title": {
            "text": f"{contents['about']['method']}: shares of the pre-alignment model",
            "subtitle": subtitle[contents["kind"]],
        },
        "columns": 2,
        "concat": panels,
        "resolve": {"scale": {"color": "independent"}},
    }


def _of_sweep(contents: Entry) -> list[Specification]:
    points = contents["points"]
    panels = [_text_panel(name, contents) for name in contents["about"]["texts"] if len(points) > 1]
    if len(points) > 1 and points[0]["measured"]:
        panels.append(_rates_panel("Harm and over-refusal", ("harm", "over_refusal"), contents))
        panels.append(_rates_panel("Capability", tuple(points[0]["measured"]["capability"]), contents))
    return panels


def _text_panel(name: str, contents: Entry) -> Specification:
    title, words, colour = _TEXTS[name]
    rows = [_change(point, name) for point in contents["points"]]
    pre = _change(contents["ends"]["pre"], name)
    y = {"field": "value", "type": "quantitative", "title": None}
    return {
        **_panel(title, words),
        "layer": [
            {
                "data": {"values": [{"at": 0}]},
                "mark": {"type": "rule", "color": "#94a3b8"},
                "encoding": {"y": {"field": "at", "type": "quantitative"}},
            },
            _band(rows, {"value": colour}),
            {
                "data": {"values": rows},
                "mark": {"type": "line", "color": colour, "point": {"size": 28, "color": colour}},
                "encoding": {"x": _X, "y": y, "tooltip": _tooltip()},
            },
            _diamond([pre], y, {"value": colour}),
        ],
    }


def _change(point: Entry, name: str) -> Row:
    """How much more loss than the aligned model's, which is 0 for that model itself."""
    change = point["texts"][name]["more_than_aligned"] or {"value": 0.0, "low": 0.0, "high": 0.0}
    return {"pre_weight": point["pre_weight"], **{end: change[end] for end in ("value", "low", "high")}}


def _rates_panel(title: str, axes: Sequence[str], contents: Entry) -> Specification:
    rows = [row for point in contents["points"] for row in _rates(point, axes)]
    ends = contents["ends"].get("pre")
    pre = list(_rates(ends, axes)) if ends and ends["measured"] else []
    names = [axis.replace("_", "-") for axis in axes]
    y: Specification = {"field": "value", "type": "quantitative", "title": None, "axis": {"format": "%"}}
    colour = {
        "field": "axis",
        "type": "nominal",
        "title": None,
        "scale": {"domain": names, "range": _colours(axes)},
        "legend": {"columns": 3, "symbolOpacity": 1},
    }
    return {
        **_panel(title, "share of items"),
        "layer": [
            _band(rows, colour),
            {
                "data": {"values": rows},
                "mark": {"type": "line", "point": {"size": 28}},
                "encoding": {"x": _X, "y": y, "color": colour, "tooltip": _tooltip()},
            },
            _diamond(pre, y, colour),
        ],
    }


def _rates(point: Entry, axes: Sequence[str]) -> list[Row]:
    measured = point["measured"]
    rates = {**measured["capability"], "harm": measured["harm"], "over_refusal": measured["over_refusal"]}
    return [
        {
            "pre_weight": point["pre_weight"],
            "axis": axis.replace("_", "-") if axis == "over_refusal" else axis,
            **{end: rates[axis][end] for end in ("value", "low", "high")},
        }
        for axis in axes
    ]


def _of_search(contents: Entry) -> list[Specification]:
    rows = [_searched(point) for point in contents["points"]]
    pre = contents["ends"]["pre"]
    x = {"field": "harm", "type": "quantitative", "title": "harm", "axis": {"format": "%", "tickCount": 6}}
    y = {
        "field": "value",
        "type": "quantitative",
        "title": "mean capability",
        "axis": {"format": "%"},
        "scale": {"zero": False},
    }
    colour = {
        "field": "over_refusal",
        "type": "quantitative",
        "title": "over-refusal",
        "scale": {"scheme": "blues"},
        "legend": {"format": "%", "orient": "right"},
    }
    best = [row for row in rows if row["best"]]
    most = contents["about"]["max_harm"]
    limit = [] if most is None else [{"harm": most}]
    tooltip = [{"field": name} for name in ("shares", "harm", "value", "over_refusal")]
    return [
        {
            "width": 2 * _WIDTH,
            "height": 320,
            "layer": [
                {
                    "data": {"values": limit},
                    "mark": {"type": "rule", "strokeDash": [4, 3], "color": _ALIGNED},
                    "encoding": {"x": x},
                },
                _bar(best, x, "low", "high", "y"),
                _bar(best, y, "harm_low", "harm_high", "x"),
                {
                    "data": {"values": rows},
                    "mark": {"type": "point", "size": 50, "color": "#94a3b8"},
                    "encoding": {"x": x, "y": y, "tooltip": tooltip},
                },
                {
                    "data": {"values": best},
                    "mark": {
                        "type": "circle",
                        "size": 90,
                        "opacity": 1,
                        "stroke": "#1e293b",
                        "strokeWidth": 1,
                    },
                    "encoding": {"x": x, "y": y, "color": colour, "tooltip": tooltip},
                },
                {
                    "data": {"values": [_searched(pre)]},
                    "mark": {
                        "type": "point",
                        "shape": "diamond",
                        "filled": True,
                        "size": 90,
                        "color": _ALIGNED,
                    },
                    "encoding": {"x": x, "y": y},
                },
            ],
        }
    ]


def _searched(point: Entry) -> Row:
    measured = point["measured"]
    capability, harm = measured["mean_capability"], measured["harm"]
    return {
        "shares": point["configuration"],
        "best": point["non_dominated"],
        "over_refusal": measured["over_refusal"]["value"],
        "harm": harm["value"],
        "harm_low": harm["low"],
        "harm_high": harm["high"],
        **{end: capability[end] for end in ("value", "low", "high")},
    }


def _bar(rows: Sequence[Row], across: Specification, low: str, high: str, along: str) -> Specification:
    other = "x" if along == "y" else "y"
    return {
        "data": {"values": list(rows)},
        "mark": {"type": "rule", "color": "#94a3b8", "opacity": 0.6},
        "encoding": {
            other: across,
            along: {"field": low, "type": "quantitative"},
            f"{along}2": {"field": high},
        },
    }


def _band(rows: Sequence[Row], colour: Specification) -> Specification:
    return {
        "data": {"values": list(rows)},
        "mark": {"type": "area", "opacity": 0.18},
        "encoding": {
            "x": _X,
            "y": {"field": "low", "type": "quantitative", "title": None},
            "y2": {"field": "high"},
            "color": colour,
        },
    }


def _diamond(rows: Sequence[Row], y: Specification, colour: Specification) -> Specification:
    return {
        "data": {"values": list(rows)},
        "mark": {"type": "point", "shape": "diamond", "filled": True, "size": 110, "opacity": 1},
        "encoding": {"x": _X, "y": y, "color": colour},
    }


def _panel(title: str, words: str) -> Specification:
    return {
        "width": _WIDTH,
        "height": _HEIGHT,
        "title": {"text": title, "subtitle": words, "fontSize": 13, "offset": 8, "frame": "group"},
    }


def _tooltip() -> list[Specification]:
    return [{"field": name} for name in ("pre_weight", "value", "low", "high")]


def _colours(axes: Sequence[str]) -> list[str]:
    if tuple(axes) == ("harm", "over_refusal"):
        return [_ALIGNED, COLOURS[4]]
    others = [colour for colour in COLOURS if colour != _ALIGNED]
    return [others[at % len(others)] for at in range(len(axes))]
