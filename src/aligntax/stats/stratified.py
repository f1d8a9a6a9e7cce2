"""A rate from labels drawn at random within strata, with predictions on every item or without.

A sample without a single error says nothing of how rare errors are, so one pair of pseudo-labels,
(label, prediction) = (1, 0) and (0, 1), is added as in `prediction_powered`, placed where the sample is
thinnest for what it must stand for: spread over strata in proportion to share^2 / labels, none in strata
that are labelled completely. With one stratum that is nearly the interval of `prediction_powered`. The
placement is ours; its coverage stands in benchmarks/statistics. The t quantile has Welch and
Satterthwaite's degrees of freedom.

Unless `finite`, an estimate speaks of the process that made the population, as the intervals of plain
rates do, and the variance of a population of that size is added. With `finite` it speaks of these very
items: a stratum that is labelled completely adds no variance.

Labels are taken as independent within strata: clusters are out of scope here.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from aligntax.errors import UsageError
from aligntax.records import Estimate, unknown
from aligntax.stats.predictions import (
    Floats,
    Predictions,
    as_pairs,
    as_shares,
    binomial_variance,
    bounded_rate,
    checked_level,
    t_quantile,
)

__all__ = ["stratified_mean", "stratified_prediction_powered_mean"]

Integers = npt.NDArray[np.int64]

_OWN_WEIGHT = 20
"""Labels from which on a stratum tunes a weight of its own; smaller strata share one."""

_FEW = 3
"""Labels from which on a stratum's variance is estimated; below it is bounded."""


def stratified_mean(
    labels: npt.ArrayLike,
    strata: npt.ArrayLike,
    sizes: Sequence[int],
    *,
    level: float = 0.95,
    finite: bool = False,
) -> Estimate:
    """A rate from labels alone, drawn at random within strata.

    Args:
        labels: (n,) in [0, 1].
        strata: (n,) index of each label's stratum, 0 <= index < K.
        sizes: (K,) items of each stratum in the population, the labelled ones included.
        level: two-sided coverage, in (0, 1).
        finite: whether to speak of these items only (see the module).

    Returns:
        Estimate in [0, 1], unit "rate"; nan with fewer than two labels. A stratum without a label takes
        the mean of the others as its value and opens the interval by all of its share.

    Raises:
        UsageError: values outside their range, or more labels in a stratum than it has items.

    Source: Cochran (1977), Sampling Techniques, section 5.4; pseudo-labels after Price & Bonett (2004),
    Computational Statistics & Data Analysis 45:449.
    """
    labels = as_shares("labels", labels)
    population = [Predictions(size, 0.0, 0.0) for size in sizes]
    return _stratified(labels, np.zeros(len(labels)), strata, population, level, finite, powered=False)


def stratified_prediction_powered_mean(
    labels: npt.ArrayLike,
    predictions: npt.ArrayLike,
    strata: npt.ArrayLike,
    population: Sequence[Predictions],
    *,
    level: float = 0.95,
    finite: bool = False,
) -> Estimate:
    """A rate from labels drawn at random within strata and predictions on every item.

    Every stratum is estimated by PPI++ and weighted by its share of the population. A stratum with 20
    labels or more tunes its own weight of the predictions; the others share one.

    Args:
        labels: (n,) in [0, 1].
        predictions: (n,) in [0, 1], for the same items.
        strata: (n,) index of each label's stratum, 0 <= index < K.
        population: (K,) statistics of the predictions on all items of each stratum, labelled included.
        level: two-sided coverage, in (0, 1).
        finite: whether to speak of these items only (see the module).

    Returns:
        Estimate in [0, 1], unit "rate"; nan with fewer than two labels. A stratum without a label takes
        its mean prediction as its value and opens the interval by all of its share.

    Raises:
        UsageError: values outside their range, or more labels in a stratum than it has items.

    Source: Fisch et al., arXiv 2406.04291 (stratified PPI); Satterthwaite (1946), Biometrics Bulletin 2:110.
    """
    labels, predictions = as_pairs(labels, predictions)
    return _stratified(labels, predictions, strata, population, level, finite, powered=True)


@dataclass(frozen=True, slots=True)
class _Moments:
    """Moments of labels y and predictions f within strata, each (K,): weights, means, centred sums."""

    weight: Floats
    label: Floats
    prediction: Floats
    labels: Floats
    predictions: Floats
    both: Floats

    @property
    def degrees(self) -> Floats:
        """Weight less one; infinite where no variance can be seen."""
        return np.where(self.weight > 1, self.weight - 1, np.inf).astype(np.float64)

    def residual(self, tuned: Floats) -> Floats:
        """Unbiased variance of y - tuned * f in each stratum; 0 where it cannot be seen."""
        squares = self.labels - 2 * tuned * self.both + tuned**2 * self.predictions
        return np.maximum(0.0, squares) / self.degrees


