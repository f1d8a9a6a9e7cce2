"""Terms that go with refusals only because another term does: part of it, around it, or beside it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from aligntax.stats.log_odds import log_odds
from aligntax.stats.predictions import Floats
from aligntax.tax.triggers.corpus import Corpus
from aligntax.tax.triggers.terms import Terms

__all__ = ["Explanation", "explain"]

Relation = Literal["part of", "holds", "stands beside"]
Ints = npt.NDArray[np.int64]
_LEVEL = 0.99
"""Of the intervals that tell whether a term has something of its own: many are looked at."""


@dataclass(frozen=True, slots=True)
class Explanation:
    """Why a term needs no explanation of its own.

    Attributes:
        by: the term that explains it.
        relation: it is part of that term, holds it, or stands in the same prompts.
        apart: prompts with the term and without any trigger named before it.
        apart_refused: refused ones among them.
    """

    by: str
    relation: Relation
    apart: int
    apart_refused: int


def explain(
    corpus: Corpus, terms: Terms, found: Ints, design_effect: Floats, *, sign: int = 1
) -> Mapping[int, Explanation]:
    """Which of the terms found are explained by one found before them.

    A term stands on its own where the prompts that hold it, and none of the terms before it that stand on
    their own, are refused more often than the others; or where, among the prompts of the term that would
    explain it, those that hold it too are refused more often than the rest.

    Args:
        corpus: the prompts.
        terms: in them.
        found: numbers of the terms, the surest first.
        design_effect: (terms,) of each.
        sign: 1 for terms that go with refusals, -1 for those that go with answers.

    Returns:
        Number of the term -> its explanation; terms that stand on their own are not in it.
    """
    documents = _documents(terms, found)
    covered = np.zeros(len(corpus), np.bool_)
    leads: list[tuple[int, npt.NDArray[np.bool_]]] = []
    reasons: dict[int, Explanation] = {}
    everywhere = corpus.refused if sign > 0 else ~corpus.refused
    for at in found.tolist():
        here = documents[at]
        apart = here[~covered[here]]
        shared = [(int(mask[here].sum()), lead, mask) for lead, mask in leads]
        most = max(shared, key=lambda one: one[0], default=(0, -1, covered))
        if most[0] and not _own(everywhere, covered, here, most[2], design_effect[at]):
            name, by = terms.names[at], terms.names[most[1]]
            reasons[at] = Explanation(by, _relation(name, by), len(apart), int(corpus.refused[apart].sum()))
            continue
        mask = np.zeros(len(corpus), np.bool_)
        mask[here] = True
        covered |= mask
        leads.append((at, mask))
    return reasons


def _own(
    events: npt.NDArray[np.bool_],
    covered: npt.NDArray[np.bool_],
    here: Ints,
    lead: npt.NDArray[np.bool_],
    effect: float,
) -> bool:
    """Whether a term does something beyond those before it."""
    apart, both = here[~covered[here]], here[lead[here]]
    return _more(events, ~covered, apart, effect) or _more(events, lead, both, effect)


def _more(events: npt.NDArray[np.bool_], whole: npt.NDArray[np.bool_], part: Ints, effect: float) -> bool:
    """Whether a part has a higher share of events than the rest of the whole it is of."""
    all_n, all_events = int(whole.sum()), int((events & whole).sum())
    n, inside = len(part), int(events[part].sum())
    if not n or not 0 < all_events < all_n:
        return False
    found = log_odds(
        np.array([inside / effect]),
        np.array([(n - inside) / effect]),
        all_events / effect,
        (all_n - all_events) / effect,
        level=_LEVEL,
    )
    return bool(found.low[0] > 0)


def _documents(terms: Terms, found: Ints) -> dict[int, Ints]:
    """Prompts that hold each of the terms."""
    pieces: dict[int, list[Ints]] = {at: [] for at in found.tolist()}
    if len(found):
        wanted = np.zeros(len(terms.names), np.bool_)
        wanted[found] = True
        for prompt, term in terms.pairs(wanted):
            for at in np.unique(term).tolist():
                pieces[at].append(prompt[term == at])
    return {at: np.concatenate(some) if some else np.empty(0, np.int64) for at, some in pieces.items()}


def _relation(name: str, by: str) -> Relation:
    if _within(name.split(" "), by.split(" ")):
        return "part of"
    return "holds" if _within(by.split(" "), name.split(" ")) else "stands beside"


def _within(words: Sequence[str], longer: Sequence[str]) -> bool:
    size = len(words)
    return any(list(longer[at : at + size]) == list(words) for at in range(len(longer) - size + 1))
