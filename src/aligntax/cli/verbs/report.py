"""`aligntax report`: its options."""

from pathlib import Path
from typing import Annotated

import typer

from aligntax.cli.options import Quiet, call

__all__ = ["report"]


def report(
    bill: Annotated[Path, typer.Argument(help="A bill.json written by `aligntax audit`.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="HTML file to write.")] = Path("report.html"),
    quiet: Quiet = False,
) -> None:
    """Draws the report of an earlier audit again."""
    call("report", locals())
