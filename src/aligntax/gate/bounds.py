"""One-sided bounds of an estimate at any error, and what they would be with more of the same data.

An estimate carries an interval of one level. A gate needs its ends at other levels: at the policy's
confidence for a verdict, at far smaller errors where many slices are looked at. How an end moves with the
error depends on what was estimated:

- a rate: the exact binomial bound at the effective number of independent exchanges. The score interval that
  is shown elsewhere is right on average over rates, but one-sided it errs up to twice as often as it says
  near 0, where budgets lie; simulations in tests/gate.
- amounts (tokens, money): Student's t on the logarithm, as they were measured.
- a median or another quantile: the values at the ranks that the exact binomial bounds of its share give.
- anything else: each side by itself, in proportion to the quantile.
"""

import math
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
import numpy.typing as npt
from scipy.special import betaincinv, ndtri, stdtrit

from aligntax.records import Estimate
from aligntax.stats.intervals import wilson_bounds

__all__ = ["Amount", "Bounds", "Quantile", "Rate", "Sides", "bounds_of", "quantile"]

_HALVINGS = 60
_DEGREES = re.compile(r", (\d+) degrees of freedom$")
_TINY = 1e-9
_MOST_CLUSTERS = 1023
"""Groups that clusters are dealt to, less one: more data does not make for more of them."""


class Bounds(Protocol):
    """Ends of an estimate's interval.

    `error` is one-sided, in (0, 1): the chance that the end lies on the wrong side of the truth.
    `times` is how many times as much data there is. Of a rate, its events are then whole: as many fewer
    for the lower bound, more for the upper, that half of all worlds do not do worse.
    """

    def low(self, error: float, times: float = 1.0) -> float:
        """Lower bound."""

    def high(self, error: float, times: float = 1.0) -> float:
        """Upper bound."""


@dataclass(frozen=True, slots=True)
class Rate:
    """A share of events.

    Attributes:
        share: seen, in [0, 1].
        n: independent observations it is worth, > 0, not necessarily whole.
        df: degrees of freedom of its variance; None where observations are independent.
        factor: what the share is multiplied by: 1, or exchanges where events are counted.

    Source: Clopper & Pearson (1934), Biometrika 26:404; Korn & Graubard (1998), Survey Methodology 24:193
    (at the effective number of observations, reduced by (z / t)^2).
    """

    share: float
    n: float
    df: float | None = None
    factor: float = 1.0

    def low(self, error: float, times: float = 1.0) -> float:
        """Lower bound."""
        n = self._worth(error, times)
        events = self.share * n if times == 1 else math.floor(self.share * n + _TINY)
        return self.factor * (float(betaincinv(events, n - events + 1, error)) if events > _TINY else 0.0)

    def high(self, error: float, times: float = 1.0) -> float:
        """Upper bound."""
        n = self._worth(error, times)
        events = self.share * n if times == 1 else min(n, math.ceil(self.share * n - _TINY))
        rest = n - events
        return self.factor * (float(betaincinv(events + 1, rest, 1 - error)) if rest > _TINY else 1.0)

    def _worth(self, error: float, times: float) -> float:
        n = self.n * times
        if self.df is None:
            return n
        tail = min(error, 0.45)  # both quantiles are 0 at one half
        df = min(self.df * times, max(self.df, _MOST_CLUSTERS))
        return n * (quantile(tail) / quantile(tail, df)) ** 2


@dataclass(frozen=True, slots=True)
class Amount:
    """A mean or sum of what is never negative.

    Attributes:
        value: > 0.
        error: standard error of its logarithm, > 0.
        df: degrees of freedom; None for the normal distribution.
    """

    value: float
    error: float
    df: float | None = None

    def low(self, error: float, times: float = 1.0) -> float:
        """Lower bound."""
        return self.value * math.exp(-self._reach(error, times))

    def high(self, error: float, times: float = 1.0) -> float:
        """Upper bound."""
        return self.value * math.exp(self._reach(error, times))

    def _reach(self, error: float, times: float) -> float:
        return max(-700.0, min(700.0, quantile(error, self.df) * self.error / math.sqrt(times)))


