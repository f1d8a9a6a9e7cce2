"""Which words of a refused prompt the refusal hangs on: delta debugging, with answers that come by chance."""

import itertools
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from typing import Literal

from aligntax.tax.triggers.variants import Pieces

__all__ = ["Draw", "Rule", "Search", "SearchVerdict", "Steps", "searched"]

Draw = Literal["refused", "answered", "unknown", "missing"]
"""What became of one request. An answer of another model than the one asked is "unknown", never "answered";
what failed or was not sent is "missing"."""
SearchVerdict = Literal["found", "several", "saturated", "not refused again", "not finished"]
Steps = Generator[Sequence[str], Sequence[Draw], "Search"]
"""Yields prompts to ask, a prompt as often as it is to be asked; is sent what became of each."""


@dataclass(frozen=True, slots=True)
class Rule:
    """When it is clear whether a prompt is refused, although it may be refused now and answered then.

    Wald's sequential test of 80 % refusals against 20 %: with a lead of 2 it errs in one of 17, with 3 in one
    of 65.

    Attributes:
        lead: refusals more than answers, or the other way round, at which it is clear.
        most: draws after which the majority counts.
    """

    lead: int = 2
    most: int = 5

    def undecided(self, refused: int, answered: int, drawn: int) -> int:
        """How many draws to ask for next; 0 where it is clear, or as clear as it gets."""
        if drawn >= self.most or abs(refused - answered) >= self.lead:
            return 0
        return min(self.lead - abs(refused - answered), self.most - drawn)


@dataclass(frozen=True, slots=True, kw_only=True)
class Search:
    """What came of a search.

    Attributes:
        verdict: "found": the refusal hangs on `terms`, and any word fewer is answered. "several": parts of
            the prompt are refused each on its own, each for one of `terms`. "saturated": every part alone is
            still refused, so that no word is to blame more than another. "not refused again": asked again it
            was answered. "not finished": requests failed, or there were no more to spend.
        terms: words the refusal hangs on, in lower case.
        left: the shortest prompt that was still refused.
        calls: requests it took.
    """

    verdict: SearchVerdict
    terms: tuple[str, ...] = ()
    left: str = ""
    calls: int = 0


class _Stopped(Exception):
    """Requests failed, or there are none left."""


class _Searching:
    """One search under way.

    Args:
        pieces: of the prompt.
        rule: when a prompt counts as refused.
    """

    def __init__(self, pieces: Pieces, rule: Rule) -> None:
        self._pieces, self._rule = pieces, rule
        self._known: dict[str, bool] = {}
        self.calls = 0
        self.left = pieces.text

    def refused(
        self, chosen: Sequence[Sequence[int]]
    ) -> Generator[Sequence[str], Sequence[Draw], list[bool]]:
        """Whether each of some parts is refused.

        Raises:
            _Stopped: that cannot be told.
        """
        texts = [self._pieces.kept(part) for part in chosen]
        counts = {text: [0, 0, 0] for text in texts if text not in self._known}
        while True:
            asked = [text for text, count in counts.items() for _ in range(self._rule.undecided(*count))]
            if not asked:
                break
            draws = yield asked
            self.calls += sum(draw != "missing" for draw in draws)
            for text, draw in zip(asked, draws, strict=True):
                if draw == "missing":
                    raise _Stopped
                count = counts[text]
                count[0] += draw == "refused"
                count[1] += draw == "answered"
                count[2] += 1
        self._known.update({text: count[0] > count[1] for text, count in counts.items()})
        found = [self._known[text] for text in texts]
        shortest = min(
            (text for text, one in zip(texts, found, strict=True) if one), key=len, default=self.left
        )
        self.left = min(self.left, shortest, key=len)
        return found

    def smallest(self, chosen: Sequence[int]) -> Generator[Sequence[str], Sequence[Draw], Sequence[int]]:
        """The part on which the refusal of a part hangs: any piece fewer, and it is answered.

        Source: Zeller & Hildebrandt (2002), IEEE Transactions on Software Engineering 28:183 (ddmin).
        """
        cuts = 2
        while len(chosen) >= 2:
            parts = _split(chosen, cuts)
            found = yield from self.refused(parts)
            if any(found):
                chosen, cuts = parts[found.index(True)], 2
                continue
            if cuts > 2:
                rests = [[piece for piece in chosen if piece not in set(part)] for part in parts]
                found = yield from self.refused(rests)
                if any(found):
                    chosen, cuts = rests[found.index(True)], max(cuts - 1, 2)
                    continue
            if cuts >= len(chosen):
                break
            cuts = min(2 * cuts, len(chosen))
        return chosen


def searched(pieces: Pieces, rule: Rule | None = None) -> Steps:
    """Searches for the words a refusal hangs on.

    First the prompt is asked again as it is; then its halves. Where one of them is refused the search goes on
    in it; where both are, in the quarters, which tells a prompt with several triggers from a saturated one.

    Args:
        pieces: of a prompt that was refused.
        rule: when a prompt counts as refused.

    Returns:
        Steps, which end with a `Search`.
    """
    under_way = _Searching(pieces, rule or Rule())
    try:
        verdict, parts = yield from _parts(under_way, list(range(len(pieces))))
    except _Stopped:
        return Search(verdict="not finished", left=under_way.left, calls=under_way.calls)
    terms = tuple(dict.fromkeys(term for part in parts for term in pieces.terms(part)))
    left = under_way.left
    if verdict == "found":
        left = pieces.kept(parts[0])
    if not terms and verdict in ("found", "several"):  # marks alone, such as an emoji
        terms = tuple(pieces.kept(part) for part in parts)
    return Search(verdict=verdict, terms=terms, left=left, calls=under_way.calls)


Parts = tuple[SearchVerdict, Sequence[Sequence[int]]]


def _parts(under_way: _Searching, every: Sequence[int]) -> Generator[Sequence[str], Sequence[Draw], Parts]:
    (again,) = yield from under_way.refused([every])
    if not again:
        return "not refused again", []
    if len(every) < 2:
        return "found", [every]
    halves = _split(every, 2)
    both = yield from under_way.refused(halves)
    if not all(both):
        return "found", [(yield from under_way.smallest(every))]
    quarters = _split(every, min(4, len(every)))
    if all((yield from under_way.refused(quarters))):
        return "saturated", []
    found = []
    for half in halves:
        found.append((yield from under_way.smallest(half)))
    return "several", found


def _split(chosen: Sequence[int], parts: int) -> list[Sequence[int]]:
    """Parts of about the same size, in their order."""
    cuts = [len(chosen) * at // parts for at in range(parts + 1)]
    return [chosen[start:end] for start, end in itertools.pairwise(cuts) if end > start]
