"""What safety cost: the mean tax of several benchmarks, and tax by safety gained."""

import math
from collections.abc import Sequence

import numpy as np

from aligntax.records import Estimate, unknown
from aligntax.stats.predictions import Floats
from aligntax.tax.pairs.verdicts import excludes_zero
from aligntax.tax.stages.draws import Drawn, percentiles
from aligntax.tax.stages.scores import StageScores

__all__ = ["Taxed", "exchange_rate", "mean_tax"]

Taxed = tuple[StageScores, float]
"""Scores of a benchmark, and what a guess scores on it."""


def mean_tax(taxes: Sequence[Estimate], *, level: float) -> Estimate:
    """The mean of taxes of different benchmarks, each counting the same.

    Args:
        taxes: of one step, unit "share", from different items and so independent; those that are not known
            are left out.
        level: coverage, that of the taxes.

    Returns:
        Estimate, unit "share", n the items of all; nan where no tax is known.

    Source: Zou & Donner (2008), Statistics in Medicine 27:1693, equation 6 (the ends of a sum from those of
    its parts).
    """
    known = [tax for tax in taxes if tax.known]
    if not known:
        reason = taxes[0].reason if taxes else "no scores"
        return unknown(reason, unit="share", level=level)
    if len(known) == 1:
        return known[0]
    value = sum(tax.value for tax in known) / len(known)
    below = math.sqrt(sum((tax.value - tax.low) ** 2 for tax in known)) / len(known)
    above = math.sqrt(sum((tax.high - tax.value) ** 2 for tax in known)) / len(known)
    return Estimate(
        value=value,
        low=value - below,
        high=value + above,
        level=level,
        n=sum(tax.n for tax in known),
        unit="share",
        method="mean of independent benchmarks, MOVER",
    )


def exchange_rate(
    taxed: Sequence[Taxed], harm: Drawn, gain: Estimate, before: int, after: int, *, level: float
) -> Estimate:
    """Mean tax by safety gain: shares of capability lost for the whole of the harm taken away.

    Args:
        taxed: benchmarks with items, scores and what a guess scores.
        harm: share complied with of every stage, drawn again; from other prompts than the scores.
        gain: safety gain of the same step.
        before: number of the stage before.
        after: of the stage after.
        level: coverage.

    Returns:
        Estimate, unit "share"; nan where the interval of the gain includes 0, since anything by nothing is
        anything.
    """
    n = harm.n + sum(scores.drawn.n for scores, _ in taxed if scores.drawn is not None)
    if not gain.known:
        return unknown(f"no safety gain: {gain.reason}", unit="share", level=level, n=n)
    if not excludes_zero(gain):
        return unknown("the safety gain is not told from 0", unit="share", level=level, n=n)
    taxes = [
        _tax(scores.drawn, chance, before, after) for scores, chance in taxed if scores.drawn is not None
    ]
    if not taxes:
        return unknown("no capability tax from items", unit="share", level=level, n=n)
    with np.errstate(divide="ignore", invalid="ignore"):
        gains = 1 - _every(harm)[:, after] / _every(harm)[:, before]
        ratios = np.mean(taxes, axis=0) / gains
    # a gain that changes its sign makes a replicate that tells nothing
    ratios = np.where(np.sign(gains) == np.sign(gain.value), ratios, np.nan)
    value = float(ratios[0])
    return percentiles(value, ratios[1:], unit="share", level=level, n=n, reason="no capability tax")


def _tax(drawn: Drawn, chance: float, before: int, after: int) -> Floats:
    """(1 + replicates,) tax as measured, then as drawn."""
    above = _every(drawn) - chance
    with np.errstate(divide="ignore", invalid="ignore"):
        tax: Floats = 1 - above[:, after] / above[:, before]
    return tax


def _every(drawn: Drawn) -> Floats:
    return np.concatenate([drawn.measured[None, :], drawn.replicates])
