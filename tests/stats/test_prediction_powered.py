"""Few labels and many predictions: the published vectors, and coverage as the claim."""

import json
import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aligntax.errors import UsageError
from aligntax.stats.prediction_powered import (
    cautions,
    helps,
    labelled_mean,
    prediction_powered_mean,
    textbook_prediction_powered_mean,
)
from aligntax.stats.predictions import Predictions

LABELS = np.array([1, 0, 0, 1, 0, 0, 0, 1, 0, 0] * 10)
PREDICTIONS = np.array([1, 0, 0, 0, 0, 1, 0, 1, 0, 0] * 10)
UNLABELLED = np.array([1, 0, 0, 0, 1, 0, 0, 0, 0, 0] * 100)

pairs = st.lists(st.tuples(st.integers(0, 1), st.sampled_from([0.0, 0.3, 1.0])), min_size=2, max_size=80)


def of_zeros_and_ones(count: int, ones: int) -> Predictions:
    """The statistics of `ones` ones among `count`."""
    mean = ones / count
    return Predictions(count, mean, mean * (1 - mean) * count / (count - 1))


@pytest.mark.parametrize(
    ("weight", "value", "error", "low", "high"),
    [(1.0, 0.2, 0.046694, 0.10848, 0.29152), (None, 0.23897, 0.040183, 0.16022, 0.31773)],
)
def test_published_vectors(weight: float | None, value: float, error: float, low: float, high: float) -> None:
    """Textbook PPI and PPI++ give the worked example, to the digits given."""
    found = textbook_prediction_powered_mean(LABELS, PREDICTIONS, UNLABELLED, weight=weight)
    assert found.value == pytest.approx(value, abs=6e-6)
    assert (found.high - found.low) / 2 / 1.9599640 == pytest.approx(error, abs=6e-7)
    assert (found.low, found.high) == pytest.approx((low, high), abs=6e-6)


def test_the_weight_of_the_vector() -> None:
    """The tuned weight is 0.61025, and the smoothed estimate keeps the PPI++ value."""
    assert "0.6103" in textbook_prediction_powered_mean(LABELS, PREDICTIONS, UNLABELLED).method
    found = prediction_powered_mean(LABELS, PREDICTIONS, UNLABELLED)
    assert found.value == pytest.approx(0.23897, abs=6e-6)
    assert (found.n, found.labelled, found.unit) == (1100, 100, "rate")


@pytest.mark.parametrize("seed", range(6))
def test_agrees_with_the_reference_package(seed: int) -> None:
    """Two-sided textbook intervals agree with ppi-python, which divides by n where we divide by n - 1."""
    reference = pytest.importorskip("ppi_py")
    generator = np.random.default_rng(seed)
    labels = generator.integers(0, 2, 400).astype(float)
    predictions = np.clip(labels * 0.6 + generator.uniform(0, 0.4, 400), 0, 1)
    unlabelled = generator.uniform(0, 1, 3000)
    for weight in (1.0, 0.4, None):
        ours = textbook_prediction_powered_mean(labels, predictions, unlabelled, weight=weight, level=0.9)
        low, high = reference.ppi_mean_ci(labels, predictions, unlabelled, alpha=0.1, lam=weight)
        assert (ours.low, ours.high) == pytest.approx((low[0], high[0]), abs=3e-4)


def _cells(path: Path, model: str | None) -> tuple[np.ndarray, np.ndarray]:
    """Human labels and string-match predictions of refusals on safe prompts."""
    with path.open(encoding="utf-8") as file:
        rows = [r for r in map(json.loads, file) if r["prompt_type"] == "benign"]
    rows = [r for r in rows if model is None or r["model"] == model]
    predicted = [r["flags"]["baseline_strmatch_label"] != "complete" for r in rows]
    return np.array([r["label"] != "complete" for r in rows], float), np.array(predicted, float)


def _coverage(
    labels: np.ndarray, predictions: np.ndarray, n: int, levels: tuple[float, ...], repetitions: int
) -> dict[float, float]:
    """How often the smoothed interval holds the truth when samples are drawn from a superpopulation."""
    generator, truth, unlabelled = np.random.default_rng(n), labels.mean(), 1000
    hits: dict[float, list[bool]] = {level: [] for level in levels}
    for _ in range(repetitions):
        chosen = generator.integers(len(labels), size=n)
        rest = of_zeros_and_ones(unlabelled, generator.binomial(unlabelled, predictions.mean()))
        for level in levels:
            found = prediction_powered_mean(labels[chosen], predictions[chosen], rest, level=level)
            hits[level].append(found.low <= truth <= found.high)
    return {level: float(np.mean(hit)) for level, hit in hits.items()}


@pytest.mark.parametrize("n", [30, 50, 100, 200])
@pytest.mark.parametrize("model", [None, "gpt4", "mistralinstruct"])
def test_covers_on_real_labels(shared_data: Path, model: str | None, n: int) -> None:
    """At 95 % the smoothed interval covers at least .94 in every cell: three populations by four sizes."""
    labels, predictions = _cells(shared_data / "labelled" / "xstest_completions.jsonl", model)
    assert _coverage(labels, predictions, n, (0.95,), 2500)[0.95] >= 0.94


