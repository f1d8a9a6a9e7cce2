"""A run next to its baseline: the same prompts in pairs, others as two samples, the margin one-sided."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from aligntax.gate.bounds import Rate
from aligntax.gate.comparison import Gap, Paired
from aligntax.gate.decision import Test, decided
from aligntax.gate.held import hold
from aligntax.gate.result import Comparison, GateResult
from aligntax.stats.comparison import exact_mcnemar
from gate_worlds import LAST, budget, opened, policy, rows, traffic, use_case


def compared(tmp_path: Path, base: Any, head: Any, *, margin: float | None = 0.02, **more: Any) -> GateResult:
    told = {} if margin is None else {"worse_than_baseline": margin}
    loaded = policy(use_case("a", budget(limit=0.9, **told, **more)))
    paths = [traffic(tmp_path / f"{name}.parquet", part) for name, part in (("base", base), ("head", head))]
    one, other = (opened(path, loaded, tmp_path / "room") for path in paths)
    return hold(loaded, other, baseline=one, now=LAST)


def found(result: GateResult, at: int = 0) -> Comparison:
    comparison = result.slices[at].comparison
    assert comparison is not None
    return comparison


def test_the_same_prompts_are_paired_and_tested_by_mcnemar(tmp_path: Path) -> None:
    keys = list(range(500))
    base = rows("a", 500, 0, prompts=keys, refuse=range(10))
    head = rows("a", 500, 0, prompts=keys, refuse=range(8, 20))  # 8 no longer, 10 newly refused
    one = found(compared(tmp_path, base, head))
    assert (one.paired, one.pairs, one.only_first, one.only_second) == (True, 500, 0, 0)
    assert one.difference.value == pytest.approx(2 / 500)
    assert one.p == pytest.approx(exact_mcnemar(8, 10))
    assert one.test == "exact McNemar"


def test_pairs_are_found_whatever_the_order_and_counted_where_they_are_not(tmp_path: Path) -> None:
    base = rows("a", 300, 0, prompts=list(range(300)))
    head = rows("a", 300, 0, prompts=list(range(349, 49, -1)))
    one = found(compared(tmp_path, base, head))
    assert (one.pairs, one.only_first, one.only_second) == (250, 50, 50)


def test_a_prompt_asked_often_counts_once(tmp_path: Path) -> None:
    base = rows("a", 400, 0, prompts=[0] * 200 + list(range(1, 201)))
    head = rows("a", 400, 0, prompts=[0] * 200 + list(range(1, 201)), refuse=range(200))
    one = found(compared(tmp_path, base, head))
    assert one.pairs == 201
    assert one.difference.value == pytest.approx(1 / 201)


def test_other_prompts_are_two_samples_and_it_says_so(tmp_path: Path) -> None:
    one = found(compared(tmp_path, rows("a", 400, 20), rows("a", 400, 28, prefix="other", model="m-2")))
    assert not one.paired
    assert "0 of 400 prompts are in both" in one.why_not
    assert one.difference.value == pytest.approx(0.02)
    assert "Newcombe" in one.difference.method


def test_a_few_greetings_in_common_make_no_pairs(tmp_path: Path) -> None:
    base = rows("a", 400, 8, prompts=list(range(400)))
    head = rows("a", 400, 8, prompts=list(range(390, 790)))
    assert "10 of 400 prompts are in both" in found(compared(tmp_path, base, head)).why_not


@pytest.mark.parametrize(("newly", "verdict"), [(0, "pass"), (10, "inconclusive"), (60, "fail")])
def test_the_margin_is_one_sided(tmp_path: Path, newly: int, verdict: str) -> None:
    keys = list(range(500))
    base = rows("a", 500, 0, prompts=keys, refuse=range(20))
    head = rows("a", 500, 0, prompts=keys, refuse=range(20 + newly))
    result = compared(tmp_path, base, head)
    assert result.slices[0].verdict == verdict
    assert found(result).decision.verdict == verdict  # type: ignore[union-attr]
    better = compared(tmp_path / "other", head, base)
    assert better.verdict == "pass"


def test_what_must_not_fall_is_compared_the_other_way(tmp_path: Path) -> None:
    keys = list(range(500))
    base = rows("a", 500, 0, prompts=keys, refuse=range(20))
    head = rows("a", 500, 0, prompts=keys, refuse=range(80))
    loaded = policy(use_case("a", budget("complete", 0.1, direction="at_least", worse_than_baseline=0.02)))
    paths = [traffic(tmp_path / f"{name}.parquet", part) for name, part in (("base", base), ("head", head))]
    one, other = (opened(path, loaded, tmp_path / "room") for path in paths)
    assert hold(loaded, other, baseline=one, now=LAST).verdict == "fail"
    assert hold(loaded, one, baseline=other, now=LAST).verdict == "pass"


def test_without_a_margin_a_difference_is_shown_and_stops_nothing(tmp_path: Path) -> None:
    keys = list(range(500))
    head = rows("a", 500, 0, prompts=keys, refuse=range(200))
    result = compared(tmp_path, rows("a", 500, 0, prompts=keys), head, margin=None)
    assert result.verdict == "pass"
    assert (found(result).decision, found(result).difference.value) == (None, pytest.approx(0.4))


def test_users_are_what_is_resampled(tmp_path: Path) -> None:
    """Ten users of fifty prompts each say less than five hundred prompts alone."""
    keys = list(range(500))
    users = [at // 50 for at in keys]
    base = rows("a", 500, 0, prompts=keys, users=users)
    worse = [at for at in keys if at // 50 in (0, 1) and at % 2]
    alone = found(
        compared(
            tmp_path / "alone", rows("a", 500, 0, prompts=keys), rows("a", 500, 0, prompts=keys, refuse=worse)
        )
    )
    many = found(
        compared(tmp_path / "many", base, rows("a", 500, 0, prompts=keys, refuse=worse, users=users))
    )
    assert many.difference.clusters == 10
    assert many.difference.value == alone.difference.value == pytest.approx(0.1)
    assert many.difference.high > alone.difference.high


def test_models_are_compared_where_both_have_them_and_weeks_never(tmp_path: Path) -> None:
    both = [*rows("a", 200, 2, prefix="x"), *rows("a", 200, 2, model="m-2")]
    result = compared(tmp_path, rows("a", 200, 2, prefix="x"), both, by=["model", "period"])
    told = {tuple(one.where.items()): one.comparison is not None for one in result.slices}
    assert told[()]
    assert told["model", "m-1"] if ("model", "m-1") in told else told[("model", "m-1"),]
    assert not told[("model", "m-2"),]
    assert not any(known for where, known in told.items() if where and where[0][0] == "period")


def test_amounts_are_compared_unpaired(tmp_path: Path) -> None:
    loaded = policy(use_case("a", budget("length.median", 1e4, worse_than_baseline=50.0)))
    base = traffic(tmp_path / "base.parquet", rows("a", 300, 0))
    longer = [row | {"response_chars": 600} for row in rows("a", 300, 0)]
    head = traffic(tmp_path / "head.parquet", longer)
    one, other = (opened(path, loaded, tmp_path / "room") for path in (base, head))
    result = hold(loaded, other, baseline=one, now=LAST)
    assert result.verdict == "fail"
    assert found(result).difference.value == 200.0


def _verdict(bounds: Any, value: float, n: int, margin: float) -> str:
    test = Test(bounds=bounds, value=value, n=n, limit=margin, direction="at_most", confidence=0.95)
    return decided([test])[0].verdict


@pytest.mark.slow
@pytest.mark.parametrize(
    ("n", "background", "margin"), [(150, 0.03, 0.03), (500, 0.01, 0.02), (500, 0.05, 0.0)]
)
def test_at_the_margin_pairs_pass_and_fail_as_seldom_as_they_say(
    n: int, background: float, margin: float
) -> None:
    """Prompts newly refused: background + margin; no longer refused: background."""
    generator = np.random.default_rng(11)
    worlds, seen = 1500, {"pass": 0, "fail": 0, "inconclusive": 0}
    chances = [background + margin, background, 1 - 2 * background - margin]
    for rose, fell, same in generator.multinomial(n, chances, worlds):
        gaps = np.repeat([1.0, -1.0, 0.0], [rose, fell, same])
        seen[_verdict(Paired(gaps), float(gaps.mean()), n, margin)] += 1
    noise = 2 * np.sqrt(0.05 * 0.95 / worlds)
    assert seen["pass"] / worlds <= 0.05 + noise
    assert seen["fail"] / worlds <= 0.05 + noise


@pytest.mark.slow
@pytest.mark.parametrize(("n", "rate", "margin"), [(200, 0.03, 0.03), (600, 0.05, 0.02), (600, 0.1, 0.0)])
def test_at_the_margin_two_samples_pass_and_fail_as_seldom_as_they_say(
    n: int, rate: float, margin: float
) -> None:
    generator = np.random.default_rng(12)
    worlds, seen = 1500, {"pass": 0, "fail": 0, "inconclusive": 0}
    for before, after in zip(
        generator.binomial(n, rate, worlds) / n, generator.binomial(n, rate + margin, worlds) / n, strict=True
    ):
        gap = Gap((before, Rate(before, n)), (after, Rate(after, n)))
        seen[_verdict(gap, after - before, n, margin)] += 1
    noise = 2 * np.sqrt(0.05 * 0.95 / worlds)
    assert seen["pass"] / worlds <= 0.05 + noise
    assert seen["fail"] / worlds <= 0.05 + noise
