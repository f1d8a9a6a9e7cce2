"""A mean at a value of something else that moves with it: the intercept of a line through clusters."""

import math

import numpy as np
import numpy.typing as npt

from aligntax.errors import UsageError
from aligntax.records import Estimate, Unit, unknown
from aligntax.stats.cluster_totals import as_numbers
from aligntax.stats.predictions import Floats, checked_level
from aligntax.stats.student import student_quantile

__all__ = ["mean_at_zero"]

_LEAST = 8
"""Clusters a line is laid through."""


def mean_at_zero(
    values: npt.ArrayLike,
    covariate: npt.ArrayLike,
    *,
    clusters: npt.ArrayLike | None = None,
    unit: Unit = "difference",
    level: float = 0.95,
    limit: float = math.inf,
) -> Estimate:
    """What the mean would be of items whose covariate is 0, by least squares.

    Args:
        values: (n,) scores.
        covariate: (n,) what they may hang on, 0 where it makes no difference: a log ratio of lengths.
        clusters: (n,) what makes items depend on each other; None stands alone, and without a list each does.
        unit: of the values.
        level: two-sided coverage, in (0, 1).
        limit: largest size a mean can have; the ends are cut there.

    Returns:
        Estimate in `unit`; nan with fewer than eight clusters. Where the covariate does not vary there is no
        line, and it is nan unless all of it is 0.

    Raises:
        UsageError: values that are not finite, lists of different lengths.

    Source: Bell & McCaffrey (2002), Survey Methodology 28:169 (CR3, the jackknife over clusters).
    """
    level = checked_level(level)
    y, x = as_numbers("values", values), as_numbers("covariates", covariate)
    if len(x) != len(y):
        raise UsageError(f"{len(y):,} values and {len(x):,} covariates", hint="give both for each item")
    codes = _codes(clusters, len(y))
    groups = int(codes.max(initial=-1)) + 1
    if groups < _LEAST:
        return unknown(f"fewer than {_LEAST} clusters", unit=unit, level=level, n=len(y))
    if float(np.ptp(x)) < 1e-9 and abs(float(x[0])) > 1e-9:
        return unknown("the covariate is the same for all", unit=unit, level=level, n=len(y))
    value, left_out = _intercepts(y, x, codes, groups)
    moved = left_out[np.isfinite(left_out)] - value
    error = math.sqrt(float(moved @ moved) * (groups - 1) / groups)
    half = student_quantile(level, groups - 2) * error
    return Estimate(
        value=value,
        low=max(-limit, value - half),
        high=min(limit, value + half),
        level=level,
        n=len(y),
        clusters=None if clusters is None else groups,
        unit=unit,
        method="regression at 0, jackknife over clusters",
    )


def _intercepts(y: Floats, x: Floats, codes: npt.NDArray[np.int64], groups: int) -> tuple[float, Floats]:
    """The intercept of all items, and (groups,) of all but those of one cluster."""
    parts = (np.ones(len(y)), x, y, x * x, x * y)
    sums = [_added(codes, part, groups) for part in parts]
    whole: list[Floats] = [np.full(1, one.sum()) for one in sums]
    without: list[Floats] = [np.asarray(one.sum() - one, dtype=np.float64) for one in sums]
    return float(_line(*whole)[0]), _line(*without)


def _added(codes: npt.NDArray[np.int64], values: Floats, groups: int) -> Floats:
    return np.bincount(codes, weights=values, minlength=groups).astype(np.float64)


def _line(n: Floats, x: Floats, y: Floats, xx: Floats, xy: Floats) -> Floats:
    """Intercept of the least-squares line from sums; the mean where the covariate does not vary."""
    spread = n * xx - x * x
    flat = spread <= 1e-9 * np.maximum(n * xx, 1e-300)
    with np.errstate(divide="ignore", invalid="ignore"):
        slope = np.where(flat, 0.0, (n * xy - x * y) / np.where(flat, 1.0, spread))
        found: Floats = (y - slope * x) / n
    return found


def _codes(clusters: npt.ArrayLike | None, n: int) -> npt.NDArray[np.int64]:
    if clusters is None:
        return np.arange(n)
    names = list(clusters) if isinstance(clusters, list | tuple) else np.asarray(clusters).tolist()
    if len(names) != n:
        raise UsageError(f"{n:,} items but {len(names):,} clusters", hint="give a cluster for each item")
    seen: dict[object, int] = {}
    keys = [(at,) if name is None else ("", name) for at, name in enumerate(names)]
    return np.array([seen.setdefault(key, len(seen)) for key in keys], dtype=np.int64)
