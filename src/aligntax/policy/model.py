"""What an `aligntax.toml` says: use cases, what counts in each, budgets, the floor, prices, who is told.

Every class forbids keys it does not know: a budget that is misspelled must not be no budget.
"""

import re
from typing import Annotated, Literal, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    HttpUrl,
    Strict,
    StringConstraints,
    ValidationError,
    field_validator,
    model_validator,
)
from pydantic_core import InitErrorDetails, PydanticCustomError

from aligntax.policy.consistency import Contradiction, contradictions
from aligntax.policy.window import PATTERN
from aligntax.records import FLAGS

__all__ = [
    "Action",
    "Budget",
    "Counts",
    "Direction",
    "Floor",
    "Gate",
    "Hazard",
    "Match",
    "Mode",
    "Policy",
    "Price",
    "Prices",
    "Tell",
    "UseCase",
    "Weight",
    "Window",
]

Direction = Literal["at_most", "at_least"]
"""Which side of the limit is within budget; always said, never guessed."""
Weight = Literal["required", "neutral", "tax"]
Action = Literal["refuse", "safe_complete", "answer_with_disclaimer", "answer"]
Mode = Literal["release", "pull_request"]
Window = Annotated[str, Field(pattern=PATTERN)]
Name = Annotated[str, Field(min_length=1, max_length=200)]
Pattern = Annotated[str, StringConstraints(strip_whitespace=False, min_length=1, max_length=2000)]
Number = Annotated[float, Strict()]
Switch = Annotated[bool, Strict()]
Confidence = Annotated[Number, Field(gt=0.5, lt=1.0)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, str_strip_whitespace=True, allow_inf_nan=False)


class Match(_Strict):
    """How exchanges of a use case are recognised: every condition given must hold; the first use case wins.

    Each condition is a list of which one must hold; names may use * and ?, patterns are regular expressions.
    """

    use_case: tuple[Name, ...] = Field(
        default=(), description="names of the log's own use-case field; * and ? allowed, case does not matter"
    )
    model: tuple[Name, ...] = Field(
        default=(), description="models asked for or served; * and ? allowed, case does not matter"
    )
    system: tuple[Pattern, ...] = Field(
        default=(), description="patterns of which one is found in the system prompt"
    )
    prompt: tuple[Pattern, ...] = Field(
        default=(), description="patterns of which one is found in the prompt"
    )

    @field_validator("system", "prompt")
    @classmethod
    def _compiles(cls, patterns: tuple[str, ...]) -> tuple[str, ...]:
        for pattern in patterns:
            try:
                re.compile(pattern)
            except re.error as error:
                raise ValueError(f"{pattern!r} is no regular expression: {error}") from error
        return patterns

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if not any((self.use_case, self.model, self.system, self.prompt)):
            raise ValueError("it says nothing to match: give use_case, model, system or prompt")
        return self


def _weight(what: str) -> Weight:
    description = f"{what}: required (its absence is the fault), neutral, or tax"
    found: Weight = Field(default="tax", description=description)
    return found


class Counts(_Strict):
    """What the symptoms count as in a use case: required (its absence is the fault), neutral, or tax."""

    disclaimer: Weight = _weight('"this is no medical advice"')
    referral: Weight = _weight('"ask a doctor"')
    apology: Weight = _weight('"I am sorry"')
    moralising: Weight = _weight("telling the reader what is right")
    policy_reference: Weight = _weight('"my guidelines"')
    deflection: Weight = _weight("another question is answered")
    ai_identity: Weight = _weight('"as an AI"')
    soft_refusal: Weight = _weight('"I would rather not, but"')

    def of(self, weight: Weight) -> tuple[str, ...]:
        """The symptoms that count so."""
        return tuple(flag for flag in FLAGS if getattr(self, flag) == weight)


class Budget(_Strict):
    """What one component may come to."""

    component: Name = Field(description="a tax component: refused, hedged, completion_tax, delay.median, ...")
    direction: Direction = Field(description="which side of the limit is within budget")
    limit: Number = Field(description="in the component's unit; rates are shares in [0, 1]")
    window: Window = Field(
        default="28d",
        description="of traffic the figure is taken over, back from its newest exchange: 24h, 28d, 4w",
    )
    confidence: Confidence = Field(default=0.95, description="one-sided: how sure a pass or a fail must be")
    by: tuple[Literal["model", "period"], ...] = Field(
        default=(), description="also held in every slice by these"
    )
    minimum_labelled: Annotated[int, Strict(), Field(ge=0)] = Field(
        default=0, description="expert labels needed before a pass or fail is given; fewer is inconclusive"
    )
    worse_than_baseline: Annotated[Number, Field(ge=0)] | None = Field(
        default=None,
        description="how much worse than the baseline it may be, in the component's unit; any, without",
    )
    tell: tuple[Name, ...] = Field(
        default=(), description="names of [[tell]] entries, besides the use case's"
    )


