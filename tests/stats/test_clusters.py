"""Intervals from observations in clusters: their coverage is the claim."""

import math

import numpy as np
import pytest

from aligntax.stats import clustered_mean, clustered_rate, wilson
from aligntax.stats.intervals import wilson_bounds
from aligntax.stats.student import student_quantile


def _clustered_traffic(
    generator: np.random.Generator, clusters: int, rate: float, spread: float
) -> tuple[np.ndarray, np.ndarray]:
    """Events and counts of users who differ: beta-binomial rates, geometric numbers of requests."""
    counts = generator.geometric(0.12, clusters).astype(float)
    rates = generator.beta(rate * spread, (1 - rate) * spread, clusters)
    return generator.binomial(counts.astype(int), rates).astype(float), counts


@pytest.mark.parametrize(("clusters", "rate"), [(12, 0.2), (40, 0.05), (40, 0.2), (300, 0.05), (300, 0.02)])
def test_rate_covers_where_wilson_does_not(clusters: int, rate: float) -> None:
    """Under heavy clustering (intraclass correlation 1/3) the interval covers 0.93 and more of nominal
    0.95, where plain Wilson falls to 0.5 to 0.8."""
    generator = np.random.default_rng(11)
    ours, plain = [], []
    for _ in range(1200):
        events, counts = _clustered_traffic(generator, clusters, rate, spread=2.0)
        estimate = clustered_rate(events, counts)
        ours.append(estimate.low <= rate <= estimate.high)
        naive = wilson(int(events.sum()), int(counts.sum()))
        plain.append(naive.low <= rate <= naive.high)
    assert np.mean(ours) > 0.93
    assert np.mean(plain) < np.mean(ours) - 0.08


@pytest.mark.parametrize("clusters", [8, 15, 40, 300])
def test_mean_covers(clusters: int) -> None:
    """The mean of a skewed quantity is covered near the level, with few clusters and many, and better
    than by a symmetric t interval or by percentiles of the cluster bootstrap."""
    generator = np.random.default_rng(12)
    hits, bootstrap = [], []
    weights = generator.poisson(1.0, (1000, clusters))
    for _ in range(1000):
        counts = generator.geometric(0.2, clusters).astype(float)
        level = generator.gamma(4.0, 25.0, clusters)
        sums = generator.gamma(np.maximum(counts, 1) * 2.0, level / 2.0)
        estimate = clustered_mean(sums, counts, unit="tokens")
        hits.append(estimate.low <= 100.0 <= estimate.high)
        resampled = (weights @ sums) / np.maximum(weights @ counts, 1)
        low, high = np.quantile(resampled, [0.025, 0.975])
        bootstrap.append(low <= 100.0 <= high)
    assert np.mean(hits) > 0.925
    assert np.mean(hits) >= np.mean(bootstrap) - 0.005


def test_mean_of_something_rare_covers() -> None:
    """Where nine exchanges in ten cost nothing, 15 clusters cover 0.93 and more of nominal 0.95."""
    generator = np.random.default_rng(13)
    hits = []
    for _ in range(1000):
        counts = generator.geometric(0.2, 15).astype(float)
        events = generator.binomial(counts.astype(int), 0.08)
        sums = np.where(events > 0, generator.gamma(np.maximum(events, 1), 50.0), 0.0)
        if sums.any():
            estimate = clustered_mean(sums, counts, unit="usd")
            hits.append(estimate.low <= 4.0 <= estimate.high)
    assert np.mean(hits) > 0.93


def test_no_event_is_not_certainty() -> None:
    """No event in 50 clusters of 100 leaves an upper end that one trial a cluster would leave."""
    estimate = clustered_rate(np.zeros(50), np.full(50, 100.0))
    assert estimate.value == 0
    assert estimate.high == pytest.approx(wilson(0, 50).high, rel=0.06)


def test_independent_clusters_cost_nothing() -> None:
    """With one observation a cluster the interval is Wilson's, but for t in place of z."""
    events = np.zeros(400)
    events[:60] = 1
    ours, plain = clustered_rate(events, np.ones(400)), wilson(60, 400)
    assert (ours.low, ours.high) == pytest.approx((plain.low, plain.high), abs=1e-3)


def test_a_single_cluster_is_unknown() -> None:
    """One user says nothing about others: nan, with the reason."""
    for estimate in (
        clustered_rate(np.array([3.0]), np.array([10.0])),
        clustered_mean(np.array([3.0]), np.array([10.0]), unit="tokens"),
    ):
        assert math.isnan(estimate.value)
        assert "single cluster" in estimate.reason


def test_mean_of_nothing_has_no_upper_end() -> None:
    """Zeros alone do not tell how large what was not seen would be."""
    estimate = clustered_mean(np.zeros(30), np.full(30, 4.0), unit="usd")
    assert (estimate.value, estimate.low) == (0.0, 0.0)
    assert math.isnan(estimate.high)


def test_mean_by_hand() -> None:
    """Two groups of one, 1 and 3: mean 2; residuals -1 and 1 doubled by leaving one out; variance 2."""
    estimate = clustered_mean(np.array([1.0, 3.0]), np.ones(2), unit="tokens")
    error = math.sqrt(2.0) / 2.0
    assert estimate.value == 2.0
    assert estimate.high == pytest.approx(2.0 * math.exp(12.7062047 * error), rel=1e-6)


def test_a_variance_that_few_clusters_make_has_few_degrees_of_freedom() -> None:
    """One of ten users makes the events: kurtosis of the residuals, and 20 / (k - 1 + 2 / 9), by hand."""
    events, counts = np.array([9.0] + [1.0] * 9), np.full(10, 10.0)
    squares = (events - 1.8) ** 2  # all weigh the same, so leaving one out changes nothing here
    kurtosis = 10 * (squares**2).sum() / squares.sum() ** 2
    degrees = int(20 / (kurtosis - 1 + 2 / 9))
    estimate = clustered_rate(events, counts)
    assert degrees == 2
    assert estimate.method.endswith(f", {degrees} degrees of freedom")
    low, high = wilson_bounds(0.18, _effective(estimate.method, 100), student_quantile(0.95, degrees))
    assert (estimate.low, estimate.high) == (pytest.approx(low, abs=0.01), pytest.approx(high, abs=0.01))


def _effective(method: str, n: int) -> float:
    return n / float(method.split("design effect ")[1].split(",")[0])


@pytest.mark.parametrize(("users", "each", "rate"), [(40, 25, 0.05), (40, 25, 0.02), (20, 50, 0.05)])
def test_few_users_who_write_much_are_covered(users: int, each: int, rate: float) -> None:
    """Of nominal 0.95, at an intraclass correlation of 0.2; with groups - 1 degrees 0.89 to 0.93."""
    generator, hits = np.random.default_rng(17), []
    for _ in range(1500):
        rates = generator.beta(4 * rate, 4 * (1 - rate), users)
        events = generator.binomial(each, rates).astype(float)
        estimate = clustered_rate(events, np.full(users, float(each)))
        hits.append(estimate.low <= rate <= estimate.high)
    assert np.mean(hits) > 0.92
