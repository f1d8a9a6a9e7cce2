"""A phrase lexicon: readable TOML in, patterns out."""

import math
import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Literal, cast, get_args

from aligntax.errors import LexiconError
from aligntax.records import FLAGS, REASONS, Flag, Reason

__all__ = ["Family", "Lexicon", "Pattern", "Role", "load_lexicon", "parse_lexicon"]

Role = Literal["refusal", "caveat", "hedge", "asks", "pivot", "not"]

_SLOT = re.compile(r"\{(\w+)\}")
_APOSTROPHES = "(?:'|\u2019)"
_WORDS = r"\ (?:[^.!?,;:\n\"]{1,60}\ )?"
"""What `…` between spaces stands for: nothing, or words of one part of a sentence."""
# any byte but those of punctuation, which are three of a kind beyond ASCII in Chinese and Japanese
_LETTER = r"(?:[^.!?,;:\n\"\xe3\xef]|\xe3[\x81-\xbf]|\xef[^\xbc])"
_COMMA = r"\xe3\x80\x81"
_GAPS = {
    " … ": _WORDS,
    "……": f"(?:{_LETTER}|{_COMMA}){{0,150}}?",
    "…": _LETTER + "{0,45}?",
}
"""How a gap is written, and what it stands for; the longer first."""
_GAP = re.compile("(" + "|".join(_GAPS) + ")")
_FORMS = {"en": 50_000}
_FORMS_ELSEWHERE = 50
"""Forms of a phrase above which it is looked for by its beginning. That compiles in a tenth of the time, and
scans in twice the time: right for languages that most logs hold little of."""
_BEGINNINGS = 256
"""Forms of a beginning at most."""


@dataclass(frozen=True, slots=True)
class Family:
    """Phrases that mean the same.

    Attributes:
        name: of the family.
        role: what a phrase of it says about the response.
        reason: for a refusal, on what ground; None otherwise.
        flag: for a caveat, the symptom; None otherwise.
    """

    name: str
    role: Role
    reason: Reason | None
    flag: Flag | None


@dataclass(frozen=True, slots=True)
class Pattern:
    """One thing to look for.

    Attributes:
        expression: a regular expression on UTF-8 bytes in lower case.
        length: bytes of every match; 0 when matches differ in length (a phrase with slots or gaps).
        family: index into the lexicon's families.
        beginnings: where not empty, how every match begins, one of these: what to look for first, as the
            whole would take too long to compile.
    """

    expression: bytes
    length: int
    family: int
    beginnings: tuple[bytes, ...] = ()


@dataclass(frozen=True, slots=True)
class Lexicon:
    """Patterns to look for, and what it means to find one.

    Attributes:
        name: of the detector it serves.
        version: of the phrases.
        language: ISO 639-1 code.
        stretch: bytes it takes to say what a character of English says.
        families: what phrases mean.
        patterns: what to look for.
    """

    name: str
    version: str
    language: str
    stretch: float
    families: tuple[Family, ...]
    patterns: tuple[Pattern, ...]


@cache
def load_lexicon(language: str = "english") -> Lexicon:
    """A lexicon that comes with aligntax."""
    text = resources.files("aligntax.detectors").joinpath(f"lexicons/{language}.toml").read_text("utf-8")
    return parse_lexicon(text, where=f"{language}.toml")


def parse_lexicon(text: str, *, where: str) -> Lexicon:
    """Reads a lexicon from TOML.

    Args:
        text: TOML; the comment at the head of `lexicons/english.toml` says what stands where.
        where: its name in error messages.

    Raises:
        LexiconError: with the place and the cause.
    """
    try:
        document = tomllib.loads(text)
        name, version, language = document["name"], str(document["version"]), document["language"]
        limit = _FORMS.get(language, _FORMS_ELSEWHERE)
        families = tuple(_family(entry, where) for entry in document["family"])
        slots = document.get("slots", {})
        patterns: dict[bytes, Pattern] = {}
        for index, entry in enumerate(document["family"]):
            place = f"{where}, family {entry['name']!r}"
            for pattern in _patterns(entry["phrases"], slots, index, limit, place):
                patterns.setdefault(pattern.expression, pattern)
        stretch = float(document.get("stretch", 1.0))
    except tomllib.TOMLDecodeError as error:
        raise LexiconError(f"{where}: {error}") from error
    except KeyError as error:
        raise LexiconError(f"{where}: {error} is missing") from error
    return Lexicon(name, version, language, stretch, families, tuple(patterns.values()))


def _family(entry: Mapping[str, str], where: str) -> Family:
    role, reason, flag = entry["role"], entry.get("reason"), entry.get("flag")
    if role not in get_args(Role) or reason not in (None, *REASONS) or flag not in (None, *FLAGS):
        raise LexiconError(f"{where}, family {entry['name']!r}: unknown role, reason or flag")
    return Family(entry["name"], cast(Role, role), reason, flag)


def _patterns(
    phrases: Sequence[str], slots: Mapping[str, Sequence[str]], family: int, limit: int, where: str
) -> Iterator[Pattern]:
    for phrase in phrases:
        pieces = _SLOT.split(phrase)
        unknown = [name for name in pieces[1::2] if name not in slots]
        if unknown:
            raise LexiconError(f"{where}: no slot {unknown[0]!r} in {phrase!r}")
        gap = _GAP.search(phrase) is not None
        if len(pieces) == 1 and not gap:
            for variant in dict.fromkeys((phrase, phrase.replace("'", "\u2019"))):
                yield Pattern(re.escape(variant).encode(), len(variant.encode()), family)
            continue
        forms = math.prod(len(slots[name]) for name in pieces[1::2])
        beginnings = _beginnings(pieces, slots) if gap or forms > limit else ()
        yield Pattern(_slotted(pieces, slots).encode(), 0, family, beginnings)


def _beginnings(pieces: Sequence[str], slots: Mapping[str, Sequence[str]]) -> tuple[bytes, ...]:
    """The ways a phrase can begin, spelled out as far as there are not too many, and up to its first gap."""
    begun = [""]
    for at, piece in enumerate(pieces):
        entries = slots[piece] if at % 2 else [_GAP.split(piece)[0]]
        longer = [begin + entry for begin in begun for entry in entries]
        if len(longer) > _BEGINNINGS:
            break
        begun = longer
        if not at % 2 and _GAP.search(piece):
            break
    variants = (text for begin in begun for text in (begin, begin.replace("'", "\u2019")))
    return tuple(text.encode() for text in dict.fromkeys(variants))


def _slotted(pieces: Sequence[str], slots: Mapping[str, Sequence[str]]) -> str:
    """A regular expression for a phrase split at its slots: text, slot, text, slot, ..., text."""
    parts = [_word(pieces[0])]
    for name, after in zip(pieces[1::2], pieces[2::2], strict=True):
        entries = slots[name]
        if any(entry.startswith("'") for entry in entries) and parts[-1].endswith("\\ "):
            parts[-1] = parts[-1][
                :-2
            ]  # a contraction joins the word before it: "i" + "'m", but "i" + " cannot"
            entries = [entry if entry.startswith("'") else f" {entry}" for entry in entries]
        parts += ["(?:", "|".join(_word(entry) for entry in entries), ")", _word(after)]
    return "".join(parts)


def _word(text: str) -> str:
    """A regular expression for a piece of a phrase."""
    pieces = (_GAPS[piece] if piece in _GAPS else re.escape(piece) for piece in _GAP.split(text))
    return "".join(pieces).replace("'", _APOSTROPHES)
