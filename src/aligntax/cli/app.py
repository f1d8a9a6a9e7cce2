"""The command line: one verb a file in `verbs`, and what it does in a module imported when asked for."""

import sys
from typing import Annotated

import typer

from aligntax import __version__
from aligntax.cli.verbs import detectors, label, policy, probes
from aligntax.cli.verbs.audit import audit
from aligntax.cli.verbs.checkpoint import checkpoint
from aligntax.cli.verbs.compare import compare
from aligntax.cli.verbs.correlate import correlate
from aligntax.cli.verbs.counterfactual import counterfactual
from aligntax.cli.verbs.detect import detect
from aligntax.cli.verbs.drift import drift
from aligntax.cli.verbs.export import export
from aligntax.cli.verbs.fisher import fisher
from aligntax.cli.verbs.floor import floor
from aligntax.cli.verbs.formats import formats
from aligntax.cli.verbs.frontier import frontier
from aligntax.cli.verbs.gate import gate
from aligntax.cli.verbs.history import history
from aligntax.cli.verbs.init import init
from aligntax.cli.verbs.laws import laws
from aligntax.cli.verbs.merge import merge
from aligntax.cli.verbs.plan import plan
from aligntax.cli.verbs.prices import prices
from aligntax.cli.verbs.record import record
from aligntax.cli.verbs.reference import reference
from aligntax.cli.verbs.report import report
from aligntax.cli.verbs.serve import serve
from aligntax.cli.verbs.show import show
from aligntax.cli.verbs.stages import stages
from aligntax.cli.verbs.triggers import triggers
from aligntax.cli.verbs.watch import watch
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
VERBS = (
    audit,
    detect,
    triggers,
    report,
    compare,
    counterfactual,
    stages,
    floor,
    plan,
    init,
    gate,
    watch,
    serve,
    record,
    history,
    show,
    export,
    correlate,
    laws,
    frontier,
    reference,
    merge,
    drift,
    fisher,
    checkpoint,
    formats,
    prices,
)
"""In the order of `--help`: measured on traffic, managed, between models, on weights; what is known."""
for verb in VERBS:
    app.command()(verb)
app.add_typer(policy.app)
app.add_typer(probes.app)
app.add_typer(label.app)
app.add_typer(detectors.app)


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
