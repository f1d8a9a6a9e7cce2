"""A rate from few labels and many predictions, when the labelled items are a simple random sample.

Labels are taken as independent. Where they come in clusters (several labelled exchanges of one user),
the intervals here are too short; sampling at most one item a cluster keeps them honest. Samples planned
with strata or with unequal probabilities: see `stratified` and `weighted`.
"""

import math

import numpy as np
import numpy.typing as npt

from aligntax.records import Estimate, unknown
from aligntax.stats.intervals import wilson_bounds
from aligntax.stats.predictions import (
    Floats,
    Predictions,
    as_pairs,
    as_shares,
    bounded_rate,
    checked_level,
    t_quantile,
)
from aligntax.stats.student import normal_quantile

__all__ = [
    "ADVISED_LABELS",
    "LEAST_LABELS",
    "cautions",
    "helps",
    "labelled_mean",
    "prediction_powered_mean",
    "textbook_prediction_powered_mean",
]

LEAST_LABELS = 50
"""Fewer labels than this are pointed out in `cautions`."""

ADVISED_LABELS = 100
"""Labels to ask for."""


def labelled_mean(labels: npt.ArrayLike, *, level: float = 0.95) -> Estimate:
    """A rate from labels alone, of a simple random sample: Wilson's interval.

    Args:
        labels: (n,) in [0, 1]: 1 where the item has the property.
        level: two-sided coverage, in (0, 1).

    Returns:
        Estimate in [0, 1], unit "rate"; nan without labels.

    Raises:
        UsageError: labels outside [0, 1] or not finite.

    Source: Wilson (1927), JASA 22:209.
    """
    labels, level = as_shares("labels", labels), checked_level(level)
    n = len(labels)
    if n == 0:
        return unknown("no labels", unit="rate", level=level)
    value = float(labels.mean())
    low, high = wilson_bounds(value, n, normal_quantile(level))
    return Estimate(
        value=value,
        low=low,
        high=high,
        level=level,
        n=n,
        labelled=n,
        unit="rate",
        method="labels, Wilson score",
    )


def prediction_powered_mean(
    labels: npt.ArrayLike,
    predictions: npt.ArrayLike,
    unlabelled: npt.ArrayLike | Predictions,
    *,
    level: float = 0.95,
) -> Estimate:
    """A rate from labels on a few items and predictions on many: PPI++ with a smoothed interval.

    The value is that of PPI++: weight * mean(unlabelled) + mean(labels - weight * predictions), the
    weight chosen to make the variance least and kept in [0, 1], so that useless predictions are left
    out. The interval takes two pseudo-labels more, (label, prediction) = (1, 0) and (0, 1), in weight,
    centre and variance, and the t quantile with n - 1 degrees of freedom. The pseudo-labels are ours:
    without them coverage falls to 0.4 where the property is rare (benchmarks/statistics).

    Args:
        labels: (n,) in [0, 1], of items drawn at random from the same population as the unlabelled.
        predictions: (n,) in [0, 1], for the same items in the same order; 0/1 or scores.
        unlabelled: (N,) predictions for the *other* items, or their statistics; for those of a whole
            population, `Predictions.of(everything).without(predictions)`.
        level: two-sided coverage, in (0, 1).

    Returns:
        Estimate in [0, 1], unit "rate", 0 <= low <= value <= high <= 1; nan with fewer than two labels.
        Without unlabelled items it is `labelled_mean`. See `cautions` for when not to use it.

    Raises:
        UsageError: values outside [0, 1] or not finite, or arrays that differ in length.

    Source: Angelopoulos, Duchi & Zrnic, arXiv 2311.01453 (PPI++), example 6.1 and section 6; the
    pseudo-labels after Agresti & Coull (1998), American Statistician 52:119.
    """
    labels, predictions = as_pairs(labels, predictions)
    rest = unlabelled if isinstance(unlabelled, Predictions) else Predictions.of(unlabelled)
    n, level = len(labels), checked_level(level)
    if n < 2:
        return unknown(_too_few(n), unit="rate", level=level, n=n + rest.count)
    if rest.count == 0:
        return labelled_mean(labels, level=level)
    value, _, _ = _power(labels, predictions, rest)
    smooth_labels, smooth_predictions = np.append(labels, (1.0, 0.0)), np.append(predictions, (0.0, 1.0))
    centre, error, _ = _power(smooth_labels, smooth_predictions, rest)
    half = t_quantile(level, n - 1) * error
    return bounded_rate(
        value,
        (centre - half, centre + half),
        level=level,
        n=n + rest.count,
        labelled=n,
        method="PPI++, smoothed, t",
    )


