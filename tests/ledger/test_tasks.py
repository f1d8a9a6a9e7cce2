"""Labelling tasks in the ledger: nothing is lost, nothing is kept twice, nothing is written over."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from aligntax.errors import UnreadableInput, UsageError
from aligntax.labels.plan import Plan
from aligntax.ledger import Ledger
from aligntax.ledger.annotations import (
    Kept,
    annotate,
    annotations,
    close_task,
    standing_labels,
    withdraw,
)
from aligntax.ledger.column_types import fitting
from aligntax.ledger.tasks import Item, Settings, find_task, item, make_task, plan_of, tasks
from labelling_tasks import a_plan, a_task, texts


def say(ledger: Ledger, task: str, position: int, outcome: str, token: str, **more: object) -> Kept:
    given = {"annotator": "anna", "outcome": outcome, "token": token} | more
    return annotate(ledger, task, position, **given)  # type: ignore[arg-type]


def test_a_task_holds_the_plan_and_the_texts(ledger: Ledger, tmp_path: Path) -> None:
    """What is kept is what was given, in the plan's order; the plan comes back as it was."""
    task = a_task(ledger, tmp_path, annotators=2, adjudicators=("dora",))
    _, plan = a_plan(tmp_path)
    assert find_task(ledger, task.id[:15]) == find_task(ledger, "latest") == tasks(ledger)[0] == task
    assert (task.size, task.settings.annotators, task.settings.adjudicators) == (30, 2, ("dora",))
    back = plan_of(ledger, task)
    assert [(one.key, one.stratum, one.probability) for one in back.chosen] == [
        (one.key, one.stratum, one.probability) for one in plan.chosen
    ]
    assert replace(back, chosen=plan.chosen) == plan
    third = texts(plan)[plan.chosen[2].key]
    assert item(ledger, task.id, 3) == Item(position=3, **third)


def test_an_item_tells_nothing_of_the_detector() -> None:
    """What a page is made from has no room for a verdict, a stratum, a chance, an id or a model."""
    assert set(Item.__slots__) == {"position", "use_case", "system", "prompt", "response", "finish_reason"}


@pytest.mark.parametrize("hostile", ["nul\x00", "half \ud800 pair", "\u202eright to left", "x" * 1_000_000])
def test_any_text_can_be_kept(ledger: Ledger, tmp_path: Path, hostile: str) -> None:
    """Characters no database keeps are replaced, the rest comes back as it was, a megabyte too."""
    _, plan = a_plan(tmp_path)
    words = {key: row | {"response": hostile, "finish_reason": hostile} for key, row in texts(plan).items()}
    task = make_task(ledger, plan, words, title=hostile, author="planner")
    kept = item(ledger, task.id, 1).response
    assert kept == fitting(hostile)
    assert len(kept) >= len(hostile)
    say(ledger, task.id, 1, "complete", "t", note=hostile[:1000])
    assert len(annotations(ledger, task.id)) == 1


def test_exchanges_without_a_text_are_left_out(ledger: Ledger, tmp_path: Path) -> None:
    _, plan = a_plan(tmp_path)
    words = texts(plan)
    del words[plan.chosen[0].key]
    task = make_task(ledger, plan, words, title="t", author="")
    assert task.size == 29
    assert item(ledger, task.id, 1).prompt == words[plan.chosen[1].key]["prompt"]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda plan: (plan, {}, Settings()), "no exchange of the plan has a text"),
        (lambda plan: (replace(plan, policy_version="0"), texts(plan), Settings()), "version 0"),
        (lambda plan: (plan, texts(plan), Settings(annotators=3)), "once or twice"),
    ],
)
def test_a_task_that_makes_no_sense(ledger: Ledger, tmp_path: Path, change: object, words: str) -> None:
    plan, shown, settings = change(a_plan(tmp_path)[1])  # type: ignore[operator]
    with pytest.raises(UsageError, match=words):
        make_task(ledger, plan, shown, title="t", author="", settings=settings)
    assert tasks(ledger) == []


def test_a_form_sent_twice_is_kept_once(ledger: Ledger, tmp_path: Path) -> None:
    task = a_task(ledger, tmp_path).id
    first = say(ledger, task, 1, "refused", "same")
    again = say(ledger, task, 1, "refused", "same")
    assert (first.how, again.how) == ("kept", "repeated")
    assert first.annotation == again.annotation == annotations(ledger, task)[0]
    with pytest.raises(UsageError, match="another's"):
        say(ledger, task, 1, "refused", "same", annotator="ben")


def test_what_stands_is_not_written_over(ledger: Ledger, tmp_path: Path) -> None:
    """A second label of the same person is refused with the first; another's stands beside it."""
    task = a_task(ledger, tmp_path).id
    say(ledger, task, 1, "refused", "1")
    second = say(ledger, task, 1, "complete", "2")
    assert (second.how, second.annotation and second.annotation.outcome) == ("already", "refused")
    assert say(ledger, task, 1, "complete", "3", annotator="ben").how == "kept"
    assert [(one.annotator, one.outcome) for one in annotations(ledger, task)] == [
        ("anna", "refused"),
        ("ben", "complete"),
    ]


