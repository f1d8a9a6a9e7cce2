"""Where a model moved: divergence by position in the response, and distance of the weights by layer."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, cast

from aligntax.report.charts.save import COLOURS, Specification, ending
from aligntax.report.document import Document

__all__ = ["drift_chart"]

_LINES = {
    ("reference_samples", "forward"): "KL(ref || model), reference's samples",
    ("model_samples", "reverse"): "KL(model || ref), model's samples",
    ("fixed", "forward"): "KL(ref || model), file's responses",
}
_WIDTH = 560


def drift_chart(document: Document) -> Specification:
    """The chart of a drift document: what there is of positions, and of weights.

    Args:
        document: from `drift_document`.
    """
    parts = [part for part in (_positions(document), _weights(document)) if part]
    return {
        "title": {"text": "Where the model moved", "subtitle": _subtitle(document)},
        "vconcat": parts,
        "spacing": 36,
        "resolve": {"scale": {"color": "independent"}},
    }


def _subtitle(document: Document) -> list[str]:
    names = (f"{title}: {ending(str(document[title]), 80)}" for title in ("reference", "model"))
    return list(names)


def _positions(document: Document) -> Specification | None:
    rows = list(_points(cast(Sequence[Mapping[str, Any]], document["positions"])))
    if not rows:
        return None
    names = [name for name in _LINES.values() if any(row["series"] == name for row in rows)]
    order = list(dict.fromkeys(row["positions"] for row in rows))
    axis = {"title": "position in the response", "axis": {"labelAngle": 0}}
    x = {"field": "positions", "type": "ordinal", "sort": order, **axis}
    scale = {"domain": names, "range": list(COLOURS[: len(names)])}
    legend = {"orient": "top", "columns": 2, "labelLimit": 320, "offset": 4}
    colour = {"field": "series", "type": "nominal", "title": None, "scale": scale, "legend": legend}
    title = "nats per token"
    level = cast(Mapping[str, Any], document["settings"])["level"]
    span = _span(rows)
    cut = any(row["low"] < span[0] or row["high"] > span[1] for row in rows)
    y = {"type": "quantitative", "title": title, "scale": {"domain": list(span), "nice": False}}
    bars = {"y": {"field": "low", **y}, "y2": {"field": "high"}}
    return {
        "title": {
            "text": f"Divergence of the next token, {level:.0%} intervals by prompt",
            "subtitle": "intervals that touch the edge go on beyond it" if cut else "",
            "fontSize": 13,
            "frame": "group",
        },
        "width": _WIDTH,
        "height": 220,
        "data": {"values": rows},
        "encoding": {"x": x, "color": colour, "xOffset": {"field": "series", "scale": {"domain": names}}},
        "layer": [
            {"mark": {"type": "rule", "strokeWidth": 1.5, "clip": True}, "encoding": bars},
            {
                "mark": {"type": "point", "filled": True, "size": 45, "opacity": 1},
                "encoding": {"y": {"field": "value", **y}},
            },
        ],
    }


def _span(rows: Sequence[Mapping[str, Any]]) -> tuple[float, float]:
    """What the axis shows: every value, and intervals as far as they do not stretch it to thrice the largest.

    Far into a response few samples are left, and one interval of theirs would press the rest into a line.
    """
    values = [row["value"] for row in rows]
    room = 2 * max(map(abs, values))
    low = max(min(row["low"] for row in rows), min(values) - room)
    high = min(max(row["high"] for row in rows), max(values) + room)
    return min(0.0, low), high if high > 0 else 1.0


def _points(entries: Sequence[Mapping[str, Any]]) -> Iterator[dict[str, Any]]:
    for entry in entries:
        series = _LINES.get((entry["text"], entry["direction"]))
        estimate = entry["per_token"]
        if series is None or estimate["value"] is None:
            continue
        first, last = entry["first"], entry["last"]
        positions = str(first) if first == last else f"{first}-{last}"
        ends = {
            name: estimate["value"] if estimate[name] is None else estimate[name] for name in ("low", "high")
        }
        yield {"series": series, "positions": positions, "value": estimate["value"], **ends}


def _weights(document: Document) -> Specification | None:
    weights = cast(Mapping[str, Any] | None, document["weights"])
    tensors = [one for one in weights["tensors"] if one["layer"] is not None] if weights else []
    if not tensors:
        return None
    rows = [{"layer": one["layer"], "module": one["module"], "distance": one["distance"]} for one in tensors]
    modules = list(dict.fromkeys(row["module"] for row in rows))
    layers = 1 + max(int(row["layer"]) for row in rows)
    shown = [at for at in range(layers) if at % (1 + layers // 24) == 0]
    return {
        "title": {
            "text": "Weights: size of the change over size of the weights",
            "fontSize": 13,
            "frame": "group",
        },
        "width": _WIDTH,
        "height": {"step": 20},
        "data": {"values": rows},
        "mark": {"type": "rect", "stroke": "white", "strokeWidth": 0.5},
        "encoding": {
            "x": {
                "field": "layer",
                "type": "ordinal",
                "title": "layer",
                "axis": {"labelAngle": 0, "values": shown, "grid": False},
            },
            "y": {
                "field": "module",
                "type": "nominal",
                "sort": modules,
                "title": None,
                "axis": {"grid": False},
            },
            "color": {
                "field": "distance",
                "type": "quantitative",
                "title": "||change|| / ||W||",
                "scale": {"scheme": "blues", "zero": True},
                "legend": {"orient": "bottom", "gradientLength": 240, "format": ".2~g"},
            },
        },
    }
