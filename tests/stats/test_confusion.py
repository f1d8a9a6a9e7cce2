"""Scores of a cross-table: worked out by hand, and their intervals by coverage."""

import numpy as np
import pytest

from aligntax.stats.confusion import Confusion, cross_tabulate

TABLE = np.array([[40, 5, 5], [2, 6, 2], [3, 4, 33]])
"""50 of class 0, 10 of class 1, 40 of class 2; 79 of 100 on the diagonal."""


def confusion(cells: np.ndarray, *, left_open: int = 0, seed: int | None = None) -> Confusion:
    truth, found = (codes.ravel() for codes in np.indices(cells.shape))
    truth, found = (np.repeat(codes, cells.ravel()) for codes in (truth, found))
    order = np.arange(len(truth)) if seed is None else np.random.default_rng(seed).permutation(len(truth))
    return cross_tabulate(truth[order], found[order], classes=len(cells), left_open=left_open)


def test_scores_by_hand() -> None:
    """Accuracy 79/100; kappa (.79 - .4185)/(1 - .4185); F1 of 80/95, 12/25, 66/80."""
    table = confusion(TABLE)
    assert table.n == 100
    assert table.accuracy().value == pytest.approx(0.79)
    chance = (50 * 45 + 10 * 15 + 40 * 40) / 100**2
    assert table.kappa().value == pytest.approx((0.79 - chance) / (1 - chance))
    assert table.macro_f1().value == pytest.approx((80 / 95 + 12 / 25 + 66 / 80) / 3)
    assert table.recall(1).value == pytest.approx(6 / 10)
    assert table.precision(1).value == pytest.approx(6 / 15)


def test_merging_by_hand() -> None:
    """Classes 1 and 2 as one: 40 and 45 right, sensitivity 45/50, found 55 of 100 against 50 true."""
    either = confusion(TABLE).merged([[0], [1, 2]])
    assert either.cells.tolist() == [[40, 10], [5, 45]]
    assert either.recall(1).value == pytest.approx(0.9)
    assert either.excess(1).value == pytest.approx(0.05)


def test_left_open_is_wrong_for_rates_and_left_out_of_the_excess() -> None:
    """10 complete and 10 refused left open: recall counts them, the estimated share does not."""
    table = confusion(np.array([[40, 0, 10], [0, 40, 10]]), left_open=1)
    assert table.accuracy().value == pytest.approx(0.8)
    assert table.recall(0).value == pytest.approx(0.8)
    assert table.excess(1).value == pytest.approx(0.0)
    assert table.closed().accuracy().value == 1.0
    assert table.kappa().value == pytest.approx((0.8 - 0.4) / (1 - 0.4))


def test_macro_f1_leaves_out_a_class_that_does_not_occur() -> None:
    """No truth of class 1: the mean is over 0 and 2, and finding class 1 costs them recall."""
    table = confusion(np.array([[8, 2, 0], [0, 0, 0], [0, 0, 10]]))
    assert table.macro_f1().value == pytest.approx((16 / 18 + 1) / 2)


@pytest.mark.parametrize("clustered", [False, True])
def test_order_of_rows_makes_no_difference(clustered: bool) -> None:
    rng = np.random.default_rng(0)
    truth, found, cluster = (rng.integers(0, k, 200) for k in (3, 4, 60 if clustered else 10**9))
    order = rng.permutation(200)
    first = cross_tabulate(truth, found, classes=3, left_open=1, clusters=cluster)
    second = cross_tabulate(truth[order], found[order], classes=3, left_open=1, clusters=cluster[order])
    assert first.clustered is clustered
    for table in (lambda t: t, lambda t: t.merged([[0], [1, 2]])):
        a, b = table(first), table(second)
        assert (a.kappa(), a.macro_f1(), a.excess(1)) == (b.kappa(), b.macro_f1(), b.excess(1))
        assert a.accuracy() == b.accuracy()


def test_clusters_widen() -> None:
    """The same 300 rows, each three times over in a cluster, are worth 300 rows, not 900."""
    rng = np.random.default_rng(1)
    truth = rng.integers(0, 3, 300)
    found = np.where(rng.random(300) < 0.8, truth, rng.integers(0, 3, 300))
    once = cross_tabulate(truth, found, classes=3)
    thrice = cross_tabulate(
        *(np.repeat(x, 3) for x in (truth, found)), classes=3, clusters=np.repeat(np.arange(300), 3)
    )
    for name in ("macro_f1", "accuracy", "kappa"):
        alone, together = getattr(once, name)(), getattr(thrice, name)()
        assert together.value == pytest.approx(alone.value)
        assert together.high - together.low == pytest.approx(alone.high - alone.low, rel=0.12)


