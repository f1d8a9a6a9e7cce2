"""A number and how sure we are of it."""

import math
from dataclasses import dataclass, field
from typing import Literal

import pyarrow as pa

__all__ = ["MEASUREMENT", "Correction", "Estimate", "Measurement", "Unit", "unknown"]

Unit = Literal[
    "rate",
    "difference",
    "agreement",
    "exchanges",
    "characters",
    "tokens",
    "usd",
    "per 1,000 characters",
    "score",
    "share",
    "log ratio",
    "log odds ratio",
    "correlation",
    "nats",
]
Correction = Literal["raw", "labels", "powered", "published"]
"""What a figure rests on: the detector alone; expert labels alone; labels and the detector on all the rest
(prediction-powered); or the detector, corrected by an error of it that was measured elsewhere."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """A number and how sure we are of it.

    Attributes:
        value: the estimate in `unit`; nan when it cannot be known.
        low: lower end of the interval.
        high: upper end of the interval.
        level: two-sided coverage of the interval, in (0, 1).
        n: exchanges behind it.
        labelled: how many of them an expert labelled.
        clusters: independent groups (users, sessions, templates) behind it; None where exchanges
            are taken as independent.
        unit: what `value`, `low` and `high` count.
        method: how the interval was made, in a word a reader can look up.
        reason: why `value` is nan; "" otherwise.
    """

    value: float
    low: float
    high: float
    level: float
    n: int
    unit: Unit
    method: str
    labelled: int = 0
    clusters: int | None = None
    reason: str = ""

    @property
    def known(self) -> bool:
        """Whether there is a number at all."""
        return not math.isnan(self.value)

    def times(self, factor: float, unit: Unit) -> "Estimate":
        """The same estimate in another unit: value and interval times `factor` (>= 0)."""
        return Estimate(
            value=self.value * factor,
            low=self.low * factor,
            high=self.high * factor,
            level=self.level,
            n=self.n,
            unit=unit,
            method=self.method,
            labelled=self.labelled,
            clusters=self.clusters,
            reason=self.reason,
        )


def unknown(reason: str, *, unit: Unit, level: float = 0.95, n: int = 0) -> Estimate:
    """An estimate that cannot be known, and why."""
    nan = math.nan
    return Estimate(value=nan, low=nan, high=nan, level=level, n=n, unit=unit, method="none", reason=reason)


@dataclass(frozen=True, slots=True, kw_only=True)
class Measurement:
    """An estimate of one tax component for one slice of the traffic.

    Attributes:
        component: name of the tax component, as in the glossary.
        estimate: the number.
        slice: what the traffic was narrowed to, for example {"use_case": "medical"}; empty for all.
        small: whether the slice is too small for its value to be read without its interval.
        correction: what it rests on.
    """

    component: str
    estimate: Estimate
    slice: dict[str, str] = field(default_factory=dict)
    small: bool = False
    correction: Correction = "raw"


MEASUREMENT = pa.schema(
    [
        pa.field("component", pa.string()),
        pa.field("slice", pa.map_(pa.string(), pa.string())),
        pa.field("small", pa.bool_()),
        pa.field("correction", pa.string()),
        pa.field("value", pa.float64()),
        pa.field("low", pa.float64()),
        pa.field("high", pa.float64()),
        pa.field("level", pa.float64()),
        pa.field("n", pa.int64()),
        pa.field("labelled", pa.int64()),
        pa.field("clusters", pa.int64()),
        pa.field("unit", pa.string()),
        pa.field("method", pa.string()),
        pa.field("reason", pa.string()),
    ]
)
"""Bulk form of `Measurement`, one row each."""
