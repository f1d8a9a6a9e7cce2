"""A rate corrected by published detector error."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aligntax.errors import UsageError
from aligntax.stats.misclassification import calibration_positives, rogan_gladen


def test_published_vector() -> None:
    """Flagged .132 of 250, specificity .95 of 200, sensitivity .85 of 50: .1025, from .04033 to .17301."""
    found = rogan_gladen(33, 250, 0.85, 50, 0.95, 200)
    assert found.value == pytest.approx(0.1025, abs=5e-5)
    assert (found.low, found.high) == pytest.approx((0.04033, 0.17301), abs=6e-6)
    assert (found.n, found.unit) == (250, "rate")


@pytest.mark.parametrize("level", [0.8, 0.9, 0.95])
@pytest.mark.parametrize(
    ("rate", "sensitivity", "specificity", "m1", "m0", "n"),
    [
        (0.1, 0.85, 0.95, 50, 200, 250),
        (0.3, 0.7, 0.9, 40, 80, 400),
        (0.02, 0.9, 0.97, 60, 200, 1000),
        (0.5, 0.6, 0.75, 50, 50, 300),
        (0.9, 0.9, 0.9, 50, 50, 500),
    ],
)
def test_covers(
    rate: float, sensitivity: float, specificity: float, m1: int, m0: int, n: int, level: float
) -> None:
    """When the detector errs here as it did there, the interval covers as often as it says."""
    generator = np.random.default_rng(6)
    flagged = rate * sensitivity + (1 - rate) * (1 - specificity)
    hits = []
    draws = zip(
        generator.binomial(n, flagged, 3000).tolist(),
        generator.binomial(m1, sensitivity, 3000).tolist(),
        generator.binomial(m0, specificity, 3000).tolist(),
        strict=True,
    )
    for positives, true_positives, true_negatives in draws:
        found = rogan_gladen(positives, n, true_positives / m1, m1, true_negatives / m0, m0, level=level)
        if found.known:
            hits.append(found.low <= rate <= found.high)
    assert len(hits) > 2500
    assert np.mean(hits) >= level - 0.02


def test_weak_detector_is_refused() -> None:
    """Below sensitivity + specificity - 1 = 0.2 nothing is corrected, and the reason names the sum."""
    found = rogan_gladen(30, 100, 0.5, 50, 0.65, 50)
    assert math.isnan(found.value)
    assert "sensitivity + specificity - 1 is 0.15, below 0.2" in found.reason
    assert rogan_gladen(30, 100, 0.5, 50, 0.7, 50).known


def test_nothing_seen_is_unknown() -> None:
    assert rogan_gladen(0, 0, 0.9, 50, 0.9, 50).reason == "no observations"


rates = st.floats(0, 1)


@given(
    st.integers(1, 200).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))),
    rates,
    rates,
    st.integers(1, 50),
    st.integers(1, 50),
)
def test_bounds_and_mirror(
    pair: tuple[int, int], sensitivity: float, specificity: float, m1: int, m0: int
) -> None:
    """0 <= low <= value <= high <= 1, and calling the other outcome positive mirrors it."""
    positives, n = pair
    here = rogan_gladen(positives, n, sensitivity, m1, specificity, m0)
    there = rogan_gladen(n - positives, n, specificity, m0, sensitivity, m1)
    assert here.known == there.known
    if here.known:
        assert 0 <= here.low <= here.value <= here.high <= 1
        ends = (1 - there.high, 1 - there.value, 1 - there.low)
        assert (here.low, here.value, here.high) == pytest.approx(ends, abs=1e-7)


def test_calibration_allocation() -> None:
    """Worked out by hand from m / (1 + (1/p - 1) sqrt(kappa))."""
    assert calibration_positives(250, 0.132, 0.85, 0.95) == 52
    assert calibration_positives(100, 0.5, 0.8, 0.8) == 50
    assert calibration_positives(2, 0.001, 0.5, 0.5) == 1


@pytest.mark.parametrize(
    "arguments",
    [
        (5, 4, 0.9, 10, 0.9, 10),
        (-1, 4, 0.9, 10, 0.9, 10),
        (1, 4, 1.2, 10, 0.9, 10),
        (1, 4, 0.9, 10, math.nan, 10),
        (1, 4, 0.9, 0, 0.9, 10),
        (math.nan, 4, 0.9, 10, 0.9, 10),
    ],
)
def test_bad_input(arguments: tuple[float, int, float, int, float, int]) -> None:
    with pytest.raises(UsageError):
        rogan_gladen(*arguments)


@pytest.mark.parametrize(
    "arguments", [(1, 0.1, 0.8, 0.9), (10, 0.0, 0.8, 0.9), (10, 0.1, 1.0, 0.9), (10, 0.1, 0.8, 1.2)]
)
def test_bad_calibration(arguments: tuple[int, float, float, float]) -> None:
    with pytest.raises(UsageError):
        calibration_positives(*arguments)
