"""Waterfall of a training: where it started, what every stage changed, where it ended."""

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, cast

from aligntax.errors import UsageError
from aligntax.report.charts.save import COLOURS, Specification, ending
from aligntax.report.document import Document

__all__ = ["stages_chart"]

Entry = Mapping[str, Any]
Row = dict[str, Any]

_WIDTH, _HEIGHT = 248, 170
_MOST_PANELS = 4
"""Benchmarks with a panel of their own; of more their mean is drawn."""
_LABEL = 18
_LETTER = 6.5
_END = "end"
_WAYS = {"worse": COLOURS[1], "better": COLOURS[2], "either": COLOURS[0], "level": "#334155"}


def stages_chart(contents: Document) -> Specification:
    """The chart of a training, as Vega-Lite.

    Args:
        contents: the document `aligntax stages --json` prints.

    Returns:
        A waterfall for every benchmark (for their mean where they are many), one for the share of benign
        prompts refused or hedged, one for harmful prompts complied with, one for length.

    Raises:
        UsageError: there is nothing to draw.
    """
    about, entries = cast(Entry, contents["about"]), cast(Sequence[Entry], contents["staged"])
    names = [str(stage["name"]) for stage in cast(Sequence[Entry], contents["stages"])]
    labels = _labels(names)
    panels = [panel for panel in _panels(contents, entries, labels) if panel]
    if not panels:
        raise UsageError("there is nothing to draw", hint="leave out --chart; see the notes of the tables")
    level = f"{about['level']:.0%}"
    legend = [
        "Bars: what a stage changed; worse in orange, better in green, neither in blue.",
        f"Lines: {level} intervals, on a bar of the change; for lengths and means of the level reached.",
    ]
    return {
        "title": {"text": "What every stage changed", "subtitle": [ending(" → ".join(names), 100), *legend]},
        "concat": panels,
        "columns": 2,
        "bounds": "flush",
        "spacing": {"row": 124 if _crowded([*labels, _END]) else 84, "column": 56},
    }


def _panels(contents: Document, entries: Sequence[Entry], labels: Sequence[str]) -> Iterator[Specification]:
    scored = [entry for entry in entries if entry["scores"]]
    if len(scored) <= _MOST_PANELS:
        yield from (_scores(entry, labels) for entry in scored)
    elif contents["mean"]:
        yield _mean(cast(Entry, contents["mean"]), labels)
    for entry in entries:
        if entry["completion"]:
            yield _rates(entry, labels)
    for entry in entries:
        if entry["verbosity"] and entry["prompt_type"] != "harmful":
            yield _lengths(entry, labels)


def _scores(entry: Entry, labels: Sequence[str]) -> Specification:
    scores = entry["scores"][0]
    shares = scores["means"][0]["unit"] == "rate"
    rows = _waterfall(
        scores["means"],
        [step["difference"] for step in scores["steps"]],
        labels,
        factor=100 if shares else 1,
        better=1 if entry["higher_is_better"] else -1,
    )
    return _panel(f"score{', %' if shares else ''}", rows, str(entry["benchmark"]))


def _mean(mean: Entry, labels: Sequence[str]) -> Specification:
    """What is left of the start's score above a guess; a step is what it took of that."""
    left = [{"value": 1.0, "low": None, "high": None}]
    for tax in mean["since_start"]:
        low, high = (None if tax[end] is None else 1 - tax[end] for end in ("high", "low"))
        left.append({"value": None if tax["value"] is None else 1 - tax["value"], "low": low, "high": high})
    rows = _waterfall(left, [None] * (len(left) - 1), labels, factor=100, better=1)
    return _panel(
        "score above a guess, % of the start's", rows, f"mean of {len(mean['benchmarks'])} benchmarks"
    )


def _rates(entry: Entry, labels: Sequence[str]) -> Specification:
    found = entry["completion"]
    lead = "complied" if found["harmful"] else "completion_tax"
    steps = [step["rates"][lead]["difference"] for step in found["steps"]]
    rows = _waterfall(found["rates"][lead], steps, labels, factor=100, better=-1)
    what = "harmful prompts complied with" if found["harmful"] else "benign prompts refused or hedged"
    return _panel(f"{what}, %", rows, str(entry["benchmark"]))


def _lengths(entry: Entry, labels: Sequence[str]) -> Specification:
    """Lengths as a multiple of the start's; longer is neither better nor worse."""
    ratios = [
        {"value": 0.0, "low": None, "high": None},
        *(r["log_ratio"] for r in entry["verbosity"]["since_start"]),
    ]
    times = [
        {end: None if r[end] is None else math.exp(r[end]) for end in ("value", "low", "high")}
        for r in ratios
    ]
    rows = _waterfall(times, [None] * (len(times) - 1), labels, factor=1, better=0)
    return _panel("length of answers, times that of the start", rows, str(entry["benchmark"]))


