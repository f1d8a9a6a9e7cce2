"""The tax of a method at a given harm, with over-refusal capped: the upper envelope of its configurations.

Among the configurations of a method that keep over-refusal under the cap, those count that no other one
beats on harm and capability at once. Between two neighbours capability is interpolated linearly in harm,
which is monotone; beyond the one with most harm it stays what it is, since less harm than allowed is allowed.
Below the one with least harm there is nothing: the method does not reach such harm.

The interval does not choose again in every replicate: the best of several noisy points looks better than it
is, and the best of several resampled ones twice as much, so that plain percentiles cover as little as .56 of
nominal .95 (eight equal configurations). It follows the chosen point to first order and is lengthened by what
choosing again adds: .88 there, and .94 where configurations differ.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from aligntax.frontier.bootstrap import bias_of_choice
from aligntax.frontier.runs import Floats

__all__ = ["Matched", "Standing", "area_under", "matched", "standing"]

Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Matched:
    """Where a method stands at a given harm, in each row of replicates.

    Attributes:
        lower: (rows,) the configuration with less harm, or the only one.
        upper: (rows,) the configuration with more harm; the same where nothing is interpolated.
        share: (rows,) how far from lower to upper, in [0, 1).
        reached: (rows,) whether the method reaches such harm at all.
    """

    lower: npt.NDArray[np.int64]
    upper: npt.NDArray[np.int64]
    share: Floats
    reached: Bools

    def at(self, values: Floats) -> Floats:
        """A quantity of the configurations, (rows, configurations), at that harm; nan where not reached."""
        rows = np.arange(len(self.lower))
        found = (1 - self.share) * values[rows, self.lower] + self.share * values[rows, self.upper]
        return np.where(self.reached, found, np.nan)


def matched(harm: Floats, over_refusal: Floats, tax: Floats, *, at: float | Floats, cap: float) -> Matched:
    """Where one method stands at harm `at`.

    Args:
        harm: (rows, configurations) in [0, 1].
        over_refusal: (rows, configurations) in [0, 1].
        tax: (rows, configurations) normalised tax; lower is better; nan never counts.
        at: the harm to be matched, one for all rows or (rows,).
        cap: highest over-refusal allowed; inf for none.
    """
    allowed = (over_refusal <= cap) & ~np.isnan(tax)
    order, best = _envelope(harm, tax, allowed)
    level = np.broadcast_to(np.asarray(at, float), harm.shape[:1])[:, None]
    sorted_harm = np.take_along_axis(harm, order, axis=1)
    below, above = best & (sorted_harm <= level), best & (sorted_harm > level)
    reached = below.any(axis=1)
    last = harm.shape[1] - 1 - np.argmax(below[:, ::-1], axis=1)
    lower = np.where(reached, last, 0)
    upper = np.where(above.any(axis=1) & reached, np.argmax(above, axis=1), lower)
    rows = np.arange(len(harm))
    width = sorted_harm[rows, upper] - sorted_harm[rows, lower]
    into = level[:, 0] - sorted_harm[rows, lower]
    share = np.where(upper != lower, into / np.where(width > 0, width, 1.0), 0.0)
    return Matched(order[rows, lower], order[rows, upper], share, np.asarray(reached))


@dataclass(frozen=True, slots=True)
class Standing:
    """A quantity of a method at a given harm.

    Attributes:
        values: (1 + replicates,) as measured, then as the configurations chosen there vary, along the line
            between them; nan where the harm is not reached.
        bias: what choosing configurations adds to it; lengthens the interval.
        reached: share of replicates in which the method reaches the harm at all.
    """

    values: Floats
    bias: float
    reached: float

    @property
    def known(self) -> bool:
        """Whether the method reaches the harm, as measured."""
        return not bool(np.isnan(self.values[0]))


def standing(values: Floats, harm: Floats, place: Matched, *, at: float) -> Standing:
    """A quantity at harm `at`, for the configurations that are chosen as measured.

    Args:
        values: (1 + replicates, configurations).
        harm: (1 + replicates, configurations).
        place: where the method stands in each row.
        at: the harm.
    """
    reached = float(place.reached[1:].mean()) if len(place.reached) > 1 else float(place.reached[0])
    if not place.reached[0]:
        return Standing(np.full(len(values), np.nan), 0.0, reached)
    i, j, share = place.lower[0], place.upper[0], place.share[0]
    followed = (1 - share) * values[:, i] + share * values[:, j]
    if i != j:
        slope = (values[0, j] - values[0, i]) / (harm[0, j] - harm[0, i])
        followed = followed - slope * ((1 - share) * harm[:, i] + share * harm[:, j] - at)
    return Standing(followed, bias_of_choice(place.at(values)), reached)


def _envelope(harm: Floats, tax: Floats, allowed: Bools) -> tuple[npt.NDArray[np.int64], Bools]:
    """Configurations by rising harm, then tax; and, in that order, which ones nothing allowed beats."""
    order = np.lexsort((tax, harm), axis=1)
    sorted_tax = np.where(
        np.take_along_axis(allowed, order, axis=1), np.take_along_axis(tax, order, axis=1), np.inf
    )
    least = np.minimum.accumulate(sorted_tax, axis=1)
    before = np.concatenate([np.full((len(harm), 1), np.inf), least[:, :-1]], axis=1)
    return order, sorted_tax < before


def area_under(
    harm: Floats, over_refusal: Floats, tax: Floats, *, low: float, high: float, cap: float
) -> Floats:
    """Mean tax of one method over a range of harm: the area under its trade-off curve, over the range.

    Args:
        harm: (rows, configurations) in [0, 1].
        over_refusal: (rows, configurations) in [0, 1].
        tax: (rows, configurations).
        low: least harm of the range, in [0, 1].
        high: most harm of it, above low.
        cap: highest over-refusal allowed.

    Returns:
        (rows,), exact, since the curve is straight between configurations; nan where `low` is not reached.
    """
    corners = np.sort(np.clip(harm, low, high), axis=1)
    rows = len(harm)
    corners = np.concatenate([np.full((rows, 1), low), corners, np.full((rows, 1), high)], axis=1)
    heights = [matched(harm, over_refusal, tax, at=corner, cap=cap).at(tax) for corner in corners.T]
    areas = np.trapezoid(np.stack(heights, axis=1), corners, axis=1)
    return np.asarray(areas / (high - low))
