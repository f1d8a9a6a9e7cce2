"""`aligntax compare`: its options."""

from typing import Annotated

import typer

from aligntax.cli.option_groups import Asking, LogFields, Recording, with_options
from aligntax.cli.options import (
    AsJson,
    Chance,
    Chart,
    DetectorLeads,
    Force,
    Format,
    Judged,
    KeepText,
    Level,
    Models,
    Quiet,
    call,
)

__all__ = ["compare"]

_ASKED = "Asking"


@with_options(Asking, LogFields, Recording)
def compare(
    first: Annotated[
        str | None,
        typer.Argument(
            metavar="A",
            help="Log, Inspect log, lm-eval result, sample file, directory of them, or bill; with a selector "
            "as in FILE:model=NAME. Alone: a file of pairs, or a sample file of two models.",
            show_default=False,
        ),
    ] = None,
    second: Annotated[
        str | None, typer.Argument(metavar="B", help="What A is compared with.", show_default=False)
    ] = None,
    benchmark: Annotated[
        list[str] | None, typer.Option("--benchmark", help="Compare only this one; repeatable.")
    ] = None,
    metric: Annotated[
        list[str] | None, typer.Option("--metric", help="Only this metric; repeatable.")
    ] = None,
    margin: Annotated[
        list[str] | None,
        typer.Option(
            metavar="[NAME=]SIZE",
            help="Largest difference that is as good as none, as a share, or for a benchmark in the unit of "
            "its score, or quality=SIZE; repeatable. With --model it is also a gate: exit 1 where B is worse "
            "by more, 3 where that cannot be told.  [0.01]",
        ),
    ] = None,
    chance: Chance = None,
    detector: DetectorLeads = None,
    level: Level = 0.95,
    seed: Annotated[int, typer.Option(min=0, help="Of the bootstrap, and of the requests drawn.")] = 0,
    flips: Annotated[int, typer.Option(min=0, help="Examples of what changed, of each kind.")] = 5,
    force: Force = False,
    chart: Chart = None,
    as_json: AsJson = False,
    keep_text: KeepText = False,
    quiet: Quiet = False,
    model: Models = None,
    prompts: Annotated[
        list[str] | None,
        typer.Option(
            help="Put these before two models: file of prompts or answers, pack:NAME; repeatable.",
            metavar="FILE",
            rich_help_panel=_ASKED,
        ),
    ] = None,
    purpose: Annotated[
        str | None,
        typer.Option(
            help="Of prompts that do not tell: benign or harmful.", rich_help_panel=_ASKED, show_default=False
        ),
    ] = None,
    log: Annotated[
        list[str] | None,
        typer.Option(
            help="Put requests drawn from this log before two models instead; repeatable.",
            metavar="LOG",
            rich_help_panel=_ASKED,
        ),
    ] = None,
    log_format: Format = None,
    sample: Annotated[
        int, typer.Option(min=1, help="Requests drawn from the log.", rich_help_panel=_ASKED)
    ] = 300,
    judge: Judged = None,
    system: Annotated[
        str | None,
        typer.Option(help="System prompt, or @FILE, for both models.", rich_help_panel=_ASKED),
    ] = None,
    second_system: Annotated[
        str | None,
        typer.Option(help="Another one for B; takes --force.", rich_help_panel=_ASKED),
    ] = None,
    second_temperature: Annotated[
        float | None,
        typer.Option(min=0.0, help="Another temperature for B; takes --force.", rich_help_panel=_ASKED),
    ] = None,
    **rest: object,
) -> None:
    """What changed between two models: scores, refusals and length, with intervals; or between two audits.

    Items are paired where they meet, and where they do not the output says so. With --model, twice, the
    models are asked now, on --prompts or on requests of a --log. Their answers are kept as sample files.
    """
    call("compare", locals())
