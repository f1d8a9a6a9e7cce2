"""Capability tax: what a benchmark lost between A and B, under both conventions for unparsed answers."""

import math
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from aligntax.records import Answers, Estimate, Unit, unknown
from aligntax.stats.paired import normalised_tax
from aligntax.stats.predictions import Floats
from aligntax.stats.unpaired import Sample, sample_of, unpaired_normalised_tax
from aligntax.tax.pairs.differences import Clusters, Difference, Precision, paired, unpaired

__all__ = ["CONVENTIONS", "Convention", "ScoreRules", "Scores", "capability", "capability_unpaired"]

Convention = Literal["strict", "guess credit"]
"""How an answer counts out of which nothing could be read: as the harness scored it, which is mostly as
wrong; or as much as a guess would earn."""

CONVENTIONS: tuple[Convention, ...] = get_args(Convention)


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoreRules:
    """How scores are to be read.

    Attributes:
        chance: score of a guess; None where nobody knows.
        margin: largest difference that is as good as none, in the unit of the score; None where none was
            given for this benchmark.
        share_margin: the same for every score in [0, 1], as a share.
        higher_is_better: direction of the score.
        precision: level and seed.
    """

    chance: float | None
    margin: float | None = None
    share_margin: float | None = 0.01
    higher_is_better: bool = True
    precision: Precision

    def margin_in(self, unit: Unit) -> float | None:
        """The margin for a difference in `unit`; a margin for shares says nothing of other scores."""
        return self.share_margin if self.margin is None and unit == "difference" else self.margin


@dataclass(frozen=True, slots=True, kw_only=True)
class Scores:
    """Two scores compared under one convention.

    Attributes:
        convention: for unparsed answers.
        difference: B less A, with what it is made of.
        tax: (A - B) / (A - chance), unit "share"; below 0 is a bonus; nan with a reason.
        unparsed: answers of A and of B that count by the convention.
        unscored: items left out since a side has no score for them.
    """

    convention: Convention
    difference: Difference
    tax: Estimate
    unparsed: tuple[int, int] = (0, 0)
    unscored: int = 0


def capability(first: pa.Table, second: pa.Table, clusters: Clusters, rules: ScoreRules) -> list[Scores]:
    """Scores of the same items, under every convention that makes a difference.

    Args:
        first: (items,) of the ANSWER schema, A's.
        second: (items,) B's, in the same order.
        clusters: (items,) which items depend on each other; see `Clusters`.
        rules: how to read the scores.

    Returns:
        "strict"; and "guess credit" where any answer is unparsed and the score of a guess is known. Empty
        where no item is scored on both sides.
    """
    read = [_Read.of(table, rules.higher_is_better) for table in (first, second)]
    both = read[0].scored & read[1].scored
    if not both.any():
        return []
    unparsed = (int(read[0].unparsed[both].sum()), int(read[1].unparsed[both].sum()))
    groups = None if clusters is None else clusters[both]
    found = list[Scores]()
    for convention in _conventions(unparsed, rules):
        scores = [side.under(convention, rules.chance)[both] for side in read]
        unit = _unit(*scores)
        found.append(
            Scores(
                convention=convention,
                difference=paired(
                    *scores,
                    clusters=groups,
                    unit=unit,
                    margin=rules.margin_in(unit),
                    precision=rules.precision,
                ),
                tax=_tax(scores[0], scores[1], groups, rules),
                unparsed=unparsed,
                unscored=int((~both).sum()),
            )
        )
    return found


def capability_unpaired(first: Answers, second: Answers, rules: ScoreRules) -> list[Scores]:
    """Scores whose items do not meet, or of which only the means are known.

    Args:
        first: A, with a table or a summary.
        second: B.
        rules: how to read the scores.

    Returns:
        As `capability`; of a summary nobody knows what was unparsed, so there is but "strict".
    """
    counted = [_unparsed(side, rules) for side in (first, second)]
    unparsed = (counted[0], counted[1])
    whole = first.table is not None and second.table is not None
    found = list[Scores]()
    for convention in _conventions(unparsed if whole else (0, 0), rules):
        samples = [_sample(side, convention, rules) for side in (first, second)]
        if any(math.isnan(sample.mean) for sample in samples):
            return []
        shares = all(0 <= sample.mean <= 1 for sample in samples) and rules.higher_is_better
        unit: Unit = "difference" if shares else "score"
        found.append(
            Scores(
                convention=convention,
                difference=unpaired(
                    samples[0],
                    samples[1],
                    unit=unit,
                    margin=rules.margin_in(unit),
                    precision=rules.precision,
                ),
                tax=_unpaired_tax(samples[0], samples[1], rules),
                unparsed=unparsed,
            )
        )
    return found


