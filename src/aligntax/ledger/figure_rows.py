"""Figures as rows of the ledger, and back."""

import math
from collections.abc import Mapping
from typing import Any

from aligntax.records import Estimate, Measurement

__all__ = ["DIMENSIONS", "READING_ORDER", "figure_of", "reading_rank", "row_of"]

DIMENSIONS = ("use_case", "model", "period")
"""What a slice is most often narrowed to: columns of their own."""
READING_ORDER = ("powered", "labels", "published", "raw")
"""What a figure rests on: what is to be read before what."""
_ENDS = ("value", "low", "high")


def row_of(run_id: str, figure: Measurement) -> dict[str, Any]:
    """A figure as a row; nan as null."""
    estimate, rest = figure.estimate, dict(sorted(figure.slice.items()))
    row: dict[str, Any] = {name: rest.pop(name, "") for name in DIMENSIONS}
    row |= {name: getattr(estimate, name) for name in Estimate.__slots__}
    row |= {name: None for name in _ENDS if not math.isfinite(row[name])}
    return row | {
        "run_id": run_id,
        "component": figure.component,
        "slice": rest,
        "correction": figure.correction,
        "small": figure.small,
    }


def figure_of(row: Mapping[Any, Any]) -> Measurement:
    """A row as a figure; null as nan."""
    values = {name: row[name] for name in Estimate.__slots__}
    values |= {name: math.nan for name in _ENDS if row[name] is None}
    narrowed = {name: row[name] for name in DIMENSIONS if row[name]}
    return Measurement(
        component=row["component"],
        estimate=Estimate(**values),
        slice=narrowed | row["slice"],
        small=row["small"],
        correction=row["correction"],
    )


def reading_rank(figure: Measurement) -> tuple[bool, int]:
    """Where a figure stands among those of the same slice: the least is the one to be read."""
    return not figure.estimate.known, READING_ORDER.index(figure.correction)
