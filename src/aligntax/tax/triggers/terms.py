"""Terms of one to three words that stand in enough prompts, counted a piece of the corpus at a time."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from aligntax.stats.predictions import Floats
from aligntax.tax.triggers.corpus import Corpus

__all__ = ["STOP_WORDS", "Terms", "frequent_terms"]

Ints = npt.NDArray[np.int64]
Pairs = tuple[Ints, Ints]
"""Prompt and key of a term in it."""
Counts = tuple[Ints, Floats, Floats]
"""Key, how many prompts hold it, how many of them are refused."""

_LISTED = (
    "a an the this that these those i you he she it we they me him her us them my your his its our their "
    "am is are was were be been being do does did doing have has had having will would shall should can "
    "could may might must to of in on at by for with from as into about and or but if then than so because "
    "what which who whom whose when where why how there here please just also very"
)
STOP_WORDS = frozenset(_LISTED.split())
"""A term made of these alone is left out. One with any other word stays, as "get rid of" does, and so does a
negation: only words that say nothing of a subject are listed."""

_PIECE = 1_000_000
"""Words of a piece, roughly: what is in memory at a time is about a hundred bytes of each."""
_SLOTS = 22  # bits: counters of 16 MB
_MIX = np.uint64(0x9E3779B97F4A7C15)


@dataclass(frozen=True)
class Terms:
    """Terms that stand in enough prompts.

    Attributes:
        names: of the terms, words joined by a space.
        sizes: (terms,) words in each.
        documents: (terms,) prompts that hold it, once each.
        refused: (terms,) refused ones among them.
        only_stop_words: frequent terms that were left out since they say nothing.
    """

    names: Sequence[str]
    sizes: Ints
    documents: Floats
    refused: Floats
    only_stop_words: int
    _corpus: Corpus
    _levels: "_Levels"
    _places: Ints

    def pairs(self, wanted: npt.NDArray[np.bool_] | None = None) -> Iterator[tuple[Ints, Ints]]:
        """Prompts and the terms in them, a piece of the corpus at a time; no cluster is in two pieces.

        Args:
            wanted: (terms,) which of them; all by default.

        Yields:
            (pairs,) number of the prompt, (pairs,) number of the term; each pair once.
        """
        for start, end in _pieces(self._corpus):
            for size in range(1, self._levels.longest + 1):
                prompt, level = self._levels.pairs(start, end, size)
                term = self._places[self._levels.offsets[size - 1] + level]
                kept = term >= 0 if wanted is None else (term >= 0) & wanted[term]
                if kept.any():
                    yield prompt[kept], term[kept]

    @cached_property
    def numbers(self) -> dict[str, int]:
        """Name -> number of the term."""
        return {name: at for at, name in enumerate(self.names)}


def frequent_terms(corpus: Corpus, *, least: int = 10, longest: int = 3) -> Terms:
    """Terms of up to three words that stand in enough prompts.

    A term can only be frequent where its parts are, so each length is looked for among what the one before
    left. Terms are in the order of their length.

    Args:
        corpus: the prompts.
        least: prompts a term must be in.
        longest: words of a term, 1 to 3.
    """
    levels = _Levels(corpus, least, longest)
    names, sizes = levels.names()
    bare = np.array([all(word in STOP_WORDS for word in name.split(" ")) for name in names], np.bool_)
    places = np.where(bare, -1, np.cumsum(~bare) - 1)
    counts, refused = (np.concatenate(one) for one in (levels.documents, levels.refused))
    return Terms(
        [name for name, left in zip(names, bare, strict=True) if not left],
        sizes[~bare],
        counts[~bare],
        refused[~bare],
        int(bare.sum()),
        corpus,
        levels,
        places,
    )


class _Levels:
    """Frequent terms of one, two and three words, each as the number of its start and its last word."""

    def __init__(self, corpus: Corpus, least: int, longest: int) -> None:
        self.corpus, self.least = corpus, least
        self.longest = 0
        self._tokens = corpus.tokens
        self._keys: list[Ints] = []
        self.documents: list[Floats] = []
        self.refused: list[Floats] = []
        for size in range(1, longest + 1):
            self.longest = size
            self._find(size)
        self.offsets = np.append(0, np.cumsum([len(keys) for keys in self._keys]))

    @property
    def width(self) -> int:
        """Of the last word in a key: frequent words, or for words themselves all there are."""
        return len(self._keys[0]) if self._keys else len(self.corpus.words)

    def _find(self, size: int) -> None:
        """Counts the terms of a size, first roughly and then those that may be frequent."""
        counters = np.zeros(1 << _SLOTS, np.uint32)
        for start, end in _pieces(
            self.corpus
        ):  # a term twice in a prompt counts twice here, which does no harm
            _, key = self._grams(start, end, size)
            counters += np.bincount(_slot(key), minlength=1 << _SLOTS).astype(np.uint32)
        found = list[Counts]()
        for start, end in _pieces(self.corpus):
            prompt, key = self._grams(start, end, size)
            likely = counters[_slot(key)] >= self.least
            prompt, key = _once(prompt[likely], key[likely])
            found.append(_told(key, self.corpus.refused[prompt + start]))
        keys, documents, refused = _added(found)
        enough = documents >= self.least
        self._keys.append(keys[enough])
        self.documents.append(documents[enough])
        self.refused.append(refused[enough])
        if size == 1:  # from here on words are told by their number among the frequent ones
            self._tokens = _among(self._keys[0], self.corpus.tokens.astype(np.int64)).astype(np.int32)

    def pairs(self, start: int, end: int, size: int) -> Pairs:
        """Prompts of a piece and the numbers, within their length, of the frequent terms in them."""
        prompt, key = self._grams(start, end, size)
        level = key if size == 1 else _among(self._keys[size - 1], key)
        prompt, level = _once(prompt[level >= 0], level[level >= 0])
        return prompt + start, level

    def _grams(self, start: int, end: int, size: int) -> Pairs:
        corpus = self.corpus
        tokens = self._tokens[corpus.starts[start] : corpus.starts[end]].astype(np.int64)
        prompt = np.repeat(np.arange(end - start), np.diff(corpus.starts[start : end + 1]))
        key = tokens
        for step in range(1, size):
            last, here = tokens[step:], key[:-1]
            fits = (here >= 0) & (last >= 0) & (prompt[: len(last)] == prompt[step:])
            key = np.where(fits, here * self.width + last, -1)
            if step < size - 1:
                key = _among(self._keys[step], key)
            elif size == 3:  # both pairs of words must be frequent
                key = self._both(key, tokens)
        return prompt[: len(key)][key >= 0], key[key >= 0]

    def _both(self, key: Ints, tokens: Ints) -> Ints:
        after = np.where((tokens[1:-1] >= 0) & (tokens[2:] >= 0), tokens[1:-1] * self.width + tokens[2:], -1)
        return np.where(_among(self._keys[1], after) >= 0, key, -1)

    def names(self) -> tuple[list[str], Ints]:
        """Of all terms, those of one word first, and how many words each has."""
        words = [self.corpus.words[at] for at in self._keys[0].tolist()]
        names, before = list(words), list(words)
        sizes = [np.full(len(words), 1)]
        for keys in self._keys[1:]:
            starts, lasts = (keys // max(1, self.width)).tolist(), (keys % max(1, self.width)).tolist()
            before = [f"{before[a]} {words[b]}" for a, b in zip(starts, lasts, strict=True)]
            names += before
            sizes.append(np.full(len(before), len(sizes) + 1))
        return names, np.concatenate(sizes)


def _pieces(corpus: Corpus) -> Iterator[tuple[int, int]]:
    """First and last prompt of pieces of about as many words, cut between clusters."""
    cuts = np.append(0, np.flatnonzero(np.diff(corpus.cluster)) + 1)
    cuts = np.append(cuts, len(corpus)) if len(corpus) else cuts[:1]
    words = corpus.starts[cuts]
    start = 0
    while start < len(cuts) - 1:
        end = int(np.searchsorted(words, words[start] + _PIECE, side="right")) - 1
        end = min(max(end, start + 1), len(cuts) - 1)
        yield int(cuts[start]), int(cuts[end])
        start = end


def _once(prompt: Ints, key: Ints) -> Pairs:
    """Each pair of prompt and key once, prompts ascending."""
    span = int(key.max(initial=0)) + 1
    if (int(prompt.max(initial=0)) + 1) * span >= 1 << 62:
        both = np.unique(np.stack([prompt, key]), axis=1)
        return both[0], both[1]
    pairs = np.sort(prompt * span + key)
    pairs = pairs[np.append(True, pairs[1:] != pairs[:-1])[: len(pairs)]]
    return pairs // span, pairs % span


def _told(key: Ints, refused: npt.NDArray[np.bool_]) -> Counts:
    """Each key once, how often it comes, and how often with a refusal."""
    both = np.sort(key * 2 + refused)
    begins = np.flatnonzero(np.append(True, both[1:] >> 1 != both[:-1] >> 1)[: len(both)])
    counts = np.diff(np.append(begins, len(both)))
    sums = np.add.reduceat(both & 1, begins) if len(begins) else begins
    return both[begins] >> 1, counts.astype(np.float64), sums.astype(np.float64)


def _added(found: Sequence[Counts]) -> Counts:
    """Counts of several pieces, each key once."""
    keys = np.concatenate([np.empty(0, np.int64), *(one[0] for one in found)])
    order = np.argsort(keys, kind="stable")
    begins = np.flatnonzero(np.append(True, np.diff(keys[order]) > 0)[: len(keys)])
    totals = [np.concatenate([np.empty(0), *(one[at] for one in found)])[order] for at in (1, 2)]
    added = [np.add.reduceat(total, begins) if len(begins) else total for total in totals]
    return keys[order][begins], added[0], added[1]


def _among(keys: Ints, found: Ints) -> Ints:
    """Place of each value among sorted keys; -1 where it is not one of them."""
    if not len(keys):
        return np.full(len(found), -1)
    at = np.minimum(np.searchsorted(keys, found), len(keys) - 1)
    return np.where(keys[at] == found, at, -1)


def _slot(key: Ints) -> Ints:
    return ((key.astype(np.uint64) * _MIX) >> np.uint64(64 - _SLOTS)).astype(np.int64)
