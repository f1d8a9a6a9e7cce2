"""A rate from labels on items drawn with unequal probabilities, with predictions on every item or without.

One pair of pseudo-labels, (label, prediction) = (1, 0) and (0, 1), is added for the interval as in
`prediction_powered`, at the weight sum(w^2) / sum(w) of the draws that chance decided, w = 1 / probability:
an error that was not seen hides where few labels stand for many items. What `finite` means is told in
`stratified`. The t quantile has Kish's effective number of labels less one for degrees of freedom. The
weight of the pair is ours; its coverage stands in benchmarks/statistics.

Draws are taken as independent: clusters are out of scope, and a sample by strata does better with
`stratified`.
"""

import math

import numpy as np
import numpy.typing as npt

from aligntax.errors import UsageError
from aligntax.records import Estimate, unknown
from aligntax.stats.predictions import (
    Floats,
    Predictions,
    as_pairs,
    binomial_variance,
    bounded_rate,
    checked_level,
    t_quantile,
)

__all__ = ["weighted_mean", "weighted_prediction_powered_mean"]


def weighted_mean(
    labels: npt.ArrayLike,
    inclusion: npt.ArrayLike,
    size: int,
    *,
    level: float = 0.95,
    finite: bool = False,
) -> Estimate:
    """A rate from labels alone, on items drawn with known, unequal probabilities (Hájek's ratio).

    Args:
        labels: (n,) in [0, 1].
        inclusion: (n,) probability with which each labelled item entered the sample, in (0, 1].
        size: items in the population.
        level: two-sided coverage, in (0, 1).
        finite: whether to speak of these items only (see `stratified`).

    Returns:
        Estimate in [0, 1], unit "rate"; nan with fewer than two labels.

    Raises:
        UsageError: values outside their range.

    Source: Hájek (1971), in Foundations of Statistical Inference, p. 236; variance by linearisation,
    Särndal, Swensson & Wretman (1992), section 5.7, as for independent draws.
    """
    labels, probabilities = as_pairs(labels, inclusion, "inclusion probabilities")
    nothing = np.zeros(len(labels))
    return _weighted(
        labels, nothing, probabilities, Predictions(size, 0.0, 0.0), level, finite, powered=False
    )


def weighted_prediction_powered_mean(
    labels: npt.ArrayLike,
    predictions: npt.ArrayLike,
    inclusion: npt.ArrayLike,
    population: Predictions,
    *,
    level: float = 0.95,
    finite: bool = False,
) -> Estimate:
    """A rate from labels on items drawn with known, unequal probabilities and predictions on every item.

    Args:
        labels: (n,) in [0, 1].
        predictions: (n,) in [0, 1], for the same items.
        inclusion: (n,) probability with which each labelled item entered the sample, in (0, 1].
        population: statistics of the predictions on all items, the labelled included.
        level: two-sided coverage, in (0, 1).
        finite: whether to speak of these items only (see `stratified`).

    Returns:
        Estimate in [0, 1], unit "rate"; nan with fewer than two labels. For a sample by strata
        `stratified_prediction_powered_mean` is narrower: draws are taken as independent here.

    Raises:
        UsageError: values outside their range.

    Source: Zrnic & Candès, arXiv 2403.03208 (active inference), in Hájek's form.
    """
    labels, predictions = as_pairs(labels, predictions)
    labels, probabilities = as_pairs(labels, inclusion, "inclusion probabilities")
    return _weighted(labels, predictions, probabilities, population, level, finite, powered=True)


def _weighted(
    labels: Floats,
    predictions: Floats,
    inclusion: Floats,
    population: Predictions,
    level: float,
    finite: bool,
    *,
    powered: bool,
) -> Estimate:
    n, level = len(labels), checked_level(level)
    if not inclusion.all():
        raise UsageError("an item in the sample cannot have had the inclusion probability 0")
    if n > population.count:
        raise UsageError(f"{n:,} labels are more than the population of {population.count:,} items")
    if n < 2:
        return unknown(_too_few(n), unit="rate", level=level, n=population.count)
    value, _ = _hajek(labels, predictions, inclusion, population, powered=powered)
    centre, variance, effective = value, 0.0, math.inf
    loose = 1 / inclusion - 1  # 0 for items that were sure to be labelled, which add no variance
    if loose.any():
        chance = float(loose.sum() / (loose / inclusion).sum())
        effective = float(loose.sum()) ** 2 / float(loose @ loose)
        more = (np.append(labels, (1.0, 0.0)), np.append(predictions, (0.0, 1.0)))
        centre, variance = _hajek(*more, np.append(inclusion, (chance, chance)), population, powered=powered)
    if not finite:
        variance += binomial_variance(centre) / population.count
    half = t_quantile(level, effective - 1) * math.sqrt(variance)
    return bounded_rate(
        value,
        (centre - half, centre + half),
        level=level,
        n=population.count if powered else n,
        labelled=n,
        method=f"weighted {'PPI++' if powered else 'labels'} (Hájek), smoothed, t",
    )


def _hajek(
    labels: Floats, predictions: Floats, inclusion: Floats, population: Predictions, *, powered: bool
) -> tuple[float, float]:
    """Value of Hájek's difference estimator and its variance over samples, population given."""
    weight = 1 / inclusion
    loose, whole = weight**2 * (1 - inclusion), float(weight.sum())
    label, prediction = float(weight @ labels) / whole, float(weight @ predictions) / whole
    dy, df = labels - label, predictions - prediction
    seen = float(loose @ (df * df))
    tuned = min(1.0, max(0.0, float(loose @ (dy * df)) / seen)) if powered and seen > 1e-12 else 0.0
    value = label + tuned * (population.mean - prediction)
    effective = whole**2 / float(weight @ weight)
    squares = float(loose @ (dy - tuned * df) ** 2)
    return value, squares / whole**2 * effective / max(effective - 1, 1e-9)


def _too_few(n: int) -> str:
    return "no labels" if n == 0 else "a single label does not tell how much labels vary"