@pytest.mark.slow
@pytest.mark.parametrize("n", [30, 100])
@pytest.mark.parametrize("model", [None, "gpt4", "mistralinstruct"])
def test_covers_on_real_labels_at_other_levels(shared_data: Path, model: str | None, n: int) -> None:
    """At 80 % and 90 % it covers what it says, but for one or two points."""
    labels, predictions = _cells(shared_data / "labelled" / "xstest_completions.jsonl", model)
    for level, share in _coverage(labels, predictions, n, (0.8, 0.9), 2500).items():
        assert share >= level - 0.02


@pytest.mark.parametrize("level", [0.8, 0.9, 0.95])
@pytest.mark.parametrize(
    ("rate", "sensitivity", "specificity", "n"),
    [
        (0.02, 0.8, 0.97, 50),
        (0.1, 0.8, 0.95, 50),
        (0.3, 0.6, 0.8, 80),
        (0.5, 0.95, 0.95, 60),
        (0.9, 0.9, 0.9, 50),
    ],
)
def test_covers(level: float, rate: float, sensitivity: float, specificity: float, n: int) -> None:
    """Whatever the rate and the detector, the interval covers as often as it says, or a little more."""
    generator, hits = np.random.default_rng(5), []
    flagged = rate * sensitivity + (1 - rate) * (1 - specificity)
    for _ in range(2000):
        labels = generator.random(n) < rate
        predictions = generator.random(n) < np.where(labels, sensitivity, 1 - specificity)
        rest = of_zeros_and_ones(2000, generator.binomial(2000, flagged))
        found = prediction_powered_mean(labels, predictions, rest, level=level)
        hits.append(found.low <= rate <= found.high)
    assert np.mean(hits) >= level - 0.015


@pytest.mark.parametrize("level", [0.8, 0.9, 0.95])
def test_covers_with_scores(level: float) -> None:
    """Predictions may be scores between 0 and 1."""
    generator, hits = np.random.default_rng(6), []
    for _ in range(2000):
        scores = generator.beta(0.5, 3.0, 2080)
        labels = generator.random(80) < scores[:80]
        found = prediction_powered_mean(labels, scores[:80], scores[80:], level=level)
        hits.append(found.low <= 0.5 / 3.5 <= found.high)
    assert np.mean(hits) >= level - 0.015


def test_textbook_interval_does_not_cover() -> None:
    """The reason for the pseudo-labels: at a rate of 1.6 % the textbook's 95 % covers less than .6."""
    generator, hits = np.random.default_rng(7), []
    for _ in range(1000):
        labels = generator.random(30) < 0.016
        predictions = generator.random(30) < np.where(labels, 0.5, 0.01)
        rest = of_zeros_and_ones(1000, generator.binomial(1000, 0.0178))
        found = textbook_prediction_powered_mean(labels, predictions, rest)
        hits.append(found.low <= 0.016 <= found.high)
    assert np.mean(hits) < 0.6


@given(pairs, st.integers(0, 50), st.randoms())
def test_order_does_not_matter(rows: list[tuple[int, float]], ones: int, random: object) -> None:
    """Shuffled rows give the same estimate."""
    rest, shuffled = of_zeros_and_ones(50, ones), list(rows)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    here, there = (prediction_powered_mean(*np.array(r, float).T, rest) for r in (rows, shuffled))
    assert (here.value, here.low, here.high) == pytest.approx((there.value, there.low, there.high), abs=1e-9)


@given(pairs, st.integers(0, 50))
def test_mirror(rows: list[tuple[int, float]], ones: int) -> None:
    """Counting the other outcome mirrors the interval, and 0 <= low <= value <= high <= 1."""
    labels, predictions = np.array(rows, float).T
    here = prediction_powered_mean(labels, predictions, of_zeros_and_ones(50, ones))
    there = prediction_powered_mean(1 - labels, 1 - predictions, of_zeros_and_ones(50, 50 - ones))
    assert (here.low, here.value, here.high) == pytest.approx(
        (1 - there.high, 1 - there.value, 1 - there.low), abs=1e-9
    )
    assert 0 <= here.low <= here.value <= here.high <= 1


@given(pairs)
def test_widens_as_labels_fall(rows: list[tuple[int, float]]) -> None:
    """Four times the same labels give an interval at most as wide."""
    labels, predictions = np.array(rows, float).T
    rest = of_zeros_and_ones(1000, 200)
    few = prediction_powered_mean(labels, predictions, rest)
    many = prediction_powered_mean(np.tile(labels, 4), np.tile(predictions, 4), rest)
    assert many.high - many.low <= few.high - few.low + 1e-9


