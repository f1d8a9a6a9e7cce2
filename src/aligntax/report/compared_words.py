"""What a comparison comes to, in words that say no more than the interval."""

import math

from aligntax.records import Estimate
from aligntax.tax.pairs.differences import Difference
from aligntax.tax.pairs.verdicts import Finding, excludes_zero

__all__ = [
    "RATES",
    "amount",
    "length_sentence",
    "margin_text",
    "points_text",
    "quality_sentence",
    "ratio_text",
    "sentence",
    "signed",
]

RATES = {
    "completion_tax": "refused or hedged",
    "refused": "refused",
    "hedged": "hedged",
    "complied": "complied",
}
"""Rate -> what it is, in words."""
_WORDS = {"score": {"worse": "worse", "better": "better"}, "rate": {"worse": "more", "better": "less"}}


def sentence(difference: Difference, finding: Finding, *, kind: str = "score") -> str:
    """A difference in one plain sentence.

    Args:
        difference: B less A.
        finding: what it may be called.
        kind: "score", or "rate" for the share of answers that refuse, hedge or comply.
    """
    gap = difference.difference
    if not gap.known:
        return f"cannot tell: {gap.reason}"
    if finding in ("worse", "better"):
        ends = sorted((abs(gap.low), abs(gap.high)))
        size = f"{amount(gap.value, gap)} ({_bare(ends[0], gap)} to {_bare(ends[1], gap)})"
        return f"{_WORDS[kind][finding]} by {size}{_but_small(difference)}"
    if finding == "no difference" and difference.equivalence is not None:
        test = difference.equivalence
        return (
            f"no difference beyond {margin_text(test.margin, gap)} "
            f"({test.interval.level:.0%} interval {_span(test.interval)})"
        )
    if math.isnan(gap.low):
        return f"cannot tell: {signed(gap.value, gap)}, with no interval known"
    doubt = "; not beyond doubt among so many comparisons" if excludes_zero(gap) else ""
    return f"cannot tell: {signed(gap.value, gap)} ({_span(gap)}){doubt}"


def quality_sentence(lead: Difference, finding: Finding) -> str:
    """Which model a judge prefers, in one plain sentence."""
    gap = lead.difference
    if not gap.known:
        return f"cannot tell: {gap.reason}"
    shares = f"B preferred in {lead.second.value:.1%}, A in {lead.first.value:.1%} of {gap.n:,} pairs"
    if math.isnan(gap.low):
        return f"cannot tell: {shares}, with no interval known"
    return f"{finding}: {shares} (B less A: {_span(gap)} points)"


def length_sentence(ratio: Estimate, unit: str) -> str:
    """A log ratio of lengths in one plain sentence."""
    if not ratio.known:
        return f"cannot tell: {ratio.reason}"
    if math.isnan(ratio.low):
        return f"cannot tell: {ratio_text(ratio.value)} in {unit}, with no interval known"
    word = ("longer" if ratio.value > 0 else "shorter") if excludes_zero(ratio) else "cannot tell"
    return (
        f"{word}: {ratio_text(ratio.value)} ({ratio_text(ratio.low)} to {ratio_text(ratio.high)}) in {unit}"
    )


def ratio_text(log_ratio: float) -> str:
    """A log ratio as the factor it stands for: x1.23."""
    return f"x{math.exp(log_ratio):.{3 if abs(log_ratio) < 0.01 else 2}f}"


def amount(value: float, estimate: Estimate) -> str:
    """A size without its sign, with the unit."""
    return f"{_bare(abs(value), estimate)}{_unit(estimate)}"


def signed(value: float, estimate: Estimate) -> str:
    """A value with its sign and the unit."""
    return f"{_bare(value, estimate, sign='+')}{_unit(estimate)}"


def points_text(value: float, *, sign: str = "") -> str:
    """A difference of shares in points, with enough places not to read as nothing."""
    points = 100 * value
    return f"{points:{sign}.{2 if 0.005 <= abs(points) < 0.1 else 1}f}"


def margin_text(margin: float, estimate: Estimate) -> str:
    """A margin as a person would say it: 1 point."""
    if estimate.unit != "difference":
        return f"{margin:g}"
    return f"{100 * margin:g} point{'' if math.isclose(margin, 0.01) else 's'}"


def _but_small(difference: Difference) -> str:
    test = difference.equivalence
    if test is None or test.verdict != "equivalent":
        return ""
    return f", which is within the margin of {margin_text(test.margin, difference.difference)}"


def _span(estimate: Estimate) -> str:
    return f"{_bare(estimate.low, estimate, sign='+')} to {_bare(estimate.high, estimate, sign='+')}"


def _unit(estimate: Estimate) -> str:
    return " points" if estimate.unit == "difference" else ""


def _bare(value: float, estimate: Estimate, *, sign: str = "") -> str:
    """A number in the unit of `estimate`."""
    if estimate.unit != "difference":
        return f"{value:{sign}.3f}"
    return points_text(value, sign=sign)
