"""What alarming words cost as a document that can be kept: what `aligntax counterfactual --json` prints.

schema     "aligntax.counterfactual/1"
aligntax   version that wrote it
created    UTC
about      level, margin, harm_margin, seed, samples (draws of a wording), quality (how it was judged),
           sources [{source, sha256, requests, repeated, harmful}], detector, judge, proposer
asking     what was asked, answered and spent; `partial` where answers are missing
edits      benign and harmful: {requests, cases, inserted, left_out: reason -> number, kept_as_is: reason ->
           words}
meaning    {checked, kept, discarded: [{id, term, neutral, reason, trigger, wording}], discard_rate,
           proposed, judge_refused}; null where no meaning was checked
models     [{model, verdict, usable, rates, effects, found, terms, slices, flips, recorded, several,
           saturated, counts, quality, twin}]
           rates     measure -> variant -> estimate; measures: refused, completion_tax (refused or hedged)
           effects   measure -> net, gross, churn -> difference
           found     measure -> more, less, none, cannot tell
           terms     [{term, neutral, cases, net, found, alone}]; p of net adjusted (Benjamini-Hochberg)
           quality   {selection, points, exact, pairwise, ...}; null where nothing was judged
           twin      {cases, rise, bound, verdict, reason, needed, risen, fallen, judged, ...}
usable     true, false (a jailbreak), or null where it is not known
verdict    usable, jailbreak, inconclusive
notes      what to know

A difference is {first, second, difference, p, adjusted, test, equivalence}; figures that cannot be known are
null and say why.
"""

import datetime as dt
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

from aligntax import __version__
from aligntax.report.document import Document, flat
from aligntax.tax.counterfactual.both import Quality
from aligntax.tax.counterfactual.measure import Effects
from aligntax.tax.counterfactual.proposed import Checked, Discarded, Proposals
from aligntax.tax.counterfactual.requests import Requests
from aligntax.tax.counterfactual.twin import Twin
from aligntax.tax.counterfactual.variants import Cases
from aligntax.tax.pairs.differences import Difference
from aligntax.tax.quality.estimates import Preference
from aligntax.tax.quality.pairwise import Votes

__all__ = ["SCHEMA", "Measured", "Verdict", "counterfactual_document", "verdict_of"]

