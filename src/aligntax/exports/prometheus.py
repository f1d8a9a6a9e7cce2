"""Figures as Prometheus metrics: a gauge a figure with interval and n, counters, budgets, verdicts.

    alignment_tax_requests_total        requests with an outcome, by use case, model, detector and version
    alignment_tax_refusals_total        of those refused, by the mechanism that stepped in
    alignment_tax_rate                  a component that is a share; _low, _high, _n beside it
    alignment_tax_rate_corrected        the same corrected for the detector's error
    alignment_tax_detector_bias         raw less corrected
    alignment_tax_tokens, _usd, ...     components in other units, each with _low, _high, _n
    alignment_tax_unknown               1 for each figure that cannot be known; it has no other sample
    alignment_tax_budget_limit          what the policy allows
    alignment_tax_verdict               1 for the verdict that was given, 0 for the others

Rates stand for all traffic (no label), by use case, by model and by both, and are not to be summed; counters
stand for the finest slices alone, and are.
"""

import datetime as dt
import math
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from sqlalchemy import select as select_rows

from aligntax.exports.counted import CHARGED, Counted, count_figures, count_runs
from aligntax.exports.exported import NOT_KNOWN, Exported, Selection, of_run, select
from aligntax.exports.prometheus_policy import policy_families, verdict_families
from aligntax.exports.prometheus_text import Family, Format, label_set, render
from aligntax.exports.written import Written, save_text
from aligntax.ledger import Ledger
from aligntax.ledger.runs import runs
from aligntax.ledger.tables import runs as _runs
from aligntax.policy.read import LoadedPolicy
from aligntax.records import LAYERS, Measurement

__all__ = ["PREFIX", "expose", "expose_ledger", "exposition", "write_metrics"]

PREFIX = "alignment_tax"
_MANY = frozenset({"term", "neutral", "tensor", "line", "entry", "configuration", "knob", "response"})
_OWN = frozenset(
    {"component", "kind", "level", "detector", "detector_version", "correction", "method", "job"}
)
_NUMBER = re.compile(r"\d+(\.\d+)?")
_EVENTS = {
    "hedged": ("hedges", "Requests answered beside a step back, or mostly in caveats."),
    "cannot": ("ability_limits", "Requests refused for want of an ability."),
    CHARGED: (CHARGED, "Requests refused, ability limits left out, or hedged."),
    "undetermined": (
        "undetermined",
        "Requests whose outcome the detector could not tell; in no other counter.",
    ),
}


def exposition(ledger: Ledger, *, to: Format = "text", policy: LoadedPolicy | None = None) -> str:
    """The newest run of each kind, and counters over all audits, as a server reads them.

    Args:
        ledger: to read.
        to: the format.
        policy: whose limits are told beside them.
    """
    return expose_ledger(ledger, to=to, policy=policy)[0]


def expose_ledger(
    ledger: Ledger, *, to: Format = "text", policy: LoadedPolicy | None = None
) -> tuple[str, int, list[str]]:
    """The same, with how many figures are in it, and what was left out."""
    with ledger.reading() as connection:
        kinds = list(connection.scalars(select_rows(_runs.c.kind).distinct().order_by(_runs.c.kind)))
    newest = [of_run(ledger, runs(ledger, kind=kind, limit=1)[0].id, policy) for kind in kinds]
    families, notes = _families(newest, count_runs(ledger), policy)
    many = sum(len(_selected(one).figures) for one in newest)
    return render(families, to=to, notes=notes), many, notes


def expose(
    exported: Exported, counted: Counted | None = None, *, to: Format = "text"
) -> tuple[str, list[str]]:
    """One run or document as a server reads it.

    Args:
        exported: what to tell.
        counted: requests over runs; those of this one by default.
        to: the format.

    Returns:
        The text, and what was left out.
    """
    if counted is None:
        counted = count_figures(exported.figures, exported.origin) if exported.kind == "bill" else Counted()
    families, notes = _families([exported], counted, exported.policy)
    return render(families, to=to, notes=notes), notes


def write_metrics(
    exported: Exported, out: Path, counted: Counted | None = None, *, to: Format = "text"
) -> Written:
    """Writes metrics for the textfile collector: whole, or not at all."""
    text, left_out = expose(exported, counted, to=to)
    chosen = _selected(exported)
    return Written(figures=len(chosen.figures), files=save_text({out: text}), left_out=left_out)


def _selected(exported: Exported) -> Selection:
    return select(
        exported.figures,
        {
            "a server keeps the past itself, and these are of past periods": lambda one: (
                "period" in one.slice
            ),
            "sliced by what takes many values, each a series of its own": lambda one: bool(
                _MANY & one.slice.keys()
            ),
        },
    )


def _families(
    all_exported: Sequence[Exported], counted: Counted, policy: LoadedPolicy | None
) -> tuple[list[Family], list[str]]:
    book, notes = _Book(), list[str]()
    for one in all_exported:
        _tell_run(book, one)
        chosen = _selected(one)
        for figure in chosen.figures:
            _tell_figure(book, one, figure)
        _tell_bias(book, one, chosen.figures)
        notes += [f"{one.kind} {one.run or one.title}: {line}" for line in chosen.told]
    if counted.overlapping:
        notes.append(
            f"{len(counted.overlapping):,} runs not counted, whose traffic overlaps what is counted already, "
            f"first {counted.overlapping[0]}"
        )
    _tell_counts(book, counted)
    told = [*policy_families(policy)] if policy else []
    told += [family for one in all_exported if one.gate for family in verdict_families(one.gate)]
    return [*book.families.values(), *_merged(told)], notes


