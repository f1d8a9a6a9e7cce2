"""How narrow the interval around the rate has become with the labels so far, and nothing of where it lies.

While people label they see its width alone, never the rate, and the width moves with every tenth label only:
with each label by itself it would widen where the label contradicts the detector, and so tell what that said.
Where every exchange is labelled twice, each sees the width their own labels give, for a width of both would
widen where they disagree.
"""

import math
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass

from aligntax.labels.plan import Plan
from aligntax.ledger.annotations import Annotation, standing_labels
from aligntax.ledger.opened import Ledger
from aligntax.ledger.tasks import Task, plan_of

__all__ = ["STEP", "Width", "seen_by", "widths"]

STEP = 10
"""Labels from one width to the next."""
_MOST_POINTS = 40
_REMEMBERED = 4000
_known: OrderedDict[tuple[object, ...], float] = OrderedDict()


@dataclass(frozen=True, slots=True)
class Width:
    """Half the interval after some labels.

    Attributes:
        labels: how many.
        half: half of the interval around the completion tax, in percentage points.
    """

    labels: int
    half: float


def seen_by(task: Task, annotator: str, said: Sequence[Annotation]) -> list[Annotation]:
    """The standing labels whose width this annotator may see while labelling, in the order they were kept."""
    return [
        one
        for one in said
        if one.withdrawn is None
        and not one.adjudicated
        and (task.settings.annotators == 1 or one.annotator == annotator)
    ]


def widths(ledger: Ledger, task: Task, said: Sequence[Annotation]) -> list[Width]:
    """The width after every STEP labels, oldest first; fewer points where there are many labels.

    Args:
        ledger: the task is in.
        task: what is labelled.
        said: standing labels, in the order they were kept.
    """
    steps = range(STEP, len(said) + 1, STEP)
    every = max(1, math.ceil(len(steps) / _MOST_POINTS))
    shown = sorted({*steps[::every], *steps[-1:]})
    plan: Plan | None = None
    found = list[Width]()
    for count in shown:
        key = _key(task, said[:count])
        if key not in _known:
            plan = plan or plan_of(ledger, task)
            _remember(key, _half(task, plan, said[:count]))
        if not math.isnan(_known[key]):
            found.append(Width(count, _known[key]))
    return found


def _key(task: Task, said: Sequence[Annotation]) -> tuple[object, ...]:
    """What is kept is never changed, so its number tells all of it."""
    return task.id, len(said), hash(tuple(one.id for one in said))


def _half(task: Task, plan: Plan, said: Sequence[Annotation]) -> float:
    from aligntax.tax.labelling import rate_so_far  # detectors behind it take half a second to import

    estimate = rate_so_far(plan, task.settings.verdicts, standing_labels(task, plan, said))
    return 50 * (estimate.high - estimate.low)


def _remember(key: tuple[object, ...], half: float) -> None:
    _known[key] = half
    while len(_known) > _REMEMBERED:
        _known.popitem(last=False)
