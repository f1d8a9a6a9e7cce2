"""What is out of date: traffic, verdicts, the floor, approvals, watches."""

import datetime as dt
from collections.abc import Iterator

from aligntax.dashboard.reading.catalogue import newest
from aligntax.ledger.opened import Ledger
from aligntax.ledger.policies import KeptPolicy
from aligntax.ledger.runs import Run, runs
from aligntax.ledger.verdicts import KeptVerdict
from aligntax.ledger.watches import watch_names
from aligntax.policy.model import Policy
from aligntax.policy.window import parse_window

__all__ = ["stale"]

_WATCH = dt.timedelta(days=1)


def stale(
    ledger: Ledger,
    kept: KeptPolicy | None,
    policy: Policy | None,
    verdict: KeptVerdict | None,
    run: Run | None,
    now: dt.datetime,
) -> list[str]:
    """Sentences on what is out of date, what matters most first.

    Args:
        ledger: to read.
        kept: the policy in force; None without one.
        policy: what it says; None where it cannot be read.
        verdict: the newest; None without one.
        run: the newest bill; None without one.
        now: UTC without zone.
    """
    return [
        *_of_policy(kept, policy),
        *_of_verdict(kept, verdict, run),
        *_of_traffic(policy, run, now),
        *_of_floor(ledger, policy, now),
        *_of_detector(ledger, run),
        *_of_watches(ledger, now),
    ]


def _of_policy(kept: KeptPolicy | None, policy: Policy | None) -> Iterator[str]:
    if kept is None:
        yield "No policy is kept: `aligntax policy record aligntax.toml` keeps one."
    elif policy is None:
        yield "The newest policy cannot be read by this version: it is shown as text."
    elif kept.approved_by is None:
        yield "The newest change of the policy has not been approved."


def _of_verdict(kept: KeptPolicy | None, verdict: KeptVerdict | None, run: Run | None) -> Iterator[str]:
    if verdict is None:
        if run is not None and kept is not None:
            yield "No gate has held a run to the policy yet: `aligntax gate` does."
        return
    if kept is not None and verdict.policy_id != kept.id:
        yield "The newest verdict was given under another policy than the one in force."
    if run is not None and verdict.run_id != run.id and run.recorded > verdict.recorded:
        yield "The newest run has not been held to the policy."


def _of_traffic(policy: Policy | None, run: Run | None, now: dt.datetime) -> Iterator[str]:
    if run is None:
        yield "No traffic has been measured yet: `aligntax audit LOG --record` does."
        return
    windows = [parse_window(b.window) for case in policy.use_case for b in case.budget] if policy else []
    age = now - (run.origin.last or run.created)
    if windows and age > min(windows):
        yield f"The newest traffic ended {age.days} days ago, longer than the shortest window of the policy."


def _of_floor(ledger: Ledger, policy: Policy | None, now: dt.datetime) -> Iterator[str]:
    if policy is None or policy.floor is None or not policy.floor.required:
        return
    run = newest(ledger, "floor")
    if run is None:
        yield "The safety floor has not been measured: `aligntax floor --record` does."
    elif now - run.created > parse_window(policy.floor.max_age):
        age = (now - run.created).days
        yield f"The safety floor was measured {age} days ago; the policy allows {policy.floor.max_age}."


def _of_detector(ledger: Ledger, run: Run | None) -> Iterator[str]:
    if run is None:
        return
    before = runs(ledger, kind="bill", before=run.created, limit=1)
    if before and _detector(before[0]) != _detector(run):
        yield "The detector changed with the newest run: its figures are not comparable with those before."


def _detector(run: Run) -> tuple[str | None, str | None]:
    return run.origin.detector, run.origin.detector_version


def _of_watches(ledger: Ledger, now: dt.datetime) -> Iterator[str]:
    for name, updated in watch_names(ledger):
        if now - updated > _WATCH:
            yield f"The watch {name} last looked {(now - updated).days} days ago."
