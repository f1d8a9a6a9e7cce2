"""`aligntax compare`: its options."""

from pathlib import Path
from typing import Annotated

import typer

from aligntax.cli.options import KeepText, Quiet, call

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
    chance: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME=SCORE", help="What a guess scores on a benchmark; repeatable."),
    ] = None,
    detector: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="Tells outcomes, also where the files do; else the cascade does where the files do not.",
        ),
    ] = None,
    level: Annotated[float, typer.Option(min=0.8, max=0.999, help="Coverage of the intervals.")] = 0.95,
    seed: Annotated[int, typer.Option(min=0, help="Of the bootstrap.")] = 0,
    flips: Annotated[int, typer.Option(min=0, help="Examples of what changed, of each kind.")] = 5,
    force: Annotated[
        bool,
        typer.Option("--force", help="Compare across shots, templates, versions, detectors, and say so."),
    ] = False,
    chart: Annotated[
        Path | None, typer.Option(help="Draw the differences: .svg, .png, .html or .json.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of the tables.")] = False,
    keep_text: KeepText = False,
    quiet: Quiet = False,
) -> None:
    """What changed between two models: scores, refusals and length, with intervals; or between two audits.

    Items are paired where they meet, and where they do not the output says so.
    """
    call("compare", locals())
