"""`aligntax record`: its options."""

from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from aligntax.cli.options import AsJson, LedgerAt, Quiet, call

__all__ = ["record"]

_TIMES = ["%Y-%m-%d", "%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M:%S%z", "%Y-%m-%dT%H:%M%z"]


def record(
    files: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="[FILE]...",
            help="Documents that --json or --out wrote, directories an audit wrote to, labels (.jsonl), "
            "policies (.toml).",
        ),
    ] = None,
    mark: Annotated[
        tuple[str, str] | None,
        typer.Option(
            metavar="KIND TEXT",
            help="Something that happened: deploy, model, prompt, detector, policy or note, and what.",
        ),
    ] = None,
    at: Annotated[
        datetime | None, typer.Option(formats=_TIMES, metavar="TIME", help="When that was, UTC; now.")
    ] = None,
    use_case: Annotated[str, typer.Option(help="Use case that it concerns; all.")] = "",
    author: Annotated[str, typer.Option(help="Who says so: of a mark, or of a change of the policy.")] = "",
    note: Annotated[str, typer.Option(help="Why the policy was changed.")] = "",
    run: Annotated[str, typer.Option("--run", metavar="RUN", help="Run that the labels are of.")] = "",
    title: Annotated[str, typer.Option(help="What to call the run; told from the document.")] = "",
    data: Annotated[
        list[Path] | None,
        typer.Option("--data", metavar="FILE", help="What was read, to keep its hash; repeatable."),
    ] = None,
    here: Annotated[
        bool | None,
        typer.Option(
            "--here/--elsewhere",
            help="Whether this commit and these versions made it; they did if it is of the last day.",
            show_default=False,
        ),
    ] = None,
    ledger: LedgerAt = None,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Keeps documents, labels, policies and what happened in the ledger."""
    call("ledger_record", locals())
