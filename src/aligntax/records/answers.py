"""Answers: what one model answered to the items of one benchmark, and how it was scored."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

import pyarrow as pa

__all__ = ["ANSWER", "Answers", "LengthUnit", "PromptType", "Summary"]

LengthUnit = Literal["tokens", "characters"]
PromptType = Literal["benign", "harmful"]

ANSWER = pa.schema(
    [
        pa.field("item", pa.string(), nullable=False),
        pa.field("cluster", pa.string()),
        pa.field("prompt", pa.string()),
        pa.field("response", pa.string()),
        pa.field("score", pa.float64()),
        pa.field("parsed", pa.bool_()),
        pa.field("length", pa.int64()),
        pa.field("outcome", pa.string()),
    ]
)
"""One answer a row.

item     pairs this answer with another model's answer to the same item; unique within a table
cluster  items that depend on each other (samples of one prompt, questions on one passage) share it; null
         where the item stands alone
score    as the harness scored it, an unparsed answer included; null where it did not score
parsed   whether an answer could be read out of the response; null where the file does not tell
length   of the response, in the table's unit
outcome  complete, hedged, refused or undetermined, where the file itself says so; null where it is for a
         detector
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """A score of which only the mean is known.

    Attributes:
        mean: of the score, in the score's own unit.
        standard_error: as the harness gave it; None where it did not.
        n: items behind it; None where the file does not tell.
    """

    mean: float
    standard_error: float | None = None
    n: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Answers:
    """What one model answered to one benchmark, or only how it scored.

    Attributes:
        benchmark: name of the task or prompt set.
        metric: what `score` is: "exact_match,strict-match", "correct", ...; "" where nothing was scored.
        model: who answered.
        source: the file, with its selector.
        table: (items,) of the ANSWER schema; None where only a summary is known.
        summary: the mean score; None where there is a table.
        conditions: what must be equal for two scores to be comparable, name -> value: harness, shots,
            template, task_version, generation, judge, detector.
        chance: score of a guess, in the unit of the score; None where nobody knows.
        higher_is_better: direction of the score.
        prompt_type: whether the prompts are harmful or benign; None where the file does not tell.
        length_unit: what `length` counts.
    """

    benchmark: str
    metric: str
    model: str
    source: str
    table: pa.Table | None = None
    summary: Summary | None = None
    conditions: Mapping[str, str] = field(default_factory=dict)
    chance: float | None = None
    higher_is_better: bool = True
    prompt_type: PromptType | None = None
    length_unit: LengthUnit = "characters"
