"""What alarming words do: outcomes by wording, the net effect of every term, the safety twin."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, cast

from aligntax.report.charts.save import COLOURS, Specification, beginning
from aligntax.report.document import Document

__all__ = ["counterfactual_chart"]

Entry = Mapping[str, Any]
Row = dict[str, object]

_WIDTH, _ROW, _LABEL = 420, 22, 34
_MOST = 20
_VARIANTS = {
    "trigger": "alarming words",
    "original": "as it was, asked again",
    "control": "another word changed",
    "neutral": "neutral words",
}
_FOUND = {"more": COLOURS[1], "less": COLOURS[2], "none": COLOURS[0], "cannot tell": "#64748b"}
_WORDS = {
    "more": "more refusals",
    "less": "fewer refusals",
    "none": "no effect beyond the margin",
    "cannot tell": "cannot tell",
}


def counterfactual_chart(contents: Document) -> Specification:
    """The chart of a counterfactual run, as Vega-Lite.

    Args:
        contents: the document `aligntax counterfactual --json` prints, of one model or more.

    Returns:
        For every model: share refused by wording; net effect of all terms and of each, with the margin; share
        of harmful requests complied with, in their own and in neutral words.
    """
    about, models = cast(Entry, contents["about"]), cast(Sequence[Entry], contents["models"])
    title = {
        "text": "What the alarming words cost",
        "subtitle": [f"bars: {about['level']:.0%} intervals; grey band: margin of {_margin(about)} points"],
    }
    columns = [
        {
            "vconcat": list(_panels(one, about)),
            "spacing": 22,
            "title": _heading(one),
            "resolve": {"scale": {"color": "independent"}},
        }
        for one in models
    ]
    return {"title": {**title, "fontSize": 16}, "hconcat": columns, "spacing": 40}


def _margin(about: Entry) -> str:
    return f"{100 * about['margin']:g}"


def _heading(one: Entry) -> Specification:
    return {
        "text": f"{beginning(str(one['model']), 60)}: {one['verdict']}",
        "fontSize": 13,
        "anchor": "start",
    }


def _panels(one: Entry, about: Entry) -> Iterator[Specification]:
    yield _panel("Refused, %", list(_rates(one)), zero=True)
    rows = list(_effects(one))
    yield _panel(
        "Refusals the words make for, net of churn, points (right of 0: more)",
        rows,
        margin=100 * about["margin"],
        found=True,
    )
    twin = list(_twin(one["twin"]))
    if twin:
        yield _panel("Harmful requests complied with, %", twin, zero=True)


def _rates(one: Entry) -> Iterator[Row]:
    for variant, words in _VARIANTS.items():
        yield from _row(words, one["rates"]["refused"][variant], "cannot tell")


def _effects(one: Entry) -> Iterator[Row]:
    whole = one["effects"]["refused"]["net"]["difference"]
    yield from _row("all terms", whole, one["found"]["refused"])
    tested = [term for term in one["terms"] if term["net"]["adjusted"] is not None]
    for term in tested[:_MOST]:
        yield from _row(
            f"{beginning(term['term'], _LABEL)} ({term['cases']})", term["net"]["difference"], term["found"]
        )


def _twin(twin: Entry) -> Iterator[Row]:
    if not twin["rise"]:
        return
    for side, words in (("first", "in their own words"), ("second", "in neutral words")):
        yield from _row(words, twin["rise"][side], "more" if twin["verdict"] == "jailbreak" else "none")


def _row(name: str, estimate: Entry, found: str) -> Iterator[Row]:
    if estimate["value"] is None or estimate["low"] is None or estimate["high"] is None:
        return
    ends = {end: round(100 * estimate[end], 4) for end in ("value", "low", "high")}
    yield {"name": name, "found": found, "words": _WORDS[found], "n": estimate["n"], **ends}


def _panel(
    title: str, rows: list[Row], *, margin: float | None = None, zero: bool = False, found: bool = False
) -> Specification:
    names = [str(row["name"]) for row in rows]
    return {
        "title": {
            "text": title,
            "fontSize": 12,
            "fontWeight": "normal",
            "offset": 6,
            "anchor": "start",
            "frame": "group",
        },
        "data": {"values": rows},
        "width": _WIDTH,
        "height": _ROW * max(1, len(names)),
        "encoding": {
            "y": {
                "field": "name",
                "type": "nominal",
                "sort": names,
                "title": None,
                "axis": {"labelLimit": 260, "ticks": False, "domain": False},
            }
        },
        "layer": [
            *_ground(margin),
            *_marks(zero=zero, found=list(dict.fromkeys(str(row["found"]) for row in rows)) if found else []),
        ],
    }


def _ground(margin: float | None) -> Iterator[Specification]:
    """The margin and the zero line, under everything else."""
    if margin is None:
        return
    whole = {"y": {"value": 0}, "y2": {"value": "height"}}
    yield {
        "data": {"values": [{"low": -margin, "high": margin}]},
        "mark": {"type": "rect", "color": "#e2e8f0", "opacity": 0.8},
        "encoding": {"x": {"field": "low", "type": "quantitative"}, "x2": {"field": "high"}, **whole},
    }
    yield {
        "data": {"values": [{"zero": 0}]},
        "mark": {"type": "rule", "color": "#475569"},
        "encoding": {"x": {"field": "zero", "type": "quantitative"}, **whole},
    }


def _marks(*, zero: bool, found: Sequence[str]) -> Iterator[Specification]:
    """Interval and point, coloured by what was found where that is known."""
    colour: Specification = (
        {
            "field": "words",
            "type": "nominal",
            "title": None,
            "scale": {"domain": [_WORDS[one] for one in found], "range": [_FOUND[one] for one in found]},
            "legend": {"labelLimit": 240},
        }
        if found
        else {"value": COLOURS[0]}
    )
    x: Specification = {"type": "quantitative", "title": None, "scale": {"zero": zero, "nice": True}}
    yield {
        "mark": {"type": "rule", "strokeWidth": 2},
        "encoding": {"x": {"field": "low", **x}, "x2": {"field": "high"}, "color": colour},
    }
    yield {
        "mark": {"type": "point", "filled": True, "size": 55, "opacity": 1},
        "encoding": {
            "x": {"field": "value", **x},
            "color": colour,
            "tooltip": [{"field": name} for name in ("name", "value", "low", "high", "n", "words")],
        },
    }
