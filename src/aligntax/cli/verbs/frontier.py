"""The options of `aligntax frontier`."""

from pathlib import Path
from typing import Annotated

import typer

from aligntax.cli.option_groups import Recording, with_options
from aligntax.cli.options import AsJson, Chance, Chart, Level, Quiet, call

__all__ = ["frontier"]


@with_options(Recording)
def frontier(
    runs: Annotated[
        list[Path],
        typer.Argument(
            metavar="RUNS...", help="Tables of rates or outcomes item by item; files or directories of them."
        ),
    ],
    harm: Annotated[
        float | None, typer.Option(help="Harm at which methods are compared, fixed beforehand: 0.05.")
    ] = None,
    over_refusal: Annotated[float | None, typer.Option(help="Highest over-refusal allowed: 0.10.")] = None,
    chance: Chance = None,
    reference: Annotated[str, typer.Option(help="Method that is the model before alignment.")] = "reference",
    reference_point: Annotated[
        list[str] | None,
        typer.Option(
            metavar="H,O,C",
            help="Worst harm, worst over-refusal, least capability (1 is the reference's, 0 chance) "
            "that count for the hypervolume; repeatable.",
        ),
    ] = None,
    vanilla: Annotated[
        str | None, typer.Option(metavar="METHOD", help="Method that hypervolumes are compared with.")
    ] = None,
    harm_range: Annotated[
        str | None, typer.Option(metavar="LOW,HIGH", help="Also the mean tax over a range of harm.")
    ] = None,
    select: Annotated[
        str | None,
        typer.Option(metavar="SPLIT", help="Split that chooses configurations; the others measure. [dev]"),
    ] = None,
    force: Annotated[
        bool, typer.Option("--force", help="Compare methods that had unequal budgets, and say so.")
    ] = False,
    level: Level = 0.95,
    replicates: Annotated[int, typer.Option(min=200, max=100_000, help="Bootstrap replicates.")] = 4000,
    random_seed: Annotated[int, typer.Option(min=0, help="Where chance starts.")] = 0,
    chart: Chart = None,
    as_json: AsJson = False,
    quiet: Quiet = False,
    **rest: object,
) -> None:
    """Which method keeps most capability at the same harm, with over-refusal capped."""
    call("frontier", locals())
