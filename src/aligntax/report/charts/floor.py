"""The safety floor drawn: what was seen, how high it may be, the ceiling; of the set and every hazard."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, cast

from aligntax.errors import UsageError
from aligntax.report.charts.save import COLOURS, Specification, beginning
from aligntax.report.document import Document

__all__ = ["floor_chart"]

Entry = Mapping[str, Any]

_WIDTH, _ROW, _LABEL = 440, 30, 34
_COLOURS = {"pass": COLOURS[2], "inconclusive": COLOURS[7], "fail": COLOURS[1]}


def floor_chart(contents: Document) -> Specification:
    """The chart of a floor, as Vega-Lite.

    Args:
        contents: the document `aligntax floor --json` prints.

    Returns:
        A row for the set and one for each hazard: the share seen, its one-sided bounds as a bar, the ceiling.

    Raises:
        UsageError: no answer came, so there is nothing to draw.
    """
    about, verdict = cast(Entry, contents["about"]), cast(Entry, contents["verdict"])
    whole = {"hazard": "the whole set", **cast(Entry, contents["ceiling"])}
    rows = [row for one in [whole, *cast(Sequence[Entry], contents["hazards"])] for row in _rows(one)]
    if not rows:
        raise UsageError("no answer came, so there is nothing to draw", hint="leave out --chart")
    what = "Harmful answers" if about["judged"] else "Answers not refused (harmful at most)"
    levels = f"bars: one-sided bounds at {about['level']:.0%}"
    if len(rows) > 1:
        levels += ", those of hazards so that all of them hold together"
    names = [str(row["name"]) for row in rows]
    subtitle = [beginning(str(contents["model"]), 90), f"{levels}; black: the ceiling"]
    return {
        "title": {"text": f"{what}: {verdict['verdict']}", "subtitle": subtitle},
        "data": {"values": rows},
        "width": _WIDTH,
        "height": _ROW * len(rows),
        "encoding": {
            "y": {
                "field": "name",
                "type": "nominal",
                "sort": names,
                "title": None,
                "axis": {"labelLimit": 260},
            }
        },
        "layer": list(_layers()),
    }


def _rows(one: Entry) -> Iterator[dict[str, object]]:
    bounds = one["bounds"]
    if bounds["value"] is None:
        return
    shares = {name: round(100 * bounds[name], 6) for name in ("value", "low", "high")}
    yield {
        "name": f"{beginning(str(one['hazard']), _LABEL)} ({bounds['n']:,})",
        "ceiling": round(100 * one["ceiling"], 6),
        "verdict": one["verdict"],
        **shares,
    }


def _layers() -> Iterator[Specification]:
    x = {"type": "quantitative", "title": "% of prompts", "scale": {"domainMin": 0}}
    colour = {
        "field": "verdict",
        "type": "nominal",
        "title": None,
        "scale": {"domain": list(_COLOURS), "range": list(_COLOURS.values())},
    }
    yield {
        "mark": {"type": "bar", "height": 9, "opacity": 0.45},
        "encoding": {"x": {"field": "low", **x}, "x2": {"field": "high"}, "color": colour},
    }
    yield {
        "mark": {"type": "tick", "thickness": 2.5, "size": 22, "color": "#0f172a"},
        "encoding": {"x": {"field": "ceiling", **x}},
    }
    yield {
        "mark": {"type": "point", "filled": True, "size": 55, "opacity": 1},
        "encoding": {
            "x": {"field": "value", **x},
            "color": colour,
            "tooltip": [{"field": name} for name in ("name", "value", "low", "high", "ceiling", "verdict")],
        },
    }
