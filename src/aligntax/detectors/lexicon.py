"""A phrase lexicon: readable TOML in, patterns out."""

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
        expression: a regular expression on UTF-8 bytes, to be matched without regard to case.
        length: bytes of every match; 0 when matches differ in length (a phrase with slots).
        family: index into the lexicon's families.
    """

    expression: bytes
    length: int
    family: int


@dataclass(frozen=True, slots=True)
class Lexicon:
    """Patterns to look for, and what it means to find one."""

    name: str
    version: str
    language: str
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
        families = tuple(_family(entry, where) for entry in document["family"])
        slots = document.get("slots", {})
        patterns: dict[bytes, Pattern] = {}
        for index, entry in enumerate(document["family"]):
            for pattern in _patterns(entry["phrases"], slots, index, f"{where}, family {entry['name']!r}"):
                patterns.setdefault(pattern.expression, pattern)
        name, version, language = document["name"], str(document["version"]), document["language"]
    except tomllib.TOMLDecodeError as error:
        raise LexiconError(f"{where}: {error}") from error
    except KeyError as error:
        raise LexiconError(f"{where}: {error} is missing") from error
    return Lexicon(name, version, language, families, tuple(patterns.values()))


def _family(entry: Mapping[str, str], where: str) -> Family:
    role, reason, flag = entry["role"], entry.get("reason"), entry.get("flag")
    if role not in get_args(Role) or reason not in (None, *REASONS) or flag not in (None, *FLAGS):
        raise LexiconError(f"{where}, family {entry['name']!r}: unknown role, reason or flag")
    return Family(entry["name"], cast(Role, role), reason, flag)


def _patterns(
    phrases: Sequence[str], slots: Mapping[str, Sequence[str]], family: int, where: str
) -> Iterator[Pattern]:
    for phrase in phrases:
        pieces = _SLOT.split(phrase)
        unknown = [name for name in pieces[1::2] if name not in slots]
        if unknown:
            raise LexiconError(f"{where}: no slot {unknown[0]!r} in {phrase!r}")
        if len(pieces) > 1:
            yield Pattern(_slotted(pieces, slots).encode(), 0, family)
            continue
        for variant in dict.fromkeys((phrase, phrase.replace("'", "\u2019"))):
            yield Pattern(re.escape(variant).encode(), len(variant.encode()), family)


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
    return re.escape(text).replace("'", _APOSTROPHES)
