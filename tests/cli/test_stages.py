"""`aligntax stages` as a person runs it."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from tests_commands import apart, checked, fine, wrong

ANSWER = "Boil the eggs for nine minutes, then cool them in water and peel them. " * 3
REFUSAL = "I'm sorry, but I can't help with that request."
STAGES = {"base": (300, 4, 160), "sft": (280, 20, 60), "dpo": (200, 50, 10)}
"""Stage -> right of 400, refused of 200 benign prompts, complied with of 200 harmful ones."""


def write(path: Path, rows: list[dict[str, object]]) -> None:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")


def prompts(kind: str, answered: int, of: int = 200) -> list[dict[str, object]]:
    return [
        {
            "id": f"{kind}{at}",
            "prompt": f"How do I boil {at} eggs {kind}?",
            "prompt_type": kind,
            "response": ANSWER if at < answered else REFUSAL,
            "label": "complete" if at < answered else "refused",
        }
        for at in range(of)
    ]


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A training in three stages: a quiz with shots, and prompts of both kinds."""
    folder = tmp_path_factory.mktemp("stages")
    for name, (right, refused, complied) in STAGES.items():
        quiz = [{"id": f"q{at}", "correct": at < right, "shots": 5} for at in range(400)]
        write(folder / f"quiz_{name}.jsonl", quiz)
        write(folder / f"quiz3_{name}.jsonl", [{**row, "shots": 3} for row in quiz])
        write(folder / f"asked_{name}.jsonl", prompts("benign", 200 - refused) + prompts("harmful", complied))
    return folder


TYPED = [f"{name}=quiz_{name}.jsonl+asked_{name}.jsonl" for name in STAGES]


def document(*arguments: object, cwd: Path) -> dict[str, Any]:
    return json.loads(fine("stages", *arguments, "--json", cwd=cwd).stdout)


def test_three_stages(results: Path) -> None:
    """Findings first, then every stage, within 80 columns."""
    done = checked(apart("stages", *TYPED, "--chance", "quiz=0.25", cwd=results))
    lines = done.stdout.splitlines()
    assert max(map(len, lines)) <= 80
    assert "\x1b" not in done.stdout
    # (.75 - .5) / (.75 - .25), (.75 - .7) / .5 and (.7 - .5) / .45
    assert "tax +50.0% (" in done.stdout
    assert "dpo cost the most" in done.stdout
    assert "the steps compound to +50.0% (added up: +54.4%); end to end +50.0%" in done.stdout
    for title in ("Safety, asked (harmful): 200", "Over-refusal, asked (benign): 200", "Tax by safety gain"):
        assert title in done.stdout
    assert done.stdout.index("tax +50.0%") < done.stdout.index("tax of the step")
    assert "drift not measured: base to sft, sft to dpo" in " ".join(lines)


def test_the_document_is_kept(results: Path) -> None:
    """--out writes what --json prints, and all of it is in there."""
    chart = results / "stages.svg"
    printed = document(
        *TYPED, "--chance", "quiz=0.25", "--out", "kept.json", "--chart", chart, "--quiet", cwd=results
    )
    assert json.loads((results / "kept.json").read_text("utf-8")) == printed
    assert printed["schema"] == "aligntax.stages/1"
    assert [stage["name"] for stage in printed["stages"]] == ["base", "sft", "dpo"]
    quiz, benign, harmful = printed["staged"]
    steps = quiz["scores"][0]["steps"]
    assert [(step["from"], step["to"]) for step in steps] == [("base", "sft"), ("sft", "dpo")]
    assert [step["tax"]["value"] for step in steps] == pytest.approx([0.1, 0.2 / 0.45])
    assert quiz["scores"][0]["largest"]["stage"] == "dpo"
    refused = [rate["value"] for rate in benign["completion"]["rates"]["completion_tax"]]
    assert refused == pytest.approx([0.02, 0.1, 0.25])
    gains = [step["gain"]["value"] for step in harmful["completion"]["since_start"]]
    assert gains == pytest.approx([100 / 160, 150 / 160])
    price = printed["exchange_rates"][0]["since_start"][1]["rate"]["value"]
    assert price == pytest.approx(0.5 / (150 / 160))
    assert [one["measured"] for one in printed["drift"]] == [False, False]
    svg = chart.read_text("utf-8")
    assert "What every stage changed" in svg
    assert "#c2410c" in svg  # what got worse


