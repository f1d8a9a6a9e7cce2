"""Two models on the same items: hand-made values, brute force, and coverage as the claim."""

import itertools
import math

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from aligntax.errors import UsageError
from aligntax.stats.cluster_totals import MOST_ROWS, ClusterTotals, cluster_totals
from aligntax.stats.comparison import exact_mcnemar, paired_difference
from aligntax.stats.paired import log_ratio, mean_difference, normalised_tax, sign_flip_p_value
from timing import within

Floats = npt.NDArray[np.float64]


def _right_or_wrong(
    generator: np.random.Generator, clusters: int, worse: float, better: float, spread: float = 2.0
) -> tuple[Floats, Floats]:
    """Items of clusters that differ (intraclass correlation 1 / (1 + spread)), five each on average."""
    sizes = generator.geometric(0.2, clusters)
    shares = np.maximum([worse, better, 1 - worse - better], 1e-9)
    own = np.repeat(generator.dirichlet(shares * spread, clusters), sizes, axis=0)
    drawn = (generator.random(len(own))[:, None] > np.cumsum(own, axis=1)).sum(1)
    return np.array([1.0, -1.0, 0.0, 0.0])[drawn], np.repeat(np.arange(clusters), sizes)


def _totals(values: Floats, clusters: object = None) -> ClusterTotals:
    return cluster_totals(values, np.ones(len(values)), clusters)


def test_mean_by_hand() -> None:
    """Clusters (1, 2) and (6): mean 3 of three items, not of two clusters; both ends around it."""
    found = mean_difference([1.0, 2.0, 6.0], clusters=["a", "a", "b"])
    assert found.value == 3.0
    assert (found.n, found.clusters, found.unit) == (3, 2, "difference")
    assert found.low < 3.0 < found.high


def test_variance_by_hand() -> None:
    """Two clusters of one, 1 and 3: leaving either out moves the mean by 1, so the variance is 2."""
    assert _totals(np.array([1.0, 3.0])).variance == pytest.approx(2.0)


def test_variance_is_the_jackknife() -> None:
    """The formula against leaving each cluster out and working out the mean again."""
    generator = np.random.default_rng(1)
    values, clusters = generator.normal(0, 1, 60), generator.integers(0, 9, 60)
    left_out = np.array([values[clusters != c].mean() for c in range(9)])
    assert _totals(values, clusters).variance == pytest.approx(((left_out - values.mean()) ** 2).sum())


def test_resampling_sums_is_resampling_items() -> None:
    """A sample of clusters by their sums has the mean of the items of those clusters."""
    generator = np.random.default_rng(2)
    values, clusters = generator.integers(-2, 3, 40).astype(float), generator.integers(0, 6, 40)
    totals = _totals(values, clusters)
    drawn = generator.integers(0, 6, 6)
    items = np.concatenate([values[clusters == c] for c in drawn])
    order = [list(dict.fromkeys(clusters.tolist())).index(c) for c in drawn]
    ratio, _ = totals.ratios(np.bincount(order, minlength=6)[None, :].astype(float))
    assert ratio[0] == pytest.approx(items.mean())


def test_rows_that_are_alike_are_one() -> None:
    """Condensing keeps the ratio, its variance and the number of clusters, with three rows for 5,000."""
    generator = np.random.default_rng(3)
    totals = _totals(generator.choice([-1.0, 0.0, 1.0], 5000, p=[0.1, 0.7, 0.2]))
    few = totals.condensed(generator)
    assert len(few.over) == 3
    assert (few.ratio, few.variance) == (pytest.approx(totals.ratio), pytest.approx(totals.variance))
    assert few.clusters == 5000


def test_rows_that_differ_are_dealt_to_groups() -> None:
    """No sum gets lost, and the variance stays within what 1,024 groups can tell of it (2 %)."""
    generator = np.random.default_rng(4)
    totals = _totals(generator.normal(0, 1, 20_000))
    few = totals.condensed(generator)
    assert len(few.over) == MOST_ROWS
    assert few.ratio == pytest.approx(totals.ratio)
    assert few.variance == pytest.approx(totals.variance, rel=0.12)


def test_many_items_are_fast() -> None:
    """100,000 pairs in 20,000 clusters in under ten CPU seconds on a slow, busy core."""
    values = np.random.default_rng(5).normal(0.1, 1, 100_000)
    clusters = np.arange(100_000) // 5
    assert within(10, lambda: mean_difference(values, clusters=clusters))
    found = mean_difference(values, clusters=clusters)
    assert (found.high - found.low) / 2 == pytest.approx(1.96 / math.sqrt(100_000), rel=0.15)


