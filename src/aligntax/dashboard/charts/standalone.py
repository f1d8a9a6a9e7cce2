"""A chart as an SVG file of its own."""

import re
from functools import cache
from pathlib import Path

from markupsafe import Markup

from aligntax.dashboard.charts.plot import Chart, written

__all__ = ["standalone_svg"]

_STYLES = Path(__file__).parents[1] / "static"
_WIDTH = 900
_TOP = 56
_WHOLE = (
    '<svg xmlns="http://www.w3.org/2000/svg" width="{w}" height="{h}" viewBox="0 0 {w} {h}" role="img">'
    "<title>{title}</title><desc>{desc}</desc><style>{style}</style>"
    '<rect class="paper" width="{w}" height="{h}"/>'
    '<text class="from heading" x="16" y="28">{title}</text>'
    '<svg class="{kind}" x="{left}" y="{top}" width="{wide}" height="{tall}" overflow="visible">{inner}</svg>'
    "{legend}</svg>\n"
)


def standalone_svg(chart: Chart) -> str:
    """The chart in light colours, with title and legend, and all it needs."""
    left = 240 if chart.named else 70
    whole = Markup(_WHOLE).format(
        w=_WIDTH,
        h=chart.height + _TOP + 52 + 20 * len(chart.legend),
        title=written(chart.title, 110),
        desc=written(chart.description, 2000),
        style=_style(),
        kind="plot named" if chart.named else "plot",
        left=left,
        top=_TOP,
        wide=_WIDTH - left - 30,
        tall=chart.height,
        inner=chart.inner,
        legend=_legend(chart, left),
    )
    return str(whole)


def _legend(chart: Chart, left: int) -> Markup:
    drawn = []
    for at, (kind, text) in enumerate(chart.legend.items()):
        y = chart.height + _TOP + 44 + 20 * at
        key = Markup('<g class="{}"><rect class="key" x="{}" y="{}" width="18" height="8"/></g>')
        drawn.append(key.format(kind, left, y))
        said = Markup('<text class="from" x="{}" y="{}">{}</text>')
        drawn.append(said.format(left + 26, y + 8, written(text, 110)))
    return Markup("").join(drawn)


@cache
def _style() -> Markup:
    """The rules of a chart with the light colours in: not every program that opens SVG knows variables."""
    colours = re.findall(r"(--[\w-]+): (?:light-dark\((#\w+), #\w+\)|([^;]+));", _read("colours.css"))
    rules = _read("chart.css") + ".paper{fill:var(--paper)} .heading{font-size:16px} .key{fill:currentColor}"
    for name, light, plain in colours:
        rules = rules.replace(f"var({name})", light or plain)
    return Markup(rules)


def _read(name: str) -> str:
    return (_STYLES / name).read_text("utf-8")
