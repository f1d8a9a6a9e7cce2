"""Harm across, capability upward: each method's curve along its knob, with the cap and the matched harm."""

import itertools
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, cast

from aligntax.report.charts.save import COLOURS, Specification
from aligntax.report.document import Document
from aligntax.report.frontier import percent

__all__ = ["frontier_chart"]

_WIDTH, _HEIGHT = 600, 400
_LETTER, _LINE = 6.2, 12.0  # pixels of a label's letter and line
_MARGIN = 0.04
Place = tuple[float, float]
Box = tuple[float, float, float, float]


def frontier_chart(contents: Document) -> Specification:
    """The chart of a frontier document.

    Args:
        contents: of `frontier_document`.

    Returns:
        Vega-Lite. Hollow points are over the cap on over-refusal; ringed ones are not dominated on the
        three axes; labels are knobs, and those that would cover each other are left out.
    """
    rows = [
        _row(entry, at)
        for at, entry in enumerate(cast(Sequence[Mapping[str, Any]], contents["configurations"]))
    ]
    across, upward = _domains(rows, contents)
    names = list(dict.fromkeys(row["method"] for row in rows))
    colour = {
        "field": "method",
        "type": "nominal",
        "title": None,
        "scale": {"domain": names, "range": [COLOURS[at % len(COLOURS)] for at in range(len(names))]},
    }
    x = {
        "field": "harm",
        "type": "quantitative",
        "title": "harm: share of harmful requests complied with",
        "scale": {"domain": list(across), "nice": False, "zero": False},
        "axis": {"format": "%"},
    }
    y = {
        "field": "kept",
        "type": "quantitative",
        "title": "capability kept, share of the reference's above chance",
        "scale": {"domain": list(upward), "nice": False, "zero": False},
        "axis": {"format": "%"},
    }
    return {
        "title": {"text": "Capability kept against harm", "subtitle": _subtitle(contents)},
        "width": _WIDTH,
        "height": _HEIGHT,
        "data": {"values": rows},
        "layer": [
            *_rules(contents),
            {
                "mark": {"type": "line", "strokeWidth": 1.5, "opacity": 0.8},
                "encoding": {"x": x, "y": y, "color": colour, "order": {"field": "order"}},
            },
            _bars({"x": x, "x2": {"field": "harm_high"}, "y": y, "color": colour}, "harm_low", "x"),
            _bars({"x": x, "y": y, "y2": {"field": "kept_high"}, "color": colour}, "kept_low", "y"),
            *_points(x, y, colour),
            _labels(rows, across, upward, colour),
        ],
    }


def _row(entry: Mapping[str, Any], at: int) -> dict[str, Any]:
    harm, tax = entry["harm"], entry["tax"]
    return {
        "method": entry["method"],
        "knob": entry["knob"],
        "order": at,
        "harm": harm["value"],
        "harm_low": harm["low"],
        "harm_high": harm["high"],
        "kept": 1 - tax["value"],
        "kept_low": 1 - tax["value"] if tax["high"] is None else 1 - tax["high"],
        "kept_high": 1 - tax["value"] if tax["low"] is None else 1 - tax["low"],
        "over_refusal": entry["over_refusal"]["value"],
        "allowed": entry["allowed"],
        "front": entry["on_front"],
    }


def _domains(rows: Sequence[Mapping[str, Any]], contents: Document) -> tuple[Place, Place]:
    """Ends of the axes: every interval, the matched harm and the reference are in sight."""
    harm = contents["harm"]
    right = max([row["harm_high"] for row in rows] + ([] if harm is None else [cast(float, harm)]))
    low = min([row["kept_low"] for row in rows] + [1.0])
    high = max([row["kept_high"] for row in rows] + [1.0])
    room = _MARGIN * (high - low)
    return (0.0, min(1.0, right * (1 + _MARGIN))), (low - room, high + room)


def _subtitle(contents: Document) -> list[str]:
    cap, level = contents["over_refusal"], percent(cast(float, contents["level"]))
    hollow = "" if cap is None else f"hollow: over-refusal above {percent(cast(float, cap))}; "
    return [f"{hollow}ringed: not dominated on harm, over-refusal and capability; bars: {level} intervals"]


def _rules(contents: Document) -> Iterator[Specification]:
    """The reference across, the matched harm upward."""
    grey = {"color": "#64748b"}
    before = {"data": {"values": [{"at": 1, "text": "before alignment"}]}}
    yield before | {
        "mark": {"type": "rule", "strokeDash": [2, 3], **grey},
        "encoding": {"y": {"field": "at", "type": "quantitative"}},
    }
    yield before | {
        "mark": {"type": "text", "align": "left", "dy": -6, "fontSize": 10, **grey},
        "encoding": {
            "x": {"value": 4},
            "y": {"field": "at", "type": "quantitative"},
            "text": {"field": "text"},
        },
    }
    if contents["harm"] is not None:
        harm = cast(float, contents["harm"])
        at = {"data": {"values": [{"at": harm, "text": f"compared at {percent(harm)}"}]}}
        across = {"field": "at", "type": "quantitative"}
        yield at | {"mark": {"type": "rule", "strokeDash": [6, 4], **grey}, "encoding": {"x": across}}
        yield at | {
            "mark": {"type": "text", "align": "left", "dx": 5, "fontSize": 10, **grey},
            "encoding": {"x": across, "y": {"value": _HEIGHT - 8}, "text": {"field": "text"}},
        }


