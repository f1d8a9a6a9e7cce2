"""`aligntax detect`: its options."""

from pathlib import Path
from typing import Annotated

import typer

from aligntax.cli.option_groups import Judging, LogFields, with_options
from aligntax.cli.options import DetectorName, Format, Inputs, KeepText, Quiet, Strict, Threads, call

__all__ = ["detect"]


@with_options(LogFields, Judging)
def detect(
    logs: Inputs,
    out: Annotated[Path, typer.Option("--out", "-o", help="File: .jsonl or .parquet; - for stdout.")],
    log_format: Format = None,
    detector: DetectorName = "cascade",
    keep_text: KeepText = False,
    strict: Strict = False,
    quiet: Quiet = False,
    threads: Threads = None,
    **rest: object,
) -> None:
    """The outcome of every exchange, one row each, in the order of the log."""
    call("detect", locals())
