"""What the classifier sees of an exchange: words, cues, meanings, and what the phrases already found."""

from dataclasses import dataclass
from functools import cache

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from aligntax.detectors.classifier import thesaurus
from aligntax.detectors.classifier.words import Grams, Words, grams, words
from aligntax.detectors.lexicon import load_lexicon
from aligntax.detectors.scan import Scanner, Texts
from aligntax.detectors.verdict import Verdict
from aligntax.records import FLAGS, OUTCOMES, REASONS

__all__ = ["HEAD", "TAIL", "Features", "clipped", "features", "taken"]

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
_OPENING_WORDS = 30
_FIRST, _OPENING, _LAST = 130, 350, 250
"""Bytes that the first sentence, the opening and the end are taken to have, where cues are counted."""


@dataclass(frozen=True, slots=True)
class Features:
    """Features of a batch of exchanges.

    Attributes:
        response: n-grams of the responses, one entry an order and window.
        prompt: n-grams of the prompts.
        dense: (rows, columns) numbers of every row.
    """

    response: list[Grams]
    prompt: list[Grams]
    dense: Floats


def features(prompts: pa.StringArray, responses: pa.StringArray, verdict: Verdict) -> Features:
    """The features of exchanges.

    Args:
        prompts: (rows,) the users' words; null counts as empty.
        responses: (rows,) the models' words.
        verdict: (rows,) what the phrases say of the responses.
    """
    responses = clipped(responses, HEAD, TAIL)
    said, asked = words(responses), words(clipped(prompts, _PROMPT_HEAD, _PROMPT_TAIL))
    return Features(
        response=[g for order in _ORDERS for g in grams(said, order, _WINDOWS, _RESPONSE)],
        prompt=[g for order in _ORDERS for g in grams(asked, order, _PROMPT_WINDOWS, _PROMPT)],
        dense=np.column_stack(
            [_of_phrases(verdict), _repeated(said, asked), _of_cues(responses), _of_meanings(said, asked)]
        ).astype(np.float32),
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


def taken(verdict: Verdict, rows: npt.NDArray[np.int64]) -> Verdict:
    """The verdicts of some rows."""
    columns = {
        name: getattr(verdict, name).take(pa.array(rows)) if name == "evidence" else getattr(verdict, name)[rows]
        for name in Verdict.__slots__
    }
    return Verdict(**columns)


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
    odd = np.uint64(0x9E3779B97F4A7C15)
    known = np.isin(said.hash ^ said.row.astype(np.uint64) * odd, asked.hash ^ asked.row.astype(np.uint64) * odd)
    opening = known & (said.place < 40)
    rows = len(said.counts)
    return np.column_stack(
        [
            np.bincount(said.row[known], minlength=rows) / np.maximum(said.counts, 1),
            np.bincount(said.row[opening], minlength=rows) / np.clip(said.counts, 1, 40),
        ]
    )


@cache
def _cues() -> Scanner:
    return Scanner(load_lexicon("cues"))


def _of_cues(responses: pa.StringArray) -> npt.NDArray[np.float64]:
    """How often each family of cues stands in the first sentence, the opening, all of it, the end."""
    scanner, texts = _cues(), Texts.of(responses)
    hits = scanner.hits(texts)
    rows, families = len(responses), len(scanner.families)
    key = hits.row * families + hits.family

    def count(inside: npt.NDArray[np.bool_]) -> npt.NDArray[np.float64]:
        found = np.bincount(key[inside], minlength=rows * families).reshape(rows, families)
        return found.astype(np.float64)

    whole = count(np.ones(len(key), bool))
    pages = np.sqrt(np.maximum(texts.lengths, 1) / 500)[:, None]
    return np.hstack(
        [
            np.minimum(count(hits.at < _FIRST), 2),
            np.log1p(count(hits.at < _OPENING)),
            np.log1p(whole),
            np.minimum(count(hits.at >= texts.lengths[hits.row] - _LAST), 2),
            np.log1p(whole / pages),
        ]
    )


def _of_meanings(said: Words, asked: Words) -> npt.NDArray[np.float64]:
    """How many words of each class stand in the opening, in the response, in the prompt."""
    counted = []
    for text, window in ((said, _OPENING_WORDS), (said, None), (asked, None)):
        of = thesaurus.classes(text)
        inside = of >= 0
        if window is not None:
            inside &= text.place < window
        rows, kinds = len(text.counts), len(thesaurus.names())
        found = np.bincount(text.row[inside] * kinds + of[inside], minlength=rows * kinds)
        counted.append(found.reshape(rows, kinds).astype(np.float64))
    return np.hstack([np.minimum(counted[0], 3), np.log1p(counted[1]), np.log1p(counted[2])])
