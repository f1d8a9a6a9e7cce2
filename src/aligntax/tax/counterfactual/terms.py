"""Alarming terms with a neutral wording for each, as a person wrote them or a model proposed them."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aligntax.errors import UnreadableInput, UsageError
from aligntax.labels.lines import json_lines

__all__ = ["Control", "Term", "checked", "read_terms"]

_JSON = (".jsonl", ".ndjson", ".json")
_HINT = 'a line is {"term": "kill", "neutral": "terminate"}, or kill -> terminate'
_ARROW = re.compile(r"\s*(?:->|\u2192|\t)\s*")
_COMMENT = "#"
_MOST = 120
"""Characters of a term or a wording."""


@dataclass(frozen=True, slots=True)
class Control:
    """A harmless word and another for it: how much outcomes change when any word does.

    Attributes:
        term: the word.
        replacement: what may stand in its place.
    """

    term: str
    replacement: str


@dataclass(frozen=True, slots=True)
class Term:
    """An alarming term.

    Attributes:
        term: in its base form, or as it stands.
        neutral: wording of the same meaning that should alarm nobody.
        control: a harmless edit to compare with; None to take one that fits.
    """

    term: str
    neutral: str
    control: Control | None = None

    @property
    def reversed(self) -> "Term":
        """The edit that puts the term back."""
        return Term(self.neutral, self.term)


def checked(term: Term) -> str:
    """What is wrong with a term; "" for nothing."""
    plain, neutral = " ".join(term.term.split()), " ".join(term.neutral.split())
    if not plain or not neutral:
        return "the term or its neutral wording is empty"
    if max(len(plain), len(neutral)) > _MOST:
        return f"longer than {_MOST} characters"
    if not (_whole(plain[0]) and _whole(plain[-1])):
        return f"{plain!r} does not begin and end with a letter or a digit"
    if re.search(rf"(?<!\w){re.escape(plain)}(?!\w)", neutral, re.IGNORECASE):
        return f"the neutral wording of {plain!r} holds it"
    return ""


def read_terms(path: Path) -> list[Term]:
    """A lexicon, each term once.

    Args:
        path: JSON lines with `term`, `neutral` and perhaps `control` ({"term", "replacement"}); otherwise
            text, a line `term -> neutral`, perhaps with `-> word -> replacement` of a control after it; tabs
            stand for arrows, and lines that begin with # are passed over.

    Raises:
        UnreadableInput: it cannot be read, a line is no term, a term has two neutral wordings.
        UsageError: there is no term in it.
    """
    rows = _json_rows(path) if path.suffix.lower() in _JSON else _text_rows(path)
    found, places = dict[str, Term](), dict[str, str]()
    for place, term in rows:
        if wrong := checked(term):
            raise UnreadableInput(f"{place}: {wrong}", hint=_HINT)
        key = term.term.lower()
        if key in found and found[key].neutral != term.neutral:
            told = f"{place}: {term.term!r} has another neutral wording at {places[key]}"
            raise UnreadableInput(told, hint="one neutral wording for each term")
        found.setdefault(key, term)
        places.setdefault(key, place)
    if not found:
        raise UsageError(f"{path}: the list of terms is empty", hint=_HINT)
    return list(found.values())


def _json_rows(path: Path) -> Iterable[tuple[str, Term]]:
    for number, row in json_lines(path, hint=_HINT):
        place = f"{path}:{number}"
        yield place, Term(_field(row, "term", place), _field(row, "neutral", place), _control(row, place))


def _control(row: Mapping[str, Any], place: str) -> Control | None:
    given = row.get("control")
    if given is None:
        return None
    if not isinstance(given, dict):
        raise UnreadableInput(f"{place}: `control` is no object", hint='{"term": ..., "replacement": ...}')
    return Control(_field(given, "term", place), _field(given, "replacement", place))


def _field(row: Mapping[str, Any], name: str, place: str) -> str:
    value = row.get(name)
    if not isinstance(value, str):
        raise UnreadableInput(f"{place}: no `{name}`, or one that is no text", hint=_HINT)
    return value.strip()


def _text_rows(path: Path) -> Iterable[tuple[str, Term]]:
    try:
        lines = path.read_text("utf-8-sig").splitlines()
    except OSError as error:
        raise UnreadableInput(f"{path}: {(error.strerror or str(error)).lower()}", hint=_HINT) from error
    except UnicodeDecodeError as error:
        raise UnreadableInput(f"{path}: not UTF-8 text", hint="save it as UTF-8") from error
    for number, line in enumerate(lines, start=1):
        if line.strip() and not line.lstrip().startswith(_COMMENT):
            yield f"{path}:{number}", _parsed(_ARROW.split(line.strip()), f"{path}:{number}")


def _parsed(parts: Sequence[str], place: str) -> Term:
    if len(parts) == 2:
        return Term(parts[0], parts[1])
    if len(parts) == 4:
        return Term(parts[0], parts[1], Control(parts[2], parts[3]))
    raise UnreadableInput(f"{place}: {len(parts)} parts, where a term and its neutral are two", hint=_HINT)


def _whole(letter: str) -> bool:
    return letter.isalnum()
