"""Rates from planned samples, by strata and with unequal probabilities: coverage is the claim."""

import math
from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aligntax.errors import UsageError
from aligntax.records import Estimate
from aligntax.stats.prediction_powered import prediction_powered_mean
from aligntax.stats.predictions import Predictions
from aligntax.stats.stratified import stratified_mean, stratified_prediction_powered_mean
from aligntax.stats.weighted import weighted_mean, weighted_prediction_powered_mean

LEVELS = (0.8, 0.9, 0.95)


@dataclass(frozen=True)
class World:
    """Strata with shares and true rates, a detector, and how many labels each stratum gets.

    With `by_verdict` the strata are the detector's own verdicts, so that predictions do not vary inside.
    """

    shares: tuple[float, ...]
    rates: tuple[float, ...]
    taken: tuple[int, ...]
    scores: bool = False
    by_verdict: bool = False
    size: int = 2000

    @property
    def truth(self) -> float:
        """The rate of the process."""
        return float(np.dot(self.shares, self.rates))

    def population(self, generator: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Strata, labels and predictions of a population drawn from the process."""
        strata = generator.choice(len(self.shares), self.size, p=self.shares)
        labels = (generator.random(self.size) < np.array(self.rates)[strata]).astype(float)
        found = (generator.random(self.size) < np.where(labels > 0, 0.8, 0.05)).astype(float)
        if self.by_verdict:
            found = (strata > 0).astype(float)
        if self.scores:
            found = np.clip(0.15 + 0.6 * found + generator.normal(0, 0.1, self.size), 0, 1)
        return strata, labels, found


WORLDS = {
    "two strata, 30 labels": World((0.7, 0.3), (0.05, 0.2), (20, 10)),
    "scores": World((0.7, 0.3), (0.05, 0.2), (30, 20), scores=True),
    "by verdict": World((0.88, 0.04, 0.08), (0.02, 0.5, 0.9), (50, 20, 30), by_verdict=True),
    "by verdict, rare": World((0.97, 0.03), (0.005, 0.6), (30, 30), by_verdict=True),
    "rare everywhere": World((0.4, 0.3, 0.15, 0.1, 0.05), (0.01, 0.02, 0.01, 0.05, 0.1), (20, 15, 7, 4, 4)),
    "twelve strata": World((1 / 12,) * 12, tuple(np.linspace(0.02, 0.3, 12)), (8,) * 12),
    "a single bad stratum": World((1 / 12,) * 12, (0.6,) + (0.005,) * 11, (8,) * 12),
    "one stratum holds nearly all": World(
        (0.9,) + (0.1 / 11,) * 11, (0.05,) + (0.8,) * 11, (30,) + (6,) * 11
    ),
    "tiny strata": World((0.3, 0.1, 0.05, 0.05, 0.5), (0.1, 0.3, 0.5, 0.5, 0.03), (2, 2, 1, 1, 40)),
    "a stratum without labels": World((0.6, 0.3, 0.1), (0.1, 0.3, 0.3), (40, 30, 0)),
    "a stratum labelled completely": World((0.9, 0.1), (0.05, 0.6), (40, 10**6), size=300),
}


def sampled(world: World, strata: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """Indices of the labels of a stratified sample."""
    chosen = []
    for stratum, count in enumerate(world.taken):
        members = np.flatnonzero(strata == stratum)
        chosen.append(generator.permutation(members)[:count])
    return np.concatenate(chosen)


def holds(estimate: Estimate, truth: float) -> bool:
    return estimate.low - 1e-12 <= truth <= estimate.high + 1e-12


@pytest.mark.slow
@pytest.mark.parametrize("name", WORLDS)
def test_strata_cover(name: str) -> None:
    """At three levels, with predictions and without, for the process and for the population itself."""
    world, generator = WORLDS[name], np.random.default_rng(8)
    hits: dict[tuple[str, float], list[bool]] = {}
    for _ in range(1200):
        strata, labels, found = world.population(generator)
        at = sampled(world, strata, generator)
        groups = [Predictions.of(found[strata == k]) for k in range(len(world.shares))]
        sizes = [group.count for group in groups]
        level = LEVELS[_ % 3]
        for kind, estimate, truth in (
            ("labels", stratified_mean(labels[at], strata[at], sizes, level=level), world.truth),
            (
                "labels, finite",
                stratified_mean(labels[at], strata[at], sizes, level=level, finite=True),
                labels.mean(),
            ),
            (
                "powered",
                stratified_prediction_powered_mean(labels[at], found[at], strata[at], groups, level=level),
                world.truth,
            ),
            (
                "powered, finite",
                stratified_prediction_powered_mean(
                    labels[at], found[at], strata[at], groups, level=level, finite=True
                ),
                labels.mean(),
            ),
        ):
            hits.setdefault((kind, level), []).append(holds(estimate, truth))
    for (kind, level), seen in hits.items():
        # 400 repetitions: one standard error is .02 at level .8 and .011 at .95
        assert np.mean(seen) >= level - (0.06 if level < 0.9 else 0.035), (kind, level)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["two strata, 30 labels", "scores", "rare everywhere", "twelve strata"])
def test_unequal_probabilities_cover(name: str) -> None:
    """Draws that favour what the detector flagged, at three levels, with predictions and without."""
    world, generator = WORLDS[name], np.random.default_rng(9)
    hits: dict[tuple[str, float], list[bool]] = {}
    for turn in range(2400):
        _, labels, found = world.population(generator)
        inclusion = np.clip(sum(world.taken) / world.size * np.where(found > 0.45, 3.0, 0.8), 0, 1)
        at = generator.random(world.size) < inclusion
        level, everything = LEVELS[turn % 3], Predictions.of(found)
        y, f, p = labels[at], found[at], inclusion[at]
        powered = weighted_prediction_powered_mean(y, f, p, everything, level=level)
        finite = weighted_prediction_powered_mean(y, f, p, everything, level=level, finite=True)
        hits.setdefault(("powered", level), []).append(holds(powered, world.truth))
        hits.setdefault(("powered, finite", level), []).append(holds(finite, labels.mean()))
        alone = weighted_mean(y, p, world.size, level=level)
        hits.setdefault(("labels", level), []).append(holds(alone, world.truth))
    for (kind, level), seen in hits.items():
        assert np.mean(seen) >= level - (0.04 if level < 0.9 else 0.025), (kind, level)


@pytest.mark.parametrize("level", LEVELS)
def test_certainty_draws_cover(level: float) -> None:
    """What the detector flags is all labelled, of the rest one in twenty."""
    generator, hits, alone = np.random.default_rng(10), [], []
    for _ in range(1500):
        found = (generator.random(1200) < 0.08).astype(float)
        labels = (generator.random(1200) < np.where(found > 0, 0.7, 0.03)).astype(float)
        inclusion = np.where(found > 0, 1.0, 0.05)
        at = generator.random(1200) < inclusion
        y, f, p = labels[at], found[at], inclusion[at]
        powered = weighted_prediction_powered_mean(y, f, p, Predictions.of(found), level=level, finite=True)
        hits.append(holds(powered, labels.mean()))
        alone.append(holds(weighted_mean(y, p, 1200, level=level), 0.08 * 0.7 + 0.92 * 0.03))
    assert np.mean(hits) >= level - 0.015
    assert np.mean(alone) >= level - 0.015


def test_planning_pays() -> None:
    """With strata by verdict and Neyman's allocation the interval is narrower than a random sample's."""
    generator = np.random.default_rng(11)
    labels = np.concatenate([generator.random(1800) < 0.01, generator.random(200) < 0.9]).astype(float)
    strata = np.repeat([0, 1], [1800, 200])
    at = np.concatenate([generator.permutation(1800)[:75], 1800 + generator.permutation(200)[:25]])
    planned = stratified_mean(labels[at], strata[at], [1800, 200])
    random = generator.permutation(2000)[:100]
    simple = stratified_mean(labels[random], np.zeros(100, int), [2000])
    assert planned.high - planned.low < 0.75 * (simple.high - simple.low)


def test_one_stratum_is_a_random_sample() -> None:
    """With a single stratum the estimate is PPI++, and nearly its interval."""
    generator = np.random.default_rng(12)
    found = (generator.random(3000) < 0.2).astype(float)
    labels = (generator.random(120) < np.where(found[:120] > 0, 0.8, 0.05)).astype(float)
    simple = prediction_powered_mean(labels, found[:120], found[120:])
    planned = stratified_prediction_powered_mean(
        labels, found[:120], np.zeros(120, int), [Predictions.of(found)]
    )
    equal = weighted_prediction_powered_mean(labels, found[:120], np.full(120, 0.04), Predictions.of(found))
    for estimate in (planned, equal):
        assert estimate.value == pytest.approx(simple.value, abs=0.01)
        assert (estimate.low, estimate.high) == pytest.approx((simple.low, simple.high), abs=0.012)
    assert planned.value == pytest.approx(simple.value, abs=1e-6)


def test_labelled_completely_is_certain() -> None:
    """A population that is labelled to the last item has a rate known exactly, as a population."""
    labels, strata = np.array([1, 0, 0, 1, 1, 0]), np.array([0, 0, 0, 1, 1, 1])
    known = stratified_mean(labels, strata, [3, 3], finite=True)
    assert (known.low, known.value, known.high) == (0.5, 0.5, 0.5)
    known = weighted_mean(labels, np.ones(6), 6, finite=True)
    assert (known.low, known.value, known.high) == (0.5, 0.5, 0.5)
    process = stratified_mean(labels, strata, [3, 3])
    assert process.high - process.low > 0.5


def test_a_complete_stratum_adds_nothing() -> None:
    """Only the other stratum's labels make the interval: it is that one's, times its share."""
    labels = np.array([1, 1, 0, 1] + [0, 1] * 20)
    both = stratified_mean(labels, np.repeat([0, 1], [4, 40]), [4, 996], finite=True)
    other = stratified_mean(labels[4:], np.zeros(40, int), [996], finite=True)
    assert both.high - both.low == pytest.approx((other.high - other.low) * 0.996, rel=1e-9)


def test_an_unlabelled_stratum_opens_the_interval() -> None:
    """A tenth of the traffic without a label widens the interval by a tenth, and the method says so."""
    labels, strata = np.array([0, 1] * 30), np.zeros(60, int)
    whole, part = stratified_mean(labels, strata, [900]), stratified_mean(labels, strata, [900, 100])
    assert part.high - part.low > 0.1 + 0.85 * (whole.high - whole.low)
    assert part.value == 0.5
    assert "10.0% without a label" in part.method
    groups = [Predictions(900, 0.5, 0.25), Predictions(100, 1.0, 0.0)]
    powered = stratified_prediction_powered_mean(labels, labels, strata, groups)
    assert powered.value == pytest.approx(0.55)


rows = st.lists(
    st.tuples(st.integers(0, 1), st.sampled_from([0.0, 0.4, 1.0]), st.integers(0, 2)), min_size=2, max_size=50
)
GROUPS = [Predictions(400, 0.2, 0.1), Predictions(100, 0.5, 0.2), Predictions(60, 0.9, 0.05)]


@given(rows, st.randoms())
def test_order_does_not_matter(values: list[tuple[int, float, int]], random: object) -> None:
    """Shuffled rows, and strata under other numbers, give the same estimate."""
    shuffled = list(values)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    ends = []
    for table in (values, shuffled):
        y, f, s = np.array(table, float).T
        groups, codes = (GROUPS, s) if table is values else (GROUPS[::-1], 2 - s)
        e = stratified_prediction_powered_mean(y, f, codes.astype(int), groups)
        w = weighted_prediction_powered_mean(y, f, (s + 1) / 4, Predictions(500, 0.3, 0.1))
        ends.append((e.low, e.value, e.high, w.low, w.value, w.high))
        assert 0 <= e.low <= e.value <= e.high <= 1
        assert 0 <= w.low <= w.value <= w.high <= 1
    assert ends[0] == pytest.approx(ends[1], abs=1e-9)


@given(rows)
def test_mirror(values: list[tuple[int, float, int]]) -> None:
    """Counting the other outcome mirrors the interval."""
    y, f, s = np.array(values, float).T
    codes, other = s.astype(int), [Predictions(g.count, 1 - g.mean, g.variance) for g in GROUPS]
    here = stratified_prediction_powered_mean(y, f, codes, GROUPS)
    there = stratified_prediction_powered_mean(1 - y, 1 - f, codes, other)
    assert (here.low, here.high) == pytest.approx((1 - there.high, 1 - there.low), abs=1e-9)
    weighed = weighted_mean(y, (s + 1) / 4, 500)
    mirrored = weighted_mean(1 - y, (s + 1) / 4, 500)
    assert (weighed.low, weighed.high) == pytest.approx((1 - mirrored.high, 1 - mirrored.low), abs=1e-9)


@given(rows)
def test_widens_as_labels_fall(values: list[tuple[int, float, int]]) -> None:
    """Three times the same labels in every stratum give an interval at most as wide."""
    y, _, s = np.array(values, float).T
    few = stratified_mean(y, s.astype(int), [400, 300, 200])
    many = stratified_mean(np.tile(y, 3), np.tile(s, 3).astype(int), [400, 300, 200])
    assert many.high - many.low <= few.high - few.low + 1e-9


@pytest.mark.parametrize("n", [0, 1, 2])
def test_few_labels(n: int) -> None:
    """Without two labels the rate is unknown, with two it has an interval."""
    y, s = np.ones(n), np.zeros(n, int)
    for estimate in (
        stratified_mean(y, s, [50, 50]),
        stratified_prediction_powered_mean(y, y, s, [Predictions(50, 0.5, 0.2)] * 2),
        weighted_mean(y, np.full(n, 0.2), 50),
        weighted_prediction_powered_mean(y, y, np.full(n, 0.2), Predictions(50, 0.5, 0.2)),
    ):
        if n < 2:
            assert math.isnan(estimate.value)
            assert "label" in estimate.reason
        else:
            assert estimate.low < 0.75 <= estimate.high


def test_one_class_and_constant_predictions() -> None:
    """Labels that all agree, predictions that all agree: an interval of positive width."""
    zeros, strata = np.zeros(30), np.arange(30) % 3
    flat = [Predictions(100, 0.0, 0.0)] * 3
    for estimate in (
        stratified_prediction_powered_mean(zeros, zeros, strata, flat),
        weighted_prediction_powered_mean(zeros, zeros, np.full(30, 0.1), flat[0]),
    ):
        assert (estimate.value, estimate.low) == (0, 0)
        assert 0.03 < estimate.high < 0.3


@pytest.mark.parametrize(
    ("strata", "sizes", "said"),
    [
        ([0, 1, 2], [5, 5], "strata must lie between 0 and 1"),
        ([0, -1, 1], [5, 5], "strata must lie between 0 and 1"),
        ([0.5, 0.0, 1.0], [5, 5], "whole numbers"),
        ([0, 1], [5, 5], "one for each label"),
        ([0, 0, 0], [2, 5], "stratum 0 has 3 labels but only 2 items"),
    ],
)
def test_bad_strata(strata: list[float], sizes: list[int], said: str) -> None:
    """Strata that do not fit are named."""
    with pytest.raises(UsageError) as caught:
        stratified_mean([1, 0, 1], strata, sizes)
    assert said in caught.value.message


@pytest.mark.parametrize("inclusion", [[0.5, 0.0], [0.5, 1.5], [0.5, math.nan], [0.5]])
def test_bad_inclusion(inclusion: list[float]) -> None:
    """An inclusion probability lies above 0 and at most at 1."""
    with pytest.raises(UsageError):
        weighted_mean([1, 0], inclusion, 50)


def test_more_labels_than_items() -> None:
    """So is a population smaller than its sample."""
    with pytest.raises(UsageError, match="3 labels"):
        weighted_mean([1, 0, 1], [0.5, 0.5, 0.5], 2)
