"""Verdicts err as seldom as they say, once or over many slices; the number that would decide does."""

import math
from collections.abc import Sequence

import numpy as np
import pytest
from scipy.stats import binom

from aligntax.gate.bounds import bounds_of
from aligntax.gate.decision import Decision, Test, decided, worst
from aligntax.policy.model import Direction
from aligntax.records import Estimate
from aligntax.stats import clustered_rate, wilson


def held(
    estimate: Estimate, limit: float, *, direction: Direction = "at_most", confidence: float = 0.95
) -> Test:
    return Test(
        bounds=bounds_of(estimate),
        value=estimate.value,
        n=estimate.n,
        limit=limit,
        direction=direction,
        confidence=confidence,
    )


def one(estimate: Estimate, limit: float, **how: object) -> Decision:
    (found,) = decided([held(estimate, limit, **how)])  # type: ignore[arg-type]
    return found


@pytest.mark.parametrize("confidence", [0.9, 0.95, 0.99])
@pytest.mark.parametrize(("n", "limit"), [(20, 0.02), (100, 0.02), (150, 0.05), (400, 0.1), (60, 0.5)])
@pytest.mark.parametrize("direction", ["at_most", "at_least"])
def test_at_the_limit_neither_verdict_is_given_more_often_than_it_says(
    n: int, limit: float, direction: Direction, confidence: float
) -> None:
    """Every number of events there can be, weighed by its chance where the truth is the limit."""
    chance = binom.pmf(np.arange(n + 1), n, limit)
    verdicts = [
        one(wilson(events, n), limit, direction=direction, confidence=confidence).verdict
        for events in range(n + 1)
    ]
    for wrong in ("pass", "fail"):
        share = sum(p for p, verdict in zip(chance, verdicts, strict=True) if verdict == wrong)
        assert share <= 1 - confidence + 1e-9


def test_away_from_the_limit_it_decides() -> None:
    assert one(wilson(10, 1000), 0.05).verdict == "pass"
    assert one(wilson(100, 1000), 0.05).verdict == "fail"
    assert one(wilson(100, 1000), 0.05, direction="at_least").verdict == "pass"
    assert one(wilson(10, 1000), 0.05, direction="at_least").verdict == "fail"
    assert one(wilson(1, 10), 0.05).verdict == "inconclusive"


def test_the_canary_that_must_fail_fails() -> None:
    """Whatever the budget is, a hundred refusals of a hundred are beyond it."""
    assert one(wilson(100, 100), 0.5).verdict == "fail"
    assert one(wilson(0, 100), 0.5, direction="at_least").verdict == "fail"


def test_p_is_the_error_at_which_the_bound_reaches_the_limit() -> None:
    """For a binomial rate that is the exact tail."""
    found = one(wilson(12, 100), 0.05)
    assert found.p == pytest.approx(binom.sf(11, 100, 0.05), rel=1e-6)
    below = one(wilson(2, 100), 0.05, direction="at_least")
    assert below.p == pytest.approx(binom.cdf(2, 100, 0.05), rel=1e-6)


def test_fails_are_adjusted_and_passes_are_not() -> None:
    """P = 0.005 is a fail alone, and no fail as one of fifty; the others pass all the same."""
    odd = wilson(13, 120)  # p = 0.0075 of at most 5 %
    assert one(odd, 0.05).verdict == "fail"
    fifty = decided([held(odd, 0.05), *(held(wilson(20, 1000), 0.05) for _ in range(49))])
    assert fifty[0].verdict == "inconclusive"
    assert "one of 50 slices" in fifty[0].reason
    assert fifty[0].adjusted == pytest.approx(50 * fifty[0].p)
    assert {found.verdict for found in fifty[1:]} == {"pass"}
    # what would decide allows for the other slices too
    (alone,) = decided([held(wilson(13, 120), 0.06)])
    assert fifty[0].needed is not None
    assert alone.needed is None or fifty[0].needed > 120


def test_what_cannot_be_decided_anyway_costs_the_others_nothing() -> None:
    stuck = Test(
        bounds=bounds_of(wilson(90, 100)),
        value=0.9,
        n=100,
        limit=0.05,
        direction="at_most",
        confidence=0.95,
        reason="the labels are too few",
        finding="too_few_labels",
    )
    found = decided([held(wilson(13, 120), 0.05), *([stuck] * 49)])
    assert found[0].verdict == "fail"
    assert {each.verdict for each in found[1:]} == {"inconclusive"}
    assert {each.finding for each in found[1:]} == {"too_few_labels"}
    assert all(math.isnan(each.adjusted) and each.p < 1e-6 for each in found[1:])


