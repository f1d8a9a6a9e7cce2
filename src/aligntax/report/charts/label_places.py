"""Where names stand beside the points of a scatter plot so that they do not cover each other.

Vega-Lite does not keep labels apart. Each name takes the first free place around its point, near ones first;
one for which there is none is left out.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

__all__ = ["CHARACTER", "FONT", "LINE", "Box", "Label", "Point", "Side", "overlap", "place_labels"]

Side = Literal["left", "right", "center"]
"""What of the text is held in place, as in Vega-Lite's `align`."""
Point = tuple[float, float]
"""In pixels from the left and from the top."""
Line = tuple[Point, Point]
Box = tuple[float, float, float, float]
"""Left, top, right, bottom, in pixels."""

FONT = 10
CHARACTER = 6.4
"""Width of a letter in a wide sans-serif of 10 pixels, so that names keep apart in a narrow one too."""
LINE = 12
_RADIUS = 5
_APART = 4
"""Pixels between a point and its name from which a line joins the two."""
_CROSSING = 15
"""Places by which a name may stand worse to keep off a line of the chart."""
_TRIES = 4
_MOST = 60


@dataclass(frozen=True, slots=True)
class Label:
    """A name that has found its place.

    Attributes:
        name: the text.
        at: the point it belongs to.
        side: how the text stands in its box.
        box: where it stands.
    """

    name: str
    at: Point
    side: Side
    box: Box

    @property
    def anchor(self) -> Point:
        """Where the text is held."""
        left, top, right, bottom = self.box
        return {"left": left, "right": right, "center": (left + right) / 2}[self.side], (top + bottom) / 2

    @property
    def leader(self) -> Point | None:
        """Where a line from the point meets the box; None where the name stands close by."""
        left, top, right, bottom = self.box
        end = min(max(self.at[0], left), right), min(max(self.at[1], top), bottom)
        return end if math.dist(end, self.at) > _RADIUS + _APART else None


def place_labels(
    points: Sequence[tuple[str, Point]], *, frame: Box, taken: Sequence[Box] = (), lines: Sequence[Box] = ()
) -> list[Label]:
    """The names for which there is room.

    Names are placed one after the other. The first that is left over then goes first, a few times over, and
    of all arrangements the one with the most names is taken, where those given first count most.

    Args:
        points: name and place, those that matter most first; each name once. Beyond the first 60 no name is
            tried: there is no room, and the time grows with the square of their number.
        frame: what names must stay in.
        taken: where no name may stand.
        lines: thin boxes that names keep off where they can.
    """
    weights = {name: len(points) - rank for rank, (name, _) in enumerate(points)}
    dots = [_around(at) for _, at in points]
    order, best = list(points[:_MOST]), list[Label]()
    for _ in range(_TRIES):
        found = list(_in_order(order, dots, frame, taken, lines))
        if sum(weights[label.name] for label in found) > sum(weights[label.name] for label in best):
            best = found
        placed = {label.name for label in found}
        left = [point for point in points[:_MOST] if point[0] not in placed]
        if not left:
            break
        order.remove(left[0])
        order.insert(0, left[0])
    return best


def _in_order(
    points: Sequence[tuple[str, Point]],
    dots: Sequence[Box],
    frame: Box,
    taken: Sequence[Box],
    lines: Sequence[Box],
) -> Iterator[Label]:
    texts, leaders = list(taken), list[Line]()
    for name, at in points:
        free = []
        for rank, (side, box) in enumerate(_places(at, CHARACTER * len(name))):
            label = Label(name, at, side, box)
            if _inside(box, frame) and _clear(label, dots, texts, leaders):
                crossing = any(overlap(box, line) for line in lines)
                free.append((rank + _CROSSING * crossing, label))
        if free:
            label = min(free, key=lambda place: place[0])[1]
            texts.append(_padded(label.box))
            leaders += [(at, label.leader)] if label.leader else []
            yield label


def _clear(label: Label, dots: Sequence[Box], texts: Sequence[Box], leaders: Sequence[Line]) -> bool:
    """Whether a name covers nothing that stands already, and the line to its point nothing but that."""
    if any(overlap(label.box, other) for other in (*texts, *dots)):
        return False
    if any(_crosses(leader, label.box) for leader in leaders):
        return False
    end, own = label.leader, _around(label.at)
    return end is None or not any(
        _crosses((label.at, end), other) for other in (*texts, *dots) if other != own
    )


def _crosses(line: Line, box: Box) -> bool:
    """Whether a line runs through a box, looked at every twentieth of the way."""
    (x, y), (to, down) = line
    if not overlap((min(x, to) - 1, min(y, down) - 1, max(x, to) + 1, max(y, down) + 1), box):
        return False
    steps = [step / 20 for step in range(21)]
    return any(
        box[0] < x + share * (to - x) < box[2] and box[1] < y + share * (down - y) < box[3] for share in steps
    )


def overlap(one: Box, other: Box) -> bool:
    """Whether two boxes share more than an edge."""
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]


def _places(at: Point, width: float) -> Iterator[tuple[Side, Box]]:
    """Boxes around a point and how text stands in them, the best place first."""
    (x, y), gap, half = at, _RADIUS + 2, LINE / 2
    for away in (LINE * step for step in range(5)):
        spots: list[tuple[Side, float, float]] = [
            ("left", x + gap, y - half - away),
            ("right", x - gap - width, y - half - away),
            ("left", x + gap, y - half + away),
            ("right", x - gap - width, y - half + away),
            ("center", x - width / 2, y - gap - LINE - away),
            ("center", x - width / 2, y + gap + away),
            *(("left", x - half, top) for top in (y - gap - LINE - away, y + gap + away)),
            *(("right", x + half - width, top) for top in (y - gap - LINE - away, y + gap + away)),
        ]
        yield from ((side, (left, top, left + width, top + LINE)) for side, left, top in spots)


def _around(at: Point) -> Box:
    return at[0] - _RADIUS, at[1] - _RADIUS, at[0] + _RADIUS, at[1] + _RADIUS


def _padded(box: Box) -> Box:
    """A name with the room that keeps it from running into the next one."""
    return box[0] - 3, box[1], box[2] + 3, box[3]


def _inside(box: Box, frame: Box) -> bool:
    return box[0] >= frame[0] and box[1] >= frame[1] and box[2] <= frame[2] and box[3] <= frame[3]
