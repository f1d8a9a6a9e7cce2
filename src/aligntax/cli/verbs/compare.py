"""`aligntax compare`: its options."""

from typing import Annotated

import typer

from aligntax.cli.options import AsJson, Chance, Chart, DetectorLeads, Force, KeepText, Level, Quiet, call

__all__ = ["compare"]


def compare(
    first: Annotated[
        str,
        typer.Argument(
            metavar="A",
            help="Log, Inspect log, lm-eval result, sample file, directory of them, or bill; with a selector "
            "as in FILE:model=NAME. Alone: a file of pairs, or a sample file of two models.",
        ),
    ],
    second: Annotated[str | None, typer.Argument(metavar="B", help="What A is compared with.")] = None,
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
            "its score; repeatable.  [0.01]",
        ),
    ] = None,
    chance: Chance = None,
    detector: DetectorLeads = None,
    level: Level = 0.95,
    seed: Annotated[int, typer.Option(min=0, help="Of the bootstrap.")] = 0,
    flips: Annotated[int, typer.Option(min=0, help="Examples of what changed, of each kind.")] = 5,
    force: Force = False,
    chart: Chart = None,
    as_json: AsJson = False,
    keep_text: KeepText = False,
    quiet: Quiet = False,
) -> None:
    """What changed between two models: scores, refusals and length, with intervals; or between two audits.

    Items are paired where they meet, and where they do not the output says so.
    """
    call("compare", locals())