class _Strata:
    """A population by strata and how many labels each got; all arrays (K,)."""

    def __init__(self, population: Sequence[Predictions], codes: Integers, *, powered: bool) -> None:
        self.powered = powered
        self.size = np.array([p.count for p in population], dtype=float)
        self.mean = np.array([p.mean for p in population])
        self.spread = np.array([p.variance for p in population])
        self.taken = np.bincount(codes, minlength=len(population)).astype(float)
        _check_sizes(self.size, self.taken)
        self.seen = self.taken > 0
        self.share = self.size / max(1.0, float(self.size.sum()))
        self.loose = np.where(self.seen, 1 - _over(self.taken, self.size), 0.0)
        self.leverage = _over(self.share**2 * self.loose, self.taken)

    @property
    def blank(self) -> float:
        """Share of the population in strata without a label."""
        return float(self.share[~self.seen].sum())

    def estimate(self, moments: _Moments) -> tuple[Floats, Floats]:
        """Value of each stratum and the variance it adds to the rate of the population."""
        tuned = self._tuned(moments) if self.powered else np.zeros(len(self.share))
        values = moments.label + tuned * (self.mean - moments.prediction)
        variance = _over(moments.residual(tuned), moments.weight)
        # one or two labels tell no variance; 1/4 is the largest a rate can have
        variance = np.where(self.taken < _FEW, _over(np.full(len(values), 0.25), self.taken), variance)
        return values, self.share**2 * self.loose * variance

    def degrees(self, variances: Floats) -> float:
        """Welch and Satterthwaite's degrees of freedom; a bound on a variance has no end of them."""
        estimated = self.taken >= _FEW
        against = float((variances[estimated] ** 2 / (self.taken[estimated] - 1)).sum())
        return float(variances.sum()) ** 2 / against if against > 0 else math.inf

    def _tuned(self, moments: _Moments) -> Floats:
        """The weight of the predictions, in [0, 1]: a stratum's own, or shared where labels are few."""
        covariance = moments.both / moments.degrees
        telling = (moments.weight > 1) & (self.spread > 0)
        needed = float((self.leverage * self.spread)[telling].sum())
        shared = float((self.leverage * covariance)[telling].sum()) / needed if needed > 0 else 0.0
        own = _over(covariance, self.spread)
        tuned = np.where(self.taken >= _OWN_WEIGHT, own, np.where(self.spread > 0, shared, 0.0))
        return np.clip(tuned, 0.0, 1.0)


def _over(numerator: Floats, denominator: Floats) -> Floats:
    """Quotients, 0 where the denominator is 0."""
    return np.divide(numerator, denominator, out=np.zeros(len(numerator)), where=denominator > 0)


def _moments(strata: Integers, labels: Floats, predictions: Floats, weight: Floats, count: int) -> _Moments:
    def total(values: Floats) -> Floats:
        return np.bincount(strata, weight * values, count).astype(np.float64)

    weights = total(np.ones(len(labels)))
    label, prediction = _over(total(labels), weights), _over(total(predictions), weights)
    dy, df = labels - label[strata], predictions - prediction[strata]
    return _Moments(weights, label, prediction, total(dy * dy), total(df * df), total(dy * df))


def _smoothed(strata: _Strata, codes: Integers, labels: Floats, predictions: Floats) -> _Moments:
    """Moments with one pair of pseudo-labels more, spread over strata in proportion to leverage."""
    total, count = float(strata.leverage.sum()), len(strata.share)
    pair = strata.leverage / total if total > 0 else np.zeros(count)  # all labelled: nothing is left to see
    everywhere, ones, zeros = np.arange(count), np.ones(count), np.zeros(count)
    return _moments(
        np.concatenate([codes, everywhere, everywhere]),
        np.concatenate([labels, ones, zeros]),
        np.concatenate([predictions, zeros, ones]),
        np.concatenate([np.ones(len(labels)), pair, pair]),
        count,
    )


def _stratified(
    labels: Floats,
    predictions: Floats,
    codes: npt.ArrayLike,
    population: Sequence[Predictions],
    level: float,
    finite: bool,
    *,
    powered: bool,
) -> Estimate:
    codes, level, n = _codes(codes, len(labels), len(population)), checked_level(level), len(labels)
    strata = _Strata(population, codes, powered=powered)
    count = int(strata.size.sum())
    if n < 2:
        return unknown(_too_few(n), unit="rate", level=level, n=count)
    values, _ = strata.estimate(_moments(codes, labels, predictions, np.ones(n), len(population)))
    centres, variances = strata.estimate(_smoothed(strata, codes, labels, predictions))
    known, seen, blank = strata.share * values, strata.seen, strata.blank
    value = float(known[seen].sum())
    value += float((strata.share * strata.mean)[~seen].sum()) if powered else blank * value / (1 - blank)
    centre, variance = float((strata.share * centres)[seen].sum()), float(variances.sum())
    if not finite:
        variance += binomial_variance(centre / (1 - blank)) / count
    half = t_quantile(level, strata.degrees(variances)) * math.sqrt(variance)
    method = "stratified PPI++, smoothed, t" if powered else "stratified labels, smoothed, t"
    return bounded_rate(
        value,
        (centre - half, centre + half + blank),
        level=level,
        n=count if powered else n,
        labelled=n,
        method=method + (f", {blank:.1%} without a label" if blank else ""),
    )


def _codes(strata: npt.ArrayLike, n: int, count: int) -> Integers:
    codes = np.asarray(strata)
    if codes.shape != (n,) or (n and codes.dtype.kind not in "iub"):
        raise UsageError(f"strata must be {n:,} whole numbers, one for each label")
    codes = codes.astype(np.int64)
    if n and (codes.min() < 0 or codes.max() >= count):
        raise UsageError(f"strata must lie between 0 and {count - 1}, the strata of the population")
    return codes


def _too_few(n: int) -> str:
    return "no labels" if n == 0 else "a single label does not tell how much labels vary"


def _check_sizes(size: Floats, taken: Floats) -> None:
    if (size < 0).any():
        raise UsageError("a stratum cannot hold fewer than 0 items")
    if (taken > size).any():
        at = int(np.argmax(taken > size))
        raise UsageError(
            f"stratum {at} has {taken[at]:,.0f} labels but only {size[at]:,.0f} items",
            hint="sizes count all items of the population, the labelled ones included",
        )
