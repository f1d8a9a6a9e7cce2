"""Claims: which method has the lower tax, when that may be said, and how often it is said wrongly."""

import math
from collections.abc import Callable

import numpy as np
import pytest

from aligntax.errors import UsageError
from aligntax.frontier.figures import Frontier, Question
from aligntax.frontier.matched import Standing
from aligntax.frontier.measure import measure
from aligntax.frontier.ranking import best, pairs
from aligntax.frontier.runs import Runs
from frontier.worlds import CAP, HARM_AT, asked, line, observe, true_tax

Z = np.random.default_rng(1).standard_normal((4, 4000))


def standing(value: float, error: float, draws: int, *, reached: float = 1.0, bias: float = 0.0) -> Standing:
    return Standing(np.concatenate([[value], value + error * Z[draws]]), bias, reached)


def unreached(share: float) -> Standing:
    return Standing(np.full(4001, math.nan), 0.0, share)


def told(**standings: Standing) -> tuple[dict[str, str | None], str | None]:
    compared = pairs(standings, level=0.95, n=100, method="m")
    return {f"{p.first}{p.second}": p.better for p in compared}, best(compared, standings, level=0.95)


def test_a_clear_difference_is_told() -> None:
    assert told(a=standing(0.1, 0.01, 0), b=standing(0.2, 0.01, 1)) == ({"ab": "a"}, "a")
    assert told(b=standing(0.2, 0.01, 1), a=standing(0.1, 0.01, 0)) == ({"ba": "a"}, "a")


def test_the_difference_by_hand() -> None:
    """Errors of .03 and .04 make one of .05, which 2.0 of them hold 95 % of."""
    (pair,) = pairs({"a": standing(0.1, 0.03, 0), "b": standing(0.2, 0.04, 1)}, level=0.95, n=9, method="m")
    assert pair.difference.value == pytest.approx(-0.1)
    assert (pair.difference.high - pair.difference.low) / 2 == pytest.approx(1.96 * 0.05, rel=0.05)
    assert pair.p_value == pytest.approx(0.0455, abs=0.01)


def test_one_of_many_pairs_may_look_different_by_chance() -> None:
    """A difference of 2.2 errors: told of two methods, not of four, where Holm has six pairs."""
    few = {"a": standing(0.10, 0.01, 0), "b": standing(0.10 + 2.2 * 0.01414, 0.01, 1)}
    many = few | {"c": standing(0.12, 0.01, 2), "d": standing(0.12, 0.01, 3)}
    assert told(**few)[0]["ab"] == "a"
    assert told(**many)[0]["ab"] is None


def test_what_choosing_adds_counts_against() -> None:
    """A lead of .05 of which choosing made .04 is no lead."""
    alone = standing(0.15, 0.01, 0)
    assert told(a=standing(0.10, 0.01, 1), b=alone)[0]["ab"] == "a"
    assert told(a=standing(0.10, 0.01, 1, bias=-0.04), b=alone)[0]["ab"] is None


def test_not_reached_is_not_best() -> None:
    """A method that does not reach the harm is in no pair; one that does so often leaves no method best."""
    clear = {"a": standing(0.1, 0.01, 0), "b": standing(0.2, 0.01, 1)}
    assert told(**clear, c=unreached(0.0)) == ({"ab": "a", "ac": None, "bc": None}, "a")
    assert told(**clear, c=unreached(0.3))[1] is None
    (pair,) = pairs({"a": clear["a"], "c": unreached(0.0)}, level=0.95, n=1, method="m")
    assert pair.difference.reason == "not reached by c"
    assert math.isnan(pair.adjusted)


def test_who_seldom_reaches_the_harm_does_not_win() -> None:
    assert told(a=standing(0.1, 0.01, 0, reached=0.9), b=standing(0.2, 0.01, 1))[0]["ab"] is None
    assert told(a=standing(0.1, 0.01, 0), b=standing(0.2, 0.01, 1, reached=0.6))[0]["ab"] == "a"


def test_no_pair_without_both_fixed() -> None:
    """Without a harm, or without a cap, nothing is compared and no method is named."""
    runs = observe(np.random.default_rng(1), {"a": line(0.0), "b": line(0.2)})
    for question in (Question(replicates=200, over_refusal=CAP), Question(replicates=200, harm=HARM_AT)):
        found = measure(runs, question)
        assert (found.pairs, found.best) == ((), None)
    assert len(measure(runs, Question(replicates=200)).levels) == 5


def test_too_few_replicates_for_so_many_pairs() -> None:
    runs = observe(np.random.default_rng(1), {f"m{k}": line(0.1) for k in range(5)}, items=20)
    with pytest.raises(UsageError, match="200 replicates cannot tell 10 pairs apart"):
        measure(runs, Question(harm=HARM_AT, over_refusal=CAP, replicates=200))


