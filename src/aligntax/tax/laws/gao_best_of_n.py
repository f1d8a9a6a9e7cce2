"""Gold reward of best-of-n sampling: R(d) = d (a - b d), d = sqrt(KL)."""

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from aligntax.errors import UsageError
from aligntax.records import Estimate, unknown
from aligntax.stats.curves import Curve, Fit, fieller
from aligntax.stats.predictions import Floats
from aligntax.tax.laws.law import Law

__all__ = ["GAO_BEST_OF_N", "best_of_n_kl_bound"]


def best_of_n_kl_bound(n: npt.ArrayLike) -> Floats:
    """The most KL, in nats, that picking the best of n samples can put between the policy and its start.

    Args:
        n: (m,) samples drawn for each prompt, >= 1.

    Returns:
        (m,) ln n - (n - 1) / n: the KL itself if no two samples tie, an upper bound otherwise.

    Raises:
        UsageError: n below 1 or not finite.

    Source: Beirami et al., arXiv 2401.01879.
    """
    samples = np.asarray(n, dtype=float)
    if not (np.isfinite(samples).all() and (samples >= 1).all()):
        raise UsageError("best-of-n takes n of 1 or more")
    bound: Floats = np.log(samples) - (samples - 1) / samples
    return bound


def _peak(fit: Fit) -> Mapping[str, Estimate]:
    a, b = (fit.parameter(index) for index in range(2))
    if not (a.low > 0 and b.low > 0):
        why = unknown(
            "a and b are not both shown to be above 0, so no peak is shown", unit="score", level=fit.level
        )
        return {"peak d*": why, "peak KL": why, "peak reward": why}
    at = fieller(fit, (1, 0), (0, 2))
    nats = Estimate(
        value=at.value**2,
        low=at.low**2,
        high=at.high**2,
        level=at.level,
        n=at.n,
        clusters=at.clusters,
        unit="nats",
        method="Fieller, squared",
    )
    return {
        "peak d*": at,
        "peak KL": nats,
        "peak reward": fit.derived(lambda p: float(p[0] ** 2 / (4 * p[1]))),
    }


GAO_BEST_OF_N = Law(
    name="gao-best-of-n",
    form="R = d (a - b d), d = sqrt(KL)",
    response="reward",
    variable="KL",
    curve=Curve(lambda kl, _: np.column_stack([np.sqrt(kl), -kl]), 2),
    parameters={"a": "slope at the start", "b": "over-optimisation"},
    source="Gao, Schulman & Hilton, arXiv 2210.10760; peak at d* = a / 2b, R* = a^2 / 4b",
    derived=_peak,
)
