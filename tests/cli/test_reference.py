"""`aligntax reference`: the table in 80 columns, the document, and a run beside the published taxes."""

import json
import math
from pathlib import Path
from typing import Any

import pytest

from aligntax.cli.reference import run
from aligntax.errors import UnreadableInput, UsageError
from aligntax.tax.reference import published_taxes

DEFAULTS: dict[str, Any] = {
    "benchmark": None,
    "model": None,
    "method": None,
    "check": None,
    "run": None,
    "tax": None,
    "harness": "",
    "shots": "",
    "as_json": False,
}


def printed(capsys: pytest.CaptureFixture[str], **options: Any) -> str:
    run(**{**DEFAULTS, **options})
    return capsys.readouterr().out


def found(capsys: pytest.CaptureFixture[str], **options: Any) -> Any:
    return json.loads(printed(capsys, as_json=True, **options))


def estimate(value: float | None, low: float | None, high: float | None, unit: str) -> dict[str, Any]:
    reason = "" if value is not None else "the score of a guess is not known"
    ends = {
        "value": value,
        "low": low,
        "high": high,
        "level": 0.95,
        "n": 1000,
        "labelled": 0,
        "clusters": None,
    }
    return {**ends, "unit": unit, "method": "paired bootstrap", "reason": reason}


@pytest.fixture
def comparison(tmp_path: Path) -> Path:
    """What `aligntax compare --json` prints, as far as it is read here."""

    def entry(benchmark: str, tax: dict[str, Any], difference: dict[str, Any]) -> dict[str, Any]:
        side = {"benchmark": benchmark, "source": "log.json"}
        conditions = {"harness": "GPT-Fathom 1.0"}
        scores = [
            {"convention": "guess credit", "tax": estimate(0.5, 0.4, 0.6, "share"), "difference": difference},
            {"convention": "strict", "tax": tax, "difference": difference},
        ]
        return {
            "benchmark": benchmark,
            "higher_is_better": True,
            "first": {**side, "model": "base", "conditions": conditions},
            "second": {**side, "model": "chat"},
            "scores": scores,
        }

    contents = {
        "schema": "aligntax.comparison/2",
        "compared": [
            entry("mmlu", estimate(0.19, 0.15, 0.23, "share"), estimate(-0.08, -0.1, -0.06, "difference")),
            entry("squadv2", estimate(None, None, None, "share"), estimate(-0.1, -0.15, -0.05, "difference")),
            entry("our_own_test", estimate(0.1, 0.0, 0.2, "share"), estimate(-0.1, -0.2, 0.0, "difference")),
            {**entry("xstest", {}, {}), "scores": []},
        ],
    }
    path = tmp_path / "comparison.json"
    path.write_text(json.dumps(contents), "utf-8")
    return path


def test_the_whole_table_fits_eighty_columns(capsys: pytest.CaptureFixture[str]) -> None:
    """Every source, its check, and the disputed ones with their reason."""
    text = printed(capsys)
    assert max(map(len, text.splitlines())) <= 80
    assert "nan" not in text
    words = " ".join(text.split())
    for source in {row.source for row in published_taxes()}:
        assert source in words
    assert words.count("DISPUTED:") == 2
    assert "Mixing harnesses can turn the sign of a tax" in words
    assert "published without intervals" in words


def test_shots_stand_side_by_side(capsys: pytest.CaptureFixture[str]) -> None:
    """Zero-shot and few-shot of the same step are neighbours, with their taxes."""
    lines = printed(capsys, benchmark="drop", method="PPO-ptx").splitlines()
    zero = next(at for at, line in enumerate(lines) if "15.23" in line)
    assert lines[zero].split()[-4:] == ["27.53", "15.23", "-12.30", "+44.7%"]
    assert lines[zero + 1].split()[-4:] == ["35.27", "33.34", "-1.93", "+5.5%"]


def test_document(capsys: pytest.CaptureFixture[str]) -> None:
    """All rows, null for what nobody knows, with the reason; figures as they were printed."""
    contents = found(capsys)
    assert contents["schema"] == "aligntax.reference/1"
    assert len(contents["taxes"]) == len(published_taxes())
    assert contents["runs"] == []
    claim = next(row for row in contents["taxes"] if row["model"] == "InstructGPT 175B")
    assert (claim["before"], claim["after"], claim["check"]) == (None, 42.7, "disputed")
    assert claim["tax"]["value"] is None
    chat = next(
        row for row in contents["taxes"] if row["model"] == "Llama-2 13B" and row["check"] == "primary"
    )
    assert (chat["before"], chat["after"], chat["chance"]) == (53.8, 47.8, 25.0)
    assert chat["tax"]["value"] == pytest.approx(6.0 / 28.8)
    assert chat["tax"]["low"] is None


