"""Tax in proportion to KL, and the same with a constant."""

import numpy as np

from aligntax.stats.curves import Curve
from aligntax.tax.laws.law import Law

__all__ = ["KL_LINEAR", "KL_PROPORTIONAL"]

KL_PROPORTIONAL = Law(
    name="kl-proportional",
    form="tax = b KL",
    response="tax",
    variable="KL",
    curve=Curve(lambda kl, _: kl[:, None], 1),
    parameters={"b": "tax per nat"},
    source="first order at the start, where KL and tax are 0",
)
KL_LINEAR = Law(
    name="kl-linear",
    form="tax = a + b KL",
    response="tax",
    variable="KL",
    curve=Curve(lambda kl, _: np.column_stack([np.ones_like(kl), kl]), 2),
    parameters={"a": "tax at KL 0", "b": "tax per nat"},
    source="as above, with the constant that a biased KL or another start leaves",
)
