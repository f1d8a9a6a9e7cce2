"""Has a rate changed, and when: no more false alarms than said, found when theory says, located."""

import math

import numpy as np
import pytest

from aligntax.stats.change_point import Counts, change_detection_size, change_point
from aligntax.stats.confidence_sequence import centred

PRIOR = centred(0.02)


def _blocks(
    generator: np.random.Generator, before: float, after: float, at: int, blocks: int, size: int = 80
) -> tuple:
    rate = np.where(np.arange(blocks) < at, before, after)
    return generator.binomial(size, rate).astype(float), np.full(blocks, float(size))


def test_by_hand() -> None:
    """Two blocks, flat prior: 1 of 2 before, 0 of 1 after, over the likelihood of 1 in 3."""
    found = change_point(np.array([1.0, 0.0]), np.array([2.0, 1.0]), possible=2)
    split = (1 / 6) * (1 / 2)  # B(2,2) B(1,2)
    assert found.evidence == pytest.approx(math.log(0.5 * split / ((1 / 3) * (2 / 3) ** 2)))
    assert (found.at, found.before, found.after) == (1, Counts(1, 2), Counts(0, 1))


def test_where_there_is_nothing_to_compare() -> None:
    found = change_point(np.array([3.0]), np.array([10.0]), possible=744)
    assert found.evidence == -math.inf
    assert found.before == Counts(3, 10)
    with_history = change_point(np.array([3.0]), np.array([10.0]), possible=744, history=Counts(5, 100))
    assert with_history.evidence > -math.inf
    assert with_history.before == Counts(5, 100)


@pytest.mark.parametrize("rate", [0.005, 0.02, 0.2])
def test_a_rate_that_stays_raises_no_more_alarms_than_said(rate: float) -> None:
    """Looked at 20 times, with and without a history: at most 20 % of worlds at alpha = 0.2."""
    generator = np.random.default_rng(31)
    alarms = []
    for world in range(60):
        events, counts = _blocks(generator, rate, rate, 0, 60)
        n = 4000 * (world % 2)
        history = Counts(float(generator.binomial(n, rate)), n)
        looks = (
            change_point(events[:k], counts[:k], possible=60, history=history, prior=PRIOR).evidence
            for k in range(1, 61, 3)
        )
        alarms.append(max(looks) >= math.log(5))
    assert np.mean(alarms) <= 0.2


@pytest.mark.parametrize(("before", "after"), [(0.02, 0.04), (0.02, 0.06), (0.1, 0.05)])
def test_a_change_is_found_when_theory_says(before: float, after: float) -> None:
    generator = np.random.default_rng(32)
    theory = change_detection_size(before, after, history=20_000, possible=744, alpha=0.01, prior=PRIOR)
    found = []
    for _ in range(40):
        history = Counts(float(generator.binomial(20_000, before)), 20_000)
        events, counts = _blocks(generator, after, after, 0, 5 * theory // 80)
        looks = range(1, len(events), max(1, len(events) // 100))
        evidence = (
            change_point(events[:k], counts[:k], possible=744, history=history, prior=PRIOR).evidence
            for k in looks
        )
        hit = next((k for k, e in zip(looks, evidence, strict=True) if e >= math.log(100)), len(events))
        found.append(80 * hit)
    assert np.median(found) == pytest.approx(theory, rel=0.3)


def test_the_change_is_located() -> None:
    """The blocks said to hold the beginning do in 90 % of worlds or more, and the likeliest is near."""
    generator = np.random.default_rng(33)
    covered, off, width = [], [], []
    for _ in range(150):
        events, counts = _blocks(generator, 0.02, 0.06, 40, 80)
        found = change_point(events, counts, possible=80, prior=PRIOR)
        covered.append(found.first <= 40 <= found.last)
        off.append(abs(found.at - 40))
        width.append(found.last - found.first)
    assert np.mean(covered) >= 0.9
    assert np.median(off) <= 3
    assert np.median(width) <= 20


def test_exchanges_that_come_late_change_nothing() -> None:
    """Only the block counts: blocks that fill up in another order have the same evidence in the end."""
    generator = np.random.default_rng(34)
    events, counts = _blocks(generator, 0.02, 0.05, 10, 20)
    whole = change_point(events, counts, possible=20, prior=PRIOR)
    empty = np.insert(events, 5, 0.0), np.insert(counts, 5, 0.0)
    again = change_point(*empty, possible=20, prior=PRIOR)
    assert again.before == whole.before
    assert again.evidence == pytest.approx(whole.evidence, abs=0.2)


def test_clusters_need_more() -> None:
    generator = np.random.default_rng(35)
    events, counts = _blocks(generator, 0.02, 0.05, 40, 80)
    plain = change_point(events, counts, possible=80, prior=PRIOR)
    clustered = change_point(events, counts, possible=80, prior=PRIOR, design_effect=4.0)
    assert clustered.evidence < plain.evidence / 2
    assert clustered.before == plain.before
