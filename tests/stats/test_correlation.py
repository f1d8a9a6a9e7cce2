"""Rank correlation: scipy's values, a published table, brute force, and coverage as the claim."""

import csv
import itertools
import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from aligntax.errors import UsageError
from aligntax.stats.correlation import bonett_wright_bounds, spearman, spearman_p_value

LATER = {
    "GPT-4o-2024-08-06",
    "Claude-3.5-sonnet",
    "Gemma-2-9b",
    "Gemma-2-27b",
    "Llama-3.1-8B",
    "Llama-3.1-70B",
    "Llama-3.1-405B",
}
"""Models that the published table got after the paper's first version."""


def _columns(generator: np.random.Generator, n: int, rho: float, ties: bool) -> tuple[np.ndarray, np.ndarray]:
    x = generator.normal(size=n)
    y = rho * x + math.sqrt(1 - rho**2) * generator.normal(size=n)
    return (np.round(2 * x), np.round(2 * y)) if ties else (x, y)


@pytest.mark.parametrize("ties", [False, True])
@pytest.mark.parametrize("n", [5, 12, 200])
def test_value_is_that_of_scipy(n: int, ties: bool) -> None:
    """With and without ties."""
    x, y = _columns(np.random.default_rng(n), n, 0.6, ties)
    found = spearman(x, y, replicates=200)
    assert found.value == pytest.approx(float(stats.spearmanr(x, y).statistic))
    assert (found.n, found.unit) == (n, "correlation")


def test_published_table(shared_data: Path) -> None:
    """Over-refusal against safety: .8935 over 32 models, .8784 over the first 25."""
    with (shared_data / "tables" / "orbench_published_table.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    early = [row for row in rows if row["model"] not in LATER]
    for models, value, count in ((rows, 0.8935, 32), (early, 0.8784, 25)):
        columns = [
            [float(row[name]) for row in models]
            for name in ("over_refusal_pct_hard1k", "toxic_rejection_pct")
        ]
        found = spearman(*columns)
        assert (round(found.value, 4), found.n) == (value, count)
        assert 0.6 < found.low < value < found.high < 0.98
        assert spearman_p_value(*columns) < 0.001


def test_replicates_rank_anew() -> None:
    """The interval against percentiles of scipy's value on rows drawn one sample at a time: alike for
    values in the middle, where BCa moves little."""
    generator = np.random.default_rng(3)
    x, y = _columns(generator, 60, 0.4, ties=True)
    drawn = generator.integers(60, size=(600, 60))
    values = [float(stats.spearmanr(x[at], y[at]).statistic) for at in drawn]
    found = spearman(x, y, level=0.9)
    assert (found.low, found.high) == pytest.approx(np.quantile(values, [0.05, 0.95]), abs=0.05)


@pytest.mark.parametrize(("n", "rho", "ties"), [(10, 0.9, True), (25, 0.0, False), (32, 0.9, False)])
def test_covers(n: int, rho: float, ties: bool) -> None:
    """Near its level down to ten rows, where the ranks often agree completely."""
    generator, hits = np.random.default_rng(4), []
    truth = 6 / math.pi * math.asin(rho / 2)
    if ties:
        truth = float(stats.spearmanr(*_columns(generator, 400_000, rho, ties)).statistic)
    for seed in range(150):
        found = spearman(*_columns(generator, n, rho, ties), replicates=600, seed=seed)
        hits.append(found.low <= truth <= found.high)
    assert np.mean(hits) >= 0.91


def test_complete_agreement_is_not_certainty() -> None:
    """Six rows in the same order: up to 1, but down to where two neighbours swapped would reach."""
    same, reverse = spearman(range(6), range(6)), spearman(range(6), range(0, -6, -1))
    swapped = float(stats.spearmanr(range(6), [1, 0, 2, 3, 4, 5]).statistic)
    assert (same.value, same.high) == (1.0, 1.0)
    assert same.low == pytest.approx(bonett_wright_bounds(swapped, 6, 0.95)[0])
    assert (reverse.low, reverse.high) == pytest.approx((-same.high, -same.low))
    assert spearman(range(40), range(40)).low > 0.95


def test_bonett_wright_by_hand() -> None:
    """R = .5, n = 28: half-width 1.96 * sqrt(1.125 / 25) on Fisher's scale, around .5493."""
    low, high = bonett_wright_bounds(0.5, 28, 0.95)
    assert math.atanh(low) == pytest.approx(0.549306 - 0.415771, abs=2e-6)
    assert math.atanh(high) == pytest.approx(0.549306 + 0.415771, abs=2e-6)


@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), min_size=4, max_size=12))
def test_within_its_range(rows: list[tuple[int, int]]) -> None:
    """Heavy ties and all: -1 <= low <= value <= high <= 1, and turning a column around turns the value."""
    x, y = np.array(rows).T
    found = spearman(x, y, replicates=200)
    if found.known:
        assert -1 <= found.low <= found.value <= found.high <= 1
        assert spearman(x, -y, replicates=200).value == pytest.approx(-found.value)


def test_p_value_goes_through_all_orders() -> None:
    """Against every order of six rows, with scipy's value."""
    x, y = [1, 2, 3, 4, 5, 6], [2, 1, 4, 3, 6, 6]
    observed = abs(stats.spearmanr(x, y).statistic)
    sizes = [abs(stats.spearmanr(x, order).statistic) for order in itertools.permutations(y)]
    assert spearman_p_value(x, y) == pytest.approx(np.mean(np.array(sizes) >= observed - 1e-9))
    assert spearman_p_value([1, 2, 3, 4], [1, 2, 3, 4]) == pytest.approx(2 / 24)


def test_p_value_of_many_rows() -> None:
    """Orders drawn at random: close to scipy's t approximation; never nothing."""
    x, y = _columns(np.random.default_rng(5), 60, 0.2, ties=False)
    assert spearman_p_value(x, y) == pytest.approx(float(stats.spearmanr(x, y).pvalue), abs=0.02)
    assert spearman_p_value(range(50), range(50), replicates=99) == 0.01


@pytest.mark.parametrize(
    ("x", "y", "words"), [([1, 2, 3], [1, 2, 3], "3 rows"), ([1, 1, 1, 1], [1, 2, 3, 4], "same value")]
)
def test_unknown(x: list[float], y: list[float], words: str) -> None:
    """Too few rows, or a column that does not vary: nan, with the reason."""
    found = spearman(x, y)
    assert math.isnan(found.value)
    assert words in found.reason
    assert math.isnan(spearman_p_value(x, y))


def test_bad_arguments() -> None:
    with pytest.raises(UsageError, match="index 2"):
        spearman([1, 2, math.nan, 4], [1, 2, 3, 4])
    with pytest.raises(UsageError, match="4 values in the first column, 3"):
        spearman_p_value([1, 2, 3, 4], [1, 2, 3])
    with pytest.raises(UsageError, match="too few"):
        spearman([1, 2, 3, 4], [1, 2, 3, 5], replicates=5)
    with pytest.raises(UsageError, match="replicate"):
        spearman_p_value([1, 2, 3, 4], [1, 2, 3, 5], replicates=0)
