"""A against B: two means, their difference with interval and test, and whether it is as good as none."""

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from aligntax.records import Estimate, Unit
from aligntax.stats.comparison import exact_mcnemar, holm, paired_difference
from aligntax.stats.equivalence import Equivalence, equivalence
from aligntax.stats.paired import mean_difference, sign_flip_p_value
from aligntax.stats.predictions import Floats
from aligntax.stats.unpaired import Sample, mean, sample_of, unpaired_difference, unpaired_p_value

__all__ = ["Clusters", "Difference", "Precision", "adjusted", "paired", "unpaired"]

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
        first: (n,) scores of A; 0 and 1 for a property.
        second: (n,) of B, in the same order.
        clusters: see `Clusters`.
        unit: of the difference: "difference" where scores lie in [0, 1], else "score".
        margin: largest difference that is as good as none, > 0; None for no such test.
        precision: level and seed.

    Returns:
        Bonett and Price's interval with the exact McNemar test for zeros and ones that are independent, else
        the paired (cluster) bootstrap with the sign-flip test.
    """
    of_property = clusters is None and bool(np.isin(np.concatenate([first, second]), (0.0, 1.0)).all())
    if of_property:
        up, down = int((second > first).sum()), int((second < first).sum())
        p = exact_mcnemar(up, down)
        difference, wide = (
            paired_difference(up, down, len(first), level=level) for level in precision.levels
        )
    else:
        gaps, seed = second - first, precision.seed
        difference, wide = (
            mean_difference(gaps, clusters=clusters, unit=unit, level=level, seed=seed)
            for level in precision.levels
        )
        p = sign_flip_p_value(gaps, clusters=clusters, seed=seed) if difference.known else np.nan
    means = [mean(sample_of(v, clusters), unit=_of(unit), level=precision.level) for v in (first, second)]
    return Difference(
        first=means[0],
        second=means[1],
        difference=difference,
        p=p,
        test="exact McNemar" if of_property else "sign flip",
        equivalence=_equivalence(wide, margin),
    )


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
        equivalence=_equivalence(wide, margin),
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


def _equivalence(wide: Estimate, margin: float | None) -> Equivalence | None:
    return equivalence(wide, margin) if margin is not None and wide.known else None
