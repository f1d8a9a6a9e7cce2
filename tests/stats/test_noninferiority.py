"""Non-inferiority of paired rates: Tango's equation, and error rates added up exactly."""

import math

import numpy as np
import pytest
from scipy.special import gammaln, ndtri

from aligntax.errors import UsageError
from aligntax.stats import noninferiority as module
from aligntax.stats.noninferiority import noninferiority, paired_score


def pairs(rises: int, falls: int, n: int) -> np.ndarray:
    return np.r_[np.ones(rises), -np.ones(falls), np.zeros(n - rises - falls)]


@pytest.mark.parametrize(("rises", "falls", "n"), [(12, 2, 50), (14, 0, 54), (3, 30, 200)])
def test_without_the_correction_it_is_tangos(
    rises: int, falls: int, n: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Either end d solves (b - c - nd)^2 = z^2 n (2q + d(1 - d)), q the likeliest share that falls."""
    monkeypatch.setattr(module, "_CORRECTION", 0.0)
    found, z = paired_score(pairs(rises, falls, n)), ndtri(0.975)
    for b, c, d in ((rises, falls, found.high), (falls, rises, -found.low)):
        one, two, three = 2 * n, -b - c + (2 * n - b + c) * d, -c * d * (1 - d)
        q = (math.sqrt(two * two - 4 * one * three) - two) / (2 * one)
        assert (b - c - n * d) ** 2 == pytest.approx(z * z * n * (2 * q + d * (1 - d)), rel=1e-6)


def test_where_nothing_changes_it_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    """z^2 / (n + z^2), as for a single rate without an event."""
    monkeypatch.setattr(module, "_CORRECTION", 0.0)
    assert paired_score(pairs(0, 0, 20)).high == pytest.approx(1.959964**2 / (20 + 1.959964**2))


def test_the_corrected_interval_is_wider() -> None:
    found = paired_score(pairs(5, 3, 100))
    assert found.value == pytest.approx(0.02)
    assert found.low < -0.04 < 0.08 < found.high
    assert paired_score(pairs(3, 5, 100)).high == pytest.approx(-found.low)


def error(n: int, falls: float, difference: float, z: float) -> float:
    """Exact chance that the upper bound misses a true difference."""
    rises = falls + difference
    if rises + falls > 1:
        return 0.0
    most = min(n, int(n * (rises + falls) + 8 * math.sqrt(n * (rises + falls) + 1) + 10))
    b, c = np.meshgrid(np.arange(most + 1.0), np.arange(most + 1.0), indexing="ij")
    rest = n - b - c
    inside = rest >= 0
    rest = np.maximum(rest, 0)
    terms = (b, rises), (c, falls), (rest, 1 - rises - falls)
    logs = gammaln(n + 1) - sum(gammaln(count + 1) for count, _ in terms)
    for count, share in terms:
        logs = logs + np.where(count > 0, count * math.log(max(share, 1e-300)), 0.0)
    statistic = np.vectorize(lambda x, y: module._statistic(x, y, n, difference))
    likely = inside & (logs > -25)
    rejected = statistic(b[likely], c[likely]) < -z
    return float(np.exp(logs[likely])[rejected].sum())


def test_the_upper_bound_misses_no_more_than_it_says() -> None:
    """Added up over all tables, 30 to 200 items, whatever share of them changes."""
    worst = max(
        error(n, falls, difference, 1.6448536)
        for n in (30, 100, 200)
        for falls in (0.0, 0.01, 0.05)
        for difference in (0.005, 0.02, 0.0264, 0.05, 0.1)
    )
    assert 0.03 < worst <= 0.05


def test_without_the_correction_it_would(monkeypatch: pytest.MonkeyPatch) -> None:
    """Why it is there: with 30 items the textbook bound misses 7 % of the time."""
    monkeypatch.setattr(module, "_CORRECTION", 0.0)
    assert error(30, 0.0, 0.084, 1.6448536) > 0.07


@pytest.mark.parametrize(("rises", "falls", "n"), [(0, 0, 100), (3, 5, 100), (1, 1, 200)])
def test_no_more_harm(rises: int, falls: int, n: int) -> None:
    found = noninferiority(pairs(rises, falls, n), pairs(rises, falls, n), 0.05)
    assert found.verdict == "non-inferior"
    assert found.p < 0.05
    assert found.bounds.high < 0.05


def test_more_harm() -> None:
    found = noninferiority(pairs(30, 0, 100), pairs(30, 0, 100), 0.05)
    assert found.verdict == "inferior"
    assert found.bounds.low > 0.05


@pytest.mark.parametrize(("rises", "falls", "n"), [(0, 0, 30), (9, 3, 200), (9, 0, 100)])
def test_what_is_needed_decides(rises: int, falls: int, n: int) -> None:
    """At the same shares, as many as it asks for are enough; with fewer it stays open."""
    found = noninferiority(pairs(rises, falls, n), pairs(rises, falls, n), 0.05)
    assert found.verdict == "inconclusive"
    for count, wanted in (
        (found.needed, {"non-inferior", "inferior"}),
        (found.needed * 9 // 10, {"inconclusive"}),
    ):
        rise, fall = rises / n * count, falls / n * count
        z = 1.6448536
        shown = module._statistic(rise, fall, count, 0.05) < -z or -module._upper(fall, rise, count, z) > 0.05
        assert ({"inconclusive"} if not shown else {"non-inferior", "inferior"}) == wanted


def test_missing_answers_are_at_their_worst() -> None:
    known = pairs(0, 0, 100)
    least, most = known.copy(), known.copy()
    least[:10], most[:10] = -1.0, 1.0
    found = noninferiority(least, most, 0.05)
    assert (found.verdict, found.needed) == ("inconclusive", None)
    assert found.bounds.low < -0.1 < 0.1 < found.bounds.high


def test_shares_and_clusters_keep_the_level() -> None:
    """Means of four draws, prompts in clusters that change together: the truth is the margin."""
    generator, wrong = np.random.default_rng(4), 0
    clusters = [at // 2 for at in range(200)]
    for _ in range(800):
        change = np.repeat(generator.random(100) < 0.1, 2)
        values = np.where(change, generator.binomial(4, 0.5, 200) / 4, 0.0)  # mean .05
        wrong += noninferiority(values, values, 0.05, clusters=clusters).verdict == "non-inferior"
    assert wrong <= 0.065 * 800


def test_arguments_are_checked() -> None:
    with pytest.raises(UsageError):
        noninferiority([0.0], [0.0], 0.0)
    with pytest.raises(UsageError):
        paired_score([2.0])
    assert noninferiority([], [], 0.05).reason == "no pairs"
