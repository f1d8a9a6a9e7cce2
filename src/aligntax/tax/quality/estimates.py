"""What the verdicts of a judge come to: win rate, at equal length too, and points covered."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from aligntax.records import Estimate, unknown
from aligntax.stats.intervals import wilson
from aligntax.stats.paired import log_ratio, mean_difference
from aligntax.stats.regression import rate_at_zero
from aligntax.tax.pairs.differences import Clusters, Difference, Precision, paired
from aligntax.tax.quality.pairwise import Votes

__all__ = ["Preference", "points_covered", "preference", "with_unscored"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Preference:
    """Which side a judge prefers.

    Attributes:
        scored: pairs with a verdict in both orders.
        wins: of B.
        losses: of B.
        ties: of these, disagreements are part.
        win_rate: of B, a tie half a win, unit "rate".
        at_equal_length: win rate of B that a curve over the log ratio of lengths has where it is 0.
        length: ln(length of B / length of A).
        first_place: share of the verdicts naming an answer that name the one shown first; 0.5 without bias.
            The two verdicts on a pair pull apart where there is none, so its interval is rather too long.
    """

    scored: int
    wins: int
    losses: int
    ties: int
    win_rate: Estimate
    at_equal_length: Estimate
    length: Estimate
    first_place: Estimate


def preference(votes: Votes, *, precision: Precision) -> Preference:
    """Estimates from decisions.

    Args:
        votes: of `decide`.
        precision: level and seed.
    """
    scored = [one for one in votes.decisions if one.score is not None]
    scores = np.array([one.score for one in scored], dtype=np.float64)
    ratios = np.array([one.pair.log_length_ratio for one in scored], dtype=np.float64)
    clusters = _clusters([one.pair.cluster for one in scored])
    level, seed = precision.level, precision.seed
    lead = mean_difference(scores, clusters=clusters, level=level, seed=seed)
    even = rate_at_zero((1 + scores) / 2, ratios, clusters=clusters, level=level)
    lengths = [np.exp(np.zeros(len(ratios))), np.exp(ratios)]
    return Preference(
        scored=len(scored),
        wins=int((scores > 0).sum()),
        losses=int((scores < 0).sum()),
        ties=int((scores == 0).sum()),
        win_rate=_as_rate(lead),
        at_equal_length=even,
        length=log_ratio(lengths[0], lengths[1], clusters=clusters, level=level, seed=seed),
        first_place=wilson(votes.first_named, votes.named, level=level),
    )


def with_unscored(rate: Estimate, share: float) -> Estimate:
    """A win rate of the pairs that have a verdict, made one of all pairs.

    Args:
        rate: in [0, 1].
        share: of all pairs that have none although the judge was asked, in [0, 1): nobody knows why, so each
            may be a loss or a win.

    Source: Manski (1990), American Economic Review 80:319, on the ends of the interval.
    """
    if not rate.known or not share:
        return rate
    low, high = (1 - share) * rate.low, (1 - share) * rate.high + share
    return replace(
        rate, low=low, high=high, method=f"{rate.method}, widened for {share:.1%} without a verdict"
    )


def points_covered(
    pairs: Sequence[tuple[float, float]], clusters: Sequence[str | None], *, precision: Precision
) -> Difference:
    """Share of the points that the second answers cover, less that of the first.

    Args:
        pairs: (cases,) shares of the first and of the second; nan where the judge gave none, which widens
            the interval by all it could hide.
        clusters: (cases,) None for one that stands alone.
        precision: level and seed.
    """
    values = np.array(pairs, dtype=np.float64).reshape(len(pairs), 2)
    return paired(values[:, 0], values[:, 1], clusters=_clusters(clusters), precision=precision)


def _clusters(names: Sequence[str | None]) -> Clusters:
    """As an array; none where every item stands alone."""
    return np.array(list(names), dtype=object) if any(one is not None for one in names) else None


def _as_rate(lead: Estimate) -> Estimate:
    """A mean of scores in [-1, 1] as a rate in [0, 1]."""
    if not lead.known:
        return unknown(lead.reason, unit="rate", level=lead.level, n=lead.n)
    ends = {name: (1 + getattr(lead, name)) / 2 for name in ("value", "low", "high")}
    return replace(lead, unit="rate", **ends)
