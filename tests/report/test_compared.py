"""What a comparison says in words, as a document and as a chart."""

import datetime as dt
import json
from collections.abc import Sequence
from typing import Any

import pytest

from aligntax.records import Answers, Estimate
from aligntax.report.charts import save_chart
from aligntax.report.charts.compared import compared_chart
from aligntax.report.compared import comparison
from aligntax.report.compared_words import length_sentence, margin_text, points_text, sentence
from aligntax.stats.equivalence import equivalence
from aligntax.tax.pairs.compared import compare
from aligntax.tax.pairs.differences import Difference
from aligntax.tax.pairs.matching import match
from tax.known_answers import answers, scores, settings


def estimate(
    value: float, low: float, high: float, unit: Any = "difference", level: float = 0.95
) -> Estimate:
    return Estimate(value=value, low=low, high=high, level=level, n=100, unit=unit, method="m")


def difference(value: float, low: float, high: float, margin: float = 0.01) -> Difference:
    gap = estimate(value, low, high)
    test = equivalence(estimate(value, low, high, level=0.9), margin)
    side = estimate(0.5, 0.4, 0.6, "rate")
    return Difference(first=side, second=side, difference=gap, p=0.01, test="t", equivalence=test)


@pytest.mark.parametrize(
    ("gap", "finding", "kind", "said"),
    [
        ((-0.056, -0.065, -0.048), "worse", "score", "worse by 5.6 points (4.8 to 6.5)"),
        ((0.056, 0.048, 0.065), "worse", "rate", "more by 5.6 points (4.8 to 6.5)"),
        (
            (-0.004, -0.006, -0.002),
            "worse",
            "score",
            "worse by 0.4 points (0.2 to 0.6), which is within the margin of 1 point",
        ),
        (
            (0.001, -0.004, 0.006),
            "no difference",
            "score",
            "no difference beyond 1 point (90% interval -0.4 to +0.6)",
        ),
        ((-0.004, -0.013, 0.005), "cannot tell", "score", "cannot tell: -0.4 points (-1.3 to +0.5)"),
        (
            (-0.04, -0.07, -0.01),
            "cannot tell",
            "score",
            "cannot tell: -4.0 points (-7.0 to -1.0); not beyond doubt among so many comparisons",
        ),
    ],
)
def test_sentences(gap: tuple[float, float, float], finding: Any, kind: str, said: str) -> None:
    assert sentence(difference(*gap), finding, kind=kind) == said


def test_lengths_and_small_numbers() -> None:
    ratio = estimate(0.2070, 0.1823, 0.2311, "log ratio")
    assert length_sentence(ratio, "tokens") == "longer: x1.23 (x1.20 to x1.26) in tokens"
    across = estimate(0.05, -0.1, 0.2, "log ratio")
    assert length_sentence(across, "tokens").startswith("cannot tell: x1.05")
    assert [points_text(v) for v in (0.0004, 0.00001, 0.0123)] == ["0.04", "0.0", "1.2"]
    shares = estimate(0, 0, 0)
    assert [margin_text(m, shares) for m in (0.01, 0.02, 0.005)] == ["1 point", "2 points", "0.5 points"]


def document(first: Sequence[Answers], second: Sequence[Answers]) -> Any:
    chosen = settings()
    found = compare(match(first, second)[0], chosen)
    return comparison(found, chosen, created=dt.datetime(2026, 1, 1, tzinfo=dt.UTC))


def test_the_document_is_plain_json() -> None:
    """Every figure has its interval or the reason why not, and nan is null."""
    first = [answers("a", score=scores(50, 100), parsed=[True] * 100)]
    second = [answers("b", score=scores(40, 100), parsed=[True] * 70 + [False] * 30)]
    contents = json.loads(json.dumps(document(first, second), allow_nan=False))
    assert contents["schema"] == "aligntax.comparison/2"
    (entry,) = contents["compared"]
    tax = entry["scores"][0]["tax"]
    assert (tax["value"], tax["reason"]) == (None, "the score of a guess is not known")
    assert entry["scores"][0]["equivalence"]["margin"] == 0.01
    assert any("0 answers of A and 30 of B could not be parsed" in note for note in entry["notes"])
    assert entry["completion"] is None


def test_the_chart_has_a_row_for_every_difference(tmp_path: Any) -> None:
    """Both conventions where there are two, a band as wide as the margin, and it can be drawn."""
    first = [
        answers("a", benchmark=name, chance=0.25, score=scores(50, 100), parsed=[True] * 100)
        for name in ("x", "y")
    ]
    second = [
        answers("b", benchmark="x", chance=0.25, score=scores(40, 100), parsed=[True] * 70 + [False] * 30),
        answers("b", benchmark="y", chance=0.25, score=scores(52, 100), parsed=[True] * 100),
    ]
    chart = compared_chart(document(first, second))
    (panel,) = chart["vconcat"]
    rows = panel["data"]["values"]
    assert [(row["name"], row["convention"]) for row in rows] == [
        ("x", "as the harness scored"),
        ("x", "unparsed answers as guesses"),
        ("y", "as the harness scored"),
    ]
    assert rows[0]["value"] == pytest.approx(-10)
    assert rows[0]["low"] < -10 < rows[0]["high"]
    assert panel["layer"][0]["data"]["values"] == [{"low": -1.0, "high": 1.0}]
    save_chart(chart, tmp_path / "c.png")
    assert (tmp_path / "c.png").read_bytes()[:4] == b"\x89PNG"
