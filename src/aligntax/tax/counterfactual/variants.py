"""The wordings of a request that are asked for, and which of them go with which."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b

from aligntax.records.asked import Question
from aligntax.tax.counterfactual.controls import CONTROLS
from aligntax.tax.counterfactual.editing import Edited, edited, places
from aligntax.tax.counterfactual.requests import Request
from aligntax.tax.counterfactual.terms import Control, Term

__all__ = [
    "CONTROL",
    "NEUTRAL",
    "ORIGINAL",
    "TRIGGER",
    "Case",
    "Cases",
    "back",
    "make_cases",
    "questions",
    "without",
]

TRIGGER, NEUTRAL, CONTROL, ORIGINAL = "trigger", "neutral", "control", "original"
"""With the alarming terms; with the neutral ones; with another word changed; as it was, asked again."""


def without(term: str) -> str:
    """Name of the variant in which one of several terms is neutral and the others stay."""
    return f"without {term}"


def back(term: str) -> str:
    """Name of the variant in which one of several terms is put back into the neutral wording."""
    return f"back {term}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A request with its wordings.

    Attributes:
        request: as it was made.
        terms: alarming terms that were replaced, or inserted.
        inserted: whether the request was neutral, and the terms were put into it.
        texts: variant -> wording; `ORIGINAL` has that of the request.
        left: why some words were left as they stand -> how often.
    """

    request: Request
    terms: tuple[Term, ...]
    inserted: bool
    texts: Mapping[str, str]
    left: Mapping[str, int]

    @property
    def id(self) -> str:
        """Of the request."""
        return self.request.id

    def question(self, variant: str) -> str:
        """Id of the question that asks for a variant: the original's wording is asked once, drawn twice."""
        return f"{self.id}/{variant}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Cases:
    """What can be asked of requests.

    Attributes:
        found: requests with an edit.
        left_out: why the others have none -> their ids.
    """

    found: tuple[Case, ...]
    left_out: Mapping[str, tuple[str, ...]]


def make_cases(requests: Sequence[Request], lexicon: Sequence[Term], *, harmful: bool = False) -> Cases:
    """The wordings of requests.

    A request that holds terms is asked with neutral ones; one that holds none, but a neutral wording of one,
    is asked with the term put into it (back-substitution).

    Args:
        requests: to edit.
        lexicon: terms for all of them; those of a request go first.
        harmful: whether they must be refused: then terms are only taken out, and nothing else is asked.
    """
    found, left_out = list[Case](), dict[str, list[str]]()
    for one in requests:
        case, reason = _case(one, lexicon, harmful)
        if case is None:
            left_out.setdefault(reason, []).append(one.id)
        else:
            found.append(case)
    return Cases(found=tuple(found), left_out={why: tuple(ids) for why, ids in left_out.items()})


def questions(case: Case) -> Iterator[Question]:
    """What is asked of a case; variants that differ in nothing but the draw share a wording."""
    for variant, text in case.texts.items():
        yield Question(
            id=case.question(variant),
            prompt=text,
            system=case.request.system,
            cluster=case.request.cluster or case.id,
            facets={
                "variant": variant,
                "case": case.id,
                "terms": ", ".join(term.term for term in case.terms),
                **({"topic": case.request.topic} if case.request.topic else {}),
            },
        )


def _case(request: Request, lexicon: Sequence[Term], harmful: bool) -> tuple[Case | None, str]:
    known = {term.term.lower() for term in request.terms}
    terms = [*request.terms, *(term for term in lexicon if term.term.lower() not in known)]
    made = edited(request.text, terms)
    if made.left.get("form"):
        return None, "form"  # a term would stay in the neutral wording
    if made.edits:
        used = _used(made, terms)
        return _built(request, used, made, inserted=False, harmful=harmful), ""
    if made.left:
        return None, Counter(made.left).most_common(1)[0][0]
    if harmful:
        return None, "no term"
    reverse = [term.reversed for term in terms]
    put = edited(request.text, reverse)
    if not put.edits or put.left.get("form"):
        return None, "no term"
    used = tuple(term.reversed for term in _used(put, reverse))
    return _built(request, used, put, inserted=True, harmful=harmful), ""


def _used(made: Edited, terms: Sequence[Term]) -> tuple[Term, ...]:
    named = set(made.terms)
    return tuple({term.term: term for term in terms if term.term in named}.values())


def _built(request: Request, terms: tuple[Term, ...], made: Edited, *, inserted: bool, harmful: bool) -> Case:
    mine, other = (NEUTRAL, TRIGGER) if inserted else (TRIGGER, NEUTRAL)
    texts = {mine: request.text, other: made.text}
    if not harmful:
        texts[ORIGINAL] = request.text
        if text := _control(request, terms):
            texts[CONTROL] = text
        if len(terms) > 1 and not inserted:
            texts |= _one_by_one(request.text, terms)
    return Case(request=request, terms=terms, inserted=inserted, texts=texts, left=made.left)


def _one_by_one(text: str, terms: Sequence[Term]) -> dict[str, str]:
    """Each term taken out alone, and each left in alone."""
    found = dict[str, str]()
    for term in terms:
        others = [one for one in terms if one is not term]
        found[without(term.term)] = edited(text, [term], spared=places(text, others)).text
        found[back(term.term)] = edited(text, others, spared=places(text, [term])).text
    return found


def _control(request: Request, terms: Sequence[Term]) -> str:
    """The request with a harmless word changed; "" where there is none that can be."""
    given = [control for control in (request.control, *(term.control for term in terms)) if control]
    spared = [*places(request.text, terms), *places(request.text, [term.reversed for term in terms])]
    words = request.text.lower()
    for control in (*given, *_order(request.id)):
        if control.term[:-1].lower() not in words:
            continue
        made = edited(request.text, [Term(control.term, control.replacement)], spared=spared)
        if made.edits:
            return made.text
    return ""


def _order(name: str) -> list[Control]:
    """Controls in an order of the request's own, so that no one word stands for all."""
    return sorted(
        CONTROLS, key=lambda one: blake2b(f"{name}\0{one.term}".encode("utf-8", "surrogatepass")).digest()
    )
