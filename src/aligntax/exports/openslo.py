"""A policy as OpenSLO documents: a service, its objectives for usefulness, one for its safety floor.

A good event of usefulness is a request that does not spend a budget; of one use case with one budget there is
one such objective, of several one each, since an objective has one indicator. The safety floor's indicator is
the upper bound on harmful compliance itself: too little data must not look safe. Burn rates are told as alert
policies; OpenSLO has one window a condition, so the workbook's short one is the time an alert waits.

Source: OpenSLO v1 (apiVersion openslo/v1), README and schemas of the specification.
"""

import datetime as dt
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from aligntax.exports.burn_rates import BurnRate, duration, stretched
from aligntax.exports.indicators import Ceiling, Indicator, ceilings, indicators, uncounted
from aligntax.exports.names import dns_label
from aligntax.exports.written import Written, save_text
from aligntax.exports.yaml_text import yaml_text
from aligntax.policy.model import Policy, Tell
from aligntax.policy.read import LoadedPolicy

__all__ = ["documents", "write_openslo"]

_VERSION = "openslo/v1"
_MOST_NAME = 63  # of what is shown
_MOST_TEXT = 1050
_SOURCE = "prometheus"


def documents(loaded: LoadedPolicy, *, every: dt.timedelta) -> tuple[list[dict[str, Any]], list[str]]:
    """The documents of a policy.

    Args:
        loaded: the policy.
        every: time between two audits; 0 for counters that count as requests come.

    Returns:
        The documents, and what was left out.
    """
    policy, rates = loaded.policy, stretched(every)
    found, floor = indicators(policy), ceilings(policy)
    left_out = list(uncounted(policy))
    if not floor:
        left_out.append("objective of the safety floor left out: the policy has no floor with a hazard")
    targets = [_target(one) for one in policy.tell] or [_nobody()]
    made = [_service(loaded), _data_source(), *targets]
    made += [_condition(rate) for rate in rates]
    made += [_alert_policy(rate, named) for named in _told_sets(policy) for rate in rates]
    made += [_usefulness(policy, one, rates, left_out) for one in found]
    made += [_floor(policy, one, rates) for one in floor]
    return made, left_out


def write_openslo(loaded: LoadedPolicy, out: Path, *, every: dt.timedelta) -> Written:
    """Writes them as one YAML stream."""
    made, left_out = documents(loaded, every=every)
    head = [f"From {loaded.path.name}, policy {loaded.id[:12]}.", *left_out]
    objectives = sum(one["kind"] == "SLO" for one in made)
    files = save_text({out: yaml_text(*made, notes=head)})
    return Written(figures=objectives, what="objectives", files=files, left_out=left_out)


def _document(
    kind: str, name: str, spec: Mapping[str, Any], *, display: str = "", **notes: str
) -> dict[str, Any]:
    metadata: dict[str, Any] = {"name": name}
    if display:
        metadata["displayName"] = display[:_MOST_NAME]
    if notes:
        metadata["annotations"] = {f"aligntax/{key}": text for key, text in notes.items()}
    return {"apiVersion": _VERSION, "kind": kind, "metadata": metadata, "spec": dict(spec)}


def _service(loaded: LoadedPolicy) -> dict[str, Any]:
    what = "What safety tuning costs the users of this service, and the floor it may not fall below."
    service = loaded.policy.service
    return _document("Service", dns_label(service), {"description": what}, display=service, policy=loaded.id)


def _data_source() -> dict[str, Any]:
    what = "Put your server's URL here."
    spec = {"description": what, "type": "Prometheus", "connectionDetails": {"url": "http://localhost:9090"}}
    return _document("DataSource", _SOURCE, spec)


def _target(tell: Tell) -> dict[str, Any]:
    """Who is told; where, stands in the policy alone, since a webhook's address can be a secret."""
    kind = "webhook" if tell.webhook is not None else "command"
    return _document("AlertNotificationTarget", dns_label(tell.name), {"target": kind}, display=tell.name)


def _nobody() -> dict[str, Any]:
    what = "The policy names nobody to tell."
    return _document("AlertNotificationTarget", "nobody", {"target": "none", "description": what})


def _names(told: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(dns_label(name) for name in told)) or ("nobody",)


def _told(policy: Policy, one: Indicator | Ceiling) -> tuple[str, ...]:
    everyone = tuple(tell.name for tell in policy.tell)
    if isinstance(one, Indicator):
        return _names((*one.use_case.tell, *one.budget.tell) or everyone)
    return _names((policy.floor.tell if policy.floor else ()) or everyone)


def _told_sets(policy: Policy) -> list[tuple[str, ...]]:
    """Who is told together: an alert policy names its targets, so each set needs its own."""
    held: list[Indicator | Ceiling] = [*indicators(policy), *ceilings(policy)]
    return list(dict.fromkeys(_told(policy, one) for one in held))


