"""Dominance against a brute force, and the additive epsilon by hand."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from aligntax.frontier.pareto import additive_epsilon, non_dominated

coordinates = st.sampled_from([0.0, 0.25, 0.5, 1.0])
sets = st.integers(1, 7).flatmap(lambda n: arrays(float, (3, n, 3), elements=coordinates))


@given(sets)
def test_non_dominated_is_brute_force(losses: np.ndarray) -> None:
    found = non_dominated(losses)
    for row, kept in zip(losses, found, strict=True):
        for point, is_kept in zip(row, kept, strict=True):
            beaten = any((other <= point).all() and (other < point).any() for other in row)
            assert is_kept == (not beaten)


def test_in_pieces_as_in_one(monkeypatch: pytest.MonkeyPatch) -> None:
    losses = np.random.default_rng(1).random((50, 6, 3))
    whole = non_dominated(losses)
    monkeypatch.setattr("aligntax.frontier.pareto._PAIRS", 100)
    assert (non_dominated(losses) == whole).all()


def test_equals_live_together_and_unknown_does_not() -> None:
    losses = np.array([[[1, 1, 1], [1, 1, 1], [1, 1, 2], [0, math.nan, 0]]], float)
    assert non_dominated(losses).tolist() == [[True, True, False, False]]


def test_all_but_one_dominated() -> None:
    losses = np.array([[[0.1, 0.1, 0.1], [0.2, 0.1, 0.1], [0.3, 0.3, 0.3]]])
    assert non_dominated(losses).tolist() == [[True, False, False]]


def test_epsilon_by_hand() -> None:
    """To reach (0,0,0) from (.3,.1,.2) takes .3; from a second point (.1,.25,.1) .25, which is nearer."""
    mine = np.array([[[0.3, 0.1, 0.2], [0.1, 0.25, 0.1]]])
    assert additive_epsilon(mine, np.zeros((1, 1, 3))) == pytest.approx([0.25])
    assert additive_epsilon(mine, mine) == pytest.approx([0.0])
    assert additive_epsilon(np.zeros((1, 1, 3)), mine) == pytest.approx([-0.1])


@given(sets)
def test_epsilon_covers(losses: np.ndarray) -> None:
    """Improved by epsilon on every axis, some point is no worse than each of the others; by less, none is."""
    mine, others = losses[:, :1], losses
    needed = additive_epsilon(mine, others)
    for row, other, epsilon in zip(mine, others, needed, strict=True):
        assert all(((row - epsilon) <= target + 1e-12).all(axis=1).any() for target in other)
        assert not all(((row - epsilon + 1e-6) <= target).all(axis=1).any() for target in other)
