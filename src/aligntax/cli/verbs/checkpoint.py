"""`aligntax checkpoint`: its options."""

from typing import Annotated

import typer

from aligntax.cli.options import Quiet, call

__all__ = ["checkpoint"]


def checkpoint(
    model: Annotated[str, typer.Argument(metavar="MODEL", help="Directory, .safetensors file or Hub id.")],
    verify: Annotated[
        bool, typer.Option("--verify", help="Read it all: hashes, and numbers not finite.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of the table.")] = False,
    quiet: Quiet = False,
) -> None:
    """What a checkpoint holds, and whether it is whole."""
    call("checkpoint", locals())
