"""`aligntax drift`: its options."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from aligntax.cli.option_groups import Recording, with_options
from aligntax.cli.options import AsJson, Chart, Chat, Device, Level, Numbers, Quiet, call

__all__ = ["drift"]


class Vocabulary(StrEnum):
    """Which tokens two models are compared over."""

    exact = "exact"
    intersect = "intersect"


@with_options(Recording)
def drift(
    reference: Annotated[str, typer.Argument(metavar="REF", help="Checkpoint to start from, or Hub id.")],
    model: Annotated[str, typer.Argument(metavar="MODEL", help="Checkpoint that came of it.")],
    prompts: Annotated[
        Path | None,
        typer.Option(help="JSON lines with prompt [response, prompt_type, id], or a prompt a line."),
    ] = None,
    text: Annotated[
        Path | None,
        typer.Option(help="General text: JSON lines with `text`, or blank lines between documents."),
    ] = None,
    samples: Annotated[
        int, typer.Option(min=0, help="Responses drawn from each model, a prompt; 0 for none.")
    ] = 1,
    max_new_tokens: Annotated[int, typer.Option(min=1, help="Tokens of a response drawn, at most.")] = 64,
    max_length: Annotated[int, typer.Option(min=2, help="Tokens of prompt and response, at most.")] = 1024,
    seed: Annotated[int, typer.Option(min=0, help="Of what is drawn.")] = 0,
    limit: Annotated[int | None, typer.Option(min=1, help="Take the first prompts only.")] = None,
    chat: Chat = False,
    group: Annotated[
        str, typer.Option(metavar="FIELD", help="Field that tells prompt types.")
    ] = "prompt_type",
    vocab: Annotated[
        Vocabulary,
        typer.Option(help="Where tokenizers differ: refuse, or compare the ids that agree from 0 on."),
    ] = Vocabulary.exact,
    weights: Annotated[bool, typer.Option("--weights/--no-weights", help="Measure the weights too.")] = True,
    rank: Annotated[int, typer.Option(min=0, help="Singular directions to take angles of; 0 for none.")] = 8,
    best_of_n: Annotated[
        list[int] | None, typer.Option("--best-of-n", metavar="N", help="Print the bounds for N; repeatable.")
    ] = None,
    cache: Annotated[
        Path | None, typer.Option(help="Directory to keep the reference's passes in, for the next model.")
    ] = None,
    device: Device = "cpu",
    dtype: Annotated[Numbers, typer.Option(help="Of the weights in memory; sums are wider.")] = Numbers.auto,
    batch: Annotated[int, typer.Option(min=1, help="Sequences at a time.")] = 8,
    level: Level = 0.95,
    as_json: AsJson = False,
    chart: Chart = None,
    quiet: Quiet = False,
    **rest: object,
) -> None:
    """How far a model has moved from its reference: KL in both directions, cross-entropy, weights.

    Every KL is the exact sum over the vocabulary at each token, averaged with an interval by prompt.
    """
    call("drift", locals())
