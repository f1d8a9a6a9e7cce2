"""Whether B is worse than A by more than a margin that was stated before anybody looked."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from aligntax.tax.pairs.differences import Difference

__all__ = ["Gated", "gated", "verdict"]

Verdict = Literal["pass", "fail", "inconclusive"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Gated:
    """One difference held against its margin.

    Attributes:
        subject: what it is of.
        verdict: "pass" where the interval of the equivalence test lies wholly on the good side of the margin,
            "fail" where it lies wholly beyond, "inconclusive" where the margin is inside it.
        margin: largest difference for the worse that does not matter, > 0, in the unit of the difference.
        needed: pairs that would decide if the difference stayed as it is; None where that is not known.
        reason: why it is inconclusive; "" otherwise.
    """

    subject: str
    verdict: Verdict
    margin: float
    needed: int | None = None
    reason: str = ""


def gated(subject: str, difference: Difference | None, direction: int, margin: float) -> Gated:
    """Holds a difference against its margin: one-sided, at half the error of the equivalence test.

    Args:
        subject: what it is of.
        difference: B less A, made with this margin; None where there is none.
        direction: 1 where more is better, -1 where less is.
        margin: see `Gated`.

    Source: Schuirmann (1987), one of his two one-sided tests.
    """
    test = None if difference is None else difference.equivalence
    if test is None or math.isnan(test.interval.low):
        reason = "nothing was compared" if difference is None else difference.difference.reason
        return Gated(subject=subject, verdict="inconclusive", margin=margin, reason=reason or "no interval")
    ends = sorted(-direction * end for end in (test.interval.low, test.interval.high))  # above 0 is worse
    if ends[1] < margin:
        return Gated(subject=subject, verdict="pass", margin=margin)
    if ends[0] >= margin:
        return Gated(subject=subject, verdict="fail", margin=margin)
    return Gated(
        subject=subject,
        verdict="inconclusive",
        margin=margin,
        needed=test.needed,
        reason="the interval reaches across the margin",
    )


def verdict(gates: Sequence[Gated]) -> Verdict:
    """Of all: fail where any fails, pass where all pass."""
    told = {one.verdict for one in gates}
    return "fail" if "fail" in told else "pass" if told == {"pass"} else "inconclusive"
