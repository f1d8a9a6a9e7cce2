"""`aligntax fisher`: its options."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from aligntax.cli.option_groups import Recording, with_options
from aligntax.cli.options import AsJson, Chart, Chat, Device, Level, Numbers, Quiet, call

__all__ = ["fisher"]


class Squared(StrEnum):
    """What is squared."""

    sequence = "sequence"
    position = "position"


@with_options(Recording)
def fisher(
    model: Annotated[str, typer.Argument(metavar="MODEL", help="Checkpoint: directory or Hub id.")],
    capability: Annotated[
        Path,
        typer.Option(help="JSON lines with prompt [response] or text, or blank lines between texts."),
    ],
    safety: Annotated[Path, typer.Option(help="The same, of what safety training taught.")],
    empirical: Annotated[
        bool, typer.Option("--empirical", help="The data's own tokens as labels, not the model's.")
    ] = False,
    per: Annotated[
        Squared, typer.Option(help="Square a text's gradient (unbiased), or each position's part of it.")
    ] = Squared.sequence,
    draws: Annotated[int, typer.Option(min=1, help="Draws of the labels, a backward pass each.")] = 1,
    all_tokens: Annotated[
        bool, typer.Option("--all-tokens", help="Prompts are targets too, not responses alone.")
    ] = False,
    chat: Chat = False,
    top: Annotated[
        float, typer.Option(min=0.001, max=50.0, metavar="PERCENT", help="Weights that count as the top.")
    ] = 1.0,
    max_samples: Annotated[
        int | None, typer.Option(min=16, help="Draw so many texts of a longer file.")
    ] = None,
    max_length: Annotated[int, typer.Option(min=2, help="Tokens of a text, at most.")] = 512,
    coordinates: Annotated[
        int, typer.Option(min=256, help="Weights of a matrix compared, at most; drawn at random.")
    ] = 32768,
    level: Level = 0.95,
    seed: Annotated[int, typer.Option(min=0, help="Of all that is drawn.")] = 0,
    device: Device = "cpu",
    dtype: Annotated[
        Numbers, typer.Option(help="Of the weights in memory; auto: as stored, but float16 as float32.")
    ] = Numbers.auto,
    batch: Annotated[int, typer.Option(min=1, help="Texts at a time; changes speed, not the result.")] = 4,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="Keep capability's Fisher in this .safetensors file.")
    ] = None,
    out_safety: Annotated[Path | None, typer.Option(help="Keep safety's Fisher in this file.")] = None,
    as_json: AsJson = False,
    chart: Chart = None,
    quiet: Quiet = False,
    **rest: object,
) -> None:
    """Which weights matter to capability and which to safety: diagonal Fisher information, and its overlap.

    By layer and by kind of module, beside what chance gives and what halves of the same data reach.
    """
    call("fisher", locals())
