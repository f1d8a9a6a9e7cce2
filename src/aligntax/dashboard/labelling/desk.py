"""What lies on one annotator's desk: what they have labelled, what comes next, how fast they are."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from statistics import median

from aligntax.ledger.annotations import Annotation
from aligntax.ledger.tasks import Task

__all__ = ["Desk", "is_complete"]

_PAUSE = 300.0  # seconds; who takes longer for one exchange was doing something else
_RECENT = 20


@dataclass(frozen=True)
class Desk:
    """One annotator's part of a task.

    Attributes:
        task: what is labelled.
        annotator: who labels.
        said: everything said of the task's exchanges, what was taken back included, in the order it was kept.
    """

    task: Task
    annotator: str
    said: Sequence[Annotation]

    @cached_property
    def mine(self) -> dict[int, Annotation]:
        """Position -> the label of theirs that stands, in the order they were kept."""
        own = (one for one in self.said if one.annotator == self.annotator and not one.adjudicated)
        return {one.position: one for one in own if one.withdrawn is None}

    @cached_property
    def left(self) -> list[int]:
        """Positions they are still asked for, in their order.

        Two annotators of each exchange go the same way, so that they soon have exchanges in common. Where one
        label is enough they begin far from each other, so that they do not label the same ones.
        """
        others = Counter(
            one.position
            for one in self.said
            if one.withdrawn is None and not one.adjudicated and one.annotator != self.annotator
        )
        wanted = self.task.settings.annotators
        return [at for at in self._order() if at not in self.mine and others[at] < wanted]

    def _order(self) -> list[int]:
        positions = list(range(1, self.task.size + 1))
        if self.task.settings.annotators > 1:
            return positions
        people = list(dict.fromkeys(one.annotator for one in self.said if not one.adjudicated))
        rank = people.index(self.annotator) if self.annotator in people else len(people)
        begin = int(self.task.size * _halved(rank))
        return positions[begin:] + positions[:begin]

    def next(self, after: int | None = None) -> int | None:
        """The position to label now: the next one after `after`, those passed over last; None at the end."""
        if after is None or not self.left:
            return self.left[0] if self.left else None
        order = self._order()
        place = {position: at for at, position in enumerate(order)}
        behind = place.get(after, -1)
        return next((at for at in self.left if place[at] > behind and at != after), self.left[0])

    @property
    def last(self) -> Annotation | None:
        """Their latest label that stands: what undo takes back."""
        return max(self.mine.values(), key=lambda one: one.id, default=None)

    def before(self, position: int) -> Annotation | None:
        """What they said last of an exchange and took back."""
        own = [
            one
            for one in self.said
            if one.position == position and one.annotator == self.annotator and not one.adjudicated
        ]
        return own[-1] if own and own[-1].withdrawn else None

    @cached_property
    def pace(self) -> float | None:
        """Seconds for one label, median of the latest without pauses; None before there are some."""
        times = sorted(one.time for one in self.mine.values())[-_RECENT - 1 :]
        gaps = [(b - a).total_seconds() for a, b in pairwise(times)]
        steady = [gap for gap in gaps if gap <= _PAUSE]
        return median(steady) if len(steady) >= 3 else None


def _halved(rank: int) -> float:
    """0, 1/2, 1/4, 3/4, 1/8, ...: each as far as can be from those before (van der Corput)."""
    value, step = 0.0, 0.5
    while rank:
        value, rank, step = value + step * (rank & 1), rank >> 1, step / 2
    return value


def is_complete(task: Task, said: Sequence[Annotation]) -> bool:
    """Whether every exchange has the labels it is to get."""
    given = Counter(one.position for one in said if one.withdrawn is None and not one.adjudicated)
    return all(given[at] >= task.settings.annotators for at in range(1, task.size + 1))
