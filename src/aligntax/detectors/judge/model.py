"""What goes to the judge's model and what comes back, and how it is asked; Inspect is not imported here."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from aligntax.errors import UsageError
from aligntax.records.asked import Usage

__all__ = ["ModelSettings", "Question", "Reply", "Usage"]


_NOTHING = Usage()


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelSettings:
    """How the model is asked.

    Attributes:
        temperature: of sampling; 0 takes the likeliest word each time.
        max_tokens: most tokens of an answer, a reasoning model's thinking included.
        shown: most characters of a response that the judge is shown (a third of it of a prompt).
        max_connections: requests under way at a time.
        max_retries: tries after the first, where the provider is busy or failing, with growing pauses.
        timeout: seconds before one try is given up.
        cache: whether Inspect keeps answers on disk and gives them again for the same question. They quote
            responses, and stay where Inspect keeps its cache until `inspect cache clear`.
        base_url: of the provider; by default its own, or what its environment variable says.
        model_args: further arguments of Inspect's `get_model`.

    Raises:
        UsageError: a number no model can be asked with.
    """

    temperature: float = 0.0
    max_tokens: int = 2048
    shown: int = 24_000
    max_connections: int = 10
    max_retries: int = 5
    timeout: int = 120
    cache: bool = False
    base_url: str | None = None
    model_args: Mapping[str, object] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name, least in {"max_tokens": 1, "shown": 100, "max_connections": 1, "timeout": 1}.items():
            if getattr(self, name) < least:
                raise UsageError(f"the judge's {name} is {getattr(self, name)}", hint=f"{least} or more")
        if self.max_retries < 0 or self.temperature < 0:
            raise UsageError("the judge's retries and temperature cannot be negative", hint="0 or more")

    def decisive(self) -> dict[str, object]:
        """Those settings that can change a judgement; secrets and objects of `model_args` are left out."""
        plain = (str, int, float, bool)
        further = {
            k: v for k, v in self.model_args.items() if isinstance(v, plain) and "key" not in k.lower()
        }
        return {
            "temperature": self.temperature,
            "max_tokens": self.max_tokens,
            "shown": self.shown,
            "base_url": self.base_url,
            "model_args": further,
        }


@dataclass(frozen=True, slots=True)
class Question:
    """One exchange put before the judge.

    Attributes:
        system: the rubric.
        user: the exchange.
        order: names of the classes in the order shown.
        cut: whether the middle of a text was left out.
    """

    system: str
    user: str
    order: tuple[str, ...]
    cut: bool


@dataclass(frozen=True, slots=True)
class Reply:
    """What came back.

    Attributes:
        text: the answer; "" without one.
        stop: why it ended, in Inspect's words: stop, max_tokens, model_length, content_filter, ...;
            "error" when no answer came.
        declined: whether the provider or the model says in a field of its own that it declined.
        usage: tokens.
        error: kind of the failure and HTTP status, without any text of the request; "" without one.
    """

    text: str
    stop: str
    declined: bool = False
    usage: Usage = _NOTHING
    error: str = ""
