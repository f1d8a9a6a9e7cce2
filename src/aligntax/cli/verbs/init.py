"""`aligntax init`: its options."""

from pathlib import Path
from typing import Annotated

import typer

from aligntax.cli.option_groups import LogFields, with_options
from aligntax.cli.options import DetectorName, Format, Inputs, Prices, Quiet, Strict, Threads, call

__all__ = ["init"]


@with_options(LogFields)
def init(
    logs: Inputs,
    out: Annotated[Path, typer.Option("--out", "-o", help="File to write.")] = Path("aligntax.toml"),
    service: Annotated[str, typer.Option(help="What the policy is of.")] = "my-service",
    log_format: Format = None,
    detector: DetectorName = "cascade",
    sample: Annotated[
        int | None,
        typer.Option(min=1, help="Judge a sample of this size; 20,000 of a log beyond 200 MB."),
    ] = None,
    prices: Prices = None,
    force: Annotated[
        bool, typer.Option("--force", help="Overwrite the file if it is there.", show_default=False)
    ] = False,
    strict: Strict = False,
    quiet: Quiet = False,
    threads: Threads = None,
    **rest: object,
) -> None:
    """Proposes a policy from a log: an aligntax.toml with every key explained.

    Its use cases are the log's, its limits the upper ends of what is measured today.
    """
    call("init", locals())
