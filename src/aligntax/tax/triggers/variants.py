"""A prompt with some of its words left out."""

import re
from collections.abc import Collection, Sequence
from functools import cached_property
from hashlib import blake2b

from aligntax.tax.triggers.corpus import words_of
from aligntax.tax.triggers.terms import STOP_WORDS

__all__ = ["Pieces"]


class Pieces:
    """What stands between the spaces of a prompt, to be kept or left out.

    Args:
        text: the prompt.
    """

    def __init__(self, text: str) -> None:
        self.text = text
        self.spans = [match.span() for match in re.finditer(r"\S+", text)]

    def __len__(self) -> int:
        return len(self.spans)

    def kept(self, chosen: Sequence[int]) -> str:
        """The prompt with these pieces alone; neighbours keep what stands between them, others get a space.

        Args:
            chosen: numbers of pieces, ascending.
        """
        parts = list[str]()
        for at, piece in enumerate(chosen):
            start, end = self.spans[piece]
            if at:
                before = chosen[at - 1]
                parts.append(self.text[self.spans[before][1] : start] if before == piece - 1 else " ")
            parts.append(self.text[start:end])
        return "".join(parts)

    def terms(self, chosen: Sequence[int]) -> tuple[str, ...]:
        """The words of these pieces, those that stand side by side as one term; each term once."""
        runs: list[list[int]] = []
        for piece in chosen:
            if runs and runs[-1][-1] == piece - 1:
                runs[-1].append(piece)
            else:
                runs.append([piece])
        named = (" ".join(word for piece in run for word in self.words[piece]) for run in runs)
        return tuple(dict.fromkeys(name for name in named if name))

    @cached_property
    def words(self) -> list[list[str]]:
        """The words in each piece, in lower case."""
        return [[word for word in words_of(self.text[a:b]) if word] for a, b in self.spans]

    def holding(self, term: str) -> list[int]:
        """Pieces that hold a word of an occurrence of the term."""
        wanted = term.split(" ")
        places = [(word, piece) for piece, words in enumerate(self.words) for word in words]
        found: dict[int, None] = {}
        for at in range(len(places) - len(wanted) + 1):
            here = places[at : at + len(wanted)]
            if [word for word, _ in here] == wanted:
                found.update(dict.fromkeys(piece for _, piece in here))
        return list(found)

    def without(self, term: str) -> str | None:
        """The prompt without the term, wherever it stands; None where it is not in it, or nothing else is."""
        gone = set(self.holding(term))
        rest = [piece for piece in range(len(self)) if piece not in gone]
        return self.kept(rest) if gone and rest else None

    def control(self, term: str, triggers: Collection[str]) -> str | None:
        """The prompt without as many other words, which no trigger holds: what leaving out any word does.

        Args:
            term: that would be left out.
            triggers: all terms that may set a refusal off.

        Returns:
            The prompt; None where it has too few other words that say something.
        """
        barred = {piece for one in {*triggers, term} for piece in self.holding(one)}
        free = [
            piece
            for piece, words in enumerate(self.words)
            if piece not in barred and any(word not in STOP_WORDS for word in words)
        ]
        count = len(self.holding(term))
        if not count or len(free) < count or len(self) - count < 1:
            return None
        # by a hash of the prompt: another run takes the same words
        free.sort(key=lambda piece: blake2b(f"{piece} {self.text}".encode("utf-8", "replace")).digest())
        gone = set(free[:count])
        return self.kept([piece for piece in range(len(self)) if piece not in gone])