def _rate_name(rate: BurnRate) -> str:
    return dns_label(f"burn {rate.factor:g}x".replace(".", "-"), duration(rate.long))


def _condition(rate: BurnRate) -> dict[str, Any]:
    condition = {
        "kind": "burnrate",
        "op": "gt",
        "threshold": rate.factor,
        "lookbackWindow": duration(rate.long),
        "alertAfter": duration(rate.wait),
    }
    what = f"The budget is spent at over {rate.factor:g} times the rate that lasts its window."
    spec = {"description": what, "severity": rate.severity, "condition": condition}
    return _document("AlertCondition", _rate_name(rate), spec)


def _alert_policy(rate: BurnRate, told: tuple[str, ...]) -> dict[str, Any]:
    spec = {
        "alertWhenBreaching": True,
        "alertWhenResolved": False,
        "alertWhenNoData": True,
        "conditions": [{"conditionRef": _rate_name(rate)}],
        "notificationTargets": [{"targetRef": name} for name in told],
    }
    return _document("AlertPolicy", _policy_name(rate, told), spec)


def _policy_name(rate: BurnRate, told: tuple[str, ...]) -> str:
    return dns_label(_rate_name(rate), "to", *told)


def _query(expression: str) -> dict[str, Any]:
    spec = {"query": expression}
    return {"metricSource": {"metricSourceRef": _SOURCE, "type": "Prometheus", "spec": spec}}


def _usefulness(policy: Policy, one: Indicator, rates: list[BurnRate], left_out: list[str]) -> dict[str, Any]:
    budget, name = one.budget, dns_label("usefulness", one.name)
    what = (
        f"Requests of {one.use_case.name} that do not count as {budget.component}. Counted as the detector "
        "told them: alignment_tax_detector_bias is its error, alignment_tax_rate_corrected the rate without."
    )
    indicator = {
        "metadata": {"name": dns_label(name, "ratio")},
        "spec": {
            "description": what[:_MOST_TEXT],
            "ratioMetric": {
                "counter": True,
                "bad": _query(f"sum({one.bad})"),
                "total": _query(f"sum({one.total})"),
            },
        },
    }
    kept = list(_possible(one, rates, left_out))
    spec = {
        "description": f"At most {budget.limit:.4g} of requests count as {budget.component}.",
        "service": dns_label(policy.service),
        "indicator": indicator,
        "timeWindow": [{"duration": budget.window, "isRolling": True}],
        "budgetingMethod": "Occurrences",
        "objectives": [{"displayName": one.name[:_MOST_NAME], "target": round(1 - budget.limit, 12)}],
        "alertPolicies": [{"alertPolicyRef": _policy_name(rate, _told(policy, one))} for rate in kept],
    }
    owner = {"owner": one.use_case.owner} if one.use_case.owner else {}
    confidence = f"{budget.confidence:g}"
    return _document("SLO", name, spec, display=f"usefulness: {one.name}", confidence=confidence, **owner)


def _possible(one: Indicator, rates: list[BurnRate], left_out: list[str]) -> Iterator[BurnRate]:
    for rate in rates:
        if rate.factor * one.budget.limit < 1:
            yield rate
        else:
            left_out.append(
                f"alert at {rate.factor:g} times the budget of {one.name} left out: "
                f"{rate.factor:g} x {one.budget.limit:g} is more than all requests"
            )


def _floor(policy: Policy, one: Ceiling, rates: list[BurnRate]) -> dict[str, Any]:
    """The bound is no count of events, so what burns is its distance: only rate 1 says anything of it."""
    hazard = "" if one.hazard.name == "*" else one.hazard.name
    slowest = min(rates, key=lambda rate: rate.factor)
    assert policy.floor is not None
    name = dns_label("safety-floor", hazard) if hazard else "safety-floor"
    raw = {"counter": False, "rawType": "failure", "raw": _query(one.upper)}
    what = f"Upper bound, at {policy.floor.confidence:g}, on the share of harmful answers."
    indicator = {
        "metadata": {"name": dns_label(name, "bound")},
        "spec": {"description": what, "ratioMetric": raw},
    }
    spec = {
        "description": f"Harmful compliance is shown to be at most {one.hazard.limit:.4g}.",
        "service": dns_label(policy.service),
        "indicator": indicator,
        "timeWindow": [{"duration": policy.floor.max_age, "isRolling": True}],
        "budgetingMethod": "Occurrences",
        "objectives": [
            {"displayName": (hazard or "all hazards")[:_MOST_NAME], "target": round(1 - one.hazard.limit, 12)}
        ],
        "alertPolicies": [{"alertPolicyRef": _policy_name(slowest, _told(policy, one))}],
    }
    shown = f"safety floor: {hazard or 'all hazards'}"
    return _document("SLO", name, spec, display=shown, action=one.hazard.action)
