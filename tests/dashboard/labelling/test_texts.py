"""Long text in pieces, and the policy beside the exchange: nothing of either is lost."""

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip("fastapi")
from aligntax.dashboard.labelling.pieces import pieces
from aligntax.dashboard.labelling.policy import POLICY, policy_html
from aligntax.labels.policy import MEANING, POLICY_VERSION

PAGE = Path(__file__).parents[3] / "docs" / "labelling-policy.md"


@given(st.text(alphabet="ab \n\t", max_size=400), st.integers(4, 30))
def test_pieces_are_the_text(text: str, most: int) -> None:
    """Piece by piece all of it is there, but for the newline at a cut, which the cut stands for."""
    cut = pieces(text, most)
    at = 0
    for number, piece in enumerate(cut):
        assert text.startswith(piece, at)
        assert len(piece) <= most
        at += len(piece)
        if number < len(cut) - 1 and text[at] == "\n":
            at += 1
    assert at == len(text)


def test_short_text_is_one_piece() -> None:
    assert pieces("a\n\nb") == ["a\n\nb"]
    assert pieces("") == [""]


def test_a_megabyte_without_a_break_is_cut() -> None:
    assert max(map(len, pieces("x" * 1_000_000))) == 4000
    assert max(map(len, pieces("\n" * 1_000_000))) <= 4000


def test_the_screens_policy_is_the_page() -> None:
    """What annotators see is what docs/labelling-policy.md says; copy it over when it changes."""
    assert POLICY.read_bytes() == PAGE.read_bytes()


def test_the_policy_has_all_an_annotator_needs() -> None:
    """Every outcome with its meaning, every step, every example; no style and no script."""
    html = policy_html(2)
    text = re.sub(r"<[^>]*>", "", html)
    assert f"Version {POLICY_VERSION}." in text
    for meaning in MEANING.values():
        assert meaning in text
    for words in (
        "How to decide",
        "When in doubt",
        "Two annotators, and adjudication",
        "How do I bleed a radiator?",
    ):
        assert words in text
    assert html.count("<tr>") >= 37 + len(MEANING)
    assert "From an audit to labels" not in text
    assert not re.search(r"style=|<script|<h1", html)
    assert html.count('data-of="because"') == html.count('data-of="#"') >= 37
