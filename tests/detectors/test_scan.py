"""The scan: word bounds by script, case beyond ASCII, characters counted, gaps."""

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aligntax.detectors.lexicon import parse_lexicon
from aligntax.detectors.scan import Scanner, Texts

LEXICON = """
name = "x"
version = "1"
language = "fr"
[slots]
verb = ["aider", "répondre"]
[[family]]
name = "hard"
role = "refusal"
reason = "should_not"
phrases = ["écrire", "posé", "ich kann … nicht {verb}", "无法…提供", "申し訳……できません", "l'aide {verb}"]
"""


def found(*texts: str) -> list[tuple[int, str]]:
    """Row and text of every phrase found."""
    hits = Scanner(parse_lexicon(LEXICON, where="x")).hits(Texts.of(pa.array(list(texts))))
    joined = "".join(texts).encode()
    return [(row, joined[a:b].decode()) for row, a, b in zip(hits.row, hits.start, hits.end, strict=True)]


@pytest.mark.parametrize(
    ("text", "phrase"),
    [
        ("ÉCRIRE", "ÉCRIRE"),
        ("Écrire, oui", "Écrire"),
        ("«écrire»", "écrire"),
        ("réécrire", None),
        ("écrirez", None),
        ("écrireé", None),
        ("Posé.", "Posé"),
        ("posée", None),
        ("apposé", None),
        ("¿posé?", "posé"),
        ("我écrire吧", "écrire"),
        ("ich kann nicht aider", "ich kann nicht aider"),
        ("Ich kann dir da wirklich nicht RÉPONDRE!", "Ich kann dir da wirklich nicht RÉPONDRE"),
        ("ich kann es, aber nicht aider", None),
        ("ich kann. nicht aider", None),
        ("ich kann nicht aiderx", None),
        ("因此我无法给您提供说明", "无法给您提供"),
        ("无法。提供", None),
        ("无法，提供", None),
        ("申し訳ないが、今はできませんね", "申し訳ないが、今はできません"),
        ("申し訳ない。できません", None),
        ("L\u2019aide aider", "L\u2019aide aider"),
    ],
)
def test_word_bounds_and_gaps(text: str, phrase: str | None) -> None:
    """Bounds count where the script has them; a gap ends with its part of the sentence; case never counts."""
    assert found(text) == ([] if phrase is None else [(0, phrase)])


def test_gaps_end_with_the_text() -> None:
    """A phrase with a gap does not run on into the next response."""
    assert found("ich kann ", "nicht aider") == []
    assert found("无法", "提供") == []


@given(st.lists(st.text(max_size=40) | st.none(), max_size=6))
def test_characters_are_counted(texts: list[str | None]) -> None:
    """Characters, and where those beyond ASCII begin, are those of Python, of a slice too."""
    column = pa.array(["é", *texts, "x"], pa.string()).slice(1, len(texts))
    read = Texts.of(column)
    assert read.chars.tolist() == [len(text or "") for text in texts]
    beyond = sum(character > "\x7f" for text in texts for character in text or "")
    assert len(read.leads) == beyond


@given(st.text(max_size=60))
def test_folding_keeps_every_place(text: str) -> None:
    """Lower case beyond ASCII changes no length, and is that of Python for the letters of Latin-1."""
    folded = Texts.of(pa.array([text])).folded().data.tobytes().decode()
    assert len(folded.encode()) == len(text.encode())
    latin = "".join(c for c in text if c < "\u0100")
    assert Texts.of(pa.array([latin])).folded().data.tobytes().decode() == latin.lower()
