"""The exact interval of a proportion, for claims that must not be missed, such as a safety ceiling.

In a module of its own, since it takes scipy, which an audit does not need.
"""

from scipy.special import betaincinv

from aligntax.records import Estimate, unknown

__all__ = ["clopper_pearson"]


def clopper_pearson(successes: int, n: int, *, level: float = 0.95) -> Estimate:
    """Exact interval for a proportion: covers at least `level`, whatever the truth.

    Args:
        successes: events seen, 0 <= successes <= n.
        n: trials; with n = 0 the estimate is nan and says so.
        level: two-sided coverage, in (0, 1).

    Returns:
        Estimate in [0, 1], unit "rate".

    Source: Clopper & Pearson (1934), Biometrika 26:404.
    """
    if n == 0:
        return unknown("no observations", unit="rate", level=level)
    tail = (1 - level) / 2
    low = float(betaincinv(successes, n - successes + 1, tail)) if successes else 0.0
    high = float(betaincinv(successes + 1, n - successes, 1 - tail)) if successes < n else 1.0
    return Estimate(
        value=successes / n, low=low, high=high, level=level, n=n, unit="rate", method="Clopper-Pearson"
    )
