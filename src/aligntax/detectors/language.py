"""Which language a response is written in, told by its script and its most frequent words.

Most logs are English, so a first look settles what is plainly English: a long text that begins in English and
has hardly an accented letter, or a text with a word of English, and none of another language, at its
beginning or end. What that misses is a passage without accents in the midst of a long English text.
Whatever is left is read more closely, on a bounded sample: every frequent word of some fifty languages counts
for those that list it (`lexicons/words.toml`), letters beyond Latin count for their script, and the language
with the most wins.
"""

import tomllib
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

import hyperscan
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from aligntax.detectors.scan import Bytes, Ints, Texts

__all__ = ["ENGLISH", "LANGUAGES", "NO_LANGUAGE", "OTHER", "READ", "Spoken", "identify", "languages"]

READ = ("en", "de", "fr", "es", "it", "pt", "zh", "ja")
"""Languages there is a lexicon for."""
LANGUAGES = (*READ, "other", "none")
"""Codes of `languages` are places in here: *other* is a language without a lexicon, *none* no language at
all (code, numbers, emoji, a name)."""
ENGLISH, OTHER, NO_LANGUAGE = 0, LANGUAGES.index("other"), LANGUAGES.index("none")
_CHINESE, _JAPANESE = READ.index("zh"), READ.index("ja")

_PLAINLY_ENGLISH = " (?:the|and|you|that|with) "
_HEAD, _TAIL = 192, 64
"""Bytes at either end of a text that the first look searches for words of English and of others."""
_LONG, _ACCENTS = 400, 3
"""Bytes of a text from which on, and accented letters up to which, an English beginning settles it."""
_FOREIGN = 2
"""Words or letters of other languages there that call for a closer look; one may be a name."""
_OPENING, _CLOSING = 600, 150
"""Bytes at either end of a text that the closer look reads."""
_NO_PROSE = r"(?s)```.*?(?:```|\z)|`[^`\n]*`|https?://[^\s]+"
_PROSE = r"(?:[a-z\x80-\xff]{2,30} ){8}"
"""Words in a row without punctuation: a sentence, not a list or code."""
_PROSE_WORDS, _PROSE_KNOWN = 12, 0.06
"""Words of prose, and share of them known to any language, from which on and below which it is unknown."""
_LATIN = 2.0
"""Words there are for one that the lists know: about half of running text."""
_HAN, _KANA, _LETTERS = 1.7, 2.5, 4.5
"""Characters of a word."""
_KANA_SHARE = 0.08
"""Share of kana above which Chinese characters are Japanese."""
_FOREIGN_LETTER = 0.4
"""Words that a Latin letter is worth which no language of READ has (ł, ğ, ș)."""
_LEAST, _LEAST_OTHER = 1.0, 2.4
"""Words it takes to name a language that has a lexicon, and one that has none."""
_LEAST_SHARE = 0.2
"""Share of the words of a text that a language must list: below it, they are code, a table or names."""
_CLEARLY = 1.3
"""Times another language must exceed the best one that can be read to be taken for the language."""
_OWN = 0.5
"""Part of a word from which on hardly another language has it."""
_ALSO, _ALSO_WORDS = 0.05, 4.0
"""Share of a text, and words of it, that make a language one of those the text is written in."""

_ACCENTED, _GREEK, _KOREAN = 0xC3, 0xCE, 0xED
"""First bytes of accented letters, of the first letters beyond Latin, and of the last."""
_NONE, _IS_HAN, _IS_KANA, _IS_OTHER = range(4)
_SCRIPT = np.zeros(256, np.uint8)
_SCRIPT[0xCE:0xE2] = _IS_OTHER  # Greek to Arabic in two bytes; India, Thailand, Ethiopia in three
_SCRIPT[0xE3:0xEA] = _IS_HAN
_SCRIPT[0xEA:0xEE] = _IS_OTHER  # Korean
_NOTHING, _SPACE = (pa.scalar(text, pa.large_binary()) for text in (b"", b" "))
_KEPT = bytes(byte if byte >= 128 or chr(byte).isalnum() else 32 for byte in range(256))
_PREFIX = np.array([(1 << 8 * length) - 1 for length in range(8)] + [2**64 - 1], np.uint64)
_MIX = np.uint64(0x9E3779B97F4A7C15)


@dataclass(frozen=True, slots=True)
class Spoken:
    """What the texts of a column are written in.

    Attributes:
        lead: (rows,) the language most of a text is in, as a place in LANGUAGES.
        read: (rows, languages) whether a text is to be read in each language of READ; English wherever no
            language leads that has a lexicon.
    """

    lead: npt.NDArray[np.int8]
    read: npt.NDArray[np.bool_]


