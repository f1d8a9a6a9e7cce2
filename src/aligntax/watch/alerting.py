"""Alerts as documents: what is beyond its budget, what has changed, what has recovered.

schema      "aligntax.alert/1"
key         the same each time an alert is told, so that a receiver can drop the second one
kind        budget, change, or recovered
watch, service, policy_id, detector
use_case, component, direction, limit, window
at          end of the last hour looked at, UTC
raised      when it was raised, UTC
since       budget, recovered: beginning of the stretch; change: beginning of the comparison
rate        budget, recovered: the rate since then, with its sequence; change: the rate from the change on
alpha       chance that this test raises a false alarm
design_effect
before      change: the rate before it; else null
change      change: {at, first, last, evidence, needed}: the hour it most likely began with, and those it may
            have; else null
coincidences  change: what was new near it; see `coincidences`
text        all of it in a sentence

Rates are {value, low, high, ...} as in a bill. Nothing a user or a model wrote is in an alert.
"""

import secrets
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from aligntax.ledger.keys import now
from aligntax.ledger.marks import Mark
from aligntax.ledger.watches import NewAlert
from aligntax.records import Estimate
from aligntax.stats.change_point import Counts
from aligntax.stats.confidence_sequence import sequence
from aligntax.watch.coincidences import coincidences, hour_time, when
from aligntax.watch.counted import Counted
from aligntax.watch.looks import Breach, Changed, Recovered, Standing, Trend
from aligntax.watch.seen import Seen

__all__ = ["SCHEMA", "About", "alert"]

SCHEMA = "aligntax.alert/1"
_LEVEL = 0.95


@dataclass(frozen=True, slots=True, kw_only=True)
class About:
    """What all alerts of a watch say.

    Attributes:
        watch: its name.
        service: the policy's name for it.
        policy_id: of the policy.
        detector: name and version.
        counted: what was counted.
        seen: first sights.
        marks: of the ledger.
        telling: whether anybody is told at all.
    """

    watch: str
    service: str
    policy_id: str
    detector: str
    counted: Counted
    seen: Seen
    marks: Sequence[Mark]
    telling: bool


def alert(found: Breach | Recovered | Changed, about: About) -> NewAlert:
    """What was found at a look, as an alert."""
    if isinstance(found, Changed):
        return _changed(found.trend, about)
    return _budget(found.standing, about, began=found.began if isinstance(found, Recovered) else None)


def _budget(standing: Standing, about: About, *, began: int | None) -> NewAlert:
    budget, use_case = standing.test.budget, standing.test.use_case
    kind = "budget" if began is None else "recovered"
    at_most = budget.direction.replace("_", " ")
    beyond = "beyond the budget of" if began is None else "back within the budget of"
    since = hour_time(standing.since)
    text = (
        f"{use_case}: {budget.component} is {_shown(standing.rate)} since {since:%Y-%m-%d %H:%M}, "
        f"{beyond} {at_most} {budget.limit * 100:.4g}%"
    )
    if began is not None:
        text += f"; it was beyond it since {hour_time(began + 1):%Y-%m-%d %H:%M}"
    said = {
        "direction": budget.direction,
        "limit": budget.limit,
        "window": budget.window,
        "since": since.isoformat(),
        "rate": _flat(standing.rate),
        "alpha": standing.alpha,
        "design_effect": standing.effect,
        "text": text,
    }
    until, tell = standing.until, standing.test.tell
    return _made(kind, use_case, budget.component, until, tell, said, about)


def _changed(trend: Trend, about: About) -> NewAlert:
    test, change = trend.test, trend.change
    at, first, last = when(trend)
    before, after = (_rate(counts, trend.effect) for counts in (change.before, change.after))
    marks = [mark for mark in about.marks if mark.use_case in ("", test.use_case)]
    near = coincidences(trend, about.counted, about.seen, marks)
    said = {
        "since": hour_time(trend.since).isoformat(),
        "rate": _flat(after),
        "before": _flat(before),
        "change": {
            "at": hour_time(at).isoformat(),
            "first": hour_time(first).isoformat(),
            "last": hour_time(last).isoformat(),
            "evidence": change.evidence,
            "needed": trend.needed,
        },
        "coincidences": near,
        "alpha": trend.alpha,
        "design_effect": trend.effect,
        "text": (
            f"{test.use_case}: {test.component} went from {_shown(before)} to {_shown(after)} at about "
            f"{hour_time(at):%Y-%m-%d %H:%M} (from {hour_time(first):%m-%d %H:%M} to "
            f"{hour_time(last):%m-%d %H:%M}); {_near(near)}"
        ),
    }
    return _made("change", test.use_case, test.component, trend.until, test.tell, said, about)


def _near(found: Sequence[dict[str, Any]]) -> str:
    if not found:
        return "nothing that changed is known near it"
    inside = [one["text"] for one in found if one["within"]]
    return f"it coincides with {'; '.join(inside)}" if inside else f"the nearest is {found[0]['text']}"


def _made(
    kind: str,
    use_case: str,
    component: str,
    until: int,
    tell: Sequence[str],
    said: dict[str, Any],
    about: About,
) -> NewAlert:
    at, raised = hour_time(until + 1), now()
    document = {
        "schema": SCHEMA,
        "key": secrets.token_hex(8),
        "kind": kind,
        "watch": about.watch,
        "service": about.service,
        "policy_id": about.policy_id,
        "detector": about.detector,
        "use_case": use_case,
        "component": component,
        "direction": None,
        "limit": None,
        "window": None,
        "at": at.isoformat(),
        "raised": raised.isoformat(timespec="seconds"),
        "before": None,
        "change": None,
        "coincidences": [],
        **said,
    }
    state = "pending" if about.telling else "dry run"
    return NewAlert(
        at=min(at, raised),  # the hour may not have ended yet
        use_case=use_case,
        component=component,
        kind=kind,
        document=document,
        told=[{"name": name, "state": state, "tries": 0, "at": None, "said": ""} for name in tell],
    )


def _rate(counts: Counts, effect: float) -> Estimate:
    return sequence(round(counts.events), round(counts.n), alpha=1 - _LEVEL, design_effect=effect)


def _flat(rate: Estimate) -> dict[str, Any]:
    return asdict(rate) if rate.known else asdict(rate) | {"value": None, "low": None, "high": None}


def _shown(rate: Estimate) -> str:
    return f"{rate.value:.2%} [{rate.low:.2%}, {rate.high:.2%}] of {rate.n:,}"
