"""Fitted curves: parameters that are known come back, and intervals cover what they say."""

import numpy as np
import pytest

from aligntax.errors import UsageError
from aligntax.stats.curve_checks import akaike, held_out, left_out_r_squared, r_squared, saved_error
from aligntax.stats.curves import Curve, Floats, fieller, fit_curve
from aligntax.stats.student import student_quantile

PROPORTIONAL = Curve(lambda x, _: x[:, None], 1)
LINE = Curve(lambda x, _: np.column_stack([np.ones_like(x), x]), 2)
POWER = Curve(lambda x, shape: (x**shape)[:, None], 1, (0.1, 3.0))


def runs(
    generator: np.random.Generator, count: int, each: int, *, alike: float, grows: bool = False
) -> tuple[Floats, Floats, list[int]]:
    """Observations of y = 0.2 x + error, shared by clusters in part; or each with a slope of its own."""
    x = generator.uniform(0.3, 1.5, (count, 1)) * np.arange(1, each + 1) / each
    own, rest = generator.standard_normal((count, 1)), generator.standard_normal((count, each))
    errors = 0.02 * (np.sqrt(alike) * own + np.sqrt(1 - alike) * rest)
    if grows:
        errors = 0.04 * x * own + 0.006 * rest
    return x.ravel(), (0.2 * x + errors).ravel(), np.repeat(np.arange(count), each).tolist()


def test_a_line_by_hand() -> None:
    """(1,2) (2,3) (3,5) (4,4) (5,6): slope 9/10, intercept 1.3, R2 = .81."""
    fit = fit_curve(LINE, [1, 2, 3, 4, 5], [2, 3, 5, 4, 6])
    assert fit.parameters == pytest.approx([1.3, 0.9])
    assert r_squared(fit).value == pytest.approx(0.81)


def test_left_out_is_a_fit_without_the_cluster() -> None:
    """What is said of a cluster comes from a fit to the others, and each replicate is that fit."""
    x, y, clusters = runs(np.random.default_rng(0), 5, 4, alike=0.5)
    fit = fit_curve(LINE, x, y, clusters=clusters)
    for cluster in range(5):
        own = np.array(clusters) == cluster
        slope, constant = np.polyfit(x[~own], y[~own], 1)
        assert fit.replicates[cluster] == pytest.approx([constant, slope])
        assert fit.left_out[own] == pytest.approx(y[own] - constant - slope * x[own])


def test_jackknife_of_a_mean_is_the_textbook_interval() -> None:
    """For a constant the jackknife is s / sqrt(n) exactly, with n - 1 degrees of freedom."""
    constant = Curve(lambda x, _: np.ones((len(x), 1)), 1)
    y = np.array([3.0, 5.0, 4.0, 8.0, 7.0, 6.5])
    found = fit_curve(constant, np.arange(6.0), y).parameter(0)
    half = student_quantile(0.95, 5) * y.std(ddof=1) / np.sqrt(6)
    assert (found.value, found.low, found.high) == pytest.approx((y.mean(), y.mean() - half, y.mean() + half))


def test_a_shape_that_is_known_comes_back() -> None:
    """A curve 3 x^0.7 without noise gives 3 and 0.7, and the shape is not at its bound."""
    x = np.linspace(0.5, 4, 12)
    fit = fit_curve(POWER, x, 3 * x**0.7)
    assert fit.parameters == pytest.approx([3, 0.7], abs=1e-4)
    assert not fit.at_bound


def test_a_shape_outside_its_range_is_at_the_bound() -> None:
    """For x^5 there is no shape between 0.1 and 3, and that is said."""
    x = np.linspace(0.5, 4, 12)
    assert fit_curve(POWER, x, x**5).at_bound


def test_noise_is_not_explained() -> None:
    """R2 and left-out R2 of pure noise hold 0; a left-out R2 that is positive would be a claim."""
    generator, claims = np.random.default_rng(5), 0
    for _ in range(200):
        x, y = generator.uniform(size=40), generator.standard_normal(40)
        fit = fit_curve(LINE, x, y)
        claims += left_out_r_squared(fit).low > 0
    assert claims <= 200 * 0.05


def test_the_better_curve_saves_error() -> None:
    """Against a curve that is wrong the right one saves error, and the wrong one costs it."""
    generator = np.random.default_rng(1)
    x = np.linspace(0.1, 2, 60)
    y = x**2 + 0.05 * generator.standard_normal(60)
    right, wrong = fit_curve(POWER, x, y), fit_curve(PROPORTIONAL, x, y)
    assert saved_error(right, wrong.left_out).low > 0
    assert saved_error(wrong, right.left_out).high < 0
    assert akaike(right) < akaike(wrong)


def test_aicc_by_hand() -> None:
    """AICc is n ln(SSE / n) + 2k + 2k(k+1)/(n-k-1), the variance counted among the k = 3."""
    fit = fit_curve(LINE, [1, 2, 3, 4, 5], [2, 3, 5, 4, 6])
    assert akaike(fit) == pytest.approx(5 * np.log(1.9 / 5) + 6 + 24 / 1)
    bent = Curve(lambda x, _: np.column_stack([np.ones_like(x), x, x**2]), 3)
    assert np.isnan(akaike(fit_curve(bent, [1, 2, 3, 4, 5], [2, 3, 5, 4, 6])))


