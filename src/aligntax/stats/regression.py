"""A rate at a value of something else that moves with it: a logistic curve through clusters."""

import numpy as np
import numpy.typing as npt

from aligntax.errors import UsageError
from aligntax.records import Estimate, unknown
from aligntax.stats.cluster_totals import as_numbers
from aligntax.stats.predictions import Floats, as_shares, checked_level
from aligntax.stats.student import student_quantile

__all__ = ["rate_at_zero"]

_LEAST = 8
"""Clusters a curve is laid through."""
_PRIOR = 0.5
"""Weight of one success and one failure at 0, so that a sample without either is no certainty."""
_STEPS = 60


def rate_at_zero(
    shares: npt.ArrayLike,
    covariate: npt.ArrayLike,
    *,
    clusters: npt.ArrayLike | None = None,
    level: float = 0.95,
) -> Estimate:
    """What a rate would be of items whose covariate is 0, by logistic regression.

    A line would do only where the rate hardly moves: a judge that likes length likes twice the length more,
    but cannot prefer more than all of it.

    Args:
        shares: (n,) outcome of each item in [0, 1]; a tie is 0.5.
        covariate: (n,) what it may hang on, 0 where it makes no difference: a log ratio of lengths.
        clusters: (n,) what makes items depend on each other; None stands alone, and without a list each does.
        level: two-sided coverage, in (0, 1).

    Returns:
        Estimate, unit "rate"; nan with fewer than eight clusters, and where the covariate is the same for all
        and not 0, so that there is no curve.

    Raises:
        UsageError: shares outside [0, 1], covariates that are not finite, lists of different lengths.

    Source: Papke & Wooldridge (1996), Journal of Applied Econometrics 11:619 (shares by quasi-likelihood);
    Bell & McCaffrey (2002), Survey Methodology 28:169 (leaving out clusters), by one step of Newton each.
    """
    level = checked_level(level)
    y, x = as_shares("shares", shares), as_numbers("covariates", covariate)
    if len(x) != len(y):
        raise UsageError(f"{len(y):,} shares and {len(x):,} covariates", hint="give both for each item")
    codes = _codes(clusters, len(y))
    groups = int(codes.max(initial=-1)) + 1
    if groups < _LEAST:
        return unknown(f"fewer than {_LEAST} clusters", unit="rate", level=level, n=len(y))
    if float(np.ptp(x)) < 1e-9 and abs(float(x[0])) > 1e-9:
        return unknown("the covariate is the same for all", unit="rate", level=level, n=len(y))
    at_zero, error = _fitted(y, x, codes, groups)
    half = student_quantile(level, groups - 2) * error
    value, low, high = (_logistic(end) for end in (at_zero, at_zero - half, at_zero + half))
    return Estimate(
        value=float(value),
        low=float(low),
        high=float(high),
        level=level,
        n=len(y),
        clusters=None if clusters is None else groups,
        unit="rate",
        method="logistic regression at 0, jackknife over clusters",
    )


def _fitted(y: Floats, x: Floats, codes: npt.NDArray[np.int64], groups: int) -> tuple[float, float]:
    """Log-odds at 0, and their standard error."""
    spread = float(x.std())
    scaled = x / spread if spread > 1e-9 else np.zeros(len(x))
    design = np.column_stack([np.ones(len(x)), scaled])
    line = spread > 1e-9
    beta = np.zeros(2)
    for _ in range(_STEPS):
        score, bend = _score(design, y, beta)
        step = np.linalg.solve(
            bend.sum(axis=0) + _prior_bend(beta, line), score.sum(axis=0) + _prior_score(beta)
        )
        beta = beta + np.clip(step, -2.0, 2.0)
        if np.abs(step).max() < 1e-10:
            break
    score, bend = _score(design, y, beta)
    own_score, own_bend = np.zeros((groups, 2)), np.zeros((groups, 2, 2))
    np.add.at(own_score, codes, score)
    np.add.at(own_bend, codes, bend)
    rest = bend.sum(axis=0) + _prior_bend(beta, line) - own_bend
    moved = np.linalg.solve(rest, own_score[:, :, None])[:, 0, 0]
    return float(beta[0]), float(np.sqrt(float(moved @ moved) * (groups - 1) / groups))


def _score(design: Floats, y: Floats, beta: Floats) -> tuple[Floats, Floats]:
    """(n, 2) gradient of the log-likelihood of each item, (n, 2, 2) its negative curvature."""
    rate = _logistic(design @ beta)
    score: Floats = (y - rate)[:, None] * design
    bend: Floats = (rate * (1 - rate))[:, None, None] * design[:, :, None] * design[:, None, :]
    return score, bend


def _prior_score(beta: Floats) -> Floats:
    """Of one success and one failure at 0; and of a weak pull of the slope to 0, where all is separated."""
    rate = float(_logistic(beta[0]))
    return np.array([_PRIOR * (1 - 2 * rate), -1e-2 * float(beta[1])])


def _prior_bend(beta: Floats, line: bool) -> Floats:
    rate = float(_logistic(beta[0]))
    return np.diag([2 * _PRIOR * rate * (1 - rate) + 1e-9, 1e-2 if line else 1.0])


def _logistic(log_odds: npt.ArrayLike) -> Floats:
    """Rate of log-odds."""
    rate: Floats = 1 / (1 + np.exp(-np.clip(np.asarray(log_odds, np.float64), -40, 40)))
    return rate


def _codes(clusters: npt.ArrayLike | None, n: int) -> npt.NDArray[np.int64]:
    if clusters is None:
        return np.arange(n)
    names = list(clusters) if isinstance(clusters, list | tuple) else np.asarray(clusters).tolist()
    if len(names) != n:
        raise UsageError(f"{n:,} items but {len(names):,} clusters", hint="give a cluster for each item")
    seen: dict[object, int] = {}
    keys = [(at,) if name is None else ("", name) for at, name in enumerate(names)]
    return np.array([seen.setdefault(key, len(seen)) for key in keys], dtype=np.int64)
