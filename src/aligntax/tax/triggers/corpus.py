"""Prompts as words: four bytes each, whatever the log's size, with what became of them and who sent them."""

import itertools
import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from aligntax.traffic.sampling import rank

__all__ = ["MOST_EXCHANGES", "MOST_WORDS", "Collector", "Corpus", "words_of"]

Ints = npt.NDArray[np.int64]

MOST_EXCHANGES = 1_000_000
"""Exchanges kept; of more, a sample by the hash of the id."""
MOST_WORDS = 1_000
"""Words of a prompt that are looked at, from its start."""
_LONGEST = 40
"""Letters of a word; longer ones are keys, hashes and the like."""
_REMEMBERED = 1_000_000
_BREAK = -1
_WORDS = re.compile(
    r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]"  # scripts without spaces, sign by sign
    r"|[^\W_]+(?:['\u2019-][^\W_]+)*"
    r"|[.!?;:\n\x01()\[\]{}\"|]"  # no term reaches across these
)
_NEWLINES = bytes.maketrans(b"\n", b"\x01")


def words_of(text: str) -> list[str]:
    """The words of a text in lower case, in their order; "" where a term may not reach across.

    Args:
        text: any string.
    """
    found = (word.replace("\u2019", "'") for word in _WORDS.findall(text.lower()))
    return [word if word[0].isalnum() and len(word) <= _LONGEST else "" for word in found]


class _Numbers:
    """Words by number. What stands between two spaces is taken apart once, however often it comes."""

    def __init__(self) -> None:
        self.words: defaultdict[str, int] = defaultdict(itertools.count().__next__)
        self._known: dict[str, list[int]] = {}

    def __call__(self, texts: pa.StringArray) -> tuple[npt.NDArray[np.int32], Ints]:
        """Tokens of texts one after the other, and how many each has."""
        lower = pc.utf8_lower(pc.utf8_slice_codeunits(texts, 0, MOST_WORDS * _LONGEST))
        _, offsets, data = lower.buffers()
        data = pa.py_buffer(bytes(memoryview(data)).translate(_NEWLINES)) if data is not None else data
        lower = pa.StringArray.from_buffers(len(lower), offsets, data)
        lists = pc.list_slice(pc.split_pattern(lower, " "), 0, MOST_WORDS)
        coded = lists.flatten().dictionary_encode()
        if len(self._known) > _REMEMBERED:
            self._known.clear()
        numbers = [self._of(raw) for raw in coded.dictionary.to_pylist()]
        lengths = np.fromiter(map(len, numbers), np.int64, len(numbers))
        flat = np.fromiter(itertools.chain.from_iterable(numbers), np.int32)
        raw = coded.indices.to_numpy().astype(np.int64)
        ends = np.append(0, np.cumsum(lengths[raw]))
        outer = np.append(0, np.cumsum(pc.list_value_length(lists).to_numpy().astype(np.int64)))
        return flat[_ragged(lengths, raw)], np.diff(ends[outer])

    def _of(self, raw: str) -> list[int]:
        found = self._known.get(raw)
        if found is None:
            found = [self.words[word] if word else _BREAK for word in words_of(raw)]
            self._known[raw] = found
        return found


@dataclass(frozen=True, slots=True)
class Corpus:
    """Prompts with an outcome that counts, sorted by cluster.

    Attributes:
        words: number of a word -> the word.
        tokens: (tokens,) numbers of words, prompt after prompt; -1 where a term may not reach across.
        starts: (prompts + 1,) where the tokens of each begin.
        refused: (prompts,) whether it was refused.
        hedged: (prompts,) whether it was hedged, and for that reason refused or not.
        cluster: (prompts,) number of its cluster, ascending.
        row: (prompts,) its place in the log, from 0.
        order: (prompts,) its place in the order samples are drawn in.
        thinned: share of the exchanges that is kept, 1 for all.
    """

    words: Sequence[str]
    tokens: npt.NDArray[np.int32]
    starts: Ints
    refused: npt.NDArray[np.bool_]
    hedged: npt.NDArray[np.bool_]
    cluster: npt.NDArray[np.int32]
    row: Ints
    order: npt.NDArray[np.uint64]
    thinned: float = 1.0

    def __len__(self) -> int:
        return len(self.row)

    @property
    def clusters(self) -> int:
        """How many there are."""
        return int(self.cluster[-1]) + 1 if len(self.cluster) else 0


