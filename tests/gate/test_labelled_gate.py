"""Rates corrected by labels are what is held where there are labels, in the window too."""

from pathlib import Path

import numpy as np
import pytest

from aligntax.gate.held import hold
from aligntax.gate.result import GateResult
from aligntax.labels.labels import LabelSet, census_or_random
from aligntax.labels.run import read_run
from aligntax.records import Label
from aligntax.tax.labelled import ExpertLabels, expert_labels
from gate_worlds import LAST, budget, opened, policy, rows, traffic, use_case


def labelled(path: Path, truth: dict[str, bool], n: int, seed: int) -> ExpertLabels:
    """Labels of exchanges drawn at random: refused where that is the truth."""
    run = read_run(path)
    keys = np.random.default_rng(seed).permutation(run.exchanges["key"].to_pylist())[:n]
    labels = [
        Label(
            id=str(key),
            outcome="refused" if truth[str(key)] else "complete",
            annotator="one",
            policy_version="1",
        )
        for key in keys
    ]
    return expert_labels(LabelSet(tuple(labels), census_or_random(run, labels, random=True)))


def world(path: Path, *, missed: int, n: int = 3000) -> dict[str, bool]:
    """A detector that finds 30 refusals of n and misses `missed`; key -> whether it is truly one."""
    made = rows("a", n, 30, days=(0, 50))
    traffic(path, made)
    truth = {str(row["id"]): at < 30 + missed for at, row in enumerate(made)}
    return truth


def held(path: Path, labels: ExpertLabels | None, tmp_path: Path, **more: object) -> GateResult:
    loaded = policy(use_case("a", budget(limit=0.03, **{"window": "60d"} | more)))
    return hold(loaded, opened(path, loaded, tmp_path / "room", labels=labels), now=LAST)


def test_a_detector_that_misses_refusals_passes_alone_and_fails_once_corrected(tmp_path: Path) -> None:
    path = tmp_path / "o.parquet"
    truth = world(path, missed=300)
    alone = held(path, None, tmp_path).slices[0]
    assert (alone.verdict, alone.rests_on) == ("pass", "raw")
    found = held(path, labelled(path, truth, 400, 1), tmp_path / "labelled", minimum_labelled=300).slices[0]
    assert (found.verdict, found.rests_on) == ("fail", "powered")
    assert found.estimate.labelled == 400
    assert found.estimate.low < 330 / 3000 < found.estimate.high


def test_too_few_labels_give_no_verdict(tmp_path: Path) -> None:
    path = tmp_path / "o.parquet"
    truth = world(path, missed=300)
    result = held(path, labelled(path, truth, 60, 1), tmp_path, minimum_labelled=100)
    assert (result.verdict, result.slices[0].decision.finding) == ("inconclusive", "too_few_labels")


def test_labels_count_in_the_window_alone(tmp_path: Path) -> None:
    """All misses lie in the newest ten of fifty days: 600 exchanges, of which half are truly refused."""
    path = tmp_path / "o.parquet"
    truth = world(path, missed=270)  # the newest come first
    labels = labelled(path, truth, 900, 2)
    window = held(path, labels, tmp_path, window="10d").slices[0]
    whole = held(path, labels, tmp_path / "whole").slices[0]
    assert 120 < window.estimate.labelled < 250
    assert window.rests_on in ("powered", "labels")
    assert window.estimate.value == pytest.approx(0.5, abs=0.12)
    assert whole.estimate.value == pytest.approx(0.1, abs=0.04)


@pytest.mark.slow
def test_at_the_limit_corrected_rates_pass_and_fail_as_seldom_as_they_say(tmp_path: Path) -> None:
    """The detector finds two in three refusals, and one in a hundred others; the truth is the limit."""
    from aligntax.gate.bounds import bounds_of
    from aligntax.gate.decision import Test, decided
    from aligntax.stats import Predictions, prediction_powered_mean

    generator = np.random.default_rng(9)
    worlds, limit, n, labels = 1500, 0.05, 4000, 300
    seen = {"pass": 0, "fail": 0, "inconclusive": 0}
    for _ in range(worlds):
        truth = generator.random(n) < limit
        told = np.where(truth, generator.random(n) < 2 / 3, generator.random(n) < 0.01).astype(float)
        mean = float(told[labels:].mean())
        rest = Predictions(n - labels, mean, float(told[labels:].var(ddof=1)))
        estimate = prediction_powered_mean(truth[:labels].astype(float), told[:labels], rest)
        test = Test(
            bounds=bounds_of(estimate),
            value=estimate.value,
            n=n,
            limit=limit,
            direction="at_most",
            confidence=0.95,
        )
        seen[decided([test])[0].verdict] += 1
    noise = 2 * np.sqrt(0.05 * 0.95 / worlds)
    assert seen["pass"] / worlds <= 0.05 + noise
    assert seen["fail"] / worlds <= 0.05 + noise


def test_labels_of_another_log_are_refused(tmp_path: Path) -> None:
    from aligntax.errors import UsageError

    truth = world(tmp_path / "o.parquet", missed=3)
    labels = labelled(tmp_path / "o.parquet", truth, 60, 1)
    other = traffic(tmp_path / "other.parquet", rows("b", 500, 5))
    loaded = policy(use_case("b", budget(limit=0.05)))
    with pytest.raises(UsageError, match="not in this log"):
        hold(loaded, opened(other, loaded, tmp_path / "room", labels=labels), now=LAST)