class _Book:
    """Families by name, in the order they were first told of."""

    def __init__(self) -> None:
        self.families: dict[str, Family] = {}

    def gauge(self, name: str, what: str) -> Family:
        return self.families.setdefault(name, Family(f"{PREFIX}_{name}", "gauge", what))

    def counter(self, name: str, what: str) -> Family:
        return self.families.setdefault(name, Family(f"{PREFIX}_{name}_total", "counter", what))


def _merged(families: Sequence[Family]) -> list[Family]:
    book = dict[str, Family]()
    for family in families:
        known = book.setdefault(family.name, family)
        for labels, value in family.samples.items():
            known.samples.setdefault(labels, value)
    return list(book.values())


def _seconds(at: dt.datetime) -> float:
    return at.replace(tzinfo=dt.UTC).timestamp()


def _tell_run(book: _Book, exported: Exported) -> None:
    labels = {"kind": exported.kind}
    measured = book.gauge("run_timestamp_seconds", "When the figures of this kind were measured.")
    measured.add(_seconds(exported.created), labels)
    if exported.origin.last is not None:
        newest = book.gauge("traffic_last_timestamp_seconds", "Newest request the figures are of.")
        newest.add(_seconds(exported.origin.last), labels)
    about = {
        name: exported.provenance.get(name, "") for name in ("run", "schema", "git_sha", "judge", "policy")
    }
    detector = {
        "detector": exported.origin.detector or "",
        "detector_version": exported.origin.detector_version or "",
    }
    book.gauge("run_info", "Where the figures of this kind come from.").add(1, labels | about | detector)


def _labels(exported: Exported, figure: Measurement) -> dict[str, str]:
    where = {f"slice_{name}" if name in _OWN else name: text for name, text in figure.slice.items()}
    return where | {
        "kind": exported.kind,
        "component": figure.component,
        "correction": "" if figure.correction == "raw" else figure.correction,
        "level": f"{figure.estimate.level:g}",
        "detector": exported.origin.detector or "",
        "detector_version": exported.origin.detector_version or "",
    }


def _tell_figure(book: _Book, exported: Exported, figure: Measurement) -> None:
    estimate, labels = figure.estimate, _labels(exported, figure)
    if not estimate.known:
        missing = book.gauge("unknown", f"1 for a figure that {NOT_KNOWN}; it has no other sample.")
        missing.add(1, labels | {"reason": estimate.reason[:200]})
        return
    name = "_".join(estimate.unit.replace(",", "").split())
    name, corrected = (f"{name}_corrected", " corrected") if figure.correction != "raw" else (name, "")
    told = label_set(labels)
    book.gauge(name, f"Component of the tax{corrected}, in the unit {estimate.unit}.").add(
        estimate.value, told
    )
    for side, end in (("low", estimate.low), ("high", estimate.high)):
        if not math.isnan(end):
            book.gauge(f"{name}_{side}", f"The {side} end of the interval of {PREFIX}_{name}.").add(end, told)
    behind = book.gauge(f"{name}_n", f"Exchanges behind {PREFIX}_{name}, and how its interval was made.")
    behind.add(estimate.n, labels | {"method": _lasting(estimate.method)})


def _lasting(method: str) -> str:
    """A method without its numbers, which change from run to run and would make a new series each time."""
    return _NUMBER.sub("N", method)


def _tell_bias(book: _Book, exported: Exported, figures: Sequence[Measurement]) -> None:
    raw = {(one.component, *sorted(one.slice.items())): one for one in figures if one.correction == "raw"}
    for one in figures:
        beside = raw.get((one.component, *sorted(one.slice.items())))
        if one.correction == "raw" or beside is None or not (one.estimate.known and beside.estimate.known):
            continue
        what = "Raw rate of the detector less the corrected one; ends from the corrected one's interval."
        ends = {"": one.estimate.value, "_low": one.estimate.high, "_high": one.estimate.low}
        for side, value in ends.items():
            book.gauge(f"detector_bias{side}", what).add(
                beside.estimate.value - value, _labels(exported, one)
            )


def _tell_counts(book: _Book, counted: Counted) -> None:
    for series, counts in counted.many.items():
        labels = {
            "use_case": series.use_case,
            "model": series.model,
            "detector": series.detector,
            "detector_version": series.version,
        }
        requests = book.counter(
            "requests", "Requests with an outcome, over audits whose traffic does not overlap."
        )
        requests.add(counts.get("requests", 0), labels)
        refusals = book.counter("refusals", "Of those refused, by who stepped in.")
        for mechanism, many in _mechanisms(counts).items():
            refusals.add(many, labels | {"mechanism": mechanism})
        for component, (name, what) in _EVENTS.items():
            book.counter(name, what).add(counts.get(component, 0), labels)


def _mechanisms(counts: Mapping[str, int]) -> dict[str, int]:
    """Layer -> refusals; those of no layer that was told are "other", so that all add up."""
    by_layer = {layer: counts[f"layer.{layer}"] for layer in LAYERS if f"layer.{layer}" in counts}
    rest = counts.get("refused", 0) - sum(by_layer.values())
    return by_layer | ({"other": rest} if rest > 0 else {})
