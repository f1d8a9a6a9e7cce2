"""Figures as OpenTelemetry metrics and `gen_ai.evaluation.result` events, in OTLP/JSON.

    tax.refusal.rate     share refused; one with tax.layer for each layer that stepped in
    tax.hedge.rate       share hedged
    tax.symptom.rate     share with the symptom in tax.symptom
    tax.COMPONENT        any other component, in its unit
    ... .low, .high, .n  the ends of its interval, and the exchanges behind it

An event is a figure as an evaluation: name, value, verdict if the gate gave one, and how it was made as the
explanation. With `exchanges`, an event more for each exchange that was judged, by its response's id.

The conventions are in development: names are those of semantic-conventions-genai as of November 2026.

Source: OTLP 1.x, JSON encoding; open-telemetry/semantic-conventions-genai, docs/gen-ai/gen-ai-events.md.
"""

import datetime as dt
import json
import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from aligntax import __version__
from aligntax.exports.exported import NOT_KNOWN, OUTCOMES, Exported, Selection, select
from aligntax.exports.judged import judged_rows
from aligntax.exports.verdicts import verdict_of
from aligntax.exports.written import Written, save_text
from aligntax.records import Measurement

__all__ = [
    "EVENT",
    "chosen",
    "events",
    "logs",
    "metric_name",
    "metrics",
    "observed",
    "points",
    "resource",
    "write_otlp",
]

EVENT = "gen_ai.evaluation.result"
_SCOPE = {"name": "aligntax", "version": __version__}
_INFO = 9  # severity number of INFO
_NAMES: Mapping[str, str] = {"refused": "tax.refusal.rate", "hedged": "tax.hedge.rate"}
_FAMILIES: Mapping[str, tuple[str, str]] = {
    "layer": ("tax.refusal.rate", "tax.layer"),
    "symptom": ("tax.symptom.rate", "tax.symptom"),
    "missing": ("tax.missing.rate", "tax.symptom"),
}
_UNITS: Mapping[str, str] = {"tokens": "{token}", "exchanges": "{exchange}"}


def metric_name(component: str) -> tuple[str, dict[str, str]]:
    """The metric of a component, and what of its name becomes an attribute."""
    family, _, rest = component.partition(".")
    if family in _FAMILIES and rest:
        name, attribute = _FAMILIES[family]
        return name, {attribute: rest}
    return _NAMES.get(component, f"tax.{component}"), {}


def chosen(exported: Exported) -> Selection:
    """The figures that can be told: those of now, and known."""
    return select(
        exported.figures,
        {
            "of a past period; a point has the time of its run": lambda one: "period" in one.slice,
            NOT_KNOWN: lambda one: not one.estimate.known,
        },
    )


def resource(exported: Exported) -> dict[str, str]:
    """Attributes of everything that is sent."""
    service = exported.policy.policy.service if exported.policy else "aligntax"
    told = {f"aligntax.{name}": text for name, text in exported.provenance.items()}
    return {"service.name": service, **told}


def attributes(exported: Exported, figure: Measurement) -> dict[str, str | float]:
    """What a figure is of and how it was made."""
    estimate, where = figure.estimate, dict(figure.slice)
    model = where.pop("model", "")
    told: dict[str, str | float] = {f"tax.{name}": text for name, text in where.items()}
    told |= {"gen_ai.response.model": model} if model else {}
    told |= metric_name(figure.component)[1]
    return told | {
        "tax.correction": figure.correction,
        "tax.level": estimate.level,
        "tax.method": estimate.method,
        "tax.detector": exported.detector or "none",
    }


def observed(exported: Exported) -> int:
    """When the figures were measured, in nanoseconds since 1970."""
    return round(exported.created.replace(tzinfo=dt.UTC).timestamp() * 1e6) * 1000


def points(exported: Exported) -> Iterator[tuple[str, str, float, dict[str, str | float]]]:
    """Metric, unit, value and attributes of every point: a figure has four."""
    for figure in chosen(exported).figures:
        estimate = figure.estimate
        name, told = metric_name(figure.component)[0], attributes(exported, figure)
        unit = _UNITS.get(
            estimate.unit, "1" if estimate.unit in ("rate", "share") else f"{{{estimate.unit}}}"
        )
        yield name, unit, estimate.value, told
        for side, end in (("low", estimate.low), ("high", estimate.high)):
            if not math.isnan(end):
                yield f"{name}.{side}", unit, end, told
        yield f"{name}.n", "{exchange}", float(estimate.n), told


