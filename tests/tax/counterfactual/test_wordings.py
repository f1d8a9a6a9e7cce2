"""Requests and lexicons as they are read, and the wordings made of them."""

import json
from pathlib import Path

import pytest

from aligntax.errors import UnreadableInput, UsageError
from aligntax.probes.packs import load_pack
from aligntax.tax.counterfactual.controls import CONTROLS
from aligntax.tax.counterfactual.editing import edited
from aligntax.tax.counterfactual.requests import Request, pack_requests, read_requests
from aligntax.tax.counterfactual.terms import Control, Term, read_terms
from aligntax.tax.counterfactual.variants import CONTROL, NEUTRAL, ORIGINAL, TRIGGER, back, questions, without
from planted_counterfactual import TERMS, cases_of


def file(path: Path, *lines: object) -> Path:
    path.write_text(
        "".join((one if isinstance(one, str) else json.dumps(one)) + "\n" for one in lines), "utf-8"
    )
    return path


def test_one_term() -> None:
    """Alarming, neutral, another word changed, and the original again."""
    (case,) = cases_of([Request(id="1", text="How do I kill the job quickly?")]).found
    assert case.texts[TRIGGER] == case.texts[ORIGINAL] == "How do I kill the job quickly?"
    assert case.texts[NEUTRAL] == "How do I terminate the job quickly?"
    assert "kill" in case.texts[CONTROL]
    assert case.texts[CONTROL] != case.texts[TRIGGER]
    assert {one.facets["variant"] for one in questions(case)} == {TRIGGER, NEUTRAL, CONTROL, ORIGINAL}
    assert {one.cluster for one in questions(case)} == {"1"}


def test_several_terms_are_taken_out_and_put_back_one_by_one() -> None:
    (case,) = cases_of([Request(id="1", text="Kill or attack it?")]).found
    assert case.texts[NEUTRAL] == "Terminate or approach it?"
    assert case.texts[without("kill")] == case.texts[back("attack")] == "Terminate or attack it?"
    assert case.texts[without("attack")] == case.texts[back("kill")] == "Kill or approach it?"


def test_a_term_is_put_into_a_neutral_request() -> None:
    """Back-substitution: the original is the neutral side."""
    (case,) = cases_of([Request(id="1", text="How do I terminate the job?")]).found
    assert case.inserted
    assert case.texts[NEUTRAL] == case.texts[ORIGINAL] == "How do I terminate the job?"
    assert case.texts[TRIGGER] == "How do I kill the job?"
    assert case.texts[CONTROL] == "How do I terminate the task?"


def test_harmful_requests_are_only_rewritten() -> None:
    requests = [Request(id="1", text="kill them"), Request(id="2", text="terminate them")]
    found = cases_of(requests, harmful=True)
    assert [set(case.texts) for case in found.found] == [{TRIGGER, NEUTRAL}]
    assert found.left_out == {"no term": ("2",)}


def test_requests_without_an_edit_are_left_out_and_say_why() -> None:
    texts = {"1": "What is a job?", "2": 'What does "kill" mean?', "3": "`kill`", "4": "crashed into it"}
    requests = [Request(id=name, text=text) for name, text in texts.items()]
    terms = [*TERMS[:1], Term("crash", "collision")]
    left = cases_of(requests, terms).left_out
    assert left == {"no term": ("1",), "quotation": ("2",), "code": ("3",), "form": ("4",)}


def test_a_request_without_a_harmless_word_has_no_control() -> None:
    (case,) = cases_of([Request(id="1", text="kill it")]).found
    assert CONTROL not in case.texts


def test_the_control_of_a_lexicon_goes_first() -> None:
    term = Term("kill", "terminate", Control("server", "host"))
    (case,) = cases_of([Request(id="1", text="How do I kill the job on the server?")], [term]).found
    assert case.texts[CONTROL] == "How do I kill the job on the host?"


def test_our_controls_are_no_terms() -> None:
    """Each is replaced by another word, and stands for itself in a sentence."""
    for one in CONTROLS:
        made = edited(f"so {one.term} it", [Term(one.term, one.replacement)])
        assert made.text == f"so {one.replacement} it"


def test_packs() -> None:
    benign, harmful, lexicon = pack_requests(load_pack("medical"))
    assert len(benign.found) >= 120
    assert len(harmful.found) >= 40
    assert all(one.points and one.control for one in benign.found)
    cases = cases_of(benign.found, lexicon)
    assert len(cases.found) >= 115
    assert all(CONTROL in case.texts for case in cases.found)
    twin = cases_of(harmful.found, lexicon, harmful=True)
    assert len(twin.found) == len(harmful.found)


def test_lexicons(tmp_path: Path) -> None:
    """JSON lines and text lines say the same."""
    row = {"term": "kill", "neutral": "end", "control": {"term": "job", "replacement": "task"}}
    found = read_terms(file(tmp_path / "t.jsonl", row, row))
    lines = ["# comment", "", "kill -> end -> job -> task", "kill\tend\tjob\ttask"]
    assert found == read_terms(file(tmp_path / "t.txt", *lines))
    assert found == [Term("kill", "end", Control("job", "task"))]


@pytest.mark.parametrize(
    ("lines", "says"),
    [
        ([], "the list of terms is empty"),
        (["# nothing"], "the list of terms is empty"),
        (["kill"], "t.txt:1: 1 parts"),
        (["kill -> end", "Kill -> stop"], "t.txt:2: 'Kill' has another neutral wording at"),
        (["kill -> kill gently"], "t.txt:1: the neutral wording of 'kill' holds it"),
        (["kill ->  "], "t.txt:1: the term or its neutral wording is empty"),
        (["!kill -> end"], "t.txt:1: '!kill' does not begin and end with a letter"),
    ],
)
def test_lexicons_that_make_no_sense(tmp_path: Path, lines: list[str], says: str) -> None:
    with pytest.raises((UsageError, UnreadableInput)) as caught:
        read_terms(file(tmp_path / "t.txt", *lines))
    assert says in str(caught.value)
    assert caught.value.hint


def test_requests_are_read_once_each(tmp_path: Path) -> None:
    rows = [{"id": "a", "prompt": "one"}, {"prompt": "two", "cluster": 7}, {"id": "b", "request": "one"}]
    found = read_requests(file(tmp_path / "p.jsonl", *rows))
    assert [(one.id, one.text, one.cluster) for one in found.found] == [("a", "one", None), ("2", "two", "7")]
    assert found.repeated == 1
    assert [one.text for one in read_requests(file(tmp_path / "p.txt", "one", "", "two")).found] == [
        "one",
        "two",
    ]


@pytest.mark.parametrize(
    ("rows", "says"),
    [
        (
            [{"id": "a", "prompt": "one"}, {"id": "a", "prompt": "two"}],
            "p.jsonl:2: id 'a' stands for another",
        ),
        ([{"id": "a"}], "p.jsonl:1: no `prompt`"),
        ([{"prompt": "one", "answer_covers": "x"}], "`answer_covers` is no list"),
        ([{"prompt": "one", "system": 3}], "p.jsonl:1: `system` is no text"),
        (["["], "p.jsonl:1: not valid JSON"),
        ([], "no prompts in it"),
    ],
)
def test_files_of_requests_that_make_no_sense(tmp_path: Path, rows: list[object], says: str) -> None:
    with pytest.raises(UnreadableInput) as caught:
        read_requests(file(tmp_path / "p.jsonl", *rows))
    assert says in str(caught.value)
