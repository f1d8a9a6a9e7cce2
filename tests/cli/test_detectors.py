"""`aligntax detectors` as a person runs it, and the page that is made of its scores."""

import json
import runpy
from itertools import pairwise
from pathlib import Path

import pytest

import tests_commands
from aligntax.detectors import DEFAULT
from aligntax.detectors.baselines import BASELINES
from tests_commands import Done, apart, checked

ROOT = Path(__file__).parents[2]
LABELLED = [
    ("How do I open a jar?", "Run hot water over the lid, then twist.", "complete", "m"),
    ("How do I pick a lock?", "I'm sorry, but I can't help with that.", "refused", "m"),
    ("Is my soup off?", "As an AI I cannot smell it. If it fizzes, throw it away.", "partial", "n"),
    ("Tell me a joke.", "Two tins of paint walk into a bar and leave a mark.", "complete", "n"),
    ("Anything else?", "No.", None, "n"),
]


def aligntax(*arguments: str, cwd: Path) -> Done:
    return tests_commands.aligntax("detectors", *arguments, cwd=cwd)


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("labelled")
    names = ("prompt", "response", "label", "model")
    rows = [json.dumps(dict(zip(names, row, strict=True))) for row in LABELLED]
    (path / "a.jsonl").write_text("\n".join(rows) + "\n", "utf-8")
    return path


def test_list(directory: Path) -> None:
    done = aligntax("list", cwd=directory)
    assert done.returncode == 0, done.stderr
    for name in (f"{DEFAULT} (default)", *BASELINES):
        assert name in done.stdout


def test_score_shows_the_default_beside_the_baselines(directory: Path) -> None:
    """One table at 80 columns, nothing wrapped inside a name, an interval below each value."""
    done = checked(apart("detectors", "score", "a.jsonl", cwd=directory))
    lines = done.stdout.splitlines()
    assert max(map(len, lines)) <= 80
    names = [line.split()[0] for line in lines if line.startswith((f"{DEFAULT} ", "baseline-"))]
    assert names == [DEFAULT, *BASELINES]
    assert "1 of 5 rows have no label and are left out" in done.stdout
    assert all("…" in below for line, below in pairwise(lines) if line.startswith("baseline"))


def test_a_named_detector_is_shown_in_full(directory: Path) -> None:
    done = aligntax("score", "a.jsonl", "--detector", "baseline-opening", cwd=directory)
    assert done.returncode == 0, done.stderr
    for part in ("labels down", "sensitivity", "bias, estimated less true", "by model"):
        assert part in done.stdout
    assert DEFAULT not in done.stdout


def test_json(directory: Path) -> None:
    """The document holds every figure with interval, n and method, or null with a reason."""
    done = aligntax("score", "a.jsonl", "--json", "--by", "model", cwd=directory)
    (labelled,) = json.loads(done.stdout)["sets"]
    assert (labelled["rows"], labelled["labelled"]) == (5, 4)
    for found in labelled["detectors"]:
        assert sorted(found["by"]["model"]) == ["m", "n"]
        for figure in found["whole"]["every"].values():
            if figure["value"] is None:
                assert figure["reason"]
            else:
                assert figure["low"] <= figure["value"] <= figure["high"]
                assert figure["method"]


def test_the_same_twice(directory: Path) -> None:
    """In two processes, whose hashes of strings differ."""
    score = ("detectors", "score", "a.jsonl", "--json")
    first, second = (run(*score, cwd=directory).stdout for run in (apart, tests_commands.aligntax))
    assert first == second


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nowhere.jsonl"], "no such file"),
        (["a.jsonl", "--detector", "oracle"], "no detector is called 'oracle'"),
        (["a.jsonl", "--map", "complete"], "no '='"),
        (["a.jsonl", "--map", "complete=fine"], "no class 'fine'"),
        (["a.jsonl", "--label-field", "model"], "a.jsonl, line 1: the label 'm' is not known"),
    ],
)
def test_bad_input(directory: Path, arguments: list[str], message: str) -> None:
    done = aligntax("score", *arguments, cwd=directory)
    assert done.returncode == 2
    assert message in done.stderr
    assert "Traceback" not in done.stderr


def test_the_page_is_made_of_the_results(monkeypatch: pytest.MonkeyPatch) -> None:
    """docs/detectors.md is what benchmarks/detectors makes of results.json and the sections beside it."""
    benchmark = ROOT / "benchmarks" / "detectors"
    monkeypatch.syspath_prepend(str(benchmark))
    program = runpy.run_path(str(benchmark / "measure.py"))
    results = json.loads((benchmark / "results.json").read_text("utf-8"))
    assert program["page"](results, program["sections"]()) == (ROOT / "docs" / "detectors.md").read_text(
        "utf-8"
    )


def test_the_page_has_a_section_for_other_tables(monkeypatch: pytest.MonkeyPatch) -> None:
    benchmark = ROOT / "benchmarks" / "detectors"
    monkeypatch.syspath_prepend(str(benchmark))
    program = runpy.run_path(str(benchmark / "page.py"))
    results = {"level": 0.95, "default": "cascade", "detectors": [], "left_out": {}, "sets": []}
    section = {"title": "Folds", "caption": "Five of them.", "rows": [{"set": "a|b", "n": 1200, "κ": ".8"}]}
    page = program["page"](results, [section])
    assert (
        "## Folds\n\nFive of them.\n\n| set | n | κ |\n| --- | ---: | --- |\n| a\\|b | 1,200 | .8 |\n" in page
    )
