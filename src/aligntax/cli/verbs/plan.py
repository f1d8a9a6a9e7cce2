"""`aligntax plan`: its options."""

from typing import Annotated

import typer

from aligntax.cli.options import AsJson, Level, call

__all__ = ["plan"]


def plan(
    rate: Annotated[float, typer.Option(help="The rate to expect, as a share: 0.08 is 8 %.")] = 0.08,
    change: Annotated[
        float | None, typer.Option(help="A change of the rate to see: 0.05 is 5 points.")
    ] = None,
    labels: Annotated[int, typer.Option(help="Expert labels at hand.")] = 100,
    prompts: Annotated[int, typer.Option(help="Prompts at hand.")] = 250,
    half_width: Annotated[
        float | None, typer.Option(help="Half the interval wanted: 0.03 is plus or minus 3 points.")
    ] = None,
    detector_sensitivity: Annotated[
        float, typer.Option(help="Share of the cases the detector finds.")
    ] = 0.85,
    detector_specificity: Annotated[float, typer.Option(help="Share of the rest it passes.")] = 0.95,
    background: Annotated[
        float, typer.Option(help="Share of prompts that change against the trend, in paired designs.")
    ] = 0.01,
    level: Level = 0.95,
    power: Annotated[float, typer.Option(help="Chance of seeing a change that is there.")] = 0.8,
    as_json: AsJson = False,
) -> None:
    """How many labels and prompts a question takes, before money is spent."""
    call("plan", locals())
