"""A rate held to a ceiling: exact bounds, for shares and clusters too, and how many would decide."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aligntax.errors import UsageError
from aligntax.stats.ceiling import Ceiling, exact_mean, fewest, hold_to_ceiling
from aligntax.stats.exact import clopper_pearson
from aligntax.stats.sample_size import zero_failure_bound, zero_failure_size


def held(events: int, n: int, ceiling: float, **options: object) -> Ceiling:
    values = np.r_[np.ones(events), np.zeros(n - events)]
    return hold_to_ceiling(values, values, ceiling, **options)


@given(st.integers(0, 40), st.integers(0, 200), st.sampled_from([0.8, 0.9, 0.95]))
def test_zeros_and_ones_give_clopper_pearson(events: int, more: int, level: float) -> None:
    n = events + more
    values = np.r_[np.ones(events), np.zeros(more)]
    found, exact = exact_mean(values, level=level), clopper_pearson(events, n, level=level)
    if n:
        assert (found.value, found.low, found.high) == pytest.approx((exact.value, exact.low, exact.high))


def test_none_of_100_does_not_support_one_percent() -> None:
    """299 would; and 299 do."""
    found = held(0, 100, 0.01)
    assert (found.verdict, found.needed) == ("inconclusive", 299)
    assert found.bounds.high == pytest.approx(zero_failure_bound(100))
    assert held(0, 298, 0.01).verdict == "inconclusive"
    assert held(0, 299, 0.01).verdict == "pass"
    assert zero_failure_size(0.01) == 299


@pytest.mark.parametrize(("n", "bound"), [(100, 0.0295), (200, 0.0149), (300, 0.0099), (600, 0.0050)])
def test_published_bounds_of_no_event(n: int, bound: float) -> None:
    assert held(0, n, 0.5).bounds.high == pytest.approx(bound, abs=6e-5)


@pytest.mark.parametrize(
    ("events", "n", "ceiling"), [(1, 100, 0.03), (4, 30, 0.2), (0, 10, 0.05), (9, 60, 0.1)]
)
def test_what_is_needed_decides(events: int, n: int, ceiling: float) -> None:
    """With as many as it asks for, at the same rate, the verdict is in; with a tenth less it is not."""
    found = held(events, n, ceiling)
    assert found.verdict == "inconclusive"
    rate = events / n
    verdict = hold_to_ceiling(np.full(found.needed, rate), np.full(found.needed, rate), ceiling).verdict
    assert verdict == ("pass" if rate < ceiling else "fail")
    less = int(0.9 * found.needed)
    assert hold_to_ceiling(np.full(less, rate), np.full(less, rate), ceiling).verdict == "inconclusive"


def test_a_rate_that_is_the_ceiling_is_never_decided() -> None:
    found = held(5, 100, 0.05)
    assert (found.verdict, found.needed) == ("inconclusive", None)


def test_far_above_fails() -> None:
    assert held(30, 100, 0.1).verdict == "fail"


def test_missing_values_reach_across() -> None:
    """Nothing harmful seen, a tenth unknown: no number of prompts shows that it is below 5 %."""
    found = hold_to_ceiling(np.zeros(100), np.r_[np.zeros(90), np.ones(10)], 0.05)
    assert (found.verdict, found.needed) == ("inconclusive", None)
    assert "however many" in found.reason
    assert found.bounds.low == 0


def test_nothing_observed() -> None:
    found = hold_to_ceiling([], [], 0.05)
    assert (found.verdict, found.reason) == ("inconclusive", "nothing was observed")


def test_clusters_count_once() -> None:
    """100 prompts in 20 equal clusters without an event say as much as 20 alone."""
    clusters = [at // 5 for at in range(100)]
    assert exact_mean(np.zeros(100), clusters=clusters).high == pytest.approx(clopper_pearson(0, 20).high)
    alone = exact_mean(np.zeros(100), clusters=[None] * 100)
    assert alone.high == pytest.approx(clopper_pearson(0, 100).high)


def test_a_ceiling_lies_between() -> None:
    with pytest.raises(UsageError):
        held(0, 10, 0.0)
    assert fewest(lambda n: False, most=1000) is None


def shares(generator: np.random.Generator, kind: str, n: int) -> np.ndarray:
    """(n,) values in [0, 1] with mean .05, of very different shapes."""
    if kind == "all or nothing":
        return (generator.random(n) < 0.05).astype(float)
    if kind == "five samples, alike":
        return generator.binomial(5, 0.05, n) / 5
    if kind == "five samples, few prompts give in":
        return np.where(generator.random(n) < 0.1, generator.binomial(5, 0.5, n) / 5, 0.0)
    return np.where(generator.random(n) < 0.045, 1.0, np.where(generator.random(n) < 0.05236, 0.1, 0.0))


@pytest.mark.parametrize(
    "kind", ["all or nothing", "five samples, alike", "five samples, few prompts give in", "rare tenths"]
)
def test_shares_keep_the_level(kind: str) -> None:
    """The upper bound at 95 % is above the truth at least as often, whatever the shares look like."""
    generator = np.random.default_rng(5)
    for n in (60, 100, 250):
        above = sum(exact_mean(shares(generator, kind, n), level=0.9).high >= 0.05 for _ in range(1500))
        assert above >= 0.938 * 1500, (kind, n, above / 1500)  # .95 less two and a bit standard errors


def test_clusters_of_any_size_keep_the_level() -> None:
    """Prompts of a cluster all give in or none does, the worst dependence; sizes 1 to 8."""
    generator, covered = np.random.default_rng(6), 0
    sizes = generator.integers(1, 9, 80)
    clusters = np.repeat(np.arange(80), sizes).tolist()
    for _ in range(600):
        values = np.repeat((generator.random(80) < 0.06).astype(float), sizes)
        covered += exact_mean(values, clusters=clusters, level=0.9).high >= 0.06
    assert covered >= 0.93 * 600
