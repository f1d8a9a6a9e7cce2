"""An evaluation set from a log: prompts with trigger words, by term and outcome, none of them twice."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from aligntax.errors import UsageError
from aligntax.probes.near_duplicates import distinct
from aligntax.tax.triggers.corpus import Corpus
from aligntax.traffic.redaction import Redactor

__all__ = ["Drawn", "Stratum", "draw_evaluation_set", "evaluation_rows", "prompts_with", "stand_ins"]

Ints = npt.NDArray[np.int64]
_OUTCOMES = ("complete", "hedged", "refused")
_MOST_COMPARED = 50_000
_SIMILAR = 0.8
"""Share of the shingles of two prompts that both have, from which they count as one."""


@dataclass(frozen=True, slots=True)
class Drawn:
    """One prompt of the set.

    Attributes:
        row: its place in the log.
        term: the first of the triggers in it, by which it was drawn.
        terms: all of them.
        outcome: complete, hedged or refused.
        probability: with which it was drawn, in (0, 1].
        alike: prompts of the log it stands for, itself included.
        alike_refused: refused ones among them.
    """

    row: int
    term: str
    terms: tuple[str, ...]
    outcome: str
    probability: float
    alike: int
    alike_refused: int


@dataclass(frozen=True, slots=True)
class Stratum:
    """A term and an outcome.

    Attributes:
        term: of the prompts.
        outcome: of the prompts.
        size: prompts, of nearly the same only one.
        drawn: how many are in the set.
    """

    term: str
    outcome: str
    size: int
    drawn: int


def draw_evaluation_set(corpus: Corpus, terms: Sequence[str], size: int) -> tuple[list[Drawn], list[Stratum]]:
    """Draws prompts that hold a trigger, as many from each stratum of term and outcome as can be.

    A prompt belongs to the first of its terms. Of prompts that are nearly the same, the first in the order in
    which samples are drawn stands for all. Within a stratum every prompt has the same chance.

    Args:
        corpus: prompts with outcomes, the hedged included.
        terms: triggers, the most important first.
        size: prompts wanted; all there are where the log has fewer.

    Raises:
        UsageError: no terms, nothing wanted, or no prompt holds a term.
    """
    if not terms:
        raise UsageError(
            "no trigger to draw an evaluation set by", hint="name terms with --term, or give a larger log"
        )
    if size < 1:
        raise UsageError(f"an evaluation set of {size} prompts", hint="--eval-size 200")
    holding = {term: prompts_with(corpus, term) for term in terms}
    first = np.full(len(corpus), len(terms), np.int64)
    for at in range(len(terms) - 1, -1, -1):
        first[holding[terms[at]]] = at
    candidates = np.flatnonzero(first < len(terms))
    if not len(candidates):
        raise UsageError(
            f"no prompt of the log holds {', '.join(terms[:5])}", hint="name other terms with --term"
        )
    candidates = candidates[np.argsort(corpus.order[candidates], kind="stable")]
    share = min(1.0, _MOST_COMPARED / len(candidates)) * corpus.thinned
    candidates = candidates[:_MOST_COMPARED]
    stands = stand_ins(corpus, candidates)
    outcome = np.where(corpus.hedged, 1, np.where(corpus.refused, 2, 0))[candidates]
    cells = first[candidates] * len(_OUTCOMES) + outcome
    leads = np.flatnonzero(stands == np.arange(len(stands)))
    alike = np.bincount(stands, minlength=len(stands))
    refused = np.bincount(stands, weights=outcome == 2, minlength=len(stands)).astype(np.int64)
    sizes = {
        int(cell): int(count)
        for cell, count in zip(*np.unique(cells[leads], return_counts=True), strict=True)
    }
    taken = _filled(sizes, size)
    found = list[Drawn]()
    for cell, count in taken.items():
        for at in leads[cells[leads] == cell][:count].tolist():
            prompt = int(candidates[at])
            found.append(
                Drawn(
                    int(corpus.row[prompt]),
                    terms[cell // len(_OUTCOMES)],
                    tuple(term for term in terms if _holds(holding[term], prompt)),
                    _OUTCOMES[cell % len(_OUTCOMES)],
                    share * count / sizes[cell],
                    int(alike[at]),
                    int(refused[at]),
                )
            )
    strata = [
        Stratum(terms[cell // len(_OUTCOMES)], _OUTCOMES[cell % len(_OUTCOMES)], sizes[cell], count)
        for cell, count in taken.items()
    ]
    return found, strata


def stand_ins(corpus: Corpus, prompts: Ints) -> Ints:
    """For each prompt the one that stands for it: an earlier one that is nearly the same.

    Args:
        corpus: holds them.
        prompts: (prompts,) numbers, those to be preferred first.

    Returns:
        (prompts,) place in `prompts` of the one that stands for it; its own where none is like it.
    """
    texts = []
    for at in prompts.tolist():
        tokens = corpus.tokens[corpus.starts[at] : corpus.starts[at + 1]]
        texts.append(" ".join(corpus.words[token] for token in tokens.tolist() if token >= 0))
    stands = np.arange(len(prompts))
    for at, near in distinct(texts, threshold=_SIMILAR).dropped.items():
        stands[at] = near.first
    return stands


def prompts_with(corpus: Corpus, term: str) -> Ints:
    """Numbers of the prompts that hold a term, ascending.

    Args:
        corpus: the prompts.
        term: its words in lower case, joined by a space.
    """
    numbers = {word: at for at, word in enumerate(corpus.words)}
    wanted = [numbers.get(word, -2) for word in term.split(" ")]
    last = len(corpus.tokens) - len(wanted) + 1
    if last < 1:
        return np.empty(0, np.int64)
    hit = np.ones(last, np.bool_)
    for at, number in enumerate(wanted):
        hit &= corpus.tokens[at : at + last] == number
    starts = np.flatnonzero(hit)
    prompt = np.searchsorted(corpus.starts, starts, side="right") - 1
    whole = starts + len(wanted) <= corpus.starts[prompt + 1]
    return np.unique(prompt[whole])


def evaluation_rows(
    drawn: Sequence[Drawn], texts: Mapping[int, Mapping[str, Any]], redactor: Redactor | None
) -> list[dict[str, Any]]:
    """The set as it is written: one row a prompt.

    Args:
        drawn: the prompts.
        texts: place in the log -> columns of the exchange.
        redactor: takes personal data out of every text; None to keep them.
    """
    rows = []
    for one in drawn:
        text = texts[one.row]
        row = {
            "id": text["id"],
            "prompt": text["prompt"],
            **{name: text[name] for name in ("system", "use_case") if text.get(name)},
        }
        if redactor is not None:
            row = {name: redactor.text(value) for name, value in row.items()}
        rows.append(
            row
            | {
                "term": one.term,
                "terms": list(one.terms),
                "outcome": one.outcome,
                "probability": round(one.probability, 9),
                "alike": one.alike,
                "alike_refused": one.alike_refused,
            }
        )
    return rows


def _holds(prompts: Ints, prompt: int) -> bool:
    at = int(np.searchsorted(prompts, prompt))
    return at < len(prompts) and int(prompts[at]) == prompt


def _filled(sizes: Mapping[int, int], size: int) -> dict[int, int]:
    """How many of each stratum: the same of all, and of what a small one lacks the others get their part."""
    taken = dict.fromkeys(sizes, 0)
    left = min(size, sum(sizes.values()))
    while left:
        open_cells = [cell for cell in sizes if taken[cell] < sizes[cell]]
        each = max(1, math.floor(left / len(open_cells)))
        for cell in open_cells:
            more = min(each, sizes[cell] - taken[cell], left)
            taken[cell] += more
            left -= more
    return taken
