"""Where hits stand in their text: sentence bounds, quotations, code, coverage; all on arrays."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from aligntax.detectors.scan import Bytes, Hits, Ints, Texts

__all__ = ["Marks", "Mask", "covered", "excerpts", "to_chars"]

Mask = npt.NDArray[np.bool_]

_EXCERPT = 160
_REACH = 300
"""Bytes a sentence may stretch from a hit; beyond it the text is taken to have no sentences."""
_STOP, _BREAK, _QUOTE, _TICK, _LEAD, _OTHER = range(1, 7)
_CLASS = bytearray(256)
for _byte in b".!?":
    _CLASS[_byte] = _STOP
_CLASS[ord("\n")] = _BREAK
_CLASS[ord('"')] = _QUOTE
_CLASS[ord("`")] = _TICK
_CLASS[0xE2] = _LEAD  # first byte of the curly quotes
for _byte in (0xC2, 0xE3, 0xEF):
    _CLASS[_byte] = _OTHER  # first bytes of the guillemets, and of Chinese and Japanese punctuation
_WIDE_STOPS = [int.from_bytes(mark.encode()) for mark in "\u3002\uff01\uff1f\uff61"]  # as . ! ? do
_CORNERS = [[int.from_bytes(mark.encode()) for mark in marks] for marks in ("「『", "」』")]
_GUILLEMETS = [0xAB, 0xBB]  # second bytes; « and » open or close, as the language has it
_AFTER_STOP = np.zeros(256, dtype=bool)
_AFTER_STOP[list(b' \t\r\n"*)')] = True
_AFTER_STOP[[0xC2, *range(0xE2, 0xEA), 0xEF]] = True  # closing marks; Chinese and Japanese have no space
_BULLET = np.zeros(256, dtype=bool)
_BULLET[list(b"-*|#")] = True
_DIGIT = np.zeros(256, dtype=bool)
_DIGIT[48:58] = True


@dataclass(frozen=True, slots=True)
class Marks:
    """Where punctuation stands in a column of texts; each array ascends.

    Attributes:
        texts: the column.
        stops: (n,) the last byte of a sentence: `.`, `!`, `?` before white space, a quote or a star, the
            same marks of Chinese and Japanese, or a line break.
        breaks: (n,) line breaks.
        quotes: (n,) straight double quotes.
        guillemets: (n,) `«` and `»`, which some languages open a quotation with and some close it.
        opened: (n,) opening curly or low quotes, and corner brackets.
        closed: (n,) closing ones; `“` closes what `„` opened.
        fences: (n,) the first of three backticks.
    """

    texts: Texts
    stops: Ints
    breaks: Ints
    quotes: Ints
    guillemets: Ints
    opened: Ints
    closed: Ints
    fences: Ints

    @classmethod
    def of(cls, texts: Texts) -> "Marks":
        """Finds the marks of a column in one pass over its bytes."""
        data = np.concatenate([texts.data, np.zeros(2, np.uint8)])
        classes = np.frombuffer(texts.data.tobytes().translate(bytes(_CLASS)), np.uint8)
        at = np.flatnonzero(classes != 0)
        kind = classes[at]
        breaks = at[kind == _BREAK]
        ends = (kind == _BREAK) | ((kind == _STOP) & _AFTER_STOP[data[at + 1]])
        ticks = at[kind == _TICK]
        fences = ticks[(data[ticks + 1] == ord("`")) & (data[ticks + 2] == ord("`"))]
        curly = at[kind == _LEAD]
        opened, closed = _curly(texts, curly[data[curly + 1] == 0x80], data)
        other = at[kind == _OTHER]
        wide = data[other].astype(np.int64) << 16 | data[other + 1].astype(np.int64) << 8 | data[other + 2]
        corners = [other[np.isin(wide, marks)] for marks in _CORNERS]
        return cls(
            texts=texts,
            stops=np.sort(np.concatenate([at[ends], other[np.isin(wide, _WIDE_STOPS)] + 2])),
            breaks=breaks,
            quotes=at[kind == _QUOTE],
            guillemets=other[(data[other] == 0xC2) & np.isin(data[other + 1], _GUILLEMETS)],
            opened=np.sort(np.concatenate([opened, corners[0]])),
            closed=np.sort(np.concatenate([closed, corners[1]])),
            fences=fences[np.concatenate([[True], np.diff(fences) > 2])[: len(fences)]],
        )

    def sentence(self, hits: Hits) -> tuple[Ints, Ints]:
        """Where the sentence around each hit begins and ends, at most 300 bytes off."""
        row_start, row_end = self.texts.offsets[hits.row], self.texts.offsets[hits.row + 1]
        stops = np.concatenate([[-_REACH - 1], self.stops, [len(self.texts.data) + _REACH]])
        before = stops[np.searchsorted(stops, hits.start, side="left") - 1] + 1
        after = stops[np.searchsorted(stops, hits.end - 1, side="left")] + 1
        start = np.maximum(np.maximum(before, row_start), hits.start - _REACH)
        end = np.minimum(np.minimum(after, row_end), hits.end + _REACH)
        return start, end

    def in_quotation(self, hits: Hits) -> Mask:
        """Whether each hit stands in quotes opened and not closed on its line, or in a `>` line."""
        breaks = np.concatenate([[-1], self.breaks])
        line = breaks[np.searchsorted(breaks, hits.start, side="left") - 1] + 1
        line = np.maximum(line, self.texts.offsets[hits.row])
        straight = _between(self.quotes, line, hits.start) % 2 == 1
        angled = _between(self.guillemets, line, hits.start) % 2 == 1
        curly = _between(self.opened, line, hits.start) > _between(self.closed, line, hits.start)
        quoted: Mask = straight | angled | curly | (self.texts.data[line] == ord(">"))
        return quoted

    def in_code(self, hits: Hits) -> Mask:
        """Whether each hit stands between two code fences, or after one that is never closed."""
        inside: Mask = _between(self.fences, self.texts.offsets[hits.row], hits.start) % 2 == 1
        return inside

    def structured(self, reach: Ints) -> Mask:
        """(rows,) whether a list, a table, a heading or code follows.

        Args:
            reach: (rows,) where to begin looking in each text.
        """
        data = np.concatenate([self.texts.data, np.zeros(3, np.uint8)])
        at = self.breaks
        first, second, third = data[at + 1], data[at + 2], data[at + 3]
        item = (_BULLET[first] & ((second == 32) | (second == first))) | (
            _DIGIT[first] & ((second == ord(".")) | (second == ord(")"))) & (third == 32)
        )
        item |= (first == 0xE2) & (second == 0x80) & (third == 0xA2)
        item |= (first == 0xE3) & (second == 0x83) & (third == 0xBB)  # ・
        # Chinese and Japanese put no space after the number, or a mark of their own
        item |= _DIGIT[first] & ((second == ord(".")) & (third >= 0xE3) | (second == 0xE3) | (second == 0xEF))
        low, high = np.maximum(reach - 1, self.texts.offsets[:-1]), self.texts.offsets[1:]
        return (_between(at[item], low, high) > 0) | (_between(self.fences, low, high) > 0)


def _curly(texts: Texts, at: Ints, data: Bytes) -> tuple[Ints, Ints]:
    """Opening and closing quotes among curly and low ones: „German” “English” „and so“."""
    kind = data[at + 2]
    at, kind = at[(kind >= 0x9C) & (kind <= 0x9E)], kind[(kind >= 0x9C) & (kind <= 0x9E)]
    row = np.searchsorted(texts.offsets, at, side="right")
    low = (kind[:-1] == 0x9E) & (row[:-1] == row[1:])
    closing = (kind == 0x9D) | ((kind == 0x9C) & np.concatenate([[False], low])[: len(kind)])
    return at[~closing], at[closing]


def _between(places: Ints, low: Ints, high: Ints) -> Ints:
    """How many of the ascending places lie in [low, high)."""
    found: Ints = np.searchsorted(places, high, side="left") - np.searchsorted(places, low, side="left")
    return found


def covered(rows: int, row: Ints, start: Ints, end: Ints) -> Ints:
    """(rows,) bytes of each text covered by the spans, overlaps counted once.

    Args:
        rows: number of texts.
        row: (spans,) text of each span, any order.
        start: (spans,) first byte.
        end: (spans,) byte after the last.
    """
    order = np.argsort(start, kind="stable")  # texts lie behind one another, so this orders by text too
    row, start, end = row[order], start[order], end[order]
    reach = np.maximum.accumulate(end)
    before = np.concatenate([[0], reach[:-1]])[: len(reach)]
    new = np.maximum(0, end - np.maximum(start, before))
    return np.bincount(row, weights=new, minlength=rows).astype(np.int64)


def to_chars(texts: Texts, row: Ints, at: Ints) -> Ints:
    """(n,) byte positions in the column become character positions in their text.

    Args:
        texts: the column.
        row: (n,) text of each position.
        at: (n,) position in the column, in bytes.
    """
    first = texts.offsets[row]
    return at - first - _between(texts.continued, first, at)


def excerpts(
    texts: Texts, chosen: Ints, start: Ints, end: Ints
) -> tuple[pa.StringArray, npt.NDArray[np.int32], npt.NDArray[np.int32]]:
    """The sentence of one hit a row, at most 160 bytes of it, and where it stands in characters.

    Args:
        texts: the column.
        chosen: (rows,) index of the hit whose sentence is wanted, -1 for none.
        start: (hits,) where the sentence of each hit begins.
        end: (hits,) where it ends.

    Returns:
        (rows,) text, null for none; (rows,) first and end character, -1 for none.
    """
    rows = np.flatnonzero(chosen >= 0)
    first, last = _trimmed(texts.data, start[chosen[rows]], end[chosen[rows]])
    lengths = last - first
    offsets = np.zeros(len(chosen) + 1, np.int32)
    offsets[rows + 1] = lengths
    np.cumsum(offsets, out=offsets)
    taken = np.arange(int(lengths.sum())) + np.repeat(first - (np.cumsum(lengths) - lengths), lengths)
    absent = pa.array(chosen >= 0).buffers()[1]
    text = pa.StringArray.from_buffers(
        len(chosen), pa.py_buffer(offsets), pa.py_buffer(texts.data[taken]), absent, len(chosen) - len(rows)
    )
    places = np.full((2, len(chosen)), -1, np.int32)
    places[0, rows] = to_chars(texts, rows, first)
    places[1, rows] = to_chars(texts, rows, last)
    return text, places[0], places[1]


def _trimmed(data: Bytes, start: Ints, end: Ints) -> tuple[Ints, Ints]:
    """Spans without white space at their head, of at most 160 bytes, cut between characters."""

    def byte(at: Ints) -> Bytes:
        return data[np.minimum(at, len(data) - 1)]

    for _ in range(4):
        start = start + ((start < end) & (byte(start) <= 32))
    for _ in range(3):  # a sentence cut to its reach may begin inside a character
        start = start + ((start < end) & ((byte(start) & 0xC0) == 0x80))
    end = np.minimum(end, start + _EXCERPT)
    for _ in range(3):
        end = end - ((end < len(data)) & (end > start) & ((byte(end) & 0xC0) == 0x80))
    return start, end
