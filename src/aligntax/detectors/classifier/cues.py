"""Cues: phrases that tell how a response goes about a request, found by walking a tree of hashed words."""

import itertools
import re
import tomllib
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from aligntax.detectors.classifier.words import Words, words

__all__ = ["Cues", "Found", "load_cues"]

Ints = npt.NDArray[np.int64]
Hashes = npt.NDArray[np.uint64]

_SLOT = re.compile(r"\{(\w+)\}")
_MIX = np.uint64(0xD6E8FEB86659FD93)
_SLOT_SHIFT = np.uint64(64 - 18)
_NONE = -1


@dataclass(frozen=True, slots=True)
class Found:
    """Where cues stand, by where they end.

    Attributes:
        row: (cues,) index of the text.
        end: (cues,) index of the word after the last one, counted in the whole column; ascending.
        family: (cues,) index into the families.
    """

    row: Ints
    end: Ints
    family: Ints


class Cues:
    """Families of phrases, each phrase a path through a tree of words.

    Args:
        families: name of a family -> its phrases, spelled out.
        neutral: families that plain answers are full of; the others mark a response.
    """

    def __init__(self, families: Mapping[str, Sequence[str]], neutral: Collection[str] = ()) -> None:
        self.names = tuple(families)
        self.marks = np.array([name not in neutral for name in families], dtype=bool)
        forms = [(form, number) for number, phrases in enumerate(families.values()) for form in phrases]
        spelled = words(pa.array([form for form, _ in forms], pa.string()))
        steps: dict[tuple[int, int], int] = {}
        meant: dict[int, list[int]] = {}
        hashes = spelled.hash.tolist()
        ends = np.cumsum(spelled.counts).tolist()
        for (_, number), first, last in zip(forms, [0, *ends], ends, strict=False):
            state = 0
            for word in hashes[first:last]:
                state = steps.setdefault((state, word), len(steps) + 1)
            meant.setdefault(state, []).append(number)
        self._families = np.full((len(steps) + 1, max(map(len, meant.values()))), _NONE)
        for state, numbers in meant.items():
            self._families[state, : len(numbers)] = numbers
        keys = _keys(
            np.array([word for _, word in steps], np.uint64),
            np.array([state for state, _ in steps], np.int64),
        )
        order = np.argsort(keys)
        self._keys, self._next = keys[order], np.array(list(steps.values()), np.int64)[order]
        self._taken = np.zeros(1 << 18, dtype=bool)  # most words go nowhere: one look at a table tells
        self._taken[keys >> _SLOT_SHIFT] = True

    def find(self, text: Words) -> Found:
        """Every cue in every text, also one inside another."""
        at, state = np.arange(len(text.hash)), np.zeros(len(text.hash), np.int64)
        ends, families = [np.empty(0, np.int64)], [np.empty(0, np.int64)]
        last = len(text.hash) - 1
        for depth in itertools.count():
            if depth:
                goes_on = (at + depth <= last) & (text.row[np.minimum(at + depth, last)] == text.row[at])
                at, state = at[goes_on], state[goes_on]
            if not len(at):
                break
            key = _keys(text.hash[at + depth], state)
            likely = np.flatnonzero(self._taken[key >> _SLOT_SHIFT])
            at, key = at[likely], key[likely]
            step = np.minimum(np.searchsorted(self._keys, key), len(self._keys) - 1)
            goes = self._keys[step] == key
            at, state = at[goes], self._next[step[goes]]
            for column in self._families[state].T:
                meant = column != _NONE
                ends.append(at[meant] + depth + 1)
                families.append(column[meant])
        end, family = np.concatenate(ends), np.concatenate(families)
        order = np.argsort(end, kind="stable")
        return Found(text.row[end[order] - 1], end[order], family[order])


@cache
def load_cues() -> Cues:
    """The cues that come with aligntax."""
    text = resources.files("aligntax.detectors.classifier").joinpath("cues.toml").read_text("utf-8")
    document = tomllib.loads(text)
    slots = document["slots"]
    return Cues(
        {
            family["name"]: [form for phrase in family["phrases"] for form in _spelled(phrase, slots)]
            for family in document["family"]
        },
        [family["name"] for family in document["family"] if family.get("neutral")],
    )


def _keys(word: Hashes, state: Ints) -> Hashes:
    """One number for a word after a state of the tree."""
    mixed = (word ^ state.astype(np.uint64) * _MIX) * _MIX
    return mixed ^ (mixed >> np.uint64(29))


def _spelled(phrase: str, slots: Mapping[str, Sequence[str]]) -> Iterator[str]:
    """The forms of a phrase, every entry of its slots in its place."""
    pieces = _SLOT.split(phrase)
    choices = [slots[piece] if at % 2 else [piece] for at, piece in enumerate(pieces)]
    for chosen in itertools.product(*choices):
        form = "".join(chosen)
        yield form.replace(" '", "'")
