"""Two rates side by side: published values, and coverage as the claim."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aligntax.errors import UsageError
from aligntax.stats.comparison import (
    benjamini_hochberg,
    difference,
    exact_mcnemar,
    paired_difference,
    wald_paired_difference,
)

LEVELS = (0.8, 0.9, 0.95)


def test_newcombe_vector() -> None:
    """149 of 250 against 74 of 250, to the digits given."""
    found = difference(149, 250, 74, 250)
    assert found.value == pytest.approx(0.3)
    assert (found.low, found.high) == pytest.approx((0.21431, 0.37936), abs=6e-6)
    assert (found.n, found.unit) == (500, "difference")


@pytest.mark.parametrize(
    ("pair", "p_value"), [((80, 5), 1.8057729e-18), ((9, 3), 0.14599609), ((5, 0), 0.0625), ((0, 0), 1.0)]
)
def test_mcnemar_vectors(pair: tuple[int, int], p_value: float) -> None:
    """The exact test, to the digits given."""
    assert exact_mcnemar(*pair) == pytest.approx(p_value, rel=5e-8)
    assert exact_mcnemar(*pair[::-1]) == pytest.approx(p_value, rel=5e-8)


def test_paired_wald_vector() -> None:
    """(80, 5) of 250: .300, standard error .03162, from .2380 to .3620."""
    found = wald_paired_difference(80, 5, 250)
    assert found.value == pytest.approx(0.3)
    assert (found.high - found.low) / 2 / 1.9599640 == pytest.approx(0.03162, abs=6e-6)
    assert (found.low, found.high) == pytest.approx((0.2380, 0.3620), abs=6e-5)


def test_benjamini_hochberg_vector() -> None:
    """The worked example, in any order."""
    values = np.array([0.001, 0.008, 0.039, 0.041, 0.042, 0.06, 0.074, 0.205])
    adjusted = np.array([0.008, 0.032, 0.0672, 0.0672, 0.0672, 0.08, 0.08457143, 0.205])
    assert benjamini_hochberg(values) == pytest.approx(adjusted, abs=5e-9)
    order = np.random.default_rng(1).permutation(8)
    assert benjamini_hochberg(values[order]) == pytest.approx(adjusted[order], abs=5e-9)
    assert benjamini_hochberg([]).shape == (0,)


@given(st.lists(st.floats(0, 1), min_size=1, max_size=40))
def test_benjamini_hochberg_keeps_order(values: list[float]) -> None:
    """Adjusted values are never smaller, stay in [0, 1], and keep the order of the values."""
    adjusted = benjamini_hochberg(values)
    assert (adjusted >= np.array(values) - 1e-15).all()
    assert (adjusted <= 1).all()
    assert (np.diff(adjusted[np.argsort(values)]) >= 0).all()


def test_benjamini_hochberg_keeps_its_promise() -> None:
    """Of 100 terms, 20 real, at most a tenth of those found at q = .1 are false on average."""
    generator, shares = np.random.default_rng(2), []
    for _ in range(500):
        p = np.concatenate([generator.beta(0.05, 5, 20), generator.uniform(0, 1, 80)])
        found = benjamini_hochberg(p) <= 0.1
        shares.append(found[20:].sum() / max(1, found.sum()))
    assert np.mean(shares) <= 0.1


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize(
    ("first", "second", "n", "other_n"),
    [
        (0.6, 0.3, 250, 250),
        (0.1, 0.05, 100, 100),
        (0.02, 0.01, 100, 200),
        (0.08, 0.08, 40, 60),
        (0.95, 0.8, 50, 50),
    ],
)
def test_newcombe_covers(first: float, second: float, n: int, other_n: int, level: float) -> None:
    """As often as it says, averaged over nearby truths, which counts being whole numbers demands."""
    generator = np.random.default_rng(3)
    truths = np.stack([generator.uniform(0.8, 1.2, 3000) * first, generator.uniform(0.8, 1.2, 3000) * second])
    truths = np.minimum(truths, 0.99)
    counts = generator.binomial([[n], [other_n]], truths)
    hits = []
    for (a, b), (p, q) in zip(counts.T, truths.T, strict=True):
        found = difference(int(a), n, int(b), other_n, level=level)
        hits.append(found.low <= p - q <= found.high)
    assert np.mean(hits) >= level - 0.015


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("n", [20, 50, 250])
@pytest.mark.parametrize(
    ("only_first", "only_second"), [(0.02, 0.01), (0.06, 0.01), (0.1, 0.1), (0.3, 0.02), (0.005, 0.0)]
)
def test_paired_covers(only_first: float, only_second: float, n: int, level: float) -> None:
    """At every level, size and discordance, where Wald's falls as low as a tenth."""
    generator = np.random.default_rng(4)
    draws = generator.multinomial(n, [only_first, only_second, 1 - only_first - only_second], size=1500)
    truth, hits = only_first - only_second, []
    for b, c, _ in draws.tolist():
        found = paired_difference(b, c, n, level=level)
        hits.append(found.low <= truth <= found.high)
    assert np.mean(hits) >= level - 0.02