@dataclass(slots=True)
class _Piece:
    tokens: npt.NDArray[np.int32]
    lengths: Ints
    outcome: npt.NDArray[np.int8]
    cluster: npt.NDArray[np.int32]
    row: Ints
    order: npt.NDArray[np.uint64]

    def only(self, kept: npt.NDArray[np.bool_]) -> "_Piece":
        return _Piece(
            self.tokens[np.repeat(kept, self.lengths)],
            self.lengths[kept],
            self.outcome[kept],
            self.cluster[kept],
            self.row[kept],
            self.order[kept],
        )


class Collector:
    """Takes prompts batch by batch.

    Args:
        most: prompts kept; when there are more, those whose hash is in the lower half stay, and again.
    """

    def __init__(self, most: int = MOST_EXCHANGES) -> None:
        self._most = most
        self._limit = 1 << 64
        self._pieces: list[_Piece] = []
        self._numbers = _Numbers()
        self._clusters: defaultdict[str | int, int] = defaultdict(itertools.count().__next__)
        self._kept = 0

    def add(
        self,
        ids: pa.StringArray,
        texts: pa.StringArray,
        clusters: pa.StringArray,
        outcomes: npt.NDArray[np.int8],
        rows: Ints,
    ) -> None:
        """Takes a batch; a prompt without a cluster is in one with those that differ from it by digits alone.

        Args:
            ids: of the exchanges.
            texts: the prompts, none of them null.
            clusters: of the exchanges; null where the log does not tell.
            outcomes: (prompts,) 0 complete, 1 refused, 2 hedged.
            rows: (prompts,) places in the log.
        """
        if not len(texts):
            return
        tokens, lengths = self._numbers(texts)
        alike = _alike(texts).to_pylist() if clusters.null_count else [None] * len(texts)
        names = [name or hash(text) for name, text in zip(clusters.to_pylist(), alike, strict=True)]
        piece = _Piece(
            tokens,
            lengths,
            outcomes,
            np.fromiter((self._clusters[name] for name in names), np.int32, len(names)),
            rows,
            np.fromiter(map(rank, ids.to_pylist()), np.uint64, len(ids)),
        )
        self._pieces.append(self._under(piece))
        self._kept += len(self._pieces[-1].row)
        while self._kept > self._most:
            self._limit //= 2
            self._pieces = [self._under(one) for one in self._pieces]
            self._kept = sum(len(one.row) for one in self._pieces)

    def _under(self, piece: _Piece) -> _Piece:
        return piece if self._limit == 1 << 64 else piece.only(piece.order < np.uint64(self._limit))

    @property
    def kept(self) -> float:
        """Share of the prompts taken that is kept."""
        return self._limit / (1 << 64)

    def corpus(self, *, hedged: bool = False) -> Corpus:
        """All of it.

        Args:
            hedged: whether a hedged answer counts as a refusal; else it is in neither class and left out.
        """
        pieces = [one if hedged else one.only(one.outcome != 2) for one in self._pieces]
        outcome = _joined([one.outcome for one in pieces], np.int8)
        _, cluster = np.unique(_joined([one.cluster for one in pieces], np.int32), return_inverse=True)
        by_cluster = np.argsort(cluster, kind="stable")
        lengths = _joined([one.lengths for one in pieces], np.int64)
        tokens = _joined([one.tokens for one in pieces], np.int32)
        return Corpus(
            list(self._numbers.words),
            tokens[_ragged(lengths, by_cluster)],
            np.append(0, np.cumsum(lengths[by_cluster])),
            (outcome > 0)[by_cluster],
            (outcome == 2)[by_cluster],
            cluster[by_cluster].astype(np.int32),
            _joined([one.row for one in pieces], np.int64)[by_cluster],
            _joined([one.order for one in pieces], np.uint64)[by_cluster],
            self.kept,
        )


def _alike(texts: pa.StringArray) -> pa.StringArray:
    """Prompts that differ by numbers and case alone, made the same: they are one template."""
    return pc.replace_substring_regex(pc.utf8_lower(pc.utf8_trim_whitespace(texts)), r"\d+", "0")


def _joined(arrays: Sequence[npt.NDArray[Any]], kind: type) -> npt.NDArray[Any]:
    return np.concatenate(arrays) if arrays else np.empty(0, kind)


def _ragged(lengths: Ints, order: Ints) -> Ints:
    """Places of the tokens of prompts taken in another order."""
    begins = np.append(0, np.cumsum(lengths))[:-1][order]
    taken = lengths[order]
    shift = np.repeat(begins - np.append(0, np.cumsum(taken))[:-1], taken)
    return np.asarray(np.arange(len(shift)) + shift)
