"""What an edit never touches: code, addresses, paths, other people's words, names."""

import re
from collections.abc import Iterable, Sequence
from typing import Literal

__all__ = ["Kind", "Span", "covers", "is_name", "protected"]

Kind = Literal["code", "address", "path", "quotation", "name"]
"""Why words were left as they stand."""
Span = tuple[int, int, Kind]
"""Start, end (exclusive), and what it is."""

_WORD = r"[\w.+-]"
_PATTERNS: tuple[tuple[Kind, str], ...] = (
    ("code", r"(?ms)^[ \t]*(?P<fence>`{3,}|~{3,}).*?(?:^[ \t]*(?P=fence)[`~]*[ \t]*$|\Z)"),
    ("code", r"(?s)(?P<ticks>(?<!`)`+(?!`))(?:(?!\n\s*\n).)+?(?<!`)(?P=ticks)(?!`)"),
    ("code", r"(?m)^[ \t]*\$ .*$"),
    ("code", r"<[/!]?[A-Za-z][^<>\n]{0,200}>"),
    ("code", r"\b\w+\([^()\n]{0,80}\)"),
    ("address", r"\b[A-Za-z][A-Za-z0-9+.-]*://[^\s<>\"]+"),
    ("address", r"\bwww\.[^\s<>\"]+"),
    ("address", rf"{_WORD}+@[\w-]+(?:\.[\w-]+)*"),
    ("path", r"(?<![\w/.])(?:~|\.{1,2})?/[\w.-]+(?:/[\w.-]*)*"),
    ("path", r"\b[A-Za-z]:\\[^\s\"<>|]+|\\\\[\w.-]+(?:\\[\w.$-]+)+"),
    ("path", r"(?<!\w)[\w.-]+(?:/[\w.-]+){2,}"),
    ("path", r"(?<!\w)[\w-]+(?:/[\w-]+)+\.\w{1,5}\b"),
    ("path", r"\b[\w-]+\.[A-Za-z][A-Za-z0-9]{1,4}\b(?!\.\w)"),
    ("quotation", r'"[^"\n]*(?:\n(?!\s*\n)[^"\n]*)*"'),
    ("quotation", r"[\u201c\u201e\u201f](?:(?!\n\s*\n)[^\u201d\u201c])*[\u201d\u201c]"),
    ("quotation", r"\u00ab(?:(?!\n\s*\n)[^\u00bb])*\u00bb"),
    ("quotation", r"(?<![\w'\u2019])\u2018(?=\S)[^\n]*?\S?\u2019(?!\w)"),
    ("quotation", r"(?<![\w'\u2019])'(?=\S)[^\n]*?\S?'(?!\w)"),
    ("quotation", r"(?m)^[ \t]*>.*$"),
)
_KINDS = [(kind, re.compile(pattern)) for kind, pattern in _PATTERNS]
_STARTS = re.compile(
    r"(?:\A|[.!?:\u2026][\"')\]\u201d\u2019]*\s|\n)[\s\"'(\[\u201c\u2018*_#>\u2022-]*(?:\d+[.)]\s*)?\Z"
)
_NEXT = re.compile(r"[ \t]+(\w[\w'\u2019]*)")
_SENTENCE_END = re.compile(r"[.!?\n]")


def protected(text: str) -> list[Span]:
    """Spans that are not to be edited, in their order; they may overlap.

    Args:
        text: of a request, Markdown or plain.
    """
    found = [(m.start(), m.end(), kind) for kind, pattern in _KINDS for m in pattern.finditer(text)]
    return sorted(found)


def covers(spans: Iterable[Span], start: int, end: int) -> Kind | None:
    """What kind of span holds a part of a text, or some of it; None for none."""
    return next((kind for low, high, kind in spans if low < end and start < high), None)


def is_name(text: str, start: int, end: int, term: Sequence[str]) -> bool:
    """Whether words of a text are a name, or part of one: a capital where no sentence begins.

    Args:
        text: they stand in.
        start: of the words.
        end: exclusive.
        term: the words as a lexicon has them; a capital they have there too is no sign of a name.
    """
    words = text[start:end].split()
    if _shouted(text, start, end):
        return False
    begins = _STARTS.search(text, max(0, start - 200), start) is not None
    capital = [
        word[:1].isupper() and not known[:1].isupper() for word, known in zip(words, term, strict=False)
    ]
    if any(capital[1:]) or (capital[:1] == [True] and not begins):
        return True
    following = _NEXT.match(text, end)
    named = following is not None and following[1][:1].isupper() and following[1] not in ("I", "I'm", "I'd")
    return capital[:1] == [True] and named


def _shouted(text: str, start: int, end: int) -> bool:
    """Whether the whole sentence is in capitals, so that a capital says nothing."""
    before = [m.end() for m in _SENTENCE_END.finditer(text, 0, start)]
    after = _SENTENCE_END.search(text, end)
    sentence = text[before[-1] if before else 0 : after.start() if after else len(text)]
    letters = [c for c in sentence if c.isalpha()]
    return len(letters) > end - start and sum(map(str.isupper, letters)) > 0.8 * len(letters)
