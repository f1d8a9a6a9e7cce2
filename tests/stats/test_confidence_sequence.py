"""Confidence sequences: they cover at every look at once, which is the claim."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aligntax.errors import UsageError
from aligntax.stats import wilson
from aligntax.stats.confidence_sequence import (
    FLAT,
    centred,
    design_effect,
    detection_size,
    log_wealth,
    sequence,
)


@pytest.mark.parametrize(
    ("events", "n", "low", "high"),
    [
        (0, 100, 0.0, 0.07328),
        (8, 100, 0.01873, 0.20207),
        (160, 2000, 0.05901, 0.10500),
        (50, 1000, 0.02824, 0.08017),
    ],
)
def test_vectors(events: int, n: int, low: float, high: float) -> None:
    """At alpha = 0.05 with a flat prior, worked out apart from this code."""
    found = sequence(events, n)
    assert (round(found.low, 5), round(found.high, 5)) == (low, high)
    assert found.value == events / n


def test_the_ends_are_where_the_wealth_is_one_over_alpha() -> None:
    found = sequence(30, 400, alpha=0.01, prior=centred(0.05))
    for end in (found.low, found.high):
        assert log_wealth(30, 400, end, centred(0.05)) == pytest.approx(math.log(100), abs=1e-6)


@given(st.integers(0, 400), st.integers(0, 400), st.sampled_from([0.3, 0.05, 1e-4, 1e-9]))
def test_the_interval_holds_the_rate_and_grows_with_the_level(events: int, others: int, alpha: float) -> None:
    n = events + others
    found = sequence(events, n, alpha=alpha)
    if n == 0:
        assert not found.known
        assert found.reason == "no observations"
        return
    assert 0 <= found.low <= found.value <= found.high <= 1
    wider = sequence(events, n, alpha=alpha / 10)
    assert wider.low <= found.low
    assert found.high <= wider.high
    mirrored = sequence(others, n, alpha=alpha)
    assert mirrored.low == pytest.approx(1 - found.high, abs=1e-9)


def test_what_makes_no_sense_is_refused() -> None:
    for arguments in ((5, 4), (-1, 4)):
        with pytest.raises(UsageError):
            sequence(*arguments)
    with pytest.raises(UsageError):
        sequence(1, 4, alpha=1.0)


def _ever(events: np.ndarray, rate: float, alpha: float, prior: object = FLAT, effect: float = 1.0) -> bool:
    """Whether any look, after each exchange, rejects the rate."""
    seen, bound = np.cumsum(events), math.log(1 / alpha)
    return any(
        log_wealth(s / effect, (n + 1) / effect, rate, prior) >= bound  # type: ignore[arg-type]
        for n, s in enumerate(seen.tolist())
    )


@pytest.mark.parametrize(
    ("rate", "prior"), [(0.02, FLAT), (0.02, centred(0.02)), (0.3, FLAT), (0.3, centred(0.1))]
)
def test_it_covers_at_every_look_at_once(rate: float, prior: object) -> None:
    """2,000 looks, stopping at the first that misses: at most 20 % of worlds do at alpha = 0.2, where a
    Wilson interval of the same level, looked at as often, misses in nearly all of them."""
    generator = np.random.default_rng(21)
    missed, wilson_missed = [], []
    for _ in range(150):
        events = generator.random(2000) < rate
        missed.append(_ever(events, rate, 0.2, prior))
        looks = np.cumsum(events)[19::20]
        plain = [wilson(int(s), 20 * (at + 1), level=0.8) for at, s in enumerate(looks)]
        wilson_missed.append(any(not one.low <= rate <= one.high for one in plain))
    assert np.mean(missed) <= 0.2
    assert np.mean(wilson_missed) > 0.7


def test_it_covers_where_somebody_stops_at_will() -> None:
    """Stopped when the estimate is highest, beyond 200 exchanges, the 80 % interval covers."""
    generator = np.random.default_rng(22)
    covered = []
    for _ in range(400):
        seen = np.cumsum(generator.random(3000) < 0.05)
        at = 200 + int(np.argmax((seen / np.arange(1, 3001))[200:]))
        covered.append(sequence(int(seen[at]), at + 1, alpha=0.2).low <= 0.05)
    assert np.mean(covered) >= 0.8


def test_a_rate_that_drifts_within_the_limit_raises_no_more_alarms() -> None:
    """The lower end passes the limit in at most alpha of worlds where the rate is within it all the time,
    although it is far below it first; the wealth alone, without asking on which side the rate is, would."""
    generator = np.random.default_rng(23)
    alarms, wealth_alone = [], []
    for _ in range(100):
        events = generator.random(3000) < np.where(np.arange(3000) < 1000, 0.001, 0.03)
        seen = np.cumsum(events)
        rich = [log_wealth(s, n + 1, 0.03, centred(0.03)) >= math.log(5) for n, s in enumerate(seen.tolist())]
        above = seen / np.arange(1, 3001) > 0.03
        alarms.append(bool((np.array(rich) & above).any()))
        wealth_alone.append(any(rich))
    assert np.mean(alarms) <= 0.2
    assert np.mean(wealth_alone) > 0.9


def test_clusters_that_are_wholly_dependent_are_covered() -> None:
    """Users who make up to 20 requests, all of them refused or none: with the counts divided by 20 it is
    exact; taken as independent, most worlds would raise an alarm."""
    generator = np.random.default_rng(24)
    divided, plain = [], []
    for _ in range(200):
        sizes = generator.integers(1, 21, 200)
        refused = np.repeat(generator.random(200) < 0.05, sizes)
        divided.append(_ever(refused, 0.05, 0.2, centred(0.05), 20.0))
        plain.append(_ever(refused, 0.05, 0.2, centred(0.05)))
    assert np.mean(divided) <= 0.2
    assert np.mean(plain) > 0.5


def test_the_design_effect_is_what_it_is_called() -> None:
    """About 1 for independent exchanges, about the size of clusters whose exchanges are all alike."""
    generator = np.random.default_rng(25)
    counts = np.full(256, 40.0)
    independent = [
        design_effect(generator.binomial(40, 0.05, 256).astype(float), counts)[0] for _ in range(50)
    ]
    assert 1.0 <= np.median(independent) < 1.3
    alike = [design_effect(8.0 * generator.binomial(5, 0.05, 256), counts)[0] for _ in range(50)]
    assert 8.0 <= np.median(alike) < 11.0


def test_the_design_effect_where_little_is_known() -> None:
    none, groups = design_effect(np.zeros(4), np.array([10.0, 20.0, 0.0, 30.0]))
    assert (none, groups) == (20.0, 3)  # every group is one trial
    assert design_effect(np.array([3.0]), np.array([50.0])) == (50.0, 1)
    assert design_effect(np.zeros(0), np.zeros(0)) == (1.0, 0)


@pytest.mark.parametrize(("rate", "limit"), [(0.04, 0.02), (0.04, 0.03), (0.1, 0.05), (0.02, 0.04)])
def test_theory_says_when_a_breach_is_found(rate: float, limit: float) -> None:
    """The median of 120 worlds is within a third of the size where expected counts reach the bound."""
    generator = np.random.default_rng(26)
    theory, found = detection_size(rate, limit, alpha=0.01), []
    for _ in range(120):
        seen = np.cumsum(generator.random(6 * theory) < rate)
        looks = range(0, 6 * theory, max(1, theory // 50))
        hit = (n for n in looks if log_wealth(seen[n], n + 1, limit, centred(limit)) >= math.log(100))
        found.append(next(hit, 6 * theory))
    assert np.median(found) == pytest.approx(theory, rel=1 / 3)


def test_the_theory_is_of_the_order_of_the_divergence() -> None:
    """log(1/alpha) / KL and what the mixture costs, half a logarithm of the size or so."""
    divergence = 0.04 * math.log(2) + 0.96 * math.log(0.96 / 0.98)
    for alpha in (1e-3, 1e-6, 1e-12):
        size = detection_size(0.04, 0.02, alpha=alpha)
        assert math.log(1 / alpha) < size * divergence < math.log(1 / alpha) + math.log(size)
    with pytest.raises(UsageError):
        detection_size(0.02, 0.02, alpha=0.05)
    assert detection_size(0.04, 0.02, alpha=0.05, design_effect=3) == pytest.approx(
        3 * detection_size(0.04, 0.02, alpha=0.05), abs=3
    )
