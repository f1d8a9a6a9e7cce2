"""Bounds at any error: exact where they can be, the same as measured anew where they are re-levelled."""

import math

import numpy as np
import pytest

from aligntax.gate.bounds import Amount, Quantile, Rate, Sides, bounds_of
from aligntax.records import Estimate, unknown
from aligntax.stats import clustered_mean, clustered_rate, wilson
from aligntax.stats.exact import clopper_pearson


@pytest.mark.parametrize(("events", "n"), [(0, 30), (3, 100), (50, 50), (17, 40)])
@pytest.mark.parametrize("level", [0.8, 0.9, 0.998])
def test_a_rate_of_independent_exchanges_has_clopper_and_pearsons_bounds(
    events: int, n: int, level: float
) -> None:
    bounds, exact = bounds_of(wilson(events, n)), clopper_pearson(events, n, level=level)
    assert bounds is not None
    error = (1 - level) / 2
    assert bounds.low(error) == pytest.approx(exact.low, abs=1e-12)
    assert bounds.high(error) == pytest.approx(exact.high, abs=1e-12)


def test_clusters_count_for_what_they_are_worth() -> None:
    """Forty users of whom all exchanges are alike are worth forty exchanges, less what t takes from them."""
    events = np.array([10.0] * 8 + [0.0] * 32)
    bounds = bounds_of(clustered_rate(events, np.full(40, 10.0)))
    assert isinstance(bounds, Rate)
    assert bounds.n == pytest.approx(39, abs=1.0)
    assert bounds.df == 34, (
        "kurtosis (8 x 64^2 + 32 x 4^2) / 40 / 16^2 = 3.25; 80 / (3.25 - 1 + 2 / 39) = 34.8"
    )
    alone = clopper_pearson(8, 40, level=0.9)
    assert bounds.low(0.05) < alone.low
    assert bounds.high(0.05) > alone.high


def test_an_amount_is_what_it_would_be_measured_at_that_level() -> None:
    generator = np.random.default_rng(3)
    sums, counts = generator.gamma(2, 50, 60), np.full(60, 5.0)
    bounds = bounds_of(clustered_mean(sums, counts, unit="tokens", level=0.95))
    assert isinstance(bounds, Amount)
    for level in (0.8, 0.9, 0.99):
        anew = clustered_mean(sums, counts, unit="tokens", level=level)
        assert bounds.low((1 - level) / 2) == pytest.approx(anew.low)
        assert bounds.high((1 - level) / 2) == pytest.approx(anew.high)


def test_a_count_of_events_is_a_share_times_what_it_is_a_share_of() -> None:
    """Money is not: it has no exchanges it could be a share of."""
    counted = wilson(8, 200).times(1000.0, "exchanges")
    bounds, share = bounds_of(counted, exchanges=1000.0), bounds_of(wilson(8, 200))
    assert share is not None
    assert bounds is not None
    assert bounds.high(0.01) == pytest.approx(1000 * share.high(0.01))
    assert bounds.low(0.01) == pytest.approx(1000 * share.low(0.01))


def test_a_median_lies_between_values_that_were_seen_at_exact_ranks() -> None:
    values = np.arange(1.0, 101.0)
    bounds = Quantile(values, np.arange(1, 101) / 100, 0.5, Rate(0.5, 100.0))
    # Hahn & Meeker (1991): the 90 % interval of the median of 100 values runs from the 42nd to the 59th
    assert (bounds.low(0.05), bounds.high(0.05)) == (42.0, 59.0)
    assert bounds.low(0.001) < 42.0
    assert bounds.high(0.05, times=4.0) < 59.0


def test_sides_may_differ() -> None:
    estimate = Estimate(value=0.3, low=0.1, high=0.9, level=0.95, n=20, unit="log ratio", method="anything")
    bounds = bounds_of(estimate)
    assert isinstance(bounds, Sides)
    assert bounds.low(0.025) == pytest.approx(0.1)
    assert bounds.high(0.025) == pytest.approx(0.9)
    assert bounds.high(0.5) == pytest.approx(0.3)


def test_more_of_the_same_data_brings_ends_closer() -> None:
    for estimate in (wilson(5, 80), clustered_rate(np.ones(20), np.full(20, 7.0))):
        bounds = bounds_of(estimate)
        assert bounds is not None
        assert bounds.high(0.05, times=9.0) < bounds.high(0.05)
        assert bounds.low(0.05, times=9.0) > bounds.low(0.05)


def test_what_has_no_interval_has_no_bounds() -> None:
    assert bounds_of(unknown("no exchange", unit="rate")) is None
    ends = Estimate(value=1.0, low=math.nan, high=math.nan, level=0.95, n=3, unit="score", method="none")
    assert bounds_of(ends) is None


@pytest.mark.parametrize(
    ("users", "each", "rate", "most"), [(40, 25, 0.05, 0.06), (40, 25, 0.02, 0.075), (100, 25, 0.05, 0.06)]
)
def test_a_pass_with_few_users_is_rarely_false(users: int, each: int, rate: float, most: float) -> None:
    """At a stated 5 %, an intraclass correlation of .2, the limit the true rate; without the
    degrees of freedom that a variance made by few users has 6.4, 11 and 5.6 %."""
    draw, passed = np.random.default_rng(23), 0
    for _ in range(2000):
        rates = draw.beta(4 * rate, 4 * (1 - rate), users)
        events = draw.binomial(each, rates).astype(float)
        bounds = bounds_of(clustered_rate(events, np.full(users, float(each))))
        assert bounds is not None
        passed += bounds.high(0.05) <= rate
    assert passed / 2000 <= most
