"""What counts as one trial where observations depend on each other: a cluster, not an observation."""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from aligntax.errors import UsageError
from aligntax.stats.predictions import Floats

__all__ = ["Trials", "trials"]


@dataclass(frozen=True, slots=True)
class Trials:
    """Observations put together by cluster.

    Attributes:
        means: (clusters,) mean of each cluster.
        weights: (clusters,) share of the observations that each holds; they add up to 1.
        effective: number of trials: 1 / sum(weights^2), the number of clusters where all are of one size.
    """

    means: Floats
    weights: Floats
    effective: float


def trials(values: npt.ArrayLike, clusters: Sequence[Hashable] | None = None) -> Trials:
    """Puts observations together.

    A cluster counts as a single trial however many observations it holds. That is the worst dependence there
    can be, so bounds made from it hold under any.

    Args:
        values: (n,) finite, n >= 1.
        clusters: (n,) what makes observations depend on each other, of any hashable type; one with None
            stands alone, and without a list every one does.

    Raises:
        UsageError: lists of different lengths.

    Source: Kish (1965), Survey Sampling, section 11.7 (effective number under unequal weights).
    """
    given = np.asarray(values, np.float64)
    if clusters is None:
        n = len(given)
        return Trials(given, np.full(n, 1 / n), float(n))
    names = list(clusters)
    if len(names) != len(given):
        raise UsageError(
            f"{len(names):,} clusters for {len(given):,} values", hint="give one for each, or None"
        )
    keys = [("alone", at) if name is None else ("of", name) for at, name in enumerate(names)]
    number = {key: at for at, key in enumerate(dict.fromkeys(keys))}
    at = np.array([number[key] for key in keys])
    sizes = np.bincount(at).astype(np.float64)
    weights = sizes / sizes.sum()
    return Trials(np.bincount(at, given) / sizes, weights, float(1 / np.square(weights).sum()))
