"""The trigger vocabulary: counted right, covering the planted truth, none where there is none."""

from collections import Counter

import numpy as np
import pytest

from aligntax.records import Estimate
from aligntax.tax.triggers import terms as terms_module
from aligntax.tax.triggers.corpus import Corpus, words_of
from aligntax.tax.triggers.terms import STOP_WORDS, frequent_terms
from aligntax.tax.triggers.vocabulary import Settings, vocabulary
from trigger_worlds import WORD, collected, log_odds_ratio, trigger_world


def counted(texts: list[str], longest: int = 3) -> Counter[str]:
    """Document frequencies, the slow way."""
    found: Counter[str] = Counter()
    for text in texts:
        words = words_of(text)
        grams = {
            " ".join(words[at : at + size])
            for size in range(1, longest + 1)
            for at in range(len(words) - size + 1)
            if all(words[at : at + size])
        }
        found.update(grams)
    return found


def test_words() -> None:
    assert words_of("Don't kill -9 it. How?") == ["don't", "kill", "9", "it", "", "how", ""]
    assert words_of("poison\u2019s (dose)") == ["poison's", "", "dose", ""]
    assert words_of("如何 kill") == ["如", "何", "kill"]
    assert words_of("a" * 41) == [""]


@pytest.mark.parametrize("piece", [300, 1_000_000])
def test_terms_are_counted_as_by_hand(piece: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the pieces, and across no full stop, bracket or line."""
    monkeypatch.setattr(terms_module, "_PIECE", piece)
    generator = np.random.default_rng(0)
    words = [f"w{at}" for at in range(40)] + ["the", "of", "in"]
    marks = [" ", " ", " ", ". ", "\n", "  ", " (", "\u00a0", "\t"]
    texts = [
        "".join(
            f"{word}{generator.choice(marks)}" for word in generator.choice(words, generator.integers(2, 20))
        )
        for _ in range(500)
    ]
    refused = generator.random(500) < 0.3
    corpus = collected(texts, refused, [f"u{at % 30}" for at in range(500)])
    found = frequent_terms(corpus, least=5)
    every = {name: count for name, count in counted(texts).items() if count >= 5}
    bare = {name for name in every if all(word in STOP_WORDS for word in name.split())}
    of_refused = counted([text for text, one in zip(texts, refused, strict=True) if one])
    assert dict(zip(found.names, found.documents.astype(int), strict=True)) == {
        name: count for name, count in every.items() if name not in bare
    }
    assert [int(one) for one in found.refused] == [of_refused[name] for name in found.names]
    assert found.only_stop_words == len(bare)
    again = Counter(found.names[term] for _, some in found.pairs() for term in some.tolist())
    assert again == {name: every[name] for name in found.names}


def test_no_stop_word_hides_a_trigger() -> None:
    """A phrase that begins or ends with one is a term."""
    texts = ["get rid of the old files now"] * 20 + ["look at the old files now"] * 20
    found = frequent_terms(collected(texts, np.arange(40) < 20, [f"u{at}" for at in range(40)]), least=10)
    assert {"get rid of", "rid of the", "rid"} <= set(found.names)
    assert not {"of the", "the", "at the"} & set(found.names)


def test_a_planted_word_is_found_and_explains_its_neighbours() -> None:
    found = vocabulary(trigger_world(1))
    assert found.verdict == "found"
    assert [term.name for term in found.triggers] == [WORD]
    beside = {term.name: term.explanation for term in found.explained}
    assert beside["kill it"].by == WORD
    assert beside["kill it"].relation == "holds"
    term = found.triggers[0]
    assert term.share_with.value == pytest.approx(term.refused / term.documents)
    assert term.odds.low <= 2.0 <= term.odds.high
    assert term.q >= term.p


def test_a_phrase_is_told_from_its_words() -> None:
    """Of "kill a child process" the words alone do nothing: the phrase leads and explains them."""
    generator = np.random.default_rng(3)
    words = [f"w{at}" for at in range(60)]
    texts, refused = list[str](), list[bool]()
    for at in range(3000):
        filler = " ".join(generator.choice(words, 6))
        kind = at % 12
        text = {0: "kill process", 1: "kill time", 2: "kill speed", 3: "slow process"}.get(kind, "")
        texts.append(f"{filler} {text}.")
        refused.append(bool(generator.random() < (0.7 if kind == 0 else 0.1)))
    found = vocabulary(collected(texts, np.array(refused), [f"u{at}" for at in range(3000)]))
    assert [term.name for term in found.triggers] == ["kill process"]
    explained = {term.name: (term.explanation.by, term.explanation.relation) for term in found.explained}
    assert explained["process"] == ("kill process", "part of")
    assert explained["kill"] == ("kill process", "part of")


def test_a_world_without_effect_is_called_none() -> None:
    settings = Settings(share=0.1)
    found = vocabulary(trigger_world(2, effect=0.0, n=6000), settings)
    assert found.verdict == "none"
    assert found.needed <= 6000
    assert not found.triggers
    small = vocabulary(trigger_world(2, effect=0.0, n=300), settings)
    assert small.verdict == "too little data"
    assert small.needed > 300
    assert f"{small.needed:,}" in small.why


def test_nothing_to_compare() -> None:
    texts = [f"please describe thing {at}" for at in range(30)]
    users = [f"u{at}" for at in range(30)]
    none = vocabulary(collected(texts, np.zeros(30), users))
    every = vocabulary(collected(texts, np.ones(30), users))
    alone = vocabulary(collected(texts, np.arange(30) % 2, ["u"] * 30))
    empty = vocabulary(collected([], np.zeros(0)))
    assert "none of the 30 prompts was refused" in none.why
    assert "all 30 prompts were refused" in every.why
    assert "one user" in alone.why
    assert "no prompt has an outcome" in empty.why
    assert {one.verdict for one in (none, every, alone, empty)} == {"too little data"}


def test_what_one_user_writes_is_not_tested() -> None:
    """A word of one user is that user, not a trigger."""
    generator = np.random.default_rng(0)
    texts = [" ".join(generator.choice([f"w{at}" for at in range(50)], 8)) for _ in range(2000)]
    users = [f"u{at % 50}" for at in range(2000)]
    texts = [f"{text} mine" if user == "u7" else text for text, user in zip(texts, users, strict=True)]
    refused = np.array([user == "u7" for user in users]) | (generator.random(2000) < 0.1)
    found = vocabulary(collected(texts, refused, users))
    assert "mine" not in {term.name for term in (*found.triggers, *found.explained)}
    assert found.narrow >= 1


def test_prompts_that_differ_by_numbers_are_one_cluster() -> None:
    texts = [f"Summarise report {at}" for at in range(40)] + [f"w{at}x kill" for at in range(5)]
    assert collected(texts, np.zeros(45)).clusters <= 2


def test_a_large_log_is_thinned_evenly() -> None:
    corpus = collected([f"prompt {at} kill" for at in range(5000)], np.arange(5000) % 10 == 0, most=1000)
    assert 400 <= len(corpus) <= 1000
    assert corpus.thinned < 0.3
    assert corpus.refused.mean() == pytest.approx(0.1, abs=0.04)
    assert corpus.row.max() > 4000


WORLDS = {
    "independent": {},
    "users": {"users": 150, "sd": 1.0},
    "few users": {"users": 60, "sd": 1.0},
    "topical users": {"users": 150, "sd": 1.0, "topical": True},
    "rare refusals": {"base": -4.0, "effect": 2.5, "users": 300, "sd": 0.7},
}


def unselected(world: Corpus) -> Estimate:
    """The planted word's estimate, found or not: at a false discovery rate of 1 every term is listed.

    Single words alone, of which there are too few for any to be left off the list.
    """
    found = vocabulary(world, Settings(fdr=1.0, longest=1, least_clusters=1))
    (odds,) = (t.odds for t in (*found.triggers, *found.explained, *found.answered) if t.name == WORD)
    return odds


def test_an_estimate_does_not_hang_on_its_being_found() -> None:
    """Read without selection it is what a run shows where the word is found; and it is there where not."""
    world = trigger_world(1, users=60, sd=1.0)
    shown = next(term.odds for term in vocabulary(world).triggers if term.name == WORD)
    assert unselected(world) == shown
    small = trigger_world(2, effect=1.0, n=300)
    assert not vocabulary(small).triggers
    assert unselected(small).low < 0 < unselected(small).high


@pytest.mark.slow
@pytest.mark.parametrize("name", WORLDS)
def test_coverage_and_false_discoveries(name: str) -> None:
    """Over 200 worlds the interval of the planted word covers the truth, and what else is found is rare.

    Whether the word is found decides nothing of what is read: its interval is read in every world.
    """
    options = {"base": -2.0, "effect": 2.0, "sd": 0.0, **WORLDS[name]}
    truth = log_odds_ratio(options["base"], options["effect"], options["sd"])
    covered, looked, false = 0, 0, list[float]()
    for seed in range(200):
        world = trigger_world(seed, **options)
        found = vocabulary(world, Settings(fdr=0.05))
        terms = [*found.triggers, *found.explained, *found.answered]
        false.append(sum(WORD not in t.name.split() and t.name != "it" for t in terms) / max(1, len(terms)))
        looked += any(term.name == WORD for term in terms)
        odds = unselected(world)
        covered += odds.low <= truth <= odds.high
    # few users hide the word now and then
    assert looked >= 120
    assert covered / 200 >= 0.93
    assert np.mean(false) <= 0.05


@pytest.mark.slow
@pytest.mark.parametrize(
    "options",
    [{}, {"users": 150, "sd": 1.0, "topical": True}, {"users": 30, "sd": 1.0, "topical": True}],
)
def test_worlds_without_effect(options: dict) -> None:
    """Over 200 of them a term is found in no more than the false discovery rate says."""
    false = sum(
        vocabulary(trigger_world(seed, effect=0.0, **options)).verdict == "found" for seed in range(200)
    )
    assert false / 200 <= 0.05 + 2 * (0.05 * 0.95 / 200) ** 0.5
