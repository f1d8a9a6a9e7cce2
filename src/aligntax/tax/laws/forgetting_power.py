"""Forgetting as a power of training steps or tokens: tax = E + A N^alpha.

Written around the geometric mean M of the observed N, since E, A and alpha can hardly be told apart when
alpha is small: tax = e + s ((N / M)^alpha - 1) / alpha, where e is the tax at M, s its rise per unit of ln N
there, and alpha bends it: above 0 without end, below 0 towards a plateau, at 0 a logarithm. It follows that
A N^alpha = (s / alpha) (N / M)^alpha and E = e - s / alpha.
"""

from collections.abc import Mapping

import numpy as np

from aligntax.records import Estimate, unknown
from aligntax.stats.curves import Curve, Fit
from aligntax.stats.predictions import Floats
from aligntax.tax.laws.law import Law

__all__ = ["forgetting_power"]

_ALPHA = (-3.0, 3.0)


def forgetting_power(middle: float) -> Law:
    """The law around N = `middle` > 0, the geometric mean of the observed N.

    Source: Kalajdzievski, arXiv 2401.05605 (a shifted power law in steps); Bethune et al., arXiv 2502.06042
    (in tokens).
    """

    def basis(n: Floats, alpha: float) -> Floats:
        logs = np.log(n / middle)
        bent = logs if abs(alpha) < 1e-6 else np.expm1(alpha * logs) / alpha
        return np.column_stack([np.ones_like(n), bent])

    return Law(
        name="forgetting-power",
        form="tax = E + A N^alpha",
        response="tax",
        variable="N",
        curve=Curve(basis, 2, _ALPHA),
        parameters={
            "e": f"tax at N = {middle:.4g}",
            "s": "its rise per unit of ln N there",
            "alpha": "exponent",
        },
        source="Kalajdzievski, arXiv 2401.05605; Bethune et al., arXiv 2502.06042",
        derived=_plain,
    )


def _plain(fit: Fit) -> Mapping[str, Estimate]:
    """E, by the name of what it is: where the tax starts (alpha > 0) or ends (alpha < 0)."""
    alpha, rise = fit.parameter(2), fit.parameter(1)
    if rise.low <= 0 <= rise.high:
        return {"E": _cannot_tell(fit, "no rise or fall is shown, so alpha and E mean nothing")}
    if fit.at_bound:
        return {
            "E": _cannot_tell(fit, "alpha ran into the end of -3 to 3: the data do not tell the exponent")
        }
    if alpha.low <= 0 <= alpha.high:
        return {"E": _cannot_tell(fit, "alpha cannot be told from 0, a logarithm, which has no E")}
    name = "E (tax at N = 0)" if alpha.value > 0 else "E (plateau)"
    return {name: fit.derived(lambda p: float(p[0] - p[1] / p[2]) if p[2] else float("nan"))}


def _cannot_tell(fit: Fit, why: str) -> Estimate:
    return unknown(f"cannot tell: {why}", unit="score", level=fit.level, n=len(fit.y))
