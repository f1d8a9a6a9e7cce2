"""`aligntax reference`: its options."""

from pathlib import Path
from typing import Annotated

import typer

from aligntax.cli.options import AsJson, call

__all__ = ["reference"]


def reference(
    benchmark: Annotated[str | None, typer.Option(help="Only this benchmark: mmlu, drop, ...")] = None,
    model: Annotated[str | None, typer.Option(help="Only models with this in their name.")] = None,
    method: Annotated[str | None, typer.Option(help="Only methods or steps with this in their name.")] = None,
    check: Annotated[
        str | None, typer.Option(help="Only figures checked so: primary, figure, secondary, disputed.")
    ] = None,
    run: Annotated[
        Path | None,
        typer.Option(metavar="COMPARISON", help="Set a run beside them: JSON of `aligntax compare --json`."),
    ] = None,
    tax: Annotated[
        str | None,
        typer.Option(
            metavar="TAX[,LOW,HIGH]", help="The same by hand, as a share: 0.19 is 19 %; with --benchmark."
        ),
    ] = None,
    harness: Annotated[str, typer.Option(help="What measured the run, where the file does not tell.")] = "",
    shots: Annotated[str, typer.Option(help="Worked examples in its prompts, likewise.")] = "",
    as_json: AsJson = False,
) -> None:
    """Alignment taxes others published, each with its source and how it was checked; a run beside them."""
    call("reference", locals())