def _bars(encoding: Mapping[str, Any], start: str, channel: str) -> Specification:
    return {
        "mark": {"type": "rule", "strokeWidth": 1, "opacity": 0.35},
        "encoding": {**encoding, channel: {**encoding[channel], "field": start}},
    }


def _points(x: Specification, y: Specification, colour: Specification) -> Iterator[Specification]:
    yield {
        "transform": [{"filter": "datum.front"}],
        "mark": {"type": "point", "size": 150, "strokeWidth": 1.2, "color": "#0f172a", "opacity": 1},
        "encoding": {"x": x, "y": y},
    }
    tooltip = [
        {"field": "method", "title": "method"},
        {"field": "knob", "title": "configuration"},
        *(
            {"field": name, "title": title, "format": ".1%"}
            for name, title in (
                ("harm", "harm"),
                ("over_refusal", "over-refusal"),
                ("kept", "capability kept"),
            )
        ),
    ]
    for allowed in (True, False):
        fill = {} if allowed else {"fill": "white"}
        yield {
            "transform": [{"filter": "datum.allowed" if allowed else "!datum.allowed"}],
            "mark": {
                "type": "point",
                "size": 55,
                "filled": allowed,
                "opacity": 1,
                "strokeWidth": 1.8,
                **fill,
            },
            "encoding": {"x": x, "y": y, "color": colour, "tooltip": tooltip},
        }


def _labels(
    rows: Sequence[Mapping[str, Any]], across: Place, upward: Place, colour: Specification
) -> Specification:
    placed = [
        {"method": row["method"], "knob": row["knob"], "left": left, "top": top}
        for row, (left, top) in _placed(rows, across, upward)
    ]
    return {
        "data": {"values": placed},
        "mark": {"type": "text", "align": "left", "baseline": "top", "fontSize": 10},
        "encoding": {
            "x": {"field": "left", "type": "quantitative"},
            "y": {"field": "top", "type": "quantitative"},
            "text": {"field": "knob"},
            "color": colour,
        },
    }


def _placed(
    rows: Sequence[Mapping[str, Any]], across: Place, upward: Place
) -> Iterator[tuple[Mapping[str, Any], Place]]:
    """A place for each label beside its point that covers no point and no other label, if there is one.

    One that covers no line either is preferred.
    """
    at = [_pixels(row, across, upward) for row in rows]
    lines = list(_along([row["method"] for row in rows], at))
    taken: list[Box] = [(x - 6, y - 6, x + 6, y + 6) for x, y in at]
    for row, (x, y) in zip(rows, at, strict=True):
        wide = _LETTER * len(row["knob"])
        corners = [(x + dx, y + dy) for dx in (7, -7 - wide) for dy in (-7 - _LINE, 4)] if wide else []
        boxes = [(left, top, left + wide, top + _LINE) for left, top in corners]
        free = [box for box in boxes if box[0] >= 0 and box[2] <= _WIDTH and not _covers(box, taken)]
        clear = [box for box in free if not _covers(box, lines)]
        for box in (clear or free)[:1]:
            taken.append(box)
            yield row, _values(box[:2], across, upward)


def _along(methods: Sequence[str], at: Sequence[Place]) -> Iterator[Box]:
    """Small boxes along the line of each method."""
    for name in dict.fromkeys(methods):
        points = [place for method, place in zip(methods, at, strict=True) if method == name]
        for (x, y), (other_x, other_y) in itertools.pairwise(points):
            steps = 1 + int(max(abs(other_x - x), abs(other_y - y)) / 4)
            for step in range(steps):
                here, there = x + (other_x - x) * step / steps, y + (other_y - y) * step / steps
                yield here - 1, there - 1, here + 1, there + 1


def _pixels(row: Mapping[str, Any], across: Place, upward: Place) -> Place:
    x = (row["harm"] - across[0]) / (across[1] - across[0]) * _WIDTH
    return x, (upward[1] - row["kept"]) / (upward[1] - upward[0]) * _HEIGHT


def _values(pixels: Place, across: Place, upward: Place) -> Place:
    x, y = pixels
    return across[0] + x / _WIDTH * (across[1] - across[0]), upward[1] - y / _HEIGHT * (upward[1] - upward[0])


def _covers(box: Box, others: Sequence[Box]) -> bool:
    left, top, right, bottom = box
    return any(left < r and x < right and top < b and y < bottom for x, y, r, b in others)
