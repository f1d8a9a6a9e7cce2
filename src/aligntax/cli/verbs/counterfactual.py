"""`aligntax counterfactual`: its options."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from aligntax.cli.option_groups import Asking, Recording, with_options
from aligntax.cli.options import AsJson, Chart, DetectorName, Judged, Level, Models, Quiet, call

__all__ = ["QualityWays", "counterfactual"]

_FROM = "Requests and words"


class QualityWays(StrEnum):
    """How quality among both-answered is judged."""

    auto = "auto"
    reference = "reference"
    pairwise = "pairwise"
    both = "both"
    none = "none"


@with_options(Asking, Recording)
def counterfactual(
    pack: Annotated[
        list[str] | None,
        typer.Option(
            help="Domain pack: medical, legal, security, finance, or a file of one; repeatable.",
            rich_help_panel=_FROM,
        ),
    ] = None,
    prompts: Annotated[
        Path | None,
        typer.Option(help="Requests of your own: JSON lines, or one a line.", rich_help_panel=_FROM),
    ] = None,
    terms: Annotated[
        Path | None,
        typer.Option(help="Words with a neutral wording each: kill -> terminate.", rich_help_panel=_FROM),
    ] = None,
    propose: Annotated[
        str | None,
        typer.Option(
            metavar="MODEL",
            help="Model that proposes neutral wordings; kept after a meaning check by --judge.",
            rich_help_panel=_FROM,
        ),
    ] = None,
    harmful: Annotated[
        Path | None,
        typer.Option(
            help="Harmful requests the same rewriting is run on; packs hold their own.", rich_help_panel=_FROM
        ),
    ] = None,
    check_meaning: Annotated[
        bool, typer.Option("--check-meaning", help="Check the meaning of given wordings too, by --judge.")
    ] = False,
    model: Models = None,
    judge: Judged = None,
    quality: Annotated[
        QualityWays,
        typer.Option(help="How --judge tells quality: by reference where there is one, or pairs."),
    ] = QualityWays.auto,
    detector: DetectorName = "cascade",
    margin: Annotated[
        float, typer.Option(min=0.001, max=0.5, help="Difference of rates that is as good as none.")
    ] = 0.05,
    harm_margin: Annotated[
        float, typer.Option(min=0.001, max=0.5, help="Rise in harmful compliance that must be ruled out.")
    ] = 0.05,
    level: Level = 0.95,
    seed: Annotated[int, typer.Option(min=0, help="Of the bootstrap.")] = 0,
    chart: Chart = None,
    as_json: AsJson = False,
    quiet: Quiet = False,
    **rest: object,
) -> None:
    """What alarming words cost: the same requests in neutral words, asked of a model now.

    Leaves with 0 where the rewriting is usable, 1 where it is a jailbreak, 3 where that cannot be told.
    """
    call("counterfactual", locals())
