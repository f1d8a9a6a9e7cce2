"""Planning figures: the published table, and power and width as they come out in simulation."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aligntax.errors import UsageError
from aligntax.stats.comparison import exact_mcnemar
from aligntax.stats.exact import clopper_pearson
from aligntax.stats.intervals import wilson
from aligntax.stats.prediction_powered import prediction_powered_mean
from aligntax.stats.predictions import Predictions
from aligntax.stats.sample_size import (
    detectable_difference,
    labels_for_half_width,
    paired_detectable_difference,
    paired_sample_size,
    powered_half_width,
    powered_labels_for_half_width,
    two_sample_size,
    wilson_half_width,
    zero_failure_bound,
    zero_failure_size,
)


@pytest.mark.parametrize(
    ("rate", "other", "separate", "paired"),
    [
        (0.10, 0.05, 434, 217),
        (0.08, 0.05, 1059, 434),
        (0.05, 0.03, 1506, 783),
        (0.02, 0.01, 2318, 2352),
        (0.10, 0.08, 3213, 783),
    ],
)
def test_published_table(rate: float, other: float, separate: int, paired: int) -> None:
    """Items for 80 % power at 5 % two-sided, both designs; the order of the rates does not matter."""
    assert two_sample_size(rate, other) == two_sample_size(other, rate) == separate
    assert two_sample_size(1 - rate, 1 - other) == separate
    assert paired_sample_size(rate - other) == paired


@pytest.mark.parametrize(
    ("n", "bound"), [(100, 0.0295), (200, 0.0149), (300, 0.0099), (600, 0.0050), (1000, 0.0030)]
)
def test_zero_failures(n: int, bound: float) -> None:
    """The published bounds; they are Clopper and Pearson's."""
    assert zero_failure_bound(n) == pytest.approx(bound, abs=6e-5)
    assert zero_failure_bound(n) == pytest.approx(clopper_pearson(0, n, level=0.9).high, rel=1e-9)


@given(st.floats(0.001, 0.5), st.sampled_from([0.8, 0.95, 0.99]))
def test_zero_failure_size_is_least(ceiling: float, level: float) -> None:
    """The size it gives reaches the ceiling, one trial fewer does not."""
    n = zero_failure_size(ceiling, level=level)
    assert zero_failure_bound(n, level=level) <= ceiling * (1 + 1e-9)
    assert n == 1 or zero_failure_bound(n - 1, level=level) > ceiling * (1 - 1e-9)


def test_two_sample_power() -> None:
    """The pooled z test with the planned size sees the change in four of five trials."""
    generator, n = np.random.default_rng(1), two_sample_size(0.08, 0.05)
    a, b = generator.binomial(n, 0.08, 20_000) / n, generator.binomial(n, 0.05, 20_000) / n
    mean = (a + b) / 2
    assert np.mean(np.abs(a - b) > 1.959964 * np.sqrt(2 * mean * (1 - mean) / n)) == pytest.approx(
        0.8, abs=0.015
    )


def test_paired_power() -> None:
    """The exact McNemar test, a little careful, with the planned size sees it in three of four."""
    generator, n = np.random.default_rng(2), paired_sample_size(0.03)
    draws = generator.multinomial(n, [0.04, 0.01, 0.95], size=2000).tolist()
    assert 0.7 < np.mean([exact_mcnemar(b, c) < 0.05 for b, c, _ in draws]) < 0.83


@pytest.mark.parametrize("rate", [0.02, 0.08, 0.5, 0.9])
@pytest.mark.parametrize("n", [200, 1000, 20_000])
def test_detectable_difference_is_the_inverse(n: int, rate: float) -> None:
    """Planning for the difference that n items can see needs n items again."""
    fall, rise = detectable_difference(n, rate)
    for other in (rate - fall, rate + rise):
        if not math.isnan(other):
            assert two_sample_size(rate, other) == pytest.approx(n, abs=1)
    assert paired_sample_size(paired_detectable_difference(n)) == pytest.approx(n, abs=1)