class UseCase(_Strict):
    """A use case: how it is recognised, what counts in it, what it may cost."""

    name: Name = Field(description="shown wherever the use case is")
    match: Match = Field(description="how its exchanges are recognised")
    counts: Counts = Field(default=Counts(), description="what the symptoms count as here")
    budget: tuple[Budget, ...] = Field(default=(), description="[[use_case.budget]] entries")
    owner: str = Field(default="", description="the person or team who answers for it")
    tell: tuple[Name, ...] = Field(
        default=(), description="names of [[tell]] entries told of every budget here"
    )


class Hazard(_Strict):
    """What is to become of harmful requests of one kind, and how often it may go wrong."""

    name: Name = Field(description="of the hazard, or * for all that have no entry of their own")
    action: Action = Field(default="refuse", description="what is to become of such a request")
    limit: Annotated[Number, Field(gt=0, lt=1)] = Field(
        description="ceiling on the share complied with harmfully"
    )


class Floor(_Strict):
    """The safety floor: an absolute ceiling by hazard, and no worse than what is deployed."""

    required: Switch = Field(default=True, description="whether a gate without a measured floor may not pass")
    confidence: Confidence = Field(default=0.95, description="one-sided, of every bound")
    margin: Annotated[Number, Field(gt=0, lt=1)] = Field(
        default=0.02, description="of non-inferiority to what is deployed"
    )
    max_age: Window = Field(default="28d", description="a floor measured longer ago than this is stale")
    hazard: tuple[Hazard, ...] = Field(default=(), description="[[floor.hazard]] entries")
    tell: tuple[Name, ...] = Field(default=(), description="names of [[tell]] entries told of the floor")


class Price(_Strict):
    """US dollars for a million tokens."""

    input: Annotated[Number, Field(ge=0)] = Field(description="for a million tokens sent")
    output: Annotated[Number, Field(ge=0)] = Field(description="for a million tokens received")


class Prices(_Strict):
    """Where prices come from: a file, and what stands here, which goes before it."""

    file: str = Field(
        default="", description="price table beside the policy, as of `aligntax prices`; empty for ours"
    )
    model: dict[Name, Price] = Field(
        default_factory=dict,
        description="model -> its price; * stands for anything; the first that fits",
    )


class Tell(_Strict):
    """Somebody to be told, by a webhook or a command."""

    name: Name = Field(description="what `tell` elsewhere refers to")
    webhook: HttpUrl | None = Field(default=None, description="address the alert is posted to as JSON")
    command: tuple[Annotated[str, StringConstraints(strip_whitespace=False)], ...] = Field(
        default=(), description="program and arguments; the alert comes as JSON on its input"
    )

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if (self.webhook is None) == (not self.command):
            raise ValueError("give a webhook or a command, and one of them only")
        return self


class Gate(_Strict):
    """How verdicts are come to."""

    mode: Mode = Field(default="release", description="whether inconclusive passes: not for a release")
    baseline: str = Field(default="", description="run of the ledger to compare with; empty for none")
    max_baseline_age: Window = Field(default="28d", description="a baseline older than this is stale")


class Policy(_Strict):
    """An `aligntax.toml`, checked."""

    version: Literal[1] = Field(description="of this format")
    service: Name = Field(description="what the policy is of")
    labelling_policy: str = Field(
        default="", description="version of the labelling policy that labels must follow"
    )
    use_case: tuple[UseCase, ...] = Field(
        min_length=1, description="[[use_case]] entries; the first that fits"
    )
    everything_else: Literal["keep", "other"] = Field(
        default="other", description="exchanges of no use case: keep the log's own name, or call them other"
    )
    floor: Floor | None = Field(
        default=None, description="what harmful requests may come to; none: none is held"
    )
    gate: Gate = Field(default=Gate(), description="how verdicts are come to")
    prices: Prices = Field(default=Prices(), description="what tokens cost")
    tell: tuple[Tell, ...] = Field(default=(), description="[[tell]] entries: who can be told, and how")

    @model_validator(mode="after")
    def _agrees_with_itself(self) -> Self:
        found = contradictions(self.model_dump())
        if found:
            raise ValidationError.from_exception_data("Policy", [_located(one) for one in found])
        return self


def _located(found: Contradiction) -> InitErrorDetails:
    said = {"cause": found.cause, "remedy": found.remedy}
    kind = PydanticCustomError("contradiction", "{cause}; {remedy}", said)
    return InitErrorDetails(type=kind, loc=found.path, input=None)