def test_agrees_with_bonett_price() -> None:
    """Right or wrong and unclustered, it holds nearly the interval for that case, and is not much wider."""
    values = np.concatenate([np.ones(12), -np.ones(5), np.zeros(183)])
    ours, exact = mean_difference(values), paired_difference(12, 5, 200)
    assert ours.value == exact.value
    assert ours.low <= exact.low + 1e-3
    assert ours.high >= exact.high - 1e-3
    assert ours.high - ours.low < 1.25 * (exact.high - exact.low)


@pytest.mark.parametrize("clusters", [8, 20, 50])
@pytest.mark.parametrize(("worse", "better"), [(0.2, 0.1), (0.06, 0.03), (0.06, 0.0)])
def test_right_or_wrong_covers(clusters: int, worse: float, better: float) -> None:
    """In strongly dependent clusters .92 and more of a nominal .95, where percentiles fall to .65 to .9."""
    generator, hits = np.random.default_rng(6), []
    for seed in range(250):
        values, names = _right_or_wrong(generator, clusters, worse, better)
        found = mean_difference(values, clusters=names, replicates=500, seed=seed)
        hits.append(found.low <= worse - better <= found.high)
    assert np.mean(hits) >= 0.92


def test_percentiles_do_not_cover() -> None:
    """The reason not to use them: eight clusters, few items that change."""
    generator, hits = np.random.default_rng(7), []
    for _ in range(300):
        values, names = _right_or_wrong(generator, 8, 0.06, 0.03)
        totals = _totals(values, names)
        ratios = np.concatenate([totals.ratios(w)[0] for w in totals.replicates(500, generator)])
        low, high = np.quantile(ratios, [0.025, 0.975])
        hits.append(low <= 0.03 <= high)
    assert np.mean(hits) < 0.8


@pytest.mark.slow
@pytest.mark.parametrize("level", [0.8, 0.95])
@pytest.mark.parametrize("clusters", [8, 20, 50, 200])
@pytest.mark.parametrize("sigma", [0.0, 1.0])
def test_skewed_differences_cover(clusters: int, sigma: float, level: float) -> None:
    """Normal effects of clusters at the level; strongly skewed ones, which no sample shows whole, within
    ten points of it."""
    generator, hits = np.random.default_rng(8), []
    for seed in range(400):
        sizes = generator.geometric(0.2, clusters)
        effect = generator.lognormal(0, sigma, clusters) - np.exp(sigma**2 / 2) if sigma else 0.0
        own = np.repeat(effect + generator.normal(0, 0.3, clusters), sizes)
        values = own + generator.normal(0, 0.5, len(own))
        names = np.repeat(np.arange(clusters), sizes)
        found = mean_difference(values, clusters=names, level=level, replicates=500, seed=seed)
        hits.append(found.low <= 0 <= found.high)
    assert np.mean(hits) >= level - (0.1 if sigma else 0.03)


