"""Two means whose items do not meet."""

import math

import numpy as np
import pytest

from aligntax.stats.comparison import difference
from aligntax.stats.unpaired import (
    Sample,
    mean,
    sample_of,
    unpaired_difference,
    unpaired_normalised_tax,
    unpaired_p_value,
)


def test_counts_have_newcombes_interval() -> None:
    """149 of 250 against 74 of 250: what `difference` says of the counts."""
    first, second = (Sample(mean=k / 250, error=math.nan, n=250, successes=k) for k in (149, 74))
    found = unpaired_difference(first, second)
    assert found == difference(149, 250, 74, 250)


def test_standard_errors_make_an_interval_where_counts_are_not_known() -> None:
    """.5 with .03 against .4 with .04: .1 with .05, by 3-4-5."""
    found = unpaired_difference(Sample(mean=0.5, error=0.03), Sample(mean=0.4, error=0.04))
    assert (found.value, found.low, found.high) == pytest.approx((0.1, 0.1 - 0.0979982, 0.1 + 0.0979982))
    assert found.method == "two standard errors"
    p = unpaired_p_value(Sample(mean=0.5, error=0.03), Sample(mean=0.4, error=0.04))
    assert p == pytest.approx(0.0455003)  # two standard errors of the difference


def test_nothing_is_said_without_errors_or_counts() -> None:
    found = unpaired_difference(Sample(mean=0.5, error=math.nan), Sample(mean=0.4, error=0.04))
    assert not found.known
    assert found.reason == "neither counts nor standard errors are known of both"
    assert math.isnan(unpaired_p_value(Sample(mean=0.5, error=math.nan), Sample(mean=0.4, error=0.04)))
    alone = mean(Sample(mean=0.5, error=math.nan), unit="rate")
    assert alone.value == 0.5
    assert math.isnan(alone.low)


def test_the_score_test_pools() -> None:
    """30 of 100 against 20 of 100: z = .1 / sqrt(.25 * .75 * .02)."""
    first, second = (Sample(mean=k / 100, error=0.1, n=100, successes=k) for k in (30, 20))
    z = 0.1 / math.sqrt(0.25 * 0.75 * 0.02)
    assert unpaired_p_value(first, second) == pytest.approx(math.erfc(z / math.sqrt(2)))
    same = Sample(mean=1.0, error=0.0, n=10, successes=10)
    assert unpaired_p_value(same, same) == 1.0


def test_a_sample_of_clusters_has_the_error_of_clusters() -> None:
    """Four clusters of ten equal answers are four observations, not forty."""
    values = np.repeat([0.0, 1.0, 1.0, 0.0], 10)
    clustered = sample_of(values, np.repeat(["a", "b", "c", "d"], 10))
    four = sample_of(np.array([0.0, 1.0, 1.0, 0.0]))
    assert (clustered.mean, clustered.successes, clustered.clusters) == (0.5, None, 4)
    assert clustered.error == pytest.approx(four.error)
    assert four.successes == 2
    assert math.isnan(sample_of(np.array([1.0])).error)
    assert math.isnan(sample_of(np.array([])).mean)


def test_fieller_without_noise_in_the_reference_is_the_normal_interval() -> None:
    """Reference .5 for sure, aligned .4 with .02, a guess .1: the tax is .25 with .02 / .4."""
    found = unpaired_normalised_tax(Sample(mean=0.5, error=0.0), Sample(mean=0.4, error=0.02), 0.1)
    assert (found.value, found.low, found.high) == pytest.approx(
        (0.25, 0.25 - 1.959964 * 0.05, 0.25 + 1.959964 * 0.05)
    )


def test_a_reference_near_a_guess_has_no_tax() -> None:
    found = unpaired_normalised_tax(Sample(mean=0.27, error=0.02), Sample(mean=0.2, error=0.02), 0.25)
    assert not found.known
    assert found.reason == "the reference is not surely above a guess"


def test_fieller_covers() -> None:
    """Of 4,000 worlds with a true tax of .4, the 95 % interval holds it in 95 %."""
    generator = np.random.default_rng(1)
    reference, aligned = generator.normal(0.5, 0.05, 4000), generator.normal(0.4, 0.04, 4000)
    found = [
        unpaired_normalised_tax(Sample(mean=r, error=0.05), Sample(mean=a, error=0.04), 0.25)
        for r, a in zip(reference, aligned, strict=True)
    ]
    known = [one for one in found if one.known]
    assert len(known) > 3900
    assert np.mean([one.low <= 0.4 <= one.high for one in known]) == pytest.approx(0.95, abs=0.012)
