"""Overlap of capability's and safety's important weights by layer, between chance and what noise allows."""

from collections.abc import Mapping, Sequence
from typing import Any, cast

from aligntax.report.charts.save import COLOURS, Specification, ending
from aligntax.report.document import Document

__all__ = ["fisher_chart"]

_WIDTH, _HEIGHT = 600, 190
_OURS, _CEILING, _CHANCE = "capability against safety", "half against half of the same data", "chance"
_SCALE = {"domain": [_OURS, _CEILING, _CHANCE], "range": [COLOURS[0], COLOURS[2], COLOURS[7]]}


def fisher_chart(document: Document) -> Specification:
    """The chart of a Fisher document: both measures of overlap, layer by layer.

    Args:
        document: from `fisher_document`.
    """
    settings = cast(Mapping[str, Any], document["settings"])
    data = cast(Mapping[str, Mapping[str, Any]], document["data"])
    files = (
        f"{name}: {ending(str(about['file']), 70)}, {about['texts']:,} texts" for name, about in data.items()
    )
    panels = (
        ("overlap", "Fisher overlap"),
        ("top", f"Share of the top {100 * settings['top']:g} % in common"),
    )
    return {
        "title": {
            "text": "Do capability and safety rest on the same weights?",
            "subtitle": [ending(str(document["model"]), 70), *files],
        },
        "vconcat": [_panel(document, *panel) for panel in panels],
        "spacing": 28,
    }


def _panel(document: Document, measure: str, title: str) -> Specification:
    layers = cast(Sequence[Mapping[str, Any]], document["layers"])
    order = [part["part"] for part in layers]
    level = cast(Mapping[str, Any], document["settings"])["level"]
    step = 1 + len(order) // 24
    shown = [name for name in order if not name.isdigit() or int(name) % step == 0]
    angle = 0 if len(order) <= 12 and max(map(len, order)) <= 12 else -40
    x = {
        "field": "layer",
        "type": "ordinal",
        "sort": order,
        "title": "layer",
        "axis": {"labelAngle": angle, "values": shown},
    }
    colour: dict[str, Any] = {"field": "series", "type": "nominal", "scale": _SCALE, "title": None}
    colour["legend"] = {"orient": "top", "labelLimit": 300, "offset": 6, "symbolOpacity": 1}
    y: dict[str, Any] = {
        "field": "value",
        "type": "quantitative",
        "title": None,
        "scale": {"domain": [0, 1], "nice": False},
    }
    if measure == "top":
        y["axis"] = {"format": "%"}
    return {
        "title": {"text": f"{title}, {level:.0%} intervals", "fontSize": 13, "offset": 6, "frame": "group"},
        "width": _WIDTH,
        "height": _HEIGHT,
        "encoding": {"x": x},
        "layer": [
            _bars(_rows(layers, measure, "chance", _CHANCE), {**y}, colour, band=True),
            _bars(_rows(layers, measure, "ceiling", _CEILING), {**y}, colour, band=True),
            _bars(_rows(layers, measure, "value", _OURS), {**y}, colour, band=False),
        ],
    }


def _rows(
    layers: Sequence[Mapping[str, Any]], measure: str, name: str, series: str
) -> list[dict[str, object]]:
    found = ((part["part"], part[measure][name]) for part in layers)
    return [
        {"layer": layer, "series": series, **{end: estimate[end] for end in ("value", "low", "high")}}
        for layer, estimate in found
        if estimate["value"] is not None
    ]


def _bars(
    rows: list[dict[str, object]], y: dict[str, object], colour: Specification, *, band: bool
) -> Specification:
    """What is measured as a point with its interval; a mark to compare with as a pale bar with a tick."""
    ends = {"y": {**y, "field": "low"}, "y2": {"field": "high"}, "color": colour}
    interval: Specification = {"mark": {"type": "rule", "strokeWidth": 2}, "encoding": ends}
    centre: Specification = {"type": "point", "filled": True, "size": 60, "opacity": 1}
    if band:
        interval = {"mark": {"type": "bar", "width": {"band": 0.8}, "opacity": 0.25}, "encoding": ends}
        centre = {"type": "tick", "thickness": 2, "width": {"band": 0.8}}
    return {
        "data": {"values": rows},
        "layer": [interval, {"mark": centre, "encoding": {"y": y, "color": colour}}],
    }
