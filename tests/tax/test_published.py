"""The tax corrected by an error measured elsewhere."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from aligntax.errors import AligntaxError, UnreadableInput, UsageError
from aligntax.stats import clustered_rate, wilson
from aligntax.stats.misclassification import rogan_gladen
from aligntax.tax.completion import effective_size
from aligntax.tax.published import correct_published, detector_error
from aligntax.tax.tally import count
from tax.known_traffic import ANSWER, REFUSAL, exchange

Judged = Callable[..., Path]


def scores(path: Path, *, version: str = "2", n: int = 200, **figures: Any) -> Path:
    """What `aligntax detectors score --json` writes, as far as it is read."""
    every = {
        name: {"value": value, "low": value - 0.05, "high": min(1.0, value + 0.05), "n": n, "reason": ""}
        for name, value in {"any_sensitivity": 0.5, "any_specificity": 0.6}.items()
    }
    determined = {
        name: {**every[name], "value": value, "low": value - 0.05, "high": value + 0.04}
        for name, value in {"any_sensitivity": 0.85, "any_specificity": 0.95}.items()
    }
    detector = {"detector": "noisy", "version": version, "whole": {"every": every, "determined": determined}}
    contents = {
        "schema": "aligntax.scores/1",
        "level": 0.95,
        "sets": [{"name": "set", "detectors": [detector]}],
    }
    path.write_text(json.dumps(contents | figures))
    return path


def test_the_tax_by_rogan_and_gladen(judge_traffic: Judged) -> None:
    """30 refusals of 200 with sensitivity .85 and specificity .95: the formula's figures, its assumption
    in words, no other rate."""
    rows = [exchange(n, REFUSAL if n < 30 else ANSWER) for n in range(200)]
    error = detector_error("0.85,50,0.95,200", detector="cascade", version="1")
    found = correct_published(count(judge_traffic(rows)), error)
    whole = found.measurements[0]
    assert whole.estimate == rogan_gladen(30, 200, 0.85, 50, 0.95, 200)
    assert whole.estimate.method == "Rogan-Gladen, published detector error"
    assert (found.read, whole.correction) == ("published", "published")
    assert {m.component for m in found.measurements} == {"completion_tax"}
    assert "assumes that the detector errs here as it did elsewhere" in found.notes[0]


def test_a_weak_detector_corrects_nothing(judge_traffic: Judged) -> None:
    """Sensitivity + specificity - 1 below 0.2: unknown, with the reason, and the raw rate is read."""
    error = detector_error("0.5,50,0.6,200", detector="cascade", version="1")
    found = correct_published(count(judge_traffic([exchange(n, ANSWER) for n in range(50)])), error)
    assert not found.measurements[0].estimate.known
    assert found.read == "raw"
    assert "below 0.2" in found.why


def test_clusters_count_for_less(judge_traffic: Judged) -> None:
    rows = [exchange(n, REFUSAL if n % 20 < 6 else ANSWER, cluster=f"user {n % 20}") for n in range(400)]
    error = detector_error("0.9,5000,0.95,5000", detector="cascade", version="1")
    found = correct_published(count(judge_traffic(rows)), error).measurements[0].estimate
    plain = rogan_gladen(120, 400, 0.9, 5000, 0.95, 5000)
    assert found.value == pytest.approx(plain.value)
    assert found.high - found.low > 1.5 * (plain.high - plain.low)
    assert found.n == 400


def test_effective_size_turns_a_design_effect_back() -> None:
    """Twenty clusters that agree within count for about twenty observations; Wilson's own for all."""
    independent = wilson(30, 200)
    assert effective_size(0.15, (independent.low, independent.high), 200, 0.95) == 200
    events = np.array([10.0] * 6 + [0.0] * 14)
    found = clustered_rate(events, np.full(20, 10.0))
    assert 14 <= effective_size(found.value, (found.low, found.high), found.n, 0.95) <= 21


def test_scores_of_the_detector(tmp_path: Path) -> None:
    """Among determined rows, as the raw rate is; as many exchanges as the intervals are worth."""
    error = detector_error(str(scores(tmp_path / "scores.json")), detector="noisy", version="2")
    assert (error.sensitivity, error.specificity) == (0.85, 0.95)
    assert error.sensitivity_n <= 200
    assert error.specificity_n < 200
    assert error.source == "set, version 2"


def test_scores_of_another_version(tmp_path: Path) -> None:
    path = str(scores(tmp_path / "scores.json"))
    with pytest.raises(UsageError, match=r"scores of noisy 2, but the log is judged by 3"):
        detector_error(path, detector="noisy", version="3")
    assert detector_error(path, detector="noisy", version="3", force=True).detector_version == "2"
    with pytest.raises(UsageError, match=r"scores other on 0 sets"):
        detector_error(path, detector="other", version="2", force=True)


@pytest.mark.parametrize(
    ("said", "kind", "message"),
    [
        ("a,b,c,d", UsageError, "not four numbers"),
        ("1.2,50,0.9,50", UsageError, "between 0 and 1"),
        ("0.9,0,0.9,50", UsageError, "1 exchange or more"),
        ("nan,50,0.9,50", UsageError, "between 0 and 1"),
        ("0.9,inf,0.9,50", UsageError, "1 exchange or more"),
        ("nowhere.json", UnreadableInput, "no such file"),
        ("text.json", UnreadableInput, "not JSON"),
        ("bill.json", UnreadableInput, "not scores of schema"),
    ],
)
def test_mistakes(tmp_path: Path, said: str, kind: type[AligntaxError], message: str) -> None:
    """Each names what is wrong and the form that is wanted."""
    (tmp_path / "text.json").write_text("{")
    (tmp_path / "bill.json").write_text('{"schema": "aligntax.bill/1"}')
    said = str(tmp_path / said) if said.endswith(".json") else said
    with pytest.raises(kind, match=message) as caught:
        detector_error(said, detector="noisy", version="2")
    assert "SENSITIVITY,N,SPECIFICITY,N" in caught.value.hint