@dataclass(frozen=True, slots=True)
class Quantile:
    """A quantile of values that were seen.

    Attributes:
        values: (k,) distinct, ascending.
        below: (k,) share of the observations at or below each, ascending to 1.
        share: which quantile, in (0, 1).
        rate: bounds of a share near that one, from the same observations.

    Source: Hahn & Meeker (1991), Statistical Intervals, section 5.2, with exact binomial ranks.
    """

    values: npt.NDArray[np.float64]
    below: npt.NDArray[np.float64]
    share: float
    rate: Rate

    def low(self, error: float, times: float = 1.0) -> float:
        """Lower bound."""
        # the largest share that is surely at most the wanted one
        return self._at(lambda share: replace(self.rate, share=share).high(error, times) <= self.share)

    def high(self, error: float, times: float = 1.0) -> float:
        """Upper bound."""
        # the least share that is surely at least the wanted one
        return self._at(lambda share: replace(self.rate, share=share).low(error, times) < self.share)

    def _at(self, below: Callable[[float], bool]) -> float:
        """The value at the share up to which `below` holds."""
        least, most = 0.0, 1.0
        for _ in range(_HALVINGS // 2):
            middle = (least + most) / 2
            least, most = (middle, most) if below(middle) else (least, middle)
        at = int(np.searchsorted(self.below, least, side="right"))
        return float(self.values[min(at, len(self.values) - 1)])


@dataclass(frozen=True, slots=True)
class Sides:
    """Anything with an interval.

    Attributes:
        value: of the estimate.
        below: standard error that its lower end stands for, >= 0; nan where there is no such end.
        above: the same of its upper end.
        df: degrees of freedom; None for the normal distribution.
    """

    value: float
    below: float
    above: float
    df: float | None = None

    def low(self, error: float, times: float = 1.0) -> float:
        """Lower bound."""
        return self.value - quantile(error, self.df) * self.below / math.sqrt(times)

    def high(self, error: float, times: float = 1.0) -> float:
        """Upper bound."""
        return self.value + quantile(error, self.df) * self.above / math.sqrt(times)


def quantile(error: float, df: float | None = None) -> float:
    """What a standard normal variable, or Student's t, exceeds with probability `error`, in (0, 1)."""
    return float(-ndtri(error) if df is None else -stdtrit(df, error))


def bounds_of(estimate: Estimate, *, exchanges: float | None = None) -> Bounds | None:
    """How the ends of an estimate's interval move; None where it has none.

    Args:
        estimate: measured at any level.
        exchanges: where it counts events, what they are a share of; None where that is not known.
    """
    if exchanges and estimate.unit == "exchanges":
        share = bounds_of(estimate.times(1 / exchanges, "rate"))
        return replace(share, factor=exchanges) if isinstance(share, Rate) else share
    if not estimate.known or (math.isnan(estimate.low) and math.isnan(estimate.high)):
        return None
    df = _degrees(estimate)
    if estimate.unit == "rate" and not math.isnan(estimate.low + estimate.high):
        n = float(estimate.n) if estimate.method == "Wilson score" else _worth(estimate, df)
        return Rate(estimate.value, n, df)
    at = quantile((1 - estimate.level) / 2, df)
    if "log scale" in estimate.method and estimate.value > 0 < estimate.high:
        return Amount(estimate.value, max(_TINY, math.log(estimate.high / estimate.value) / at), df)
    return Sides(
        estimate.value, (estimate.value - estimate.low) / at, (estimate.high - estimate.value) / at, df
    )


def _degrees(estimate: Estimate) -> float | None:
    """Of freedom: of the labels where rates rest on these, else those that are told, else of the clusters."""
    if estimate.labelled > 1:
        return float(estimate.labelled - 1)
    if told := _DEGREES.search(estimate.method):
        return float(told[1])
    return float(estimate.clusters - 1) if estimate.clusters is not None and estimate.clusters > 1 else None


def _worth(estimate: Estimate, df: float | None) -> float:
    """Independent observations whose score interval, with t in place of z, is as wide as this one."""
    wide, at = estimate.high - estimate.low, quantile((1 - estimate.level) / 2, df)
    share = min(1.0, max(0.0, estimate.value))
    least, most = 1e-3, float(max(estimate.n, 1))
    for _ in range(_HALVINGS):
        middle = (least + most) / 2
        low, high = wilson_bounds(share, middle, at)
        least, most = (middle, most) if high - low > wide else (least, middle)
    return most
