"""`aligntax audit`: its options."""

from pathlib import Path
from typing import Annotated

import typer

from aligntax.cli.option_groups import Judging, LogFields, Recording, with_options
from aligntax.cli.options import (
    DetectorName,
    Format,
    Inputs,
    KeepText,
    Level,
    Period,
    Quiet,
    Strict,
    Threads,
    call,
)

__all__ = ["audit"]


@with_options(LogFields, Judging, Recording)
def audit(
    logs: Inputs,
    out: Annotated[Path, typer.Option("--out", "-o", help="Directory for the report and the data.")] = Path(),
    as_json: Annotated[bool, typer.Option("--json", help="Print bill.json instead of the tables.")] = False,
    log_format: Format = None,
    detector: DetectorName = "cascade",
    sample: Annotated[int | None, typer.Option(min=1, help="Judge a sample of this size only.")] = None,
    sampling_rate: Annotated[
        float | None, typer.Option(min=1e-9, max=1.0, help="Share of the traffic the log holds.")
    ] = None,
    period: Annotated[Period | None, typer.Option(help="What to cut time into; by the log's span.")] = None,
    level: Level = 0.95,
    prices: Annotated[Path | None, typer.Option(help="Price table (TOML); see `aligntax prices`.")] = None,
    labels: Annotated[
        list[Path] | None,
        typer.Option("--labels", help="Expert labels to correct rates with (`label import`); repeatable."),
    ] = None,
    detector_error: Annotated[
        str | None,
        typer.Option(
            metavar="SCORES",
            help="Without labels: scores.json, or SENSITIVITY,N,SPECIFICITY,N, to correct by.",
        ),
    ] = None,
    force: Annotated[
        bool, typer.Option("--force", help="Take labels or scores of another policy or detector version.")
    ] = False,
    keep_text: KeepText = False,
    strict: Strict = False,
    quiet: Quiet = False,
    threads: Threads = None,
    **rest: object,
) -> None:
    """What alignment costs on a log: the bill, with an interval behind every number.

    Prints the bill and writes report.html, bill.json and outcomes.parquet.
    """
    call("audit", locals())