def test_too_few_to_see_anything() -> None:
    """With 20 items a rate of 8 % can fall to nothing unseen; the reason is a nan, not a number."""
    fall, rise = detectable_difference(20, 0.08)
    assert math.isnan(fall)
    assert 0.2 < rise < 0.5
    assert math.isnan(paired_detectable_difference(3))
    assert math.isnan(detectable_difference(50, 0.0)[0])


def test_labels_for_half_width_are_least() -> None:
    """The number reaches the width, one label fewer does not; the width is Wilson's."""
    n = labels_for_half_width(0.08, 0.03)
    assert wilson_half_width(0.08, n) <= 0.03 < wilson_half_width(0.08, n - 1)
    found = wilson(20, 250)
    assert wilson_half_width(0.08, 250) == pytest.approx((found.high - found.low) / 2)
    m = powered_labels_for_half_width(0.08, 0.03, 0.85, 0.95)
    assert powered_half_width(0.08, m, 0.85, 0.95) <= 0.03 < powered_half_width(0.08, m - 1, 0.85, 0.95)
    assert m < n


@pytest.mark.parametrize(
    ("rate", "sensitivity", "specificity", "n", "population"),
    [
        (0.3, 0.85, 0.95, 100, 1000),
        (0.2, 0.6, 0.9, 200, 5000),
        (0.5, 0.9, 0.9, 60, 300),
        (0.12, 0.8, 0.97, 150, 4000),
    ],
)
def test_planned_width_is_the_width(
    rate: float, sensitivity: float, specificity: float, n: int, population: int
) -> None:
    """On average the interval comes out as wide as planned, within four parts in a hundred."""
    generator, widths = np.random.default_rng(3), []
    flagged = rate * sensitivity + (1 - rate) * (1 - specificity)
    for _ in range(600):
        labels = generator.random(n) < rate
        predictions = generator.random(n) < np.where(labels, sensitivity, 1 - specificity)
        mean = generator.binomial(population, flagged) / population
        rest = Predictions(population, mean, mean * (1 - mean) * population / (population - 1))
        found = prediction_powered_mean(labels, predictions, rest)
        widths.append((found.high - found.low) / 2)
    planned = powered_half_width(rate, n, sensitivity, specificity, population=population)
    assert np.mean(widths) == pytest.approx(planned, rel=0.04)


@given(st.floats(0.005, 0.995), st.integers(2, 3000), st.floats(0, 1), st.floats(0, 1))
def test_more_is_better(rate: float, n: int, sensitivity: float, specificity: float) -> None:
    """Twice the labels never widen the interval."""
    width = powered_half_width(rate, n, sensitivity, specificity)
    assert powered_half_width(rate, 2 * n, sensitivity, specificity) <= width + 1e-12
    assert wilson_half_width(rate, 2 * n) <= wilson_half_width(rate, n)


@pytest.mark.parametrize(
    "call",
    [
        lambda: two_sample_size(0.1, 0.1),
        lambda: two_sample_size(8, 5),
        lambda: two_sample_size(0.1, math.nan),
        lambda: two_sample_size(0.1, 0.2, power=1.0),
        lambda: two_sample_size(0.1, 0.2, level=95),
        lambda: paired_sample_size(0.0),
        lambda: paired_sample_size(0.9, background=0.1),
        lambda: detectable_difference(0, 0.1),
        lambda: paired_detectable_difference(100, background=0.6),
        lambda: labels_for_half_width(0.1, 0.0),
        lambda: labels_for_half_width(0.1, 1e-9),
        lambda: powered_half_width(0.1, 1, 0.9, 0.9),
        lambda: powered_half_width(0.1, 50, 0.9, 1.9),
        lambda: powered_half_width(0.1, 50, 0.9, 0.9, population=0),
        lambda: zero_failure_size(0.0),
        lambda: zero_failure_bound(0),
    ],
)
def test_bad_input(call: object) -> None:
    """What cannot be planned is an error that says what to give."""
    with pytest.raises(UsageError):
        call()  # type: ignore[operator]