SCHEMA = "aligntax.counterfactual/1"
Verdict = Literal["usable", "jailbreak", "inconclusive"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """What was measured of one model.

    Attributes:
        model: asked.
        effects: on outcomes.
        quality: among both-answered; None where it was not judged.
        twin: the same rewriting on harmful requests.
        judged: whether a judge graded the harm; else every answer that is no refusal counts.
        ungraded: harmful answers the judge could not grade.
    """

    model: str
    effects: Effects
    quality: Quality | None
    twin: Twin
    judged: bool = False
    ungraded: int = 0


def counterfactual_document(
    measured: Sequence[Measured],
    *,
    about: Mapping[str, Any],
    sources: Sequence[tuple[Requests, bool]],
    benign: Cases,
    harmful: Cases,
    meaning: tuple[Sequence[Checked], Sequence[Proposals]],
    asking: Mapping[str, Any],
    notes: Sequence[str],
    created: dt.datetime,
) -> Document:
    """What was measured, as plain values ready for JSON.

    Args:
        measured: one for every model.
        about: level, margins, seed, samples, ways, detector, judge, proposer.
        sources: what requests were read from, and whether they are harmful.
        benign: their wordings.
        harmful: likewise.
        meaning: checks of meaning and proposals; both empty where there were none.
        asking: of `asked_document`.
        notes: what to know.
        created: when, UTC.
    """
    verdicts = [verdict_of(one) for one in measured]
    verdict = _worst(verdicts)
    return {
        "schema": SCHEMA,
        "aligntax": __version__,
        "created": created.isoformat(timespec="seconds"),
        "about": {**about, "sources": [_source(one, bad) for one, bad in sources]},
        "asking": dict(asking),
        "edits": {"benign": _edits(benign), "harmful": _edits(harmful)},
        "meaning": _meaning(*meaning),
        "models": [_model(one, told) for one, told in zip(measured, verdicts, strict=True)],
        "usable": _usable(verdict),
        "verdict": verdict,
        "notes": list(notes),
    }


def verdict_of(one: Measured) -> Verdict:
    """Whether the rewriting may be used: not where it is a jailbreak, or too little is known of it."""
    if one.twin.verdict != "usable":
        return one.twin.verdict
    return "inconclusive" if one.effects.found["refused"] == "cannot tell" else "usable"


def _worst(verdicts: Sequence[Verdict]) -> Verdict:
    order: tuple[Verdict, ...] = ("jailbreak", "inconclusive", "usable")
    return next((one for one in order if one in verdicts), "inconclusive")


def _usable(verdict: Verdict) -> bool | None:
    return {"usable": True, "jailbreak": False, "inconclusive": None}[verdict]


def _source(one: Requests, harmful: bool) -> dict[str, object]:
    return {
        "source": one.source,
        "sha256": one.sha256,
        "requests": len(one.found),
        "repeated": one.repeated,
        "harmful": harmful,
    }


def _edits(cases: Cases) -> dict[str, object]:
    left = dict[str, int]()
    for case in cases.found:
        for why, times in case.left.items():
            left[why] = left.get(why, 0) + times
    out = {why: len(ids) for why, ids in cases.left_out.items()}
    return {
        "requests": len(cases.found) + sum(out.values()),
        "cases": len(cases.found),
        "inserted": sum(case.inserted for case in cases.found),
        "left_out": out,
        "kept_as_is": left,
    }


def _meaning(checks: Sequence[Checked], proposals: Sequence[Proposals]) -> dict[str, object] | None:
    if not checks and not proposals:
        return None
    kept, checked = sum(len(one.kept) for one in checks), sum(one.checked for one in checks)
    gone: list[Discarded] = [row for many in (proposals, checks) for one in many for row in one.discarded]
    return {
        "proposed": sum(one.proposed for one in proposals),
        "nothing_alarming": sum(one.none for one in proposals),
        "checked": checked,
        "kept": kept,
        "discard_rate": None if not checked else (checked - kept) / checked,
        "judge_refused": sum(one.judge_refused for one in checks),
        "discarded": [asdict(row) for row in gone],
    }


def _model(one: Measured, verdict: Verdict) -> dict[str, object]:
    found = one.effects
    return {
        "model": one.model,
        "verdict": verdict,
        "usable": _usable(verdict),
        "cases": found.cases,
        "rates": {
            measure: {variant: flat(rate) for variant, rate in rates.items()}
            for measure, rates in found.rates.items()
        },
        "effects": {
            measure: {which: _difference(gap) for which, gap in gaps.items()}
            for measure, gaps in found.effects.items()
        },
        "found": dict(found.found),
        "terms": [
            {
                "term": term.term,
                "neutral": list(term.neutral),
                "cases": term.cases,
                "net": _difference(term.net),
                "found": term.found,
                "alone": None if term.alone is None else _difference(term.alone),
            }
            for term in found.terms
        ],
        "slices": [{"name": part.name, "net": _difference(part.net)} for part in found.slices],
        "flips": flat(found.flips),
        "recorded": None if found.recorded is None else _difference(found.recorded),
        "several": found.several,
        "saturated": found.saturated,
        "counts": {
            name: getattr(found, name)
            for name in ("failed", "not_asked", "undetermined", "cannot", "fallback")
        },
        "quality": None if one.quality is None else _quality(one.quality),
        "twin": _twin(one),
    }


def _quality(found: Quality) -> dict[str, object]:
    return {
        "selection": asdict(found.selection),
        "points": None if found.points is None else _difference(found.points),
        "points_unscored": dict(found.points_unscored),
        "exact": None if found.exact is None else _difference(found.exact),
        "pairwise": (
            None
            if found.preference is None or found.votes is None
            else _preference(found.preference, found.votes)
        ),
    }


def _preference(found: Preference, votes: Votes) -> dict[str, object]:
    figures = ("scored", "wins", "losses", "ties")
    return {
        **{name: getattr(found, name) for name in figures},
        "pairs": len(votes.decisions),
        "unscored": dict(votes.unscored),
        "disagreed": votes.disagreed,
        "win_rate": flat(found.win_rate),
        "at_equal_length": flat(found.at_equal_length),
        "length": flat(found.length),
        "first_place": flat(found.first_place),
    }


def _twin(one: Measured) -> dict[str, object]:
    twin = one.twin
    return {
        "cases": twin.cases,
        "judged": one.judged,
        "ungraded": one.ungraded,
        "rise": None if twin.rise is None else _difference(twin.rise),
        "bound": None if twin.bound is None else flat(twin.bound),
        "verdict": twin.verdict,
        "reason": twin.reason,
        "needed": twin.needed,
        "risen": list(twin.risen),
        "fallen": list(twin.fallen),
        "undetermined": twin.undetermined,
        "failed": twin.failed,
    }


def _difference(gap: Difference) -> dict[str, object]:
    test = gap.equivalence
    return {
        "first": flat(gap.first),
        "second": flat(gap.second),
        "difference": flat(gap.difference),
        "p": _or_none(gap.p),
        "adjusted": _or_none(gap.adjusted),
        "test": gap.test,
        "equivalence": (
            None
            if test is None
            else {
                "verdict": test.verdict,
                "margin": test.margin,
                "interval": flat(test.interval),
                "needed": test.needed,
            }
        ),
    }


def _or_none(value: float) -> float | None:
    return None if math.isnan(value) else value
