"""Logs with a planted trigger: prompts of a few hundred words, refused with known odds, sent by users."""

import math

import numpy as np
import pyarrow as pa

from aligntax.tax.triggers.corpus import Collector, Corpus
from planted import marginal

__all__ = ["WORD", "collected", "log_odds_ratio", "trigger_world"]

WORD = "kill"


def collected(
    texts: list[str],
    refused: np.ndarray,
    users: list[str | None] | None = None,
    *,
    most: int = 1_000_000,
    hedged: bool = False,
) -> Corpus:
    """Prompts with outcomes (0 complete, 1 refused, 2 hedged) as a corpus."""
    collector = Collector(most)
    n = len(texts)
    ids = pa.array([f"e{at}" for at in range(n)])
    clusters = pa.array(users if users is not None else [None] * n, pa.string())
    for start in range(0, n, 1000):
        end = min(n, start + 1000)
        rows = np.arange(start, end)
        part = np.asarray(refused[start:end], np.int8)
        collector.add(ids[start:end], pa.array(texts[start:end]), clusters[start:end], part, rows)
    return collector.corpus(hedged=hedged)


def trigger_world(
    seed: int,
    *,
    n: int = 3000,
    users: int | None = None,
    base: float = -2.0,
    effect: float = 2.0,
    sd: float = 0.0,
    share: float = 0.05,
    topical: bool = False,
) -> Corpus:
    """A log in which `WORD` adds `effect` to the log-odds of a refusal.

    Users differ by a normal effect of deviation `sd`, and in how often they write the word; topical ones
    write eight favourite words of their own, so that words and users go together.
    """
    generator = np.random.default_rng(seed)
    words = np.array([f"w{at}" for at in range(400)])
    weights = 1 / np.arange(3, 403)
    user = np.arange(n) if users is None else generator.integers(0, users, n)
    ids = generator.choice(400, p=weights / weights.sum(), size=(n, 10))
    of_user = np.zeros(n)
    writes = np.full(n, share)
    if users is not None:
        of_user = generator.normal(0, sd, users)[user]
        writes = np.clip(generator.gamma(0.5, share / 0.5, users), 0, 1)[user]
        if topical:
            favourites = generator.integers(0, 400, (users, 8))
            own = favourites[user[:, None], generator.integers(0, 8, ids.shape)]
            ids = np.where(generator.random(ids.shape) < 0.4, own, ids)
    holds = generator.random(n) < writes
    refused = generator.random(n) < 1 / (1 + np.exp(-(base + of_user + effect * holds)))
    texts = [" ".join(row) for row in words[ids]]
    texts = [f"{text} {WORD} it" if here else text for text, here in zip(texts, holds, strict=True)]
    return collected(texts, refused, [f"u{at}" for at in user])


def log_odds_ratio(base: float, effect: float, sd: float) -> float:
    """The planted truth: log odds ratio of the word over the population of users."""
    with_word, without = marginal(base + effect, sd), marginal(base, sd)
    return math.log(with_word / (1 - with_word)) - math.log(without / (1 - without))
