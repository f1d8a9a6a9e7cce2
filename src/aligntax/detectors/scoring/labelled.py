"""Labelled responses: what people said became of each, in the words of whoever labelled them."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import cast, get_args

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from aligntax.errors import UsageError
from aligntax.records import FLAGS, Flag, OutcomeName

__all__ = ["CLASSES", "NO_LABEL", "LabelWords", "LabelledSet", "Symptom", "symptoms_from"]

Ints = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]

CLASSES: tuple[OutcomeName, ...] = ("complete", "hedged", "refused")
"""The classes a label may name, in the order of their codes."""
NO_LABEL = -1
"""Code of a response nobody labelled, or whose label is to be left out."""

_WORDS: Mapping[str, int] = {
    "complete": 0,
    "hedged": 1,
    "partial": 1,
    "refused": 2,
    "none": NO_LABEL,
    "not applicable": NO_LABEL,
    "not_applicable": NO_LABEL,
}
_SYMPTOMS: Mapping[str, tuple[Flag, ...]] = {
    **{flag: (flag,) for flag in FLAGS},
    "encourage_professional_help": ("referral",),
    "judgement": ("moralising",),
    "reference_safety_policy": ("policy_reference",),
}


class LabelWords:
    """Which class each word of a label field stands for.

    Args:
        extra: word -> class, beside our own words; a class is complete, hedged (or partial), refused, or
            none, which leaves the row out.

    Raises:
        UsageError: a class that there is not.
    """

    def __init__(self, extra: Mapping[str, str] | None = None) -> None:
        self._codes = dict(_WORDS)
        for word, name in (extra or {}).items():
            if name.lower() not in _WORDS:
                raise UsageError(
                    f"--map {word}={name}: there is no class {name!r}",
                    hint="complete, hedged, refused or none",
                )
            self._codes[_plain(word)] = _WORDS[name.lower()]

    @property
    def known(self) -> str:
        """The words, for a message."""
        return ", ".join(self._codes)

    def code(self, value: object) -> int | None:
        """The code of a label: an index of CLASSES, NO_LABEL for null or an empty word, None if unknown."""
        word = _plain(value)
        return self._codes.get(word) if word else NO_LABEL


def _plain(value: object) -> str:
    """A label as a word: 1.0 and 1 are the same, case and white space around it make no difference."""
    if value is None:
        return ""
    whole = isinstance(value, float) and value.is_integer()
    return str(int(cast(float, value)) if whole else value).strip().lower()


@dataclass(frozen=True, slots=True)
class Symptom:
    """A symptom that people marked in the responses, and the flags of a detector that tell of it.

    Attributes:
        name: of the flags, joined by "+".
        flags: any of them counts as found.
        truth: (rows,) whether people saw it.
        marked: (rows,) whether people looked for it; the other rows are left out.
    """

    name: str
    flags: tuple[Flag, ...]
    truth: Mask
    marked: Mask


@dataclass(frozen=True, slots=True)
class LabelledSet:
    """A set of labelled responses.

    Attributes:
        name: of the file.
        exchanges: EXCHANGE schema, in batches, in the order of the file.
        truth: (rows,) index of CLASSES, or NO_LABEL.
        prompt: (rows,) code of the prompt; the same code for the same words.
        groups: dimension -> (rows,) the value of each row in it, "(none)" where it has none.
        symptoms: what else people marked.
        notes: what a reader must know to take the scores rightly.
    """

    name: str
    exchanges: Sequence[pa.RecordBatch]
    truth: Ints
    prompt: Ints
    groups: Mapping[str, npt.NDArray[np.object_]]
    symptoms: Sequence[Symptom]
    notes: Sequence[str]

    @property
    def rows(self) -> int:
        """Rows in the file, labelled or not."""
        return len(self.truth)

    @property
    def labelled(self) -> Mask:
        """(rows,) whether a row has a label."""
        return np.asarray(self.truth != NO_LABEL, np.bool_)

    @property
    def prompts(self) -> int:
        """Distinct prompts among the labelled rows."""
        return len(np.unique(self.prompt[self.labelled]))


def symptoms_from(values: Sequence[object], extra: Mapping[str, str] | None = None) -> list[Symptom]:
    """The symptoms that a field of words, or of lists of words, tells of.

    Args:
        values: (rows,) a word, a list of words, or None where people did not look.
        extra: word -> flag, or several joined by "+", beside the names of our flags and the words of
            OpenAI's rule-based-reward set that mean the same.

    Raises:
        UsageError: a flag that there is not.
    """
    words = [_words(value) for value in values]
    marked = np.array([value is not None for value in values], bool)
    named = {**_SYMPTOMS, **{word: _flags(word, text) for word, text in (extra or {}).items()}}
    seen = set().union(*words) if words else set()
    by_flags: dict[tuple[Flag, ...], set[str]] = {}
    for word, flags in named.items():
        if word in seen:
            by_flags.setdefault(flags, set()).add(word)
    return [
        Symptom("+".join(flags), flags, np.array([bool(row & known) for row in words], bool), marked)
        for flags, known in by_flags.items()
    ]


def _words(value: object) -> frozenset[str]:
    if value is None:
        return frozenset()
    many = cast(Iterable[object], value if isinstance(value, list | tuple) else [value])
    return frozenset(str(word) for word in many)


def _flags(word: str, text: str) -> tuple[Flag, ...]:
    flags = text.split("+")
    if wrong := [flag for flag in flags if flag not in get_args(Flag)]:
        raise UsageError(
            f"--flag {word}={text}: there is no flag {wrong[0]!r}", hint=f"one of: {', '.join(FLAGS)}"
        )
    return cast(tuple[Flag, ...], tuple(flags))
