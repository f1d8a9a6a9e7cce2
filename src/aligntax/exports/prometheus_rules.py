"""Recording rules and alerts for a Prometheus server, from a policy.

For each budget that is kept by counting: the share of requests that spend it, over each window, and its lower
bound; an alert where the lower bound over the long window and the share over the short one are both beyond
factor times the limit. The lower bound keeps few requests from raising an alarm. It is Wilson's at one look,
of independent requests, at the budget's confidence: a server looks all the time, so `aligntax watch`, whose
bounds hold at every look, is the one to trust where traffic is thin.

Source: Beyer et al. (2018), The Site Reliability Workbook, chapter 5 (windows and factors); Wilson (1927),
Journal of the American Statistical Association 22:209.
"""

import datetime as dt
from collections.abc import Iterator
from pathlib import Path
from statistics import NormalDist
from typing import Any

from aligntax.exports.burn_rates import BurnRate, duration, stretched
from aligntax.exports.indicators import (
    BOUND,
    REQUESTS,
    Ceiling,
    Indicator,
    ceilings,
    counter,
    indicators,
    selector,
    uncounted,
)
from aligntax.exports.written import Written, save_text
from aligntax.exports.yaml_text import yaml_text
from aligntax.policy.read import LoadedPolicy

__all__ = ["rules", "write_rules"]


def rules(loaded: LoadedPolicy, *, every: dt.timedelta) -> tuple[dict[str, Any], list[str]]:
    """The groups of a rules file.

    Args:
        loaded: the policy.
        every: time between two audits; 0 for counters that count as requests come.

    Returns:
        What stands in the file, and what was left out.
    """
    rates, found = stretched(every), indicators(loaded.policy)
    left_out = list(uncounted(loaded.policy))
    alerts = [alert for one in found for alert in _burning(one, rates, left_out)]
    alerts += [_floor(one) for one in ceilings(loaded.policy)]
    alerts += _watching(loaded, every)
    groups = [
        {"name": "alignment_tax_recordings", "rules": list(_recordings(found, rates))},
        {"name": "alignment_tax_alerts", "rules": alerts},
    ]
    return {"groups": [group for group in groups if group["rules"]]}, left_out


def write_rules(loaded: LoadedPolicy, out: Path, *, every: dt.timedelta) -> Written:
    """Writes the rules file."""
    contents, left_out = rules(loaded, every=every)
    often = f"audits every {duration(every)}" if every else "counters that count as requests come"
    head = f"From {loaded.path.name} (policy {loaded.id[:12]}), for {often}."
    files = save_text({out: yaml_text(contents, notes=[head, *left_out])})
    many = sum(len(group["rules"]) for group in contents["groups"])
    return Written(figures=many, what="rules", files=files, left_out=left_out)


def _recordings(found: list[Indicator], rates: list[BurnRate]) -> Iterator[dict[str, Any]]:
    """Requests, shares and lower bounds of every use case at once; names tell component, side and window."""
    windows = sorted({window for rate in rates for window in (rate.long, rate.short)})
    if found:
        for window in windows:
            yield {"record": _requests(window), "expr": _risen(REQUESTS, window)}
    for component in dict.fromkeys(one.budget.component for one in found):
        for window in windows:
            expression = f"{_risen(counter(component), window)}\n/\n({_requests(window)} > 0)"
            yield {"record": _share(component, window), "expr": expression}
    bounds = dict.fromkeys((one.budget.component, one.budget.confidence) for one in found)
    for component, confidence in bounds:
        for window in sorted({rate.long for rate in rates}):
            expression = _wilson_low(_share(component, window), _requests(window), confidence)
            yield {"record": _low(component, confidence, window), "expr": expression}


def _risen(metric: str, window: dt.timedelta) -> str:
    return f"sum by (use_case) (increase({metric}[{duration(window)}]))"


def _requests(window: dt.timedelta) -> str:
    return f"alignment_tax:requests:{duration(window)}"


def _share(component: str, window: dt.timedelta) -> str:
    return f"alignment_tax:{component.replace('.', '_')}:share_{duration(window)}"


def _low(component: str, confidence: float, window: dt.timedelta) -> str:
    percent = f"{100 * confidence:g}".replace(".", "_")
    return f"alignment_tax:{component.replace('.', '_')}:low{percent}_{duration(window)}"


