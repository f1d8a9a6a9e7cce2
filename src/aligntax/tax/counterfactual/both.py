"""Quality among both-answered: what the alarming words do to an answer that is given all the same.

It is conditional on answering in both wordings: what became of the other pairs stands beside it.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from aligntax.records.asked import Reply
from aligntax.tax.counterfactual.effects import Draws
from aligntax.tax.counterfactual.measure import Selection, selection
from aligntax.tax.counterfactual.variants import NEUTRAL, TRIGGER, Case
from aligntax.tax.pairs.differences import Difference, Precision
from aligntax.tax.quality.estimates import Preference, points_covered, preference, with_unscored
from aligntax.tax.quality.pairwise import Pair, Votes
from aligntax.tax.quality.points import Coverage, Marked, exact

__all__ = ["BothAnswered", "Quality", "Ways", "both_answered", "marked", "measure_quality", "pairs_to_judge"]

Ways = Literal["auto", "reference", "pairwise", "both", "none"]
"""By a reference where there is one, else by a pairwise judge; by one of them; by both; not at all."""
_ANSWERED = ("complete", "hedged")


@dataclass(frozen=True, slots=True)
class BothAnswered:
    """A draw in which both wordings were answered.

    Attributes:
        case: asked.
        sample: number of the draw, from 1.
        trigger: answer to the alarming wording.
        neutral: answer to the neutral one.
    """

    case: Case
    sample: int
    trigger: str
    neutral: str

    @property
    def id(self) -> str:
        """Of the pair."""
        return f"{self.case.id}#{self.sample}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Quality:
    """Answers to the neutral wording against answers to the alarming one, among both-answered.

    Attributes:
        selection: how many pairs of draws that is, and what became of the others.
        points: share of reference points covered, neutral less alarming; None where none were judged.
        points_unscored: reason -> answers without a judgement.
        exact: share of answers that hold a short reference, neutral less alarming; None without references.
        preference: of a pairwise judge, for the neutral wording's answers; None where none was asked.
        votes: what it is made from.
    """

    selection: Selection
    points: Difference | None
    points_unscored: Mapping[str, int]
    exact: Difference | None
    preference: Preference | None
    votes: Votes | None


def both_answered(cases: Sequence[Case], draws: Draws, replies: Iterable[Reply]) -> list[BothAnswered]:
    """The draws of which both wordings were answered.

    Args:
        cases: asked.
        draws: what became of each draw.
        replies: of the model.
    """
    texts = {(reply.question, reply.sample): reply.text for reply in replies}
    found = list[BothAnswered]()
    for case in cases:
        names = (case.question(TRIGGER), case.question(NEUTRAL))
        told = zip(*(draws.get(name, ()) for name in names), strict=False)
        for sample, pair in enumerate(told, start=1):
            if all(one in _ANSWERED for one in pair):
                found.append(BothAnswered(case, sample, *(texts[name, sample] for name in names)))
    return found


def pairs_to_judge(answered: Iterable[BothAnswered], ways: Ways, model: str) -> list[Pair]:
    """What a pairwise judge is asked about; both answers are shown under the neutral wording.

    Args:
        answered: pairs of answers.
        ways: how quality is judged.
        model: tells models apart in ids.
    """
    if ways in ("reference", "none"):
        return []
    return [
        Pair(
            id=f"better/{model}/{one.id}",
            question=one.case.texts[NEUTRAL],
            first=one.trigger,
            second=one.neutral,
            cluster=one.case.request.cluster or one.case.id,
        )
        for one in answered
        if ways != "auto" or not (one.case.request.points or one.case.request.reference)
    ]


def marked(answered: Iterable[BothAnswered], ways: Ways, model: str) -> list[Marked]:
    """What a judge is asked about with reference points; arguments as of `pairs_to_judge`."""
    if ways in ("pairwise", "none"):
        return []
    return [
        Marked(
            id=_mark(model, one, side),
            question=one.case.texts[NEUTRAL],
            answer=answer,
            points=one.case.request.points,
        )
        for one in answered
        for side, answer in ((TRIGGER, one.trigger), (NEUTRAL, one.neutral))
        if one.case.request.points
    ]


def measure_quality(
    cases: Sequence[Case],
    draws: Draws,
    answered: Sequence[BothAnswered],
    *,
    model: str,
    coverage: Coverage | None,
    votes: Votes | None,
    precision: Precision,
) -> Quality:
    """Estimates from what the judge said.

    Args:
        cases: asked.
        draws: what became of each draw.
        answered: of `both_answered`.
        model: tells models apart in ids.
        coverage: points covered; None where none were judged.
        votes: of the pairwise judge; None where it was not asked.
        precision: level and seed.
    """
    return Quality(
        selection=selection(cases, draws),
        points=_points(answered, coverage, model, precision),
        points_unscored={} if coverage is None else coverage.unscored,
        exact=_exact(answered, precision),
        preference=None if votes is None else _preference(votes, precision),
        votes=votes,
    )


def _preference(votes: Votes, precision: Precision) -> Preference:
    """Over all pairs the judge was asked about: one without a verdict may be won or lost."""
    found = preference(votes, precision=precision)
    refused = sum(number for reason, number in votes.unscored.items() if reason != "not_asked")
    share = refused / (refused + found.scored) if refused else 0.0
    return replace(
        found,
        win_rate=with_unscored(found.win_rate, share),
        at_equal_length=with_unscored(found.at_equal_length, share),
    )


def _points(
    answered: Sequence[BothAnswered], coverage: Coverage | None, model: str, precision: Precision
) -> Difference | None:
    if coverage is None or not coverage.found:
        return None
    scores = list[tuple[Case, float, float]]()
    for one in answered:
        if one.case.request.points:
            sides = [coverage.found[_mark(model, one, side)] for side in (TRIGGER, NEUTRAL)]
            if all(side.unscored != "not_asked" for side in sides):
                scores.append((one.case, sides[0].share, sides[1].share))
    return _by_case(scores, precision)


def _exact(answered: Sequence[BothAnswered], precision: Precision) -> Difference | None:
    scores = [
        (one.case, exact(one.trigger, reference), exact(one.neutral, reference))
        for one in answered
        if (reference := one.case.request.reference)
    ]
    return _by_case(scores, precision) if scores else None


def _by_case(scores: Iterable[tuple[Case, float, float]], precision: Precision) -> Difference:
    """Draws averaged within their case first: a case with many of them counts once."""
    cases, found = dict[str, Case](), dict[str, list[tuple[float, float]]]()
    for case, *pair in scores:
        cases[case.id] = case
        known = found.setdefault(case.id, [])
        if not any(math.isnan(one) for one in pair):
            known.append((pair[0], pair[1]))
    means = [_mean(pairs) for pairs in found.values()]
    clusters = [cases[name].request.cluster for name in found]
    return points_covered(means, clusters, precision=precision)


def _mean(pairs: Sequence[tuple[float, float]]) -> tuple[float, float]:
    """Of each side; nan where the judge scored no pair of a case."""
    if not pairs:
        return math.nan, math.nan
    first, second = (sum(side) / len(pairs) for side in zip(*pairs, strict=True))
    return first, second


def _mark(model: str, one: BothAnswered, side: str) -> str:
    return f"covers/{model}/{one.id}/{side}"
