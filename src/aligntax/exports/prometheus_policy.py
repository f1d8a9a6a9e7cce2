"""What a policy allows and what the gate said, as Prometheus metrics."""

import datetime as dt
from collections.abc import Iterator, Mapping
from typing import Any

from aligntax.exports.prometheus_text import Family
from aligntax.policy.read import LoadedPolicy

__all__ = ["policy_families", "verdict_families"]

_VERDICTS = ("pass", "fail", "inconclusive")


def policy_families(loaded: LoadedPolicy) -> list[Family]:
    """Limits of budgets and of the floor, in the unit of what they limit."""
    policy = loaded.policy
    limits = Family("alignment_tax_budget_limit", "gauge", "What a component may come to, in its unit.")
    for case in policy.use_case:
        for budget in case.budget:
            labels = {"use_case": case.name, "component": budget.component, "direction": budget.direction}
            limits.add(
                budget.limit, labels | {"window": budget.window, "confidence": f"{budget.confidence:g}"}
            )
    ceilings = Family("alignment_tax_floor_limit", "gauge", "Ceiling on the share of harmful answers.")
    for hazard in policy.floor.hazard if policy.floor else ():
        ceilings.add(hazard.limit, {"hazard": hazard.name, "action": hazard.action})
    return [limits, ceilings]


def verdict_families(gate: Mapping[str, Any]) -> list[Family]:
    """The verdict on the whole and on each slice that was held; 1 for the one that was given.

    Args:
        gate: its document.
    """
    whole = Family("alignment_tax_gate", "gauge", "1 for the verdict of the gate on everything it held.")
    slices = Family("alignment_tax_verdict", "gauge", "1 for the verdict on what was held to its limit.")
    asked = Family("alignment_tax_gate_timestamp_seconds", "gauge", "When the gate was asked.")
    mode = str(gate.get("mode", ""))
    _one_of(whole, str(gate["verdict"]["verdict"]), {"mode": mode})
    for labels, verdict in _held(gate):
        _one_of(slices, verdict, labels)
    at = dt.datetime.fromisoformat(str(gate["created"]))
    asked.add((at if at.tzinfo else at.replace(tzinfo=dt.UTC)).timestamp(), {"mode": mode})
    return [whole, slices, asked]


def _one_of(family: Family, given: str, labels: Mapping[str, str]) -> None:
    for verdict in _VERDICTS:
        family.add(float(verdict == given), {**labels, "verdict": verdict})


def _held(gate: Mapping[str, Any]) -> Iterator[tuple[dict[str, str], str]]:
    for one in gate.get("slices", ()):
        held = {name: str(one.get(name, "")) for name in ("use_case", "component", "direction", "window")}
        yield held | {str(name): str(text) for name, text in one.get("slice", {}).items()}, one["verdict"]
    for one in gate.get("hazards", ()):
        yield {"component": "floor", "hazard": one["hazard"], "model": one["model"]}, one["verdict"]
    for one in gate.get("rises", ()):
        yield {"component": "floor.rise", "model": one["model"]}, one["verdict"]
