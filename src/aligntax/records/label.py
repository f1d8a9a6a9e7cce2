"""A label: what a person says became of an exchange."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal, get_args

import pyarrow as pa

__all__ = ["LABEL", "LABEL_OUTCOMES", "Label", "LabelOutcome"]

LabelOutcome = Literal["complete", "hedged", "refused", "not_applicable"]
"""A detector's outcome, or that there is nothing to judge; a person is never *undetermined*."""

LABEL_OUTCOMES: tuple[LabelOutcome, ...] = get_args(LabelOutcome)

LABEL = pa.schema(
    [
        pa.field("id", pa.string(), nullable=False),
        pa.field("outcome", pa.dictionary(pa.int8(), pa.string()), nullable=False),
        pa.field("annotator", pa.string(), nullable=False),
        pa.field("time", pa.timestamp("us")),
        pa.field("policy_version", pa.string(), nullable=False),
        pa.field("note", pa.string(), nullable=False),
        pa.field("adjudicated", pa.bool_(), nullable=False),
    ]
)
"""Bulk form of `Label`, one row each."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Label:
    """One person's outcome for one exchange.

    Attributes:
        id: key of the exchange: its id; where ids repeat, its id and which of them it is.
        outcome: complete, hedged, refused, or not_applicable.
        annotator: who says so.
        policy_version: of the labelling policy that was followed; labels of two versions are not mixed.
        time: UTC, without zone; None where it is not known.
        note: the annotator's remark, "" without one.
        adjudicated: whether it settles a disagreement, and so overrules the other labels.
    """

    id: str
    outcome: LabelOutcome
    annotator: str
    policy_version: str
    time: datetime | None = None
    note: str = ""
    adjudicated: bool = False
