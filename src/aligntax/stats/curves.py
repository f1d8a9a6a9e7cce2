"""Curves fitted by least squares, with intervals for parameters, for the mean and for a new observation.

Observations may come in clusters, which are independent where the observations are not: the fit is repeated
without each cluster in turn, and every interval rests on how far those fits lie apart (the jackknife over
clusters, CR3). A prediction interval is for a new observation of a new cluster.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize_scalar, nnls

from aligntax.errors import UsageError
from aligntax.records import Estimate, Unit, unknown
from aligntax.stats.predictions import Floats, checked_level
from aligntax.stats.student import student_quantile

__all__ = ["GROUPS", "LEAST_DISTINCT", "Band", "Curve", "Fit", "fieller", "fit_curve", "jackknifed"]

Ints = npt.NDArray[np.int64]
Moments = tuple[Floats, Floats, Floats]

GROUPS = 200
"""Most groups that clusters are dealt to; the fit is repeated once for each."""
LEAST_DISTINCT = 5
"""Fewest distinct values of x that a curve is fitted to."""
_GRID = 81
_FEW = 12
_ALIKE = 0.1
_CONDITION = 1e12


@dataclass(frozen=True)
class Curve:
    """y = sum over k of parameter k times basis k of x, where the bases may bend with one shape.

    Attributes:
        basis: (n,) values of x and the shape -> (n, terms).
        terms: linear parameters, >= 1.
        shape_range: where the shape is looked for; None for a curve without one.
    """

    basis: Callable[[Floats, float], Floats]
    terms: int
    shape_range: tuple[float, float] | None = None

    @property
    def size(self) -> int:
        """Parameters in all, the shape (the last one) included."""
        return self.terms + (self.shape_range is not None)

    def __call__(self, x: Floats, parameters: Floats) -> Floats:
        """The curve at x, (n,), for `parameters`, (size,)."""
        shape = float(parameters[-1]) if self.shape_range else 0.0
        values: Floats = self.basis(x, shape) @ parameters[: self.terms]
        return values


@dataclass(frozen=True)
class Band:
    """A fitted curve at many values of x.

    Attributes:
        x: (m,).
        value: (m,) the curve.
        mean_low: (m,) lower end of the interval of the curve itself.
        mean_high: (m,) upper end.
        low: (m,) lower end of the interval for a new observation of a new cluster.
        high: (m,) upper end.
    """

    x: Floats
    value: Floats
    mean_low: Floats
    mean_high: Floats
    low: Floats
    high: Floats


@dataclass(frozen=True)
class Fit:
    """A curve fitted to observations.

    Attributes:
        curve: what was fitted.
        x: (n,).
        y: (n,).
        groups: (n,) which group each observation belongs to, 0 to `count` - 1.
        clusters: independent clusters; None where observations are taken as independent.
        level: two-sided coverage of every interval.
        parameters: (size,) by least squares.
        replicates: (count, size) the parameters without each group.
    """

    curve: Curve
    x: Floats
    y: Floats
    groups: Ints
    clusters: int | None
    level: float
    parameters: Floats
    replicates: Floats

    @property
    def count(self) -> int:
        """Groups that were left out in turn."""
        return len(self.replicates)

    @cached_property
    def residuals(self) -> Floats:
        """(n,) observed less fitted."""
        return self.y - self.curve(self.x, self.parameters)

    @cached_property
    def left_out(self) -> Floats:
        """(n,) observed less what the fit without the observation's own group predicts."""
        errors = np.empty(len(self.y))
        for group, parameters in enumerate(self.replicates):
            own = self.groups == group
            errors[own] = self.y[own] - self.curve(self.x[own], parameters)
        return errors

    @cached_property
    def covariance(self) -> Floats:
        """(size, size) of the parameters, by the jackknife over groups."""
        apart = self.replicates - self.parameters
        return (self.count - 1) / self.count * (apart.T @ apart)

    @property
    def at_bound(self) -> bool:
        """Whether the shape, or that without some group, ran into an end of where it was looked for."""
        if self.curve.shape_range is None:
            return False
        low, high = self.curve.shape_range
        margin = 1e-3 * (high - low)
        shapes = np.append(self.replicates[:, -1], self.parameters[-1])
        return bool(((shapes < low + margin) | (shapes > high - margin)).any())

    def parameter(self, index: int, *, unit: Unit = "score") -> Estimate:
        """A parameter with its interval."""
        return self.derived(lambda parameters: float(parameters[index]), unit=unit)

    def derived(self, function: Callable[[Floats], float], *, unit: Unit = "score") -> Estimate:
        """Any smooth function of the parameters, with its interval."""
        value = function(self.parameters)
        without = np.array([function(parameters) for parameters in self.replicates])
        return jackknifed(value, without, self, unit=unit)

    def mean(self, x: float, *, unit: Unit = "score") -> Estimate:
        """The curve at x: what observations there come to on average."""
        band = self.band(np.array([x]))
        return self._estimate(band.value, band.mean_low, band.mean_high, unit, "jackknife over {}, t")

    def prediction(self, x: float, *, unit: Unit = "score") -> Estimate:
        """A new observation of a new cluster at x: the curve, and an interval for the observation."""
        band = self.band(np.array([x]))
        return self._estimate(
            band.value, band.low, band.high, unit, "prediction interval, jackknife over {}, t"
        )

    def band(self, x: Floats) -> Band:
        """The curve with both intervals at every x, (m,).

        The variance of an observation is that of its error, which may grow with the curve, and that of the
        curve. Their degrees of freedom are joined by Satterthwaite's rule.
        """
        value = self.curve(x, self.parameters)
        apart = np.array([self.curve(x, parameters) for parameters in self.replicates]) - value
        of_mean = (self.count - 1) / self.count * (apart**2).sum(axis=0)
        of_error = self._error_variances(value)
        total = of_mean + of_error
        degrees = total**2 / (of_error**2 / self._degrees + of_mean**2 / (self.count - 1) + 1e-300)
        within = student_quantile(self.level, self.count - 1) * np.sqrt(of_mean)
        around = np.array([student_quantile(self.level, _whole(d)) for d in degrees]) * np.sqrt(total)
        return Band(x, value, value - within, value + within, value - around, value + around)

    @cached_property
    def _spread(self) -> Floats:
        """(v0, v1) such that an error has the variance v0 + v1 m^2 where the curve is m."""
        means = self.curve(self.x, self.parameters)
        # in expectation the variance, also with few clusters: what CR2 is made of (Bell & McCaffrey 2002)
        squares = np.maximum(self.residuals * self.left_out, 0.0)
        floor = 1e-3 * float(squares.mean()) + 1e-300
        spread = np.array([float(squares.mean()), 0.0])
        for _ in range(3):  # a variance is as noisy as it is large, so large ones count less
            weights = 1 / np.maximum(_variances(spread, means), floor)
            design = np.column_stack([np.ones(len(means)), means**2]) * weights[:, None]
            size = np.maximum(np.abs(design).max(axis=0), 1e-300)
            spread = nnls(design / size, squares * weights)[0] / size
        return spread

    def _error_variances(self, means: Floats) -> Floats:
        """(m,) variance of an error where the curve is `means`; with few groups rather too large."""
        variances = _variances(self._spread, means)
        if self.count < _FEW:
            squares = np.maximum(self.residuals * self.left_out, 0.0)
            variances = np.maximum(variances, float(squares.mean()))
        return variances

    @cached_property
    def _degrees(self) -> float:
        """Degrees of freedom of the errors' variance: observations that resemble each other count less."""
        sizes = np.bincount(self.groups, minlength=self.count)
        variances = self._error_variances(self.curve(self.x, self.parameters))
        z = self.left_out / np.sqrt(np.maximum(variances, 1e-300))
        together = float((np.bincount(self.groups, z) ** 2).sum() - (z**2).sum())
        pairs = float((sizes * (sizes - 1)).sum()) * float((z**2).mean())
        alike = min(1.0, max(0.0, together / pairs)) if pairs else 0.0
        if self.count < _FEW and alike > _ALIKE:  # how alike they are is hardly known from so few
            return float(self.count - 1)
        effective = len(z) ** 2 / float((sizes * (1 + (sizes - 1) * alike**2)).sum())
        return max(1.0, effective - self.curve.size * effective / len(z) - (effective < len(z)))

    def _estimate(self, value: Floats, low: Floats, high: Floats, unit: Unit, method: str) -> Estimate:
        return Estimate(
            value=float(value[0]),
            low=float(low[0]),
            high=float(high[0]),
            level=self.level,
            n=len(self.y),
            clusters=self.clusters,
            unit=unit,
            method=method.format("observations" if self.clusters is None else "clusters"),
        )


