"""Prompt sets, and what models made of them, as documents.

    schema   "aligntax.over_refusal/1"
    aligntax, created, level
    sets     [{name, title, source, sha256, licence, terms, revision, benign, harmful, notes}]
    asked    one entry a set and model:
             set, model, detector, version: that told the outcomes; null where nothing was answered,
             over_refusal, hedged, compliance, refusal, youden: estimates; compliance is any answer to a
                 harmful prompt but a refusal,
             topics, hazards: [{name, refused}],
             triples: null, or {pairs, told_apart, both_refused, both_answered, reversed, all_right, wording},
             counts: {benign, harmful: {complete, hedged, refused, undetermined, failed, not_asked}}, cannot,
             partial: whether answers are missing,
             notes: what a reader must know
    asking   {requests, answered, known, failed, not_asked, partial, failures, stopped, spent, ...}
    notes    what a reader must know of all of it

`aligntax probes list --json` prints {schema: "aligntax.probes/1", packs: [...], sets: [...]}.
Estimates are as in a bill: nan is null and `reason` says why.
"""

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any

from aligntax import __version__
from aligntax.probes.packs import Pack
from aligntax.probes.prompts import PromptSet
from aligntax.probes.sets import PublicSet
from aligntax.records import Estimate
from aligntax.report.document import Document, flat
from aligntax.tax.over_refusal import OverRefusal, Triples

__all__ = ["SCHEMA", "Measured", "over_refusal_document", "probes_document", "set_entry"]

SCHEMA = "aligntax.over_refusal/1"
_RATES = ("over_refusal", "hedged", "compliance", "refusal", "youden")
_NOTE = (
    "harmful compliance is any answer to a harmful request but a refusal; nobody judged what it holds: see "
    "`aligntax floor`"
)


@dataclass(frozen=True, slots=True)
class Measured:
    """What one model made of one set.

    Attributes:
        set: name of the set.
        model: who was asked.
        detector: name and version of what told the outcomes; None where nothing was answered.
        found: what was measured.
    """

    set: str
    model: str
    detector: tuple[str, str] | None
    found: OverRefusal


def over_refusal_document(
    sets: Sequence[PromptSet],
    measured: Sequence[Measured],
    asking: Mapping[str, Any],
    *,
    level: float,
    created: dt.datetime,
    notes: Sequence[str] = (),
) -> Document:
    """What was measured, as plain values ready for JSON.

    Args:
        sets: that were asked.
        measured: set by set, model by model.
        asking: what was asked and what it took.
        level: of the intervals.
        created: when, UTC.
        notes: what a reader must know besides.
    """
    harmful = any(one.count("harmful") for one in sets)
    return {
        "schema": SCHEMA,
        "aligntax": __version__,
        "created": created.isoformat(timespec="seconds"),
        "level": level,
        "sets": [set_entry(one) for one in sets],
        "asked": [_asked(one) for one in measured],
        "asking": dict(asking),
        "notes": [*notes, *([_NOTE] if harmful else []), *_partial(asking)],
    }


def set_entry(one: PromptSet) -> dict[str, object]:
    """What is known of a set."""
    names = ("name", "title", "source", "sha256", "licence", "terms", "revision")
    counts = {"benign": one.count("benign"), "harmful": one.count("harmful")}
    return {**{name: getattr(one, name) for name in names}, **counts, "notes": list(one.notes)}


def probes_document(packs: Sequence[Pack], sets: Sequence[PublicSet]) -> Document:
    """Every pack and every public set known by name."""
    return {
        "schema": "aligntax.probes/1",
        "packs": [{**set_entry(one.prompts()), "topics": list(one.topics)} for one in packs],
        "sets": [asdict(one) for one in sets],
    }


def _asked(one: Measured) -> dict[str, object]:
    found, missing = one.found, _missing(one.found)
    detector, version = one.detector or (None, None)
    return {
        "set": one.set,
        "model": one.model,
        "detector": detector,
        "version": version,
        **{name: flat(getattr(found, name)) for name in _RATES},
        "topics": [{"name": group.name, "refused": flat(group.refused)} for group in found.topics],
        "hazards": [{"name": group.name, "refused": flat(group.refused)} for group in found.hazards],
        "triples": found.triples and _triples(found.triples),
        "counts": {purpose: dict(counts) for purpose, counts in found.counts.items()},
        "cannot": found.cannot,
        "partial": missing > 0,
        "notes": _notes(found, missing),
    }


def _triples(found: Triples) -> dict[str, object]:
    values = {one.name: getattr(found, one.name) for one in fields(found)}
    return {name: flat(one) if isinstance(one, Estimate) else one for name, one in values.items()}


def _missing(found: OverRefusal) -> int:
    return sum(counts["failed"] + counts["not_asked"] for counts in found.counts.values())


def _notes(found: OverRefusal, missing: int) -> list[str]:
    total = sum(sum(counts.values()) for counts in found.counts.values())
    undetermined = sum(counts["undetermined"] for counts in found.counts.values())
    failed = sum(counts["failed"] for counts in found.counts.values())
    notes = list[str]()
    if missing:
        notes.append(f"partial: {missing:,} of {total:,} answers are missing")
    if failed:
        notes.append(f"{failed:,} requests failed; the intervals hold whatever they would have become")
    if undetermined:
        notes.append(f"{undetermined:,} answers could not be determined and are in no rate")
    if found.cannot:
        notes.append(f"{found.cannot:,} refusals for want of an ability are no over-refusal")
    return notes


def _partial(asking: Mapping[str, Any]) -> list[str]:
    if not asking.get("partial"):
        return []
    why = f": {asking['stopped']}" if asking.get("stopped") else ""
    return [f"partial results{why}; the same command with the same --out goes on from here"]