def _wilson_low(p: str, n: str, confidence: float) -> str:
    """Lower bound of a share p of n: (p + z²/2n - z √(p (1-p)/n + z²/4n²)) / (1 + z²/n)."""
    z = NormalDist().inv_cdf(confidence)
    square = f"{z * z:.6g}"
    return (
        f"(\n  {p} + {square} / (2 * {n})\n"
        f"  - {z:.6g} * sqrt({p} * (1 - {p}) / {n} + {square} / (4 * {n} ^ 2))\n"
        f") / (1 + {square} / {n})"
    )


def _burning(one: Indicator, rates: list[BurnRate], left_out: list[str]) -> Iterator[dict[str, Any]]:
    for rate in rates:
        beyond = rate.factor * one.budget.limit
        if beyond < 1:
            yield _alert(one, rate, f"{beyond:.6g}")
        else:
            left_out.append(
                f"alert at {rate.factor:g} times the budget of {one.name} left out: "
                f"{rate.factor:g} x {one.budget.limit:g} is more than all requests"
            )


def _alert(one: Indicator, rate: BurnRate, beyond: str) -> dict[str, Any]:
    budget, where = one.budget, selector(use_case=one.use_case.name)
    labels = {
        "severity": rate.severity,
        "component": budget.component,
        "long_window": duration(rate.long),
        "burn_rate": f"{rate.factor:g}",
    }
    owner = {"owner": _plain(one.use_case.owner)} if one.use_case.owner else {}
    return {
        "alert": "AlignmentTaxBudgetBurning",
        "expr": f"{_low(budget.component, budget.confidence, rate.long)}{where} > {beyond}\nand\n"
        f"{_share(budget.component, rate.short)}{where} > {beyond}",
        "labels": labels | owner,
        "annotations": {
            "summary": f"{_plain(one.use_case.name)}: the budget for {budget.component} burns at over "
            f"{rate.factor:g} times what lasts {budget.window}",
            "description": f"Over {duration(rate.long)} at least {{{{ $value | humanizePercentage }}}} of "
            f"requests; the limit is {budget.limit:.4g}. So it was over the last {duration(rate.short)}.",
        },
    }


def _floor(one: Ceiling) -> dict[str, Any]:
    hazard = "any hazard without a ceiling of its own" if one.hazard.name == "*" else _plain(one.hazard.name)
    return {
        "alert": "AlignmentTaxSafetyFloor",
        "expr": f"{one.upper} > {one.hazard.limit:.6g}",
        "labels": {"severity": "page", "hazard": _plain(one.hazard.name)},
        "annotations": {
            "summary": f"harmful compliance with {hazard} may be above its ceiling of {one.hazard.limit:.4g}",
            "description": "The upper bound is {{ $value | humanizePercentage }}. Too little data raises "
            "it too: look at the gate before acting.",
        },
    }


def _watching(loaded: LoadedPolicy, every: dt.timedelta) -> Iterator[dict[str, Any]]:
    """Alerts on what must not pass in silence: figures that are old, missing, unknown, undecided."""
    if every:
        late = duration(max(2 * every, dt.timedelta(minutes=5)))
        yield _silence(
            "AlignmentTaxStale",
            f'time() - alignment_tax_run_timestamp_seconds{{kind="bill"}} > {int(2 * every.total_seconds())}',
            f"no audit for {late}",
        )
    yield _silence(
        "AlignmentTaxMissing", 'absent(alignment_tax_run_timestamp_seconds{kind="bill"})', "no audit at all"
    )
    if loaded.policy.floor and loaded.policy.floor.required:
        yield _silence(
            "AlignmentTaxFloorMissing",
            f'absent(alignment_tax_rate_high{{component="{BOUND}"}})',
            "the safety floor is not measured",
        )
    yield _silence("AlignmentTaxGateFailed", 'alignment_tax_gate{verdict="fail"} == 1', "the gate said fail")
    yield _silence(
        "AlignmentTaxGateInconclusive",
        'alignment_tax_gate{verdict="inconclusive"} == 1',
        "the gate could not tell",
    )


def _silence(name: str, expression: str, summary: str) -> dict[str, Any]:
    return {
        "alert": name,
        "expr": expression,
        "for": "10m",
        "labels": {"severity": "ticket"},
        "annotations": {"summary": summary},
    }


def _plain(text: str) -> str:
    """A name that Prometheus does not take for a template."""
    return text.replace("{{", '{{"{{"}}')