def fit_curve(
    curve: Curve,
    x: npt.ArrayLike,
    y: npt.ArrayLike,
    *,
    clusters: Sequence[Any] | None = None,
    level: float = 0.95,
) -> Fit:
    """Fits a curve by least squares, and again without each cluster.

    Args:
        curve: what to fit.
        x: (n,) finite, with at least LEAST_DISTINCT distinct values.
        y: (n,) finite, not all equal.
        clusters: (n,) what each observation belongs to; None where all are independent. A single cluster is
            as good as none: its observations are taken as independent, and intervals are for more of it.
        level: two-sided coverage of intervals, in (0, 1).

    Raises:
        UsageError: too few distinct values, y constant, values that are not finite, or the parameters cannot
            be told once some cluster is left out.

    Source: Golub & Pereyra (1973), SIAM J. Numer. Anal. 10:413 (linear parameters solved for at each shape);
    Bell & McCaffrey (2002), Survey Methodology 28:169 (CR3, the jackknife).
    """
    x, y = np.asarray(x, dtype=float), np.asarray(y, dtype=float)
    _check(x, y)
    level = checked_level(level)
    groups, found = _grouped(len(x), clusters)
    if curve.shape_range is None:
        whole, without = _solved(curve, x, y, groups, 0.0)
    else:
        whole, without = _bent(curve, x, y, groups)
    return Fit(curve, x, y, groups, found, level, whole, without)


