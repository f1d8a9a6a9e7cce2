"""The tax at a given harm: worked out by hand, and what may not change it."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aligntax.frontier.matched import Matched, area_under, matched, standing

HARM = np.array([[0.02, 0.06, 0.10, 0.20]])
TAX = np.array([[0.30, 0.20, 0.10, 0.04]])
REFUSES = np.array([[0.05, 0.05, 0.05, 0.05]])


def tax_at(harm: float, *, tax: np.ndarray = TAX, refuses: np.ndarray = REFUSES, cap: float = 0.1) -> float:
    return float(matched(HARM, refuses, tax, at=harm, cap=cap).at(tax)[0])


@pytest.mark.parametrize(
    ("harm", "tax"),
    [
        (0.06, 0.20),  # a configuration itself
        (0.08, 0.15),  # half way from .06 to .10
        (0.03, 0.275),  # a quarter of the way from .02 to .06
        (0.15, 0.07),  # half way from .10 to .20
        (0.50, 0.04),  # less harm than allowed is allowed
    ],
)
def test_interpolation(harm: float, tax: float) -> None:
    assert tax_at(harm) == pytest.approx(tax)


def test_below_the_least_harm_there_is_nothing() -> None:
    place = matched(HARM, REFUSES, TAX, at=0.01, cap=0.1)
    assert not place.reached[0]
    assert math.isnan(place.at(TAX)[0])


def test_a_configuration_over_the_cap_does_not_count() -> None:
    """Without the one at .06, .08 lies three quarters of the way from .02 to .10."""
    refuses = np.array([[0.05, 0.12, 0.05, 0.05]])
    assert tax_at(0.08, refuses=refuses) == pytest.approx(0.30 - 0.75 * 0.20)
    assert tax_at(0.08, refuses=refuses, cap=0.12) == pytest.approx(0.15)
    assert math.isnan(tax_at(0.08, refuses=np.full((1, 4), 0.5)))


def test_a_beaten_configuration_does_not_count() -> None:
    """The one at .10 has more harm and more tax than the one at .06: the envelope goes from .06 to .20."""
    tax = np.array([[0.30, 0.20, 0.25, 0.04]])
    assert tax_at(0.10, tax=tax) == pytest.approx(0.20 - 4 / 14 * 0.16)


def test_all_on_one_harm() -> None:
    """Of several with the same harm the one with the least tax counts."""
    harm = np.full((1, 3), 0.1)
    tax = np.array([[0.3, 0.1, 0.2]])
    for at in (0.1, 0.3):
        assert matched(harm, np.zeros((1, 3)), tax, at=at, cap=1.0).at(tax)[0] == 0.1


@given(
    st.lists(st.tuples(*[st.floats(0, 1)] * 3), min_size=1, max_size=7),
    st.floats(0, 1),
    st.floats(0, 1),
    st.floats(0.1, 1),
)
def test_more_harm_never_costs_more(
    points: list[tuple[float, float, float]], harm: float, other: float, cap: float
) -> None:
    """Monotone in the harm allowed; and better than or equal to the best configuration that has it."""
    harms, refuses, tax = (np.array([column]) for column in zip(*points, strict=True))
    low, high = (
        float(matched(harms, refuses, tax, at=at, cap=cap).at(tax)[0]) for at in sorted((harm, other))
    )
    assert math.isnan(low) or high <= low + 1e-9
    within = [t for h, o, t in points if h <= max(harm, other) and o <= cap]
    assert math.isnan(high) == (not within)
    assert not within or high <= min(within) + 1e-9


def test_area_by_hand() -> None:
    """From .02 to .06 the mean is .25, to .10 .15, and to .30: .07 over a tenth, then .04 over another."""
    area = area_under(HARM, REFUSES, TAX, low=0.02, high=0.30, cap=0.1)[0]
    assert area == pytest.approx((0.04 * 0.25 + 0.04 * 0.15 + 0.10 * 0.07 + 0.10 * 0.04) / 0.28)
    assert math.isnan(area_under(HARM, REFUSES, TAX, low=0.01, high=0.30, cap=0.1)[0])


def test_a_standing_follows_the_line() -> None:
    """Half way between two configurations, .02 more harm on both at a slope of -2.5 is worth .05 of tax."""
    harm, tax = np.repeat(HARM, 3, axis=0), np.repeat(TAX, 3, axis=0)
    harm[1] += 0.02
    tax[2] += 0.03
    place = matched(harm, np.repeat(REFUSES, 3, axis=0), tax, at=0.08, cap=0.1)
    found = standing(tax, harm, place, at=0.08)
    assert found.values == pytest.approx([0.15, 0.15 + 0.05, 0.18])
    assert found.reached == 1.0
    assert found.known


def test_a_standing_that_is_not_reached() -> None:
    place = Matched(np.zeros(3, int), np.zeros(3, int), np.zeros(3), np.array([False, True, False]))
    found = standing(np.ones((3, 2)), np.ones((3, 2)), place, at=0.1)
    assert not found.known
    assert found.reached == 0.5
