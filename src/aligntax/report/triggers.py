"""What sets refusals off, as a document that can be kept: what --json prints.

schema      "aligntax.triggers/1"
aligntax    version that wrote it
created     UTC
verdict     "found", "none" or "too little data": of the vocabulary, or "found" where asking showed a cause
why         the verdict, in a sentence
about       detector, detector_version, level, fdr, prior, hedged, sources, clustered_by, counts: {outcome, or
            why an exchange is in no class: exchanges}, kept: share of the exchanges behind the vocabulary
vocabulary  {verdict, why, refused, complete, clusters, tested, narrow, only_stop_words, needed, detectable,
            asked_about: {share, factor}, triggers, explained, answered: [term], points: [[name, log odds
            ratio, q]]}; a term is {name, documents, refused, clusters, share_with, share_without, odds,
            delta, z, p, q, explained: null or {by, relation, apart, apart_refused}}
causal      null, or {model, calls, limit, draws, searched, not_searched, verdicts: {verdict: searches},
            effects: [{term, named, prompts, failed, as_it_was, without, control, effect, p, q, finding}],
            searches: [{verdict, terms, calls}], unmeasured, unknown, missing}
evaluation_set  null, or {path, prompts, strata: [{term, outcome, size, drawn}]}
asking      null, or what asking took, see `aligntax.cli.live`
notes       what a reader must know

Estimates are {value, low, high, ...} as in a bill: nan is null and `reason` says why.
"""

import datetime as dt
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from aligntax import __version__
from aligntax.report.document import Document, flat
from aligntax.tax.triggers.causal import Causal, Effect
from aligntax.tax.triggers.corpus import MOST_WORDS
from aligntax.tax.triggers.evaluation_set import Stratum
from aligntax.tax.triggers.vocabulary import Term, Vocabulary

__all__ = ["SCHEMA", "About", "finding", "triggers_document"]

SCHEMA = "aligntax.triggers/1"
_MOST_LISTED = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class About:
    """What was read, and how.

    Attributes:
        detector: name and version.
        sources: files, as they were taken.
        counts: outcome, or why an exchange is in no class -> exchanges.
        clustered: exchanges whose cluster the log tells.
        kept: share of the exchanges that is behind the vocabulary.
        model: that was asked; "" for none.
        notes: of reading.
    """

    detector: tuple[str, str]
    sources: Sequence[str]
    counts: Mapping[str, int]
    clustered: int
    kept: float = 1.0
    model: str = ""
    notes: Sequence[str] = ()


def triggers_document(
    found: Vocabulary,
    about: About,
    *,
    created: dt.datetime,
    causal: Causal | None = None,
    evaluation_set: tuple[str, Sequence[Stratum]] | None = None,
    asking: Mapping[str, Any] | None = None,
) -> Document:
    """What was found, as plain values ready for JSON.

    Args:
        found: the vocabulary.
        about: what was read.
        created: when, UTC.
        causal: what asking came to; None where no model was asked.
        evaluation_set: where it went and what it was drawn from.
        asking: what asking took.
    """
    settings = found.settings
    causes = [one for one in causal.effects if finding(one, settings.fdr) == "sets it off"] if causal else []
    verdict, why = found.verdict, found.why
    if causes and verdict != "found":
        terms = ", ".join(repr(one.term) for one in causes[:5])
        verdict, why = "found", f"asking shows a cause: {terms}; the log alone: {why}"
    return {
        "schema": SCHEMA,
        "aligntax": __version__,
        "created": created.isoformat(timespec="seconds"),
        "verdict": verdict,
        "why": why,
        "about": {
            "detector": about.detector[0],
            "detector_version": about.detector[1],
            "level": settings.level,
            "fdr": settings.fdr,
            "prior": settings.prior,
            "hedged": settings.hedged,
            "sources": list(about.sources),
            "clustered_by": _clustered_by(about),
            "counts": dict(about.counts),
            "kept": about.kept,
        },
        "vocabulary": _vocabulary(found),
        "causal": None if causal is None else _causal(causal, about.model),
        "evaluation_set": None if evaluation_set is None else _drawn(*evaluation_set),
        "asking": None if asking is None else dict(asking),
        "notes": [*_notes(found, about), *(_causal_notes(causal) if causal else ()), *about.notes],
    }


def finding(effect: Effect, fdr: float) -> str:
    """What may be said of a term that was left out: "sets it off", "holds it back" or "cannot tell"."""
    if effect.effect.known and effect.q <= fdr:
        if effect.effect.low > 0:
            return "sets it off"
        if effect.effect.high < 0:
            return "holds it back"
    return "cannot tell"