@pytest.mark.parametrize(
    ("events", "n", "limit"), [(4, 100, 0.05), (8, 100, 0.05), (1, 40, 0.1), (30, 100, 0.28)]
)
def test_the_number_that_would_decide_decides_and_one_less_does_not(
    events: int, n: int, limit: float
) -> None:
    found = one(wilson(events, n), limit)
    assert found.verdict == "inconclusive"
    assert found.needed is not None
    right = "pass" if events / n < limit else "fail"

    def at(size: int) -> str:
        """As many events as half of all worlds have, or worse."""
        share = events / n * size + (-1e-9 if right == "pass" else 1e-9)
        return one(wilson(math.ceil(share) if right == "pass" else math.floor(share), size), limit).verdict

    assert at(found.needed) == right
    assert at(found.needed - 1) == "inconclusive"


@pytest.mark.parametrize(("events", "n", "limit"), [(4, 100, 0.05), (9, 100, 0.05), (30, 100, 0.25)])
def test_at_that_number_half_of_worlds_decide(events: int, n: int, limit: float) -> None:
    """Where the rate stays what it is, the gate decides, the right way, in about half of worlds or more."""
    found = one(wilson(events, n), limit)
    assert found.needed is not None
    size, rate = found.needed, events / n
    right = "pass" if rate < limit else "fail"
    reach = np.arange(max(0, int(rate * size * 0.5)), min(size, int(rate * size * 1.6)) + 1)
    verdicts = np.array([one(wilson(int(k), size), limit).verdict == right for k in reach])
    assert binom.pmf(reach, size, rate) @ verdicts >= 0.5 - 1e-9


def test_no_number_decides_where_the_figure_is_the_limit() -> None:
    found = one(wilson(5, 100), 0.05)
    assert (found.verdict, found.needed) == ("inconclusive", None)
    assert "no number" in found.reason
    assert one(wilson(0, 100), 0.0).needed is None  # nothing ever shows that there is none at all


def test_no_figure_is_no_pass() -> None:
    empty = Test(
        bounds=None,
        value=math.nan,
        n=0,
        limit=0.1,
        direction="at_most",
        confidence=0.95,
        reason="no exchange",
    )
    (found,) = decided([empty])
    assert (found.verdict, found.reason) == ("inconclusive", "no exchange")


def test_the_worst_verdict_is_the_verdict() -> None:
    assert worst(["pass", "pass"]) == "pass"
    assert worst(["pass", "inconclusive"]) == "inconclusive"
    assert worst(["inconclusive", "fail", "pass"]) == "fail"
    assert worst([]) == "inconclusive"  # nothing held is nothing passed


def _any_fail(p_values: Sequence[float], slices: int, confidence: float) -> bool:
    return min(p_values) * slices <= 1 - confidence


@pytest.mark.slow
@pytest.mark.parametrize(("n", "limit"), [(80, 0.02), (300, 0.02), (300, 0.05), (1500, 0.1)])
def test_fifty_budgets_met_exactly_fail_by_chance_in_at_most_one_run_in_twenty(n: int, limit: float) -> None:
    generator = np.random.default_rng(20261122)
    tests = {events: held(wilson(events, n), limit) for events in range(n + 1)}
    worlds, failed, passed = 2000, 0, 0
    drawn = generator.binomial(n, limit, (worlds, 50))
    known = {int(events): tests[int(events)].p for events in np.unique(drawn)}
    for counts in drawn:
        failed += _any_fail([known[int(events)] for events in counts], 50, 0.95)
    for counts in drawn[:100]:  # the same by the whole machinery
        found = decided([tests[int(events)] for events in counts])
        assert any(each.verdict == "fail" for each in found) == _any_fail(
            [known[int(events)] for events in counts], 50, 0.95
        )
        passed += worst([each.verdict for each in found]) == "pass"
    assert failed / worlds <= 0.05 + 2 * math.sqrt(0.05 * 0.95 / worlds)
    assert passed == 0


@pytest.mark.slow
@pytest.mark.parametrize(
    ("users", "each", "limit", "alike"), [(30, 10, 0.1, 0.1), (60, 10, 0.05, 0.1), (150, 8, 0.03, 0.05)]
)
def test_users_whose_exchanges_are_alike_do_not_make_verdicts_rash(
    users: int, each: int, limit: float, alike: float
) -> None:
    """Rates of users from a beta distribution whose mean is the limit; correlation within a user `alike`."""
    generator = np.random.default_rng(5)
    a, b = limit * (1 - alike) / alike, (1 - limit) * (1 - alike) / alike
    worlds = 1500
    seen = {"pass": 0, "fail": 0, "inconclusive": 0}
    for _ in range(worlds):
        events = generator.binomial(each, generator.beta(a, b, users)).astype(np.float64)
        seen[one(clustered_rate(events, np.full(users, float(each))), limit).verdict] += 1
    noise = 2 * math.sqrt(0.05 * 0.95 / worlds)
    assert seen["fail"] / worlds <= 0.05 + noise
    assert seen["pass"] / worlds <= 0.05 + noise