def _waterfall(
    levels: Sequence[Entry],
    steps: Sequence[Entry | None],
    labels: Sequence[str],
    *,
    factor: float,
    better: int,
) -> list[Row]:
    """Start, a bar a stage from the level before to its own, end.

    The line on a bar is the interval of its change, laid at the level before; of a step without one it is the
    interval of the level.
    """
    if any(level["value"] is None for level in levels):
        return []
    rows = [_level(labels[0], levels[0], factor)]
    for at, step in enumerate(steps, start=1):
        before, after = levels[at - 1]["value"], levels[at]["value"]
        ends = _ends(step, before) if step else (levels[at]["low"], levels[at]["high"])
        rows.append(
            {
                "stage": labels[at],
                "kind": "step",
                "from": _times(factor, before),
                "to": _times(factor, after),
                "low": _times(factor, ends[0]),
                "high": _times(factor, ends[1]),
                "way": _way(after - before, better),
                "text": f"{factor * (after - before):+.{1 if factor == 100 else 2}f}",
            }
        )
    return [*rows, _level(_END, levels[-1], factor)]


def _level(name: str, level: Entry, factor: float) -> Row:
    value = _times(factor, level["value"])
    ends = {end: _times(factor, level[end]) for end in ("low", "high")}
    text = f"{value:.{1 if factor == 100 else 2}f}"
    return {"stage": name, "kind": "level", "from": value, "to": value, "way": "level", "text": text, **ends}


def _ends(step: Entry, before: float) -> tuple[float | None, float | None]:
    if step["value"] is None or step["low"] is None or step["high"] is None:
        return None, None
    return before + step["low"], before + step["high"]


def _way(change: float, better: int) -> str:
    if not change or not better:
        return "either"
    return "better" if change * better > 0 else "worse"


def _times(factor: float, value: float | None) -> float | None:
    return None if value is None else round(factor * value, 6)


def _panel(title: str, rows: list[Row], subtitle: str) -> Specification:
    if not rows:
        return {}
    order = list(dict.fromkeys(str(row["stage"]) for row in rows))
    colour = {"field": "way", "type": "nominal", "legend": None}
    colour["scale"] = {"domain": list(_WAYS), "range": list(_WAYS.values())}  # type: ignore[assignment]
    y: Specification = {"type": "quantitative", "title": None, "scale": {"zero": False, "nice": True}}
    heading = {"text": title, "subtitle": ending(subtitle, 44), "subtitleFontSize": 10}
    return {
        "title": {**heading, "fontSize": 12, "fontWeight": "normal", "offset": 8},
        "data": {"values": rows},
        "width": _WIDTH,
        "height": _HEIGHT,
        "encoding": {
            "x": {
                "field": "stage",
                "type": "nominal",
                "sort": order,
                "title": None,
                "axis": {"labelAngle": -30 if _crowded(order) else 0, "labelLimit": 110},
            }
        },
        "layer": list(_layers(colour, y)),
    }


def _layers(colour: Specification, y: Specification) -> Iterator[Specification]:
    steps, levels = ({"filter": f"datum.kind == '{kind}'"} for kind in ("step", "level"))
    yield {
        "transform": [steps],
        "mark": {"type": "bar", "size": 26, "opacity": 0.85},
        "encoding": {"y": {"field": "from", **y}, "y2": {"field": "to"}, "color": colour},
    }
    yield {
        "transform": [levels],
        "mark": {"type": "tick", "thickness": 3, "size": 30},
        "encoding": {"y": {"field": "to", **y}, "color": colour},
    }
    yield {
        "transform": [{"filter": "datum.low != null && datum.high != null"}],
        "mark": {"type": "rule", "color": "#0f172a", "strokeWidth": 1.2},
        "encoding": {"y": {"field": "low", **y}, "y2": {"field": "high"}},
    }
    yield {
        "transform": [{"calculate": "max(datum.from, datum.to, datum.high)", "as": "top"}],
        "mark": {"type": "text", "dy": -7, "fontSize": 10, "color": "#334155"},
        "encoding": {"y": {"field": "top", **y}, "text": {"field": "text"}},
    }


def _labels(names: Sequence[str]) -> list[str]:
    """Names without what all of them begin with, cut to what fits and still different."""
    start = (
        len(names[0])
        if len(names) == 1
        else next((at for at, letters in enumerate(zip(*names, strict=False)) if len(set(letters)) > 1), 0)
    )
    start = max((names[0][:start].rfind(mark) + 1 for mark in "-_/ "), default=0)
    found = [ending(name[start:] or name, _LABEL) for name in names]
    return found if len(set(found)) == len(found) else [f"{at}. {name}" for at, name in enumerate(found)]


def _crowded(labels: Sequence[str]) -> bool:
    """Whether names side by side would run into each other."""
    return max(map(len, labels)) * _LETTER > _WIDTH / len(labels)
