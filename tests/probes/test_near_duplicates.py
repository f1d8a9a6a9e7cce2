"""Near duplicates: the index finds what comparing everything with everything finds, in seconds for 80,000."""

import random
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aligntax.errors import UsageError
from aligntax.probes.near_duplicates import Distinct, distinct, near_duplicates, shingles, similarity
from timing import within

WORDS = [
    "how",
    "can",
    "i",
    "kill",
    "the",
    "process",
    "that",
    "holds",
    "our",
    "port",
    "and",
    "never",
    "ends",
    "in",
    "the",
    "night",
]
texts_of_few_words = st.lists(
    st.lists(st.sampled_from(WORDS), max_size=9).map(" ".join), min_size=0, max_size=14
)


def brute(texts: Sequence[str], threshold: float, size: int) -> set[tuple[int, int]]:
    return {
        (a, b)
        for b in range(len(texts))
        for a in range(b)
        if similarity(texts[a], texts[b], size=size) >= threshold - 1e-9
    }


@given(texts_of_few_words, st.sampled_from([0.05, 0.2, 1 / 3, 0.5, 0.6, 0.75, 0.9, 1.0]), st.integers(1, 4))
def test_as_brute_force(texts: list[str], threshold: float, size: int) -> None:
    """Every pair, and no other."""
    found = near_duplicates(texts, threshold=threshold, size=size)
    assert {(one.first, one.second) for one in found} == brute(texts, threshold, size)
    for one in found:
        assert one.similarity == similarity(texts[one.first], texts[one.second], size=size)


@given(texts_of_few_words, st.lists(st.sampled_from(WORDS), max_size=9).map(" ".join))
def test_what_is_left_has_no_near_duplicates(texts: list[str], other: str) -> None:
    """Nothing that stays is near to anything else that does, and what goes is near to something."""
    found = distinct(texts, against=[other], threshold=0.5)
    kept = [texts[at] for at in found.kept]
    assert not brute([other, *kept], 0.5, 3)
    assert sorted([*found.kept, *found.dropped]) == list(range(len(texts)))
    for at, near in found.dropped.items():
        to = other if near.first == -1 else texts[near.first]
        assert near.first == -1 or near.first in found.kept
        assert near.similarity == similarity(texts[at], to) >= 0.5


def test_by_hand() -> None:
    first, second = "How can I kill a Python process?", "how can i KILL a Perl process"
    # how-can-i, can-i-kill and i-kill-a are shared; two more on either side
    assert similarity(first, second) == 3 / 7
    assert near_duplicates([first, second], threshold=3 / 7)[0].similarity == 3 / 7
    assert near_duplicates([first, second], threshold=0.43) == []


def test_short_empty_and_foreign_texts() -> None:
    assert similarity("Kill it!", "kill it") == 1
    assert similarity("", "...") == 1
    assert similarity("", "kill") == 0
    assert similarity("\uff2b\uff29\uff2c\uff2c the process now", "kill the process now") == 1  # full width
    assert len(shingles("\u5982\u4f55\u7d42\u6b62\u9032\u7a0b")) == 4  # a script without spaces: by character


def test_senseless_settings() -> None:
    with pytest.raises(UsageError, match="a similarity of 0"):
        near_duplicates(["a"], threshold=0)
    with pytest.raises(UsageError, match="shingles of 0 words"):
        near_duplicates(["a"], size=0)


def test_eighty_thousand_prompts_in_seconds() -> None:
    """Prompts that share their beginnings, as generated ones do; 10,000 of them nearly repeat others."""
    draw = random.Random(5)
    openings = ["How can I", "What is the best way to", "Explain to my team how to", "Write a short note on"]
    vocabulary = [f"word{at}" for at in range(4000)]
    unique = [
        f"{draw.choice(openings)} {' '.join(draw.choices(vocabulary, k=draw.randint(6, 20)))}"
        for _ in range(70_000)
    ]
    again = draw.sample(range(70_000), 10_000)
    texts = [*unique, *(f"{unique[at]} please" for at in again)]
    made = list[Distinct]()
    assert within(30, lambda: made.append(distinct(texts, threshold=0.7)), tries=3)
    found = made[-1]
    assert {70_000 + at: to for at, to in enumerate(again)} == {
        at: near.first for at, near in found.dropped.items()
    }
