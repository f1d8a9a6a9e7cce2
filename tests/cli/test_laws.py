"""`aligntax laws`: what it says, what it refuses, what it draws."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from aligntax.cli.laws import run
from aligntax.errors import UsageError

DEFAULTS: dict[str, Any] = {
    "reward_start": None,
    "at_kl": None,
    "at_steps": None,
    "at_tokens": None,
    "tax_budget": None,
    "on": None,
    "law": None,
    "extrapolate": False,
    "level": 0.95,
    "chart": None,
    "as_json": False,
    "quiet": True,
}


@pytest.fixture(scope="module")
def checkpoints(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twelve runs of four methods, whose tax follows KL on capability text, and sampling with a reward."""
    generator = np.random.default_rng(0)
    lines = ["tax,kl_alignment,kl_capability,steps,tokens,n,reward,method,run"]
    for at in range(12):
        far, near = generator.lognormal(-1, 0.5), generator.lognormal(0, 0.5)
        for step in range(1, 6):
            kl = far * step / 5
            tax = 0.3 * kl + 0.01 * generator.standard_normal()
            alignment = near * generator.uniform(0.2, 1)
            cells = f"{tax:.5f},{alignment:.5f},{kl:.5f},{20 * step},{20000 * step},,"
            lines.append(f"{cells},method {at % 4},run {at}")
    for n in (2, 4, 8, 16, 32, 64):
        d = np.sqrt(np.log(n) - (n - 1) / n)
        lines.append(f",,,,,{n},{d * (1.1 - 0.4 * d) + 0.01 * generator.standard_normal():.5f},bon,bon {n}")
    path = tmp_path_factory.mktemp("laws") / "checkpoints.csv"
    path.write_text("\n".join(lines) + "\n", "utf-8")
    return path


def printed(capsys: pytest.CaptureFixture[str], table: Path, **options: Any) -> str:
    run(table=table, **{**DEFAULTS, **options})
    return capsys.readouterr().out


def flowing(text: str) -> str:
    return " ".join(text.split())


def test_both_kls_side_by_side_and_which_decides(
    capsys: pytest.CaptureFixture[str], checkpoints: Path
) -> None:
    """Both KLs have their table, and the text says which one the tax follows."""
    text = printed(capsys, checkpoints)
    assert "Tax by KL on capability text" in text
    assert "Tax by KL on alignment prompts" in text
    assert "The tax follows KL on capability text" in flowing(text)
    assert "Holds: tax = b KL" in flowing(text)
    assert "a sqrt(KL) - b KL, often printed as the law of RL" in flowing(text)
    assert "an upper bound" in flowing(text)


def test_fits_eighty_columns(capsys: pytest.CaptureFixture[str], checkpoints: Path) -> None:
    text = printed(capsys, checkpoints, at_kl=0.2, on="capability", tax_budget=0.1)
    assert max(map(len, text.splitlines()[1:])) <= 80  # the first line names the file
    assert "nan" not in text


def test_expected_tax_and_budget(capsys: pytest.CaptureFixture[str], checkpoints: Path) -> None:
    """The answers stand in the document, and it is JSON without nan."""
    document = json.loads(
        printed(capsys, checkpoints, at_kl=0.2, at_steps=50.0, tax_budget=0.1, as_json=True)
    )
    assert document["schema"] == "aligntax.laws/1"
    expected, steps, budget = document["asked"]
    assert expected["on"] == "kl_capability"
    assert expected["prediction"]["low"] < 0.06 < expected["prediction"]["high"]
    assert steps["on"] == "steps"
    assert budget["prediction"]["high"] == pytest.approx(0.1)
    assert document["which_kl"]["decides"] == "capability"


def test_extrapolating_is_refused_or_marked(capsys: pytest.CaptureFixture[str], checkpoints: Path) -> None:
    with pytest.raises(UsageError, match="outside the observed") as caught:
        printed(capsys, checkpoints, at_kl=50.0)
    assert caught.value.exit_code == 2
    text = printed(capsys, checkpoints, at_kl=50.0, extrapolate=True)
    assert "EXTRAPOLATED" in text


def test_cannot_tell_of_the_other_kl(capsys: pytest.CaptureFixture[str], checkpoints: Path) -> None:
    """Asked of KL on alignment prompts it says that it does not know; a law that is named is marked."""
    assert "cannot tell" in printed(capsys, checkpoints, at_kl=0.5, on="alignment")
    text = printed(capsys, checkpoints, at_kl=0.5, on="alignment", law="kl-linear")
    assert "not shown to hold" in flowing(text)


def test_unknown_runs_are_said(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """Without a column of runs, that checkpoints are taken as independent."""
    path = tmp_path / "table.csv"
    rows = [f"{0.1 * i + 0.01 * (i % 3)},{0.2 * i}" for i in range(1, 12)]
    path.write_text("loss,drift\n" + "\n".join(rows) + "\n", "utf-8")
    text = printed(capsys, path, tax="loss", kl_capability="drift")
    assert "taken as independent" in flowing(text)


@pytest.mark.parametrize(
    "options",
    [
        {"law": "kl-cubic"},
        {"kl_capability": "kl_capabilty"},
        {"at_kl": -1.0},
        {"at_kl": 0.5, "law": "gao-rl"},
        {"tax_budget": float("nan")},
    ],
)
def test_bad_options(capsys: pytest.CaptureFixture[str], checkpoints: Path, options: dict[str, Any]) -> None:
    with pytest.raises(UsageError) as caught:
        printed(capsys, checkpoints, **options)
    assert caught.value.hint
    assert capsys.readouterr().out == ""


def test_chart_has_a_panel_for_each_kl(
    capsys: pytest.CaptureFixture[str], checkpoints: Path, tmp_path: Path
) -> None:
    """Two panels, each with the band, the law, and one point a checkpoint; PNG and SVG can be made."""
    for name in ("chart.json", "chart.svg"):
        printed(capsys, checkpoints, chart=tmp_path / name)
    drawn = json.loads((tmp_path / "chart.json").read_text("utf-8"))
    panels = drawn["hconcat"]
    assert [panel["title"]["text"] for panel in panels] == [
        "KL on capability text",
        "KL on alignment prompts",
    ]
    assert all(len(panel["layer"][-1]["data"]["values"]) == 60 for panel in panels)
    assert "<svg" in (tmp_path / "chart.svg").read_text("utf-8")