def jackknifed(value: float, without: Floats, fit: Fit, *, unit: Unit = "score") -> Estimate:
    """A figure and its values without each group as an estimate: t interval, count - 1 degrees of freedom."""
    half = float("nan")
    if np.isfinite(value) and np.isfinite(without).all():
        error = float(np.sqrt((fit.count - 1) / fit.count * ((without - value) ** 2).sum()))
        half = student_quantile(fit.level, fit.count - 1) * error
    if not np.isfinite(half):
        return unknown("not defined for every part of the data", unit=unit, level=fit.level, n=len(fit.y))
    return Estimate(
        value=value,
        low=value - half,
        high=value + half,
        level=fit.level,
        n=len(fit.y),
        clusters=fit.clusters,
        unit=unit,
        method=f"jackknife over {'observations' if fit.clusters is None else 'clusters'}, t",
    )


def fieller(fit: Fit, top: Sequence[float], bottom: Sequence[float], *, unit: Unit = "score") -> Estimate:
    """A ratio of two sums of parameters, sum(top p) / sum(bottom p), with Fieller's interval.

    Args:
        fit: where the parameters come from.
        top: (size,) weights of the upper sum.
        bottom: (size,) weights of the lower sum.
        unit: of the ratio.

    Returns:
        Estimate; nan where the lower sum cannot be told from 0, since then any ratio fits the data.

    Source: Fieller (1954), JRSS B 16:175.
    """
    above, below = np.asarray(top, dtype=float), np.asarray(bottom, dtype=float)
    t = student_quantile(fit.level, fit.count - 1)
    numerator, denominator = float(above @ fit.parameters), float(below @ fit.parameters)
    squared = denominator**2 - t**2 * float(below @ fit.covariance @ below)
    if squared <= 0:
        return unknown("its divisor cannot be told from 0", unit=unit, level=fit.level, n=len(fit.y))
    middle = numerator * denominator - t**2 * float(above @ fit.covariance @ below)
    constant = numerator**2 - t**2 * float(above @ fit.covariance @ above)
    root = float(np.sqrt(max(0.0, middle**2 - squared * constant)))
    return Estimate(
        value=numerator / denominator,
        low=(middle - root) / squared,
        high=(middle + root) / squared,
        level=fit.level,
        n=len(fit.y),
        clusters=fit.clusters,
        unit=unit,
        method="Fieller",
    )


