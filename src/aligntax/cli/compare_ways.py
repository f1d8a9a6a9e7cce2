"""How each of two models is asked, and whether the two are to be compared at all."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from aligntax.answers.conditions import differing, digest, settings
from aligntax.cli.live import Live
from aligntax.errors import UnreadableInput, UsageError
from aligntax.models.endpoint.spec import ModelSpec, Sampling
from aligntax.records import Answers
from aligntax.records.asked import Question
from aligntax.tax.pairs.matching import Match, refuse

__all__ = ["Way", "both_ways", "refuse_ways"]


@dataclass(frozen=True, slots=True)
class Way:
    """How one model is asked.

    Attributes:
        model: asked.
        sampling: how it draws its answers.
        system: prompt for all of its questions; None for their own.
    """

    model: ModelSpec
    sampling: Sampling
    system: str | None

    @property
    def settings(self) -> Mapping[str, object]:
        """Of sampling; the same in the sample file."""
        one = self.sampling
        return {
            "temperature": one.temperature,
            "top_p": one.top_p,
            "max_tokens": one.max_tokens,
            "seed": one.seed,
        }

    @property
    def asked_for(self) -> str:
        """The name to know another model's answers by."""
        return self.model.name

    def put(self, questions: Sequence[Question]) -> list[Question]:
        """The questions as this model gets them."""
        return [replace(one, system=self.system or one.system) for one in questions]

    def conditions(self, name: str) -> Answers:
        """What must be equal, for the same refusals as of files."""
        told = {"generation": settings(self.settings)}
        told["template"] = digest(self.system) if self.system else "no system prompt"
        return Answers(benchmark=name, metric="", model=self.model.given, source="", conditions=told)


def both_ways(
    live: Live, system: str | None, second_system: str | None, second_temperature: float | None
) -> tuple[Way, Way]:
    """How A and B are asked.

    Args:
        live: the options of asking.
        system: prompt, or @FILE, for both; None for none.
        second_system: another one for B.
        second_temperature: another one for B.

    Raises:
        UsageError: not two models, or two sides that are one.
        UnreadableInput: a system prompt's file.
    """
    models = live.models
    if len(models) == 1 and (second_system is not None or second_temperature is not None):
        models *= 2
    if len(models) != 2:
        raise UsageError(
            f"two models are compared, and here are {len(models)}", hint="--model A --model B, in this order"
        )
    first = Way(models[0], live.sampling, _words(system))
    sampling = live.sampling
    if second_temperature is not None:
        sampling = replace(sampling, temperature=second_temperature)
    second = Way(models[1], sampling, first.system if second_system is None else _words(second_system))
    if (first.model.given, first.sampling, first.system) == (
        second.model.given,
        second.sampling,
        second.system,
    ):
        raise UsageError(
            f"{first.model.given}: the same model asked in the same way is no comparison",
            hint="name two models, or --second-system or --second-temperature",
        )
    return first, second


def refuse_ways(ways: Sequence[Way], *, force: bool) -> list[str]:
    """What differs in how they are asked, in words, before anything is paid; an error unless it is forced.

    Raises:
        UsageError: something does, and it is not forced.
    """
    first, second = (way.conditions("asked") for way in ways)
    return refuse([Match(first=first, second=second, differing=differing(first, second))], force=force)


def _words(given: str | None) -> str | None:
    """A system prompt, or the one in a file."""
    if given is None or not given.startswith("@"):
        return given or None
    try:
        return Path(given[1:]).expanduser().read_text("utf-8").strip() or None
    except (OSError, UnicodeDecodeError) as error:
        raise UnreadableInput(f"{given[1:]}: cannot be read", hint="--system @FILE, in UTF-8") from error
