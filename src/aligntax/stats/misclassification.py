"""A rate corrected by a detector's published error, where there are no labels of one's own.

It stands on an assumption that labels of one's own do not need: that sensitivity and specificity are the
same here as where they were measured. With labels, use `prediction_powered`.
"""

import math

from aligntax.errors import UsageError
from aligntax.records import Estimate, unknown
from aligntax.stats.predictions import checked_level
from aligntax.stats.student import normal_quantile

__all__ = ["LEAST_INFORMATION", "calibration_positives", "rogan_gladen"]

LEAST_INFORMATION = 0.2
"""Least sensitivity + specificity - 1 with which a rate is corrected."""


def rogan_gladen(
    positives: float,
    n: int,
    sensitivity: float,
    sensitivity_n: int,
    specificity: float,
    specificity_n: int,
    *,
    level: float = 0.95,
) -> Estimate:
    """A rate corrected for a detector's error, measured elsewhere.

    Args:
        positives: items the detector flagged, 0 <= positives <= n.
        n: items it looked at.
        sensitivity: share of true positives it flags, in [0, 1].
        sensitivity_n: true positives behind that figure, >= 1.
        specificity: share of true negatives it does not flag, in [0, 1].
        specificity_n: true negatives behind that figure, >= 1.
        level: two-sided coverage, in (0, 1).

    Returns:
        Estimate in [0, 1], unit "rate". nan without items, or when sensitivity + specificity - 1 is
        below 0.2: the correction divides by it, and a detector that weak corrects nothing.

    Raises:
        UsageError: an argument outside its range.

    Source: Rogan & Gladen (1978), American Journal of Epidemiology 107:71; interval of Lee et al.,
    arXiv 2511.21140.
    """
    _check(positives, n, (sensitivity, specificity), (sensitivity_n, specificity_n))
    level = checked_level(level)
    information = sensitivity + specificity - 1
    if n == 0:
        return unknown("no observations", unit="rate", level=level)
    if information < LEAST_INFORMATION - 1e-12:
        reason = f"sensitivity + specificity - 1 is {information:.2f}, below {LEAST_INFORMATION:g}"
        return unknown(f"{reason}: the detector is too weak to correct for", unit="rate", level=level, n=n)
    value = min(1.0, max(0.0, (positives / n + specificity - 1) / information))
    low, high = _lee(
        positives, n, sensitivity, sensitivity_n, specificity, specificity_n, normal_quantile(level)
    )
    return Estimate(
        value=value,
        low=min(value, max(0.0, low)),
        high=max(value, min(1.0, high)),
        level=level,
        n=n,
        unit="rate",
        method="Rogan-Gladen, published detector error",
    )


def calibration_positives(labels: int, rate: float, sensitivity: float, specificity: float) -> int:
    """How many of the labels that calibrate a detector should go to true positives; the rest to negatives.

    Args:
        labels: to spend on measuring sensitivity and specificity, >= 2.
        rate: share the detector is expected to flag, in (0, 1).
        sensitivity: expected, in [0, 1).
        specificity: expected, in [0, 1].

    Returns:
        m1 in [1, labels - 1], which makes the variance of the corrected rate least.

    Raises:
        UsageError: an argument outside its range.

    Source: Lee et al., arXiv 2511.21140: m1 = m / (1 + (1 / p - 1) sqrt(kappa)),
    kappa = (1 - specificity) / (1 - sensitivity).
    """
    if labels < 2:
        raise UsageError(
            f"{labels} labels cannot measure both sensitivity and specificity", hint="give 2 or more"
        )
    if not (0 < rate < 1 and 0 <= sensitivity < 1 and 0 <= specificity <= 1):
        raise UsageError(
            f"rate {rate:g}, sensitivity {sensitivity:g}, specificity {specificity:g}: outside their range",
            hint="a rate of 0 or 1 and a sensitivity of 1 leave nothing to calibrate",
        )
    ratio = math.sqrt((1 - specificity) / (1 - sensitivity))
    return min(labels - 1, max(1, round(labels / (1 + (1 / rate - 1) * ratio))))


def _lee(
    positives: float, n: int, sensitivity: float, m1: int, specificity: float, m0: int, z: float
) -> tuple[float, float]:
    """Both ends, unclipped: plug-in after plus-one and plus-two smoothing, centre shifted by dtheta."""
    p, n_smooth = (positives + z * z / 2) / (n + z * z), n + z * z
    q1, m1_smooth = (m1 * sensitivity + 1) / (m1 + 2), m1 + 2
    q0, m0_smooth = (m0 * specificity + 1) / (m0 + 2), m0 + 2
    information = q0 + q1 - 1
    if information <= 0:  # a handful of calibration items smoothed to a coin
        return 0.0, 1.0
    theta = min(1.0, max(0.0, (p + q0 - 1) / information))
    from_negatives, from_positives = q0 * (1 - q0) / m0_smooth, q1 * (1 - q1) / m1_smooth
    shift = 2 * z * z * (theta * from_positives - (1 - theta) * from_negatives)
    variance = p * (1 - p) / n_smooth + (1 - theta) ** 2 * from_negatives + theta**2 * from_positives
    half = z * math.sqrt(variance) / information
    return theta + shift - half, theta + shift + half


def _check(positives: float, n: int, rates: tuple[float, float], counts: tuple[int, int]) -> None:
    if not 0 <= positives <= n:
        raise UsageError(f"{positives:g} positives among {n:,} items")
    if not all(0 <= rate <= 1 for rate in rates):
        raise UsageError(f"sensitivity {rates[0]:g} and specificity {rates[1]:g} must lie between 0 and 1")
    if min(counts) < 1:
        raise UsageError(
            "sensitivity and specificity need the number of items they were measured on",
            hint="give the true positives and true negatives of the published table",
        )
