"""Words by what they mean: one of a few dozen classes, so that not every word need have been trained on."""

import tomllib
from functools import cache
from importlib import resources

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from aligntax.detectors.classifier.words import Hashes, Words, words

__all__ = ["classes", "names"]

_VOWELS = "aeiou"
_NOT_DOUBLED = _VOWELS + "wxy"


def classes(text: Words) -> npt.NDArray[np.int64]:
    """(words,) index of each word's class, -1 for a word in none."""
    known, of = _table()
    at = np.minimum(np.searchsorted(known, text.hash), len(known) - 1)
    return np.where(known[at] == text.hash, of[at], -1)


@cache
def names() -> tuple[str, ...]:
    """The classes, in order."""
    return tuple(_document())


@cache
def _document() -> dict[str, str]:
    text = resources.files("aligntax.detectors.classifier").joinpath("thesaurus.toml").read_text("utf-8")
    listed: dict[str, str] = tomllib.loads(text)["classes"]
    return listed


@cache
def _table() -> tuple[Hashes, npt.NDArray[np.int64]]:
    """Hashes of all forms of all words, ascending, and the class of each."""
    listed: dict[str, int] = {}
    for index, entries in enumerate(_document().values()):
        for entry in entries.split():
            for form in _forms(entry):
                listed.setdefault(form, index)
    split = words(pa.array(list(listed)))
    whole = split.counts == 1  # "self-harm" is two words
    hashes = split.hash[(np.cumsum(split.counts) - split.counts)[whole]]
    order = np.argsort(hashes)
    return hashes[order], np.array(list(listed.values()), np.int64)[whole][order]


def _forms(entry: str) -> list[str]:
    """A word and, where the entry ends in "+", its endings."""
    if not entry.endswith("+"):
        return [entry]
    word = entry[:-1]
    forms = [word + ending for ending in ("", "s", "es", "ed", "d", "ing", "er", "ers", "'s")]
    if word.endswith("e"):
        forms.append(word[:-1] + "ing")
    if word.endswith("y"):
        forms += [word[:-1] + "ies", word[:-1] + "ied"]
    if len(word) > 2 and word[-1] not in _NOT_DOUBLED and word[-2] in _VOWELS:
        forms += [word + word[-1] + "ing", word + word[-1] + "ed"]
    return forms