@pytest.mark.parametrize("rows", [0, 1, 2])
def test_few_rows_know_little(rows: int) -> None:
    """No rows and one row say why there is no number; two give one whose interval is wide."""
    table = confusion(np.diag([rows // 2, rows - rows // 2]))
    for score in (table.kappa(), table.macro_f1()):
        assert score.known == (rows == 2)
        assert score.known or score.reason
    if rows == 2:
        assert table.macro_f1().low < 0.2


def test_one_class_says_nothing_of_kappa() -> None:
    table = confusion(np.array([[90, 10], [0, 0]]))
    assert not table.kappa().known
    assert "one class" in table.kappa().reason
    assert not table.recall(1).known
    assert table.recall(0).value == pytest.approx(0.9)


def test_all_left_open() -> None:
    table = confusion(np.array([[0, 0, 10], [0, 0, 10]]), left_open=1)
    assert "left open" in table.excess(1).reason
    assert table.accuracy().value == 0.0
    assert not table.closed().kappa().known


def test_interval_widens_as_rows_fall() -> None:
    widths = [
        score.high - score.low for scale in (10, 3, 1) for score in [confusion(TABLE * scale).macro_f1()]
    ]
    assert widths == sorted(widths)


COVERED = {
    "common": [[0.45, 0.05, 0.0], [0.08, 0.40, 0.02]],
    "rare": [[0.90, 0.02, 0.0], [0.01, 0.06, 0.01]],
    "poor": [[0.68, 0.05, 0.02], [0.20, 0.05, 0.0]],
}


def drawn(shares: np.ndarray, prompts: int, each: int, rng: np.random.Generator) -> Confusion:
    """Prompts with a taste of their own, each answered several times."""
    flat = shares.ravel()
    tastes = rng.dirichlet(flat * 4, prompts) if each > 1 else np.tile(flat, (prompts, 1))
    cells = np.concatenate(
        [np.repeat(np.arange(flat.size), rng.multinomial(each, t / t.sum())) for t in tastes]
    )
    truth, found = np.divmod(cells, shares.shape[1])
    return cross_tabulate(
        truth, found, classes=2, left_open=shares.shape[1] - 2, clusters=np.repeat(np.arange(prompts), each)
    )


@pytest.mark.slow
@pytest.mark.parametrize("level", [0.8, 0.95, 0.99])
@pytest.mark.parametrize(("prompts", "each"), [(60, 1), (300, 1), (60, 4), (300, 4)])
@pytest.mark.parametrize("name", COVERED)
def test_coverage_of_bias_and_kappa(name: str, prompts: int, each: int, level: float) -> None:
    """The intervals cover the truth as often as they say, with and without clusters, some rows left open."""
    shares = np.array(COVERED[name])
    closed = shares[:, :2]
    bias = closed[:, 1].sum() / closed.sum() - shares[1].sum()
    agreed, chance = np.trace(closed), float(shares.sum(axis=1) @ closed.sum(axis=0))
    truths = {"excess": bias, "kappa": (agreed - chance) / (1 - chance)}
    rng, hits, tries = np.random.default_rng(7), dict.fromkeys(truths, 0), dict.fromkeys(truths, 0)
    for _ in range(400):
        table = drawn(shares, prompts, each, rng)
        for score, truth in truths.items():
            estimate = table.excess(1, level=level) if score == "excess" else table.kappa(level=level)
            tries[score] += estimate.known
            hits[score] += estimate.known and estimate.low - 1e-12 <= truth <= estimate.high + 1e-12
    for score in truths:
        assert hits[score] / tries[score] > level - 0.03 - 1.65 * np.sqrt(
            level * (1 - level) / tries[score]
        ), score


@pytest.mark.slow
@pytest.mark.parametrize(("prompts", "each"), [(100, 1), (400, 1), (100, 4)])
def test_coverage_of_macro_f1(prompts: int, each: int) -> None:
    """At 95 %, on three classes of which one is rare: within four points of what it says."""
    shares = np.array([[0.58, 0.01, 0.005], [0.01, 0.06, 0.01], [0.005, 0.02, 0.30]])
    truth = np.mean(2 * np.diag(shares) / (shares.sum(axis=0) + shares.sum(axis=1)))
    rng, hits = np.random.default_rng(11), 0
    for _ in range(400):
        tastes = (
            rng.dirichlet(shares.ravel() * 4, prompts) if each > 1 else np.tile(shares.ravel(), (prompts, 1))
        )
        cells = np.concatenate([np.repeat(np.arange(9), rng.multinomial(each, t / t.sum())) for t in tastes])
        table = cross_tabulate(*np.divmod(cells, 3), classes=3, clusters=np.repeat(np.arange(prompts), each))
        estimate = table.macro_f1()
        hits += estimate.low <= truth <= estimate.high
    assert hits / 400 > 0.91 - 1.65 * np.sqrt(0.95 * 0.05 / 400)
