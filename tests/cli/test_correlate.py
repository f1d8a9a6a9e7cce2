"""`aligntax correlate`: what is printed, the document, and the chart of the refusal plane."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aligntax.cli.correlate import run
from aligntax.report.charts.label_places import overlap, place_labels

DEFAULTS: dict[str, Any] = {
    "model_column": None,
    "over_refusal": None,
    "safety": None,
    "harm": None,
    "unit": None,
    "only": None,
    "without": None,
    "level": 0.95,
    "replicates": 500,
    "seed": 0,
    "chart": None,
    "as_json": False,
}
SIX = """model,over_refusal,toxic_rejection
careful,90,99
[strict],80,98
middling,40,80
odd,70,60
free,10,50
best,5,85
"""


@pytest.fixture
def six(tmp_path: Path) -> Path:
    path = tmp_path / "six.csv"
    path.write_text(SIX, "utf-8")
    return path


def printed(capsys: pytest.CaptureFixture[str], table: Path, **options: Any) -> str:
    run(**{**DEFAULTS, "table": table, **options})
    return capsys.readouterr().out


def found(capsys: pytest.CaptureFixture[str], table: Path, **options: Any) -> Any:
    return json.loads(printed(capsys, table, as_json=True, **options))


def test_prints_what_it_found(capsys: pytest.CaptureFixture[str], six: Path) -> None:
    """Rho with its interval, who stands out, and what the figure does not say, in 80 columns."""
    text = printed(capsys, six)
    assert max(map(len, text.splitlines())) <= 80
    words = " ".join(text.split())
    assert "Spearman's rho 0.6000" in words  # ranks differ by 0 0 0 2 1 -3: 1 - 6 * 14 / (6 * 35)
    assert "bootstrap" in words
    assert "says nothing about the trade-off of a single model" in words
    assert "over-refusal: over_refusal (percent)" in words
    more = text.partition("Refuse more")[2].partition("Refuse fewer")[0]
    assert "odd" in more
    assert "best" in text.partition("Refuse fewer")[2].partition("Not dominated")[0]
    assert "[strict]" in text.partition("Not dominated")[2]  # not taken for markup


def test_document(capsys: pytest.CaptureFixture[str], six: Path) -> None:
    """The document holds every model, shares, and the same figures at the same seed."""
    contents = found(capsys, six)
    assert contents["schema"] == "aligntax.correlate/1"
    assert contents == found(capsys, six)
    models = {row["model"]: row for row in contents["models"]}
    assert [name for name, row in models.items() if row["non_dominated"]] == ["careful", "[strict]", "best"]
    assert models["odd"]["over_refusal"] == 0.7
    assert sum(row["residual"] for row in models.values()) == pytest.approx(0)
    assert contents["influence"]["low"] <= contents["influence"]["rho"] <= contents["influence"]["high"]
    assert 0 < contents["p_value"] <= 1


def test_too_few_models(capsys: pytest.CaptureFixture[str], six: Path) -> None:
    """Three models have no correlation: null with a reason, and nothing that is not a number is printed."""
    contents = found(capsys, six, only=["odd", "free", "best"])
    assert contents["spearman"]["value"] is None
    assert "3 rows are too few" in contents["spearman"]["reason"]
    assert contents["p_value"] is None
    assert contents["influence"] is None
    text = printed(capsys, six, only=["odd", "free", "best"])
    assert "unknown; 3 rows are too few" in text
    assert "nan" not in text


def test_one_command_gives_the_published_figure(
    capsys: pytest.CaptureFixture[str], shared_data: Path
) -> None:
    """.8935 over all 32 models as the table lies there."""
    text = printed(capsys, shared_data / "tables" / "orbench_published_table.csv")
    assert "32 models" in text
    assert "0.8935" in text


@pytest.mark.parametrize("suffix", ["json", "svg", "png", "html"])
def test_chart(capsys: pytest.CaptureFixture[str], six: Path, tmp_path: Path, suffix: str) -> None:
    """The plane is drawn, also where there is no correlation."""
    if suffix != "json":
        pytest.importorskip("vl_convert")
    path = tmp_path / f"plane.{suffix}"
    for only in (None, ["odd", "free"]):
        printed(capsys, six, chart=path, only=only)
        assert path.stat().st_size > 1000
    assert list(tmp_path.glob(".*part")) == []


def test_chart_names_every_model_it_can(
    capsys: pytest.CaptureFixture[str], six: Path, tmp_path: Path
) -> None:
    """All have a tooltip, six have room for their names, the Pareto set is joined from left to right."""
    path = tmp_path / "plane.json"
    printed(capsys, six, chart=path)
    layers = json.loads(path.read_text("utf-8"))["layer"]
    marks = {layer["mark"]["type"]: layer for layer in layers if "mark" in layer}
    assert {row["model"] for row in marks["point"]["data"]["values"]} == {
        line.partition(",")[0] for line in SIX.splitlines()[1:]
    }
    assert "model" in [channel["field"] for channel in marks["point"]["encoding"]["tooltip"]]
    assert [row["model"] for row in marks["line"]["data"]["values"]] == ["best", "[strict]", "careful"]
    names = [
        row["name"]
        for layer in layers
        if layer.get("mark", {}).get("type") == "text"
        for row in layer["data"]["values"]
    ]
    assert sorted(names) == sorted(line.partition(",")[0] for line in SIX.splitlines()[1:])


@settings(max_examples=25)
@given(st.lists(st.tuples(st.floats(0, 600), st.floats(0, 400)), min_size=1, max_size=40))
def test_names_never_cover_each_other(places: list[tuple[float, float]]) -> None:
    """No name covers another or leaves the frame; the most important one is there."""
    points = [(f"model {at}", place) for at, place in enumerate(places)]
    frame = (-20.0, -20.0, 700.0, 420.0)
    labels = place_labels(points, frame=frame)
    for at, label in enumerate(labels):
        assert frame[0] <= label.box[0] <= label.box[2] <= frame[2]
        assert not any(overlap(label.box, other.box) for other in labels[:at])
    assert len(points) > 8 or "model 0" in {label.name for label in labels}
