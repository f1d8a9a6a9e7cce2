"""The commands and their options; what a command does stands in a module imported when asked for."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from aligntax import __version__
from aligntax.cli import detectors_app, label_app
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
from aligntax.cli.verbs.merge import merge
from aligntax.errors import AligntaxError

__all__ = ["app", "main"]

app = typer.Typer(
    name="aligntax",
    help="The alignment tax with an error bar, from the log line to the weights.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # rich help would take longer to import than everything else together
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command()(merge)
app.add_typer(label_app.app)
app.add_typer(detectors_app.app)


@app.command()
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
    level: Annotated[float, typer.Option(min=0.5, max=0.999, help="Coverage of the intervals.")] = 0.95,
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


@app.command()
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


@app.command()
def report(
    bill: Annotated[Path, typer.Argument(help="A bill.json written by `aligntax audit`.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="HTML file to write.")] = Path("report.html"),
    quiet: Quiet = False,
) -> None:
    """Draws the report of an earlier audit again."""
    call("report", locals())


@app.command()
def plan(
    rate: Annotated[float, typer.Option(help="The rate to expect, as a share: 0.08 is 8 %.")] = 0.08,
    change: Annotated[
        float | None, typer.Option(help="A change of the rate to see: 0.05 is 5 points.")
    ] = None,
    labels: Annotated[int, typer.Option(help="Expert labels at hand.")] = 100,
    prompts: Annotated[int, typer.Option(help="Prompts at hand.")] = 250,
    half_width: Annotated[
        float | None, typer.Option(help="Half the interval wanted: 0.03 is plus or minus 3 points.")
    ] = None,
    detector_sensitivity: Annotated[
        float, typer.Option(help="Share of the cases the detector finds.")
    ] = 0.85,
    detector_specificity: Annotated[float, typer.Option(help="Share of the rest it passes.")] = 0.95,
    background: Annotated[
        float, typer.Option(help="Share of prompts that change against the trend, in paired designs.")
    ] = 0.01,
    level: Annotated[float, typer.Option(help="Coverage of the intervals.")] = 0.95,
    power: Annotated[float, typer.Option(help="Chance of seeing a change that is there.")] = 0.8,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of the tables.")] = False,
) -> None:
    """How many labels and prompts a question takes, before money is spent."""
    call("plan", locals())


@app.command()
def compare(
    bill: Annotated[Path, typer.Argument(help="A bill.json written by `aligntax audit`.")],
    other: Annotated[Path, typer.Argument(help="Another, of other traffic.")],
    force: Annotated[
        bool, typer.Option("--force", help="Compare across versions of the detector or labelling policy.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of the table.")] = False,
) -> None:
    """How the rates of two audits differ, with an interval."""
    call("compare", locals())


@app.command()
def formats() -> None:
    """The log formats aligntax reads, and how each is recognised."""
    call("formats", locals())


@app.command()
def prices() -> None:
    """The default price table, to edit and pass to --prices."""
    call("prices", locals())


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"aligntax {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version and leave.")
    ] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")] = False,
) -> None:
    """The options before the command."""


def main() -> None:
    """Runs the command line: exit code 0 fine, 2 usage or unreadable input, 4 internal error."""
    debug = "--debug" in sys.argv[1:]
    try:
        app()
    except AligntaxError as error:
        if debug:
            raise
        _complain(f"error: {error}")
        raise SystemExit(error.exit_code) from None
    except Exception as error:
        if "Query interrupted" in str(error):  # Ctrl-C while DuckDB read; elsewhere typer leaves with 130
            raise SystemExit(130) from None
        if debug:
            raise
        _complain(f"internal error: {type(error).__name__}: {error}\nhint: run it with --debug and report it")
        raise SystemExit(4) from error


def _complain(text: str) -> None:
    sys.stderr.write(text + "\n")
