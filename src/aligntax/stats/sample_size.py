"""How many observations a question needs, and what a given number of them can answer.

These are figures for planning, from assumed rates: whole numbers and differences, not estimates.
"""

import math
from collections.abc import Callable

from aligntax.errors import UsageError
from aligntax.stats.intervals import wilson_bounds
from aligntax.stats.predictions import checked_level, t_quantile
from aligntax.stats.student import normal_quantile

__all__ = [
    "BACKGROUND",
    "detectable_difference",
    "labels_for_half_width",
    "paired_detectable_difference",
    "paired_sample_size",
    "powered_half_width",
    "powered_labels_for_half_width",
    "two_sample_size",
    "wilson_half_width",
    "zero_failure_bound",
    "zero_failure_size",
]

BACKGROUND = 0.01
"""Share of items that change the other way, in paired designs, unless told otherwise."""

_MOST = 10**9


def two_sample_size(rate: float, other: float, *, level: float = 0.95, power: float = 0.8) -> int:
    """Items needed in each of two independent samples to see that two rates differ.

    Args:
        rate: first true rate, in [0, 1].
        other: second true rate, in [0, 1], not the same.
        level: 1 - two-sided error of the first kind, in (0, 1).
        power: probability of seeing it, in (0, 1).

    Raises:
        UsageError: an argument outside its range, or rates that are the same.

    Source: Fleiss, Levin & Paik (2003), Statistical Methods for Rates and Proportions, eq. (4.14).
    """
    _check_rates(rate, other)
    if rate == other:
        raise UsageError(
            f"no number of items tells {rate:g} from {other:g}", hint="give a change that is not 0"
        )
    return _whole(_two_sample(rate, other, *_quantiles(level, power)))


def paired_sample_size(
    difference: float, *, background: float = BACKGROUND, level: float = 0.95, power: float = 0.8
) -> int:
    """Items needed, each seen under both conditions, to see that two rates differ (McNemar's test).

    Args:
        difference: of the true rates, in absolute value, in (0, 1].
        background: share of items that change against the difference, in [0, 1]; the share that
            changes at all is difference + 2 * background.
        level: 1 - two-sided error of the first kind, in (0, 1).
        power: probability of seeing it, in (0, 1).

    Raises:
        UsageError: an argument outside its range.

    Source: Connor (1987), Biometrics 43:207.
    """
    _check_rates(difference, background)
    changing = difference + 2 * background
    if difference == 0 or changing > 1:
        raise UsageError(
            f"a difference of {difference:g} with {background:g} changing the other way is not possible",
            hint="the difference must be above 0, and difference + 2 * background at most 1",
        )
    return _whole(_paired(difference, background, *_quantiles(level, power)))


def detectable_difference(
    n: int, rate: float, *, level: float = 0.95, power: float = 0.8
) -> tuple[float, float]:
    """What two independent samples of `n` items each can see: the smallest fall and the smallest rise.

    Args:
        n: items in each sample, >= 1.
        rate: true rate of the first, in [0, 1].
        level: 1 - two-sided error of the first kind, in (0, 1).
        power: probability of seeing it, in (0, 1).

    Returns:
        (fall, rise) from `rate`, positive shares; nan for a direction in which even 0 or 1 would not
        be seen.

    Raises:
        UsageError: an argument outside its range.

    Source: the inverse of `two_sample_size`.
    """
    _check_rates(rate)
    _check_count(n)
    z = _quantiles(level, power)
    return (
        _smallest(lambda d: _two_sample(rate, rate - d, *z) <= n, rate),
        _smallest(lambda d: _two_sample(rate, rate + d, *z) <= n, 1 - rate),
    )


def paired_detectable_difference(
    n: int, *, background: float = BACKGROUND, level: float = 0.95, power: float = 0.8
) -> float:
    """The smallest difference that `n` items seen under both conditions can show.

    Args:
        n: items, >= 1.
        background: see `paired_sample_size`; below 0.5.
        level: 1 - two-sided error of the first kind, in (0, 1).
        power: probability of seeing it, in (0, 1).

    Returns:
        The difference as a positive share; nan when no difference could be seen.

    Raises:
        UsageError: an argument outside its range.

    Source: the inverse of `paired_sample_size`.
    """
    _check_rates(background, 2 * background)
    _check_count(n)
    z = _quantiles(level, power)
    return _smallest(lambda d: _paired(d, background, *z) <= n, 1 - 2 * background)


def wilson_half_width(rate: float, n: int, *, level: float = 0.95) -> float:
    """Half the width of the interval that `n` labels with this rate among them give (Wilson).

    Raises:
        UsageError: a rate outside [0, 1], or n < 1.
    """
    _check_rates(rate)
    _check_count(n)
    low, high = wilson_bounds(rate, n, normal_quantile(checked_level(level)))
    return (high - low) / 2


