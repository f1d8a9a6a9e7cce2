"""Labels and the predictions that go with them, as arrays: what is checked, and what of them suffices."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from aligntax.errors import UsageError
from aligntax.records import Estimate
from aligntax.stats.student import student_quantile

__all__ = [
    "Floats",
    "Predictions",
    "as_pairs",
    "as_shares",
    "binomial_variance",
    "bounded_rate",
    "checked_level",
    "t_quantile",
]

Floats = npt.NDArray[np.float64]

_MOST_DEGREES = 2000  # beyond them t and z differ by less than one part in a thousand


@dataclass(frozen=True, slots=True)
class Predictions:
    """What the estimators need to know of predictions on many items: a count, a mean, a variance.

    Attributes:
        count: items predicted, >= 0.
        mean: of their predictions, in [0, 1]; 0 without items.
        variance: of their predictions, divided by count - 1; 0 with fewer than two items.
    """

    count: int
    mean: float
    variance: float

    @classmethod
    def of(cls, values: npt.ArrayLike) -> "Predictions":
        """The statistics of predictions, (N,) in [0, 1].

        Raises:
            UsageError: values outside [0, 1], not finite, or not one-dimensional.
        """
        values = as_shares("predictions", values)
        count = len(values)
        mean = float(values.mean()) if count else 0.0
        return cls(count, mean, float(values.var(ddof=1)) if count > 1 else 0.0)

    def without(self, values: npt.ArrayLike) -> "Predictions":
        """The statistics of what is left when some of the items, with predictions `values`, are taken out.

        Raises:
            UsageError: more items are taken out than there are.
        """
        taken = Predictions.of(values)
        count = self.count - taken.count
        if count < 0:
            raise UsageError(
                f"{taken.count:,} labelled items are more than the population of {self.count:,}",
                hint="give the predictions of the whole population, the labelled items included",
            )
        if count == 0:
            return Predictions(0, 0.0, 0.0)
        mean = (self.count * self.mean - taken.count * taken.mean) / count
        mean = min(1.0, max(0.0, mean))
        return Predictions(count, mean, self._variance_without(taken, count, mean))

    def _variance_without(self, taken: "Predictions", count: int, mean: float) -> float:
        if count < 2:
            return 0.0
        whole = (self.count - 1) * self.variance + self.count * (self.mean - mean) ** 2
        part = max(0, taken.count - 1) * taken.variance + taken.count * (taken.mean - mean) ** 2
        variance = (whole - part) / (count - 1)
        return variance if variance > 1e-12 else 0.0  # what rounding leaves of nothing


def as_shares(name: str, values: npt.ArrayLike) -> Floats:
    """`values` as a one-dimensional array of numbers in [0, 1].

    Raises:
        UsageError: they are anything else; names the first one that is wrong.
    """
    array: npt.NDArray[Any] = np.asarray(values)
    if array.ndim != 1:
        raise UsageError(f"{name} must be one-dimensional, not of shape {array.shape}")
    try:
        array = array.astype(np.float64)
    except (TypeError, ValueError) as error:
        raise UsageError(f"{name} must be numbers between 0 and 1: {error}") from None
    wrong = ~((array >= 0) & (array <= 1))  # nan compares false
    if wrong.any():
        at = int(np.argmax(wrong))
        raise UsageError(
            f"{name} must lie between 0 and 1, but the one at index {at} is {array[at]:g}",
            hint="leave out what has no value",
        )
    return array


def as_pairs(
    labels: npt.ArrayLike, others: npt.ArrayLike, name: str = "predictions"
) -> tuple[Floats, Floats]:
    """Labels and what stands beside them, both (n,) in [0, 1].

    Raises:
        UsageError: see `as_shares`; or they differ in length.
    """
    first, second = as_shares("labels", labels), as_shares(name, others)
    if len(first) != len(second):
        raise UsageError(f"{len(first):,} labels but {len(second):,} {name}", hint="give one for each label")
    return first, second


def checked_level(level: float) -> float:
    """A coverage, strictly between 0 and 1.

    Raises:
        UsageError: it is not.
    """
    if not 0 < level < 1:
        raise UsageError(f"a coverage lies between 0 and 1, not {level:g}", hint="0.95 is the usual one")
    return level


def t_quantile(level: float, degrees: float) -> float:
    """The two-sided t quantile for degrees of freedom that need not be whole: rounded down, at least 1."""
    return student_quantile(level, int(min(max(degrees, 1.0), _MOST_DEGREES)))


def bounded_rate(
    value: float, ends: tuple[float, float], *, level: float, n: int, labelled: int, method: str
) -> Estimate:
    """A rate with the ends of its interval, kept so that 0 <= low <= value <= high <= 1."""
    value = min(1.0, max(0.0, value))
    low, high = min(value, max(0.0, ends[0])), max(value, min(1.0, ends[1]))
    return Estimate(
        value=value, low=low, high=high, level=level, n=n, labelled=labelled, unit="rate", method=method
    )


def binomial_variance(rate: float) -> float:
    """Variance of one item that has a property with probability `rate`, which is kept in [0, 1]."""
    rate = min(1.0, max(0.0, rate))
    return rate * (1 - rate)