def _vocabulary(found: Vocabulary) -> dict[str, Any]:
    return {
        "verdict": found.verdict,
        "why": found.why,
        "refused": found.refused,
        "complete": found.complete,
        "clusters": found.clusters,
        "tested": found.tested,
        "narrow": found.narrow,
        "only_stop_words": found.only_stop_words,
        "needed": found.needed,
        "detectable": None if math.isnan(found.detectable) else found.detectable,
        "asked_about": {"share": found.settings.share, "factor": found.settings.factor},
        "triggers": [_term(one) for one in found.triggers[:_MOST_LISTED]],
        "explained": [_term(one) for one in found.explained[:_MOST_LISTED]],
        "answered": [_term(one) for one in found.answered[:_MOST_LISTED]],
        "points": [list(point) for point in found.points],
    }


def _term(one: Term) -> dict[str, Any]:
    return {
        "name": one.name,
        "documents": one.documents,
        "refused": one.refused,
        "clusters": one.clusters,
        **{name: flat(getattr(one, name)) for name in ("share_with", "share_without", "odds")},
        **{name: getattr(one, name) for name in ("delta", "z", "p", "q")},
        "explained": None if one.explanation is None else asdict(one.explanation),
    }


def _causal(causal: Causal, model: str) -> dict[str, Any]:
    return {
        "model": model,
        "calls": causal.calls,
        "limit": causal.settings.calls,
        "draws": causal.settings.draws,
        "searched": len(causal.searches),
        "not_searched": causal.not_searched,
        "verdicts": dict(causal.verdicts),
        "effects": [_effect(one, causal.settings.fdr) for one in causal.effects],
        "searches": [
            {"verdict": one.verdict, "terms": list(one.terms), "calls": one.calls}
            for one in causal.searches.values()
        ],
        "unmeasured": list(causal.unmeasured),
        "unknown": causal.unknown,
        "missing": causal.missing,
    }


def _effect(one: Effect, fdr: float) -> dict[str, Any]:
    return {
        **{name: getattr(one, name) for name in ("term", "named", "prompts", "failed", "p", "q")},
        **{name: flat(getattr(one, name)) for name in ("as_it_was", "without", "control", "effect")},
        "finding": finding(one, fdr),
    }


def _drawn(path: str, strata: Sequence[Stratum]) -> dict[str, Any]:
    return {
        "path": path,
        "prompts": sum(one.drawn for one in strata),
        "strata": [asdict(one) for one in strata],
    }


def _clustered_by(about: About) -> str:
    told = sum(about.counts.get(name, 0) for name in ("complete", "refused", "hedged"))
    if not about.clustered:
        return "identical prompts"
    return "the log's clusters" if about.clustered >= told else "the log's clusters, else identical prompts"


def _notes(found: Vocabulary, about: About) -> Iterator[str]:
    """Of the vocabulary, the gravest first."""
    if not about.clustered:
        yield (
            "the log names no user, session or template (--cluster-field): prompts that differ by numbers "
            "alone count as one cluster, others as independent, so the intervals may be too short"
        )
    for name, words in (
        (
            "served by a fallback",
            "were answered by another model than the one asked for, which may hide a refusal",
        ),
        ("no prompt", "have no prompt in the log"),
        ("ability limit", "were refused for want of an ability, which no word of the prompt brings about"),
        ("undetermined", "have no outcome the detector could tell"),
    ):
        if count := about.counts.get(name, 0):
            yield f"{count:,} exchanges {words}: left out"
    if (hedged := about.counts.get("hedged", 0)) and not found.settings.hedged:
        yield f"hedged answers, {hedged:,} of them, are in neither class (--hedged counts them as refusals)"
    if about.kept < 1:
        yield f"{about.kept:.2%} of the exchanges, drawn by the hash of their id, are behind the vocabulary"
    if found.narrow:
        yield (
            f"{found.narrow:,} frequent terms are not tested, since fewer than "
            f"{found.settings.least_clusters} users, sessions or templates write most of them"
        )
    if found.tested:
        yield (
            f"terms stand in {found.settings.least_documents} prompts or more, none is made of stop words "
            f"alone, and of a prompt the first {MOST_WORDS:,} words count"
        )


def _causal_notes(causal: Causal) -> Iterator[str]:
    """Of asking."""
    if causal.missing:
        yield f"partial: {causal.missing:,} requests failed or were not sent; intervals allow for the worst"
    if causal.unknown:
        yield (
            f"{causal.unknown:,} answers could not be told (empty, undetermined, or served by another "
            "model): none of them counts as compliance"
        )
    if causal.not_searched:
        yield f"{causal.not_searched:,} refused prompts were not searched for want of requests (--calls)"
    if again := causal.verdicts.get("not refused again", 0):
        yield f"{again:,} of {len(causal.searches):,} prompts were not refused when they were asked again"
    if causal.unmeasured:
        shown = ", ".join(repr(term) for term in causal.unmeasured[:5])
        yield (
            f"effects not measured, for want of prompts that hold the term or of requests: {shown}"
            f"{' and others' if len(causal.unmeasured) > 5 else ''}"
        )
