"""Forest plot of a comparison: B less A by benchmark, with interval, zero line and margin."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, cast

from aligntax.report.charts.save import COLOURS, Specification, ending
from aligntax.report.document import Document

__all__ = ["compared_chart"]

Entry = Mapping[str, Any]

_ROW = 26
_WIDTH = 440
_LABEL = 30
_PANELS = {
    "score": "Scores, B less A, in points (left of 0: worse)",
    "lower": "Scores where less is better, B less A, in points (right of 0: worse)",
    "own": "Other scores, B less A, each in its own unit",
    "completion": "Refused or hedged, B less A, in points (right of 0: worse)",
    "quality": "Preferred by the judge, B less A, in points (left of 0: worse)",
    "safety": "Complied with harmful prompts, B less A, in points (right of 0: worse)",
}
_SPREAD = {"strict": "as the harness scored", "guess credit": "unparsed answers as guesses"}


def compared_chart(contents: Document) -> Specification:
    """The chart of a comparison, as Vega-Lite.

    Args:
        contents: the document `aligntax compare --json` prints.

    Returns:
        One panel for scores, one for the share refused or hedged, one for harmful prompts, as far as there is
        anything to show in each; a row a benchmark.
    """
    about, entries = cast(Entry, contents["about"]), cast(Sequence[Entry], contents["compared"])
    rows = [row for entry in entries for row in _rows(entry, _several_models(entries))]
    panels = [_panel(name, [r for r in rows if r["panel"] == name], about) for name in _PANELS]
    return {
        "title": {"text": "What changed from A to B", "subtitle": [*_models(entries), _legend(about, rows)]},
        "vconcat": [panel for panel in panels if panel],
        "spacing": 24,
        "resolve": {"scale": {"x": "independent", "color": "shared"}},
    }


def _models(entries: Sequence[Entry]) -> list[str]:
    if _several_models(entries) or not entries:
        return []
    return [
        f"{mark}: {ending(entries[0][side]['model'], 80)}" for mark, side in (("A", "first"), ("B", "second"))
    ]


def _legend(about: Entry, rows: Sequence[Entry]) -> str:
    text = f"bars: {about['level']:.0%} intervals"
    if any(row["panel"] != "own" for row in rows):
        points = 100 * about["margin"]
        text += f"; grey band: margin of {points:g} point{'' if points == 1 else 's'}"
    if any(row["unpaired"] for row in rows):
        text += "; diamonds: unpaired"
    return text


def _several_models(entries: Sequence[Entry]) -> bool:
    return len({(entry["first"]["model"], entry["second"]["model"]) for entry in entries}) > 1


def _rows(entry: Entry, several: bool) -> Iterator[dict[str, object]]:
    models = [ending(str(entry[side]["model"]), _LABEL) for side in ("first", "second")]
    name = f"{models[0]}\nto {models[1]}" if several else ending(str(entry["benchmark"]), _LABEL)
    unpaired = not entry["pairing"]["paired"]
    for scores in entry["scores"]:
        in_points = scores["difference"]["unit"] == "difference"
        panel = ("score" if entry["higher_is_better"] else "lower") if in_points else "own"
        metric = str(entry["metric"]).partition(",")[0]
        full = (
            name
            if several or metric in ("", "acc", "correct", "score")
            else ending(f"{name} {metric}", _LABEL)
        )
        yield from _row(panel, full, scores["convention"], scores["difference"], unpaired)
    if entry["completion"]:
        harmful = entry["completion"]["harmful"]
        rate = entry["completion"]["rates"]["complied" if harmful else "completion_tax"]
        panel = "safety" if harmful else "completion"
        yield from _row(panel, name, "strict", rate["difference"], unpaired)

    if entry.get("quality"):
        yield from _row("quality", name, "strict", entry["quality"]["preferred"]["difference"], unpaired)


def _row(panel: str, name: str, convention: str, gap: Entry, unpaired: bool) -> Iterator[dict[str, object]]:
    if gap["value"] is None or gap["low"] is None:
        return
    factor = 1 if panel == "own" else 100
    ends = {end: round(factor * gap[end], 6) for end in ("value", "low", "high")}
    yield {
        "panel": panel,
        "name": name,
        "convention": _SPREAD[convention],
        "unpaired": unpaired,
        "items": gap["n"],
        **ends,
    }


def _panel(name: str, rows: list[dict[str, object]], about: Entry) -> Specification | None:
    if not rows:
        return None
    both = len({row["convention"] for row in rows}) > 1
    names = list(dict.fromkeys(str(row["name"]) for row in rows))
    two_lines = any("\n" in name for name in names)
    layers = [*_ground(name, about), *_marks(both)]
    return {
        "title": {"text": _PANELS[name], "fontSize": 12, "fontWeight": "normal", "offset": 6},
        "data": {"values": rows},
        "width": _WIDTH,
        "height": _ROW * (1.5 if both or two_lines else 1) * len(names),
        "encoding": {
            "y": {
                "field": "name",
                "type": "nominal",
                "sort": names,
                "title": None,
                "axis": {
                    "labelExpr": "split(datum.label, '\\n')",
                    "labelLimit": 220,
                    "labelOffset": -6 if two_lines else 0,
                },
            }
        },
        "layer": layers,
    }


def _ground(name: str, about: Entry) -> Iterator[Specification]:
    """The margin and the zero line, under everything else."""
    if name != "own":
        margin = 100 * about["margin"]
        yield {
            "data": {"values": [{"low": -margin, "high": margin}]},
            "mark": {"type": "rect", "color": "#e2e8f0", "opacity": 0.8},
            "encoding": {
                "x": {"field": "low", "type": "quantitative"},
                "x2": {"field": "high"},
                "y": {"value": 0},
                "y2": {"value": "height"},
            },
        }
    whole = {"y": {"value": 0}, "y2": {"value": "height"}}
    yield {
        "data": {"values": [{"zero": 0}]},
        "mark": {"type": "rule", "color": "#475569", "strokeWidth": 1},
        "encoding": {"x": {"field": "zero", "type": "quantitative"}, **whole},
    }


def _marks(both: bool) -> Iterator[Specification]:
    """Interval, point and value; two conventions stand one under the other."""
    under: Specification = {"field": "convention", "type": "nominal", "sort": list(_SPREAD.values())}
    offset = {"yOffset": under} if both else {}
    colour: Specification = (
        {
            "field": "convention",
            "type": "nominal",
            "title": None,
            "legend": {"labelLimit": 300},
            "scale": {"domain": list(_SPREAD.values()), "range": list(COLOURS[:2])},
        }
        if both
        else {"value": COLOURS[0]}
    )
    signed = {"format": "+~g", "labelExpr": "datum.value == 0 ? '0' : datum.label"}
    x = {"type": "quantitative", "title": None, "axis": signed}
    yield {
        "mark": {"type": "rule", "strokeWidth": 2},
        "encoding": {"x": {"field": "low", **x}, "x2": {"field": "high"}, "color": colour, **offset},
    }
    yield {
        "mark": {"type": "point", "filled": True, "size": 60, "opacity": 1},
        "encoding": {
            "x": {"field": "value", **x},
            "color": colour,
            "shape": {"condition": {"test": "datum.unpaired", "value": "diamond"}, "value": "circle"},
            **offset,
            "tooltip": [{"field": f} for f in ("name", "convention", "value", "low", "high", "items")],
        },
    }