def powered_half_width(
    rate: float,
    n: int,
    sensitivity: float,
    specificity: float,
    *,
    population: int | None = None,
    level: float = 0.95,
) -> float:
    """Half the width to expect of `prediction_powered_mean` with `n` labels.

    Args:
        rate: true rate, in [0, 1].
        n: labels, >= 2.
        sensitivity: of the detector that predicts, in [0, 1].
        specificity: of the same, in [0, 1].
        population: unlabelled items it predicts, >= 1; None for so many that their number is no matter.
        level: two-sided coverage, in (0, 1).

    Returns:
        The half-width as a share, before the interval is cut off at 0 and 1.

    Raises:
        UsageError: an argument outside its range.

    Source: the formulas of `prediction_powered_mean` at the moments to expect, pseudo-labels included.
    """
    _check_rates(rate, sensitivity, specificity)
    _check_count(n, 2)
    _check_count(1 if population is None else population)
    flagged = rate * sensitivity + (1 - rate) * (1 - specificity)
    spread, whole, unseen = flagged * (1 - flagged), n + 2, 0.0 if population is None else 1 / population
    label, prediction = (n * rate + 1) / whole, (n * flagged + 1) / whole
    both = n * rate * sensitivity / whole
    bessel = whole / (whole - 1)
    covariance = (both - label * prediction) * bessel
    weight = covariance / ((1 + whole * unseen) * spread) if spread > 0 else 0.0
    weight = min(1.0, max(0.0, weight))
    squares = label * (1 - label) + weight**2 * prediction * (1 - prediction)
    residual = squares * bessel - 2 * weight * covariance
    variance = weight**2 * spread * unseen + residual / whole
    return t_quantile(checked_level(level), n - 1) * math.sqrt(max(0.0, variance))


def labels_for_half_width(rate: float, half_width: float, *, level: float = 0.95) -> int:
    """Labels after which a rate's own interval (Wilson) is as narrow as asked.

    Args:
        rate: expected, in [0, 1].
        half_width: half the width of the interval, as a share, in (0, 0.5].
        level: two-sided coverage, in (0, 1).

    Raises:
        UsageError: an argument outside its range, or more than 1e9 labels.
    """
    _check_half_width(half_width)
    return _fewest(lambda n: wilson_half_width(rate, n, level=level) <= half_width, 1)


def powered_labels_for_half_width(
    rate: float,
    half_width: float,
    sensitivity: float,
    specificity: float,
    *,
    population: int | None = None,
    level: float = 0.95,
) -> int:
    """Labels after which a prediction-powered interval is as narrow as asked.

    Args and Raises as `powered_half_width` and `labels_for_half_width`.
    """
    _check_half_width(half_width)

    def narrow(n: int) -> bool:
        width = powered_half_width(rate, n, sensitivity, specificity, population=population, level=level)
        return width <= half_width

    return _fewest(narrow, 2)


def zero_failure_size(ceiling: float, *, level: float = 0.95) -> int:
    """Trials that must pass without one failure to show that the rate of failure is below `ceiling`.

    Args:
        ceiling: in (0, 1).
        level: one-sided confidence, in (0, 1).

    Raises:
        UsageError: an argument outside its range.

    Source: Hanley & Lippman-Hand (1983), JAMA 249:1743, exactly.
    """
    if not 0 < ceiling < 1:
        raise UsageError(f"a ceiling lies between 0 and 1, not {ceiling:g}")
    return max(1, math.ceil(math.log1p(-checked_level(level)) / math.log1p(-ceiling) - 1e-9))


def zero_failure_bound(n: int, *, level: float = 0.95) -> float:
    """The one-sided upper bound of a rate of failure after `n` trials, >= 1, without one.

    Raises:
        UsageError: n < 1, or a level outside (0, 1).

    Source: Clopper & Pearson (1934), Biometrika 26:404, with no event.
    """
    _check_count(n)
    return -math.expm1(math.log1p(-checked_level(level)) / n)


def _quantiles(level: float, power: float) -> tuple[float, float]:
    if not 0 < power < 1:
        raise UsageError(f"a power lies between 0 and 1, not {power:g}", hint="0.8 is the usual one")
    return normal_quantile(checked_level(level)), normal_quantile(2 * power - 1)


def _two_sample(rate: float, other: float, z: float, z_power: float) -> float:
    mean = (rate + other) / 2
    pooled, apart = 2 * mean * (1 - mean), rate * (1 - rate) + other * (1 - other)
    root = z * math.sqrt(max(0.0, pooled)) + z_power * math.sqrt(max(0.0, apart))
    return root**2 / (rate - other) ** 2 if rate != other else math.inf


def _paired(difference: float, background: float, z: float, z_power: float) -> float:
    changing = difference + 2 * background
    root = z * math.sqrt(changing) + z_power * math.sqrt(max(0.0, changing - difference**2))
    return root**2 / difference**2 if difference else math.inf


def _whole(items: float) -> int:
    """The nearest whole number, at least 1: the approximation is coarser than one item."""
    return max(1, round(items))


def _smallest(enough: Callable[[float], bool], most: float) -> float:
    """The least d in (0, most] with `enough(d)`, which holds from there on; nan when there is none."""
    if most <= 0 or not enough(most):
        return math.nan
    low, high = 0.0, most
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (low, middle) if enough(middle) else (middle, high)
    return high


def _fewest(enough: Callable[[int], bool], least: int) -> int:
    high = least
    while not enough(high):
        high *= 2
        if high > _MOST:
            raise UsageError("more than a billion labels would be needed", hint="ask for a wider interval")
    low = max(least, high // 2)
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if enough(middle) else (middle + 1, high)
    return high


def _check_rates(*rates: float) -> None:
    for rate in rates:
        if not 0 <= rate <= 1:
            raise UsageError(f"a rate lies between 0 and 1, not {rate:g}", hint="8 % is 0.08")


def _check_half_width(half_width: float) -> None:
    if not 0 < half_width <= 0.5:
        raise UsageError(f"half a width lies between 0 and 0.5, not {half_width:g}", hint="3 points are 0.03")


def _check_count(n: int, least: int = 1) -> None:
    if n < least:
        raise UsageError(f"{n:,} items are too few to plan with", hint=f"give at least {least}")
