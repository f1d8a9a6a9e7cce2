"""One scanner a language, made when a response first needs it, and their hits in one numbering."""

from dataclasses import dataclass
from functools import cache

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from aligntax.detectors.invisible import Veiled, unveiled, veiled_rows
from aligntax.detectors.language import ENGLISH, LANGUAGES, READ, Spoken, identify
from aligntax.detectors.lexicon import Lexicon, Role, load_lexicon
from aligntax.detectors.scan import Hits, Ints, Scanner, Texts
from aligntax.detectors.verdict import NONE
from aligntax.records import FLAGS, REASONS

__all__ = ["Readers", "Responses"]

_LEXICONS = {
    "de": "german", "fr": "french", "es": "spanish", "it": "italian", "pt": "portuguese", "zh": "chinese",
    "ja": "japanese",
}  # fmt: skip
_ROLES: tuple[Role, ...] = ("refusal", "caveat", "hedge", "asks", "not")
_FAMILIES = 64
"""Families of a lexicon at most: those of each language are numbered from a multiple of it."""
_PATTERN_BITS = 16


@dataclass(frozen=True, slots=True)
class Responses:
    """Responses and what was found in them.

    Attributes:
        column: the responses as they show.
        texts: the same.
        hits: phrases of the languages that each is written in; families and patterns as `Readers` numbers
            them.
        spoken: these languages.
        veiled: responses that show otherwise than they came; None if there are none.
    """

    column: pa.StringArray
    texts: Texts
    hits: Hits
    spoken: Spoken
    veiled: Veiled | None


class Readers:
    """Scans responses for the phrases of the languages they are written in.

    Args:
        english: the lexicon of English; the bundled one by default.

    Attributes:
        role: (families,) what a family of phrases says.
        flag: (families,) index of its symptom in FLAGS, -1 without one.
        reason: (families,) index of its reason in REASONS, -1 without one.
        stretch: (languages,) bytes it takes to say what a character of English says, by place in LANGUAGES.
    """

    def __init__(self, english: Lexicon | None = None) -> None:
        self.role = np.full(len(READ) * _FAMILIES, "", "<U8")
        self.flag = np.full(len(self.role), NONE, np.int64)
        self.reason = np.full(len(self.role), NONE, np.int64)
        self.stretch = np.ones(len(LANGUAGES))
        self.lexicons: dict[int, Lexicon] = {}
        self._scanners: dict[int, Scanner] = {}
        self._add(ENGLISH, english or load_lexicon())

    def read(self, column: pa.StringArray) -> Responses:
        """Finds the phrases in responses."""
        texts, veiled = Texts.of(column), None
        rows = veiled_rows(texts)
        if len(rows):
            column, veiled = unveiled(column, rows)
            texts = Texts.of(column)
        hits = self._scanners[ENGLISH].hits(texts)
        spoken = identify(texts)
        if not spoken.read[:, ENGLISH].all():
            hits = hits.where(spoken.read[hits.row, ENGLISH])
        foreign = np.flatnonzero(spoken.read.any(axis=0))
        parts = [
            self._of(code, column, texts, np.flatnonzero(spoken.read[:, code]))
            for code in foreign.tolist()
            if code != ENGLISH
        ]
        return Responses(column, texts, Hits.of([hits, *parts]) if parts else hits, spoken, veiled)

    def echoed(self, prompts: pa.StringArray, hits: Hits) -> npt.NDArray[np.bool_]:
        """(hits,) whether the same phrase stands in the prompt; prompts and hits belong to the same rows."""
        column, texts = prompts, Texts.of(prompts)
        language = hits.pattern >> _PATTERN_BITS
        asked = [
            self._of(code, column, texts, np.unique(hits.row[language == code]))
            for code in np.unique(language).tolist()
        ]
        keys = (part.row << 32 | part.pattern for part in asked)
        return np.isin(hits.row << 32 | hits.pattern, np.concatenate([*keys]))

    def _of(self, code: int, column: pa.StringArray, texts: Texts, rows: Ints) -> Hits:
        """The phrases of one language in some rows."""
        if code not in self._scanners:
            self._add(code, load_lexicon(_LEXICONS[READ[code]]))
        hits = self._scanners[code].hits(Texts.of(column.take(pa.array(rows)))).placed(rows, texts)
        family, pattern = hits.family + code * _FAMILIES, hits.pattern + (code << _PATTERN_BITS)
        return Hits(hits.row, hits.start, hits.end, hits.at, family, pattern)

    def _add(self, code: int, lexicon: Lexicon) -> None:
        for index, family in enumerate(lexicon.families, code * _FAMILIES):
            self.role[index] = family.role
            self.flag[index] = FLAGS.index(family.flag) if family.flag else NONE
            self.reason[index] = REASONS.index(family.reason) if family.reason else NONE
        self.stretch[code] = lexicon.stretch
        self.lexicons[code] = lexicon
        self._scanners[code] = _scanner(lexicon)


@cache
def _scanner(lexicon: Lexicon) -> Scanner:
    """Compiled once in a process, since that takes longer than most logs."""
    return Scanner(lexicon, _ROLES)