def languages(texts: Texts) -> npt.NDArray[np.int8]:
    """(rows,) the language of each text, as a place in LANGUAGES."""
    return identify(texts).lead


def identify(texts: Texts) -> Spoken:
    """The languages of each text."""
    rows = len(texts.offsets) - 1
    spoken = Spoken(np.zeros(rows, np.int8), np.zeros((rows, len(READ)), bool))
    spoken.read[:, ENGLISH] = True
    closer = _doubtful(texts)
    if len(closer):
        words = _words(_binary(texts).take(pa.array(closer)))
        spoken.lead[closer] = _lead(words)
        spoken.read[closer] = _readable(words, spoken.lead[closer])
    return spoken


def _binary(texts: Texts) -> pa.LargeBinaryArray:
    """The texts as bytes, without a copy: they may then be cut anywhere."""
    buffers = [None, pa.py_buffer(texts.offsets), texts.buffer]
    return pa.LargeBinaryArray.from_buffers(pa.large_binary(), len(texts.offsets) - 1, buffers)


def _doubtful(texts: Texts) -> Ints:
    """Rows that are not plainly English and nothing else, as far as a first look tells."""
    column = _binary(texts)
    head = pc.binary_slice(column, 0, _HEAD)
    plain = _letters_from(_ACCENTED, texts) < _ACCENTS
    sure = _telltale(Texts.of(head)) & (texts.lengths >= _LONG) & plain
    unsure = np.flatnonzero(~sure)
    rows = pa.array(unsure)
    tail = pc.binary_slice(column, -_TAIL, None)  # of all texts: taking whole ones first costs more
    ends = pc.binary_join_element_wise(head.take(rows), tail.take(rows), _SPACE)
    foreign = _foreign(Texts.of(ends)) + _letters_from(_GREEK, texts)[unsure] >= _FOREIGN
    doubtful = foreign | ~_english(ends)
    once_more = np.flatnonzero(doubtful & ~foreign)
    doubtful[once_more] = ~_english(column.take(pa.array(unsure[once_more])))
    return unsure[doubtful]


def _english(column: pa.LargeBinaryArray) -> npt.NDArray[np.bool_]:
    """(rows,) whether a word that is English and nothing else stands in the text."""
    found: npt.NDArray[np.bool_] = pc.match_substring_regex(column, _PLAINLY_ENGLISH).to_numpy(
        zero_copy_only=False
    )
    return found


def _telltale(head: Texts) -> npt.NDArray[np.bool_]:
    """(rows,) whether a word in "th", which hardly another language has, stands in the text."""
    data = head.data
    if len(data) < 3:
        return np.zeros(len(head.lengths), bool)
    begun = (data[:-2] == ord(" ")) & (data[1:-1] == ord("t")) & (data[2:] == ord("h"))
    telltale: npt.NDArray[np.bool_] = np.logical_or.reduceat(
        begun, np.minimum(head.offsets[:-1], len(begun) - 1)
    )
    return telltale


def _foreign(part: Texts) -> Ints:
    """(rows,) how often a frequent word of another language stands in the text."""
    found: list[int] = []

    def on_match(pattern: int, start: int, end: int, flags: int, context: object) -> None:
        found.append(end)

    if part.buffer.size:
        _telling().scan(part.buffer, match_event_handler=on_match)
    row = np.searchsorted(part.offsets, np.array(found, np.int64), side="left") - 1
    return np.bincount(row, minlength=len(part.lengths))


def _letters_from(first: int, texts: Texts) -> Ints:
    """(rows,) letters whose first byte is that one or a later one; E2 begins punctuation."""
    lead = texts.data[texts.leads]
    letter = (lead >= first) & (lead <= _KOREAN) & (lead != 0xE2)
    return np.bincount(texts.lead_rows[letter], minlength=len(texts.lengths))


@cache
def _telling() -> hyperscan.Database:
    """Finds frequent words of other languages."""
    expressions = [f" {word} ".encode() for word in dict.fromkeys(_lists()["telling"].split())]
    number = len(expressions)
    database = hyperscan.Database(mode=hyperscan.HS_MODE_BLOCK)
    database.compile(expressions=expressions, ids=list(range(number)), elements=number, flags=[0] * number)
    return database


