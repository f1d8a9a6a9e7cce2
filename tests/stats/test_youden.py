"""Youden's J: by hand, and by its coverage."""

import math

import numpy as np
import pytest

from aligntax.records import unknown
from aligntax.stats.comparison import difference
from aligntax.stats.intervals import wilson
from aligntax.stats.youden import youden


def test_by_hand() -> None:
    found = youden(wilson(20, 100), wilson(3, 50))
    assert found.value == pytest.approx(0.8 - 0.06)
    assert found.low < found.value < found.high
    assert (found.unit, found.n, found.level) == ("difference", 150, 0.95)


def test_it_is_newcombe_for_wilson_intervals() -> None:
    """Refusals of harmful requests less refusals of harmless ones."""
    found, known = youden(wilson(20, 100), wilson(3, 50)), difference(47, 50, 20, 100)
    assert (found.value, found.low, found.high) == pytest.approx((known.value, known.low, known.high))


def test_ends_of_the_scale() -> None:
    assert youden(wilson(0, 40), wilson(0, 40)).high == 1
    assert youden(wilson(40, 40), wilson(40, 40)).value == -1


def test_one_rate_is_not_known() -> None:
    found = youden(wilson(1, 9), unknown("no observations", unit="rate"))
    assert math.isnan(found.value)
    assert found.reason == "harmful compliance is not known: no observations"


@pytest.mark.parametrize(("over", "complied"), [(0.1, 0.02), (0.4, 0.3), (0.02, 0.5)])
def test_coverage(over: float, complied: float) -> None:
    """Over 2,000 packs of 126 harmless and 47 harmful requests."""
    draw = np.random.default_rng(11)
    truth, covered = 1 - over - complied, 0
    for _ in range(2000):
        found = youden(
            wilson(int(draw.binomial(126, over)), 126), wilson(int(draw.binomial(47, complied)), 47)
        )
        covered += found.low <= truth <= found.high
    assert covered / 2000 >= 0.935