def test_taken_back_again_and_again(ledger: Ledger, tmp_path: Path) -> None:
    """Only one's own, each once; what was taken back stays readable and can be said anew."""
    task = a_task(ledger, tmp_path).id
    kept = [say(ledger, task, at, "refused", str(at)).annotation for at in (1, 2, 3)]
    for one in reversed(kept):
        assert one
        assert withdraw(ledger, task, one.id, annotator="anna") == one
        assert withdraw(ledger, task, one.id, annotator="anna") is None
    assert annotations(ledger, task) == []
    assert len(annotations(ledger, task, withdrawn=True)) == 3
    assert say(ledger, task, 2, "hedged", "new").how == "kept"
    assert kept[0]
    with pytest.raises(UsageError, match="no such label of yours"):
        withdraw(ledger, task, kept[0].id, annotator="ben")


def test_a_retry_does_not_bring_back_what_was_taken_back(ledger: Ledger, tmp_path: Path) -> None:
    task = a_task(ledger, tmp_path).id
    kept = say(ledger, task, 1, "refused", "once").annotation
    assert kept
    withdraw(ledger, task, kept.id, annotator="anna")
    assert say(ledger, task, 1, "refused", "once").how == "repeated"
    assert annotations(ledger, task) == []


@pytest.mark.parametrize("tokens", ["one form", "ten forms"])
def test_ten_at_once(ledger: Ledger, tmp_path: Path, tokens: str) -> None:
    """Ten submits of one item at the same time by each of two people: one label each."""
    task = a_task(ledger, tmp_path, annotators=2).id

    def submit(at: int) -> str:
        who = ("anna", "ben")[at % 2]
        token = who if tokens == "one form" else f"{who} {at}"
        return say(ledger, task, 5, ("refused", "hedged")[at % 3 > 0], token, annotator=who).how

    with ThreadPoolExecutor(20) as pool:
        told = list(pool.map(submit, range(20)))
    other = "repeated" if tokens == "one form" else "already"
    assert sorted(told) == sorted(["kept"] * 2 + [other] * 18)
    assert sorted(one.annotator for one in annotations(ledger, task)) == ["anna", "ben"]


def test_one_settlement_an_exchange(ledger: Ledger, tmp_path: Path) -> None:
    task = a_task(ledger, tmp_path, annotators=2).id
    say(ledger, task, 1, "refused", "1")
    say(ledger, task, 1, "complete", "2", annotator="ben")
    first = say(ledger, task, 1, "hedged", "3", annotator="dora", adjudicated=True)
    second = say(ledger, task, 1, "refused", "4", annotator="emil", adjudicated=True)
    assert (first.how, second.how) == ("kept", "already")
    assert second.annotation == first.annotation


def test_a_closed_task_takes_no_labels(ledger: Ledger, tmp_path: Path) -> None:
    task = a_task(ledger, tmp_path).id
    kept = say(ledger, task, 1, "refused", "1").annotation
    assert close_task(ledger, task)
    assert not close_task(ledger, task)
    assert say(ledger, task, 2, "refused", "2").how == "closed"
    assert say(ledger, task, 1, "refused", "1").how == "repeated"  # the answer that was lost
    assert kept
    with pytest.raises(UsageError, match="closed"):
        withdraw(ledger, task, kept.id, annotator="anna")
    assert len(annotations(ledger, task)) == 1


def test_labels_carry_who_when_and_the_policy(ledger: Ledger, tmp_path: Path) -> None:
    task = a_task(ledger, tmp_path)
    plan: Plan = plan_of(ledger, task)
    kept = say(ledger, task.id, 4, "refused", "1", note="cannot: no live data").annotation
    (label,) = standing_labels(task, plan, annotations(ledger, task.id))
    assert kept
    assert (label.id, label.outcome, label.annotator) == (plan.chosen[3].key, "refused", "anna")
    assert (label.policy_version, label.time, label.note) == ("1", kept.time, "cannot: no live data")


@pytest.mark.parametrize(
    ("position", "outcome", "token"),
    [
        (0, "refused", "t"),
        (31, "refused", "t"),
        (1, "maybe", "t"),
        (1, "refused", ""),
        (1, "refused", "t" * 65),
    ],
)
def test_labels_that_make_no_sense(
    ledger: Ledger, tmp_path: Path, position: int, outcome: str, token: str
) -> None:
    task = a_task(ledger, tmp_path).id
    with pytest.raises(UsageError):
        say(ledger, task, position, outcome, token)
    assert annotations(ledger, task) == []


def test_tasks_that_are_not_there(ledger: Ledger, tmp_path: Path) -> None:
    with pytest.raises(UnreadableInput, match="no such task"):
        find_task(ledger, "latest")
    a_task(ledger, tmp_path)
    a_task(ledger, tmp_path)
    with pytest.raises(UsageError, match="several"):
        find_task(ledger, "2")
    with pytest.raises(UnreadableInput, match="no such task"):
        say(ledger, "20261122T000000-abcdef", 1, "refused", "t")
    with pytest.raises(UnreadableInput, match="no exchange 99"):
        item(ledger, tasks(ledger)[0].id, 99)
