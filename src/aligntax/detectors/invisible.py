"""Characters that do not show, or show as others: they must not hide a phrase.

A zero-width space inside "can't", a soft hyphen, a mark for the direction of writing, full-width letters: a
reader sees the phrase, a search for bytes does not. Such texts are searched as they show, and what is found
is told where it stands in the text as it came.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from aligntax.detectors.scan import Ints, Texts
from aligntax.detectors.verdict import Verdict

__all__ = ["Veiled", "unveiled", "veiled_rows"]

_GONE = np.array(
    [0xAD, 0x61C, 0x180E, *range(0x200B, 0x2010), *range(0x202A, 0x202F), *range(0x2060, 0x2070), 0xFEFF],
    np.uint32,
)
_SPACES = np.array([0xA0, *range(0x2000, 0x200B), 0x202F, 0x205F, 0x3000], np.uint32)
_FULL_WIDTH = 0xFEE0
"""Distance of the full-width letters from those of ASCII."""
_EXCERPT = 160
_LETTERS_AND_DIGITS = np.array(
    [*range(0xFF10, 0xFF1A), *range(0xFF21, 0xFF3B), *range(0xFF41, 0xFF5B)], np.uint32
)
_SIGNS = np.setdiff1d(np.concatenate([_GONE, _SPACES, _LETTERS_AND_DIGITS]), [0x3000])
"""What makes a text one to look at as it shows; a wide space alone does not, as Japanese is full of it."""
_SIGNS_UTF8 = np.array([int.from_bytes(chr(code).encode()) for code in _SIGNS], np.int64)
_FIRST_BYTES = np.zeros(256, bool)
_FIRST_BYTES[[chr(code).encode()[0] for code in _SIGNS]] = True


@dataclass(frozen=True, slots=True)
class Veiled:
    """Texts that are not what they show.

    Attributes:
        rows: their rows, ascending.
        texts: as they came.
        origins: for each, (characters shown + 1,) where each character stands in the text as it came.
    """

    rows: Ints
    texts: list[str]
    origins: list[Ints]

    def restore(self, verdict: Verdict) -> None:
        """Moves the places in verdicts on the texts as they show to those in the texts as they came."""
        evidence: list[str | None] = []
        for row, text, origin in zip(self.rows.tolist(), self.texts, self.origins, strict=True):
            verdict.response_chars[row] = len(text)
            if verdict.answer_offset[row] > 0:  # what stands before the first character is no delay
                verdict.answer_offset[row] = origin[verdict.answer_offset[row]]
            start, end = int(verdict.evidence_start[row]), int(verdict.evidence_end[row])
            if start < 0:
                evidence.append(None)
                continue
            start = int(origin[start])
            end = min(int(origin[max(end - 1, 0)]) + 1, start + _EXCERPT)
            verdict.evidence_start[row], verdict.evidence_end[row] = start, end
            evidence.append(text[start:end])
        shown = np.array([words is not None for words in evidence], bool)
        rows = self.rows[shown]
        verdict.show(
            rows,
            pa.array([words for words in evidence if words is not None], pa.string()),
            verdict.evidence_start[rows],
            verdict.evidence_end[rows],
        )


def veiled_rows(texts: Texts) -> Ints:
    """Rows whose texts hold characters that do not show, or show as others; ascending."""
    chosen = np.flatnonzero(_FIRST_BYTES[texts.data[texts.leads]])
    at = texts.leads[chosen]
    last = len(texts.data) - 1
    first, second, third = (texts.data[np.minimum(at + n, last)].astype(np.int64) for n in range(3))
    codes = np.where(first < 0xE0, first << 8 | second, first << 16 | second << 8 | third)
    return np.unique(texts.lead_rows[chosen[np.isin(codes, _SIGNS_UTF8)]])


def unveiled(column: pa.StringArray, rows: Ints) -> tuple[pa.StringArray, Veiled]:
    """The column with some of its texts as they show, and what it takes to go back.

    Args:
        column: texts.
        rows: those of `veiled_rows`.
    """
    texts = column.take(pa.array(rows)).to_pylist()
    shown, origins = zip(*map(_shown, texts), strict=True)
    mask = np.zeros(len(column), bool)
    mask[rows] = True
    replaced = pc.replace_with_mask(column, pa.array(mask), pa.array(shown, column.type))
    return replaced, Veiled(rows, texts, list(origins))


def _shown(text: str) -> tuple[str, Ints]:
    """A text as it shows, and where each character, and the end, stands in it."""
    codes: npt.NDArray[np.uint32] = np.frombuffer(text.encode("utf-32-le"), "<u4")
    origin = np.flatnonzero(~np.isin(codes, _GONE))
    codes = codes[origin]
    letters = np.isin(codes, _LETTERS_AND_DIGITS)
    codes = np.where(letters, codes - _FULL_WIDTH, codes)
    wide = letters.any()
    codes = np.where(wide & (codes == 0xFF07), ord("'"), codes)  # the apostrophe between such letters
    spaces = np.isin(codes, _SPACES) & (wide | (codes != 0x3000))
    codes = np.where(spaces, 32, codes).astype("<u4")
    return codes.tobytes().decode("utf-32-le"), np.append(origin, len(text))
