"""Tax as a quadratic of KL."""

import numpy as np

from aligntax.stats.curves import Curve
from aligntax.tax.laws.law import Law

__all__ = ["KL_QUADRATIC"]

KL_QUADRATIC = Law(
    name="kl-quadratic",
    form="tax = b KL + c KL^2",
    response="tax",
    variable="KL",
    curve=Curve(lambda kl, _: np.column_stack([kl, kl**2]), 2),
    parameters={"b": "tax per nat at KL 0", "c": "how fast that grows, per nat"},
    source="RL's Razor, arXiv 2509.04259: forgetting is about quadratic in KL (forward, on the new task)",
)
