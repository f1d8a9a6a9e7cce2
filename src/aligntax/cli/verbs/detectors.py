"""`aligntax detectors`: its commands and their options."""

from pathlib import Path
from typing import Annotated

import typer

from aligntax.cli.options import AsJson, Level, Quiet, call, field

__all__ = ["app"]

app = typer.Typer(
    name="detectors",
    help="What gives an exchange its outcome: which there are, and how good each is.",
    no_args_is_help=True,
    rich_markup_mode=None,
)


@app.command("list")
def catalogue() -> None:
    """Every detector: name, version, what it does."""
    call("detectors", {}, "catalogue")


@app.command("score")
def score(
    labelled: Annotated[
        list[Path],
        typer.Argument(metavar="LABELLED...", help="JSON lines, CSV or Parquet: prompt, response, label."),
    ],
    named: Annotated[
        list[str] | None,
        typer.Option("--detector", metavar="NAME", help="Show this one in full; repeat for more."),
    ] = None,
    as_json: AsJson = False,
    by: Annotated[
        str | None,
        typer.Option(help="Fields to part by: a,b for each, a+b for both at once.  [model,prompt_type]"),
    ] = None,
    level: Level = 0.95,
    mapped: Annotated[
        list[str] | None,
        typer.Option("--map", metavar="WORD=CLASS", help="A label word: complete, hedged, refused or none."),
    ] = None,
    flags: Annotated[
        list[str] | None,
        typer.Option("--flag", metavar="WORD=FLAG", help="A symptom word: our flag, or some joined by +."),
    ] = None,
    label_field: Annotated[str, field("label", "Field with the label.")] = "label",
    prompt_field: Annotated[str, field("prompt", "Field with the user's words.")] = "prompt",
    response_field: Annotated[str, field("response", "Field with the model's words.")] = "response",
    model_field: Annotated[str, field("model", "Field with the model.")] = "model",
    symptoms_field: Annotated[str, field("symptoms", "Field with other things marked.")] = "native_label",
    quiet: Quiet = False,
) -> None:
    """How good detectors are on labelled responses: every score with its interval.

    Without --detector: the default one beside keyword rules in the published styles.
    """
    call("detectors", locals(), "score")


@app.command("train")
def train(
    recipe: Annotated[Path, typer.Argument(help="What to train on: TOML, as training/recipe.toml is.")],
    data: Annotated[
        Path | None, typer.Option(help="Directory of the sources that the recipe does not bring along.")
    ] = None,
    out: Annotated[Path, typer.Option("--out", "-o", help="Directory for weights and model card.")] = Path(
        "classifier"
    ),
    tables: Annotated[Path | None, typer.Option(help="Directory for the scores as JSON.")] = None,
    quiet: Quiet = False,
) -> None:
    """Fits the classifier on labelled exchanges, and scores it on what it was not fitted on."""
    call("train", locals())
