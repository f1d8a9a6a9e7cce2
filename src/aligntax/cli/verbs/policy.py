"""`aligntax policy`: its commands and their options."""

from pathlib import Path
from typing import Annotated

import typer

from aligntax.cli.options import AsJson, call

__all__ = ["app"]

app = typer.Typer(
    name="policy",
    help="What is allowed: an aligntax.toml checked and shown, and the schema of its format.",
    no_args_is_help=True,
    rich_markup_mode=None,
)


@app.command("check")
def check(
    files: Annotated[
        list[Path] | None, typer.Argument(help="Policies.", show_default="aligntax.toml")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Checks a policy and shows it: use cases, budgets, the floor, who is told.

    Every mistake is told at once, with its line and key.
    """
    call("policy", {"files": files or [Path("aligntax.toml")], "as_json": as_json}, "check")


@app.command("schema")
def schema(
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="File to write; else it is printed.")
    ] = None,
) -> None:
    """The JSON Schema of aligntax.toml, for editors."""
    call("policy", locals(), "schema")