@dataclass(frozen=True, slots=True)
class _Words:
    """Words of some texts by language.

    Attributes:
        read: (rows, languages) words of each language of READ.
        also: (rows, languages) words of each that hardly another language has, also where they are few.
        other: (rows,) words of the one language without a lexicon that has most.
        prose: (rows,) whether there is running text and hardly a word of it is known.
    """

    read: npt.NDArray[np.float64]
    also: npt.NDArray[np.float64]
    other: npt.NDArray[np.float64]
    prose: npt.NDArray[np.bool_]


def _lead(words: _Words) -> npt.NDArray[np.int8]:
    best = words.read.max(axis=1)
    lead = np.where(best >= _LEAST, words.read.argmax(axis=1), NO_LANGUAGE)
    unread = (words.other >= _LEAST_OTHER) & (words.other > _CLEARLY * best)
    return np.where(unread | words.prose, OTHER, lead).astype(np.int8)


def _readable(words: _Words, lead: npt.NDArray[np.int8]) -> npt.NDArray[np.bool_]:
    total = words.read.sum(axis=1) + words.other
    read: npt.NDArray[np.bool_] = (words.also >= _ALSO_WORDS) & (words.also >= _ALSO * total[:, None])
    known = lead < OTHER
    read[known, lead[known]] = True
    read[~known, ENGLISH] = True
    return read


def _words(column: pa.LargeBinaryArray) -> _Words:
    """Words of each language in a sample of each text."""
    rows = len(column)
    sample = _sample(column)
    texts = Texts.of(sample)
    row, key = _keys(_letters(texts), texts.offsets)
    latin, own, listed = _vocabulary().score(row, key, rows)
    words = np.bincount(row, minlength=rows)
    known = listed.max(axis=1)
    latin = np.where(listed >= _LEAST_SHARE * words[:, None], _LATIN * latin, 0)
    han, kana, letters = _scripts(texts)
    read, also = latin[:, : len(READ)], _LATIN * own[:, : len(READ)]
    japanese = kana >= _KANA_SHARE * (han + kana)
    for counted in (read, also):
        counted[:, _CHINESE] = np.where(japanese, 0, han)
        counted[:, _JAPANESE] = np.where(japanese, han + kana, 0)
    other = latin[:, len(READ) :].max(axis=1) + letters + _FOREIGN_LETTER * _extended(texts)
    prose = (words >= _PROSE_WORDS) & (known + han + kana < _PROSE_KNOWN * words)
    running = pc.match_substring_regex(sample.take(pa.array(np.flatnonzero(prose))), _PROSE)
    prose[prose] = running.to_numpy(zero_copy_only=False)
    return _Words(read, also, other, prose)


def _sample(column: pa.LargeBinaryArray) -> pa.LargeBinaryArray:
    """The beginning and, of a long text, the end, without code and addresses, between spaces."""
    prose = pc.replace_substring_regex(pc.binary_slice(column, 0, _OPENING), _NO_PROSE, b" ")
    long = pc.greater(pc.binary_length(column), _OPENING + _CLOSING)
    closing = pc.if_else(long, pc.binary_slice(column, -_CLOSING, None), _NOTHING)
    return pc.binary_join_element_wise(_NOTHING, prose, closing, _NOTHING, _SPACE)


def _letters(texts: Texts) -> Bytes:
    """The texts in lower case, with a space for every byte that is part of no letter or digit."""
    data = np.frombuffer(bytearray(texts.folded().data.tobytes().translate(_KEPT)), np.uint8)
    for lead, length in ((0xC2, 2), (0xE2, 3), (0xEF, 3), (0xF0, 4)):
        at = np.flatnonzero(data == lead)
        for offset in range(length):
            data[np.minimum(at + offset, len(data) - 1)] = 32
    return data


def _keys(data: Bytes, offsets: Ints) -> tuple[Ints, npt.NDArray[np.uint64]]:
    """(words,) text of each word, and a number that stands for the word."""
    letter = np.concatenate([[False], data != 32, [False]])
    edges = np.flatnonzero(letter[1:] != letter[:-1])
    start, end = edges[::2], edges[1::2]
    padded = np.concatenate([data, np.zeros(8, np.uint8)])
    first = np.lib.stride_tricks.sliding_window_view(padded, 8)[start].copy().view(np.uint64).ravel()
    words = np.diff(np.searchsorted(start, offsets, side="left"))
    return np.repeat(np.arange(len(words)), words), _key(first, end - start)


def _key(first: npt.NDArray[np.uint64], length: Ints) -> npt.NDArray[np.uint64]:
    """The first eight bytes of a word, mixed with how many follow."""
    more = np.maximum(length - 8, 0).astype(np.uint64)
    return (first & _PREFIX[np.minimum(length, 8)]) ^ (more * _MIX)


