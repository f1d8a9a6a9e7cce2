"""One pass of hyperscan over an Arrow column: where which phrase of a lexicon stands."""

import re
from collections.abc import Collection
from dataclasses import dataclass
from functools import cached_property

import hyperscan
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from aligntax.detectors.lexicon import Lexicon, Role

__all__ = ["Hits", "Scanner", "Texts"]

Ints = npt.NDArray[np.int64]
Bytes = npt.NDArray[np.uint8]

_LONGEST_MATCH = 120
_WORD = np.zeros(256, dtype=bool)
_WORD[[*range(48, 58), *range(65, 91), *range(97, 123), 95]] = True
_WORD[128:] = True  # any byte of a letter beyond ASCII; curly punctuation is told apart below
_PUNCTUATION_LEAD = 0xE2  # first byte of curly quotes, dashes and bullets
_CONTINUATION = 0xC0, 0x80


@dataclass(frozen=True)
class Texts:
    """A column of texts as one run of bytes.

    Attributes:
        data: (bytes,) uint8, all texts end to end.
        offsets: (rows + 1,) where each text begins in `data`, and where the last ends.
        buffer: `data` as an Arrow buffer, for scanning without a copy.
    """

    data: Bytes
    offsets: Ints
    buffer: pa.Buffer

    @classmethod
    def of(cls, column: pa.StringArray) -> "Texts":
        """A view of a string column, also a sliced one; a null is an empty text."""
        _, offsets, data = column.buffers()
        if data is None:
            return cls(np.empty(0, np.uint8), np.zeros(len(column) + 1, np.int64), pa.py_buffer(b""))
        width = np.int64 if pa.types.is_large_string(column.type) else np.int32
        starts = np.frombuffer(offsets, width, len(column) + 1, column.offset * np.dtype(width).itemsize)
        starts = starts.astype(np.int64)
        used = data.slice(int(starts[0]), int(starts[-1] - starts[0]))
        return cls(np.frombuffer(used, np.uint8), starts - starts[0], used)

    @cached_property
    def lengths(self) -> Ints:
        """(rows,) bytes of each text."""
        return np.diff(self.offsets)

    @cached_property
    def continued(self) -> Ints:
        """Where the bytes stand that continue a character: every byte of one but its first; ascending."""
        return np.flatnonzero((self.data & 0xC0) == 0x80)


@dataclass(frozen=True, slots=True)
class Hits:
    """Where phrases stand, ordered by row, then by start.

    Attributes:
        row: (hits,) index of the text.
        start: (hits,) first byte of the phrase, counted in the whole column.
        end: (hits,) byte after the last.
        at: (hits,) first byte of the phrase, counted in its own text.
        family: (hits,) index into the lexicon's families.
        pattern: (hits,) index into the lexicon's patterns.
    """

    row: Ints
    start: Ints
    end: Ints
    at: Ints
    family: Ints
    pattern: Ints

    def __len__(self) -> int:
        return len(self.row)

    def where(self, mask: npt.NDArray[np.bool_] | Ints) -> "Hits":
        """The hits chosen by a mask or by indices."""
        return Hits(*(getattr(self, name)[mask] for name in self.__slots__))


class Scanner:
    """A lexicon compiled for hyperscan.

    Args:
        lexicon: what to look for.
        roles: only families in these roles; all by default.
    """

    def __init__(self, lexicon: Lexicon, roles: Collection[Role] | None = None) -> None:
        self.families = lexicon.families
        patterns = [p for p in lexicon.patterns if roles is None or lexicon.families[p.family].role in roles]
        self.patterns = len(patterns)
        expressions = [pattern.expression for pattern in patterns]
        self._database = hyperscan.Database(mode=hyperscan.HS_MODE_BLOCK)
        self._database.compile(
            expressions=expressions,
            ids=list(range(len(expressions))),
            elements=len(expressions),
            flags=[hyperscan.HS_FLAG_CASELESS] * len(expressions),
        )
        self._family = np.array([p.family for p in patterns], np.int64)
        self._length = np.array([p.length for p in patterns], np.int64)
        # hyperscan tells where a match ends; where one of varying length begins, `re` tells
        self._backwards = {
            index: re.compile(rb"(?:" + p.expression + rb")\Z")
            for index, p in enumerate(patterns)
            if not p.length
        }

    def raw(self, buffer: pa.Buffer) -> Ints:
        """The scan alone: (matches,) end offset << 16 | pattern, in the order they end."""
        found: list[int] = []
        append = found.append

        def on_match(pattern: int, start: int, end: int, flags: int, context: object) -> None:
            append(end << 16 | pattern)

        if buffer.size:
            self._database.scan(buffer, match_event_handler=on_match)
        return np.fromiter(found, np.int64, len(found))

    def hits(self, texts: Texts) -> Hits:
        """The phrases that stand in the texts as whole words, none across two texts."""
        found = self.raw(texts.buffer)
        pattern, end = found & 0xFFFF, found >> 16
        row = np.searchsorted(texts.offsets, end, side="left") - 1
        length = self._length[pattern]
        start = end - length
        varying = np.flatnonzero(length == 0)
        start[varying] = self._starts(texts, pattern[varying], end[varying], texts.offsets[row[varying]])
        whole = (start >= texts.offsets[row]) & _bounded(texts, row, start, end)
        at = start - texts.offsets[row]
        hits = Hits(row, start, end, at, self._family[pattern], pattern).where(whole)
        return hits.where(np.argsort(hits.start, kind="stable"))

    def _starts(self, texts: Texts, pattern: Ints, end: Ints, row_start: Ints) -> list[int]:
        """Where matches of varying length begin, each within its own text; -1 for none that does."""
        data = memoryview(texts.buffer)
        starts = []
        first = np.maximum(row_start, end - _LONGEST_MATCH)
        for p, low, high in zip(pattern.tolist(), first.tolist(), end.tolist(), strict=True):
            # lower case beforehand lets `re` look for the literal beginning, which IGNORECASE does not
            found = self._backwards[p].search(data[low:high].tobytes().lower())
            starts.append(low + found.start() if found else -1)
        return starts


def _bounded(texts: Texts, row: Ints, start: Ints, end: Ints) -> npt.NDArray[np.bool_]:
    """Whether a word begins at `start` and ends at `end`, where the phrase has letters there."""
    data = texts.data
    if not len(start):
        return np.zeros(0, bool)
    first, last = data[np.maximum(start, 0)], data[end - 1]
    before = np.where(start > texts.offsets[row], data[np.maximum(start - 1, 0)], 32)
    after_at = np.minimum(end, len(data) - 1)
    after = np.where(end < texts.offsets[row + 1], data[after_at], 32)
    open_before = ~_WORD[first] | ~_WORD[before] | (before >= 128)
    open_after = ~_WORD[last] | ~_WORD[after] | (after == _PUNCTUATION_LEAD)
    whole: npt.NDArray[np.bool_] = open_before & open_after
    return whole