def events(exported: Exported, *, exchanges: bool = False) -> Iterator[dict[str, str | float]]:
    """Attributes of every event.

    Args:
        exported: what to tell; a figure that is not known has an event without a value that says why.
        exchanges: whether each exchange that was judged has an event too.
    """
    for figure in exported.figures:
        if "period" not in figure.slice:
            yield _evaluation(exported, figure)
    if exchanges and OUTCOMES in exported.files:
        yield from _exchanges(exported.files[OUTCOMES])


def _evaluation(exported: Exported, figure: Measurement) -> dict[str, str | float]:
    estimate = figure.estimate
    told = attributes(exported, figure)
    told |= {"gen_ai.evaluation.name": f"aligntax.{figure.component}", "tax.n": float(estimate.n)}
    if verdict := verdict_of(exported, figure):
        told["gen_ai.evaluation.score.label"] = verdict
    if not estimate.known:
        return told | {"gen_ai.evaluation.explanation": f"{NOT_KNOWN}: {estimate.reason}"}
    how = (
        f"{100 * estimate.level:g} % interval [{estimate.low:.6g}, {estimate.high:.6g}] of {estimate.n:,} "
        f"exchanges, {estimate.labelled:,} labelled; {estimate.method}"
    )
    return told | {
        "gen_ai.evaluation.score.value": estimate.value,
        "gen_ai.evaluation.explanation": how,
        "tax.low": estimate.low,
        "tax.high": estimate.high,
        "tax.unit": estimate.unit,
    }


def _exchanges(path: Path) -> Iterator[dict[str, str | float]]:
    columns = ("id", "outcome", "layer", "reason", "score", "detector", "version", "model", "use_case")
    for row in judged_rows(path, columns):
        why = ", ".join(one for one in (row["layer"], row["reason"]) if one)
        told: dict[str, str | float | None] = {
            "gen_ai.evaluation.name": "aligntax.outcome",
            "gen_ai.evaluation.score.label": row["outcome"],
            "gen_ai.evaluation.score.value": row["score"],
            "gen_ai.evaluation.explanation": why,
            "gen_ai.response.id": row["id"],
            "gen_ai.response.model": row["model"],
            "tax.use_case": row["use_case"],
            "tax.detector": f"{row['detector']} {row['version']}",
        }
        yield {name: value for name, value in told.items() if value not in (None, "")}


def metrics(exported: Exported) -> dict[str, Any]:
    """An ExportMetricsServiceRequest."""
    at, found = str(observed(exported)), dict[tuple[str, str], list[dict[str, Any]]]()
    for name, unit, value, told in points(exported):
        point = {"timeUnixNano": at, "asDouble": _double(value), "attributes": _key_values(told)}
        found.setdefault((name, unit), []).append(point)
    made = [
        {"name": name, "unit": unit, "gauge": {"dataPoints": data}} for (name, unit), data in found.items()
    ]
    scope = [{"scope": _SCOPE, "metrics": made}]
    about = {"attributes": _key_values(resource(exported))}
    return {"resourceMetrics": [{"resource": about, "scopeMetrics": scope}]}


def logs(exported: Exported, *, exchanges: bool = False) -> dict[str, Any]:
    """An ExportLogsServiceRequest."""
    at = str(observed(exported))
    records = [
        {
            "timeUnixNano": at,
            "observedTimeUnixNano": at,
            "severityNumber": _INFO,
            "severityText": "INFO",
            "eventName": EVENT,
            "attributes": _key_values(told),
        }
        for told in events(exported, exchanges=exchanges)
    ]
    scope = [{"scope": _SCOPE, "logRecords": records}]
    about = {"attributes": _key_values(resource(exported))}
    return {"resourceLogs": [{"resource": about, "scopeLogs": scope}]}


def write_otlp(exported: Exported, out: Path, *, exchanges: bool = False) -> Written:
    """Writes metrics and events, one request a line, as a collector's file exporter does."""
    lines = [metrics(exported), logs(exported, exchanges=exchanges)]
    text = "".join(json.dumps(line, ensure_ascii=False, allow_nan=False) + "\n" for line in lines)
    selected = chosen(exported)
    return Written(figures=len(selected.figures), files=save_text({out: text}), left_out=selected.told)


def _key_values(told: Mapping[str, str | float]) -> list[dict[str, Any]]:
    return [
        {"key": key, "value": {"stringValue": one} if isinstance(one, str) else {"doubleValue": _double(one)}}
        for key, one in told.items()
    ]


def _double(value: float) -> float | str:
    """As JSON of protocol buffers writes it: what is no number in JSON is text."""
    if math.isnan(value):
        return "NaN"
    return value if math.isfinite(value) else "Infinity" if value > 0 else "-Infinity"
