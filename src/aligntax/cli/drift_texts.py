"""What two models are run over: prompts and documents as passages of tokens, and the samples they draw."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from aligntax.models.encoding import Encoder, pieces
from aligntax.models.passes import Passage
from aligntax.tax.prompts import Prompt

__all__ = ["Asked", "Texts"]


@dataclass(frozen=True, slots=True)
class Asked:
    """A prompt as tokens, with the number of the prompt it is."""

    tokens: tuple[int, ...]
    number: int


@dataclass(frozen=True, slots=True)
class Texts:
    """Prompts and documents as both models read them; what is left out is counted.

    Attributes:
        prompts: lines of the file.
        documents: general text.
        encoder: makes tokens of them.
        longest: tokens of a passage, at most.
        vocabulary: tokens that both models share, 0 to this one.
        left_out: reason -> how many prompts or documents.
    """

    prompts: Sequence[Prompt]
    documents: Sequence[str]
    encoder: Encoder
    longest: int
    vocabulary: int
    left_out: Counter[str] = field(default_factory=Counter)

    @property
    def groups(self) -> dict[int, str]:
        """Number of a prompt -> its type."""
        return {number: prompt.group for number, prompt in self._numbered()}

    def asked(self, room: int) -> list[Asked]:
        """Every prompt once, with room for `room` tokens of a response."""
        found: dict[tuple[int, ...], Asked] = {}
        for number, prompt in self._numbered():
            tokens = tuple(self.encoder.prompt(prompt.text))
            if not self._unfit(tokens, room, f"with room for {room:,} tokens of a response"):
                found.setdefault(tokens, Asked(tokens, number))
        return list(found.values())

    def fixed(self) -> list[Passage]:
        """Prompts with their responses from the file, cut where a passage becomes too long."""
        found = list[Passage]()
        for number, prompt in self._numbered():
            if not prompt.response:
                self.left_out["without a response, not among the file's responses"] += 1
                continue
            tokens = tuple(self.encoder.prompt(prompt.text))
            response = tuple(self.encoder.response(prompt.response))
            if response and not self._unfit(tokens + response[:1], 0, "with a response"):
                whole = (tokens + response)[: self.longest]
                if self._known(whole):
                    found.append(Passage(whole, len(tokens), number))
        return found if any(prompt.response for prompt in self.prompts) else self._none()

    def general(self) -> list[Passage]:
        """Documents in pieces that fit; of each piece the first token is not predicted."""
        found = list[Passage]()
        for number, document in enumerate(self.documents):
            for piece in pieces(self.encoder.document(document), self.longest):
                if self._known(piece):
                    found.append(Passage(piece, 1, number))
        return found

    def notes(self) -> list[str]:
        """What was left out, in words."""
        return [f"left out: {count:,} {reason}" for reason, count in self.left_out.items()]

    def _none(self) -> list[Passage]:
        """No line has a response, which is how prompt files are: nothing worth a note."""
        self.left_out.pop("without a response, not among the file's responses", None)
        return []

    def _numbered(self) -> Iterator[tuple[int, Prompt]]:
        numbers: dict[str, int] = {}
        for prompt in self.prompts:
            yield numbers.setdefault(prompt.cluster, len(numbers)), prompt

    def _unfit(self, tokens: Sequence[int], room: int, why: str) -> bool:
        if len(tokens) - (room == 0) < 1:
            self.left_out["prompts without a token"] += 1
            return True
        if len(tokens) + room > self.longest:
            self.left_out[f"prompts longer than {self.longest:,} tokens {why}"] += 1
            return True
        return not self._known(tokens)

    def _known(self, tokens: Sequence[int]) -> bool:
        if max(tokens) < self.vocabulary:
            return True
        self.left_out["texts with tokens that one of the models lacks"] += 1
        return False