def test_held_out_predicts_the_upper_part() -> None:
    """A line fitted to the lower two thirds predicts the rest; a quadratic world it misses."""
    generator = np.random.default_rng(2)
    x = np.linspace(0, 3, 60)
    straight = held_out(LINE, x, x + 0.1 * generator.standard_normal(60))
    bent = held_out(LINE, x, x**3 + 0.1 * generator.standard_normal(60))
    assert straight is not None
    assert bent is not None
    assert (straight.fitted, straight.predicted) == (40, 20)
    assert straight.inside >= 17
    assert bent.inside <= 1
    assert bent.miss.low > 0


def test_fieller_by_hand() -> None:
    """The ends of the interval are the ratios whose numerator cannot be told from them times the divisor."""
    x = np.linspace(0, 2, 25)
    fit = fit_curve(LINE, x, 2 + 3 * x + 0.3 * np.random.default_rng(3).standard_normal(25))
    found = fieller(fit, (1, 0), (0, 1))
    assert found.low < 2 / 3 < found.high
    t = student_quantile(0.95, 24)
    for end in (found.low, found.high):
        weights = np.array([1, -end])
        assert (weights @ fit.parameters) ** 2 == pytest.approx(t**2 * weights @ fit.covariance @ weights)


def test_a_ratio_over_nothing_is_unknown() -> None:
    """With a slope that cannot be told from 0 any ratio fits."""
    x = np.linspace(0, 2, 25)
    fit = fit_curve(LINE, x, 2 + np.random.default_rng(3).standard_normal(25))
    assert not fieller(fit, (1, 0), (0, 1)).known


@pytest.mark.parametrize(
    ("x", "y", "says"),
    [
        ([1, 2, 3, 4], [1, 2, 3, 4], "4 distinct values"),
        ([1, 1, 1, 1, 1, 1], [1, 2, 3, 4, 5, 6], "1 distinct values"),
        ([1, 2, 3, 4, 5], [2, 2, 2, 2, 2], "equal"),
        ([1, 2, 3, 4, np.nan], [1, 2, 3, 4, 5], "finite"),
        ([1, 2, 3, 4, 5], [1, 2, 3, 4], "as many"),
    ],
)
def test_what_cannot_be_fitted(x: list[float], y: list[float], says: str) -> None:
    with pytest.raises(UsageError, match=says):
        fit_curve(LINE, x, y)


def test_parameters_one_cluster_alone_can_tell() -> None:
    """Where all but one cluster lie at a single x, a line without that cluster is not a line."""
    x, y = [1, 1, 1, 1, 2, 3, 4, 5], [1, 2, 1, 2, 3, 4, 5, 6]
    with pytest.raises(UsageError, match="left out"):
        fit_curve(LINE, x, y, clusters=list("aabbcccc"))


def test_clusters_widen_what_independence_would_narrow() -> None:
    """Checkpoints that resemble each other by run: as independent the interval is far too short."""
    x, y, clusters = runs(np.random.default_rng(4), 8, 12, alike=0.95)
    apart, together = fit_curve(LINE, x, y), fit_curve(LINE, x, y, clusters=clusters)
    assert together.clusters == 8
    assert together.prediction(0.5).high - together.prediction(0.5).low > 0
    assert together.mean(0.7).high - together.mean(0.7).low > 1.5 * (
        apart.mean(0.7).high - apart.mean(0.7).low
    )


@pytest.mark.slow
@pytest.mark.parametrize("alike", [0.0, 0.5, 0.9])
@pytest.mark.parametrize(("count", "each"), [(3, 8), (8, 6), (20, 6)])
@pytest.mark.parametrize("curve", [PROPORTIONAL, LINE], ids=["proportional", "line"])
def test_prediction_intervals_cover(curve: Curve, count: int, each: int, alike: float) -> None:
    """New observations of new clusters lie inside as often as said, within the error of the simulation."""
    assert covered(curve, count, each, alike=alike) >= 0.95 - 0.02


@pytest.mark.slow
def test_prediction_intervals_cover_where_clusters_differ_in_slope() -> None:
    """With errors that grow with the curve too, on the whole and at the upper end."""
    assert covered(PROPORTIONAL, 20, 6, alike=0.5, grows=True) >= 0.95 - 0.02
    assert covered(PROPORTIONAL, 20, 6, alike=0.5, grows=True, least=0.8) >= 0.95 - 0.03


def covered(
    curve: Curve, count: int, each: int, *, alike: float, grows: bool = False, least: float = 0.0
) -> float:
    """Share of new observations with x above `least`, inside the range seen, that their intervals hold."""
    generator, inside = np.random.default_rng(11), list[float]()
    for _ in range(300):
        x, y, clusters = runs(generator, count, each, alike=alike, grows=grows)
        new, truth, _ = runs(generator, 40, each, alike=alike, grows=grows)
        asked = (new >= max(least, x.min())) & (new <= x.max())
        if not asked.any():
            continue
        band = fit_curve(curve, x, y, clusters=clusters).band(new[asked])
        inside.append(float(((band.low <= truth[asked]) & (truth[asked] <= band.high)).mean()))
    return float(np.mean(inside))
