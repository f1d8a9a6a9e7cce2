"""Agreement of annotators: published values, and coverage as the claim."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aligntax.errors import UsageError
from aligntax.stats.agreement import agreement_table, cohens_kappa, krippendorff_alpha

LEVELS = (0.8, 0.9, 0.95)
MISSING = -1

# Krippendorff's worked example: four observers, twelve units, some ratings missing; nominal alpha .743
OBSERVERS = (
    "1 2 3 3 2 1 4 1 2 . . .",
    "1 2 3 3 2 2 4 1 2 5 . 3",
    ". 3 3 3 2 3 4 2 2 5 1 .",
    "1 2 3 3 2 4 4 1 2 5 1 .",
)

codes = st.lists(st.tuples(st.integers(0, 2), st.integers(0, 2)), min_size=2, max_size=60)


def _ratings() -> np.ndarray:
    rows = [[MISSING if c == "." else int(c) - 1 for c in line.split()] for line in OBSERVERS]
    return np.array(rows).T


def test_alpha_is_krippendorffs() -> None:
    """His example gives .743; the unit that one observer alone rated does not count."""
    found = krippendorff_alpha(_ratings(), 5)
    assert found.value == pytest.approx(0.743, abs=5e-4)
    assert (found.n, found.unit) == (11, "agreement")
    assert found.low < 0.743 < found.high


def test_kappa_by_hand() -> None:
    """Observed .7, expected .5: kappa is .4."""
    found = cohens_kappa([[20, 5], [10, 15]])
    assert found.value == pytest.approx(0.4)
    assert (found.n, found.unit) == (50, "agreement")


def test_kappa_error_is_fleisss() -> None:
    """The effective size behind the interval comes from the variance of Fleiss, Cohen and Everitt.

    Against the spread of kappa over samples of 5,000, which nothing but the right variance meets.
    """
    shares = np.array([[0.5, 0.04, 0.01], [0.06, 0.2, 0.02], [0.0, 0.03, 0.14]])
    generator = np.random.default_rng(1)
    tables = generator.multinomial(5000, shares.ravel(), size=3000).reshape(-1, 3, 3)
    found = [cohens_kappa(table) for table in tables]
    spread = np.std([e.value for e in found])
    assert np.mean([(e.high - e.low) / 2 / 1.96 for e in found]) == pytest.approx(spread, rel=0.04)


def _joint(prevalence: list[float], kappa: float) -> np.ndarray:
    """Shares of two annotators with the same prevalences who agree by `kappa`."""
    shares = np.array(prevalence)
    return np.outer(shares, shares) * (1 - kappa) + np.diag(shares) * kappa


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize(
    ("prevalence", "kappa", "n"),
    [
        ([0.5, 0.5], 0.8, 50),
        ([0.9, 0.1], 0.8, 50),
        ([0.9, 0.1], 0.95, 100),
        ([0.95, 0.05], 0.7, 100),
        ([0.7, 0.3], 0.4, 30),
        ([0.8, 0.15, 0.05], 0.8, 50),
        ([0.5, 0.4, 0.1], 0.94, 100),
    ],
)
def test_kappa_covers(prevalence: list[float], kappa: float, n: int, level: float) -> None:
    """Near its level with few disagreements too, where the textbook interval covers half of that."""
    generator = np.random.default_rng(2)
    joint = _joint(prevalence, kappa)
    tables = generator.multinomial(n, joint.ravel(), size=2500).reshape(-1, *joint.shape)
    found = [e for e in (cohens_kappa(table, level=level) for table in tables) if e.known]
    hits = [e.low <= kappa <= e.high for e in found]
    # counts are whole numbers, so that coverage swings by a few points around its level
    assert np.mean(hits) >= level - (0.05 if level < 0.9 else 0.03)


def _annotated(
    generator: np.random.Generator, units: int, annotators: int, prevalence: list[float], missing: float
) -> np.ndarray:
    """Annotators who each follow the true class, or in one case of ten draw from the prevalences."""
    truth = generator.choice(len(prevalence), units, p=prevalence)
    random = generator.choice(len(prevalence), (units, annotators), p=prevalence)
    ratings = np.where(generator.random((units, annotators)) < 0.1, random, truth[:, None])
    ratings[generator.random(ratings.shape) < missing] = MISSING
    return ratings


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize(
    ("annotators", "prevalence", "missing", "units"),
    [
        (2, [0.9, 0.1], 0.0, 60),
        (2, [0.8, 0.15, 0.05], 0.0, 100),
        (3, [0.7, 0.2, 0.1], 0.3, 60),
        (4, [0.8, 0.2], 0.3, 40),
    ],
)
def test_alpha_covers(
    annotators: int, prevalence: list[float], missing: float, units: int, level: float
) -> None:
    """Near its level, or above it, with two annotators or more and with ratings missing."""
    truth = 0.9**2  # of alpha: both follow the true class
    generator, hits = np.random.default_rng(3), []
    for _ in range(1500):
        ratings = _annotated(generator, units, annotators, prevalence, missing)
        found = krippendorff_alpha(ratings, len(prevalence), level=level)
        if found.known:
            hits.append(found.low <= truth <= found.high)
    assert np.mean(hits) >= level - (0.04 if level < 0.9 else 0.025)


@given(codes, st.randoms())
def test_order_does_not_matter(pairs: list[tuple[int, int]], random: object) -> None:
    """Neither the order of items nor which annotator comes first."""
    shuffled = list(pairs)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    here, there = np.array(pairs), np.array(shuffled)[:, ::-1]
    for first, second in (
        (krippendorff_alpha(here, 3), krippendorff_alpha(there, 3)),
        (cohens_kappa(agreement_table(*here.T, 3)), cohens_kappa(agreement_table(*there.T, 3))),
    ):
        assert first.known == second.known
        if first.known:
            ends = (second.low, second.value, second.high)
            assert (first.low, first.value, first.high) == pytest.approx(ends, abs=1e-9)


@given(codes)
def test_bounds(pairs: list[tuple[int, int]]) -> None:
    """-1 <= low <= value <= high <= 1; three times the items, an interval at most as wide."""
    table = agreement_table(*np.array(pairs).T, 3)
    kappa, more = cohens_kappa(table), cohens_kappa(3 * table)
    alpha = krippendorff_alpha(np.array(pairs), 3)
    for found in (kappa, alpha):
        if found.known:
            assert -1 <= found.low <= found.value + 1e-12
            assert found.value - 1e-12 <= found.high <= 1
    if kappa.known:
        assert more.high - more.low <= kappa.high - kappa.low + 1e-9


def test_complete_agreement_is_not_certainty() -> None:
    """Forty items without a disagreement leave a lower end that a few more might show."""
    for found in (
        cohens_kappa([[30, 0], [0, 10]]),
        krippendorff_alpha(np.repeat([[0, 0], [1, 1]], [30, 10], axis=0), 2),
    ):
        assert (found.value, found.high) == (1, 1)
        assert 0.6 < found.low < 0.9


@pytest.mark.parametrize(
    ("table", "reason"),
    [
        ([[0, 0], [0, 0]], "no item was labelled twice"),
        ([[1, 0], [0, 0]], "a single item"),
        ([[0, 1], [0, 0]], "a single item"),
        ([[2, 0], [0, 0]], "only one class was used"),
        ([[90, 0], [0, 0]], "only one class was used"),
    ],
)
def test_kappa_unknown(table: list[list[int]], reason: str) -> None:
    """Too few items, or a single class: nan, with the reason."""
    found = cohens_kappa(table)
    assert math.isnan(found.value)
    assert found.reason.startswith(reason)


@pytest.mark.parametrize(
    ("ratings", "reason"),
    [
        (np.zeros((0, 2), int), "no item was labelled twice"),
        (np.array([[0, -1], [-1, 1]]), "no item was labelled twice"),
        (np.array([[0, 1]]), "a single item"),
        (np.zeros((20, 3), int), "only one class was used"),
    ],
)
def test_alpha_unknown(ratings: np.ndarray, reason: str) -> None:
    """The same for alpha; ratings without a partner do not count."""
    found = krippendorff_alpha(ratings, 2)
    assert math.isnan(found.value)
    assert found.reason.startswith(reason)


def test_two_items() -> None:
    """Two items say next to nothing, and the interval says so."""
    found = cohens_kappa([[1, 0], [0, 1]])
    assert found.value == 1
    assert found.low < -0.5


def test_table() -> None:
    """Rows are the first annotator's; what either left out is not counted."""
    table = agreement_table([0, 0, 1, 2, -1], [0, 1, 1, -1, 2], 3)
    assert table.tolist() == [[1, 1, 0], [0, 1, 0], [0, 0, 0]]
    assert agreement_table([], [], 2).tolist() == [[0, 0], [0, 0]]


@pytest.mark.parametrize("bad", [[0, 3], [-2, 0], [0.5, 1], [math.nan, 1], ["complete", "refused"]])
def test_bad_classes(bad: list[object]) -> None:
    """Classes are whole numbers from 0, -1 where missing."""
    with pytest.raises(UsageError):
        agreement_table(bad, [0, 1], 3)  # type: ignore[arg-type]
    with pytest.raises(UsageError):
        krippendorff_alpha([bad, [0, 1]], 3)  # type: ignore[list-item]


@pytest.mark.parametrize("bad", [[[1, 2]], [[1, -2], [3, 4]], [[1, math.nan], [3, 4]], [1, 2]])
def test_bad_tables(bad: object) -> None:
    """A table is square and holds counts."""
    with pytest.raises(UsageError):
        cohens_kappa(bad)  # type: ignore[arg-type]


def test_lists_of_one_length() -> None:
    with pytest.raises(UsageError, match="3 classes by the first annotator, 2 by the second"):
        agreement_table([0, 1, 0], [0, 1], 2)
