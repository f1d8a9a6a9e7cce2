"""`aligntax plan`: the figures are those of the statistics, and the page can be read."""

import json
from typing import Any

import pytest

from aligntax.cli.plan import run
from aligntax.errors import UsageError
from aligntax.stats.sample_size import (
    labels_for_half_width,
    powered_labels_for_half_width,
    two_sample_size,
    wilson_half_width,
)

DEFAULTS: dict[str, Any] = {
    "rate": 0.08,
    "change": None,
    "labels": 100,
    "prompts": 250,
    "half_width": None,
    "detector_sensitivity": 0.85,
    "detector_specificity": 0.95,
    "background": 0.01,
    "level": 0.95,
    "power": 0.8,
    "as_json": False,
}


def printed(capsys: pytest.CaptureFixture[str], **options: Any) -> str:
    run(**{**DEFAULTS, **options})
    return capsys.readouterr().out


def planned(capsys: pytest.CaptureFixture[str], **options: Any) -> Any:
    return json.loads(printed(capsys, as_json=True, **options))


def test_says_what_it_takes_for_granted(capsys: pytest.CaptureFixture[str]) -> None:
    """Without options it prints a plan and names the figures it assumed."""
    text = " ".join(printed(capsys).split())
    for words in (
        "a rate of about 8 %",
        "95 % intervals",
        "80 % power",
        "finds 85 % of the cases",
        "1 % are taken",
    ):
        assert words in text


@pytest.mark.parametrize("rate", [0.0004, 0.015, 0.08, 0.5, 0.97])
def test_fits_eighty_columns(capsys: pytest.CaptureFixture[str], rate: float) -> None:
    """Plain text of at most 80 columns into a pipe, and nothing that is not a number."""
    text = printed(capsys, rate=rate, change=0.013, half_width=0.004, prompts=7, labels=2)
    assert max(map(len, text.splitlines())) <= 80
    assert "\x1b" not in text
    assert "nan" not in text


def test_published_figures(capsys: pytest.CaptureFixture[str]) -> None:
    """From 8 % to 5 %: 1,059 prompts on either side, or 434 seen twice; nothing bad in 300 shows 0.99 %."""
    plan = planned(capsys)
    row = next(row for row in plan["prompts"]["needed"] if row["to"] == 0.05)
    assert (row["separate"], row["paired"]) == (1059, 434)
    text = printed(capsys)
    assert "2 x 1,059" in text
    assert "0.99 %" in text


def test_what_is_asked_for_is_there(capsys: pytest.CaptureFixture[str]) -> None:
    """A half-width and a change that are asked for stand among the usual ones."""
    plan = planned(capsys, half_width=0.037, change=0.041)
    asked = next(row for row in plan["labels"]["needed"] if row["half_width"] == 0.037)
    assert asked["alone"] == labels_for_half_width(0.08, 0.037)
    assert asked["powered"] == powered_labels_for_half_width(0.08, 0.037, 0.85, 0.95)
    change = next(row for row in plan["prompts"]["needed"] if row["to"] == 0.039)
    assert change["separate"] == two_sample_size(0.08, 0.039)


def test_what_is_at_hand(capsys: pytest.CaptureFixture[str]) -> None:
    """What the labels and prompts in hand can answer."""
    plan = planned(capsys, labels=400, prompts=1059)
    assert plan["labels"]["at_hand"]["alone_half_width"] == wilson_half_width(0.08, 400)
    assert plan["prompts"]["at_hand"]["separate_fall"] == pytest.approx(0.03, abs=1e-4)
    assert any(row["trials"] == 1059 for row in plan["ceiling"])


def test_says_when_a_detector_is_of_no_use(capsys: pytest.CaptureFixture[str]) -> None:
    """A detector no better than a coin saves no labels, and nothing is seen with three prompts."""
    text = " ".join(printed(capsys, detector_sensitivity=0.5, detector_specificity=0.5, prompts=3).split())
    assert "no fewer" in text
    assert "the detector does not help" in text
    assert "no change with the same prompts" in text


def test_never_fewer_than_fifty_labels(capsys: pytest.CaptureFixture[str]) -> None:
    """However good the detector, 50 labels are the least."""
    plan = planned(capsys, detector_sensitivity=0.999, detector_specificity=0.999)
    assert min(row["powered"] for row in plan["labels"]["needed"]) >= 50


@pytest.mark.parametrize(
    "options",
    [
        {"rate": 0.0},
        {"rate": 8.0},
        {"change": 0.0},
        {"change": 0.95},
        {"labels": 1},
        {"prompts": 0},
        {"half_width": 3.0},
        {"detector_sensitivity": 85.0},
        {"background": 0.7},
        {"level": 95.0},
        {"power": 1.0},
    ],
)
def test_bad_options(capsys: pytest.CaptureFixture[str], options: dict[str, float]) -> None:
    """What cannot be planned for is an error with a remedy, and nothing is printed."""
    with pytest.raises(UsageError) as caught:
        run(**{**DEFAULTS, **options})
    assert caught.value.hint
    assert capsys.readouterr().out == ""
