"""Texts of exchanges as they may be shown: to those who may see them as they are, to others redacted."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from aligntax.dashboard.reading.exchanges import texts_by_id
from aligntax.traffic.redaction import Redactor

__all__ = ["Part", "Shown", "redacted", "shown_texts"]

_MOST = 60_000
"""Characters of a text on a page; of a longer one the surroundings of the evidence are shown."""
_BEFORE = 2_000


@dataclass(frozen=True, slots=True)
class Part:
    """A piece of a text; whether it is the evidence."""

    text: str
    evidence: bool = False


@dataclass(frozen=True, slots=True)
class Shown:
    """A text as it is shown.

    Attributes:
        name: system, prompt or response.
        parts: pieces, one after another.
        left_out: characters that are not shown.
    """

    name: str
    parts: tuple[Part, ...]
    left_out: int = 0


@cache
def _redactor() -> Redactor:
    return Redactor()


def redacted(text: str | None) -> str | None:
    """A text without personal data; one value has one placeholder as long as the server runs."""
    return None if text is None else _redactor().text(text)


def shown_texts(kept: Mapping[str, Any], beside: Path | None, *, as_they_are: bool) -> list[Shown]:
    """Texts of an exchange that are kept, fit to be shown.

    Args:
        kept: its row of the outcomes.
        beside: a file of exchanges that may hold them; None for none.
        as_they_are: whether personal data is shown.
    """
    held = {name: kept[name] for name in ("system", "prompt", "response") if kept.get(name) is not None}
    if "response" not in held and beside is not None and kept.get("id"):
        held |= {name: text for name, text in (texts_by_id(beside, kept["id"]) or {}).items() if text}
    evidence = kept.get("evidence")
    place = (kept.get("evidence_start"), kept.get("evidence_end"))
    found = []
    for name in ("system", "prompt", "response"):
        if name in held:
            text = str(held[name]) if as_they_are else redacted(str(held[name])) or ""
            spot = _spot(text, evidence, place, exact=as_they_are) if name == "response" else None
            found.append(_cut(name, text, spot))
    return found


def _spot(text: str, evidence: str | None, place: tuple[Any, Any], *, exact: bool) -> tuple[int, int] | None:
    """Where the evidence stands; redaction moves it, so that it is then looked for by its words."""
    start, end = place
    if start is None or end is None:
        return None
    if exact and 0 <= start < end <= len(text):
        return int(start), int(end)
    words = redacted(evidence) or ""
    at = text.find(words) if words else -1
    return (at, at + len(words)) if at >= 0 else None


def _cut(name: str, text: str, spot: tuple[int, int] | None) -> Shown:
    if spot is None:
        return Shown(name, (Part(text[:_MOST]),), max(0, len(text) - _MOST))
    begin = max(0, spot[0] - _BEFORE) if len(text) > _MOST else 0
    end = begin + _MOST
    parts = (Part(text[begin : spot[0]]), Part(text[spot[0] : spot[1]], True), Part(text[spot[1] : end]))
    left_out = len(text) - (min(end, len(text)) - begin)
    return Shown(name, tuple(part for part in parts if part.text), left_out)
