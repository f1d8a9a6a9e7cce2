"""Which answers belong together, by brute force and case by case."""

from collections import Counter
from collections.abc import Sequence

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aligntax.answers.pairing import pair
from aligntax.errors import UsageError
from aligntax.records import ANSWER, Answers, LengthUnit, Summary

Row = tuple[str, str | None]
"""Item and prompt."""


def answers(
    rows: Sequence[Row],
    *,
    clusters: Sequence[str | None] = (),
    unit: LengthUnit = "characters",
    name: str = "b",
) -> Answers:
    """Answers whose response tells which row they are."""
    table = pa.Table.from_pylist(
        [
            {"item": item, "prompt": prompt, "response": f"r{at}", "length": 7, "cluster": cluster}
            for at, ((item, prompt), cluster) in enumerate(
                zip(rows, clusters or [None] * len(rows), strict=True)
            )
        ],
        schema=ANSWER,
    )
    return Answers(benchmark=name, metric="", model="m", source="s", table=table, length_unit=unit)


def rows_of(side: pa.Table) -> list[int]:
    """Numbers of the rows a side of the pairs was taken from."""
    return [int(response[1:]) for response in side.column("response").to_pylist()]


ITEMS = st.lists(st.sampled_from("abcdefgh"), unique=True, max_size=8)


@given(ITEMS, ITEMS)
def test_items_of_one_name_are_paired(first: list[str], second: list[str]) -> None:
    """Every item both sides have, in the order of the first, and none other; the rest is counted."""
    pairs = pair(answers([(i, None) for i in first]), answers([(i, None) for i in second]))
    expected = [(first.index(i), second.index(i)) for i in first if i in second]
    assert list(zip(rows_of(pairs.first), rows_of(pairs.second), strict=True)) == expected
    assert pairs.only_first == len(first) - len(expected)
    assert pairs.only_second == len(second) - len(expected)
    assert pairs.item.to_pylist() == [first[a] for a, _ in expected]


PROMPTS = st.lists(st.sampled_from(["one", "two", "three"]), min_size=1, max_size=8)


@given(PROMPTS, PROMPTS)
def test_prompts_are_paired_where_names_never_meet(first: list[str], second: list[str]) -> None:
    """The k-th time a prompt is asked belongs to the k-th time on the other side."""
    pairs = pair(
        answers([(f"a{n}", text) for n, text in enumerate(first)]),
        answers([(f"b{n}", text) for n, text in enumerate(second)]),
    )
    expected = (Counter(first) & Counter(second)).total()
    assert len(pairs) == expected
    assert [first[a] for a in rows_of(pairs.first)] == [second[b] for b in rows_of(pairs.second)]
    asked = [first[a] for a in rows_of(pairs.first)]
    assert pairs.repeated == len(asked) - len(set(asked))
    assert pairs.clustered == (pairs.repeated > 0)
    assert (pairs.matched_by == "prompt") == (expected > 0)


@given(st.permutations(range(6)))
def test_the_order_of_the_other_file_does_not_matter(order: list[int]) -> None:
    """Pairs come in the order of the first side."""
    rows: list[Row] = [(f"i{n}", f"prompt {n}") for n in range(6)]
    pairs = pair(answers(rows), answers([rows[n] for n in order]))
    assert rows_of(pairs.first) == list(range(6))
    assert [order[n] for n in rows_of(pairs.second)] == list(range(6))


def test_a_changed_prompt_is_left_out_and_counted() -> None:
    """An item that asks something else is no pair; white space around a prompt is no change."""
    pairs = pair(
        answers([("1", "one"), ("2", "two"), ("3", "three"), ("4", None)]),
        answers([("1", " one\n"), ("2", "TWO"), ("3", "three"), ("4", "four")]),
    )
    assert (rows_of(pairs.first), pairs.changed_prompts) == ([0, 2, 3], 1)
    assert (pairs.only_first, pairs.only_second) == (0, 0)
    assert pairs.prompt.to_pylist() == ["one", "three", "four"]
    assert any("1 items left out" in note for note in pairs.notes)


