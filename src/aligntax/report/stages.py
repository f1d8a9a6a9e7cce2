"""The stages of a training as a document that can be kept: what --json prints and --out writes.

schema    "aligntax.stages/1"
aligntax  version that wrote it
created   UTC
about     level, margin, seed, forced (what differed all the same), unmatched (what not all stages have)
stages    [{name, models, sources}], the start first
mean      null without scores, or {benchmarks, steps, since_start}: mean capability tax over the named
          benchmarks, one estimate a step
staged    one entry a benchmark or prompt set:
          benchmark, metric, higher_is_better, prompt_type, chance, differing: [{name, first, second,
          stages: [first, second]}], untold: [name],
          items: {paired, why_not, common, counts, changed, clustered, notes}; counts and changed have a
                 number for each stage,
          scores: [{convention, unparsed, unscored, means, steps, since_start, compounding, largest}];
                  unparsed and means have one entry for each stage,
                  steps, since_start: [{from, to, difference, p, p_holm, finding, tax}], p_holm for steps,
                  compounding: {added, compounded, end_to_end, gap, own_items: null, or {counts, end_count,
                  steps, compounded, end_to_end, gap}}: own_items where stages have not the same items,
                  largest: {stage, candidate, share, why}: the step that cost the most; stage is null where
                  that cannot be told,
          completion: null, or {harmful, source, prompts, left_out, undetermined, cannot, rates: {name: [one
                      estimate a stage]}, steps, since_start: [{from, to, rates: {name: {difference, p,
                      p_holm, finding}}, gain}]}; gain is null for benign prompts,
          verbosity: null, or {unit, steps, since_start: [{from, to, log_ratio}]},
          findings: [{subject, about, finding, text}], the plain words of what happened from start to end,
          notes: what a reader must know
exchange_rates  [{benchmark, steps, since_start}]: mean capability tax by safety gain, for each set of harmful
          prompts
drift     [{from, to, measured, by, reference, model, settings, figures, notes}]: one entry a step, and those
          since the start that there are; figures: [{text, direction, divergence, estimates, per_token}]
notes     what a reader must know of all of it

`from` and `to` are names of stages. Estimates are {value, low, high, ...} as in a bill: nan is null and
`reason` says why.
"""

import datetime as dt
import itertools
import math
from collections.abc import Mapping, Sequence

from aligntax import __version__
from aligntax.records import Estimate
from aligntax.report.document import Document, flat
from aligntax.report.stages_notes import general_notes, staged_notes
from aligntax.report.stages_words import findings
from aligntax.tax.pairs.capability import Scores
from aligntax.tax.pairs.compared import Settings
from aligntax.tax.pairs.completion import BENIGN_RATES, HARMFUL_RATES, Completion
from aligntax.tax.pairs.differences import Difference
from aligntax.tax.pairs.verdicts import finding
from aligntax.tax.stages.drift import StepDrift
from aligntax.tax.stages.outcomes import StageLengths, StageOutcomes
from aligntax.tax.stages.scores import Compounding, StageScores
from aligntax.tax.stages.sources import Stage
from aligntax.tax.stages.stages import Staged, Stages

__all__ = ["SCHEMA", "stages_document"]

SCHEMA = "aligntax.stages/1"
Steps = Sequence[tuple[str, str]]


def stages_document(
    stages: Sequence[Stage],
    found: Stages,
    drift: Sequence[StepDrift],
    settings: Settings,
    *,
    created: dt.datetime,
    forced: Sequence[str] = (),
    unmatched: Sequence[str] = (),
) -> Document:
    """What was measured, as plain values ready for JSON.

    Args:
        stages: as read, the start first.
        found: what they cost.
        drift: of the steps.
        settings: it was measured with.
        created: when, UTC.
        forced: what differed where it must not, in words.
        unmatched: benchmarks that not all stages have, in words.
    """
    level, names = settings.precision.level, found.names
    steps = list(itertools.pairwise(names))
    since = [(names[0], name) for name in names[1:]]
    return {
        "schema": SCHEMA,
        "aligntax": __version__,
        "created": created.isoformat(timespec="seconds"),
        "about": {
            "level": level,
            "margin": settings.margin,
            "seed": settings.precision.seed,
            "forced": list(forced),
            "unmatched": list(unmatched),
        },
        "stages": [
            {"name": one.name, "models": list(one.models), "sources": list(one.arguments)} for one in stages
        ],
        "mean": _mean(found),
        "staged": [_entry(one, names, steps, since, level) for one in found.staged],
        "exchange_rates": [
            {
                "benchmark": one.benchmark,
                "steps": [_between(at, flat(e), "rate") for at, e in zip(steps, one.steps, strict=True)],
                "since_start": [
                    _between(at, flat(e), "rate") for at, e in zip(since, one.since_start, strict=True)
                ],
            }
            for one in found.exchange_rates
        ],
        "drift": [_drift(one, names) for one in drift],
        "notes": general_notes(found, stages, drift),
    }


def _mean(found: Stages) -> dict[str, object] | None:
    if not found.mean_steps:
        return None
    return {
        "benchmarks": list(found.taxed),
        "steps": [flat(one) for one in found.mean_steps],
        "since_start": [flat(one) for one in found.mean_since_start],
    }


