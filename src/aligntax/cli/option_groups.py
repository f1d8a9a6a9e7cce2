"""Groups of options that several commands take as they are."""

import functools
import inspect
from collections.abc import Callable
from typing import Any, get_type_hints

from aligntax.cli import options

__all__ = ["Asking", "Judging", "LogFields", "Recording", "Sending", "with_options"]


class LogFields:
    """Which field of a record holds what."""

    prompt_field: options.PromptField = None
    response_field: options.ResponseField = None
    system_field: options.SystemField = None
    use_case_field: options.UseCaseField = None
    model_field: options.ModelField = None
    time_field: options.TimeField = None
    cluster_field: options.ClusterField = None
    id_field: options.IdField = None
    cost_field: options.CostField = None


class Judging:
    """A model that judges what the cascade leaves open."""

    judge: options.JudgeModel = None
    judge_limit: options.JudgeLimit = 1000
    judge_band: options.JudgeBand = None
    judge_log: options.JudgeLog = None
    judge_cache: options.JudgeCache = False


class Recording:
    """Whether the run is kept, and where."""

    record: options.Record = False
    ledger: options.LedgerAt = None


class Sending:
    """How requests are sent, and what they may cost."""

    max_cost: options.MaxCost = None
    dry_run: options.DryRun = False
    out: options.RunDirectory = None
    cache: options.Cache = None
    connections: options.Connections = 16
    retries: options.Retries = 5
    timeout: options.Timeout = 120
    prices: options.Prices = None
    ask_seed: options.AskSeed = None


class Asking(Sending):
    """How models are asked."""

    epochs: options.Epochs = 1
    temperature: options.Temperature = None
    top_p: options.TopP = None
    max_tokens: options.MaxTokens = 1024
    max_samples: options.MaxSamples = None


def with_options(*groups: type) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Adds the options of the groups to a command whose last parameter is `**rest`.

    Args:
        groups: classes whose annotated attributes are the options, with their defaults.
    """
    added = {
        name: inspect.Parameter(
            name, inspect.Parameter.KEYWORD_ONLY, default=getattr(group, name), annotation=annotation
        )
        for group in groups
        for name, annotation in get_type_hints(group, include_extras=True).items()
    }

    def dressed(command: Callable[..., None]) -> Callable[..., None]:
        own = inspect.signature(command).parameters.values()
        named = [one for one in own if one.kind is not inspect.Parameter.VAR_KEYWORD]

        @functools.wraps(command)
        def called(**given: Any) -> None:  # noqa: ANN401 - what typer read
            command(**given)

        parameters = [one.replace(kind=inspect.Parameter.KEYWORD_ONLY) for one in named]
        called.__signature__ = inspect.Signature([*parameters, *added.values()])  # type: ignore[attr-defined]
        called.__annotations__ = {one.name: one.annotation for one in (*parameters, *added.values())}
        return called

    return dressed
