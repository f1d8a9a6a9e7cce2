"""`aligntax detect`: its options."""

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
    ModelField,
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

__all__ = ["detect"]


def detect(
    logs: Inputs,
    out: Annotated[Path, typer.Option("--out", "-o", help="File: .jsonl or .parquet; - for stdout.")],
    log_format: Format = None,
    detector: DetectorName = "cascade",
    judge: JudgeModel = None,
    judge_limit: JudgeLimit = 1000,
    judge_band: JudgeBand = None,
    judge_log: JudgeLog = None,
    judge_cache: JudgeCache = False,
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
    """The outcome of every exchange, one row each, in the order of the log."""
    call("detect", locals())
