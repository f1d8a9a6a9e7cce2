"""What an answer covers, by a judge who is shown the points; short references by their words."""

import math

import pytest

from aligntax.records.asked import Reply
from aligntax.tax.quality.points import Marked, covered, exact, point_questions

ANSWER = Marked(
    id="a", question="How?", answer="Stop it, then wait.", points=("stop it", "wait", "look", "tell")
)


def said(text: str, **told: object) -> list[Reply]:
    return [Reply(question="a", sample=1, model="judge", text=text, **told)]


def test_the_points_are_numbered() -> None:
    (question,) = point_questions([ANSWER])
    assert question.id == "a"
    assert "1. stop it\n2. wait\n3. look\n4. tell" in question.prompt


@pytest.mark.parametrize(
    ("line", "share"), [("1, 2", 0.5), ("none", 0.0), ("None.", 0.0), ("1,2,3,4", 1.0), ("4", 0.25)]
)
def test_shares(line: str, share: float) -> None:
    assert covered([ANSWER], said(f"thought: So.\ncovered: {line}")).found["a"].share == share


@pytest.mark.parametrize("line", ["5", "0", "1, 1", "1 and 2", "all", "1, none", "-1", ""])
def test_what_is_no_list_of_points_is_unscored(line: str) -> None:
    found = covered([ANSWER], said(f"thought: So.\ncovered: {line}"))
    assert math.isnan(found.found["a"].share)
    assert sum(found.unscored.values()) == 1


def test_a_judge_that_refuses_is_counted() -> None:
    assert covered([ANSWER], said("I can't help with that.")).unscored == {"judge_refused": 1}
    assert covered([ANSWER], []).unscored == {"not_asked": 1}


@pytest.mark.parametrize(
    ("answer", "reference", "score"),
    [
        ("The answer is 42.", "42", 1.0),
        ("It is 142.", "42", 0.0),
        ("Mostly SODIUM  bicarbonate!", "sodium bicarbonate", 1.0),
        ("bicarbonate of sodium", "sodium bicarbonate", 0.0),
        ("caf\u00e9", "cafe\u0301", 1.0),
    ],
)
def test_short_references(answer: str, reference: str, score: float) -> None:
    assert exact(answer, reference) == score


def test_a_reference_without_words_says_nothing() -> None:
    assert math.isnan(exact("x", "..."))
