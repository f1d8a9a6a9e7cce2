"""Spending labels over strata."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aligntax.errors import UsageError
from aligntax.stats.allocation import neyman_allocation

strata = st.lists(st.tuples(st.integers(0, 500), st.floats(0, 0.5)), max_size=12)


@given(st.integers(0, 800), strata, st.integers(0, 4))
def test_sums_and_bounds(budget: int, rows: list[tuple[int, float]], floor: int) -> None:
    """The whole budget or the whole population is spent, no stratum over its size, floors kept."""
    sizes, deviations = [r[0] for r in rows], [r[1] for r in rows]
    given = neyman_allocation(budget, sizes, deviations, floor=floor)
    assert given.sum() == min(budget, sum(sizes))
    assert ((given >= 0) & (given <= np.array(sizes, int))).all()
    floors = np.minimum(sizes, floor)
    if budget >= floors.sum():
        assert (given >= floors).all()


@given(st.integers(1, 800), strata.filter(lambda rows: len({r for r in rows}) == len(rows)), st.randoms())
def test_order_of_strata_does_not_matter(budget: int, rows: list[tuple[int, float]], random: object) -> None:
    """Every stratum gets what it gets wherever it stands, but for ties."""
    shuffled = list(rows)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    here, there = (
        dict(zip(table, neyman_allocation(budget, *zip(*table, strict=True)).tolist(), strict=True))
        if table
        else {}
        for table in (rows, shuffled)
    )
    assert all(abs(here[row] - there[row]) <= 1 for row in here)


@given(st.integers(0, 300), strata)
def test_more_budget_takes_nothing_away(budget: int, rows: list[tuple[int, float]]) -> None:
    """With a larger budget no stratum loses more than rounding."""
    sizes, deviations = [r[0] for r in rows], [r[1] for r in rows]
    before, after = (neyman_allocation(b, sizes, deviations) for b in (budget, budget + 40))
    assert (after >= before - 1).all()


def test_proportional_to_size_times_deviation() -> None:
    """90 x 10 against 10 x 90: even; twice the deviation, twice the labels."""
    assert neyman_allocation(100, [9000, 1000], [0.05, 0.45]).tolist() == [50, 50]
    assert neyman_allocation(90, [1000, 1000], [0.4, 0.2]).tolist() == [60, 30]


def test_it_is_the_best() -> None:
    """No other split of 40 labels over three strata, floors kept, gives a smaller variance."""
    sizes, deviations = np.array([500, 200, 60]), np.array([0.15, 0.4, 0.5])

    def variance(split: np.ndarray) -> float:
        return float((sizes**2 * deviations**2 / split).sum())

    found = neyman_allocation(40, sizes, deviations)
    others = [np.array([a, b, 40 - a - b]) for a in range(2, 37) for b in range(2, 39 - a)]
    assert variance(found) == pytest.approx(min(map(variance, others)), rel=1e-3)


def test_small_strata_are_taken_whole() -> None:
    """A stratum that holds fewer than its share gives the rest to the others."""
    assert neyman_allocation(100, [10**9, 5], [0.0, 0.5]).tolist() == [95, 5]
    assert neyman_allocation(60, [1000, 3, 1000], [0.1, 0.5, 0.1]).tolist() == [29, 2, 29]


@pytest.mark.parametrize(
    ("budget", "given"), [(0, [0, 0, 0]), (1, [1, 0, 0]), (2, [1, 1, 0]), (4, [2, 1, 1]), (6, [2, 2, 2])]
)
def test_too_small_a_budget(budget: int, given: list[int]) -> None:
    """What does not reach the floors goes round, the largest stratum first."""
    assert neyman_allocation(budget, [90, 50, 20], [0.1, 0.1, 0.5]).tolist() == given


def test_no_deviation_known() -> None:
    """When nothing varies, sizes decide; empty strata get nothing."""
    assert neyman_allocation(10, [100, 300, 0], [0, 0, 0]).tolist() == [3, 7, 0]
    assert neyman_allocation(5, [], []).tolist() == []


@pytest.mark.parametrize(
    ("budget", "sizes", "deviations"),
    [
        (-1, [5], [0.1]),
        (5, [5, 6], [0.1]),
        (5, [-5], [0.1]),
        (5, [5.5], [0.1]),
        (5, [5], [-0.1]),
        (5, [5], [math.nan]),
        (5, [math.inf], [0.1]),
    ],
)
def test_bad_input(budget: int, sizes: list[float], deviations: list[float]) -> None:
    with pytest.raises(UsageError):
        neyman_allocation(budget, sizes, deviations)
