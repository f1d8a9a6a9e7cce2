"""How well a fitted curve holds: on its own data, on clusters not seen, and beyond a part of its range."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from aligntax.errors import UsageError
from aligntax.records import Estimate, unknown
from aligntax.stats.curves import Curve, Fit, fit_curve
from aligntax.stats.predictions import Floats
from aligntax.stats.student import student_quantile

__all__ = ["HeldOut", "akaike", "held_out", "left_out_r_squared", "r_squared", "saved_error"]


@dataclass(frozen=True)
class HeldOut:
    """What a curve fitted to the lower part of x says of the rest.

    Attributes:
        below: the largest x fitted to.
        fitted: observations fitted to.
        predicted: observations above.
        inside: how many of those lie inside their prediction interval.
        miss: mean of observed less predicted there, with an interval over clusters.
    """

    below: float
    fitted: int
    predicted: int
    inside: int
    miss: Estimate


def r_squared(fit: Fit) -> Estimate:
    """1 - squared residuals / squared distances from the mean: the share explained, of the data fitted to.

    Returns:
        Estimate <= 1; negative where the curve does worse than the mean, which one without a constant may.
        The interval is a t interval on log(1 - R^2), by the jackknife over clusters.
    """
    value = _unexplained(fit, fit.parameters, np.ones(len(fit.y), dtype=bool))
    without = [_unexplained(fit, own, fit.groups != g) for g, own in enumerate(fit.replicates)]
    if value <= 0:
        return _explained(fit, -math.inf, 0.0, "exact fit")
    ratios = np.array(without)
    if not (np.isfinite(ratios).all() and (ratios > 0).all()):
        return unknown("not defined without some cluster", unit="share", level=fit.level, n=len(fit.y))
    error = math.sqrt((fit.count - 1) / fit.count * float((np.log(ratios / value) ** 2).sum()))
    return _explained(fit, math.log(value), error, "jackknife, t, log scale")


def left_out_r_squared(fit: Fit) -> Estimate:
    """R^2 of clusters the fit has not seen: each is predicted from the others, by curve and by mean.

    Returns:
        Estimate <= 1; 0 or less where the curve predicts a new cluster no better than the mean does.
    """
    return saved_error(fit, _left_out_by_mean(fit))


def saved_error(fit: Fit, other_errors: Floats) -> Estimate:
    """1 - squared left-out errors / those of another predictor of the same observations.

    Args:
        fit: whose errors are judged.
        other_errors: (n,) left-out errors of the other.

    Returns:
        Estimate <= 1, positive where the fit does better; a t interval on the logarithm of the ratio,
        clusters being what is independent.
    """
    own = np.bincount(fit.groups, fit.left_out**2, fit.count)
    others = np.bincount(fit.groups, other_errors**2, fit.count)
    if others.sum() <= 0:
        return unknown("the other makes no error", unit="share", level=fit.level, n=len(fit.y))
    ratio = own.sum() / others.sum()
    if ratio <= 0:
        return _explained(fit, -math.inf, 0.0, "exact fit")
    scatter = own / own.sum() - others / others.sum()
    error = math.sqrt(fit.count / (fit.count - 1) * float((scatter**2).sum()))
    return _explained(fit, math.log(ratio), error, "left out by cluster, t, log scale")


def akaike(fit: Fit) -> float:
    """AICc, lower is better; of use between curves fitted to the same observations only.

    It takes observations as independent, so with clusters it is too sure. nan with too few observations.

    Source: Hurvich & Tsai (1989), Biometrika 76:297.
    """
    n, k = len(fit.y), fit.curve.size + 1
    squares = float((fit.residuals**2).sum())
    if n <= k + 1 or squares <= 0:
        return math.nan
    return n * math.log(squares / n) + 2 * k + 2 * k * (k + 1) / (n - k - 1)


def held_out(
    curve: Curve,
    x: Floats,
    y: Floats,
    *,
    clusters: Sequence[Any] | None = None,
    level: float = 0.95,
    share: float = 2 / 3,
) -> HeldOut | None:
    """Fits the lower `share` of x and predicts the rest; None where either part is too small.

    Args:
        curve: what to fit.
        x: (n,).
        y: (n,).
        clusters: (n,) or None, as in `fit_curve`.
        level: of the intervals.
        share: in (0, 1), of the observations.
    """
    cut = float(np.quantile(x, share))
    lower = x <= cut
    lower_names, upper_names = _parted(clusters, lower)
    if (~lower).sum() < 3:
        return None
    try:
        fit = fit_curve(curve, x[lower], y[lower], clusters=lower_names, level=level)
    except UsageError:
        return None
    band = fit.band(x[~lower])
    beyond = y[~lower]
    inside = int(((band.low <= beyond) & (beyond <= band.high)).sum())
    miss = _mean(beyond - band.value, upper_names, level)
    return HeldOut(float(x[lower].max()), int(lower.sum()), len(beyond), inside, miss)


def _parted(
    clusters: Sequence[Any] | None, lower: npt.NDArray[np.bool_]
) -> tuple[Sequence[Any] | None, Sequence[Any] | None]:
    if clusters is None:
        return None, None
    named = list(zip(clusters, lower.tolist(), strict=True))
    return [name for name, own in named if own], [name for name, own in named if not own]


def _mean(values: Floats, clusters: Sequence[Any] | None, level: float) -> Estimate:
    """A mean of values of any sign, with a t interval over clusters (CR3)."""
    names = list(range(len(values))) if clusters is None else list(clusters)
    codes = {name: code for code, name in enumerate(dict.fromkeys(names))}
    groups = np.array([codes[name] for name in names])
    if len(codes) < 2:
        return unknown("a single cluster says nothing about others", unit="score", level=level, n=len(values))
    mean = float(values.mean())
    share = np.bincount(groups) / len(values)
    apart = np.bincount(groups, values - mean) / len(values) / (1 - share)
    half = student_quantile(level, len(codes) - 1) * math.sqrt(float((apart**2).sum()))
    return Estimate(
        value=mean,
        low=mean - half,
        high=mean + half,
        level=level,
        n=len(values),
        clusters=None if clusters is None else len(codes),
        unit="score",
        method="t on clusters, jackknife",
    )


def _unexplained(fit: Fit, parameters: Floats, rows: npt.NDArray[np.bool_]) -> float:
    x, y = fit.x[rows], fit.y[rows]
    around = float(((y - y.mean()) ** 2).sum())
    return float(((y - fit.curve(x, parameters)) ** 2).sum()) / around if around > 0 else math.nan


def _left_out_by_mean(fit: Fit) -> Floats:
    sums, counts = np.bincount(fit.groups, fit.y), np.bincount(fit.groups)
    means = (sums.sum() - sums) / (counts.sum() - counts)
    errors: Floats = fit.y - means[fit.groups]
    return errors


def _explained(fit: Fit, log_ratio: float, error: float, method: str) -> Estimate:
    half = student_quantile(fit.level, fit.count - 1) * error
    return Estimate(
        value=1 - math.exp(log_ratio),
        low=1 - math.exp(min(700.0, log_ratio + half)),
        high=1 - math.exp(log_ratio - half),
        level=fit.level,
        n=len(fit.y),
        clusters=fit.clusters,
        unit="share",
        method=method,
    )