def test_no_difference_seen_is_not_certainty() -> None:
    """30 items that agree leave what one trial a cluster leaves: less as clusters, more as items."""
    alone, grouped = mean_difference(np.zeros(30)), mean_difference(np.zeros(30), clusters=np.arange(30) // 5)
    rule_of_three = 3 / 30
    assert alone.value == grouped.value == 0.0
    assert alone.high == pytest.approx(-alone.low)
    assert 0.8 * rule_of_three < alone.high < 1.2 * rule_of_three
    assert grouped.high > 0.4
    assert "one trial a cluster" in grouped.method


def test_all_lost_stays_within_one() -> None:
    """Differences of right and wrong never reach beyond -1 and 1."""
    found = mean_difference(-np.ones(12), clusters=np.arange(12) // 3)
    assert (found.value, found.low) == (-1.0, -1.0)
    assert found.high > -0.7


@pytest.mark.parametrize("value", [0.1, 0.37, -5.0])
def test_equal_differences_have_no_ends(value: float) -> None:
    """Nothing tells how far another item would be: the ends are unknown, not the value."""
    found = mean_difference(np.full(31, value), clusters=np.arange(31) // 2)
    assert found.value == pytest.approx(value)
    assert math.isnan(found.low)
    assert math.isnan(found.high)
    assert "ends unknown" in found.method


def test_zeros_of_an_unbounded_unit_have_no_ends() -> None:
    """Two checkpoints that are the same: 0 nats, and no bound that one nat would be."""
    assert math.isnan(mean_difference(np.zeros(20), unit="nats").high)


@pytest.mark.parametrize("clusters", [["u"] * 4, (7, 7, 7, 7)])
def test_a_single_cluster_is_unknown(clusters: object) -> None:
    """One cluster says nothing about others, and no pairs say nothing."""
    found = mean_difference([0.0, 1.0, 0.0, 1.0], clusters=clusters)
    assert math.isnan(found.value)
    assert "single cluster" in found.reason
    assert "no pairs" in mean_difference([]).reason


def test_clusters_of_any_kind() -> None:
    """Names, numbers, tuples give the same; None stands alone."""
    values = np.random.default_rng(9).normal(0, 1, 6)
    kinds = [["a", "a", "b", "b", "c", "c"], [1, 1, 2, 2, 3, 3], np.array([5.0, 5.0, 6.0, 6.0, 7.0, 7.0])]
    found = [mean_difference(values, clusters=kind) for kind in kinds]
    assert found[0] == found[1] == found[2]
    pairs = [("x", 1), ("x", 1), ("x", 2), ("x", 2), ("y", 1), ("y", 1)]
    assert mean_difference(values, clusters=pairs) == found[0]
    assert mean_difference(values, clusters=["a", "a", None, None, "c", None]).clusters == 5


def test_same_arguments_same_interval() -> None:
    """The seed decides, and only it."""
    values = np.random.default_rng(10).lognormal(0, 1, 40)
    assert mean_difference(values, seed=3) == mean_difference(values, seed=3)
    assert mean_difference(values, seed=3) != mean_difference(values, seed=4)


@given(st.lists(st.floats(-50, 50), min_size=2, max_size=30), st.floats(0.5, 0.99))
def test_ends_hold_the_value(values: list[float], level: float) -> None:
    """Whatever the numbers: low <= value <= high, or no ends at all."""
    found = mean_difference(values, level=level, replicates=200)
    assert math.isnan(found.low) or found.low <= found.value <= found.high


def test_flips_by_hand() -> None:
    """1, 2 and 3 all to one side: 2 of 8 signs as extreme. 1, 2 and -3 sum to 0: all are."""
    assert sign_flip_p_value([1.0, 2.0, 3.0]) == 0.25
    assert sign_flip_p_value([1.0, 2.0, -3.0]) == 1.0
    assert sign_flip_p_value([0.0, 0.0]) == 1.0
    assert sign_flip_p_value([]) == 1.0


def test_flips_of_right_and_wrong_are_mcnemar() -> None:
    """Unclustered: the exact test when all signs are tried, close to it when they are drawn."""
    few, many = np.repeat([1.0, -1.0, 0.0], [7, 2, 50]), np.repeat([1.0, -1.0, 0.0], [40, 22, 900])
    assert sign_flip_p_value(few) == pytest.approx(exact_mcnemar(7, 2))
    assert sign_flip_p_value(many) == pytest.approx(exact_mcnemar(40, 22), abs=0.006)


def test_flips_are_by_cluster() -> None:
    """Against every flip of whole clusters, one by one."""
    generator = np.random.default_rng(11)
    values, names = generator.normal(0.4, 1, 50), generator.integers(0, 9, 50)
    sums = np.bincount(names, weights=values)
    sizes = [abs(float(np.dot(s, sums))) for s in itertools.product((1, -1), repeat=9)]
    assert sign_flip_p_value(values, clusters=names) == np.mean(np.array(sizes) >= abs(sums.sum()) - 1e-9)


def test_flips_never_give_nothing() -> None:
    """A p-value by 999 draws is at least one in a thousand."""
    assert sign_flip_p_value(np.ones(200), replicates=999) == 0.001


@pytest.mark.parametrize("clusters", [10, 40])
def test_flips_keep_their_level(clusters: int) -> None:
    """Without a difference a twentieth at most are found at .05, clusters and all."""
    generator, found = np.random.default_rng(12), []
    for seed in range(600):
        values, names = _right_or_wrong(generator, clusters, 0.1, 0.1)
        found.append(sign_flip_p_value(values, clusters=names, replicates=499, seed=seed) <= 0.05)
    assert np.mean(found) <= 0.05 + 2.5 * math.sqrt(0.05 * 0.95 / 600)


def test_flips_of_many_sizes_are_dealt_to_groups() -> None:
    """5,000 different numbers: close to what the t test says, which holds for as many."""
    values = np.random.default_rng(13).normal(0.02, 1, 5000)
    expected = float(stats.ttest_1samp(values, 0).pvalue)
    assert sign_flip_p_value(values) == pytest.approx(expected, abs=0.05)


def test_tax_by_hand() -> None:
    """From 75 % to 50 % where a guess has 25 %: half of what was known is lost. The reverse is a bonus."""
    reference, aligned = np.tile([1.0, 1.0, 1.0, 0.0], 50), np.tile([1.0, 1.0, 0.0, 0.0], 50)
    found = normalised_tax(reference, aligned, 0.25)
    assert (found.value, found.unit, found.n) == (0.5, "share", 200)
    assert 0.3 < found.low < 0.5 < found.high < 0.7
    bonus = normalised_tax(aligned, reference, 0.25)
    assert bonus.value == -1.0
    assert bonus.high < 0


def test_tax_of_a_guessing_reference_is_unknown() -> None:
    """26 % where a guess has 25 % is no base for a share; nor is less than a guess."""
    reference = np.repeat([1.0, 0.0], [52, 148])
    for first in (reference, np.zeros(200)):
        found = normalised_tax(first, 1 - reference, 0.25)
        assert math.isnan(found.value)
        assert "guessing" in found.reason


def test_tax_with_a_chance_of_every_item() -> None:
    """Items with two and with four choices: the mean chance counts."""
    generator = np.random.default_rng(14)
    reference, aligned = (generator.random(400) < 0.8) * 1.0, (generator.random(400) < 0.7) * 1.0
    chances = np.where(np.arange(400) % 2, 0.5, 0.25)
    assert normalised_tax(reference, aligned, chances).value == pytest.approx(
        normalised_tax(reference, aligned, 0.375).value
    )
    with pytest.raises(UsageError, match="3 chances for 400 items"):
        normalised_tax(reference, aligned, [0.1, 0.2, 0.3])


def test_tax_of_a_perfect_reference() -> None:
    """All right against nearly all right: known, though the reference does not vary."""
    found = normalised_tax(np.ones(60), np.r_[np.ones(57), np.zeros(3)], 0.25)
    assert found.value == pytest.approx(0.05 / 0.75)
    assert found.low < found.value < found.high


@pytest.mark.parametrize("clusters", [20, 50])
def test_tax_covers(clusters: int) -> None:
    """Near its level for clustered items; conditional on the reference beating chance."""
    generator, hits, cells = np.random.default_rng(15), [], np.array([0.59, 0.11, 0.06, 0.24])
    for seed in range(250):
        own = np.repeat(generator.dirichlet(cells * 3, clusters), 5, axis=0)
        cell = (generator.random(len(own))[:, None] > np.cumsum(own[:, :3], axis=1)).sum(1)
        found = normalised_tax(
            (cell < 2) * 1.0,
            np.isin(cell, (0, 2)) * 1.0,
            0.25,
            clusters=np.repeat(np.arange(clusters), 5),
            replicates=500,
            seed=seed,
        )
        if found.known:
            hits.append(found.low <= 0.05 / 0.45 <= found.high)
    assert len(hits) > 200
    assert np.mean(hits) >= 0.92


def test_log_ratio_by_hand() -> None:
    """Twice and eight times as long: the geometric mean is four times."""
    found = log_ratio([10.0, 10.0], [20.0, 80.0])
    assert found.value == pytest.approx(math.log(4))
    assert (found.unit, found.n) == ("log ratio", 2)
    assert log_ratio([20.0, 80.0], [10.0, 10.0]).value == pytest.approx(-math.log(4))


def test_log_ratio_of_equal_lengths_has_no_ends() -> None:
    assert math.isnan(log_ratio(np.full(9, 3.0), np.full(9, 3.0)).high)


@pytest.mark.parametrize(("first", "second", "words"), [([1.0, 0.0], [1, 1], "first"), ([1], [-2], "second")])
def test_log_ratio_of_nothing(first: list[float], second: list[float], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        log_ratio(first, second)


def test_bad_arguments() -> None:
    """Values that are no numbers, lists that do not match, too few replicates, a level beyond its range."""
    with pytest.raises(UsageError, match="index 1"):
        mean_difference([0.0, math.nan])
    with pytest.raises(UsageError, match="must be numbers"):
        mean_difference(["a", "b"])
    with pytest.raises(UsageError, match="2 items but 3 clusters"):
        mean_difference([0.0, 1.0], clusters=[1, 2, 3])
    with pytest.raises(UsageError, match="names or numbers"):
        mean_difference([0.0, 1.0], clusters=np.zeros((2, 2)))
    with pytest.raises(UsageError, match="too few"):
        mean_difference([0.0, 1.0], replicates=10)
    with pytest.raises(UsageError, match="coverage"):
        mean_difference([0.0, 1.0], level=95)
    with pytest.raises(UsageError, match="one side"):
        normalised_tax([1.0], [1.0, 0.0], 0.25)
    with pytest.raises(UsageError, match="replicate"):
        sign_flip_p_value([1.0], replicates=0)