def test_two_stages_and_many_benchmarks(tmp_path: Path) -> None:
    """Directories; of many benchmarks there is a row each, and their mean."""
    for name, right in (("base", 80), ("dpo", 60)):
        (tmp_path / name).mkdir()
        for task in range(6):
            rows = [{"id": at, "model": name, "correct": at < right - task} for at in range(100)]
            write(tmp_path / name / f"task{task}.jsonl", rows)
    chances = [word for task in range(6) for word in ("--chance", f"task{task}=0.2")]
    done = fine("stages", "base", "dpo", *chances, "--chart", "mean.json", cwd=tmp_path)
    assert max(map(len, done.stdout.splitlines())) <= 80
    assert "Mean capability tax over 6 benchmarks" in done.stdout
    assert "mean of 6 benchmarks" in (tmp_path / "mean.json").read_text("utf-8")


def test_drift_is_read(results: Path) -> None:
    """A document of `aligntax drift` is shown beside the step it is of."""
    known = {"value": 0.25, "low": 0.2, "high": 0.3, "level": 0.95, "n": 500, "unit": "nats", "method": "t"}
    known |= {"labelled": 0, "clusters": 20, "reason": ""}
    rows = [
        {"text": text, "direction": way, "divergence": "KL", "estimates": "", "per_token": known}
        for text, way in (("model_samples", "reverse"), ("reference_samples", "forward"))
    ]
    drift = {"schema": "aligntax.drift/1", "reference": "ckpt/base", "model": "ckpt/sft", "drift": rows}
    (results / "drift.json").write_text(json.dumps(drift), "utf-8")
    done = fine("stages", *TYPED, "--drift", "drift.json", cwd=results)
    assert re.search(r"base to sft +0\.25 \(0\.2 to 0\.3\)", done.stdout)
    assert "drift not measured: sft to dpo" in " ".join(done.stdout.splitlines())


@pytest.mark.slow
def test_drift_is_measured(results: Path) -> None:
    """Checkpoints with prompts: one forward pass each, in the document and in the table."""
    pytest.importorskip("torch")
    from tiny_models import make_llama

    for at, name in enumerate(STAGES):
        make_llama(results / name, seed=at)
    write(results / "prompts.jsonl", [{"prompt": f"w{at} w{at + 1}"} for at in range(4)])
    named = [word for name in STAGES for word in ("--checkpoint", name)]
    found = document(*TYPED, *named, "--prompts", "prompts.jsonl", "--quiet", cwd=results)
    assert [one["by"] for one in found["drift"]] == ["measured", "measured"]
    figures = {(f["text"], f["direction"]): f["per_token"] for f in found["drift"][1]["figures"]}
    assert figures["model_samples", "reverse"]["value"] > 0
    assert found["drift"][1]["reference"] == "sft"


def test_what_is_refused(results: Path) -> None:
    """Each with its cause and a remedy, before anything is measured."""

    def said(*arguments: object) -> str:
        return " ".join(wrong("stages", *arguments, cwd=results).split())

    assert "1 stage: a tax needs the stage before it" in said("quiz_base.jsonl")
    mixed = ["base=quiz_base.jsonl", "sft=quiz_sft.jsonl", "dpo=quiz3_dpo.jsonl"]
    assert "shots is 5 in base and 3 in dpo" in said(*mixed)
    assert "--force" in said(*mixed)
    two = ["quiz_base.jsonl", "quiz_sft.jsonl"]
    assert "no such file" in said("quiz_base.jsonl", "nowhere.jsonl")
    assert "two stages are called 'a'" in said("a=quiz_base.jsonl", "a=quiz_sft.jsonl")
    assert "no benchmark is called 'exam'" in said(*two, "--chance", "exam=0.5")
    assert "not understood" in said(*two, "--chance", "quiz")
    write(results / "bill.json", [{"schema": "aligntax.bill/1"}])
    assert "not a drift" in said(*two, "--drift", "bill.json")
    assert "--prompts FILE" in said(*two, "--checkpoint", "base")
    forced = document(*mixed, "--force", cwd=results)
    assert forced["about"]["forced"] == ["quiz_base: shots is 5 in base and 3 in dpo"]


def test_phi_2(shared_data: Path, tmp_path: Path) -> None:
    """The 803 prompts that all stages have, said; nobody is named after a path."""
    path = shared_data / "paired" / "alpaca_eval_outputs.jsonl"
    done = fine(
        "stages", *(f"{path}:model={name}" for name in ("phi-2", "phi-2-sft", "phi-2-dpo")), cwd=tmp_path
    )
    assert "measured on the 803 items that all stages have" in done.stdout
    assert "phi-2-dpo" in done.stdout