def _scripts(texts: Texts) -> tuple[npt.NDArray[np.float64], ...]:
    """(rows,) words there are of Chinese characters, of kana, and of letters of other scripts."""
    data = np.concatenate([texts.data, np.zeros(1, np.uint8)])
    at = np.flatnonzero((data >= 0xCE) & (data != 0xE2) & (data < 0xEE))
    script, second = _SCRIPT[data[at]], data[at + 1]
    script[(data[at] == 0xE1) & (second >= 0xB8) & (second < 0xBC)] = _NONE  # Latin of Vietnam
    ideographs = data[at] == 0xE3
    script[ideographs & (second < 0x90)] = _NONE
    script[ideographs & (second >= 0x81) & (second < 0x84)] = _IS_KANA
    width = np.where(data[at] < 0xE0, 2, 3)
    joined = np.diff(at, prepend=-9) == np.concatenate([[0], width])[: len(at)]
    joined &= np.concatenate([[False], script[:-1] == script[1:]])[: len(at)]
    script[(script == _IS_OTHER) & ~joined] = _NONE  # a lone letter is a symbol
    row = np.searchsorted(texts.offsets, at, side="right") - 1
    rows = len(texts.offsets) - 1
    return tuple(
        np.bincount(row[script == kind], minlength=rows) / size
        for kind, size in ((_IS_HAN, _HAN), (_IS_KANA, _KANA), (_IS_OTHER, _LETTERS))
    )


def _extended(texts: Texts) -> Ints:
    """(rows,) Latin letters beyond Latin-1, but for the French ligature."""
    at = np.flatnonzero((texts.data >= 0xC4) & (texts.data < 0xC7))
    at = at[~((texts.data[at] == 0xC5) & np.isin(texts.data[at + 1], (0x92, 0x93)))]
    row = np.searchsorted(texts.offsets, at, side="right") - 1
    return np.bincount(row, minlength=len(texts.offsets) - 1)


@dataclass(frozen=True, slots=True)
class _Vocabulary:
    """The words the lists know.

    Attributes:
        keys: (words,) their numbers.
        first: (words + 1,) where the languages of each word begin in `language`.
        language: (pairs,) column of each language that lists the word; READ first.
        weight: (pairs,) one part of the word for each of them.
        columns: how many languages there are.
    """

    keys: pa.UInt64Array
    first: Ints
    language: Ints
    weight: npt.NDArray[np.float64]
    columns: int

    def score(self, row: Ints, key: npt.NDArray[np.uint64], rows: int) -> tuple[npt.NDArray[Any], ...]:
        """(rows, columns) words of each language: shared ones in parts, hardly shared ones alone, and all."""
        place = pc.fill_null(pc.index_in(pa.array(key), self.keys), -1).to_numpy()
        row, at = row[place >= 0], place[place >= 0]
        times = self.first[at + 1] - self.first[at]
        pair = np.arange(times.sum()) + np.repeat(self.first[at] - (np.cumsum(times) - times), times)
        cell = np.repeat(row, times) * self.columns + self.language[pair]
        shape = rows, self.columns
        weight = self.weight[pair]
        own = np.where(weight >= _OWN, weight, 0.0)
        parts, distinctive, counts = (
            np.bincount(cell, weights=weights, minlength=rows * self.columns).reshape(shape)
            for weights in (weight, own, None)
        )
        return parts, distinctive, counts


@cache
def _lists() -> dict[str, Any]:
    text = resources.files("aligntax.detectors").joinpath("lexicons/words.toml").read_text("utf-8")
    return tomllib.loads(text)


@cache
def _vocabulary() -> _Vocabulary:
    lists = _lists()
    order = [*(lists["read"].get(language, "") for language in READ), *lists["unread"].values()]
    listing: dict[str, list[int]] = {}
    for column, words in enumerate(order):
        for word in dict.fromkeys(words.split()):
            listing.setdefault(word, []).append(column)
    encoded = [word.encode() for word in listing]
    first = np.array([int.from_bytes(word[:8], "little") for word in encoded], np.uint64)
    keys = _key(first, np.array([len(word) for word in encoded]))
    sizes = np.array([len(columns) for columns in listing.values()])
    return _Vocabulary(
        keys=pa.array(keys),
        first=np.concatenate([[0], np.cumsum(sizes)]),
        language=np.concatenate([np.array(columns) for columns in listing.values()]),
        weight=np.repeat(1.0 / sizes, sizes),
        columns=len(order),
    )
