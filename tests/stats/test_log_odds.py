"""Log-odds of document frequencies: the published figures, by hand, and by coverage."""

import math

import numpy as np
import pytest

from aligntax.errors import UsageError
from aligntax.stats.log_odds import ClusterSpread, documents_needed, log_odds, weighted_log_odds


def test_weighted_vector() -> None:
    """Monroe et al. with a prior of 100 dealt by the pooled share."""
    found = weighted_log_odds([30, 1000, 5], [5, 1000, 10], 1035, 1015, prior=100)
    assert found.delta[[0, 2]] == pytest.approx([1.5579, -0.6496], abs=5e-5)
    assert found.z[[0, 2]] == pytest.approx([3.6655, -1.2556], abs=5e-5)


def test_odds_ratio_by_hand() -> None:
    """30 of 100 against 10 of 100, half a document in each cell; the exact test of 30 of 40 at one half."""
    found = log_odds(np.array([30.0]), np.array([10.0]), 100, 100)
    value = math.log(30.5 / 70.5) - math.log(10.5 / 90.5)
    error = math.sqrt(1 / 30.5 + 1 / 70.5 + 1 / 10.5 + 1 / 90.5)
    assert found.value[0] == pytest.approx(value)
    assert found.high[0] - found.low[0] == pytest.approx(2 * 1.959964 * error)
    tail = sum(math.comb(40, k) for k in range(30, 41)) / 2**40
    assert found.p[0] == pytest.approx(2 * tail)


def test_a_term_everywhere_tells_nothing() -> None:
    found = log_odds(np.array([50.0]), np.array([200.0]), 50, 200)
    assert found.weighted.delta[0] == 0
    assert found.p[0] > 0.9
    assert found.low[0] < 0 < found.high[0]


def test_clusters_that_agree_count_as_one_document() -> None:
    """Each document five times, by the same user: a fifth of the evidence, or less."""
    first, second = np.array([10.0, 10.0]), np.array([5.0, 0.0])
    alone = log_odds(first, second, 40, 60)
    spread = ClusterSpread(
        5 * first,
        5 * second,
        np.append(np.full(40, 5.0), np.zeros(60)),
        np.append(np.zeros(40), np.full(60, 5.0)),
    )
    for term in (0, 1):
        a, c = int(first[term]), int(second[term])
        clusters = np.append(np.arange(a), 40 + np.arange(c))
        ours = np.append(np.full(a, 5.0), np.zeros(c)), np.append(np.zeros(a), np.full(c, 5.0))
        spread.add(np.full(a + c, term), clusters, *ours)
    found = log_odds(5 * first, 5 * second, 200, 300, spread=spread)
    assert spread.clusters.tolist() == [15, 10]
    assert spread.effective == pytest.approx([15, 10])
    assert (found.design_effect >= [4.5, 5.0]).all()
    assert (found.p >= alone.p).all()
    assert (found.high - found.low >= 0.9 * (alone.high - alone.low)).all()


def test_one_user_hardly_counts() -> None:
    """A term that one user writes a hundred times and five others once is in little more than one cluster."""
    spread = ClusterSpread(np.array([60.0]), np.array([45.0]), np.full(6, 20.0), np.full(6, 90.0))
    spread.add(
        np.zeros(6, int), np.arange(6), np.array([55.0, 1, 1, 1, 1, 1]), np.array([45.0, 0, 0, 0, 0, 0])
    )
    assert 1 < spread.effective[0] < 1.2


@pytest.mark.parametrize(("base", "odds"), [(0.1, 0.0), (0.1, 1.5), (0.03, 2.0), (0.5, 1.0)])
def test_coverage_of_independent_documents(base: float, odds: float) -> None:
    """The interval covers the planted log odds ratio at its level; the test errs no more than it says."""
    generator = np.random.default_rng(5)
    worlds, n, share = 4000, 2000, 0.03
    other = 1 / (1 + math.exp(-(math.log(base / (1 - base)) + odds)))
    with_term = generator.binomial(n, share, worlds)
    first, rest = generator.binomial(with_term, other), generator.binomial(n - with_term, base)
    covered = wrong = 0
    for a, m, b in zip(first, with_term, rest, strict=True):
        refused = int(a + b)
        found = log_odds(np.array([float(a)]), np.array([float(m - a)]), refused, n - refused)
        covered += bool(found.low[0] <= odds <= found.high[0])
        wrong += bool(found.p[0] <= 0.05)
    assert covered / worlds >= 0.94
    if odds == 0:
        assert wrong / worlds <= 0.05


def test_documents_needed() -> None:
    """Fewer for a stronger trigger and for fewer tests."""
    many = documents_needed(0.05, 3.0, tests=10_000)
    assert documents_needed(0.05, 6.0, tests=10_000) < many
    assert documents_needed(0.05, 3.0, tests=10) < many
    # one test at .05, 30 % against 10 %, power .8: (1.95996 * .3 + .84162 * sqrt(.21))^2 / .04
    rate = 0.1
    factor = (0.3 / 0.7) / (0.1 / 0.9)
    assert documents_needed(rate, factor, tests=1) == math.ceil(
        (1.959964 * 0.3 + 0.841621 * math.sqrt(0.21)) ** 2 / 0.04
    )


def test_what_makes_no_sense() -> None:
    with pytest.raises(UsageError, match="empty"):
        log_odds(np.array([0.0]), np.array([3.0]), 0, 10)
    with pytest.raises(UsageError, match="more documents"):
        weighted_log_odds([11], [3], 10, 10, prior=1)
    with pytest.raises(UsageError, match="prior"):
        weighted_log_odds([1], [3], 10, 10, prior=0)
