"""Intervals for proportions and quantiles."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import stdtrit

from aligntax.stats import quantile, wilson
from aligntax.stats.exact import clopper_pearson
from aligntax.stats.student import student_quantile

VECTORS = [
    (0, 100, 0.0, 0.03699, 0.0, 0.03622),
    (21, 250, 0.05560, 0.12499, 0.05275, 0.12554),
    (74, 250, 0.24285, 0.35533, 0.24014, 0.35677),
    (149, 250, 0.53417, 0.65493, 0.53233, 0.65736),
    (1, 20, 0.00888, 0.23613, 0.00127, 0.24873),
    (300, 300, 0.98736, 1.0, 0.98778, 1.0),
]


@pytest.mark.parametrize(("k", "n", "low", "high", "exact_low", "exact_high"), VECTORS)
def test_published_vectors(
    k: int, n: int, low: float, high: float, exact_low: float, exact_high: float
) -> None:
    """Wilson and Clopper-Pearson give the tabulated bounds to five places."""
    score, exact = wilson(k, n), clopper_pearson(k, n)
    assert (score.low, score.high) == pytest.approx((low, high), abs=6e-6)
    assert (exact.low, exact.high) == pytest.approx((exact_low, exact_high), abs=6e-6)


def test_nothing_seen_is_unknown() -> None:
    """Without observations the estimate is nan and says why; it is not 0."""
    for estimate in (wilson(0, 0), clopper_pearson(0, 0)):
        assert math.isnan(estimate.value)
        assert math.isnan(estimate.high)
        assert estimate.reason == "no observations"


@given(st.integers(1, 5000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_bounds_hold_the_value(pair: tuple[int, int]) -> None:
    """0 <= low <= value <= high <= 1, whatever was counted."""
    for estimate in (wilson(*pair), clopper_pearson(*pair)):
        assert 0 <= estimate.low <= estimate.value <= estimate.high <= 1


@given(st.integers(1, 400).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_mirror(pair: tuple[int, int]) -> None:
    """Counting the other outcome mirrors the interval."""
    k, n = pair
    here, there = wilson(k, n), wilson(n - k, n)
    assert here.low == pytest.approx(1 - there.high, abs=1e-12)


@pytest.mark.parametrize("level", [0.8, 0.95, 0.99])
def test_wilson_covers(level: float) -> None:
    """Averaged over truths, which counts being whole numbers demands, it covers as often as it says."""
    generator = np.random.default_rng(3)
    for n in (30, 120, 600):
        truths = generator.uniform(0.02, 0.5, 4000)
        counts = generator.binomial(n, truths)
        estimates = [wilson(int(k), n, level=level) for k in counts]
        hits = [e.low <= truth <= e.high for e, truth in zip(estimates, truths, strict=True)]
        assert np.mean(hits) == pytest.approx(level, abs=0.02)


@pytest.mark.parametrize("share", [0.5, 0.9])
def test_quantile_covers(share: float) -> None:
    """The order-statistic interval covers the true quantile at least nearly as often as it says."""
    generator = np.random.default_rng(4)
    truth = math.floor(-math.log(1 - share) * 200)
    hits = []
    for _ in range(1500):
        draws = np.floor(generator.exponential(200, 150))
        values, counts = np.unique(draws, return_counts=True)
        estimate = quantile(values, counts, share, unit="characters")
        hits.append(estimate.low <= truth <= estimate.high)
    assert np.mean(hits) > 0.935


def test_quantile_by_hand() -> None:
    """The median of 1, 1, 2, 5, 9 is 2; the 0.9 quantile is 9."""
    values, counts = np.array([1.0, 2.0, 5.0, 9.0]), np.array([2, 1, 1, 1])
    assert quantile(values, counts, 0.5, unit="characters").value == 2
    assert quantile(values, counts, 0.9, unit="characters").value == 9


@pytest.mark.parametrize("level", [0.5, 0.95, 0.999])
@pytest.mark.parametrize("df", [1, 2, 3, 4, 9, 10, 99, 1023])
def test_student_quantile_is_scipys(level: float, df: int) -> None:
    """Our quantile of Student's t agrees with scipy's to ten digits."""
    assert student_quantile(level, df) == pytest.approx(float(stdtrit(df, (1 + level) / 2)), rel=1e-10)
