"""Texts as hashed words and pairs of words: passes of numpy over an Arrow column, no Python per word."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from itertools import pairwise

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

__all__ = ["BUCKETS", "Grams", "Words", "grams", "words"]

Ints = npt.NDArray[np.int64]
Hashes = npt.NDArray[np.uint64]

BUCKETS = 1 << 20
"""Hashed n-grams fall into so many buckets; with fewer, more of them collide (see the lab log)."""

_CHUNK = 1 << 20
"""Bytes hashed at a time: tables of powers stay in the cache and memory stays bounded."""
_BASE = 0x9E3779B97F4A7C15  # odd, so that it has an inverse modulo 2**64
_INVERSE = pow(_BASE, -1, 1 << 64)
_MIX = np.uint64(0xC2B2AE3D27D4EB4F)
_SALT = np.uint64(0x2545F4914F6CDD1D)
_SHIFT = np.uint64(64 - 20)

_WORD = 1
_KIND = np.zeros(256, np.uint8)  # what a byte makes: no word, a letter of a word, or a mark of its own
_KIND[[*range(48, 58), *range(65, 91), *range(97, 123), *range(128, 256), 39]] = _WORD
for _number, _byte in enumerate(b'?!:;*#`\n|("', 2):
    _KIND[_byte] = _number
_SYMBOL = 0xE2  # first of the three bytes of dashes, curly quotes, ellipses, bullets and arrows: no letters
_FOLDED = np.arange(256, dtype=np.uint8)
_FOLDED[65:91] += 32
_FOLDED[48:58] = 48  # a number is a number
_VALUE = _FOLDED.astype(np.uint64) + np.uint64(1)


@dataclass(frozen=True, slots=True)
class Words:
    """The words and marks of a column of texts, in order.

    Attributes:
        hash: (words,) 64-bit hash of each, without regard to case.
        row: (words,) index of the text.
        place: (words,) which word of its text each is, from 0.
        counts: (rows,) words of each text.
    """

    hash: Hashes
    row: Ints
    place: Ints
    counts: Ints


@dataclass(frozen=True, slots=True)
class Grams:
    """Hashed n-grams of a column of texts, text by text.

    Attributes:
        bucket: (grams,) in [0, BUCKETS).
        bounds: (rows + 1,) where the grams of each text begin; the last entry is the number of grams.
        at: (grams,) index of the first word of each.
    """

    bucket: npt.NDArray[np.int32]
    bounds: Ints
    at: Ints


def words(column: pa.StringArray) -> Words:
    """Splits texts into words and marks; a null is an empty text.

    Letters beyond ASCII belong to words; dashes, curly quotes and bullets part them. Digits are all alike, a
    curly apostrophe is a plain one, and a run of one mark (three backticks, two line breaks) is one mark.
    """
    data, offsets = _bytes(column)
    pieces = [_hashed(data, offsets, *span) for span in _spans(offsets)]
    hashes = np.concatenate([piece[0] for piece in pieces] or [np.empty(0, np.uint64)])
    counts = np.concatenate([piece[1] for piece in pieces] or [np.zeros(len(column), np.int64)])
    first = np.cumsum(counts) - counts
    place = np.arange(len(hashes)) - np.repeat(first, counts)
    return Words(hashes, np.repeat(np.arange(len(counts)), counts), place, counts)


def grams(text: Words, order: int, windows: Sequence[int | None], salt: int) -> list[Grams]:
    """The n-grams of `order` words, once for each window they stand in.

    Args:
        text: the words.
        order: words a gram, 1 or 2.
        windows: how many words from the beginning of a text count; None for all of them.
        salt: n-grams of different salts, orders or windows fall into different buckets.

    Returns:
        The grams of each window.
    """
    last = max(len(text.hash) - order + 1, 0)
    at = np.arange(last) if order == 1 else np.flatnonzero(text.row[:last] == text.row[order - 1 :])
    mixed = text.hash[at] * _MIX
    for step in range(1, order):
        mixed = ((mixed ^ (mixed >> np.uint64(29))) + text.hash[at + step]) * _MIX
    end = text.place[at] + order
    found = []
    for number, window in enumerate(windows):
        inside = slice(None) if window is None else end <= window
        salted = (mixed[inside] ^ np.uint64((salt * 16 + order * 4 + number) * 0x9E3779B1)) * _SALT
        chosen = at[inside]
        bounds = np.searchsorted(text.row[chosen], np.arange(len(text.counts) + 1))
        found.append(Grams((salted >> _SHIFT).astype(np.int32), bounds, chosen))
    return found


def _bytes(column: pa.StringArray) -> tuple[npt.NDArray[np.uint8], Ints]:
    column = pc.replace_substring(pc.fill_null(column, ""), "\u2019", "'")
    _, offsets, data = column.buffers()
    width = np.int64 if pa.types.is_large_string(column.type) else np.int32
    starts = np.frombuffer(offsets, width, len(column) + 1, column.offset * np.dtype(width).itemsize)
    if data is None:
        return np.empty(0, np.uint8), np.zeros(len(column) + 1, np.int64)
    return np.frombuffer(data, np.uint8), starts.astype(np.int64)


def _spans(offsets: Ints) -> list[tuple[int, int]]:
    """Runs of texts of about `_CHUNK` bytes: (first text, text after the last)."""
    cuts = np.searchsorted(offsets, np.arange(offsets[0], offsets[-1], _CHUNK))
    cuts = np.unique(np.concatenate([[0], cuts, [len(offsets) - 1]]))
    return list(pairwise(cuts.tolist()))


def _hashed(data: npt.NDArray[np.uint8], offsets: Ints, first: int, last: int) -> tuple[Hashes, Ints]:
    """The words of the texts from `first` to before `last`: (hash of each, number of words of each text)."""
    begin, end = int(offsets[first]), int(offsets[last])
    bounds = offsets[first : last + 1] - begin
    run = data[begin:end]
    kind = _KIND[run]
    symbol = np.flatnonzero(run == _SYMBOL)
    if len(symbol):
        kind[np.minimum(symbol[:, None] + np.arange(3), len(run) - 1)] = 0
    change = np.ones(len(run) + 1, dtype=bool)
    np.not_equal(kind[1:], kind[:-1], out=change[1:-1])
    change[bounds] = True
    edges = np.flatnonzero(change)
    start, stop = edges[:-1], edges[1:]
    real = kind[start] > 0
    start, stop = start[real], stop[real]
    # a polynomial hash of every run of letters at once: differences of one running sum, shifted to its start
    powers, inverse = _powers(1 << len(run).bit_length())
    summed = np.zeros(len(run) + 1, np.uint64)
    np.cumsum(_VALUE[run] * powers[: len(run)], out=summed[1:])
    hashes = (summed[stop] - summed[start]) * inverse[start]
    marks = np.flatnonzero(kind[start] > _WORD)  # a run of marks is one mark, however long
    hashes[marks] = _VALUE[run[start[marks]]]
    hashes ^= hashes >> np.uint64(32)
    return hashes, np.diff(np.searchsorted(start, bounds))


@cache
def _powers(count: int) -> tuple[Hashes, Hashes]:
    """`_BASE` and its inverse to the powers 0..count, modulo 2**64."""
    tables = []
    for base in (_BASE, _INVERSE):
        table = np.full(count, base, np.uint64)
        table[0] = 1
        tables.append(np.cumprod(table))
    return tables[0], tables[1]
