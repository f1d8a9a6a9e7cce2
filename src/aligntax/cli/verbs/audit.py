"""`aligntax audit`: its options."""

from pathlib import Path
from typing import Annotated

import typer

from aligntax.cli.options import (
    ClusterField,
    CostField,
    DetectorName,
    Format,
    IdField,
    Inputs,
    JudgeBand,
    JudgeCache,
    JudgeLimit,
    JudgeLog,
    JudgeModel,
    KeepText,
    Level,
    ModelField,
    Period,
    PromptField,
    Quiet,
    ResponseField,
    Strict,
    SystemField,
    Threads,
    TimeField,
    UseCaseField,
    call,
)

__all__ = ["audit"]


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
    judge: JudgeModel = None,
    judge_limit: JudgeLimit = 1000,
    judge_band: JudgeBand = None,
    judge_log: JudgeLog = None,
    judge_cache: JudgeCache = False,
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
    prompt_field: PromptField = None,
    response_field: ResponseField = None,
    system_field: SystemField = None,
    use_case_field: UseCaseField = None,
    model_field: ModelField = None,
    time_field: TimeField = None,
    cluster_field: ClusterField = None,
    id_field: IdField = None,
    cost_field: CostField = None,
) -> None:
    """What alignment costs on a log: the bill, with an interval behind every number.

    Prints the bill and writes report.html, bill.json and outcomes.parquet.
    """
    call("audit", locals())
