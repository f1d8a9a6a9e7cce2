"""How every chart looks, and how it is written to a file."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from aligntax.errors import MissingExtra, UsageError
from aligntax.records.files import atomic

__all__ = ["COLOURS", "Specification", "beginning", "ending", "save_chart"]

Specification = Mapping[str, Any]

COLOURS = ("#1f5fbf", "#c2410c", "#15803d", "#7c3aed", "#a16207", "#0e7490", "#be185d", "#475569")
"""Told apart in grey and by the colour-blind; the first is ours, the second is what got worse."""

_CONFIG: Specification = {
    "font": "system-ui, 'Segoe UI', 'DejaVu Sans', sans-serif",
    "background": "white",
    "padding": 16,
    "range": {"category": list(COLOURS)},
    "title": {
        "anchor": "start",
        "fontSize": 16,
        "subtitleFontSize": 12,
        "subtitleColor": "#475569",
        "offset": 12,
    },
    "axis": {"gridColor": "#e5e7eb", "domainColor": "#94a3b8", "tickColor": "#94a3b8", "labelFontSize": 11},
    "axisX": {"titlePadding": 8},
    "legend": {"labelFontSize": 11, "titleFontSize": 11, "orient": "bottom"},
    "view": {"stroke": None},
}
_WAYS = (".svg", ".png", ".html", ".json")


def beginning(text: str, most: int) -> str:
    """A text that fits into so many characters, with its beginning."""
    return text if len(text) <= most else f"{text[: most - 1]}…"


def ending(text: str, most: int) -> str:
    """A name that fits into so many characters, with its end, where versions stand."""
    return text if len(text) <= most else f"…{text[1 - most :]}"


def save_chart(specification: Specification, path: Path) -> None:
    """Writes a chart, whole or not at all.

    Args:
        specification: Vega-Lite, without `$schema` and `config`, which are ours.
        path: .svg, .png, .html (interactive, opens offline) or .json (the specification itself, for which
            nothing has to be installed).

    Raises:
        UsageError: another kind of file.
        MissingExtra: the renderer is not installed.
    """
    if path.suffix not in _WAYS:
        raise UsageError(f"{path}: a chart is written to {', '.join(_WAYS)}", hint=f"--chart {path.stem}.svg")
    whole = {"$schema": "https://vega.github.io/schema/vega-lite/v5.json", "config": _CONFIG, **specification}
    data = _rendered(whole, path.suffix)
    with atomic(path) as part:
        part.write_bytes(data)


def _rendered(specification: Specification, suffix: str) -> bytes:
    if suffix == ".json":
        return (json.dumps(specification, indent=1, ensure_ascii=False) + "\n").encode()
    try:
        import vl_convert
    except ImportError as error:
        raise MissingExtra("vl-convert-python", "charts") from error
    given = dict(specification)
    if suffix == ".svg":
        return str(vl_convert.vegalite_to_svg(given)).encode()
    if suffix == ".png":
        return bytes(vl_convert.vegalite_to_png(given, scale=2))
    return str(vl_convert.vegalite_to_html(given, bundle=True)).encode()