@pytest.mark.parametrize(
    ("options", "models"),
    [
        (
            {"benchmark": "mmlu", "check": "disputed"},
            {"Llama-2 7B", "Llama-2 13B", "Llama-2 70B", "InstructGPT 175B"},
        ),
        ({"model": "zephyr-7b-beta"}, {"Zephyr-7B-beta"}),
        ({"method": "nspo"}, {"Llama-3-8B-Instruct"}),
    ],
)
def test_filters(capsys: pytest.CaptureFixture[str], options: dict[str, str], models: set[str]) -> None:
    """Only what was asked for."""
    assert {row["model"] for row in found(capsys, **options)["taxes"]} == models


def test_a_run_by_hand(capsys: pytest.CaptureFixture[str]) -> None:
    """.19 (.15 to .23) on MMLU: Meta's 56.0 % and 37.6 % lie above, 20.8 % inside; these are comparable."""
    options = {"tax": "0.19,0.15,0.23", "benchmark": "mmlu", "shots": "5-shot"}
    options["harness"] = "Meta internal evaluation library"
    (one,) = found(capsys, **options)["runs"]
    assert (one["larger"], one["within"], one["comparable"], one["disputed"]) == (2, 2, 3, 4)
    text = printed(capsys, **options)
    assert max(map(len, text.splitlines())) <= 80
    firsts = [words[0] for words in map(str.split, text.splitlines()) if words]
    figures = [word for word in firsts if word[0] in "+-" and word.endswith("%")]
    assert figures[:5] == ["+56.0%", "+37.6%", "+20.8%", "+19.0%", "+15.9%"]
    assert "this run (+15.0% to +23.0%)" in text
    assert "Not counted: 4 disputed" in text
    bare = printed(capsys, tax="0.19", benchmark="mmlu")
    assert "no interval given" in bare
    assert "take the order as a rough guide" in " ".join(bare.split())


def test_a_run_from_a_comparison(capsys: pytest.CaptureFixture[str], comparison: Path) -> None:
    """Scores as the harness gave them; without a guess the points are compared; harness from the file."""
    mmlu, squad, test = found(capsys, run=comparison)["runs"]
    assert (mmlu["tax"]["value"], mmlu["what"], mmlu["harness"]) == (0.19, "base → chat", "GPT-Fathom 1.0")
    assert mmlu["comparable"] == 0  # the shots are not told
    assert (squad["compared"], squad["loss"]["value"], squad["loss"]["low"]) == ("loss", 0.1, 0.05)
    assert squad["beside"]
    assert test["beside"] == []
    text = " ".join(printed(capsys, run=comparison).split())
    assert "No tax of this benchmark was published that is known here" in text
    assert "Points lost of full marks are compared instead" in text
    assert [one["benchmark"] for one in found(capsys, run=comparison, benchmark="mmlu")["runs"]] == ["mmlu"]


def test_a_tax_that_is_none(capsys: pytest.CaptureFixture[str]) -> None:
    """Percent, words, an interval beside the tax, or a tax of nothing: asked for again."""
    for tax in ("19", "much", "0.1,0.2", "0.1,0.2,0.3", str(math.inf)):
        with pytest.raises(UsageError) as error:
            printed(capsys, tax=tax, benchmark="mmlu")
        assert "0.19" in error.value.hint
    with pytest.raises(UsageError, match="without a benchmark"):
        printed(capsys, tax="0.19")
    with pytest.raises(UsageError, match="there is none"):
        printed(capsys, harness="lm-evaluation-harness")


def test_a_file_that_is_no_comparison(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, comparison: Path
) -> None:
    """Missing, not JSON, another document, a broken one, one without scores."""
    path = tmp_path / "other.json"
    texts = ("{", "[]", '{"schema": "aligntax.bill/1"}', '{"schema": "aligntax.comparison/2"}')
    for text in (None, *texts, '{"schema": "aligntax.comparison/2", "compared": []}'):
        if text is not None:
            path.write_text(text, "utf-8")
        with pytest.raises(UnreadableInput) as error:
            printed(capsys, run=path)
        assert str(path) in error.value.message
        assert error.value.hint
    with pytest.raises(UsageError, match="no scores of drop"):
        printed(capsys, run=comparison, benchmark="drop")
    with pytest.raises(UsageError, match="both tell of a run"):
        printed(capsys, run=comparison, tax="0.1", benchmark="mmlu")
