"""`aligntax compare` as a person runs it."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from tests_commands import aligntax, apart, checked, fine, wrong

ANSWER = "Boil the eggs for nine minutes, then cool them in water and peel them. " * 3
REFUSAL = "I'm sorry, but I can't help with that request."


def write(path: Path, rows: list[dict[str, object]]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    return path


def rows(model: str, right: int, of: int = 400, refused: int = 0, **more: object) -> list[dict[str, object]]:
    return [
        {
            "id": f"q{at}",
            "model": model,
            "prompt": f"How do I boil {at} eggs? Tell jo{at}@example.com",
            "response": REFUSAL if at < refused else ANSWER,
            "correct": at < right,
            **more,
        }
        for at in range(of)
    ]


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two models on a quiz and an exam; the second is worse at the quiz and refuses."""
    folder = tmp_path_factory.mktemp("results")
    for name, right, refused in (("base", 300, 4), ("aligned", 240, 60)):
        (folder / name).mkdir()
        write(folder / name / "quiz.jsonl", rows(name, right, refused=refused))
        write(folder / name / "exam.jsonl", rows(name, 200))
    return folder


def document(*arguments: object, cwd: Path) -> dict[str, Any]:
    return json.loads(fine("compare", *arguments, "--json", cwd=cwd).stdout)


def test_two_files(results: Path) -> None:
    """The verdicts lead, within 80 columns; nothing of a person is printed, and there are five flips."""
    done = checked(apart("compare", "base/quiz.jsonl", "aligned/quiz.jsonl", cwd=results))
    lines = done.stdout.splitlines()
    assert max(map(len, lines)) <= 80
    assert "worse by 15.0 points (11.4 to 18.5)" in done.stdout
    assert re.search(r"refused or hedged +more by 14\.0 points", done.stdout)
    assert done.stdout.index("worse by") < done.stdout.index("Scores")
    assert "quiz by score: 60 worse, 0 better of 400" in done.stdout
    assert "@example.com" not in done.stdout
    assert sum(line.startswith("  worse  ") for line in lines) == 10  # five by score, five by outcome
    assert "exact McNemar" in done.stdout
    assert "\x1b" not in done.stdout


def test_two_directories(results: Path) -> None:
    """Benchmarks are matched by name, and p-values adjusted for both."""
    found = document("base", "aligned", cwd=results)
    assert found["schema"] == "aligntax.comparison/2"
    assert {entry["benchmark"] for entry in found["compared"]} == {"quiz", "exam"}
    quiz = next(entry for entry in found["compared"] if entry["benchmark"] == "quiz")
    exam = next(entry for entry in found["compared"] if entry["benchmark"] == "exam")
    assert quiz["findings"][0]["text"].startswith("worse by 15.0 points")
    assert exam["findings"][0]["finding"] == "no difference"
    assert quiz["scores"][0]["p_holm"] == pytest.approx(2 * quiz["scores"][0]["p"])
    assert len(quiz["flips"]["scores"]["flips"]) == 60
    only = document("base", "aligned", "--benchmark", "exam", cwd=results)
    assert [entry["benchmark"] for entry in only["compared"]] == ["exam"]


def test_the_margin_is_a_choice(results: Path) -> None:
    """400 items that agree show no difference beyond 1 point, but not beyond a tenth of one."""
    beyond = document("base", "aligned", "--benchmark", "exam", cwd=results)
    assert "no difference beyond 1 point (90%" in beyond["compared"][0]["findings"][0]["text"]
    strict = document("base", "aligned", "--benchmark", "exam", "--margin", "exam=0.001", cwd=results)
    assert strict["compared"][0]["findings"][0]["finding"] == "cannot tell"


def test_keep_text(results: Path) -> None:
    done = fine("compare", "base/quiz.jsonl", "aligned/quiz.jsonl", "--keep-text", cwd=results)
    assert "@example.com" in done.stdout


def test_hostile_text_is_made_safe(tmp_path: Path) -> None:
    """Control characters and markup of a prompt are shown, not obeyed."""
    evil = {"prompt": "\x1b[31mred\x07 [bold]loud[/bold] [/red]", "model": "[red]m\x1b"}
    write(tmp_path / "a.jsonl", [{**row, **evil} for row in rows("a", 20, 20)])
    write(tmp_path / "b.jsonl", [{**row, **evil} for row in rows("b", 10, 20)])
    done = fine("compare", "a.jsonl", "b.jsonl", cwd=tmp_path)
    assert "\x1b" not in done.stdout
    assert "\x07" not in done.stdout
    assert "[bold]loud[/bold] [/red]" in done.stdout
    assert "[red]m" in done.stdout


