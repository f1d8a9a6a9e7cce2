"""What asking may cost: reckoned before, counted while, never more than was allowed."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from aligntax.records.asked import Question, Usage

__all__ = ["Budget", "Cost", "Rate", "estimated"]

_CHARACTERS = 4.0
"""Characters a token of English has, roughly: what a request costs is known only when it is billed."""
_OVERHEAD = 12
"""Tokens of roles and marks around a prompt."""


@dataclass(frozen=True, slots=True)
class Rate:
    """US dollars a million tokens."""

    tokens_in: float
    tokens_out: float

    def cost(self, usage: Usage) -> float:
        """US dollars."""
        return (usage.tokens_in * self.tokens_in + usage.tokens_out * self.tokens_out) / 1e6


@dataclass(frozen=True, slots=True)
class Cost:
    """What a run will cost, reckoned.

    Attributes:
        requests: to send.
        tokens_in: of all requests, estimated from their length.
        likely: US dollars, with answers of the length expected.
        most: US dollars, with every answer as long as it may be.
    """

    requests: int
    tokens_in: int
    likely: float
    most: float

    def __add__(self, other: "Cost") -> "Cost":
        return Cost(
            self.requests + other.requests,
            self.tokens_in + other.tokens_in,
            self.likely + other.likely,
            self.most + other.most,
        )


class Budget:
    """Counts what is spent, and keeps requests from going out that could break the limit.

    A request is let out only if it, and all that are under way, could be as long as they may be and the limit
    still hold. How many tokens a request has is not known before it is billed, but no token is shorter than
    a byte.

    Args:
        rates: model -> its price.
        most: US dollars; None for no limit.
        before: US dollars of it that an earlier start of the same run has spent.
    """

    def __init__(self, rates: Mapping[str, Rate], most: float | None = None, before: float = 0.0) -> None:
        self._rates = rates
        self.most = most
        self.before = before
        self.spent = 0.0
        self.usage = Usage()
        self._under_way = 0.0
        self._requests = 0
        self.reached = False

    @property
    def waiting(self) -> bool:
        """Whether requests are under way, which may leave room when they come back."""
        return self._requests > 0

    def cost(self, model: str, usage: Usage) -> float:
        """US dollars of a request."""
        return self._rates[model].cost(usage)

    def reserve(self, model: str, size: int, max_tokens: int) -> float | None:
        """Room for one request; None if there is none left now.

        Args:
            model: that is asked.
            size: of the request's words, in bytes.
            max_tokens: of the answer.
        """
        cost = self.cost(model, Usage(size + _OVERHEAD, max_tokens))
        if self.most is not None and self.before + self.spent + self._under_way + cost > self.most:
            return None
        self._under_way += cost
        self._requests += 1
        return cost

    def settle(self, model: str, reserved: float, usage: Usage) -> None:
        """A request that came back, and what it took."""
        self._requests -= 1
        self._under_way = self._under_way - reserved if self._requests else 0.0
        self.spent += self.cost(model, usage)
        self.usage += usage


def estimated(
    questions: Iterable[Question], rate: Rate, *, samples: int, expected: int, max_tokens: int
) -> Cost:
    """What asking will cost.

    Args:
        questions: to ask.
        rate: of the model.
        samples: draws of each.
        expected: tokens of an answer, likely.
        max_tokens: of an answer, at most.
    """
    lengths = [_tokens(len(one.prompt) + len(one.system or "")) for one in questions]
    requests, tokens = samples * len(lengths), samples * sum(lengths)
    likely = rate.cost(Usage(tokens, requests * min(expected, max_tokens)))
    return Cost(requests, tokens, likely, rate.cost(Usage(tokens, requests * max_tokens)))


def _tokens(characters: int) -> int:
    return round(characters / _CHARACTERS) + _OVERHEAD