def textbook_prediction_powered_mean(
    labels: npt.ArrayLike,
    predictions: npt.ArrayLike,
    unlabelled: npt.ArrayLike | Predictions,
    *,
    weight: float | None = None,
    level: float = 0.95,
) -> Estimate:
    """PPI (`weight` = 1) and PPI++ (None) as published, with the normal quantile; to compare with.

    Do not report it: with rare properties or few labels it covers far less than it says. Takes and
    raises what `prediction_powered_mean` does; its interval may leave [0, 1].

    Source: Angelopoulos et al. (2023), Science 382:669 (PPI); arXiv 2311.01453 (PPI++).
    """
    labels, predictions = as_pairs(labels, predictions)
    rest = unlabelled if isinstance(unlabelled, Predictions) else Predictions.of(unlabelled)
    n, level = len(labels), checked_level(level)
    if n < 2 or rest.count == 0:
        return unknown(_too_few(n) if n < 2 else "no predictions", unit="rate", level=level, n=n + rest.count)
    value, error, used = _power(labels, predictions, rest, weight)
    half = normal_quantile(level) * error
    return Estimate(
        value=value,
        low=value - half,
        high=value + half,
        level=level,
        n=n + rest.count,
        labelled=n,
        unit="rate",
        method=f"textbook PPI, weight {used:.4g}",
    )


def helps(powered: Estimate, alone: Estimate) -> bool:
    """Whether predictions made the interval narrower than labels alone do."""
    return powered.known and alone.known and powered.high - powered.low < alone.high - alone.low


def cautions(
    labels: npt.ArrayLike, predictions: npt.ArrayLike, powered: Estimate, alone: Estimate
) -> tuple[str, ...]:
    """What a reader of a prediction-powered estimate must be told, most serious first; empty if nothing.

    Args:
        labels: (n,) in [0, 1].
        predictions: (n,) in [0, 1], for the same items.
        powered: the estimate with predictions.
        alone: the estimate from the labels alone, of the same design.

    Raises:
        UsageError: values outside [0, 1] or not finite, or arrays that differ in length.
    """
    labels, predictions = as_pairs(labels, predictions)
    n = len(labels)
    if n < 2:
        return (_too_few(n),)
    one_class, constant = bool(np.ptp(labels) == 0), bool(np.ptp(predictions) == 0)
    said = (
        (one_class, f"all {n} labels agree, so they cannot tell how good the predictions are"),
        (constant and not one_class, "the predictions of all labelled items are the same"),
        (
            not helps(powered, alone),
            "predictions do not make the interval narrower: read the one from labels alone",
        ),
        (n < LEAST_LABELS, f"{n} labels: {LEAST_LABELS} are the least, {ADVISED_LABELS} the advice"),
    )
    return tuple(text for holds, text in said if holds)


def _power(
    labels: Floats, predictions: Floats, rest: Predictions, weight: float | None = None
) -> tuple[float, float, float]:
    """Value, standard error and weight of PPI++, by its formulas; nothing clipped but the weight."""
    n = len(labels)
    if weight is None:
        weight = _tuned_weight(labels, predictions, rest)
    residuals = labels - weight * predictions
    value = weight * rest.mean + float(residuals.mean())
    variance = weight**2 * rest.variance / rest.count + float(residuals.var(ddof=1)) / n
    return value, math.sqrt(variance), weight


def _tuned_weight(labels: Floats, predictions: Floats, rest: Predictions) -> float:
    """The weight that makes the variance least, in [0, 1]; variance over all predictions at hand."""
    n, whole = len(labels), len(labels) + rest.count
    mean = float(predictions.mean())
    centred = predictions - mean
    between = n * rest.count / whole * (mean - rest.mean) ** 2
    squares = float(centred @ centred) + max(0, rest.count - 1) * rest.variance + between
    if squares <= 1e-12 * whole:
        return 0.0
    covariance = float((labels - labels.mean()) @ centred) / (n - 1)
    return min(1.0, max(0.0, covariance / ((1 + n / rest.count) * squares / (whole - 1))))


def _too_few(n: int) -> str:
    return "no labels" if n == 0 else "a single label does not tell how good the predictions are"
