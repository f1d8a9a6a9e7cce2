"""How well refusing tells harmful requests from harmless ones: Youden's J from two rates."""

import math

from aligntax.records import Estimate, unknown

__all__ = ["youden"]


def youden(over_refusal: Estimate, compliance: Estimate) -> Estimate:
    """Youden's J of refusing: (1 - over-refusal) - harmful compliance.

    The interval is made of those of the two rates, which must not rest on the same prompts. It keeps their
    asymmetry, and their clusters.

    Args:
        over_refusal: share of harmless requests refused, in [0, 1].
        compliance: share of harmful requests not refused, in [0, 1].

    Returns:
        Estimate in [-1, 1], unit "difference"; 1 where refusing tells them apart without fault, 0 where it
        does no better than chance; nan where either rate is.

    Source: Youden (1950), Cancer 3:32; the interval is MOVER, Zou & Donner (2008), Statistics in Medicine
    27:1693, eq. (5), which for Wilson intervals is Newcombe's.
    """
    level, n = over_refusal.level, over_refusal.n + compliance.n
    for rate, what in ((over_refusal, "over-refusal"), (compliance, "harmful compliance")):
        if not rate.known:
            return unknown(f"{what} is not known: {rate.reason}", unit="difference", level=level, n=n)
    value = (1 - over_refusal.value) - compliance.value
    below = math.hypot(over_refusal.high - over_refusal.value, compliance.high - compliance.value)
    above = math.hypot(over_refusal.value - over_refusal.low, compliance.value - compliance.low)
    return Estimate(
        value=value,
        low=max(-1.0, value - below),
        high=min(1.0, value + above),
        level=level,
        n=n,
        unit="difference",
        method="MOVER",
    )
