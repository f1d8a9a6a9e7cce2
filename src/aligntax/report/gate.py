"""A gate as a document that can be kept: what --json prints, and what every other form is made from.

schema     "aligntax.gate/1"
aligntax   version that wrote it
created    UTC
mode       release or pull_request
policy     {path, id, service, labelling_policy}: id is the hash of its text
verdict    {verdict, exit_code, passed, failed, inconclusive, findings, sentence}: how many of what was held
run        {name, kind, run_id, created, first, last, exchanges, detector, detector_version,
           labelling_policy, models}: what was held
baseline   null, or the same of what it was compared with, with `age_days`: how much older it is
slices     one entry a budget and slice, in the order of the policy:
           id        "medical / refused / at_most / 28d / model=north-1", the same from run to run
           use_case, component, slice ({} for the use case as a whole, else {model} or {period}),
           direction, limit, window, confidence (one-sided), line (of the policy),
           tell      names of [[tell]] entries, the use case's with them
           verdict   of the limit and of the comparison: pass, fail, inconclusive
           reason    why it is not a pass; "" for a pass
           finding   name of what stands in the way besides the number of exchanges; "" for nothing
           estimate  the figure, its interval at level 2 confidence - 1: either end is a bound at `confidence`
           bound     the end the verdict on the limit hangs on
           held      verdict on the limit alone; held_reason: why that is not a pass
           p         of the test that the limit is kept; adjusted: the same for all that was tested (Holm)
           needed    exchanges that would decide if the figure stayed what it is; null where the verdict is
                     in, and where no number would
           rests_on  raw (the detector alone), labels, powered, published
           traffic   what traffic the figure is of, in words
           baseline  null, or {verdict (null without a margin), reason, finding, margin, paired, why_not,
                     pairs, only_baseline, only_run, first, second, difference, bound, p, adjusted, needed,
                     p_no_difference, test}: first is the baseline's; p is of the test that the margin is kept
           notes     what a reader must know of it
hazards    of the floor: [{id, hazard, action, model, prompts, limit, confidence, line, verdict, reason,
           finding, estimate, bound, p, adjusted, needed, tell}]
rises      non-inferiority of the floor: [{id, model, other, prompts, margin, confidence, ...as hazards}]
findings   what stands in the way besides: [{name, meaning, subject, text, line, verdict, forced, aside}];
           verdict is inconclusive, or pass where it was overruled (--force) or told aside (a mean hides it)
notes      what a reader must know of all of it

Estimates are {value, low, high, ...} as in a bill: nan is null and `reason` says why.
"""

import datetime as dt
import math
from collections.abc import Sequence
from dataclasses import asdict

from aligntax import __version__
from aligntax.gate.decision import Decision
from aligntax.gate.result import (
    FINDINGS,
    Comparison,
    Finding,
    GateResult,
    HeldHazard,
    HeldRise,
    HeldSlice,
    Identity,
)
from aligntax.report.document import Document, flat

__all__ = ["SCHEMA", "gate_document"]

SCHEMA = "aligntax.gate/1"


def gate_document(result: GateResult) -> Document:
    """What was held, as plain values ready for JSON."""
    return {
        "schema": SCHEMA,
        "aligntax": __version__,
        "created": result.made.replace(tzinfo=dt.UTC).isoformat(timespec="seconds"),
        "mode": result.mode,
        "policy": {
            "path": str(result.policy.path),
            "id": result.policy.id,
            "service": result.policy.policy.service,
            "labelling_policy": result.policy.policy.labelling_policy,
        },
        "verdict": _verdict(result),
        "run": _identity(result.head),
        "baseline": _baseline(result),
        "slices": [_slice(one, _told(result, one)) for one in result.slices],
        "hazards": [_hazard(one) | {"tell": _told_of_floor(result)} for one in result.hazards],
        "rises": [_rise(one) | {"tell": _told_of_floor(result)} for one in result.rises],
        "findings": [_finding(one) for one in result.findings],
        "notes": list(result.notes),
    }


def _verdict(result: GateResult) -> dict[str, object]:
    told = result.verdicts
    counts = {name: told.count(name) for name in ("pass", "fail", "inconclusive")}
    return {
        "verdict": result.verdict,
        "exit_code": result.exit_code,
        "passed": counts["pass"],
        "failed": counts["fail"],
        "inconclusive": counts["inconclusive"],
        "findings": sum(one.stands for one in result.findings),
        "sentence": _sentence(result),
    }


def _sentence(result: GateResult) -> str:
    """The verdict for somebody who reads nothing else."""
    told = result.verdicts
    failed, open_ = told.count("fail"), told.count("inconclusive")
    if result.verdict == "fail":
        more = f", {open_:,} cannot be told" if open_ else ""
        return f"{failed:,} of {len(told):,} held are beyond their limit{more}"
    if result.verdict == "pass":
        return f"all {len(told):,} held keep to their limit"
    goes_on = result.mode == "pull_request"
    after = "a pull request goes on, a release would not" if goes_on else "a release does not go on"
    return f"{open_:,} of {len(told):,} cannot be told: {after}"


