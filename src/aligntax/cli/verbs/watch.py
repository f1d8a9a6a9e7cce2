"""`aligntax watch`: its options."""

from pathlib import Path
from typing import Annotated

import typer

from aligntax.cli.option_groups import LogFields, with_options
from aligntax.cli.options import AsJson, DetectorName, Format, Inputs, LedgerAt, Quiet, Threads, call

__all__ = ["watch"]


@with_options(LogFields)
def watch(
    logs: Inputs,
    policy: Annotated[Path, typer.Option(help="The policy traffic is held to.")] = Path("aligntax.toml"),
    ledger: LedgerAt = None,
    name: Annotated[
        str | None, typer.Option(help="Of the watch, under which it goes on; the policy's service.")
    ] = None,
    every: Annotated[str, typer.Option(metavar="TIME", help="How often to look: 10s, 5m, 1h.")] = "60s",
    once: Annotated[bool, typer.Option("--once", help="Read what is there and leave.")] = False,
    until_idle: Annotated[
        bool, typer.Option("--until-idle", help="Leave when a round finds nothing new.")
    ] = False,
    dry_run_alerts: Annotated[
        bool, typer.Option("--dry-run-alerts", help="Raise and keep alerts, tell nobody.")
    ] = False,
    least_change: Annotated[
        float,
        typer.Option(min=0.0, help="A change is told where the rate differs by this share of what it was."),
    ] = 0.2,
    detector: DetectorName = "cascade",
    log_format: Format = None,
    as_json: AsJson = False,
    quiet: Quiet = False,
    threads: Threads = None,
    **rest: object,
) -> None:
    """New traffic as it comes, held to the policy at every look; alerts by webhook or command.

    Five in a hundred months raise a false alarm, at most, however often it looks. With --once or
    --until-idle it leaves with 1 where a budget is beyond its limit, and with 3 where no exchange of any
    budget was there.
    """
    call("watch", locals())
