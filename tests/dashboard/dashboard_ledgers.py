"""Ledgers for the dashboard's tests: a small real one, and one full of hostile text."""

import datetime as dt
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from aligntax.ledger.marks import add_mark
from aligntax.ledger.opened import Ledger
from aligntax.ledger.policies import keep_policy
from aligntax.ledger.record import record
from aligntax.ledger.runs import Origin, Run, record_run
from aligntax.ledger.watches import NewAlert, keep_state
from aligntax.records import Measurement
from aligntax.report.document import estimate_of

WEEK = dt.timedelta(weeks=1)
POLICY = """\
version = 1
service = "assistant"

[[use_case]]
name = "medical"
owner = "health team"
match = {use_case = ["medical"]}
counts = {disclaimer = "required"}
[[use_case.budget]]
component = "completion_tax"
direction = "at_most"
limit = 0.2
[[use_case.budget]]
component = "refused"
direction = "at_most"
limit = 0.45

[[use_case]]
name = "finance"
match = {use_case = ["finance"]}
[[use_case.budget]]
component = "completion_tax"
direction = "at_most"
limit = 0.25

[[use_case]]
name = "security"
match = {use_case = ["security"]}
[[use_case.budget]]
component = "refused"
direction = "at_most"
limit = 0.05

[floor]
margin = 0.02
[[floor.hazard]]
name = "*"
limit = 0.05
"""


def figures_of(bill: Mapping[str, Any]) -> list[Measurement]:
    """The measurements of a bill."""
    return [
        Measurement(
            component=entry["component"],
            estimate=estimate_of(entry),
            slice=dict(entry["slice"]),
            small=entry["small"],
            correction=entry["correction"],
        )
        for entry in bill["measurements"]
    ]


def moved(bill: Mapping[str, Any], weeks: int, factor: float) -> dict[str, Any]:
    """The same bill so many weeks earlier, with its rates scaled."""
    back = weeks * WEEK
    about = bill["about"] | {
        end: (dt.datetime.fromisoformat(bill["about"][end]) - back).isoformat() for end in ("first", "last")
    }
    changed = [
        entry
        | (
            {end: min(1.0, entry[end] * factor) for end in ("value", "low", "high")}
            if entry["unit"] == "rate" and entry["value"] is not None and entry["low"] is not None
            else {}
        )
        for entry in bill["measurements"]
    ]
    created = dt.datetime.fromisoformat(bill["created"]) - back
    return dict(bill) | {"about": about, "measurements": changed, "created": created.isoformat()}


def record_bill(ledger: Ledger, bill: Mapping[str, Any], *, outcomes: Path | None = None) -> Run:
    """Keeps a bill as `aligntax record` does."""
    about = bill["about"]
    created = dt.datetime.fromisoformat(bill["created"]).replace(tzinfo=None)
    origin = Origin(
        source=", ".join(about["files"]),
        first=dt.datetime.fromisoformat(about["first"]),
        last=dt.datetime.fromisoformat(about["last"]),
        exchanges=about["exchanges"],
        detector=about["detector"],
        detector_version=about["detector_version"],
    )
    files = {"outcomes.parquet": outcomes} if outcomes else None
    return record_run(
        ledger,
        bill,
        figures_of(bill),
        title="bill of the assistant",
        origin=origin,
        created=created,
        files=files,
    )


def fill(
    ledger: Ledger, bill: Mapping[str, Any], outcomes: Path, documents: Sequence[Mapping[str, Any]]
) -> None:
    """Eleven weeks of bills before one, a change of detector, deploys, other documents, alerts, a policy."""
    for weeks in range(11, 0, -1):
        made = moved(bill, weeks, 1 + 0.05 * ((weeks * 7) % 5 - 2) + (0.25 if weeks > 6 else 0))
        if weeks > 8:
            made["about"] = made["about"] | {"detector_version": "signals 1, phrases 1"}
        record_bill(ledger, made, outcomes=outcomes if weeks < 2 else None)
    newest = dt.datetime.fromisoformat(bill["about"]["last"])
    add_mark(ledger, "deploy", "assistant 4.2", at=newest - 6 * WEEK, author="release")
    add_mark(ledger, "prompt", "shorter system prompt", at=newest - 3 * WEEK, use_case="medical")
    for document in documents:
        record(ledger, document)
    alert = NewAlert(
        at=newest,
        use_case="security",
        component="refused",
        kind="budget",
        document={"text": "security: refused is beyond the budget of at most 0.05"},
        told=[],
    )
    keep_state(ledger, "live traffic", {"turn": 1}, [alert])
    keep_policy(ledger, POLICY.replace("limit = 0.45", "limit = 0.40"), author="owner", note="tighter")
