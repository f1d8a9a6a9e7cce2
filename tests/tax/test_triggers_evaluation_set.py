"""The evaluation set: by term and outcome, no prompt twice, chances kept, personal data gone."""

import numpy as np
import pytest

from aligntax.errors import UsageError
from aligntax.tax.triggers.evaluation_set import (
    draw_evaluation_set,
    evaluation_rows,
    prompts_with,
    stand_ins,
)
from aligntax.traffic.redaction import Redactor
from trigger_worlds import collected

WORDS = [f"w{at}" for at in range(300)]


def log(n: int = 1200, *, seed: int = 0) -> tuple[list[str], np.ndarray]:
    generator = np.random.default_rng(seed)
    texts = []
    for at in range(n):
        words = list(generator.choice(WORDS, 12))
        words.insert(5, ["kill", "poison", "calm"][at % 3])
        texts.append(" ".join(words))
    outcomes = generator.choice(3, n, p=[0.7, 0.2, 0.1])
    return texts, outcomes


def test_strata_and_chances() -> None:
    """As alike as they can be; inverse chances add up to the stratum's size."""
    texts, outcomes = log()
    corpus = collected(texts, outcomes, hedged=True)
    drawn, strata = draw_evaluation_set(corpus, ["kill", "poison"], 120)
    assert len(drawn) == 120 == sum(one.drawn for one in strata)
    assert {one.drawn for one in strata} == {20}
    assert sum(1 / one.probability for one in drawn) == pytest.approx(800)
    names = np.array(["complete", "refused", "hedged"])
    for one in drawn:
        assert one.term in texts[one.row].split()
        assert names[outcomes[one.row]] == one.outcome
    again, _ = draw_evaluation_set(corpus, ["kill", "poison"], 120)
    assert again == drawn


def test_small_strata_give_their_room_away() -> None:
    texts, _ = log(300)
    outcomes = np.zeros(300)
    outcomes[:9] = 1
    _, strata = draw_evaluation_set(collected(texts, outcomes, hedged=True), ["kill"], 50)
    sizes = {one.outcome: one.drawn for one in strata}
    assert sizes == {"refused": 3, "complete": 47}
    everything, _ = draw_evaluation_set(collected(texts, outcomes, hedged=True), ["kill"], 10_000)
    assert len(everything) == 100
    assert {one.probability for one in everything} == {1.0}


def test_near_duplicates() -> None:
    """Prompts that share nearly all their shingles count once; others stay apart."""
    generator = np.random.default_rng(1)
    base = [" ".join(generator.choice(WORDS, 40)) for _ in range(50)]
    texts = base + [f"{text} please" for text in base] + [text.upper() for text in base]
    corpus = collected(texts, np.zeros(150))
    prompts = np.argsort(corpus.row)
    stands = stand_ins(corpus, prompts)
    assert (stands % 50 == np.arange(150) % 50).all()
    assert len(set(stands.tolist())) == 50


def test_a_prompt_stands_for_those_like_it() -> None:
    text = (
        "please tell me how to kill the process on our server without losing what was written to disk so far"
    )
    corpus = collected([text] * 4 + [f"{text} now"] * 2, np.array([1, 1, 1, 0, 0, 0]), hedged=True)
    (one,), _ = draw_evaluation_set(corpus, ["kill"], 10)
    assert (one.alike, one.alike_refused) == (6, 3)


def test_prompts_with() -> None:
    corpus = collected(["kill the process", "process. kill", "the kill", "kill", "the process"], np.zeros(5))
    assert sorted(corpus.row[prompts_with(corpus, "kill")]) == [0, 1, 2, 3]
    assert sorted(corpus.row[prompts_with(corpus, "the process")]) == [0, 4]
    assert sorted(corpus.row[prompts_with(corpus, "process kill")]) == []
    assert sorted(corpus.row[prompts_with(corpus, "absent")]) == []


def test_rows_are_redacted() -> None:
    corpus = collected(["kill it and write to ann@example.com"], np.ones(1), hedged=True)
    drawn, _ = draw_evaluation_set(corpus, ["kill"], 1)
    text = {"id": "a", "prompt": "kill it and write to ann@example.com", "system": None, "use_case": "it"}
    (row,) = evaluation_rows(drawn, {0: text}, Redactor())
    assert "ann@" not in row["prompt"]
    assert row["prompt"].startswith("kill it and write to [email:")
    assert row["outcome"] == "refused"
    assert "system" not in row


def test_nothing_to_draw() -> None:
    corpus = collected(["hello there"], np.zeros(1), hedged=True)
    with pytest.raises(UsageError, match="no trigger"):
        draw_evaluation_set(corpus, [], 10)
    with pytest.raises(UsageError, match="holds kill"):
        draw_evaluation_set(corpus, ["kill"], 10)
