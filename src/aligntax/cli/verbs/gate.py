"""`aligntax gate`: its options."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from aligntax.cli.option_groups import Judging, LogFields, with_options
from aligntax.cli.options import DetectorName, Format, LedgerAt, Quiet, Record, Strict, Threads, call

__all__ = ["gate"]

_WRITTEN = "Written"


class Mode(StrEnum):
    """What an inconclusive verdict does."""

    release = "release"
    pull_request = "pull_request"


def _file(name: str, what: str) -> object:
    return typer.Option(name, metavar="FILE", help=what, rich_help_panel=_WRITTEN)


@with_options(LogFields, Judging)
def gate(
    measured: Annotated[
        list[str],
        typer.Argument(
            metavar="RUN|LOG...",
            help="What is held: logs, the directory of an audit, a bill.json, a run of the ledger, what "
            "`probes ask --json` or `floor --json` printed.",
        ),
    ],
    policy: Annotated[Path, typer.Option(help="The policy.")] = Path("aligntax.toml"),
    baseline: Annotated[
        str | None,
        typer.Option(
            metavar="RUN|DIR|LOG",
            help="What it is compared with; latest-pass for the newest run of the ledger that passed.",
            show_default="the policy's",
        ),
    ] = None,
    mode: Annotated[
        Mode | None,
        typer.Option(
            help="What inconclusive does: stops a release, lets a pull request go on.",
            show_default="the policy's",
        ),
    ] = None,
    floor: Annotated[
        list[str] | None,
        typer.Option(
            metavar="FILE|RUN|latest",
            help="Measured safety floor (`aligntax floor`), latest of the ledger; one a model, repeatable.",
        ),
    ] = None,
    labels: Annotated[
        list[Path] | None,
        typer.Option("--labels", help="Expert labels to correct rates with (`label import`); repeatable."),
    ] = None,
    force: Annotated[
        bool,
        typer.Option(
            "--force",
            help="Compare across detectors, labelling policies and ages all the same, and say so.",
            show_default=False,
        ),
    ] = False,
    log_format: Format = None,
    detector: DetectorName = "cascade",
    record: Record = False,
    ledger: LedgerAt = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print JSON instead of the tables.", show_default=False)
    ] = False,
    out: Annotated[Path | None, _file("--out", "The JSON document.")] = None,
    junit: Annotated[Path | None, _file("--junit", "JUnit XML, a test case for each slice.")] = None,
    markdown: Annotated[Path | None, _file("--markdown", "Summary in Markdown.")] = None,
    sarif: Annotated[Path | None, _file("--sarif", "SARIF 2.1.0, at the lines of the policy.")] = None,
    github: Annotated[
        bool,
        typer.Option(
            "--github",
            help="Print annotations for GitHub.",
            show_default="in a GitHub workflow",
            envvar="GITHUB_ACTIONS",
            show_envvar=False,
            rich_help_panel=_WRITTEN,
        ),
    ] = False,
    strict: Strict = False,
    quiet: Quiet = False,
    threads: Threads = None,
    **rest: object,
) -> None:
    """Holds a run to the policy: every budget in every slice, against its limit and a baseline.

    Leaves with 0 pass, 1 fail, 3 inconclusive: what cannot be told is no pass of a release.
    """
    call("gate", locals())
