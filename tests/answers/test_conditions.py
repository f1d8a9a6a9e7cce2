"""What makes two scores incomparable, and what a guess scores."""

import tomllib
from importlib.resources import files

import pytest

from aligntax.answers.chance import chance_note, chance_of
from aligntax.answers.conditions import Differing, differing, settings, unknown
from aligntax.records import Answers, PromptType


def told(
    metric: str = "acc",
    chance: float | None = None,
    prompt_type: PromptType | None = None,
    higher: bool = True,
    **conditions: str,
) -> Answers:
    """Answers of which only the conditions matter."""
    return Answers(
        benchmark="b",
        metric=metric,
        model="m",
        source="s",
        conditions=conditions,
        chance=chance,
        prompt_type=prompt_type,
        higher_is_better=higher,
    )


def test_a_condition_known_on_both_sides_must_be_equal() -> None:
    """Differences come in a fixed order; what one side does not tell is no difference, but told."""
    first = told(template="none", shots="25", harness="h 1", judge="o1")
    second = told(harness="h 2", shots="5", template="none", generation="greedy")
    assert differing(first, second) == [Differing("harness", "h 1", "h 2"), Differing("shots", "25", "5")]
    assert unknown(first, second) == ["generation", "judge"]
    assert differing(first, first) == unknown(first, first) == []


def test_metric_chance_direction_and_prompt_type_are_conditions() -> None:
    """Each alone makes scores incomparable; a chance that moved with a few missing items does not."""
    assert [d.name for d in differing(told("acc"), told("acc_norm"))] == ["metric"]
    assert [d.name for d in differing(told(chance=0.25), told(chance=0.5))] == ["chance"]
    assert [d.name for d in differing(told(), told(higher=False))] == ["direction"]
    assert [d.name for d in differing(told(prompt_type="benign"), told(prompt_type="harmful"))] == [
        "prompt_type"
    ]
    assert differing(told(chance=0.2501), told(chance=0.2499)) == []
    assert differing(told(chance=0.25), told()) == []
    assert differing(told(""), told("acc")) == []


def test_settings_read_the_same_for_the_same_settings() -> None:
    """Order and absent values do not matter; long ones are told apart by a hash."""
    assert settings({"b": 1, "a": None, "c": [1]}) == settings({"c": [1], "b": 1}) == "b=1, c=[1]"
    long, other = settings({"until": ["x" * 100]}), settings({"until": ["x" * 99 + "y"]})
    assert long != other
    assert len(long) <= 60


@pytest.mark.parametrize(
    ("benchmark", "chance"),
    [
        ("arc_challenge", 0.25),
        ("ARC-Easy", 0.25),
        ("arc_agi", 0.0),
        ("hellaswag", 0.25),
        ("mmlu", 0.25),
        ("mmlu_high_school_physics", 0.25),
        ("mmlu_pro", 0.1),
        ("mmlu_pro_law", 0.1),
        ("inspect_evals/mmlu_0_shot", 0.25),
        ("winogrande", 0.5),
        ("metabench_winogrande_permute", 0.5),
        ("piqa", 0.5),
        ("boolq", 0.5),
        ("gsm8k_cot", 0.0),
        ("humaneval", 0.0),
        ("drop", 0.0),
        ("squad_completion", 0.0),
        ("gpqa_diamond_zeroshot", 0.25),
        ("race", 0.25),
        ("racecar", None),
        ("openbookqa", 0.25),
        ("truthfulqa_mc1", None),
        ("truthfulqa_mc2", None),
        ("squadv2", None),
        ("something of our own", None),
        ("", None),
    ],
)
def test_what_a_guess_scores(benchmark: str, chance: float | None) -> None:
    """By the longest known name the task begins with, to a whole word."""
    assert chance_of(benchmark) == chance


def test_every_chance_has_a_source_and_is_a_share() -> None:
    """No figure stands there on its own, and no name twice."""
    entries = tomllib.loads(files("aligntax.answers").joinpath("chance.toml").read_text("utf-8"))["benchmark"]
    assert all(entry["source"] and 0 <= entry.get("guess", 0) < 1 for entry in entries)
    names = [name for entry in entries for name in entry["names"]]
    assert len(names) == len(set(names))
    assert "nominal" in chance_note("mmlu_pro")
    assert "nobody" in chance_note("something of our own")
