"""`aligntax label`: its commands and their options."""

from pathlib import Path
from typing import Annotated

import typer

from aligntax.cli.option_groups import LogFields, with_options
from aligntax.cli.options import Format, KeepText, Level, Quiet, Strict, Threads, call

__all__ = ["app"]

app = typer.Typer(
    name="label",
    help="Labels: what people say became of an exchange.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

LogsToo = Annotated[
    list[str] | None, typer.Argument(metavar="[LOG]...", help="The log that was audited, for the texts.")
]
To = Annotated[str, typer.Option("--to", help="csv, jsonl or label-studio.")]
In = Annotated[
    str | None,
    typer.Option("--ledger", metavar="WHERE", help="Directory, .db file or URL; the nearest .aligntax."),
]


@app.command("plan")
def plan(
    run: Annotated[Path, typer.Argument(help="Directory an audit wrote to, or its outcomes.parquet.")],
    budget: Annotated[int, typer.Option(min=1, help="Exchanges to label.")] = 100,
    seed: Annotated[int, typer.Option(help="Another seed, another sample.")] = 0,
    by: Annotated[
        str, typer.Option(metavar="NAMES", help="Strata by verdict, use_case, model, layer.")
    ] = "verdict,use_case",
    out: Annotated[Path, typer.Option("--out", "-o", help="File to write.")] = Path("plan.jsonl"),
    as_json: Annotated[bool, typer.Option("--json", help="Print the plan's head as JSON.")] = False,
    quiet: Quiet = False,
) -> None:
    """Chooses which exchanges of an audit to label, and with what chance."""
    call("label", locals(), "plan")


@app.command("export")
@with_options(LogFields)
def export(
    plan: Annotated[Path, typer.Argument(help="A plan.jsonl written by `aligntax label plan`.")],
    logs: LogsToo = None,
    to: To = "csv",
    out: Annotated[Path | None, typer.Option("--out", "-o", help="File to write; to-label.*.")] = None,
    log_format: Format = None,
    keep_text: KeepText = False,
    strict: Strict = False,
    quiet: Quiet = False,
    threads: Threads = None,
    **rest: object,
) -> None:
    """Writes a plan's exchanges for annotators, without the detector's verdicts."""
    call("label", locals(), "export")


@app.command("import")
def import_(
    files: Annotated[list[Path], typer.Argument(help="What annotators filled in: CSV, JSONL, Label Studio.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="File to write.")] = Path("labels.jsonl"),
    plan: Annotated[Path | None, typer.Option(help="The plan the exchanges were chosen by.")] = None,
    run: Annotated[Path | None, typer.Option(help="Without a plan: the audit the exchanges are of.")] = None,
    random_sample: Annotated[
        bool, typer.Option("--random-sample", help="The exchanges were drawn from --run with equal chances.")
    ] = False,
    annotator: Annotated[str, typer.Option(help="Who labelled, where a file does not say.")] = "",
    adjudicators: Annotated[
        list[str] | None, typer.Option("--adjudicator", help="Whose labels settle disagreements; repeatable.")
    ] = None,
    quiet: Quiet = False,
) -> None:
    """Checks what annotators filled in and writes labels, with how their exchanges were chosen."""
    call("label", locals(), "import_")


@app.command("agree")
@with_options(LogFields)
def agree(
    labels: Annotated[list[Path], typer.Argument(help="Files written by `aligntax label import`.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print the figures as JSON.")] = False,
    level: Level = 0.95,
    to: Annotated[
        str | None, typer.Option("--to", help="Write the disagreements: csv, jsonl or label-studio.")
    ] = None,
    out: Annotated[Path | None, typer.Option("--out", "-o", help="File for them; to-adjudicate.*.")] = None,
    logs: Annotated[list[str] | None, typer.Option("--log", help="The log, for texts; repeatable.")] = None,
    log_format: Format = None,
    keep_text: KeepText = False,
    strict: Strict = False,
    quiet: Quiet = False,
    threads: Threads = None,
    **rest: object,
) -> None:
    """How far annotators agree, and the disagreements to adjudicate."""
    call("label", locals(), "agree")


@app.command("task")
@with_options(LogFields)
def task(
    plan: Annotated[Path, typer.Argument(help="A plan.jsonl written by `aligntax label plan`.")],
    logs: LogsToo = None,
    ledger: In = None,
    title: Annotated[
        str, typer.Option("--title", help="What annotators see; tell no model or detector.")
    ] = "",
    annotators: Annotated[
        int, typer.Option("--annotators", min=1, max=2, help="Labels each exchange is to get.")
    ] = 1,
    adjudicators: Annotated[
        list[str] | None,
        typer.Option("--adjudicator", help="Who settles disagreements, besides approvers; repeatable."),
    ] = None,
    run: Annotated[
        str | None,
        typer.Option("--run", metavar="RUN", help="The run planned: a directory or a key; else looked for."),
    ] = None,
    author: Annotated[str, typer.Option("--author", help="Who makes the task.")] = "",
    as_json: Annotated[bool, typer.Option("--json", help="Print the task's key and size as JSON.")] = False,
    log_format: Format = None,
    keep_text: KeepText = False,
    strict: Strict = False,
    quiet: Quiet = False,
    threads: Threads = None,
    **rest: object,
) -> None:
    """Puts a plan's exchanges into the ledger, to be labelled in the browser (`aligntax serve`)."""
    call("label_tasks", locals(), "task")


@app.command("collect")
def collect(
    task: Annotated[str, typer.Argument(help="Key of a task, the beginning of one, or latest.")] = "latest",
    out: Annotated[Path, typer.Option("--out", "-o", help="File to write.")] = Path("labels.jsonl"),
    ledger: In = None,
    quiet: Quiet = False,
) -> None:
    """Writes the labels of a task, with how their exchanges were chosen, for `aligntax audit --labels`."""
    call("label_tasks", locals(), "collect")
