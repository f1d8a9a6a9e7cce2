"""Tax in proportion to the distance d = sqrt(KL)."""

import numpy as np

from aligntax.stats.curves import Curve
from aligntax.tax.laws.law import Law

__all__ = ["KL_ROOT"]

KL_ROOT = Law(
    name="kl-root",
    form="tax = b sqrt(KL)",
    response="tax",
    variable="KL",
    curve=Curve(lambda kl, _: np.sqrt(kl)[:, None], 1),
    parameters={"b": "tax per square root of a nat"},
    source="Pinsker: no expectation of a score in [0, 1] can change by more than sqrt(KL / 2)",
)
