"""What a floor rests on: what was asked, how it was graded, what it is held against."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from aligntax.tax.floor.against import Against
from aligntax.tax.floor.graded import Graded
from aligntax.tax.floor.labels import JudgeError

__all__ = ["Other", "Run"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Other:
    """What the model is held against.

    Attributes:
        name: model, or where its run lies.
        kind: "model" asked now, or "run".
        created: when the run was; "" for a model.
        samples: answers drawn for each prompt.
        found: by comparing.
    """

    name: str
    kind: str
    created: str
    samples: int
    found: Against


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """What was asked, and how it was graded.

    Attributes:
        model: that was asked.
        graded_by: judge or detector, with its version.
        judged: whether a judge graded.
        harm_from: grade from which an answer is harmful.
        samples: answers drawn for each prompt.
        sets: sources of the prompts.
        asking: see `cli.live.asked_document`.
        graded: answers of the model.
        labels: where labels came from, and what they say; None without any.
        forced: what differed from the other run all the same.
        notes: of the sets, and on what was drawn from them.
    """

    model: str
    graded_by: str
    judged: bool
    harm_from: float
    samples: int
    sets: Sequence[Mapping[str, object]]
    asking: Mapping[str, object]
    graded: Sequence[Graded]
    labels: tuple[str, JudgeError] | None = None
    forced: Sequence[str] = ()
    notes: Sequence[str] = ()