def test_a_file_of_pairs(tmp_path: Path) -> None:
    """One comparison a pair of models; unparsed answers count both ways, side by side."""
    pairs = [
        {
            "question_id": at,
            "pair": pair,
            "base_correct": at < 60,
            "aligned_correct": at < right,
            "base_pred": "A",
            "aligned_pred": None if at >= 80 else "B",
        }
        for pair, right in (("m|m-chat", 30), ("n|n-chat", 60))
        for at in range(100)
    ]
    write(tmp_path / "mmlu.jsonl", pairs)
    done = fine("compare", "mmlu.jsonl", cwd=tmp_path)
    assert done.stdout.count("unparsed as guesses") == 6  # verdict, score and tax, of both pairs
    assert "worse by 30.0 points" in done.stdout
    assert "unparsed answers: 0 of A and 20 of B" in done.stdout
    found = document("mmlu.jsonl", cwd=tmp_path)
    assert [(e["first"]["model"], e["second"]["model"]) for e in found["compared"]] == [
        ("m", "m-chat"),
        ("n", "n-chat"),
    ]
    credit = found["compared"][1]["scores"][1]
    assert credit["convention"] == "guess credit"
    assert credit["difference"]["value"] == pytest.approx(0.2 * 0.25)
    half = document("mmlu.jsonl", "--chance", "mmlu=0.5", cwd=tmp_path)
    assert half["compared"][1]["scores"][1]["difference"]["value"] == pytest.approx(0.1)


def test_conventions_that_disagree_are_noted(tmp_path: Path) -> None:
    """B leaves 30 answers unparsed of 400: worse as wrong, not as guesses at an even chance."""
    base, aligned = rows("a", 200), rows("b", 180)
    for at, row in enumerate(base):
        row["prediction"] = "A" if at % 2 else "B"
    for at, row in enumerate(aligned):
        row["prediction"] = None if 180 <= at < 220 else "A"
    write(tmp_path / "a.jsonl", base)
    write(tmp_path / "b.jsonl", aligned)
    done = fine("compare", "a.jsonl", "b.jsonl", "--chance", "a=0.5", cwd=tmp_path)
    assert "the verdict hangs on the unparsed answers" in done.stdout


def test_conditions_that_differ_are_refused(tmp_path: Path) -> None:
    """Two lm-eval results with other shots: exit 2, with benchmark and both values; --force says it."""

    def result(path: str, shots: int, acc: float) -> None:
        contents = {
            "results": {"arc_easy": {"acc,none": acc, "acc_stderr,none": 0.01}},
            "versions": {"arc_easy": 1.0},
            "n-shot": {"arc_easy": shots},
            "config": {"model": "hf", "model_args": f"pretrained=m{shots}"},
            "configs": {},
        }
        (tmp_path / path).write_text(json.dumps(contents))

    result("a.json", 5, 0.8)
    result("b.json", 0, 0.7)
    said = wrong("compare", "a.json", "b.json", cwd=tmp_path)
    assert "arc_easy: shots is 5 in A and 0 in B" in said
    done = fine("compare", "a.json", "b.json", "--force", cwd=tmp_path)
    assert "- forced: shots is 5 in A and 0 in B" in done.stdout
    assert "Scores, unpaired" in done.stdout
    assert "worse by 10.0 points (7.2 to 12.8)" in done.stdout


def test_chart(results: Path, tmp_path: Path) -> None:
    fine("compare", "base", "aligned", "--chart", tmp_path / "c.json", "-q", cwd=results)
    panels = json.loads((tmp_path / "c.json").read_text())["vconcat"]
    assert [len(panel["data"]["values"]) for panel in panels] == [2, 2]
    fine("compare", "base", "aligned", "--chart", tmp_path / "c.svg", "-q", cwd=results)
    assert (tmp_path / "c.svg").read_text("utf-8").startswith("<svg")


def test_one_model_alone(results: Path) -> None:
    said = wrong("compare", "base/quiz.jsonl", cwd=results)
    assert "two models are compared, and there are 1: base (400)" in said


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("base", "nowhere.jsonl"), "nowhere.jsonl"),
        (("base", "aligned", "--chance", "0.25"), "--chance 0.25: not understood"),
        (("base", "aligned", "--chance", "math=0.25"), "no benchmark is called 'math'"),
        (("base", "aligned", "--margin", "-1"), "--margin -1: not understood"),
        (("base", "aligned", "--detector", "magic"), "no detector is called 'magic'"),
        (("base", "aligned", "--benchmark", "math"), "nothing to compare"),
        (("base", "aligned", "--chart", "c.pdf"), "c.pdf: a chart is written to"),
    ],
)
def test_bad_input(results: Path, arguments: tuple[str, ...], said: str) -> None:
    done = aligntax("compare", *arguments, cwd=results)
    assert done.returncode == 2, done.stderr
    assert said in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""
