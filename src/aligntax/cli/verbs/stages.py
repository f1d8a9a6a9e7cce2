"""`aligntax stages`: its options."""

from pathlib import Path
from typing import Annotated

import typer

from aligntax.cli.option_groups import Recording, with_options
from aligntax.cli.options import AsJson, Chance, Chart, DetectorLeads, Force, Level, Quiet, call

__all__ = ["stages"]

_DRIFT = "Drift"


@with_options(Recording)
def stages(
    typed: Annotated[
        list[str],
        typer.Argument(
            metavar="[NAME=]FILE[+FILE...] ...",
            help="What every stage answered, in the order of training: sample files, directories, Inspect "
            "logs, lm-eval results, with a selector as in FILE:model=NAME; several of a stage joined by +.",
        ),
    ],
    drift: Annotated[
        list[Path] | None,
        typer.Option(
            help="Document of `aligntax drift --json` of a step; repeatable.", rich_help_panel=_DRIFT
        ),
    ] = None,
    checkpoint: Annotated[
        list[str] | None,
        typer.Option(
            help="Checkpoint of a stage, one for each in their order, to measure drift now; repeatable.",
            rich_help_panel=_DRIFT,
        ),
    ] = None,
    prompts: Annotated[
        Path | None, typer.Option(help="Prompts to measure drift on.", rich_help_panel=_DRIFT)
    ] = None,
    chance: Chance = None,
    detector: DetectorLeads = None,
    level: Level = 0.95,
    seed: Annotated[int, typer.Option(min=0, help="Of the bootstrap, and of samples drawn.")] = 0,
    force: Force = False,
    chart: Chart = None,
    out: Annotated[
        Path | None, typer.Option(help="Write the document of --json to a file, to be kept.")
    ] = None,
    as_json: AsJson = False,
    quiet: Quiet = False,
    **rest: object,
) -> None:
    """What every stage of a training cost, against the stage before and against the start.

    Capability tax, safety gain, over-refusal, length and drift, all stages on the same items.
    """
    call("stages", locals())
