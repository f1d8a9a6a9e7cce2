"""One figure held to one limit: the verdict, how sure it is, and what would decide it."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from aligntax.gate.bounds import Bounds
from aligntax.policy.model import Direction

__all__ = ["Decision", "Test", "Verdict", "decided", "open_decision", "worst"]

Verdict = Literal["pass", "fail", "inconclusive"]

_SMALLEST, _LARGEST = 1e-15, 1 - 1e-15
_HALVINGS = 80
_MOST_TIMES = 1e7
NO_NUMBER = "the figure is the limit itself, so no number of exchanges would decide"


@dataclass(frozen=True, slots=True, kw_only=True)
class Test:
    """A figure and its limit, before a verdict.

    Attributes:
        bounds: of the figure; None where there is no figure to decide on.
        value: of the figure; nan where it is not known.
        n: exchanges, pairs or prompts behind it.
        limit: in the figure's unit.
        direction: which side of the limit is within it.
        confidence: one-sided, of a pass and of a fail, in (0.5, 1).
        reason: why there is no figure; "" where there is one.
        finding: name of what keeps it from being decided whatever the figure says; "" for nothing.
    """

    __test__ = False  # no test of pytest's

    bounds: Bounds | None
    value: float
    n: int
    limit: float
    direction: Direction
    confidence: float
    reason: str = ""
    finding: str = ""

    @property
    def error(self) -> float:
        """How often a verdict may be wrong."""
        return round(1 - self.confidence, 12)

    def bad(self, error: float, times: float = 1.0) -> float:
        """The bound on the side of the limit that is not allowed: at or within the limit it passes."""
        assert self.bounds is not None
        return (self.bounds.high if self.direction == "at_most" else self.bounds.low)(error, times)

    def good(self, error: float, times: float = 1.0) -> float:
        """The bound on the other side: beyond the limit it fails."""
        assert self.bounds is not None
        return (self.bounds.low if self.direction == "at_most" else self.bounds.high)(error, times)

    def beyond(self, value: float) -> bool:
        """Whether a value is outside the limit; false of nan."""
        return value > self.limit if self.direction == "at_most" else value < self.limit

    def within(self, value: float) -> bool:
        """Whether a value is at or inside the limit; false of nan."""
        return value <= self.limit if self.direction == "at_most" else value >= self.limit

    @property
    def p(self) -> float:
        """Of the test that the figure keeps to its limit: the error at which the good bound reaches it.

        nan where there is no figure; small where the limit is surely broken.
        """
        if self.bounds is None or math.isnan(self.good(0.25)):
            return math.nan
        if self.beyond(self.good(_SMALLEST)):
            return _SMALLEST
        low, high = _SMALLEST, _LARGEST
        for _ in range(_HALVINGS):
            # by halves of the logarithm while it is small: adjusted p-values must not be coarse
            middle = math.sqrt(low * high) if high < 0.1 else (low + high) / 2
            low, high = (low, middle) if self.beyond(self.good(middle)) else (middle, high)
        return high


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What became of a test.

    Attributes:
        verdict: pass, fail or inconclusive.
        test: what was decided.
        bound: the one the verdict hangs on: the good one of a fail, else the bad one; nan without a figure.
        p: of the test that the limit is kept; nan without a figure.
        adjusted: the same after Holm's adjustment for all that was tested beside it; nan without.
        needed: exchanges, pairs or prompts that would decide if the figure stayed what it is; None where the
            verdict is in, or where no number would.
        reason: why, in words; "" for a pass.
        finding: name of what stands in the way; "" where nothing but the number of exchanges does.
    """

    verdict: Verdict
    test: Test
    bound: float
    p: float
    adjusted: float
    needed: int | None = None
    reason: str = ""
    finding: str = ""


def decided(tests: Sequence[Test]) -> list[Decision]:
    """Verdicts on tests that are looked at together, in their order.

    A pass needs no adjustment for their number: all of them must pass, and one that is at its limit does so
    by chance in at most 1 - confidence of runs (the intersection-union test). A fail does: one of many fails
    by chance, so p-values are adjusted (Holm), and where every limit is just kept the chance of any fail is
    at most 1 - confidence.

    Source: Berger (1982), Technometrics 24:295 (intersection-union); Holm (1979), Scandinavian Journal of
    Statistics 6:65.
    """
    p_values = [test.p for test in tests]
    # what cannot be decided anyway is not looked at
    known = [at for at, p in enumerate(p_values) if not (math.isnan(p) or tests[at].finding)]
    order = sorted(known, key=lambda at: p_values[at])
    adjusted, factor, largest = dict[int, float](), dict[int, int](), 0.0
    for place, at in enumerate(order):
        factor[at] = len(order) - place
        largest = adjusted[at] = min(1.0, max(largest, p_values[at] * factor[at]))
    return [
        _decided(test, p_values[at], adjusted.get(at, math.nan), factor.get(at, 1))
        for at, test in enumerate(tests)
    ]


def open_decision(test: Test, reason: str, finding: str) -> Decision:
    """A test that is not decided, whatever its figure."""
    nan = math.nan
    return Decision(
        verdict="inconclusive", test=test, bound=nan, p=nan, adjusted=nan, reason=reason, finding=finding
    )


def worst(verdicts: Sequence[Verdict]) -> Verdict:
    """Fail where any fails, else inconclusive where any is or where there is none, else pass."""
    if "fail" in verdicts:
        return "fail"
    return "inconclusive" if not verdicts or "inconclusive" in verdicts else "pass"


def _decided(test: Test, p: float, adjusted: float, factor: int) -> Decision:
    if test.bounds is None:
        return open_decision(test, test.reason or "there is no figure", test.finding)
    bad, good = test.bad(test.error), test.good(test.error)
    made = Decision(verdict="inconclusive", test=test, bound=bad, p=p, adjusted=adjusted)
    if test.finding:
        return replace(made, reason=test.reason, finding=test.finding)
    if test.within(bad):
        return replace(made, verdict="pass")
    if test.beyond(good) and adjusted <= test.error:
        return replace(made, verdict="fail", bound=good, reason="shown to be beyond the limit")
    needed, reason = _needed(test, factor)
    if test.beyond(good):
        reason = f"beyond the limit by itself, but too few once it is one of {factor} slices looked at"
    return replace(made, needed=needed, reason=reason)


def _needed(test: Test, factor: int) -> tuple[int | None, str]:
    """How many would decide at this figure, and why it is undecided."""
    if math.isclose(test.value, test.limit, rel_tol=1e-9, abs_tol=1e-12):
        return None, NO_NUMBER
    if test.within(test.value):
        needed = _fewest(test, lambda times: test.within(test.bad(test.error, times)))
        reason = "too few to show that it keeps to the limit"
    else:
        needed = _fewest(test, lambda times: test.beyond(test.good(test.error / factor, times)))
        reason = "too few to show that it is beyond the limit"
    return needed, reason if needed else f"{reason}; no number within reach would decide"


def _fewest(test: Test, enough: Callable[[float], bool]) -> int | None:
    """A number at which the figure decides and with one less does not; None beyond ten million times as many.

    With whole numbers of events, decisions come and go for some numbers around it.
    """
    n = max(1, test.n)
    low, high = n, n + 1
    while not enough(high / n):
        low, high = high, 2 * high
        if high > _MOST_TIMES * n:
            return None
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if enough(middle / n) else (middle, high)
    return high
