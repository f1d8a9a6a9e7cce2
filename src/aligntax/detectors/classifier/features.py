"""What the classifier sees of an exchange: words, cues, and what the phrases already found."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from aligntax.detectors.classifier.cues import Found, load_cues
from aligntax.detectors.classifier.words import Grams, Words, grams, words
from aligntax.detectors.verdict import COMPLETE, Verdict
from aligntax.records import FLAGS, OUTCOMES, REASONS

__all__ = ["HEAD", "TAIL", "Features", "clipped", "features"]

Floats = npt.NDArray[np.float32]

HEAD, TAIL = 2400, 600
"""Characters read at the beginning and at the end of a response; what lies between is left out, so that
a response of a megabyte costs no more than one of a page."""
_PROMPT_HEAD, _PROMPT_TAIL = 600, 300
_WINDOWS = (6, 40, None)
"""Words from the beginning that n-grams are told apart by: the first words, the opening, all."""
_PROMPT_WINDOWS = (3, None)
_ORDERS = (1, 2)
_RESPONSE, _PROMPT = 0, 1
_NEAR = (("seek", "adviser"), ("adviser", "can_help"))
"""Families of cues of which one soon after the other is a cue of its own: "talk it over with a doctor"."""
_REACH = 15
"""Words between the ends of two such cues at most."""
_ODD = np.uint64(0x9E3779B97F4A7C15)
_TABLE_BITS = 22
_FIRST, _OPENING, _LAST, _PAGE = 22, 60, 42, 85
"""Words that the first sentence, the opening, the end and a page are taken to have."""


@dataclass(frozen=True, slots=True)
class Features:
    """Features of a batch of exchanges.

    Attributes:
        response: n-grams of the responses, one entry an order and window.
        prompt: n-grams of the prompts.
        dense: (rows, columns) numbers of every row.
        marked: (rows,) whether the phrases or a cue found anything but a plain answer.
    """

    response: list[Grams]
    prompt: list[Grams]
    dense: Floats
    marked: npt.NDArray[np.bool_]


def features(prompts: pa.StringArray, responses: pa.StringArray, verdict: Verdict) -> Features:
    """The features of exchanges.

    Args:
        prompts: (rows,) the users' words; null counts as empty.
        responses: (rows,) the models' words.
        verdict: (rows,) what the phrases say of the responses.
    """
    responses = clipped(responses, HEAD, TAIL)
    said, asked = words(responses), words(clipped(prompts, _PROMPT_HEAD, _PROMPT_TAIL))
    found = load_cues().find(said)
    return Features(
        response=[g for order in _ORDERS for g in grams(said, order, _WINDOWS, _RESPONSE)],
        prompt=[g for order in _ORDERS for g in grams(asked, order, _PROMPT_WINDOWS, _PROMPT)],
        dense=np.column_stack([_of_phrases(verdict), _repeated(said, asked), _of_cues(said, found)]).astype(
            np.float32
        ),
        marked=_marked(verdict, found),
    )


def clipped(column: pa.StringArray, head: int, tail: int) -> pa.StringArray:
    """The first and the last characters of each text; short texts as they are."""
    long = pc.greater(pc.binary_length(column), head + tail)
    if not pc.any(long).as_py():
        return column
    ends = pc.binary_join_element_wise(
        pc.utf8_slice_codeunits(column, 0, head), pc.utf8_slice_codeunits(column, -tail), "\n\n"
    )
    long = pc.greater(pc.utf8_length(column), head + tail)
    return pc.if_else(long, ends, column)


def _of_phrases(verdict: Verdict) -> npt.NDArray[np.float64]:
    chars = np.maximum(verdict.response_chars, 1)
    size = np.log(chars) / 8
    return np.column_stack(
        [
            verdict.outcome[:, None] == np.arange(len(OUTCOMES)),
            verdict.flags[:, : len(FLAGS)],
            np.minimum(verdict.hedge_density, 20) / 10,
            size,
            size**2,
            verdict.caveat_chars / chars,
            verdict.score,
            np.clip(verdict.answer_offset, 0, 800) / 400,
            verdict.reason[:, None] == np.arange(len(REASONS)),
        ]
    )


def _repeated(said: Words, asked: Words) -> npt.NDArray[np.float64]:
    """Share of a response's words, and of its opening's, that stand in the prompt."""
    # a table of bits in place of a search: now and then a word is taken for one of the prompt
    own, others = (
        (text.hash ^ text.row.astype(np.uint64) * _ODD) >> np.uint64(64 - _TABLE_BITS)
        for text in (said, asked)
    )
    table = np.zeros(1 << _TABLE_BITS, dtype=bool)
    table[others] = True
    known = table[own]
    opening = known & (said.place < 40)
    rows = len(said.counts)
    return np.column_stack(
        [
            np.bincount(said.row[known], minlength=rows) / np.maximum(said.counts, 1),
            np.bincount(said.row[opening], minlength=rows) / np.clip(said.counts, 1, 40),
        ]
    )


def _marked(verdict: Verdict, found: Found) -> npt.NDArray[np.bool_]:
    marked: npt.NDArray[np.bool_] = (verdict.outcome != COMPLETE) | verdict.flags.any(axis=1)
    marked[found.row[load_cues().marks[found.family]]] = True
    return marked


def _of_cues(said: Words, found: Found) -> npt.NDArray[np.float64]:
    """How often each family of cues stands in the first sentence, the opening, all of it, the end."""
    cues = load_cues()
    near = [
        _followed(found, found.family == cues.names.index(first), found.family == cues.names.index(second))
        for first, second in _NEAR
    ]
    rows, families = len(said.counts), len(cues.names) + len(near)
    which = np.concatenate([np.arange(len(found.end)), *near])
    family = np.concatenate(
        [found.family, *(np.full(len(n), len(cues.names) + at) for at, n in enumerate(near))]
    )
    row, place = found.row[which], said.place[found.end[which] - 1]
    left = said.counts[row] - place
    key = row * families + family

    def count(inside: npt.NDArray[np.bool_] | slice) -> npt.NDArray[np.float64]:
        counted = np.bincount(key[inside], minlength=rows * families).reshape(rows, families)
        return counted.astype(np.float64)

    whole = count(slice(None))
    pages = np.sqrt(np.maximum(said.counts, 1) / _PAGE)[:, None]
    return np.hstack(
        [
            np.minimum(count(place < _FIRST), 2),
            np.log1p(count(place < _OPENING)),
            np.log1p(whole),
            np.minimum(count(left < _LAST), 2),
            np.log1p(whole / pages),
        ]
    )


def _followed(
    found: Found, first: npt.NDArray[np.bool_], second: npt.NDArray[np.bool_]
) -> npt.NDArray[np.int64]:
    """Indices of the cues of the second kind with one of the first kind shortly before, in the same text."""
    earlier, later = np.flatnonzero(first), np.flatnonzero(second)
    if not len(earlier):
        return np.empty(0, np.int64)
    last = earlier[np.maximum(np.searchsorted(found.end[earlier], found.end[later], side="left") - 1, 0)]
    gap = found.end[later] - found.end[last]
    near: npt.NDArray[np.int64] = later[(gap > 0) & (gap <= _REACH) & (found.row[last] == found.row[later])]
    return near
