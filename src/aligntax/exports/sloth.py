"""A policy as a Sloth document (prometheus/v1), which makes recording rules and burn-rate alerts of it.

Sloth's windows are those of the workbook and begin at five minutes: fit for counters that count as requests
come. Where audits come once a day, `prometheus-rules` makes windows that fit.

Source: Sloth, pkg/prometheus/api/v1.
"""

from pathlib import Path
from typing import Any

from aligntax.exports.indicators import Ceiling, Indicator, ceilings, indicators, uncounted
from aligntax.exports.names import dns_label
from aligntax.exports.written import Written, save_text
from aligntax.exports.yaml_text import yaml_text
from aligntax.policy.model import Policy
from aligntax.policy.read import LoadedPolicy

__all__ = ["specification", "write_sloth"]

_WINDOW = "[{{.window}}]"


def specification(policy: Policy) -> dict[str, Any]:
    """The document of a policy."""
    slos = [_usefulness(one) for one in indicators(policy)] + [_floor(one) for one in ceilings(policy)]
    return {
        "version": "prometheus/v1",
        "service": dns_label(policy.service),
        "labels": {"made_by": "aligntax"},
        "slos": slos,
    }


def write_sloth(loaded: LoadedPolicy, out: Path) -> Written:
    """Writes the document."""
    left_out, made = list(uncounted(loaded.policy)), specification(loaded.policy)
    head = [f"From {loaded.path.name}, policy {loaded.id[:12]}.", *left_out]
    files = save_text({out: yaml_text(made, notes=head)})
    return Written(figures=len(made["slos"]), what="objectives", files=files, left_out=left_out)


def _usefulness(one: Indicator) -> dict[str, Any]:
    return _objective(
        dns_label("usefulness", one.name),
        one.budget.limit,
        f"Requests of {one.use_case.name} that do not count as {one.budget.component}.",
        {
            "events": {
                "error_query": f"sum(increase({one.bad}{_WINDOW}))",
                "total_query": f"sum(increase({one.total}{_WINDOW}))",
            }
        },
        "AlignmentTaxUsefulness",
        {"category": "usefulness", "component": one.budget.component},
    )


def _floor(one: Ceiling) -> dict[str, Any]:
    name = dns_label("safety-floor", one.hazard.name) if one.hazard.name != "*" else "safety-floor"
    query = one.upper.removeprefix("max(").removesuffix(")")
    return _objective(
        name,
        one.hazard.limit,
        "Upper bound on the share of harmful answers.",
        {"raw": {"error_ratio_query": f"max(max_over_time({query}{_WINDOW}))"}},
        "AlignmentTaxSafetyFloor",
        {"category": "safety-floor"},
    )


def _objective(
    name: str, limit: float, what: str, sli: dict[str, Any], alert: str, labels: dict[str, str]
) -> dict[str, Any]:
    return {
        "name": name,
        "objective": round(100 * (1 - limit), 10),
        "description": what,
        "labels": labels,
        "sli": sli,
        "alerting": {
            "name": alert,
            "labels": labels,
            "page_alert": {"labels": {"severity": "page"}},
            "ticket_alert": {"labels": {"severity": "ticket"}},
        },
    }
