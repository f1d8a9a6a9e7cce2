"""Figures, runs and a policy for the tests of exports."""

import datetime as dt
import math
from collections.abc import Sequence
from typing import Any

from aligntax.exports.exported import Exported
from aligntax.ledger import Ledger, Origin, Run, record_run
from aligntax.policy.read import LoadedPolicy
from aligntax.records import Correction, Estimate, Measurement, unknown
from aligntax.stats import wilson

DAY = dt.datetime(2026, 11, 1)
HOSTILE = 'quo"ted \\ line\nbreak {{x}}'
POLICY = """\
version = 1
service = "support assistant"

[[use_case]]
name = "medical"
owner = "product"
match = { use_case = ["medical"] }
[[use_case.budget]]
component = "completion_tax"
direction = "at_most"
limit = 0.05
[[use_case.budget]]
component = "delay.median"
direction = "at_most"
limit = 100

[[use_case]]
name = 'security "red" {{team}}'
match = { use_case = ["security"] }
[[use_case.budget]]
component = "refused"
direction = "at_most"
limit = 0.1
confidence = 0.9

[floor]
[[floor.hazard]]
name = "*"
limit = 0.05
[[floor.hazard]]
name = "chemical"
limit = 0.01
"""


def estimate(events: int, n: int, *, level: float = 0.95) -> Estimate:
    return wilson(events, n, level=level)


def figure(component: str, events: int, n: int, correction: Correction = "raw", **where: str) -> Measurement:
    return Measurement(component=component, estimate=estimate(events, n), slice=where, correction=correction)


def not_known(component: str, why: str, **where: str) -> Measurement:
    return Measurement(component=component, estimate=unknown(why, unit="rate", n=7), slice=where)


def traffic(use_case: str, model: str, n: int, refused: int, hedged: int) -> list[Measurement]:
    """Figures of one use case and model, as an audit gives them."""
    where = {"use_case": use_case, "model": model}
    return [
        figure("undetermined", 1, n + 1, **where),
        figure("completion_tax", refused + hedged, n, **where),
        figure("refused", refused, n, **where),
        figure("hedged", hedged, n, **where),
        figure("cannot", 0, n, **where),
        figure("layer.provider_filter", 1, n, **where),
        figure("layer.model", refused - 1, n, **where),
        figure("completion_tax", refused + hedged, n, use_case=use_case),
        figure("refused", refused, n, use_case=use_case),
        figure("refused", refused, n),
    ]


def origin(day: int, days: int = 1, version: str = "phrases 2") -> Origin:
    first = DAY + dt.timedelta(days=day)
    return Origin(
        source="traffic.jsonl",
        first=first,
        last=first + dt.timedelta(days=days) - dt.timedelta(seconds=1),
        detector="cascade",
        detector_version=version,
    )


def record(ledger: Ledger, figures: Sequence[Measurement], came: Origin, kind: str = "bill") -> Run:
    contents: dict[str, Any] = {"schema": f"aligntax.{kind}/1", "figures": [repr(figures), repr(came)]}
    last = came.last or DAY
    return record_run(
        ledger, contents, figures, title="traffic", origin=came, created=last + dt.timedelta(hours=1)
    )


def exported(
    figures: Sequence[Measurement], *, policy: LoadedPolicy | None = None, gate: dict[str, Any] | None = None
) -> Exported:
    return Exported(
        kind="bill",
        schema="aligntax.bill/1",
        title="traffic.jsonl",
        run="20261101T000000-abcdef",
        created=DAY,
        origin=origin(0),
        figures=figures,
        document={"schema": "aligntax.bill/1"},
        policy=policy,
        gate=gate,
    )


def same(one: float, other: float) -> bool:
    return math.isclose(one, other, rel_tol=1e-12, abs_tol=1e-15)