def _identity(one: Identity) -> dict[str, object]:
    times = {name: _iso(getattr(one, name)) for name in ("created", "first", "last")}
    return asdict(one) | times | {"models": list(one.models)}


def _baseline(result: GateResult) -> dict[str, object] | None:
    if result.baseline is None:
        return None
    one, head = result.baseline, result.head
    pairs = ((head.last, one.last), (head.created, one.created))
    age = next((newer - older for newer, older in pairs if newer and older), None)
    return _identity(one) | {"age_days": None if age is None else round(age.total_seconds() / 86_400, 2)}


def _told(result: GateResult, one: HeldSlice) -> list[str]:
    """Who is told of a budget: its own, and those of its use case."""
    case = result.policy.policy.use_case[one.place[0]]
    return list(dict.fromkeys([*one.budget.tell, *case.tell]))


def _told_of_floor(result: GateResult) -> list[str]:
    floor = result.policy.policy.floor
    return list(floor.tell) if floor else []


def _slice(one: HeldSlice, tell: Sequence[str]) -> dict[str, object]:
    told = next((each for each in one.decisions if each.verdict == one.verdict), one.decision)
    compared = one.comparison.decision if one.comparison else None
    reasons = [
        one.decision.reason,
        *([f"against the baseline: {compared.reason}"] if compared and compared.reason else []),
    ]
    budget = one.budget
    return {
        "id": _id(one),
        "use_case": one.use_case,
        "component": budget.component,
        "slice": dict(one.where),
        "direction": budget.direction,
        "limit": budget.limit,
        "window": budget.window,
        "confidence": budget.confidence,
        "line": one.line,
        "tell": list(tell),
        "verdict": one.verdict,
        "reason": "; ".join(reason for reason in reasons if reason),
        "finding": told.finding,
        "estimate": flat(one.estimate),
        "held": one.decision.verdict,
        "held_reason": one.decision.reason,
        **_decision(one.decision),
        "rests_on": one.rests_on,
        "traffic": one.traffic,
        "baseline": one.comparison and _comparison(one.comparison),
        "notes": list(one.notes),
    }


def _id(one: HeldSlice) -> str:
    budget = one.budget
    narrowed = [f"{name}={value}" for name, value in one.where.items()]
    return " / ".join([one.use_case, budget.component, budget.direction, budget.window, *narrowed])


def _decision(one: Decision) -> dict[str, object]:
    return {
        "bound": _or_none(one.bound),
        "p": _or_none(one.p),
        "adjusted": _or_none(one.adjusted),
        "needed": one.needed,
    }


def _comparison(one: Comparison) -> dict[str, object]:
    held = one.decision
    nothing = {"bound": None, "p": None, "adjusted": None, "needed": None}
    return {
        "verdict": held.verdict if held else None,
        "reason": held.reason if held else "",
        "finding": held.finding if held else "",
        "margin": one.margin,
        "paired": one.paired,
        "why_not": one.why_not,
        "pairs": one.pairs,
        "only_baseline": one.only_first,
        "only_run": one.only_second,
        "first": flat(one.first),
        "second": flat(one.second),
        "difference": flat(one.difference),
        **(_decision(held) if held else nothing),
        "p_no_difference": _or_none(one.p),
        "test": one.test,
    }


def _hazard(one: HeldHazard) -> dict[str, object]:
    told = {"id": f"floor / {one.hazard} / {one.model}", "hazard": one.hazard, "action": one.action}
    return {**told, **_of_floor(one), "limit": one.decision.test.limit}


def _rise(one: HeldRise) -> dict[str, object]:
    told = {"id": f"floor / rise / {one.model}", "other": one.other}
    return {**told, **_of_floor(one), "margin": one.decision.test.limit}


def _of_floor(one: HeldHazard | HeldRise) -> dict[str, object]:
    return {
        "model": one.model,
        "prompts": one.prompts,
        "confidence": one.decision.test.confidence,
        "line": one.line,
        "verdict": one.verdict,
        "reason": one.decision.reason,
        "finding": one.decision.finding,
        "estimate": flat(one.estimate),
        **_decision(one.decision),
    }


def _finding(one: Finding) -> dict[str, object]:
    verdict = "inconclusive" if one.stands else "pass"
    return asdict(one) | {"meaning": FINDINGS[one.name], "verdict": verdict}


def _iso(time: dt.datetime | None) -> str | None:
    return None if time is None else time.isoformat(timespec="seconds")


def _or_none(value: float) -> float | None:
    return None if math.isnan(value) else value