def test_row_numbers_that_meet_by_chance_are_no_names() -> None:
    """Two files numbered from 0 in different orders are matched by their prompts."""
    first = [(str(n), f"prompt {n}") for n in range(10)]
    second = [(str(n), f"prompt {(n + 1) % 10}") for n in range(10)]
    pairs = pair(answers(first), answers(second))
    assert (len(pairs), pairs.matched_by, pairs.changed_prompts) == (10, "prompt", 0)


def test_what_a_mitigation_adds_to_every_prompt() -> None:
    """Prefix and suffix are taken off before prompts are compared, whichever side has them."""
    bare = answers([(f"a{n}", f"How do I kill process {n}?") for n in range(5)])
    dressed = answers([(f"b{n}", f"I am a nurse. How do I kill process {n}? Be brief.") for n in range(4)])
    pairs = pair(bare, dressed)
    assert (len(pairs), pairs.matched_by, pairs.added) == (
        4,
        "prompt less an addition",
        "I am a nurse. … Be brief.",
    )
    assert any("second side adds" in note for note in pairs.notes)
    again = pair(dressed, bare)
    assert (len(again), again.added) == (4, pairs.added)
    assert any("first side adds" in note for note in again.notes)


def test_parts_of_names_that_all_share() -> None:
    """Names differ in a condition; a pair counts only if one prompt is found in the other, cut off or not."""
    questions = [
        f"How do I kill {animal} processes in Linux?" for animal in ("zombie", "daemon", "child", "parent")
    ]
    plain = answers([(f"run/none/q_{n}", text) for n, text in enumerate(questions)])
    cut = [f"As a lawyer: {text}"[:35] for text in questions]
    other = answers([(f"run/law/q_{n}_prefix", text) for n, text in enumerate(cut)])
    pairs = pair(plain, other)
    assert (len(pairs), pairs.matched_by, pairs.added) == (4, "parts of the item", "As a lawyer: …")
    stranger = answers([(f"run/law/q_{n}_prefix", f"Something else, number {n}") for n in range(4)])
    assert len(pair(plain, stranger)) == 0


def test_nothing_in_common() -> None:
    """No pairs is a result that says so, not an error and not a guess."""
    pairs = pair(answers([("a", "one")]), answers([("b", "two")]))
    assert (len(pairs), pairs.only_first, pairs.only_second) == (0, 1, 1)
    assert pairs.notes == ("the two sides have no item and no prompt in common",)
    assert pairs.first.schema.equals(ANSWER)


def test_clusters_come_along() -> None:
    """Two items of one passage make the pairs dependent; one item alone does not."""
    rows = [("1", None), ("2", None), ("3", None)]
    together = pair(answers(rows, clusters=["p", "p", None]), answers(rows))
    assert (together.clustered, together.cluster.to_pylist()) == (True, ["p", "p", None])
    assert not pair(answers(rows, clusters=["p", "q", None]), answers(rows)).clustered
    assert pair(answers(rows), answers(rows, clusters=["p", "p", None])).clustered


def test_lengths_of_both_sides_in_one_unit() -> None:
    """Tokens against characters are both counted again from the responses."""
    pairs = pair(answers([("1", "one")], unit="tokens"), answers([("1", "one")]))
    assert pairs.length_unit == "characters"
    assert pairs.first.column("length").to_pylist() == pairs.second.column("length").to_pylist() == [2]
    assert (
        pair(answers([("1", "one")], unit="tokens"), answers([("1", "one")], unit="tokens")).length_unit
        == "tokens"
    )


def test_a_summary_cannot_be_paired() -> None:
    """Where samples are needed the error says how to get them."""
    summary = Answers(benchmark="b", metric="acc", model="m", source="f.json", summary=Summary(mean=0.5))
    with pytest.raises(UsageError, match=r"f\.json.*only the mean") as caught:
        pair(summary, answers([("1", None)]))
    assert "--log_samples" in caught.value.hint