def _check(x: Floats, y: Floats) -> None:
    if x.ndim != 1 or x.shape != y.shape:
        raise UsageError(f"a curve takes as many y as x, not {y.shape} and {x.shape}")
    if not (np.isfinite(x).all() and np.isfinite(y).all()):
        raise UsageError("a curve is fitted to finite values")
    if (distinct := len(np.unique(x))) < LEAST_DISTINCT:
        raise UsageError(f"{distinct} distinct values, and a curve takes at least {LEAST_DISTINCT}")
    if float(np.ptp(y)) == 0:
        raise UsageError("all values to explain are equal, so there is nothing to explain")


def _grouped(n: int, clusters: Sequence[Any] | None) -> tuple[Ints, int | None]:
    """The group of each observation, and how many clusters there are."""
    if clusters is None:
        return np.arange(n) % GROUPS, None
    codes = {name: code for code, name in enumerate(dict.fromkeys(clusters))}
    if len(codes) < 2:
        return np.arange(n) % GROUPS, None
    return np.array([codes[name] for name in clusters]) % GROUPS, len(codes)


def _moments(curve: Curve, x: Floats, y: Floats, groups: Ints, shape: float) -> Moments:
    """Sums of products of each group, of columns brought to length 1; with y; and the lengths."""
    design = curve.basis(x, shape)
    lengths = np.maximum(np.sqrt((design**2).sum(axis=0)), 1e-300)
    design, count = design / lengths, int(groups.max()) + 1
    squares, products = np.zeros((count, *[design.shape[1]] * 2)), np.zeros((count, design.shape[1]))
    np.add.at(squares, groups, design[:, :, None] * design[:, None, :])
    np.add.at(products, groups, design * y[:, None])
    return squares, products, lengths


def _solved(curve: Curve, x: Floats, y: Floats, groups: Ints, shape: float) -> tuple[Floats, Floats]:
    """The linear parameters: of all, (terms,), and without each group, (count, terms)."""
    squares, products, lengths = _moments(curve, x, y, groups, shape)
    every = np.concatenate([squares.sum(axis=0)[None], squares.sum(axis=0) - squares])
    right = np.concatenate([products.sum(axis=0)[None], products.sum(axis=0) - products])
    if not (np.linalg.cond(every) < _CONDITION).all():
        raise UsageError("the parameters cannot be told apart once one cluster is left out")
    solved: Floats = np.linalg.solve(every, right[..., None])[..., 0] / lengths
    return solved[0], solved[1:]


def _bent(curve: Curve, x: Floats, y: Floats, groups: Ints) -> tuple[Floats, Floats]:
    """The same for a curve with a shape, which comes last."""
    every = np.ones(len(x), dtype=bool)
    kept = [every, *(groups != group for group in range(int(groups.max()) + 1))]
    fitted = np.array([_best_shape(curve, x[rows], y[rows]) for rows in kept])
    return fitted[0], fitted[1:]


def _best_shape(curve: Curve, x: Floats, y: Floats) -> Floats:
    """The parameters at the shape with the least squared error: over a grid, then between its neighbours."""
    assert curve.shape_range is not None

    def fitted(shape: float) -> tuple[float, Floats]:
        design = curve.basis(x, shape)
        parameters = np.linalg.lstsq(design, y, rcond=None)[0]
        return float(((y - design @ parameters) ** 2).sum()), np.append(parameters, shape)

    if len(np.unique(x)) <= curve.size:
        raise UsageError("the parameters cannot be told apart once one cluster is left out")
    grid = np.linspace(*curve.shape_range, _GRID)
    at = int(np.argmin([fitted(shape)[0] for shape in grid]))
    around = float(grid[max(0, at - 1)]), float(grid[min(_GRID - 1, at + 1)])
    found = minimize_scalar(lambda shape: fitted(shape)[0], bounds=around, method="bounded")
    return min((fitted(float(found.x)), fitted(float(grid[at]))), key=lambda pair: pair[0])[1]


def _variances(spread: Floats, means: Floats) -> Floats:
    variances: Floats = spread[0] + spread[1] * means**2
    return variances


def _whole(degrees: float) -> int:
    return int(min(2000, max(1, np.floor(degrees))))
