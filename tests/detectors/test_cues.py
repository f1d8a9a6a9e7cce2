"""Cues: the walk over hashed words finds what a search word by word finds."""

import re

import numpy as np
import pyarrow as pa
import pytest

from aligntax.detectors.classifier.cues import Cues, load_cues
from aligntax.detectors.classifier.words import words

FAMILIES = {
    "wrong": ["is wrong", "it's wrong", "not right", "wrong"],
    "help": ["seek help", "seek professional help", "help"],
    "both": ["wrong", "seek help now"],
}


def _found(*texts: str | None) -> list[tuple[int, int, str]]:
    cues, column = Cues(FAMILIES), words(pa.array(texts, pa.string()))
    found = cues.find(column)
    places = column.place[found.end - 1]
    return sorted(
        (int(row), int(at), cues.names[family])
        for row, at, family in zip(found.row, places, found.family, strict=True)
    )


def test_the_same_as_a_search_word_by_word() -> None:
    generator = np.random.default_rng(7)
    vocabulary = ["is", "it's", "not", "right", "wrong", "seek", "help", "professional", "now", "sun"]
    texts = [" ".join(generator.choice(vocabulary, generator.integers(0, 30))) for _ in range(300)]
    expected = []
    for row, text in enumerate(texts):
        said = text.split()
        for family, phrases in FAMILIES.items():
            for phrase in map(str.split, phrases):
                for at in range(len(said) - len(phrase) + 1):
                    if said[at : at + len(phrase)] == phrase:
                        expected.append((row, at + len(phrase) - 1, family))
    assert _found(*texts) == sorted(expected)


@pytest.mark.parametrize(
    ("text", "families"),
    [
        ("SEEK Help", ["help", "help"]),
        ("seek, help", ["help", "help"]),  # a comma is no word
        ("seek\u2014help", ["help", "help"]),  # nor is a dash
        ("\u201cis wrong\u201d", ["both", "wrong", "wrong"]),  # nor a curly quote
        ("wr\u00f6ng", []),  # a letter beyond ASCII is one
        ("It\u2019s wrong", ["both", "wrong", "wrong"]),
        ("wrongly helped", []),
        ("", []),
        (None, []),
    ],
)
def test_what_counts_as_a_word(text: str | None, families: list[str]) -> None:
    assert sorted(family for _, _, family in _found(text)) == families


def test_no_cue_goes_from_one_text_to_the_next() -> None:
    assert _found("seek", "help") == [(1, 0, "help")]


def test_the_shipped_cues_have_no_slot_left_and_each_finds_itself() -> None:
    cues = load_cues()
    column = words(pa.array(["it's deeply offensive to say so", "Please talk to a doctor."]))
    found = cues.find(column)
    said = {(int(row), cues.names[family]) for row, family in zip(found.row, found.family, strict=True)}
    assert {(0, "condemns"), (1, "seek"), (1, "adviser")} <= said
    assert not [name for name in cues.names if re.search(r"\W", name)]
