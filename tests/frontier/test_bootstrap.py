"""Replicates: what their spread must be, what must be paired, and what must not claim certainty."""

import math

import numpy as np
import pytest
from scipy.stats import beta, t

from aligntax.frontier.bootstrap import Draws, bias_of_choice, draw, estimate
from aligntax.frontier.collected import HARM
from aligntax.frontier.runs import Cell, Configuration, Runs

A, B, BEFORE = Configuration("a", "1"), Configuration("b", "1"), Configuration("reference", "")
AXES = (HARM, "over_refusal", "capability.x")


def world(a: Cell, b: Cell) -> Runs:
    """Two configurations with the same cell on every axis."""
    cells = {(c, axis): cell for c, cell in ((A, a), (B, b), (BEFORE, a)) for axis in AXES}
    return Runs((A, B), BEFORE, ("x",), cells, {}, ())


def rate(*rates: float, n: int = 100) -> Cell:
    return Cell(tuple(map(str, range(len(rates)))), np.array(rates), n, None)


def items(*values: list[int]) -> Cell:
    table = np.array(values, float)
    return Cell(tuple(map(str, range(len(table)))), table.mean(axis=1), table.shape[1], table)


def drawn(runs: Runs, replicates: int = 20_000) -> Draws:
    return draw(runs, replicates=replicates, generator=np.random.default_rng(1))


def test_row_0_is_the_measurement() -> None:
    found = drawn(world(rate(0.1, 0.2), items([1, 0, 0, 0])), 10)
    assert found.harm[0] == pytest.approx([0.15, 0.25])
    assert found.capability.shape == (11, 2, 1)
    assert found.reference[0] == pytest.approx([0.15])


@pytest.mark.parametrize("cell", [rate(0.1), items([1] * 10 + [0] * 90)])
def test_a_rate_has_jeffreys_posterior(cell: Cell) -> None:
    """With items and without: the quantiles of Beta(10.5, 90.5)."""
    harm = drawn(world(cell, cell)).harm[1:, 0]
    for share in (0.025, 0.5, 0.975):
        assert np.quantile(harm, share) == pytest.approx(beta(10.5, 90.5).ppf(share), abs=0.002)


@pytest.mark.parametrize("cell", [rate(0.0), items([0] * 100)])
def test_no_event_is_not_certainty(cell: Cell) -> None:
    """None of a hundred leaves 2.5 % for what Jeffreys leaves: 2.5 points."""
    found = estimate(drawn(world(cell, cell)).harm[:, 0], unit="rate", level=0.95, n=100, method="")
    assert (found.value, found.low) == (0, 0)
    assert found.high == pytest.approx(beta(0.5, 100.5).ppf(0.975), rel=0.05)


def test_items_are_paired_and_rates_are_not() -> None:
    """Two configurations that agree on 380 of 400 items differ by 20 flips, not by two samples of 400."""
    first, second = [1] * 200 + [0] * 200, [1] * 190 + [0] * 10 + [1] * 10 + [0] * 190
    paired = drawn(world(items(first), items(second)))
    apart = drawn(world(rate(0.5, n=400), rate(0.5, n=400)))
    assert (paired.harm[1:, 0] - paired.harm[1:, 1]).std() == pytest.approx(math.sqrt(20) / 400, rel=0.05)
    assert (apart.harm[1:, 0] - apart.harm[1:, 1]).std() == pytest.approx(math.sqrt(0.5 / 400), rel=0.05)
    assert (paired.method, apart.method) == (
        "paired bootstrap over items",
        "independent draws of rates, unpaired",
    )


def test_equal_items_leave_a_doubt() -> None:
    """Where no item differs, the difference still has a width: about one item's."""
    same = items([1, 0] * 50)
    found = drawn(world(same, same))
    assert 0.002 < (found.harm[1:, 0] - found.harm[1:, 1]).std() < 0.02


def test_seeds_have_student_s_t() -> None:
    """Three seeds of a million items: t with two degrees of freedom, standard error .02 / sqrt(3)."""
    seeds = rate(0.48, 0.50, 0.52, n=1_000_000)
    harm = drawn(world(seeds, seeds)).harm[1:, 0]
    for share in (0.9, 0.975):
        assert np.quantile(harm, share) == pytest.approx(
            0.5 + t(2).ppf(share) * 0.02 / math.sqrt(3), abs=0.003
        )


def test_seeds_are_shared_within_a_method_only() -> None:
    """A method's configurations move with its seeds; another method's do not."""
    other = Configuration("a", "2")
    cell = rate(0.4, 0.5, 0.6, n=1_000_000)
    cells = {(c, axis): cell for c in (A, other, B, BEFORE) for axis in AXES}
    found = drawn(Runs((A, other, B), BEFORE, ("x",), cells, {}, ()), 5000).harm[1:]
    assert abs(found[:, 0] - found[:, 1]).max() < 0.01
    assert abs(np.corrcoef(found[:, 0], found[:, 2])[0, 1]) < 0.1


def test_the_same_seed_the_same_draws() -> None:
    runs = world(items([1, 0, 1]), rate(0.2, 0.3))
    assert (drawn(runs, 50).harm == drawn(runs, 50).harm).all()


def test_in_pieces_as_in_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """Weights are drawn in pieces that fit memory: the spread is the same."""
    runs = world(items([1, 0] * 50), items([0, 1] * 50))
    whole = drawn(runs, 4000).harm[1:].std(axis=0)
    monkeypatch.setattr("aligntax.frontier.bootstrap._CHUNK", 10_000)
    assert drawn(runs, 4000).harm[1:].std(axis=0) == pytest.approx(whole, rel=0.05)


def test_an_estimate_holds_its_value_and_opens_where_too_much_is_missing() -> None:
    values = np.concatenate([[5.0], np.arange(100.0)])
    found = estimate(values, unit="score", level=0.9, n=7, method="m")
    assert (found.low, found.value, found.high) == (4.0, 5.0, 95.0)
    values[1:11] = math.nan
    few = estimate(values, unit="score", level=0.9, n=7, method="m")
    assert math.isnan(few.low)
    assert math.isnan(few.high)
    values[0] = math.nan
    none = estimate(values, unit="score", level=0.9, n=7, method="m", reason="not reached")
    assert (none.known, none.reason) == (False, "not reached")


def test_what_choosing_adds_lengthens_the_other_side() -> None:
    values = np.concatenate([[0.0], np.linspace(-1, 1, 1001)])
    plain = estimate(values, unit="score", level=0.9, n=1, method="m")
    flattered = estimate(values, unit="score", level=0.9, n=1, method="m", stretch=-0.3)
    assert (flattered.low, flattered.high) == (plain.low, pytest.approx(plain.high + 0.3))
    assert bias_of_choice(np.array([1.0, 0.2, 0.4, 0.6, math.nan])) == pytest.approx(-0.6)
    assert bias_of_choice(np.array([math.nan, 0.2])) == 0.0
