"""Which language a response is in: by language, by near language, and what must not be mistaken."""

import json
import tomllib
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aligntax.detectors.language import LANGUAGES, READ, identify, languages
from aligntax.detectors.scan import Texts
from timing import within

TEXTS = Path(__file__).parent / "texts"
FILES = {
    "german": "de", "french": "fr", "spanish": "es", "italian": "it", "portuguese": "pt", "chinese": "zh",
    "japanese": "ja",
}  # fmt: skip


def texts(name: str) -> dict[str, list[str]]:
    """The lists of one file of texts."""
    return tomllib.loads((TEXTS / f"{name}.toml").read_text("utf-8"))


def told(responses: list[str | None]) -> list[str]:
    """The language of each response."""
    return [LANGUAGES[code] for code in languages(Texts.of(pa.array(responses, pa.string())))]


@pytest.mark.parametrize(("name", "language"), FILES.items())
def test_sentences_and_paragraphs(name: str, language: str) -> None:
    """96 % of 58 or more texts, many of them short, are told; the others are taken for no third language."""
    found = told([text for part in texts(name).values() for text in part])
    assert len(found) >= 58
    assert found.count(language) >= 0.96 * len(found)
    assert set(found) <= {language, "none"}


def test_languages_without_a_lexicon() -> None:
    """Near languages (Dutch, Catalan, Romanian, Galician) and far ones are `other`, nine in ten at least."""
    found = {name: told(part) for name, part in texts("other").items()}
    every = [language for part in found.values() for language in part]
    assert len(every) >= 70
    assert every.count("other") >= 0.9 * len(every)
    for name in (
        "dutch",
        "catalan",
        "galician",
        "turkish",
        "swedish",
        "russian",
        "arabic",
        "korean",
        "hindi",
    ):
        assert set(found[name]) == {"other"}, name


def test_english_stays_english() -> None:
    """Also with foreign names, titles and quotations; none of it is taken for an unknown language."""
    sentences = texts("english")["sentences"]
    found = told(sentences)
    assert sum(language in ("en", "none") for language in found) >= len(sentences) - 1
    assert "other" not in found


def test_texts_without_words() -> None:
    """Code, numbers, emoji, names and one-word answers have no language, which is no reason to doubt them."""
    assert set(told(texts("english")["none"])) == {"none"}


def test_real_english(shared_data: Path) -> None:
    """On real responses and benchmark items 99.5 % come out as English or none, in each file."""
    files = {
        "labelled/xstest_completions.jsonl": "response",
        "labelled/chatgpt_refusals.jsonl": "response",
        "labelled/do_not_answer.jsonl": "response",
        "capability/gsm8k_test.jsonl": "rationale",
        "capability/mmlu_sample.jsonl": "prompt",
        "capability/truthfulqa.jsonl": "best_answer",
        "capability/squad_dev_sample.jsonl": "context",
    }
    for name, field in files.items():
        with (shared_data / name).open(encoding="utf-8") as file:
            found = told([json.loads(line)[field] or "" for line in file])
        assert sum(language in ("en", "none") for language in found) >= 0.995 * len(found), name


MIXED = [
    ("I'm sorry, I can't help with that.\n\nLo siento, pero no puedo ayudarte con eso.", "es"),
    ("Es tut mir leid, dabei kann ich nicht helfen. In English: I am not able to help with this.", "de"),
    ("对不起，我不能帮助你。 I'm sorry, but I can't help you with the request.", "zh"),
]


@pytest.mark.parametrize(("text", "language"), MIXED)
def test_two_languages_are_read_in_both(text: str, language: str) -> None:
    """A response in English and another language is read with both lexicons."""
    read = identify(Texts.of(pa.array([text]))).read[0]
    assert {name for name, wanted in zip(READ, read, strict=True) if wanted} == {"en", language}


def test_a_long_response_is_looked_at_at_both_ends() -> None:
    """A megabyte takes no longer than its ends, and a language that begins after a long text is seen."""
    english = "The pump is driven by the motor, and the valve opens with the pressure in the line. "
    spanish = "Lo siento, pero no puedo ayudarte con eso. ¿Hay algo más en lo que pueda ayudarte hoy? "
    long = [
        english * 12_000 + spanish * 3,
        spanish * 12_000,
        "字" * 350_000,
        " " * 1_000_000,
        "x" * 1_000_000,
    ]
    assert within(0.5, lambda: identify(Texts.of(pa.array(long))))
    spoken = identify(Texts.of(pa.array(long)))
    assert spoken.read[0].tolist() == [name in ("en", "es") for name in READ]
    assert [LANGUAGES[code] for code in spoken.lead] == ["en", "es", "zh", "none", "none"]


@given(st.lists(st.sampled_from([text for name in FILES for text in texts(name)["sentences"]]), max_size=9))
def test_neighbours_do_not_matter(responses: list[str]) -> None:
    """A text is in the same language alone and in any column."""
    assert told(responses) == [told([text])[0] for text in responses]


@given(st.lists(st.text(max_size=300) | st.none(), max_size=6))
def test_any_text_has_a_code(responses: list[str | None]) -> None:
    """No text breaks it; every text has a place in LANGUAGES and is read in at least one language."""
    spoken = identify(Texts.of(pa.array(responses, pa.string())))
    assert spoken.lead.dtype == np.int8
    assert ((spoken.lead >= 0) & (spoken.lead < len(LANGUAGES))).all()
    assert spoken.read.any(axis=1).all()


def test_a_slice_of_a_column() -> None:
    """A slice is read at its place, large strings too."""
    column = pa.array(["Das ist nicht wahr.", None, "Ce n'est pas vrai."], pa.large_string())
    assert [LANGUAGES[code] for code in languages(Texts.of(column.slice(1)))] == ["none", "fr"]
