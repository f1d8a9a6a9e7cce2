"""Holm's adjustment: a worked example, and the promise it makes."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aligntax.errors import UsageError
from aligntax.stats.comparison import benjamini_hochberg, holm


def test_vector() -> None:
    """.01 x 4, .02 x 3, .03 x 2 and .04 x 1, none below the one before; in any order."""
    values, adjusted = np.array([0.01, 0.02, 0.03, 0.04]), np.array([0.04, 0.06, 0.06, 0.06])
    assert holm(values) == pytest.approx(adjusted)
    order = np.random.default_rng(1).permutation(4)
    assert holm(values[order]) == pytest.approx(adjusted[order])
    assert holm([0.03]) == pytest.approx([0.03])
    assert holm([0.6, 0.7]) == pytest.approx([1.0, 1.0])
    assert holm([]).shape == (0,)


@given(st.lists(st.floats(0, 1), min_size=1, max_size=40))
def test_between_hochberg_and_bonferroni(values: list[float]) -> None:
    """Never below Benjamini and Hochberg's, never above Bonferroni's, in [0, 1], in the order of values."""
    adjusted = holm(values)
    assert (adjusted >= benjamini_hochberg(values) - 1e-12).all()
    assert (adjusted <= np.minimum(1, len(values) * np.array(values)) + 1e-12).all()
    assert (np.diff(adjusted[np.argsort(values, kind="stable")]) >= 0).all()


def test_keeps_its_promise() -> None:
    """Of 20 comparisons, 15 without a difference, a tenth of the studies at most name one of those."""
    generator, wrong = np.random.default_rng(2), []
    for _ in range(2000):
        p = np.concatenate([generator.beta(0.05, 5, 5), generator.uniform(0, 1, 15)])
        wrong.append((holm(p) <= 0.1)[5:].any())
    assert np.mean(wrong) <= 0.1 + 2.5 * math.sqrt(0.09 / 2000)


def test_no_p_values() -> None:
    with pytest.raises(UsageError, match="index 1"):
        holm([0.1, math.nan])
