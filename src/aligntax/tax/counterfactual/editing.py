"""Words of a text replaced: whole words in all their forms, in the case they stand in.

Left alone are code, addresses, paths, quotations and names (`protected`), and forms nobody can tell
(`inflection`).
"""

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

from aligntax.tax.counterfactual.inflection import Form, article_before, forms, inflected
from aligntax.tax.counterfactual.protected import Span, covers, is_name, protected
from aligntax.tax.counterfactual.terms import Term

__all__ = ["Edit", "Edited", "edited", "places"]

_ARTICLE = re.compile(r"(?<![\w'\u2019-])(an?|An?|AN)(\s+)\Z")
_POSSESSIVE = re.compile(r"['\u2019](?:s\b|(?!\w))", re.IGNORECASE)
_PARTICIPLE = re.compile(
    r"\b(?:am|are|be|been|being|get|gets|getting|got|had|has|have|having|is|was|were|'ve|'s)\s+(?:\w+ly\s+)?\Z",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Edit:
    """One replacement.

    Attributes:
        start: in the text as it was.
        end: exclusive.
        after: what stands there now.
        term: that was found there.
    """

    start: int
    end: int
    after: str
    term: str


@dataclass(frozen=True, slots=True)
class Edited:
    """A text with words replaced.

    Attributes:
        text: as it reads now.
        edits: in their order, none overlapping another.
        left: why words were left as they stand -> how often: "code", "address", "path", "quotation", "name",
            "form".
    """

    text: str
    edits: tuple[Edit, ...] = ()
    left: Mapping[str, int] = field(default_factory=dict)

    @property
    def terms(self) -> tuple[str, ...]:
        """What was replaced, each once."""
        return tuple(dict.fromkeys(edit.term for edit in self.edits))


def edited(text: str, terms: Sequence[Term], *, spared: Iterable[tuple[int, int]] = ()) -> Edited:
    """A text with every term replaced by its neutral wording.

    Args:
        text: of a request.
        terms: longer ones go first; a term as it stands goes before a form of another.
        spared: parts of the text that are not to be touched either.
    """
    made, left = list[Edit](), Counter[str]()
    spans: list[Span] = [*protected(text), *((low, high, "name") for low, high in spared)]
    for found, term, form in _matches(text, terms):
        kind = covers(spans, found.start(), found.end())
        if kind is None and is_name(text, found.start(), found.end(), term.term.split()):
            kind = "name"
        edit = None if kind else _edit(text, found, term, form)
        if edit is None:
            left[kind or "form"] += 1
        else:
            made.append(edit)
    return Edited(_applied(text, made), tuple(made), dict(left))


def places(text: str, terms: Sequence[Term]) -> list[tuple[int, int]]:
    """Where terms stand in a text, whatever they stand in."""
    return [(found.start(), found.end()) for found, _, _ in _matches(text, terms)]


def _matches(text: str, terms: Sequence[Term]) -> Iterable[tuple[re.Match[str], Term, Form]]:
    if not terms:
        return
    pattern, known = _sought(tuple(terms))
    for found in pattern.finditer(text):
        term, form = known[" ".join(found[0].lower().split())]
        yield found, term, form


@lru_cache(maxsize=512)
def _sought(terms: tuple[Term, ...]) -> tuple[re.Pattern[str], dict[str, tuple[Term, Form]]]:
    """What finds the terms: one pattern, and what each match of it means; the same for every text."""
    known = _surfaces(terms)
    longest_first = sorted(known, key=len, reverse=True)
    words = "|".join(r"\s+".join(map(re.escape, surface.split())) for surface in longest_first)
    pattern = re.compile(rf"(?<![\w@#$-])(?:{words})(?![\w-])(?!['\u2019](?!s\b)\w)", re.IGNORECASE)
    return pattern, known


def _surfaces(terms: Sequence[Term]) -> dict[str, tuple[Term, Form]]:
    """Every form of every term, in lower case; what a person wrote goes before what we derive from it."""
    known = dict[str, tuple[Term, Form]]()
    for term in terms:
        known.setdefault(" ".join(term.term.lower().split()), (term, "base"))
    for term in terms:
        for form, surface in forms(" ".join(term.term.split())):
            known.setdefault(surface.lower(), (term, form))
    return known


def _edit(text: str, found: re.Match[str], term: Term, form: Form) -> Edit | None:
    """The replacement of one match; None where the neutral wording has no such form."""
    start, end = found.span()
    if form == "ed" and _PARTICIPLE.search(text, max(0, start - 40), start):
        form = "en"
    new = inflected(" ".join(term.neutral.split()), form)
    if new is None:
        return None
    right, new = article_before(new), _cased(new, found[0], term.term)
    if owner := _POSSESSIVE.match(text, end):
        mark = owner[0][0]
        new, end = new + (mark if new.endswith(("s", "S")) and form == "s" else f"{mark}s"), owner.end()
    article = _ARTICLE.search(text, max(0, start - 20), start)
    if article and article[1].lower() != right:
        cased = right.capitalize() if article[1][0].isupper() else right
        start, new = article.start(), cased + article[2] + new
    return Edit(start, end, new, term.term)


def _cased(new: str, found: str, term: str) -> str:
    """In the case of what was found: capitals throughout, a capital first, or as the lexicon has it."""
    letters = [c for c in found if c.isalpha()]
    if len(letters) > 1 and found.isupper() and not term.isupper():
        return new.upper()
    if found[:1].isupper() and not term[:1].isupper():
        return new[:1].upper() + new[1:]
    return new


def _applied(text: str, edits: Iterable[Edit]) -> str:
    parts, at = list[str](), 0
    for edit in edits:
        parts += [text[at : edit.start], edit.after]
        at = edit.end
    return "".join([*parts, text[at:]])
