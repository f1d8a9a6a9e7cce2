"""Points in a plane with intervals both ways: methods by harm and capability, models by what they refuse."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from aligntax.dashboard.charts.plot import Chart, Scale, across, circle, join, line, upward, words

__all__ = ["Point", "Rule", "plane_chart"]

_HEIGHT = 420
_WIDE, _LETTER, _LINE = 900.0, 6.6, 14.0  # pixels a name is placed by; where the page is narrower some touch
Box = tuple[float, float, float, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """A point.

    Attributes:
        name: beside it, where there is room.
        series: points of one series are joined, in their order.
        x: value, low end, high end; ends are nan where they are not known.
        y: the same.
        hollow: whether it is not allowed.
        ring: whether nothing beats it.
        more: what else stands in its row of the table.
    """

    name: str
    series: str
    x: tuple[float, float, float]
    y: tuple[float, float, float]
    hollow: bool = False
    ring: bool = False
    more: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Rule:
    """A line across the plane; `forbidden` colours what lies to the right of an upright one."""

    value: float
    text: str
    upright: bool = True
    forbidden: bool = False


def plane_chart(
    name: str,
    title: str,
    points: Sequence[Point],
    *,
    x_title: str,
    y_title: str,
    unit: str,
    rules: Sequence[Rule] = (),
    columns: Mapping[str, str],
    description: str,
    joined: bool = True,
) -> Chart:
    """The chart of points.

    Args:
        name: of its files.
        title: of the chart.
        points: in the order of their series.
        x_title: what goes to the right.
        y_title: what goes up.
        unit: of both.
        rules: lines across.
        columns: key -> heading of the table: "series", "name", x, x_low, x_high, y, ..., and those of `more`.
        description: for those who do not see it.
        joined: whether points of a series are joined.
    """
    x = Scale.over(
        [end for p in points for end in p.x] + [r.value for r in rules if r.upright], unit=unit, zero=True
    )
    y = Scale.over(
        [end for p in points for end in p.y] + [r.value for r in rules if not r.upright], unit=unit
    )
    series = list(dict.fromkeys(point.series for point in points))
    drawn = [
        *_ruled(rules, x, y),
        upward(y),
        across(x, x_title),
        words(0, 0, y_title, "from", dx=-46, dy=-14),
    ]
    for at, one in enumerate(series):
        some = [point for point in points if point.series == one]
        drawn.append(_series(some, f"s{at % 8}", x, y, joined=joined))
    drawn += [*_names(points, x, y), *_said(rules, x, y)]
    legend = {f"s{at % 8}": one for at, one in enumerate(series[:8])} if joined else {}
    return Chart(
        name=name,
        title=title,
        description=description,
        inner=Markup("").join(drawn),
        height=_HEIGHT,
        columns=columns,
        rows=[_row(point) for point in points],
        legend=legend,
    )


def _ruled(rules: Sequence[Rule], x: Scale, y: Scale) -> Iterator[Markup]:
    for rule in rules:
        if rule.upright:
            place = x.at(rule.value)
            if rule.forbidden:
                yield Markup('<rect class="forbidden" x="{}%" y="0" width="{}%" height="100%"/>').format(
                    place, round(100 - place, 3)
                )
            yield line(place, 0, place, 100, "rule" if rule.forbidden else "rule quiet")
        else:
            yield line(0, 100 - y.at(rule.value), 100, 100 - y.at(rule.value), "rule quiet")


def _said(rules: Sequence[Rule], x: Scale, y: Scale) -> Iterator[Markup]:
    """What the lines are, above everything else."""
    for at, rule in enumerate(rules):
        if rule.upright:
            yield words(x.at(rule.value), 100, rule.text, "from halo", dx=5, dy=-6 - 17 * at)
        else:
            yield words(0, 100 - y.at(rule.value), rule.text, "from halo", dx=6, dy=15)


def _series(points: Sequence[Point], colour: str, x: Scale, y: Scale, *, joined: bool) -> Markup:
    places = [(x.at(point.x[0]), 100 - y.at(point.y[0])) for point in points]
    drawn = [join(places)] if joined and len(places) > 1 else []
    for point, (across_, down) in zip(points, places, strict=True):
        drawn += _whiskers(point, across_, down, x, y)
        if point.ring:
            drawn.append(circle(across_, down, "ring", radius=9))
        drawn.append(circle(across_, down, "hollow" if point.hollow else "dot", _told(point)))
    return Markup('<g class="{}">{}</g>').format(colour, Markup("").join(drawn))


def _whiskers(point: Point, across_: float, down: float, x: Scale, y: Scale) -> Iterator[Markup]:
    if all(map(math.isfinite, point.x[1:])):
        yield line(x.at(point.x[1]), down, x.at(point.x[2]), down, "whisker")
    if all(map(math.isfinite, point.y[1:])):
        yield line(across_, 100 - y.at(point.y[1]), across_, 100 - y.at(point.y[2]), "whisker")


def _names(points: Sequence[Point], x: Scale, y: Scale) -> Iterator[Markup]:
    """Names beside their points; one that would cover a point or another name is left out."""
    at = [(x.at(p.x[0]) / 100 * _WIDE, (100 - y.at(p.y[0])) / 100 * _HEIGHT) for p in points]
    taken: list[Box] = [(left - 7, top - 7, left + 7, top + 7) for left, top in at]
    for point, (left, top) in zip(points, at, strict=True):
        wide = _LETTER * min(len(point.name), 24)
        for kind, dx, dy in (("from", 10, -8), ("to", -10, -8), ("from", 10, 18), ("to", -10, 18)):
            begin = left + dx - (wide if kind == "to" else 0)
            box = (begin, top + dy - _LINE, begin + wide, top + dy)
            if wide and box[0] >= 0 and box[2] <= _WIDE and not any(_touch(box, other) for other in taken):
                taken.append(box)
                yield words(
                    x.at(point.x[0]),
                    100 - y.at(point.y[0]),
                    point.name,
                    f"{kind} halo",
                    dx=dx,
                    dy=dy,
                    most=24,
                )
                break


def _touch(one: Box, other: Box) -> bool:
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]


def _told(point: Point) -> str:
    return f"{point.series} {point.name}: {100 * point.x[0]:.1f}%, {100 * point.y[0]:.1f}%"


def _row(point: Point) -> dict[str, object]:
    named = dict(zip(("x", "x_low", "x_high", "y", "y_low", "y_high"), (*point.x, *point.y), strict=True))
    return {"series": point.series, "name": point.name, **named, **point.more}
