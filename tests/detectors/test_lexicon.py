"""The lexicon: TOML a person can read and get wrong."""

import pytest

from aligntax.detectors.lexicon import load_lexicon, parse_lexicon
from aligntax.errors import LexiconError

GOOD = """
name = "x"
version = "1"
language = "en"
[slots]
cannot = ["can't", "'m unable to"]
[[family]]
name = "hard"
role = "refusal"
reason = "should_not"
phrases = ["i {cannot} help", "no way"]
"""


def test_contractions_join_their_word() -> None:
    """The slot entry "'m unable to" after "i " becomes "i'm unable to", and both apostrophes match."""
    pattern = parse_lexicon(GOOD, where="x").patterns[0].expression.decode()
    assert "'|\u2019" in pattern
    assert "\\ can" in pattern
    assert not pattern.startswith("i\\ (")


def test_literals_know_their_length() -> None:
    """A phrase without slots has one length, which tells where a match begins."""
    assert parse_lexicon(GOOD, where="x").patterns[1].length == len("no way")


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (("{cannot}", "{kannot}"), "no slot 'kannot'"),
        (('role = "refusal"', 'role = "refuse"'), "unknown role"),
        (('version = "1"', ""), "'version' is missing"),
        (("[slots]", "[slots"), "x.toml"),
    ],
)
def test_mistakes_are_named(change: tuple[str, str], complaint: str) -> None:
    """A slip in the file is reported with its place."""
    with pytest.raises(LexiconError, match="x.toml") as caught:
        parse_lexicon(GOOD.replace(*change), where="x.toml")
    assert complaint in str(caught.value)


def test_the_bundled_lexicon_is_lower_case_and_plain() -> None:
    """Phrases are written as the head of the file says: lower case, plain apostrophe."""
    for pattern in load_lexicon().patterns:
        text = pattern.expression.decode().replace("\\", "")
        assert text == text.lower()
