"""`aligntax export`: its options."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from aligntax.cli.options import LedgerAt, Quiet, call

__all__ = ["export"]

_SENT = "Where it is sent"
_CARD = "Model cards and records"


class Target(StrEnum):
    """What figures are exported to."""

    prometheus = "prometheus"
    openmetrics = "openmetrics"
    prometheus_rules = "prometheus-rules"
    openslo = "openslo"
    sloth = "sloth"
    otlp = "otlp"
    mlflow = "mlflow"
    wandb = "wandb"
    inspect = "inspect"
    parquet = "parquet"
    jsonl = "jsonl"
    csv = "csv"
    model_card = "model-card"
    every_eval_ever = "every-eval-ever"
    ledger_parquet = "ledger-parquet"
    ledger_jsonl = "ledger-jsonl"
    ledger_csv = "ledger-csv"


def export(
    subject: Annotated[
        str | None,
        typer.Argument(
            metavar="RUN|FILE",
            help="A run of the ledger (its key, or latest), or a document such as bill.json; without it the "
            "whole ledger, for prometheus, openmetrics and tables.",
        ),
    ] = None,
    to: Annotated[
        Target,
        typer.Option(
            "--to",
            metavar="TARGET",
            help="prometheus, openmetrics, prometheus-rules, openslo, sloth, otlp, mlflow, wandb, inspect, "
            "parquet, jsonl, csv, model-card, every-eval-ever; ledger-parquet, -jsonl, -csv for its tables.",
        ),
    ] = Target.parquet,
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", help="File or directory to write; - prints it; named by the target."),
    ] = None,
    policy: Annotated[
        Path | None,
        typer.Option(
            help="Budgets, for targets that are made from them; aligntax.toml for those by default."
        ),
    ] = None,
    ledger: LedgerAt = None,
    every: Annotated[
        str, typer.Option(metavar="WINDOW", help="Time between audits, for rules and objectives: 1h, 1d; 0.")
    ] = "1d",
    endpoint: Annotated[
        str,
        typer.Option(
            metavar="URL",
            help="OpenTelemetry collector, MLflow server or W&B server; nothing is sent without one.",
            rich_help_panel=_SENT,
        ),
    ] = "",
    project: Annotated[
        str, typer.Option(help="Experiment of MLflow, project of W&B.", rich_help_panel=_SENT)
    ] = "aligntax",
    timeout: Annotated[
        float, typer.Option(min=0.1, help="Seconds before a request is given up.", rich_help_panel=_SENT)
    ] = 10.0,
    exchanges: Annotated[
        bool,
        typer.Option("--exchanges", help="An event for each exchange too (otlp).", show_default=False),
    ] = False,
    max_samples: Annotated[
        int, typer.Option(min=1, help="Exchanges in an Inspect log, at most; drawn.")
    ] = 10_000,
    model: Annotated[str, typer.Option(help="Whose card or record it is.", rich_help_panel=_CARD)] = "",
    dataset: Annotated[
        str,
        typer.Option(
            metavar="OWNER/NAME:TASK",
            help="Benchmark on the Hub that a card's score is for.",
            rich_help_panel=_CARD,
        ),
    ] = "",
    component: Annotated[
        str, typer.Option(help="Component that the benchmark's task scores.", rich_help_panel=_CARD)
    ] = "",
    organization: Annotated[str, typer.Option(help="Who measured, in a record.", rich_help_panel=_CARD)] = "",
    source_url: Annotated[
        str, typer.Option(metavar="URL", help="Where the evaluation can be read.", rich_help_panel=_CARD)
    ] = "",
    quiet: Quiet = False,
) -> None:
    """Hands figures to another system, each with its interval, its n and how it was made."""
    call("export", locals())
