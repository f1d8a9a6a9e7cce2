"""`aligntax correlate`: its options."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from aligntax.cli.option_groups import Recording, with_options
from aligntax.cli.options import AsJson, Chart, Level, call

__all__ = ["correlate"]


class Unit(StrEnum):
    """What the figures of the table are."""

    percent = "percent"
    share = "share"


@with_options(Recording)
def correlate(
    table: Annotated[
        Path, typer.Argument(metavar="TABLE", help="One row a model: CSV, TSV, JSON lines or Parquet.")
    ],
    model_column: Annotated[str | None, typer.Option(help="Column with the model's name.")] = None,
    over_refusal: Annotated[str | None, typer.Option(help="Column: harmless prompts refused.")] = None,
    safety: Annotated[str | None, typer.Option(help="Column: harmful prompts refused.")] = None,
    harm: Annotated[
        str | None, typer.Option(help="Column: harmful prompts answered, to be turned round.")
    ] = None,
    unit: Annotated[
        Unit | None, typer.Option(help="What the figures are; told from each column when not given.")
    ] = None,
    only: Annotated[list[str] | None, typer.Option(metavar="MODEL", help="Keep these; repeatable.")] = None,
    without: Annotated[
        list[str] | None, typer.Option(metavar="MODEL", help="Leave these out; repeatable.")
    ] = None,
    level: Level = 0.95,
    replicates: Annotated[
        int, typer.Option(min=200, max=200_000, help="Of the bootstrap and of the permutations.")
    ] = 10_000,
    seed: Annotated[int, typer.Option(min=0, help="Of both.")] = 0,
    chart: Chart = None,
    as_json: AsJson = False,
    **rest: object,
) -> None:
    """Safety against over-refusal over many models: rank correlation, and the models that stand out."""
    call("correlate", locals())
