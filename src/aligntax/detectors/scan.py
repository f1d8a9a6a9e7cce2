"""One pass of hyperscan over an Arrow column: where which phrase of a lexicon stands."""

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import hyperscan
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from aligntax.detectors.lexicon import Lexicon, Role

__all__ = ["Hits", "Scanner", "Texts"]

Ints = npt.NDArray[np.int64]
Bytes = npt.NDArray[np.uint8]

_FIRST_LEAD = np.uint8(0xC2)
_BEYOND_ASCII = np.uint64(0x8080808080808080)
_PART = 1 << 18
"""Bytes looked through at a time, few enough for the cache."""
_LONGEST_MATCH = 120
_LONGEST_ONWARDS = 400
"""Bytes a match may stretch that is found by its beginning: a gap may be long."""
_END = rb"(?:(?<=[\x80-\xff])|(?![0-9a-z_\xc3-\xdf]))"
"""Where a phrase may end: no word goes on (whether one does in other letters, `_bounded` tells)."""
_SPACED = np.zeros(256, dtype=bool)
_SPACED[[*range(48, 58), *range(65, 91), *range(97, 123), 95]] = True
_SPACED[0xC2:0xE2] = True  # first bytes of the letters of scripts with spaces; punctuation begins with E2
_LATIN_1_LETTERS = np.array([0xAA, 0xB5, 0xBA], np.uint8)  # all letters among the characters of C2


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
        large = pa.types.is_large_string(column.type) or pa.types.is_large_binary(column.type)
        width = np.int64 if large else np.int32
        starts = np.frombuffer(offsets, width, len(column) + 1, column.offset * np.dtype(width).itemsize)
        starts = starts.astype(np.int64)
        used = data.slice(int(starts[0]), int(starts[-1] - starts[0]))
        return cls(np.frombuffer(used, np.uint8), starts - starts[0], used)

    def folded(self) -> "Texts":
        """The texts in lower case, letters of Latin-1 included; every letter keeps its length."""
        data = np.frombuffer(bytearray(self.data.tobytes().lower()), np.uint8)
        accented = np.flatnonzero(data[:-1] == 0xC3) + 1
        capital = (data[accented] >= 0x80) & (data[accented] <= 0x9E) & (data[accented] != 0x97)
        data[accented[capital]] += 0x20
        ligature = np.flatnonzero(data[:-1] == 0xC5) + 1
        data[ligature[data[ligature] == 0x92]] = 0x93  # Œ
        return Texts(data, self.offsets, pa.py_buffer(data))

    @cached_property
    def lengths(self) -> Ints:
        """(rows,) bytes of each text."""
        return np.diff(self.offsets)

    @cached_property
    def leads(self) -> Ints:
        """Where the characters beyond ASCII begin; ascending."""
        parts = [np.empty(0, np.int64)]
        for first in range(0, len(self.data), _PART):
            part = self.data[first : first + _PART]
            words = part[: len(part) // 8 * 8].view(np.uint64) & _BEYOND_ASCII
            near = (np.flatnonzero(words != 0)[:, None] * 8 + np.arange(8)).ravel()
            near = np.concatenate([near, np.arange(len(words) * 8, len(part))])
            parts.append(first + near[part[near] >= _FIRST_LEAD])
        return np.concatenate(parts)

    @cached_property
    def lead_rows(self) -> Ints:
        """The text of each of `leads`."""
        return np.searchsorted(self.offsets, self.leads, side="right") - 1

    @cached_property
    def chars(self) -> Ints:
        """(rows,) characters of each text."""
        lead = self.data[self.leads]
        more = 1 + (lead >= 0xE0).astype(np.int64) + (lead >= 0xF0)
        return self.lengths - np.bincount(self.lead_rows, more, len(self.lengths)).astype(np.int64)

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

    def placed(self, rows: Ints, texts: Texts) -> "Hits":
        """The same hits in another column, of which the texts they were found in are `rows`."""
        row = rows[self.row]
        start = texts.offsets[row] + self.at
        return Hits(row, start, start + self.end - self.start, self.at, self.family, self.pattern)

    def placed_among(self, rows: Ints, texts: Texts) -> "Hits":
        """The same hits in a column that holds some of the texts, `rows`, all hits among them."""
        return replace(self, row=np.searchsorted(rows, self.row)).placed(np.arange(len(rows)), texts)

    @classmethod
    def of(cls, parts: Sequence["Hits"]) -> "Hits":
        """Hits of several scans of one column, in order."""
        joined = cls(*(np.concatenate([getattr(part, name) for part in parts]) for name in cls.__slots__))
        return joined.where(np.argsort(joined.start, kind="stable"))


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
        self._folds = lexicon.language != "en"
        self._begun: dict[bytes, list[int]] = {}
        for index, pattern in enumerate(patterns):
            for beginning in pattern.beginnings:
                self._begun.setdefault(beginning, []).append(index)
        # beginnings have the numbers after those of the patterns
        numbered = [(index, p.expression) for index, p in enumerate(patterns) if not p.beginnings]
        numbered += list(enumerate(map(re.escape, self._begun), self.patterns))
        self._database = hyperscan.Database(mode=hyperscan.HS_MODE_BLOCK)
        self._database.compile(
            expressions=[expression for _, expression in numbered],
            ids=[index for index, _ in numbered],
            elements=len(numbered),
            flags=[hyperscan.HS_FLAG_CASELESS] * len(numbered),
        )
        self._family = np.array([p.family for p in patterns], np.int64)
        self._length = np.array([p.length for p in patterns], np.int64)
        # hyperscan tells where a match ends; where one of varying length begins, `re` tells
        self._backwards = {
            index: re.compile(rb"(?:" + p.expression + rb")\Z")
            for index, p in enumerate(patterns)
            if not p.length and not p.beginnings
        }
        self._onwards = [
            [(index, re.compile(rb"(?:" + patterns[index].expression + rb")" + _END)) for index in indices]
            for indices in self._begun.values()
        ]
        self._beginnings = np.array([len(beginning) for beginning in self._begun], np.int64)

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
        if self._folds:
            texts = texts.folded()
        found = self.raw(texts.buffer)
        number, end = found & 0xFFFF, found >> 16
        row = np.searchsorted(texts.offsets, end, side="left") - 1
        plain = number < self.patterns
        begun = np.flatnonzero(~plain)
        onwards = self._ends(texts, number[begun] - self.patterns, end[begun], row[begun])
        pattern, end, row = number[plain], end[plain], row[plain]
        length = self._length[pattern]
        start = end - length
        varying = np.flatnonzero(length == 0)
        start[varying] = self._starts(texts, pattern[varying], end[varying], texts.offsets[row[varying]])
        if len(onwards):
            pattern, start, end, row = (
                np.concatenate([ours, theirs])
                for ours, theirs in zip((pattern, start, end, row), onwards.T, strict=True)
            )
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

    def _ends(self, texts: Texts, beginning: Ints, end: Ints, row: Ints) -> Ints:
        """(matches, 4) pattern, start, end and row of the phrases that go on from a beginning."""
        matches = []
        text = texts.data.tobytes().lower() if len(beginning) else b""
        first = end - self._beginnings[beginning]
        last = np.minimum(texts.offsets[row + 1], first + _LONGEST_ONWARDS)
        for number, low, high, at in zip(
            beginning.tolist(), first.tolist(), last.tolist(), row.tolist(), strict=True
        ):
            for pattern, expression in self._onwards[number]:
                found = expression.match(text, low, high) if low >= 0 else None
                if found:
                    matches.append((pattern, low, found.end(), at))
        return np.array(matches, np.int64).reshape(-1, 4)


def _bounded(texts: Texts, row: Ints, start: Ints, end: Ints) -> npt.NDArray[np.bool_]:
    """Whether no word goes on across the start or the end of a phrase.

    Chinese and Japanese have no spaces, so that nothing goes on where one of their characters stands.
    """
    if not len(start):
        return np.zeros(0, bool)
    first, last = texts.offsets[row], texts.offsets[row + 1]
    before = (start > first) & _letter_before(texts.data, start) & _letter_at(texts.data, start)
    after = (end < last) & _letter_before(texts.data, end) & _letter_at(texts.data, end)
    return ~before & ~after


def _letter_at(data: Bytes, at: Ints) -> npt.NDArray[np.bool_]:
    """Whether the character that begins at each place is part of a word between spaces."""
    at = np.minimum(at, len(data) - 1)
    lead, second = data[at], data[np.minimum(at + 1, len(data) - 1)]
    letter: npt.NDArray[np.bool_] = _SPACED[lead]
    letter &= (lead != 0xC2) | np.isin(second, _LATIN_1_LETTERS)
    return letter


def _letter_before(data: Bytes, at: Ints) -> npt.NDArray[np.bool_]:
    """Whether the character that ends before each place is part of a word between spaces."""
    at = np.maximum(at - 1, 0)
    for _ in range(3):
        at = at - (((data[at] & 0xC0) == 0x80) & (at > 0))
    return _letter_at(data, at)
