"""Volumes worked out on paper, by inclusion and exclusion, and what may not change them."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from aligntax.errors import UsageError
from aligntax.frontier.hypervolume import hypervolume

ORIGIN = np.zeros(3)
points = st.integers(1, 6).flatmap(
    lambda n: arrays(float, (n, 3), elements=st.sampled_from([-0.5, 0.0, 0.125, 0.25, 0.5, 0.75, 1.0]))
)


def volume(*gains: tuple[float, float, float], to: np.ndarray = ORIGIN) -> float:
    return float(hypervolume(np.array([gains], float).reshape(1, -1, 3), to)[0])


def by_inclusion_exclusion(gains: np.ndarray) -> float:
    """Sum over subsets of the volume of their intersection, with alternating sign."""
    sides = np.maximum(gains, 0)
    total = 0.0
    for size in range(1, len(sides) + 1):
        for subset in itertools.combinations(sides, size):
            total -= (-1) ** size * np.prod(np.min(subset, axis=0))
    return total


def test_one_box() -> None:
    """2 by 3 by 4."""
    assert volume((2, 3, 4)) == 24
    assert volume((2, 3, 4), to=np.array([1, 1, 1])) == 6


def test_two_boxes() -> None:
    """4 + 4 less the unit cube and a half they share: (1,2,2) and (2,2,1) meet in (1,2,1)."""
    assert volume((1, 2, 2), (2, 2, 1)) == 4 + 4 - 2


def test_three_boxes_that_meet_in_a_corner() -> None:
    """Three bars of length 3 and cross-section 1 share the unit cube: 3 + 3 + 3 less 3 pairs plus 1."""
    assert volume((3, 1, 1), (1, 3, 1), (1, 1, 3)) == 9 - 3 + 1


def test_a_staircase() -> None:
    """(3,1,2) (2,2,1) (1,3,3): below height 1 the area is 3+2+1, to 2 it is 3 of the first and third's
    3 less their shared 1, to 3 the third's 3."""
    assert volume((3, 1, 2), (2, 2, 1), (1, 3, 3)) == (3 + 2 + 1) + (3 + 3 - 1) + 3


def test_nothing_adds_nothing() -> None:
    """No points, points at or behind the reference on any axis, and unknown points."""
    assert volume() == 0
    assert volume((0, 5, 5), (-1, 5, 5), (math.nan, 5, 5)) == 0
    assert volume((1, 1, 1), (0, 5, 5), (math.nan, 5, 5)) == 1


@given(points)
def test_inclusion_exclusion(gains: np.ndarray) -> None:
    assert volume(*gains) == pytest.approx(by_inclusion_exclusion(gains[(gains > 0).all(axis=1)]), abs=1e-12)


@given(points, st.randoms(use_true_random=False))
def test_order_and_dominated_points_do_not_matter(gains: np.ndarray, random: object) -> None:
    """Shuffled, and with every point repeated a little worse, the volume is the same."""
    order = list(range(len(gains)))
    random.shuffle(order)  # type: ignore[attr-defined]
    assert volume(*gains[order]) == pytest.approx(volume(*gains), abs=1e-12)
    assert volume(*gains, *(gains - 0.0625)) == pytest.approx(volume(*gains), abs=1e-12)


@given(points)
def test_axes_are_alike(gains: np.ndarray) -> None:
    for order in itertools.permutations(range(3)):
        assert volume(*gains[:, order]) == pytest.approx(volume(*gains), abs=1e-12)


def test_monte_carlo() -> None:
    """Forty random points: the share of two hundred thousand darts that fall below some point."""
    generator = np.random.default_rng(1)
    gains = generator.random((40, 3))
    darts = generator.random((200_000, 3))
    hit = np.zeros(len(darts), bool)
    for point in gains:
        hit |= (darts < point).all(axis=1)
    assert volume(*gains) == pytest.approx(hit.mean(), abs=5 * 0.5 / math.sqrt(len(darts)))


def test_rows_are_judged_apart() -> None:
    generator = np.random.default_rng(2)
    gains = generator.normal(0.3, 0.3, (7, 5, 3))
    together = hypervolume(gains, ORIGIN)
    assert together == pytest.approx([volume(*row) for row in gains])


def test_three_axes_or_none() -> None:
    with pytest.raises(UsageError, match="three coordinates"):
        hypervolume(np.zeros((1, 2, 2)), np.zeros(2))
