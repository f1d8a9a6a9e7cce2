"""Documents and figures made up for tests of the ledger."""

import datetime as dt
import math
from typing import Any

from aligntax.records import Estimate, Measurement, unknown

NOON = dt.datetime(2025, 11, 22, 12, 0, 0)


def rate(value: float, *, n: int = 1000, reason: str = "") -> dict[str, Any]:
    """A rate as documents hold it; nan as null."""
    known = not math.isnan(value)
    return {
        "value": value if known else None,
        "low": max(value - 0.02, 0.0) if known else None,
        "high": min(value + 0.02, 1.0) if known else None,
        "level": 0.95,
        "n": n,
        "labelled": 0,
        "clusters": 40,
        "unit": "rate",
        "method": "Wilson score, design effect 1.2" if known else "none",
        "reason": reason,
    }


def entry(component: str, value: float, correction: str = "raw", **slice_: str) -> dict[str, Any]:
    """A measurement of a bill."""
    told = rate(value, reason="" if not math.isnan(value) else "nothing to count")
    return {"component": component, "slice": slice_, "small": False, "correction": correction, **told}


def bill(
    value: float = 0.2,
    *,
    day: int = 0,
    version: str = "phrases 2",
    use_cases: tuple[str, ...] = ("medical", "legal"),
    powered: float | None = None,
) -> dict[str, Any]:
    """A bill of a day, with a completion tax for all traffic and for each use case."""
    slices: list[dict[str, str]] = [{}, *({"use_case": name} for name in use_cases)]
    created = NOON + dt.timedelta(days=day)
    return {
        "schema": "aligntax.bill/1",
        "aligntax": "0.1.0",
        "created": created.replace(tzinfo=dt.UTC).isoformat(),
        "about": {
            "files": ["traffic.jsonl: openai-pairs"],
            "detector": "cascade",
            "detector_version": version,
            "first": (created - dt.timedelta(days=1)).isoformat(),
            "last": created.isoformat(),
            "exchanges": 1000,
            "level": 0.95,
        },
        "measurements": [entry("completion_tax", value, **s) for s in slices]
        + [entry("bill.spent_cost", math.nan)],
        "correction": None
        if powered is None
        else {
            "read": "powered",
            "why": "labels",
            "labels": {},
            "notes": [],
            "measurements": [entry("completion_tax", powered, "powered")],
        },
        "notes": [],
    }


def figure(component: str = "completion_tax", value: float = 0.25, **slice_: str) -> Measurement:
    """A figure; nan says why."""
    if math.isnan(value):
        return Measurement(component=component, estimate=unknown("no data", unit="rate"), slice=slice_)
    estimate = Estimate(
        value=value, low=value - 0.1, high=value + 0.1, level=0.95, n=100, unit="rate", method="Wilson score"
    )
    return Measurement(component=component, estimate=estimate, slice=slice_)
