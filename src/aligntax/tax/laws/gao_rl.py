"""Gold reward of RL: R(d) = d (a - b ln d), d = sqrt(KL).

Often misprinted as a sqrt(KL) - b KL, which is the law of best-of-n (`gao_best_of_n`).
"""

import math
from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from aligntax.records import Estimate, unknown
from aligntax.stats.curves import Curve, Fit, fieller
from aligntax.stats.predictions import Floats
from aligntax.tax.laws.law import Law

__all__ = ["GAO_RL"]


def _basis(kl: Floats, _: float) -> Floats:
    d = np.sqrt(kl)
    return np.column_stack([d, -d * np.log(np.where(d > 0, d, 1.0))])  # d ln d is 0 at d = 0


def _peak(fit: Fit) -> Mapping[str, Estimate]:
    if not fit.parameter(1).low > 0:
        why = unknown("b is not shown to be above 0, so no peak is shown", unit="score", level=fit.level)
        return {"peak d*": why, "peak KL": why, "peak reward": why}
    log_peak = fieller(fit, (1, -1), (0, 1))  # ln d* = a / b - 1
    return {
        "peak d*": _exponential(log_peak, 1),
        "peak KL": replace(_exponential(log_peak, 2), unit="nats"),
        "peak reward": fit.derived(lambda p: float(p[1] * _exp(p[0] / p[1] - 1)) if p[1] > 0 else math.nan),
    }


def _exponential(log_value: Estimate, power: float) -> Estimate:
    value, low, high = (_exp(power * end) for end in (log_value.value, log_value.low, log_value.high))
    return replace(log_value, value=value, low=low, high=high, method="Fieller, exponential")


def _exp(value: float) -> float:
    return math.exp(min(700.0, value))


GAO_RL = Law(
    name="gao-rl",
    form="R = d (a - b ln d), d = sqrt(KL)",
    response="reward",
    variable="KL",
    curve=Curve(_basis, 2),
    parameters={"a": "slope at d = 1, less b", "b": "over-optimisation"},
    source="Gao, Schulman & Hilton, arXiv 2210.10760; peak at d* = exp(a/b - 1), R* = b exp(a/b - 1)",
    derived=_peak,
)