@dataclass(frozen=True, slots=True)
class _Read:
    """A table's scores: as the harness gave them, and where nothing could be read out of an answer."""

    scores: Floats
    unparsed: npt.NDArray[np.bool_]
    scored: npt.NDArray[np.bool_]

    @classmethod
    def of(cls, table: pa.Table, higher_is_better: bool) -> "_Read":
        """An unparsed answer without a score is wrong, which is 0 where more is better."""
        scores = table.column("score").to_numpy().astype(np.float64)
        unparsed = pc.fill_null(pc.invert(table.column("parsed")), False).to_numpy().astype(np.bool_)
        if higher_is_better:
            scores = np.where(unparsed & np.isnan(scores), 0.0, scores)
        return cls(scores, unparsed, np.isfinite(scores))

    def under(self, convention: Convention, chance: float | None) -> Floats:
        """(items,) scores under a convention; `chance` is known where it is "guess credit"."""
        if convention == "strict" or chance is None:
            return self.scores
        return np.where(self.unparsed, chance, self.scores)


def _conventions(unparsed: tuple[int, int], rules: ScoreRules) -> tuple[Convention, ...]:
    return CONVENTIONS if any(unparsed) and rules.chance is not None else ("strict",)


def _unit(first: Floats, second: Floats) -> Unit:
    ends = (min(first.min(), second.min()), max(first.max(), second.max()))
    return "difference" if ends[0] >= 0 and ends[1] <= 1 else "score"


def _tax(first: Floats, second: Floats, clusters: Clusters, rules: ScoreRules) -> Estimate:
    level, n = rules.precision.level, len(first)
    if reason := _no_tax(float(first.mean()), rules):
        return unknown(reason, unit="share", level=level, n=n)
    # where less is better both differences change sign, and their ratio does not
    sign, chance = (1.0 if rules.higher_is_better else -1.0), rules.chance or 0.0
    return normalised_tax(
        sign * first, sign * second, sign * chance, clusters=clusters, level=level, seed=rules.precision.seed
    )


def _unpaired_tax(first: Sample, second: Sample, rules: ScoreRules) -> Estimate:
    level = rules.precision.level
    if reason := _no_tax(first.mean, rules):
        return unknown(reason, unit="share", level=level, n=first.n + second.n)
    return unpaired_normalised_tax(first, second, rules.chance or 0.0, level=level)


def _no_tax(reference: float, rules: ScoreRules) -> str:
    if rules.chance is None:
        return "the score of a guess is not known"
    better = reference > rules.chance if rules.higher_is_better else reference < rules.chance
    return "" if better else "A is no better than a guess"


def _sample(side: Answers, convention: Convention, rules: ScoreRules) -> Sample:
    if side.table is not None:
        read = _Read.of(side.table, rules.higher_is_better)
        scores = read.under(convention, rules.chance)[read.scored]
        cluster = side.table.column("cluster")
        alone = cluster.null_count == len(cluster)
        return sample_of(scores, None if alone else cluster.filter(pa.array(read.scored)).to_numpy())
    summary = side.summary
    if summary is None:
        return Sample(mean=math.nan, error=math.nan)
    n, successes = summary.n or 0, (summary.n or 0) * summary.mean
    whole = n > 0 and 0 <= summary.mean <= 1 and abs(successes - round(successes)) < 1e-6 * n
    error = math.nan if summary.standard_error is None else summary.standard_error
    return Sample(mean=summary.mean, error=error, n=n, successes=round(successes) if whole else None)


def _unparsed(side: Answers, rules: ScoreRules) -> int:
    return 0 if side.table is None else int(_Read.of(side.table, rules.higher_is_better).unparsed.sum())
