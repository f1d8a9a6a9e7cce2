"""What the API answers with."""

import datetime as dt
import math
from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, Field

from aligntax.dashboard.reading.history import Point
from aligntax.ledger.runs import Run
from aligntax.ledger.verdicts import KeptVerdict
from aligntax.records import Estimate, Measurement

__all__ = [
    "AlertShape",
    "EstimateShape",
    "ExchangeShape",
    "ExchangesShape",
    "MarkShape",
    "MeasurementShape",
    "MeasurementsShape",
    "PointShape",
    "PolicyShape",
    "RunShape",
    "RunsShape",
    "TrendShape",
    "VerdictShape",
]


Time = Annotated[dt.datetime, AfterValidator(lambda at: at.replace(tzinfo=dt.UTC))]
"""UTC, and said to be."""


class EstimateShape(BaseModel):
    """A number and how sure it is; null where it cannot be known, and `reason` says why."""

    value: float | None
    low: float | None
    high: float | None
    level: float = Field(description="two-sided coverage of the interval")
    n: int
    labelled: int
    clusters: int | None
    unit: str
    method: str
    reason: str

    @classmethod
    def of(cls, estimate: Estimate) -> "EstimateShape":
        """An estimate, with null for nan and infinity."""
        values = {name: getattr(estimate, name) for name in Estimate.__slots__}
        ends = {name: None for name in ("value", "low", "high") if not math.isfinite(values[name])}
        return cls(**values | ends)


class MeasurementShape(BaseModel):
    """A figure of a run."""

    component: str
    slice: dict[str, str]
    small: bool
    correction: str
    estimate: EstimateShape

    @classmethod
    def of(cls, figure: Measurement) -> "MeasurementShape":
        """A measurement."""
        return cls(
            component=figure.component,
            slice={name: str(value) for name, value in figure.slice.items()},
            small=figure.small,
            correction=figure.correction,
            estimate=EstimateShape.of(figure.estimate),
        )


class MeasurementsShape(BaseModel):
    """Figures of a run, a page of them."""

    total: int
    measurements: list[MeasurementShape]


class RunShape(BaseModel):
    """A run."""

    id: str
    kind: str
    schema_: str = Field(serialization_alias="schema")
    title: str
    created: Time = Field(description="UTC, as all times")
    recorded: Time
    source: str
    first: Time | None
    last: Time | None
    exchanges: int | None
    detector: str | None
    detector_version: str | None
    judge: str | None
    policy_id: str | None

    @classmethod
    def of(cls, run: Run) -> "RunShape":
        """A run without its document."""
        origin = run.origin
        return cls(
            id=run.id,
            kind=run.kind,
            schema_=run.schema,
            title=run.title,
            created=run.created,
            recorded=run.recorded,
            source=origin.source,
            first=origin.first,
            last=origin.last,
            exchanges=origin.exchanges,
            detector=origin.detector,
            detector_version=origin.detector_version,
            judge=origin.judge,
            policy_id=origin.policy_id,
        )


class RunsShape(BaseModel):
    """Runs, newest first."""

    runs: list[RunShape]
    following: str = Field(description="what to give as `after` for the next ones; empty on the last page")


class PointShape(BaseModel):
    """A figure of one run of a trend."""

    at: Time
    run: str
    detector: str | None
    detector_version: str | None
    correction: str
    estimate: EstimateShape

    @classmethod
    def of(cls, point: Point) -> "PointShape":
        """A point of a history."""
        origin = point.run.origin
        return cls(
            at=point.at,
            run=point.run.id,
            detector=origin.detector,
            detector_version=origin.detector_version,
            correction=point.figure.correction,
            estimate=EstimateShape.of(point.figure.estimate),
        )


class TrendShape(BaseModel):
    """A figure over runs, oldest first."""

    component: str
    use_case: str
    model: str
    span: str
    points: list[PointShape]


class VerdictShape(BaseModel):
    """What a gate said of a run."""

    id: str
    run_id: str
    policy_id: str
    baseline_id: str | None
    mode: str
    verdict: str
    recorded: Time

    @classmethod
    def of(cls, kept: KeptVerdict) -> "VerdictShape":
        """A verdict without its document."""
        return cls(**{name: getattr(kept, name) for name in KeptVerdict.__slots__})


class ExchangeShape(BaseModel):
    """An exchange of a run, without its texts."""

    row: int = Field(description="its place in the run's file")
    id: str | None
    time: Time | None
    use_case: str | None
    model: str | None
    outcome: str
    layer: str | None
    reason: str | None
    evidence: str | None
    score: float | None
    flags: list[str]

    @classmethod
    def of(cls, row: Mapping[str, Any]) -> "ExchangeShape":
        """A row as it may be shown."""
        kept = {name: row[name] for name in cls.model_fields}
        score = kept["score"]
        return cls(**kept | {"score": score if score is not None and math.isfinite(score) else None})


class ExchangesShape(BaseModel):
    """Exchanges, newest first."""

    run: str
    total: int
    exchanges: list[ExchangeShape]
    following: str


class MarkShape(BaseModel):
    """What happened between runs."""

    at: Time
    kind: str
    text: str
    use_case: str
    author: str


class AlertShape(BaseModel):
    """An alert of a watch."""

    id: int
    watch: str
    at: Time
    use_case: str
    component: str
    kind: str
    document: dict[str, Any]


class PolicyShape(BaseModel):
    """A policy and who approved it."""

    id: str
    recorded: Time
    author: str
    note: str
    previous: str | None
    approved_by: str | None
    approved: Time | None
    text: str