def test_choosing_apart_takes_what_the_judge_says() -> None:
    """By the judge's items the second configuration keeps under the cap; by the others it does not."""
    generator = np.random.default_rng(2)
    curve = [(0.05, 0.1, 0.10), (0.08, 0.1, 0.05)]
    runs = observe(generator, {"a": curve, "b": curve}, items=2000)
    judge = observe(generator, {"a": [curve[0], (0.08, 0.4, 0.05)], "b": curve}, items=2000)
    question = Question(harm=HARM_AT, over_refusal=CAP, replicates=200)
    a, b = measure(runs, question, chooser=judge).methods
    assert (a.between, b.between) == (("0",), ("1",))
    assert measure(runs, question).methods[0].between == ("1",)
    with pytest.raises(UsageError, match="splits differ in their configurations: b 0, b 1"):
        measure(runs, question, chooser=observe(generator, {"a": curve}))


def test_figures_of_a_world() -> None:
    """What a dominated method looks like: on the front never, something to make up, a smaller volume."""
    runs = observe(
        np.random.default_rng(3),
        {"good": line(0.0), "bad": line(0.2, harms=(0.06, 0.09, 0.15, 0.24), over_refusal=0.3)},
        items=1000,
    )
    points = ((0.3, 0.5, 0.2), (0.4, 0.5, 0.1))
    question = Question(
        harm=HARM_AT, over_refusal=0.5, reference_points=points, vanilla="bad", harm_range=(0.05, 0.2)
    )
    found = measure(runs, question)
    good, bad = found.methods
    assert found.best == "good"
    assert (good.non_dominated, bad.non_dominated) == (1.0, 0.0)
    assert not any(c.on_front for c in found.configurations if c.configuration.method == "bad")
    assert good.epsilon.value == 0
    assert bad.epsilon.low > 0.1
    assert good.ratio is not None
    assert good.ratio.low > 1
    assert [g.value > b.value for g, b in zip(good.volumes, bad.volumes, strict=True)] == [True, True]
    assert good.area is not None
    assert good.area.low < true_tax(line(0.0), 0.125) < good.area.high
    assert list(good.taxes) == sorted(good.taxes, key=lambda name: -good.taxes[name].value)


def share(of: Callable[[Frontier], bool | None], worlds: list[Runs]) -> float:
    """Share of worlds in which something holds, those in which it cannot be asked left out."""
    found = [of(asked(runs, seed=at)) for at, runs in enumerate(worlds)]
    return float(np.mean([holds for holds in found if holds is not None]))


def worlds(count: int, seed: int, **options: object) -> list[Runs]:
    generator = np.random.default_rng(seed)
    return [observe(generator, **options) for _ in range(count)]  # type: ignore[arg-type]


@pytest.mark.slow
def test_intervals_cover_where_one_method_dominates() -> None:
    """A loses 4 points less than B at every harm: the interval of the difference, and of a tax, cover."""
    curves = {"a": line(0.02), "b": line(0.06)}
    truth = true_tax(curves["a"]) - true_tax(curves["b"])
    seen = [asked(runs, seed=at) for at, runs in enumerate(worlds(400, 1, curves=curves))]
    apart = [found.pairs[0].difference for found in seen]
    own = [found.methods[0].tax for found in seen]
    assert np.mean([d.low <= truth <= d.high for d in apart if d.known]) >= 0.93
    assert np.mean([t.low <= true_tax(curves["a"]) <= t.high for t in own if t and t.known]) >= 0.92
    assert "b" not in {found.best for found in seen}
    assert np.mean([found.best == "a" for found in seen]) > 0.4


@pytest.mark.slow
@pytest.mark.parametrize(
    "options",
    [
        {"curves": {"a": line(0.04), "b": line(0.04)}},
        {"curves": {"a": line(0.04), "b": line(0.04), "c": line(0.04), "d": line(0.04)}},
        {"curves": {"a": line(0.04), "b": line(0.04)}, "itemised": False},
        {"curves": {"a": line(0.04), "b": line(0.04)}, "seeds": 3, "among_seeds": 0.02},
        {"curves": {"a": [(h, 0.08, 0.06) for h in (0.03, 0.05, 0.07, 0.09)], "b": [(0.06, 0.08, 0.06)] * 4}},
    ],
    ids=["two", "four", "rates", "seeds", "flat"],
)
def test_no_winner_where_there_is_none(options: dict[str, object]) -> None:
    """In at least 95 % of worlds in which all methods are equal nothing is claimed of any pair."""
    claimed = share(lambda found: any(p.better for p in found.pairs), worlds(300, 2, **options))
    assert claimed <= 0.05


@pytest.mark.slow
def test_seeds_do_not_make_too_sure() -> None:
    """Three training runs that differ by two points: the difference is still covered."""
    curves = {"a": line(0.02), "b": line(0.12)}
    truth = true_tax(curves["a"]) - true_tax(curves["b"])
    many = worlds(200, 3, curves=curves, seeds=3, among_seeds=0.02)
    covered = share(lambda f: _covers(f, truth), many)
    assert covered >= 0.93


def _covers(found: Frontier, truth: float) -> bool | None:
    apart = found.pairs[0].difference
    return apart.low <= truth <= apart.high if apart.known else None