def _entry(one: Staged, names: Sequence[str], steps: Steps, since: Steps, level: float) -> dict[str, object]:
    first = one.track.answers[0]
    direction = 1 if first.higher_is_better else -1
    return {
        "benchmark": first.benchmark,
        "metric": first.metric,
        "higher_is_better": first.higher_is_better,
        "prompt_type": next((a.prompt_type for a in one.track.answers if a.prompt_type), None),
        "chance": one.chance,
        "differing": [
            {"name": c.name, "first": c.first, "second": c.second, "stages": [names[a], names[b]]}
            for c, a, b in one.track.differing
        ],
        "untold": list(one.untold),
        "items": {
            "paired": not one.why_unpaired,
            "why_not": one.why_unpaired,
            "common": one.items,
            "counts": list(one.counts),
            "changed": list(one.changed),
            "clustered": one.clustered,
            "notes": list(one.notes),
        },
        "scores": [_scores(scores, names, steps, since, direction, level) for scores in one.scores],
        "completion": _completion(one.outcomes, steps, since, level),
        "verbosity": _verbosity(one.lengths, steps, since),
        "findings": findings(one, names, level),
        "notes": staged_notes(one, names),
    }


def _scores(
    found: StageScores, names: Sequence[str], steps: Steps, since: Steps, direction: int, level: float
) -> dict[str, object]:
    largest = found.largest
    return {
        "convention": found.convention,
        "unparsed": list(found.unparsed),
        "unscored": found.unscored,
        "means": [flat(one) for one in found.means],
        "steps": _lost(found.steps, steps, direction, level),
        "since_start": _lost(found.since_start, since, direction, level),
        "compounding": _compounding(found.compounding),
        "largest": {
            "stage": None if largest.step is None else names[largest.step],
            "candidate": None if largest.candidate is None else names[largest.candidate],
            "share": _or_none(largest.share),
            "why": largest.why,
        },
    }


def _lost(found: Sequence[Scores], steps: Steps, direction: int, level: float) -> list[dict[str, object]]:
    return [
        {
            "from": before,
            "to": after,
            **_difference(one.difference, direction, level),
            "tax": flat(one.tax),
        }
        for one, (before, after) in zip(found, steps, strict=True)
    ]


def _difference(gap: Difference, direction: int, level: float) -> dict[str, object]:
    return {
        "difference": flat(gap.difference),
        "p": _or_none(gap.p),
        "p_holm": _or_none(gap.adjusted),
        "test": gap.test,
        "finding": finding(gap, direction, level) if direction else None,
    }


def _compounding(found: Compounding) -> dict[str, object]:
    own = found.own_items
    names = ("compounded", "end_to_end", "gap")
    return {
        "added": flat(found.added),
        **{name: flat(getattr(found, name)) for name in names},
        "own_items": own
        and {
            "counts": list(own.counts),
            "end_count": own.end_count,
            "steps": [flat(step) for step in own.steps],
            **{name: flat(getattr(own, name)) for name in names},
        },
    }


def _completion(
    found: StageOutcomes | None, steps: Steps, since: Steps, level: float
) -> dict[str, object] | None:
    if found is None:
        return None
    directions = HARMFUL_RATES if found.harmful else BENIGN_RATES
    return {
        "harmful": found.harmful,
        "source": found.source,
        "prompts": found.prompts,
        "left_out": found.left_out,
        "undetermined": list(found.undetermined),
        "cannot": list(found.cannot),
        "rates": {name: [flat(one) for one in rates] for name, rates in found.rates.items()},
        "steps": _rated(found.steps, found.gains, steps, directions, level),
        "since_start": _rated(found.since_start, found.gains_since_start, since, directions, level),
    }


def _rated(
    found: Sequence[Completion],
    gains: Sequence[Estimate],
    steps: Steps,
    directions: Mapping[str, int],
    level: float,
) -> list[dict[str, object]]:
    return [
        {
            "from": before,
            "to": after,
            "rates": {name: _difference(gap, directions[name], level) for name, gap in one.rates.items()},
            "gain": flat(gains[at]) if gains else None,
        }
        for at, (one, (before, after)) in enumerate(zip(found, steps, strict=True))
    ]


def _verbosity(found: StageLengths | None, steps: Steps, since: Steps) -> dict[str, object] | None:
    if found is None:
        return None
    ways = {"steps": (steps, found.steps), "since_start": (since, found.since_start)}
    told = {
        way: [_between(at, flat(one), "log_ratio") for at, one in zip(places, ratios, strict=True)]
        for way, (places, ratios) in ways.items()
    }
    return {"unit": found.unit, **told}


def _drift(one: StepDrift, names: Sequence[str]) -> dict[str, object]:
    found = one.document
    return {
        "from": names[one.before],
        "to": names[one.after],
        "measured": found is not None,
        "by": one.by,
        "reference": found and found["reference"],
        "model": found and found["model"],
        "settings": found and found.get("settings"),
        "figures": [
            {name: row[name] for name in ("text", "direction", "divergence", "estimates", "per_token")}
            for row in (found or {}).get("drift", ())
        ],
        "notes": list((found or {}).get("notes", ())),
    }


def _between(step: tuple[str, str], value: object, name: str) -> dict[str, object]:
    return {"from": step[0], "to": step[1], name: value}


def _or_none(value: float) -> float | None:
    return None if math.isnan(value) else value
