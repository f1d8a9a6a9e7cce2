"""How a watch stands, as a document: what --json prints, one line a round.

schema    "aligntax.watch/1" aligntax  version that wrote it created   UTC watch, service, policy_id,
detector about     alpha (chance of a false alarm in a calendar month, for all tests together), tests, looked
(end of the
          last hour looked at, null before the first), clustered, files, unfinished (bytes of last lines that
          have not ended)
totals    records, exchanges, skipped, unassigned (of no use case), untimed (counted when they were read),
late
          (too old to be counted); new: exchanges of this round
slices    one entry a budget: use_case, component, direction, limit, window, since (of its stretch), until,
turn,
          alpha, design_effect, events, rate (with its sequence at 1 - alpha), state (no data, undecided,
          within, beyond), open_since (of the episode, null for none)
changes   one entry a rate: use_case, component, since, turn, alpha, design_effect, n, evidence, needed (in
nats; a
          change is found when the first reaches the second; null where there is nothing to compare)
alerts    raised in this round
problems  what could not be read, located
notes     what a reader must know

Rates are {value, low, high, ...} as in a bill: nan is null and `reason` says why.
"""

import datetime as dt
import math

from aligntax import __version__
from aligntax.report.document import Document, flat
from aligntax.watch.coincidences import hour_time
from aligntax.watch.looks import Standing, Trend
from aligntax.watch.plan import ALPHA
from aligntax.watch.watch import Round, Watch

__all__ = ["SCHEMA", "watch_document"]

SCHEMA = "aligntax.watch/1"


def watch_document(watch: Watch, done: Round, *, created: dt.datetime) -> Document:
    """How a watch stands after a round.

    Args:
        watch: read and looked.
        done: what the round came to.
        created: UTC.
    """
    standings, trends = watch.standings(), watch.trends()
    return {
        "schema": SCHEMA,
        "aligntax": __version__,
        "created": created.isoformat(timespec="seconds"),
        "watch": watch.name,
        "service": watch.plan.service,
        "policy_id": watch.policy_id,
        "detector": watch.detector,
        "about": {
            "alpha": ALPHA,
            "tests": len(standings) + len(trends),
            "looked": None if watch.looked < 0 else hour_time(watch.looked + 1).isoformat(),
            "clustered": watch.counted.clustered,
            "files": sum(not stream.gone for stream in watch.streams.all),
            "unfinished": done.unfinished,
        },
        "totals": {**watch.totals, "late": watch.counted.late, "new": done.exchanges},
        "slices": [_slice(one) for one in standings],
        "changes": [_change(one) for one in trends],
        "alerts": [dict(one.document) for one in done.alerts],
        "problems": list(done.problems),
        "notes": [*watch.notes, *watch.plan.left_out, *_notes(watch, done)],
    }


def _slice(one: Standing) -> Document:
    budget = one.test.budget
    return {
        "use_case": one.test.use_case,
        "component": budget.component,
        "direction": budget.direction,
        "limit": budget.limit,
        "window": budget.window,
        "since": hour_time(one.since).isoformat(),
        "until": hour_time(one.until + 1).isoformat(),
        "turn": one.turn,
        "alpha": one.alpha,
        "design_effect": one.effect,
        "events": one.events,
        "rate": flat(one.rate),
        "state": one.state,
        "open_since": None if one.open_since is None else hour_time(one.open_since + 1).isoformat(),
    }


def _change(one: Trend) -> Document:
    evidence = one.change.evidence
    return {
        "use_case": one.test.use_case,
        "component": one.test.component,
        "since": hour_time(one.since).isoformat(),
        "turn": one.turn,
        "alpha": one.alpha,
        "design_effect": one.effect,
        "n": round(one.change.before.n + one.change.after.n),
        "evidence": evidence if math.isfinite(evidence) else None,
        "needed": one.needed,
    }


def _notes(watch: Watch, done: Round) -> list[str]:
    totals, late = watch.totals, watch.counted.late
    counted = totals["exchanges"] > 0
    said = {
        f"{totals['unassigned']:,} exchanges are of no use case of the policy": totals["unassigned"],
        f"{totals['untimed']:,} exchanges without a time were counted when they were read": totals["untimed"],
        f"{late:,} exchanges are more than a month older than the newest, and in no rate": late,
        "exchanges are taken as independent, since the log has no user, session or template field": (
            counted and not watch.counted.clustered
        ),
        f"{len(done.copies):,} files hold what another one has and wait": done.copies,
        f"not there yet: {', '.join(done.waiting[:3])}": done.waiting,
    }
    return [text for text, holds in said.items() if holds]
