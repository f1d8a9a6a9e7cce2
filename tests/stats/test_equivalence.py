"""Equivalence within a margin: verdicts by hand, p-values, and errors of the first kind by simulation."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aligntax.errors import UsageError
from aligntax.records import Estimate, unknown
from aligntax.stats.equivalence import equivalence
from aligntax.stats.paired import mean_difference


def _interval(low: float, value: float, high: float, clusters: int | None = None) -> Estimate:
    return Estimate(
        value=value,
        low=low,
        high=high,
        level=0.9,
        n=100,
        unit="difference",
        method="by hand",
        clusters=clusters,
    )


@pytest.mark.parametrize(
    ("low", "high", "verdict"),
    [
        (-0.009, 0.009, "equivalent"),
        (-0.010, 0.005, "cannot tell"),
        (-0.005, 0.010, "cannot tell"),
        (0.002, 0.03, "cannot tell"),
        (-0.03, 0.03, "cannot tell"),
        (0.010, 0.03, "different"),
        (-0.03, -0.01, "different"),
        (0.001, 0.009, "equivalent"),
    ],
)
def test_verdicts(low: float, high: float, verdict: str) -> None:
    """Wholly inside, wholly beyond on one side, or neither; a significant difference may be equivalent."""
    assert equivalence(_interval(low, (low + high) / 2, high), 0.01).verdict == verdict


def test_p_value_by_hand() -> None:
    """Value 0, standard error .005, margin .01: two errors away, one-sided .02275."""
    found = equivalence(_interval(-0.0082243, 0.0, 0.0082243), 0.01)
    assert found.p == pytest.approx(0.02275, abs=1e-5)


def test_p_value_takes_t_where_clusters_are_few() -> None:
    """Five clusters: half-width 2.13 errors, so the same interval is one of a smaller error."""
    found = equivalence(_interval(-0.0213185, 0.0, 0.0213185, clusters=5), 0.0277645)
    assert found.p == pytest.approx(0.025, abs=1e-5)


@given(st.floats(-1, 1), st.floats(1e-3, 1), st.floats(1e-3, 2), st.sampled_from([None, 3, 40]))
def test_p_value_says_what_the_verdict_says(
    middle: float, half: float, margin: float, clusters: int | None
) -> None:
    """Below alpha = .05 just where the verdict is equivalent."""
    if abs(abs(middle) + half - margin) < 1e-9:
        return
    found = equivalence(_interval(middle - half, middle, middle + half, clusters), margin)
    assert (found.p < 0.05) == (found.verdict == "equivalent")


def test_how_many_would_decide() -> None:
    """Half-width .03 at n = 100, .01 needed: nine times the items, whichever side the value is on."""
    for value in (0.04, 0.06):
        found = equivalence(_interval(value - 0.03, value, value + 0.03), 0.05)
        assert found.verdict == "cannot tell"
        assert found.needed == pytest.approx(900, abs=1)
    assert equivalence(_interval(-0.03, 0.0, 0.03), 0.05).needed is None


def test_what_is_unknown_cannot_be_told() -> None:
    """No value, no ends or a value at the margin: cannot tell, with the reason, and no number of items."""
    for interval in (unknown("no pairs", unit="difference"), _interval(math.nan, 0.0, math.nan)):
        found = equivalence(interval, 0.01)
        assert found.verdict == "cannot tell"
        assert math.isnan(found.p)
        assert found.reason
        assert found.needed is None
    assert equivalence(_interval(0.0, 0.01, 0.02), 0.01).needed is None
    endless = equivalence(_interval(-math.inf, 0.0, math.inf), 0.01)
    assert (endless.verdict, endless.needed) == ("cannot tell", None)
    assert math.isnan(endless.p)


@pytest.mark.parametrize("margin", [0.0, -0.1, math.nan, math.inf])
def test_bad_margins(margin: float) -> None:
    with pytest.raises(UsageError, match="margin"):
        equivalence(_interval(-0.1, 0.0, 0.1), margin)


@pytest.mark.parametrize("sign", [1, -1])
def test_first_kind_of_error(sign: int) -> None:
    """True difference at the margin, 60 clusters: "equivalent" and "different" a twentieth of the time at
    most, with the noise of 300 samples."""
    generator, found = np.random.default_rng(1), []
    names = np.repeat(np.arange(60), 4)
    for seed in range(300):
        effect = np.repeat(generator.normal(0, 0.3, 60), 4)
        values = sign * 0.3 + effect + generator.normal(0, 1, 240)
        interval = mean_difference(values, clusters=names, level=0.9, replicates=200, seed=seed)
        found.append(equivalence(interval, 0.3).verdict)
    noise = 2.5 * math.sqrt(0.05 * 0.95 / 300)
    assert found.count("equivalent") / 300 <= 0.05 + noise
    assert found.count("different") / 300 <= 0.05 + noise


def test_enough_items_do_decide() -> None:
    """No difference and a hundred times the spread's square in items: equivalent, nearly always."""
    generator, found = np.random.default_rng(2), []
    for seed in range(40):
        interval = mean_difference(generator.normal(0, 1, 2000), level=0.9, replicates=200, seed=seed)
        found.append(equivalence(interval, 0.1).verdict)
    assert found.count("equivalent") >= 38
