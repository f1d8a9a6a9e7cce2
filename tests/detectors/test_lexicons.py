"""The lexicons of the seven languages beside English, on texts written for these tests.

How much the scores are worth: the same author wrote texts and lexicons. The lists `refused`, `hedged` and
`complete` were written in one go before any lexicon. The first lexicons found 105 of their 105 refusals
and hedges and let 93 of 105 complete texts be; most of the 12 slips were quotation marks that `Marks` did
not know yet, and all were mended. `refused_later` and `complete_later`, of deliberately unusual wording,
then gave 19 of 56 and 54 of 56, and led to the second lexicons. On `refused_last` and `complete_last`,
written after those, they scored 51 of 56 and 56 of 56: the figure nearest to what other texts will see.
Then the five misses were mended too. What is asserted below is what holds today, not an estimate of accuracy.
"""

import random
import tomllib
from collections.abc import Iterator
from functools import cache
from importlib import resources
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aligntax.detectors import PhraseDetector
from aligntax.detectors.lexicon import load_lexicon
from aligntax.detectors.scan import Scanner, Texts

Row = dict[str, object]
FILES = ("german", "french", "spanish", "italian", "portuguese", "chinese", "japanese")
NAMES = ("english", *FILES)


def texts(name: str) -> dict[str, list[str]]:
    """The lists of one file of texts."""
    path = Path(__file__).parent / "texts" / f"{name}.toml"
    return tomllib.loads(path.read_text("utf-8"))


@cache
def detector() -> PhraseDetector:
    """One detector for all tests: its lexicons are compiled when first needed."""
    return PhraseDetector()


def judged(*responses: str, prompt: str = "?") -> list[Row]:
    """Outcome rows of some responses to one prompt."""
    columns = {"id": [str(n) for n in range(len(responses))], "prompt": [prompt] * len(responses)}
    rows: list[Row] = detector()(
        pa.RecordBatch.from_pydict(columns | {"response": list(responses)})
    ).to_pylist()
    return rows


def outcomes(*responses: str, prompt: str = "?") -> list[object]:
    """Their outcomes alone."""
    return [row["outcome"] for row in judged(*responses, prompt=prompt)]


@pytest.mark.parametrize("name", FILES)
def test_sensitivity_and_specificity(name: str) -> None:
    """Nine in ten refusals and hedges are seen and nine in ten complete answers let be, list by list."""
    lists = texts(name)
    for refusals, answers in (
        ("refused", "complete"),
        ("refused_later", "complete_later"),
        ("refused_last", "complete_last"),
    ):
        declined = lists[refusals] + (lists["hedged"] if refusals == "refused" else [])
        seen = [outcome in ("refused", "hedged") for outcome in outcomes(*declined)]
        assert sum(seen) >= 0.9 * len(seen)
        let_be = [outcome == "complete" for outcome in outcomes(*lists[answers])]
        assert sum(let_be) >= 0.9 * len(let_be)


@pytest.mark.parametrize("name", FILES)
def test_refused_and_hedged_are_told_apart(name: str) -> None:
    """A refusal alone is refused, one with an answer hedged, whether a language is wordy or dense."""
    lists = texts(name)
    assert outcomes(*lists["refused"]).count("refused") >= 9
    assert outcomes(*lists["hedged"]).count("hedged") >= 4


@pytest.mark.parametrize("name", FILES)
def test_sentences_are_complete(name: str) -> None:
    """Short answers of one sentence are complete, not undetermined."""
    assert set(outcomes(*texts(name)["sentences"])) == {"complete"}


def test_reasons_are_told_apart() -> None:
    """No access is `cannot`, no wish is `should_not`, in every language."""
    for name in FILES:
        refused = texts(name)["refused"]
        no_access = [row["reason"] for row in judged(refused[6], refused[0])]
        assert no_access == ["cannot", "should_not"], name


def test_flags_show_in_every_language() -> None:
    """A disclaimer with a referral shows both symptoms."""
    for name in FILES:
        row = judged(texts(name)["hedged"][4])[0]
        assert row["disclaimer"], name
        assert row["referral"], name


@pytest.mark.parametrize("name", FILES)
def test_an_echo_does_not_count(name: str) -> None:
    """What the user wrote first is not the model's own, in any language."""
    text = texts(name)["refused"][0]
    assert outcomes(text, prompt=f"? {text}") == ["complete"]


@pytest.mark.parametrize("name", FILES)
def test_no_lexicon_fires_on_other_languages(name: str) -> None:
    """No refusal or caveat of a language is found in complete answers in the others."""
    lexicon = load_lexicon(name)
    others = [
        text
        for other in FILES
        if other != name
        for text in texts(other)["complete"] + texts(other)["complete_last"]
    ]
    hits = Scanner(lexicon, ("refusal",)).hits(Texts.of(pa.array(others)))
    assert [others[row] for row in hits.row] == []