def test_wald_does_not_cover() -> None:
    """The reason not to use it: six in a hundred change, and of nominal 95 % it covers less than 80 %."""
    generator = np.random.default_rng(5)
    draws = generator.multinomial(20, [0.06, 0.01, 0.93], size=1500).tolist()
    found = [wald_paired_difference(b, c, 20) for b, c, _ in draws]
    assert np.mean([e.low <= 0.05 <= e.high for e in found]) < 0.8


tables = st.integers(1, 300).flatmap(
    lambda n: st.tuples(st.integers(0, n), st.just(n)).flatmap(
        lambda pair: st.tuples(st.just(pair[0]), st.integers(0, n - pair[0]), st.just(n))
    )
)


@given(tables)
def test_swapping_mirrors(table: tuple[int, int, int]) -> None:
    """First against second is second against first with the other sign; bounds hold the value."""
    b, c, n = table
    for here, there in (
        (paired_difference(b, c, n), paired_difference(c, b, n)),
        (difference(b, n, c, n + 5), difference(c, n + 5, b, n)),
    ):
        assert (here.low, here.value, here.high) == pytest.approx(
            (-there.high, -there.value, -there.low), abs=1e-12
        )
        assert -1 - 1e-12 <= here.low <= here.value <= here.high <= 1 + 1e-12


@given(tables)
def test_widens_as_items_fall(table: tuple[int, int, int]) -> None:
    """Four times the items, an interval at most as wide."""
    b, c, n = table
    for few, many in (
        (paired_difference(b, c, n), paired_difference(4 * b, 4 * c, 4 * n)),
        (difference(b, n, c, n), difference(4 * b, 4 * n, 4 * c, 4 * n)),
    ):
        assert many.high - many.low <= few.high - few.low + 1e-12


def test_nothing_seen_is_unknown() -> None:
    """Without items on either side the difference is nan, with the reason."""
    for found in (difference(0, 0, 3, 9), paired_difference(0, 0, 0), wald_paired_difference(0, 0, 0)):
        assert math.isnan(found.value)
        assert found.reason
    for n in (1, 2):
        assert paired_difference(1, 0, n).known


@pytest.mark.parametrize("table", [(-1, 0, 5), (3, 3, 5), (0, -2, 5)])
def test_bad_pairs(table: tuple[int, int, int]) -> None:
    for function in (paired_difference, wald_paired_difference):
        with pytest.raises(UsageError, match="items that differ"):
            function(*table)


def test_bad_counts() -> None:
    """More events than items, negative counts and p-values that are none."""
    with pytest.raises(UsageError, match="6 events among 5 items"):
        difference(6, 5, 1, 5)
    with pytest.raises(UsageError):
        exact_mcnemar(-1, 4)
    with pytest.raises(UsageError, match="index 1"):
        benjamini_hochberg([0.1, math.nan])
