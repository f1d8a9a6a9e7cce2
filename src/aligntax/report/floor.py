"""The safety floor as a document that can be kept: what --json prints and a run leaves as floor.json.

schema     "aligntax.floor/1"
aligntax   version that wrote it
created    UTC
about      level (one-sided of verdicts, two-sided of intervals), ceiling, hazard_ceilings, each_hazard,
           margin, harm_from, samples, judged, forced (what differed from the other run all the same)
model      that was asked
graded_by  judge or detector, with its version
sets       [{name, source, sha256, licence, prompts}]
asking     requests, answered, known, failed, not_asked, partial, failures, stopped, spent, tokens_in,
           tokens_out, answers, logs
verdict    {verdict, reasons, needed}: needed is the number of prompts that would decide, or null
rate       share of harmful answers, two-sided; where nobody judged, of answers not refused
harm       mean grade, 0 to 1
ceiling    {verdict, ceiling, bounds, level, needed, reason}: bounds are one-sided at `level`
hazards    [{hazard, prompts, verdict, ceiling, bounds, level, needed, reason}]: at a level at which all hold
outcomes   kind of answer -> how many
unscored   why the judge gave no grade -> how many
against    null, or {name, kind, created, prompts, left_out, rate, other_rate, difference, rose, fell,
           verdict, margin, p, bounds, needed, reason, samples}
labels     null, or {source, labelled, unscored, strangers, sensitivity, specificity, corrected, cautions}
prompts    [{id, digest, hazard, cluster, least, most, seen, answers: [{sample, kind, why, harm}]}]: no texts
notes      what a reader must know

Estimates are {value, low, high, ...} as in a bill: nan is null and `reason` says why.
"""

import datetime as dt
import math
from collections import Counter
from collections.abc import Sequence

from aligntax import __version__
from aligntax.report.document import Document, flat
from aligntax.report.floor_asked import Other, Run
from aligntax.report.floor_notes import floor_notes
from aligntax.stats.ceiling import Ceiling
from aligntax.tax.floor.earlier import SCHEMA
from aligntax.tax.floor.graded import KINDS, Graded
from aligntax.tax.floor.labels import JudgeError
from aligntax.tax.floor.measured import Floor, Settings, verdict_of

__all__ = ["floor_document"]


def floor_document(
    run: Run, floor: Floor, settings: Settings, other: Other | None, *, created: dt.datetime
) -> Document:
    """What was found, as plain values ready for JSON.

    Args:
        run: what was asked.
        floor: what was found.
        settings: of the floor.
        other: what it is held against; None for nothing.
        created: when, UTC.
    """
    verdict, reasons, needed = verdict_of(floor, settings, None if other is None else other.found.held)
    return {
        "schema": SCHEMA,
        "aligntax": __version__,
        "created": created.isoformat(timespec="seconds"),
        "about": {
            "level": settings.level,
            "ceiling": settings.ceiling,
            "hazard_ceilings": dict(settings.hazards),
            "each_hazard": settings.each_hazard,
            "margin": settings.margin,
            "harm_from": run.harm_from,
            "samples": run.samples,
            "judged": run.judged,
            "forced": list(run.forced),
        },
        "model": run.model,
        "graded_by": run.graded_by,
        "sets": [dict(one) for one in run.sets],
        "asking": dict(run.asking),
        "verdict": {"verdict": verdict, "reasons": reasons, "needed": needed},
        "rate": flat(floor.rate),
        "harm": flat(floor.harm),
        "ceiling": _held(floor.held, settings.level),
        "hazards": [
            {"hazard": one.hazard, "prompts": one.prompts, **_held(one.held, floor.hazard_level)}
            for one in floor.hazards
        ],
        "outcomes": _outcomes(run.graded),
        "unscored": dict(Counter(one.why for one in run.graded if one.kind == "unscored").most_common()),
        "against": None if other is None else _against(other),
        "labels": None if run.labels is None else _labels(*run.labels),
        "prompts": _prompts(floor, run.graded),
        "notes": floor_notes(run, floor, settings, other),
    }


def _held(held: Ceiling, level: float) -> dict[str, object]:
    return {
        "verdict": held.verdict,
        "ceiling": held.ceiling,
        "bounds": flat(held.bounds),
        "level": level,
        "needed": held.needed,
        "reason": held.reason,
    }


def _outcomes(graded: Sequence[Graded]) -> dict[str, int]:
    counts = Counter(one.kind for one in graded)
    return {kind: counts[kind] for kind in KINDS if counts[kind]}


def _against(other: Other) -> dict[str, object]:
    found, held = other.found, other.found.held
    return {
        "name": other.name,
        "kind": other.kind,
        "created": other.created,
        "samples": other.samples,
        "prompts": found.prompts,
        "left_out": dict(found.left_out),
        "rate": flat(found.rates[0]),
        "other_rate": flat(found.rates[1]),
        "difference": flat(found.difference),
        "rose": found.rose,
        "fell": found.fell,
        "verdict": held.verdict,
        "margin": held.margin,
        "p": _or_none(held.p),
        "bounds": flat(held.bounds),
        "needed": held.needed,
        "reason": held.reason,
    }


def _labels(source: str, found: JudgeError) -> dict[str, object]:
    return {
        "source": source,
        "labelled": found.labelled,
        "unscored": found.unscored,
        "strangers": found.strangers,
        "sensitivity": flat(found.sensitivity),
        "specificity": flat(found.specificity),
        "corrected": flat(found.corrected),
        "cautions": list(found.cautions),
    }


def _prompts(floor: Floor, graded: Sequence[Graded]) -> list[dict[str, object]]:
    answers = dict[str, list[dict[str, object]]]()
    for one in graded:
        answers.setdefault(one.question, []).append(
            {"sample": one.sample, "kind": one.kind, "why": one.why, "harm": _or_none(one.harm)}
        )
    return [
        {
            "id": one.id,
            "digest": one.digest,
            "hazard": one.hazard,
            "cluster": one.cluster,
            "least": one.least,
            "most": one.most,
            "seen": _or_none(one.seen),
            "answers": answers.get(one.id, []),
        }
        for one in floor.prompts
    ]


def _or_none(value: float) -> float | None:
    return None if math.isnan(value) else value
