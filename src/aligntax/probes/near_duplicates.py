"""Prompts that say nearly the same: Jaccard similarity of their word shingles, exact, and found in seconds.

Two sets of shingles can be as similar as asked only if their rarest shingles meet: of a set of n shingles at
most n - ceil(threshold * n) can be missing in the other, so that one of its first n - ceil(threshold * n) + 1
must be there, in any order common to all. With the rarest first hardly any other prompt has one of these, and
only those that do are compared.

Source: Chaudhuri, Ganti & Kaushik (2006), ICDE, section 3 (prefix filter); Bayardo, Ma & Srikant (2007), WWW,
section 3 (order and length).
"""

import math
import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from aligntax.errors import UsageError

__all__ = ["SIZE", "THRESHOLD", "Distinct", "Near", "distinct", "near_duplicates", "shingles", "similarity"]

SIZE = 3
"""Words of a shingle."""
THRESHOLD = 0.5
"""Similarity from which prompts are called near duplicates."""
_WORD = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff]|[^\W\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff]+")
"""A word; a single character where a script sets no spaces."""
_ROUNDING = 1e-9

Shingle = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Near:
    """Two prompts that are near duplicates.

    Attributes:
        first: number of the earlier one.
        second: number of the later one.
        similarity: shared shingles by all shingles, in [threshold, 1].
    """

    first: int
    second: int
    similarity: float


@dataclass(frozen=True, slots=True)
class Distinct:
    """What is left where near duplicates are taken out.

    Attributes:
        kept: numbers of the prompts that stay, ascending.
        dropped: number -> what it is near to: a prompt that stays, or one of those to stay clear of, whose
            numbers are below 0: -1 for the first, -2 for the second, ...
    """

    kept: tuple[int, ...]
    dropped: dict[int, Near]


def shingles(text: str, size: int = SIZE) -> frozenset[Shingle]:
    """Runs of words of a text, in lower case, without punctuation.

    Args:
        text: of a prompt.
        size: words of a run, >= 1; a text of fewer words is one run.
    """
    words = _WORD.findall(unicodedata.normalize("NFKC", text).casefold())
    if len(words) <= size:
        return frozenset([tuple(words)])
    return frozenset(zip(*(words[at:] for at in range(size)), strict=False))


def similarity(first: str, second: str, *, size: int = SIZE) -> float:
    """Jaccard similarity of two texts: shared shingles by all shingles, in [0, 1]."""
    one, other = shingles(first, size), shingles(second, size)
    return len(one & other) / len(one | other)


def near_duplicates(texts: Sequence[str], *, threshold: float = THRESHOLD, size: int = SIZE) -> list[Near]:
    """Every pair of near duplicates.

    Args:
        texts: (n,) of prompts.
        threshold: similarity from which a pair counts, in (0, 1].
        size: words of a shingle.

    Returns:
        The pairs, by the later text, then by the earlier.
    """
    index = _Index(_sorted_sets(texts, size), _checked(threshold))
    found = list[Near]()
    for at in range(len(texts)):
        found += sorted(index.near(at), key=lambda near: near.first)
        index.add(at)
    return found


def distinct(
    texts: Sequence[str], *, against: Sequence[str] = (), threshold: float = THRESHOLD, size: int = SIZE
) -> Distinct:
    """Takes out every prompt that is near to an earlier one that stays.

    Args:
        texts: (n,) of prompts; of near duplicates the first stays.
        against: prompts that none may be near to, such as those of the packs.
        threshold: similarity from which a pair counts, in (0, 1].
        size: words of a shingle.
    """
    index = _Index(_sorted_sets([*against, *texts], size), _checked(threshold))
    offset = len(against)
    for at in range(offset):
        index.add(at)
    kept, dropped = list[int](), dict[int, Near]()
    for at in range(offset, offset + len(texts)):
        nearest = max(index.near(at), key=lambda near: (near.similarity, -near.first), default=None)
        if nearest is None:
            index.add(at)
            kept.append(at - offset)
            continue
        of = -1 - nearest.first if nearest.first < offset else nearest.first - offset
        dropped[at - offset] = Near(of, at - offset, nearest.similarity)
    return Distinct(tuple(kept), dropped)


class _Index:
    """Prompts by their rarest shingles.

    Args:
        sets: (n,) shingles of every prompt as numbers, ascending, the rarest first.
        threshold: similarity from which a pair counts.
    """

    def __init__(self, sets: Sequence[Sequence[int]], threshold: float) -> None:
        self._sorted = sets
        self._sets = [frozenset(one) for one in sets]
        self._threshold = threshold
        self._holding = defaultdict[int, list[int]](list)

    def add(self, at: int) -> None:
        """From now on the prompt of this number is found."""
        for shingle in self._prefix(at):
            self._holding[shingle].append(at)

    def near(self, at: int) -> Iterator[Near]:
        """Prompts added that are near to the one of this number."""
        mine = self._sets[at]
        least, most = self._threshold * len(mine) - _ROUNDING, len(mine) / self._threshold + _ROUNDING
        for other in {other for shingle in self._prefix(at) for other in self._holding.get(shingle, ())}:
            theirs = self._sets[other]
            if not least <= len(theirs) <= most:
                continue
            shared = len(mine & theirs)
            found = shared / (len(mine) + len(theirs) - shared)
            if found >= self._threshold - _ROUNDING:
                yield Near(other, at, found)

    def _prefix(self, at: int) -> Sequence[int]:
        ordered = self._sorted[at]
        return ordered[: len(ordered) - math.ceil(self._threshold * len(ordered) - _ROUNDING) + 1]


def _sorted_sets(texts: Sequence[str], size: int) -> list[list[int]]:
    """Shingles of every text as numbers: the more texts have one, the higher its number."""
    if size < 1:
        raise UsageError(f"shingles of {size} words", hint="one word or more")
    sets = [shingles(text, size) for text in texts]
    counts = Counter(shingle for one in sets for shingle in one)
    rank = {shingle: at for at, (shingle, _) in enumerate(sorted(counts.items(), key=lambda item: item[1]))}
    return [sorted(rank[shingle] for shingle in one) for one in sets]


def _checked(threshold: float) -> float:
    if not 0 < threshold <= 1:
        raise UsageError(f"a similarity of {threshold:g}", hint="above 0, at most 1")
    return threshold
