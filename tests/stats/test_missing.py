"""Values that are missing, and not at random: the interval holds whatever they are."""

import math
from collections.abc import Callable

import numpy as np
import pytest

from aligntax.errors import UsageError
from aligntax.stats.ceiling import exact_mean
from aligntax.stats.exact import clopper_pearson
from aligntax.stats.missing import filled, worst_and_best


def test_by_hand() -> None:
    """2 of 8 seen, 2 missing: at least 2 of 10, at most 4 of 10."""
    values = [1, 1, 0, 0, 0, 0, 0, 0, math.nan, math.nan]
    found = worst_and_best(*filled(values), exact_mean)
    assert found.value == pytest.approx(0.25)
    assert found.low == pytest.approx(clopper_pearson(2, 10).low)
    assert found.high == pytest.approx(clopper_pearson(4, 10).high)
    assert (found.n, found.method) == (10, "Clopper-Pearson, 2 of 10 at their least and most")


def test_nothing_missing_is_the_interval_itself() -> None:
    values = np.array([1.0, 0.0, 0.0, 1.0])
    assert worst_and_best(values, values, exact_mean) == exact_mean(values)


def test_nothing_known_is_unknown() -> None:
    found = worst_and_best(*filled([math.nan, math.nan]), exact_mean)
    assert math.isnan(found.value)
    assert found.reason == "nothing is known of any"


def test_what_is_half_known() -> None:
    """Two of a prompt's three samples came, one of them harmful: its share is between 1/3 and 2/3."""
    found = worst_and_best([1 / 3, 0], [2 / 3, 0], exact_mean, seen=[1 / 2, 0])
    assert found.value == pytest.approx(0.25)
    assert found.high == exact_mean([2 / 3, 0]).high


@pytest.mark.parametrize("wrong", [lambda: filled([2.0]), lambda: worst_and_best([1.0], [0.0], exact_mean)])
def test_ranges_are_checked(wrong: Callable[[], object]) -> None:
    with pytest.raises(UsageError):
        wrong()


def test_coverage_where_the_events_go_missing() -> None:
    """Events are lost six times as often as the rest; what was seen alone covers almost never."""
    generator = np.random.default_rng(8)
    covered = naive = 0
    for _ in range(400):
        truth = (generator.random(200) < 0.1).astype(float)
        lost = generator.random(200) < np.where(truth, 0.6, 0.1)
        values = np.where(lost, np.nan, truth)
        found = worst_and_best(*filled(values), exact_mean)
        covered += found.low <= 0.1 <= found.high
        alone = exact_mean(values[~lost])
        naive += alone.low <= 0.1 <= alone.high
    assert covered >= 0.95 * 400
    assert naive < 0.7 * 400