@given(st.lists(st.integers(0, 1), min_size=1, max_size=60))
def test_levels_nest(labels: list[int]) -> None:
    """A higher level gives the wider interval, for labels alone and with predictions."""
    rest, half = of_zeros_and_ones(100, 30), [0.5] * len(labels)
    for estimates in (
        [labelled_mean(labels, level=level) for level in (0.8, 0.95)],
        [prediction_powered_mean(labels, half, rest, level=level) for level in (0.8, 0.95)],
    ):
        if estimates[0].known:
            assert estimates[1].low <= estimates[0].low <= estimates[0].high <= estimates[1].high


def test_useless_predictions_are_left_out() -> None:
    """Constant predictions leave the value of the labels alone, and a caution says why."""
    labels = np.array([1, 0, 0, 0] * 20)
    powered, alone = prediction_powered_mean(labels, np.ones(80), np.ones(500)), labelled_mean(labels)
    assert powered.value == alone.value == 0.25
    said = cautions(labels, np.ones(80), powered, alone)
    assert "the predictions of all labelled items are the same" in said
    assert not helps(powered, alone)
    assert any("do not make the interval narrower" in text for text in said)


def test_good_predictions_help() -> None:
    """With 100 labels and a good detector nothing is to be warned of."""
    labels = np.array([1, 0, 0, 0] * 25)
    powered, alone = prediction_powered_mean(labels, labels, [0.0, 1.0, 0.0] * 400), labelled_mean(labels)
    assert helps(powered, alone)
    assert cautions(labels, labels, powered, alone) == ()


@pytest.mark.parametrize("value", [0, 1])
@pytest.mark.parametrize("n", [2, 3, 40])
def test_one_class(value: int, n: int) -> None:
    """Labels that all agree leave an interval of positive width that holds them, and a caution."""
    labels, predictions = np.full(n, value), np.arange(n) % 2
    powered, alone = prediction_powered_mean(labels, predictions, [0, 1] * 30), labelled_mean(labels)
    assert powered.value == value
    assert powered.high - powered.low > 0.02
    assert cautions(labels, predictions, powered, alone)[0].startswith(f"all {n} labels agree")


@pytest.mark.parametrize(("labels", "reason"), [([], "no labels"), ([1], "a single label")])
def test_too_few_labels(labels: list[int], reason: str) -> None:
    """Without two labels the estimate is nan, with the reason."""
    for found in (
        prediction_powered_mean(labels, labels, [0, 1, 1]),
        textbook_prediction_powered_mean(labels, labels, [0, 1, 1]),
    ):
        assert math.isnan(found.value)
        assert found.reason.startswith(reason)
        assert cautions(labels, labels, found, labelled_mean(labels))[0].startswith(reason)


def test_nothing_unlabelled() -> None:
    """When everything is labelled, the labels speak alone; their textbook correction is unknown."""
    found = prediction_powered_mean([1, 0, 0, 1], [1, 0, 0, 1], [])
    assert found == labelled_mean([1, 0, 0, 1])
    assert textbook_prediction_powered_mean([1, 0], [1, 0], []).reason == "no predictions"
    assert labelled_mean([]).reason == "no labels"


@pytest.mark.parametrize(
    ("labels", "predictions", "unlabelled", "said"),
    [
        ([1, math.nan], [1, 0], [1, 0], "labels must lie between 0 and 1, but the one at index 1 is nan"),
        ([1, 0], [1, 2], [1, 0], "predictions must lie between 0 and 1, but the one at index 1 is 2"),
        ([1, 0], [1, 0], [1, math.inf], "predictions must lie between 0 and 1"),
        ([1, 0, 1], [1, 0], [1, 0], "3 labels but 2 predictions"),
        ([[1, 0]], [1, 0], [1, 0], "labels must be one-dimensional"),
        (["refused", "complete"], [1, 0], [1, 0], "labels must be numbers between 0 and 1"),
    ],
)
def test_bad_input(
    labels: list[object], predictions: list[float], unlabelled: list[float], said: str
) -> None:
    """What is not a rate is an error that names it."""
    with pytest.raises(UsageError) as caught:
        prediction_powered_mean(labels, predictions, unlabelled)  # type: ignore[arg-type]
    assert said in caught.value.message


@pytest.mark.parametrize("level", [0.0, 1.0, 95, math.nan])
def test_bad_level(level: float) -> None:
    """A level is a share, not a percentage."""
    with pytest.raises(UsageError):
        prediction_powered_mean([1, 0], [1, 0], [1, 0], level=level)


@given(st.lists(st.floats(0, 1), min_size=1, max_size=40), st.data())
def test_predictions_without_some(values: list[float], data: st.DataObject) -> None:
    """Taking items out of the statistics gives the statistics of the others."""
    cut = data.draw(st.integers(0, len(values)))
    left, expected = Predictions.of(values).without(values[:cut]), Predictions.of(values[cut:])
    assert left.count == expected.count
    assert left.mean == pytest.approx(expected.mean, abs=1e-9)
    assert left.variance == pytest.approx(expected.variance, abs=1e-9)


def test_more_labels_than_items() -> None:
    """Taking more items out than there are is an error."""
    with pytest.raises(UsageError, match="3 labelled items"):
        Predictions.of([1, 0]).without([1, 1, 0])
