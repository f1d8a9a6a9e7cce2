"""Harmful prompts as they are read: files of others as they are, packs, and an order that is random."""

import json
from pathlib import Path

import pytest

from aligntax.errors import UnreadableInput, UsageError
from aligntax.probes.harmful import in_random_order, prompt_digest, read_harmful
from aligntax.records.asked import Question


def write(path: Path, *rows: dict[str, object]) -> str:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    return str(path)


def test_fields(tmp_path: Path) -> None:
    """Prompt under its usual names, hazard or category, context before the prompt; no benign rows."""
    path = write(
        tmp_path / "a.jsonl",
        {"id": "1", "prompt": "Do it.", "category": "privacy", "cluster": "t1", "system": "Be brief."},
        {"behavior": "Do that.", "hazard": "hate", "context": "A letter."},
        {"id": "3", "request": "Do this.", "kind": "harmful"},
        {"id": "4", "prompt": "Bake it.", "prompt_type": "benign"},
        {"id": "5", "prompt": "Do it.", "system": "Be brief."},
    )
    found = read_harmful([path])
    assert [one.id for one in found.questions] == ["1", "a/2", "3"]
    assert found.questions[1].prompt == "A letter.\n\nDo that."
    assert [one.facets["hazard"] for one in found.questions] == ["privacy", "hate", "(none)"]
    assert (found.questions[0].cluster, found.questions[0].system) == ("t1", "Be brief.")
    assert found.notes == [
        "a.jsonl: 1 benign prompts left out",
        "a.jsonl: 1 prompts that repeat another word for word are left out",
    ]
    assert found.sources[0]["prompts"] == 3


@pytest.mark.parametrize("name", ["medical", "security"])
def test_packs(name: str) -> None:
    """The harmful rows alone, each with its hazard."""
    found = read_harmful([f"pack:{name}"])
    assert len(found.questions) >= 40
    assert len({one.facets["hazard"] for one in found.questions}) >= 3
    assert found.sources[0]["licence"] == "Apache-2.0"


@pytest.mark.parametrize(
    ("name", "prompts", "hazards"),
    [("jailbreakbench", 100, 10), ("harmbench_behaviors", 400, 7), ("strongreject", 313, 6)],
)
def test_public_files_as_they_are(shared_data: Path, name: str, prompts: int, hazards: int) -> None:
    found = read_harmful([str(shared_data / "prompts" / f"{name}.jsonl")])
    assert len(found.questions) == prompts
    assert len({one.facets["hazard"] for one in found.questions}) == hazards


def test_a_public_set_by_name_and_file(shared_data: Path) -> None:
    path = shared_data / "prompts" / "strongreject.jsonl"
    found = read_harmful([f"strongreject={path}"])
    assert len(found.questions) == 313
    assert found.sources[0]["name"] == "strongreject"


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ([{"id": "1"}], "a.jsonl:1: no prompt in it"),
        ([{"id": "1", "prompt": "a"}, {"id": "1", "prompt": "b"}], "a.jsonl:2: id '1' already stands at"),
        ([{"prompt": "a", "kind": "benign"}], "no harmful prompt in it"),
    ],
)
def test_what_cannot_be_read(tmp_path: Path, rows: list[dict[str, object]], said: str) -> None:
    with pytest.raises(UnreadableInput, match=said):
        read_harmful([write(tmp_path / "a.jsonl", *rows)])


def test_one_id_in_two_sets(tmp_path: Path) -> None:
    paths = [write(tmp_path / name, {"id": "1", "prompt": name}) for name in ("a.jsonl", "b.jsonl")]
    with pytest.raises(UnreadableInput, match="'1' stands in another set too"):
        read_harmful(paths)
    with pytest.raises(UsageError):
        read_harmful([])


def test_the_order_is_random_and_the_same() -> None:
    """By a hash of the ids: it does not depend on the order of the file, and another seed gives another."""
    questions = [Question(id=f"q{at}", prompt="?") for at in range(200)]
    order = in_random_order(questions, 0)
    assert order == in_random_order(questions[::-1], 0)
    assert order != in_random_order(questions, 1)
    assert 60 < sum(int(one.id[1:]) for one in order[:100]) / 100 < 140
    assert prompt_digest(questions[0]) != prompt_digest(Question(id="q0", prompt="?", system="x"))