@pytest.mark.parametrize("name", FILES)
def test_other_languages_are_undetermined_not_complete(name: str) -> None:
    """A refusal in a language without a lexicon is said not to be known."""
    rows = judged(*texts("other")["dutch"], *texts("other")["russian"], *texts("other")["turkish"])
    assert {(row["outcome"], row["reason"]) for row in rows} == {("undetermined", "unknown_language")}


def phrases(name: str) -> Iterator[tuple[str, str]]:
    """Every phrase of a lexicon with its family, its slots filled in by a seeded draw."""
    generator = random.Random(3)
    source = resources.files("aligntax.detectors").joinpath(f"lexicons/{name}.toml").read_text("utf-8")
    document = tomllib.loads(source)
    for family in document["family"]:
        for phrase in family["phrases"]:
            text = phrase
            for slot, entries in document.get("slots", {}).items():
                while f"{{{slot}}}" in text:
                    entry = generator.choice(entries)
                    joined = f" {{{slot}}}" if entry.startswith("'") else f"{{{slot}}}"  # "i" + "'m"
                    text = text.replace(joined, entry, 1)
            yield family["name"], text.replace(" … ", " wirklich ").replace("……", "x").replace("…", "")


def capitals(text: str) -> str:
    """The text in capitals, but for the letters that have none of their own (ß)."""
    return "".join(c.upper() if len(c.upper()) == 1 else c for c in text)


@pytest.mark.parametrize("name", NAMES)
def test_every_phrase_is_found(name: str) -> None:
    """Each phrase, with slots filled in at random, is found, also in capitals and with curly quotes."""
    filled = list(phrases(name))
    scanner = Scanner(load_lexicon(name))
    for change in (str, capitals, lambda text: text.replace("'", "\u2019")):
        column = [change(f"({text})") for _, text in filled]
        hits = scanner.hits(Texts.of(pa.array(column)))
        found = set(hits.row[hits.at == 1].tolist())
        missed = [text for row, text in enumerate(column) if row not in found]
        assert missed == []


@pytest.mark.parametrize("name", FILES)
def test_a_phrase_stands_in_one_family(name: str) -> None:
    """A phrase listed twice would count for its first family alone."""
    source = resources.files("aligntax.detectors").joinpath(f"lexicons/{name}.toml").read_text("utf-8")
    listed = [phrase for family in tomllib.loads(source)["family"] for phrase in family["phrases"]]
    assert len(listed) == len(set(listed))


def test_lexicons_are_lower_case_and_plain() -> None:
    """Phrases are in lower case with the plain apostrophe."""
    for name in NAMES:
        for _, phrase in phrases(name):
            assert phrase == phrase.lower()
            assert "\u2019" not in phrase


def test_stretch_is_what_parallel_texts_measure() -> None:
    """Bytes of a language over characters of English for the same texts, within a quarter."""
    english = texts("english")["hedged"]
    for name in FILES:
        theirs = texts(name)["hedged"]
        # the first and the fourth were made longer in Chinese and Japanese, whose texts are short
        chosen = (1, 2, 4) if name in ("chinese", "japanese") else range(5)
        measured = sum(len(theirs[n].encode()) for n in chosen) / sum(len(english[n]) for n in chosen)
        assert load_lexicon(name).stretch == pytest.approx(measured, rel=0.25), name


INVISIBLE = "\u200b\u200c\u200d\u2060\ufeff\u00ad\u200e\u200f\u202b\u202c\u2066\u2069"
REFUSALS = [text for name in FILES for text in texts(name)["refused"]] + texts("english")["sentences"][12:13]


@given(
    st.sampled_from(REFUSALS),
    st.lists(st.tuples(st.integers(0, 400), st.sampled_from(INVISIBLE)), max_size=30),
)
def test_invisible_characters_change_nothing(text: str, inserted: list[tuple[int, str]]) -> None:
    """Characters that do not show change no outcome, and the evidence stands where its offsets say."""
    hidden = text
    for at, character in inserted:
        at %= len(hidden) + 1
        hidden = hidden[:at] + character + hidden[at:]
    plain, row = judged(text)[0], judged(hidden)[0]
    for name in ("outcome", "reason", "apology", "referral", "ai_identity", "caveat_chars", "score"):
        assert row[name] == plain[name]
    assert row["response_chars"] == len(hidden)
    if row["evidence_start"] is not None:
        assert hidden[row["evidence_start"] : row["evidence_end"]] == row["evidence"]
        shown = "".join(character for character in str(row["evidence"]) if character not in INVISIBLE)
        assert str(plain["evidence"]).startswith(shown)
