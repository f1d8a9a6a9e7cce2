"""A against B: two means, their difference with interval and test, and whether it is as good as none."""

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from aligntax.records import Estimate, Unit
from aligntax.stats.comparison import exact_mcnemar, holm, paired_difference
from aligntax.stats.equivalence import Equivalence, equivalence
from aligntax.stats.missing import filled, worst_and_best
from aligntax.stats.paired import mean_difference, sign_flip_p_value
from aligntax.stats.predictions import Floats
from aligntax.stats.unpaired import Sample, mean, sample_of, unpaired_difference, unpaired_p_value

__all__ = ["Clusters", "Difference", "Precision", "adjusted", "equivalence_of", "paired", "unpaired"]

Clusters = npt.NDArray[np.object_] | None
"""(n,) which items depend on each other, None for one that stands alone; no array where all do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Precision:
    """How sure a difference is to be.

    Attributes:
        level: two-sided coverage of the intervals, in (0.5, 1).
        seed: of the bootstrap and of the sign flips.
    """

    level: float = 0.95
    seed: int = 0

    @property
    def equivalence_level(self) -> float:
        """Coverage of the interval that an equivalence test looks at: 0.9 where intervals have 0.95."""
        return 1 - 2 * (1 - self.level)

    @property
    def levels(self) -> tuple[float, float]:
        """Coverage of the interval that is shown, and of the one that the equivalence test looks at."""
        return self.level, self.equivalence_level


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """Two means and what lies between them.

    Attributes:
        first: mean of A, unit "rate" for what lies in [0, 1], else "score".
        second: mean of B.
        difference: B less A, unit "difference" (of rates) or "score".
        p: two-sided, of no difference; nan where it cannot be known.
        test: that gave it: "exact McNemar", "sign flip", "score test", "normal".
        equivalence: whether the difference is within the margin; None without a margin.
        adjusted: `p` after Holm's adjustment for all that was compared beside it; nan before.
    """

    first: Estimate
    second: Estimate
    difference: Estimate
    p: float
    test: str
    equivalence: Equivalence | None = None
    adjusted: float = float("nan")


def paired(
    first: Floats,
    second: Floats,
    *,
    clusters: Clusters = None,
    unit: Unit = "difference",
    margin: float | None = None,
    precision: Precision,
) -> Difference:
    """The same items under A and B.

    Args:
        first: (n,) scores of A; 0 and 1 for a property; nan where an answer is missing that could have been
            anything from 0 to 1, which takes all others to lie there.
        second: (n,) of B, in the same order.
        clusters: see `Clusters`.
        unit: of the difference: "difference" where scores lie in [0, 1], else "score".
        margin: largest difference that is as good as none, > 0; None for no such test.
        precision: level and seed.

    Returns:
        Bonett and Price's interval with the exact McNemar test for zeros and ones that are independent, else
        the paired (cluster) bootstrap with the sign-flip test. Missing answers widen the intervals by all
        they could hide, and raise the p-value as far as they could.
    """
    pairs = _Pairs.of(first, second, clusters, unit, precision)
    difference, wide = (pairs.difference(level) for level in precision.levels)
    means = [pairs.mean(side, precision.level) for side in (first, second)]
    return Difference(
        first=means[0],
        second=means[1],
        difference=difference,
        p=pairs.p_value() if difference.known else np.nan,
        test="exact McNemar" if pairs.of_property else "sign flip",
        equivalence=equivalence_of(wide, margin),
    )


@dataclass(frozen=True, slots=True)
class _Pairs:
    """Paired scores, with what a missing one could be at least and at most.

    Attributes:
        least: (n,) what B less A is at least; `most` where both are known.
        most: (n,) what it is at most.
        known: (n,) the same where it is known, nan where it is not.
        clusters: see `Clusters`.
        unit: of the difference.
        seed: of the bootstrap and of the flips.
        of_property: whether it is of zeros and ones that are independent.
    """

    least: Floats
    most: Floats
    known: Floats
    clusters: Clusters
    unit: Unit
    seed: int
    of_property: bool

    @classmethod
    def of(
        cls, first: Floats, second: Floats, clusters: Clusters, unit: Unit, precision: Precision
    ) -> "_Pairs":
        both = np.concatenate([first, second])
        known = second - first
        least, most = known, known
        if np.isnan(known).any():
            (low, high), (other_low, other_high) = filled(first), filled(second)
            least, most = other_low - high, other_high - low
        binary = clusters is None and bool(np.isin(both[~np.isnan(both)], (0.0, 1.0)).all())
        return cls(least, most, known, clusters, unit, precision.seed, binary)

    def difference(self, level: float) -> Estimate:
        """B less A; where answers are missing the interval holds whatever they could be."""

        def interval(gaps: Floats) -> Estimate:
            if self.of_property:
                return paired_difference(*_ways(gaps), len(gaps), level=level)
            return mean_difference(gaps, clusters=self.clusters, unit=self.unit, level=level, seed=self.seed)

        return worst_and_best(self.least, self.most, interval, seen=self.known)

    def mean(self, scores: Floats, level: float) -> Estimate:
        """Of one side."""
        unit = _of(self.unit)

        def interval(values: Floats) -> Estimate:
            return mean(sample_of(values, self.clusters), unit=unit, level=level)

        if not np.isnan(scores).any():
            return interval(scores)
        return worst_and_best(*filled(scores), interval, seen=scores)

    def p_value(self) -> float:
        """Of no difference: the largest that missing answers allow, 1 where they could turn its sign."""
        gaps = [self.least] if (self.least == self.most).all() else [self.least, self.most]
        if len(gaps) > 1 and not gaps[0].sum() * gaps[1].sum() > 0:
            return 1.0
        return max(self._p_value(one) for one in gaps)

    def _p_value(self, gaps: Floats) -> float:
        if self.of_property:
            return exact_mcnemar(*_ways(gaps))
        return sign_flip_p_value(gaps, clusters=self.clusters, seed=self.seed)


def _ways(gaps: Floats) -> tuple[int, int]:
    """How many are above 0, and how many below."""
    return int((gaps > 0).sum()), int((gaps < 0).sum())


def unpaired(
    first: Sample,
    second: Sample,
    *,
    unit: Unit = "difference",
    margin: float | None = None,
    precision: Precision,
) -> Difference:
    """Items that do not meet, or of which only the mean is known: taken as independent.

    Args:
        first: A.
        second: B.
        unit: of the difference: "difference" where scores lie in [0, 1], else "score".
        margin: largest difference that is as good as none, > 0; None for no such test.
        precision: level; no seed is needed.
    """
    level = precision.level
    wide = unpaired_difference(second, first, unit=unit, level=precision.equivalence_level)
    counted = first.successes is not None and second.successes is not None
    return Difference(
        first=mean(first, unit=_of(unit), level=level),
        second=mean(second, unit=_of(unit), level=level),
        difference=unpaired_difference(second, first, unit=unit, level=level),
        p=unpaired_p_value(first, second),
        test="score test" if counted else "normal",
        equivalence=equivalence_of(wide, margin),
    )


def adjusted(differences: list[Difference]) -> list[Difference]:
    """The same differences with p-values adjusted for being many; those without one are left as they are.

    Source: Holm (1979), Scandinavian Journal of Statistics 6:65.
    """
    known = [at for at, one in enumerate(differences) if not np.isnan(one.p)]
    found = list(differences)
    for at, p in zip(known, holm([differences[at].p for at in known]) if known else (), strict=True):
        found[at] = replace(differences[at], adjusted=float(p))
    return found


def _of(unit: Unit) -> Unit:
    """The unit of a mean whose difference has this one."""
    return "rate" if unit == "difference" else unit


def equivalence_of(wide: Estimate, margin: float | None) -> Equivalence | None:
    """Whether a difference is within a margin; None without a margin, or without an interval."""
    return equivalence(wide, margin) if margin is not None and wide.known else None
