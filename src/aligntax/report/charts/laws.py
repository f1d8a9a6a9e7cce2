"""Tax against KL, on capability text and on the alignment prompts, side by side."""

from collections.abc import Mapping, Sequence
from typing import Any, cast

from aligntax.errors import UsageError
from aligntax.report.charts.save import COLOURS, Specification
from aligntax.report.document import Document
from aligntax.report.laws import TITLES

__all__ = ["laws_chart"]

_WIDTH, _HEIGHT = 275, 270
_MOST_METHODS = len(COLOURS)
_OF_LAW = "#334155"
_OTHER = "other methods"


def laws_chart(document: Document) -> Specification:
    """The chart: a point a checkpoint, the law used with its prediction band, the other laws as thin lines.

    Args:
        document: of `laws_document`.

    Raises:
        UsageError: no law of a KL was fitted.
    """
    settings = [s for s in cast(Sequence[Any], document["settings"]) if s["on"].startswith("kl_")]
    panels = [setting for setting in settings if setting["response"] == "tax"]
    if not panels:
        raise UsageError(
            "there is no tax by KL to draw",
            hint="a chart takes columns tax and kl_capability or kl_alignment",
        )
    points = _coloured(cast(Sequence[Mapping[str, Any]], document["points"]))
    level = cast(Mapping[str, Any], document["about"])["level"]
    return {
        "title": {
            "text": "Tax against KL",
            "subtitle": [
                f"Line: the law used. Band: {level:.0%} prediction interval, for a checkpoint of a new run.",
                "Dashed: the other laws.",
            ],
        },
        "hconcat": [_panel(setting, points) for setting in panels],
        "resolve": {"scale": {"y": "shared", "color": "shared"}},
    }


def _coloured(points: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Points with the method to colour by; beyond as many methods as colours the rarest share one."""
    counts: dict[str, int] = {}
    for point in points:
        counts[point["method"]] = counts.get(point["method"], 0) + 1
    named = sorted(counts, key=lambda name: -counts[name])
    if len(named) > _MOST_METHODS:
        named = named[: _MOST_METHODS - 1]
    return [{**point, "method": point["method"] if point["method"] in named else _OTHER} for point in points]


def _panel(setting: Mapping[str, Any], points: Sequence[Mapping[str, Any]]) -> Specification:
    used = next(law for law in setting["laws"] if law["law"] == setting["used"])
    r_squared = used["r_squared"]
    explained = "R² unknown" if r_squared["value"] is None else f"R² {_short(r_squared)}"
    said = used["form"] if setting["verdict"] == "holds" else setting["verdict"]
    own = [point for point in points if point.get(setting["on"]) is not None]
    return {
        "width": _WIDTH,
        "height": _HEIGHT,
        "title": {
            "text": TITLES[setting["on"]],
            "subtitle": f"{said}; {explained}",
            "fontSize": 13,
            "offset": 8,
        },
        "layer": [_band(used), *_others(setting, used), _line(used), _marks(setting["on"], own)],
    }


def _short(estimate: Mapping[str, Any]) -> str:
    return f"{estimate['value']:.2f} ({estimate['low']:.2f} to {estimate['high']:.2f})"


def _rows(law: Mapping[str, Any]) -> list[dict[str, Any]]:
    names = list(law["curve"])
    return [dict(zip(names, row, strict=True)) for row in zip(*law["curve"].values(), strict=True)]


def _x(title: str | None = "nats") -> Specification:
    return {"type": "quantitative", "title": title, "scale": {"zero": True}, "axis": {"tickCount": 5}}


def _band(law: Mapping[str, Any]) -> Specification:
    return {
        "data": {"values": _rows(law)},
        "mark": {"type": "area", "color": _OF_LAW, "opacity": 0.12, "clip": True},
        "encoding": {
            "x": {"field": "x", **_x()},
            "y": {"field": "low", "type": "quantitative", "title": "tax"},
            "y2": {"field": "high"},
        },
    }


def _line(law: Mapping[str, Any]) -> Specification:
    return {
        "data": {"values": _rows(law)},
        "mark": {"type": "line", "color": _OF_LAW, "strokeWidth": 2},
        "encoding": {"x": {"field": "x", **_x()}, "y": {"field": "value", "type": "quantitative"}},
    }


def _others(setting: Mapping[str, Any], used: Mapping[str, Any]) -> list[Specification]:
    return [
        {
            "data": {"values": _rows(law)},
            "mark": {"type": "line", "color": "#94a3b8", "strokeWidth": 1, "strokeDash": [4, 3]},
            "encoding": {"x": {"field": "x", **_x()}, "y": {"field": "value", "type": "quantitative"}},
        }
        for law in setting["laws"]
        if law is not used
    ]


def _marks(on: str, points: Sequence[Mapping[str, Any]]) -> Specification:
    named = {point["method"] for point in points} - {""}
    colour: Specification = {"value": COLOURS[0]}
    if named:
        colour = {"field": "method", "type": "nominal", "title": None, "legend": {"columns": 6}}
    tooltip = [{"field": name} for name in ("method", "run", "tax", on)]
    return {
        "data": {"values": list(points)},
        "mark": {"type": "point", "filled": True, "size": 32, "opacity": 0.75},
        "encoding": {
            "x": {"field": on, **_x()},
            "y": {"field": "tax", "type": "quantitative"},
            "color": colour,
            "tooltip": tooltip,
        },
    }
