"""`aligntax triggers`: its options."""

from pathlib import Path
from typing import Annotated

import typer

from aligntax.cli import options
from aligntax.cli.option_groups import Asking, Judging, LogFields, Recording, with_options
from aligntax.cli.options import (
    AsJson,
    Chart,
    DetectorName,
    Format,
    KeepText,
    Level,
    Quiet,
    Strict,
    Threads,
    call,
)

__all__ = ["triggers"]

_VOCABULARY, _CAUSES, _SET = "Vocabulary", "Causes", "Evaluation set"


class _Asking(Asking):
    """As for any command that asks; the same variant more than once, since refusals come by chance."""

    epochs: options.Epochs = 3


@with_options(_Asking, Judging, LogFields, Recording)
def triggers(
    run: Annotated[
        list[str],
        typer.Argument(
            metavar="RUN...",
            help="Log, as for `detect`, or directory of a run that asked a model. It must hold prompts.",
        ),
    ],
    model: Annotated[
        str | None,
        typer.Option(
            metavar="MODEL",
            help="Ask refused prompts again, with words left out: openai/gpt-4o-mini, NAME@URL, a directory.",
            rich_help_panel=_CAUSES,
        ),
    ] = None,
    calls: Annotated[int, typer.Option(min=20, help="Requests, at most.", rich_help_panel=_CAUSES)] = 2000,
    term: Annotated[
        list[str] | None,
        typer.Option(
            "--term",
            help="Word or phrase to measure the effect of, and to draw the set by; repeatable.",
            rich_help_panel=_CAUSES,
        ),
    ] = None,
    eval_set: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE.jsonl", help="Draw prompts with triggers from the log.", rich_help_panel=_SET
        ),
    ] = None,
    eval_size: Annotated[int, typer.Option(min=1, help="Prompts drawn.", rich_help_panel=_SET)] = 200,
    hedged: Annotated[
        bool,
        typer.Option(
            "--hedged",
            help="Count hedged answers as refusals.",
            show_default=False,
            rich_help_panel=_VOCABULARY,
        ),
    ] = False,
    least: Annotated[
        int, typer.Option(min=2, help="Prompts a term must be in.", rich_help_panel=_VOCABULARY)
    ] = 10,
    longest: Annotated[
        int, typer.Option(min=1, max=3, help="Words of a term.", rich_help_panel=_VOCABULARY)
    ] = 3,
    fdr: Annotated[
        float, typer.Option(min=0.001, max=0.5, help="False discovery rate.", rich_help_panel=_VOCABULARY)
    ] = 0.05,
    sample: Annotated[
        int,
        typer.Option(min=1, help="Exchanges kept in memory, at most; drawn.", rich_help_panel=_VOCABULARY),
    ] = 1_000_000,
    log_format: Format = None,
    detector: DetectorName = "cascade",
    level: Level = 0.95,
    chart: Chart = None,
    as_json: AsJson = False,
    keep_text: KeepText = False,
    strict: Strict = False,
    quiet: Quiet = False,
    threads: Threads = None,
    **rest: object,
) -> None:
    """Which words set refusals off: those that go with them in a log, and with a model those that cause them.

    Leaves with 0 where triggers were found or ruled out, 3 where there is too little data to tell.
    """
    call("triggers", locals())
