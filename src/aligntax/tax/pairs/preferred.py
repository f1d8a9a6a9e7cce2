"""Quality: which of two answers to the same prompt a judge prefers, among the prompts that both answered."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from aligntax.answers.pairing import pair
from aligntax.stats.predictions import Floats
from aligntax.tax.pairs.compared import Settings
from aligntax.tax.pairs.completion import outcomes_of
from aligntax.tax.pairs.differences import Clusters, Difference, paired
from aligntax.tax.pairs.matching import Match
from aligntax.tax.quality.estimates import Preference, preference
from aligntax.tax.quality.pairwise import Pair, Votes

__all__ = ["Preferred", "between", "pairs_to_judge", "preferred"]

Between = Callable[[Floats, Floats, Sequence[Pair]], Difference]
"""(pairs,) whether A is preferred, (pairs,) whether B is, nan where unscored, and the pairs -> difference."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Preferred:
    """What a judge makes of both models' answers.

    Attributes:
        judge: the model.
        put: pairs put before it.
        lead: share of the pairs in which B is preferred, less that of A; ties are in neither share. Pairs
            without a verdict widen it by all they could hide.
        preference: win rate, also at equal length, over the pairs with a verdict.
        unscored: reason -> pairs without a verdict.
        disagreed: pairs in which the two orders did not agree, which are ties.
        not_asked: pairs the judge was not asked about.
    """

    judge: str
    put: int
    lead: Difference
    preference: Preference
    unscored: Mapping[str, int]
    disagreed: int
    not_asked: int


def pairs_to_judge(match: Match, settings: Settings) -> list[Pair]:
    """The pairs of answers in which both models answered; a refusal is never shown.

    Args:
        match: answers of both, with tables.
        settings: how outcomes are told.
    """
    if match.first.table is None or match.second.table is None:
        return []
    if "harmful" in (match.first.prompt_type, match.second.prompt_type):
        return []
    pairs = pair(match.first, match.second)
    found = outcomes_of(pairs.first, pairs.second, settings.detector, detector_leads=settings.detector_leads)
    if found is None:
        return []
    fit = np.isin(found[0].names.astype(str), ("complete", "hedged"))
    fit &= np.isin(found[1].names.astype(str), ("complete", "hedged"))
    columns = (pairs.item, pairs.prompt, pairs.first["response"], pairs.second["response"], pairs.cluster)
    rows = zip(*(column.to_pylist() for column in columns), fit.tolist(), strict=True)
    return [
        Pair(id=f"{match.first.benchmark}|{item}", question=prompt, first=one, second=other, cluster=cluster)
        for item, prompt, one, other, cluster, kept in rows
        if kept and prompt and one and other
    ]


def preferred(judge: str, votes: Votes, settings: Settings, estimate: Between | None = None) -> Preferred:
    """Estimates from the votes on one set of prompts.

    Args:
        judge: the model.
        votes: on the pairs of `pairs_to_judge`.
        settings: margin (of the name "quality", else that of shares) and precision.
        estimate: makes the difference; by default every pair counts alike.
    """
    asked = [one for one in votes.decisions if one.unscored != "not_asked"]
    scores = np.array([np.nan if one.score is None else one.score for one in asked], np.float64)
    won = [np.where(np.isnan(scores), np.nan, scores == sign) for sign in (-1, 1)]
    estimate = estimate or between(settings)
    return Preferred(
        judge=judge,
        put=len(votes.decisions),
        lead=estimate(won[0], won[1], [one.pair for one in asked]),
        preference=preference(votes, precision=settings.precision),
        unscored=dict(votes.unscored),
        disagreed=votes.disagreed,
        not_asked=len(votes.decisions) - len(asked),
    )


def between(settings: Settings) -> Between:
    """Every pair counts alike."""

    def found(first: Floats, second: Floats, pairs: Sequence[Pair]) -> Difference:
        return paired(
            first,
            second,
            clusters=_clusters([one.cluster for one in pairs]),
            margin=settings.margins.get("quality", settings.margin),
            precision=settings.precision,
        )

    return found


def _clusters(names: Sequence[str | None]) -> Clusters:
    known = [name for name in names if name is not None]
    found: npt.NDArray[np.object_] = np.array(list(names), dtype=object)
    return found if len(set(known)) < len(known) else None
