"""The commands and their options; what a command does stands in a module imported when asked for."""

import sys
from enum import StrEnum
from importlib import import_module
from pathlib import Path
from typing import Annotated

import typer

from aligntax import __version__
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


class Period(StrEnum):
    """What time is cut into."""

    day = "day"
    week = "week"
    month = "month"


Inputs = Annotated[
    list[str],
    typer.Argument(
        metavar="LOG...", help="Files, globs, directories, or - for standard input; plain, .gz or .zst."
    ),
]
Format = Annotated[
    str | None, typer.Option("--format", help="Log format; told from the file when not given. See `formats`.")
]
DetectorName = Annotated[str, typer.Option("--detector", help="cascade, phrases or signals.")]
Strict = Annotated[bool, typer.Option("--strict", help="A record that cannot be read is an error.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="No progress bar and no notes on standard error.")]
KeepText = Annotated[
    bool, typer.Option("--keep-text", help="Keep raw, unredacted text in the outputs.", show_default=False)
]
Threads = Annotated[int | None, typer.Option("--threads", min=1, help="Threads that read; all cores.")]


def _field(name: str, what: str) -> object:
    return typer.Option(f"--{name}-field", metavar="PATH", help=what, rich_help_panel="Fields")


PromptField = Annotated[str | None, _field("prompt", "Field with the user's words, a name or a dotted path.")]
ResponseField = Annotated[str | None, _field("response", "Field with the model's words.")]
SystemField = Annotated[str | None, _field("system", "Field with the system prompt.")]
UseCaseField = Annotated[str | None, _field("use-case", "Field that tells use cases apart.")]
ModelField = Annotated[str | None, _field("model", "Field with the model that answered.")]
TimeField = Annotated[str | None, _field("time", "Field with the time of the request.")]
ClusterField = Annotated[str | None, _field("cluster", "Field with the user, session or template.")]
IdField = Annotated[str | None, _field("id", "Field with the exchange's id.")]
CostField = Annotated[str | None, _field("cost", "Field with the cost in US dollars.")]


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
    _run("audit", locals())


@app.command()
def detect(
    logs: Inputs,
    out: Annotated[Path, typer.Option("--out", "-o", help="File: .jsonl or .parquet; - for stdout.")],
    log_format: Format = None,
    detector: DetectorName = "cascade",
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
    _run("detect", locals())


@app.command()
def report(
    bill: Annotated[Path, typer.Argument(help="A bill.json written by `aligntax audit`.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="HTML file to write.")] = Path("report.html"),
    quiet: Quiet = False,
) -> None:
    """Draws the report of an earlier audit again."""
    _run("report", locals())


@app.command()
def formats() -> None:
    """The log formats aligntax reads, and how each is recognised."""
    _run("formats", locals())


@app.command()
def prices() -> None:
    """The default price table, to edit and pass to --prices."""
    _run("prices", locals())


def _run(command: str, options: dict[str, object]) -> None:
    """Calls `run` of the command's module with the options of the command."""
    import_module(f"aligntax.cli.{command}").run(**options)


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
