"""Ratios of totals from samples by strata, with clusters across them."""

import math

import numpy as np
import pytest

from aligntax.errors import UsageError
from aligntax.stats.comparison import paired_difference
from aligntax.stats.stratified_ratio import StratifiedSample, stratified_p_value, stratified_ratio


def sample(strata: list[int], sizes: list[int], clusters: list[int] | None = None) -> StratifiedSample:
    codes = np.arange(len(strata)) if clusters is None else np.array(clusters)
    return StratifiedSample(np.array(strata, np.int64), sizes, codes)


def test_the_value_is_weighted_to_the_population() -> None:
    """Means of .5 and 0 in strata of 10 and 90: .05, whatever was drawn of each."""
    found = stratified_ratio([1, 0, 0, 0], np.ones(4), sample([0, 0, 1, 1], [10, 90]))
    assert found.value == pytest.approx(0.05)
    among = stratified_ratio([1, 0, 0, 0], [1, 1, 1, 0], sample([0, 0, 1, 1], [10, 90]))
    assert among.value == pytest.approx(0.05 / (0.1 + 0.9 / 2))
    assert (among.n, among.clusters) == (3, 3)


def test_one_stratum_of_independent_items_is_nearly_bonett_and_prices() -> None:
    values = np.array([1.0] * 6 + [-1.0] * 2 + [0.0] * 192)
    found = stratified_ratio(values, np.ones(200), sample([0] * 200, [5000]), limit=1.0)
    other = paired_difference(6, 2, 200)
    assert found.low == pytest.approx(other.low, abs=0.001)
    assert found.high == pytest.approx(other.high, abs=0.001)


def test_nothing_seen_is_not_nothing_there() -> None:
    found = stratified_ratio(np.zeros(20), np.ones(20), sample([0] * 10 + [1] * 10, [900, 100]), limit=1.0)
    assert (found.value, found.low < -0.1, found.high > 0.1) == (0.0, True, True)
    assert stratified_p_value(np.zeros(20), np.ones(20), sample([0] * 20, [100])) == 1.0
    alike = stratified_ratio(np.ones(6), np.ones(6), sample([0] * 6, [50]), unit="score", step=0.0)
    assert (alike.value, math.isnan(alike.low)) == (1.0, True)


def test_strata_add_no_variance_between_them() -> None:
    """Two strata that differ in their means, each without spread: hardly wider than one mean alone."""
    strata = [0] * 50 + [1] * 50
    values = np.array([0.0] * 50 + [1.0] * 50)
    by_strata = stratified_ratio(values, np.ones(100), sample(strata, [500, 500]), limit=1.0)
    apart = stratified_ratio(values, np.ones(100), sample([0] * 100, [1000]), limit=1.0)
    assert by_strata.high - by_strata.low < 0.4 * (apart.high - apart.low)


def test_clusters_across_strata_widen() -> None:
    generator = np.random.default_rng(0)
    users = np.repeat(np.arange(40), 5)
    values = generator.normal(size=40)[users] + 0.1 * generator.normal(size=200)
    strata = (np.arange(200) % 5 > 2).astype(int).tolist()
    one = stratified_ratio(values, np.ones(200), sample(strata, [800, 200]), unit="score", step=0.0)
    of_users = stratified_ratio(
        values, np.ones(200), sample(strata, [800, 200], users.tolist()), unit="score", step=0.0
    )
    assert of_users.high - of_users.low > 1.7 * (one.high - one.low)
    assert (of_users.clusters, of_users.value) == (40, pytest.approx(one.value))


def test_too_little_and_wrong() -> None:
    assert stratified_ratio([], [], sample([], [5])).reason == "no pairs"
    assert "single cluster" in stratified_ratio([1, 0], [1, 1], sample([0, 0], [5], [0, 0])).reason
    with pytest.raises(UsageError, match="one length"):
        stratified_ratio([1, 0], [1], sample([0, 0], [5]))
    with pytest.raises(UsageError, match="without a size"):
        stratified_ratio([1, 0], [1, 1], sample([0, 1], [5, 0]))
    blank = stratified_ratio([1, 0, 1], np.ones(3), sample([0, 0, 0], [5, 5]))
    assert "50.0% without an item" in blank.method


@pytest.mark.parametrize(
    ("base", "drawn"), [((0.1, 0.4, 0.5), (80, 60, 30)), ((0.02, 0.25, 0.5), (150, 80, 40))]
)
def test_coverage_over_strata_and_users(base: tuple[float, ...], drawn: tuple[int, ...]) -> None:
    """400 populations with users in all strata and rates that differ by stratum: .93 or more of .95."""
    hits, runs = 0, 400
    for seed in range(runs):
        generator = np.random.default_rng(seed)
        sizes = [3000, 700, 300]
        strata = np.repeat([0, 1, 2], sizes)
        users = generator.integers(0, 400, len(strata))
        effect = generator.normal(0, 0.7, 400)[users]
        odds = np.log(np.array(base) / (1 - np.array(base)))[strata] + effect
        first, second = (1 / (1 + np.exp(-odds - more)) for more in (0.0, 0.8))
        shared = generator.random(len(strata))
        other = np.where(generator.random(len(strata)) < 0.5, shared, generator.random(len(strata)))
        gaps = (other < second).astype(float) - (shared < first)
        rows = np.concatenate(
            [generator.choice(np.flatnonzero(strata == at), n, replace=False) for at, n in enumerate(drawn)]
        )
        made = StratifiedSample(strata[rows], sizes, users[rows])
        found = stratified_ratio(gaps[rows], np.ones(len(rows)), made, limit=1.0)
        hits += found.low <= float((second - first).mean()) <= found.high
    assert hits / runs >= 0.93
