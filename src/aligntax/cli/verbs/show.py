"""`aligntax show`: its options."""

from typing import Annotated

import typer

from aligntax.cli.options import AsJson, LedgerAt, call

__all__ = ["show"]


def show(
    run: Annotated[
        str, typer.Argument(metavar="RUN", help="Its key, the beginning of it, or latest; see `history`.")
    ] = "latest",
    figures: Annotated[
        bool, typer.Option("--figures", help="Print all its figures as a table.", show_default=False)
    ] = False,
    as_csv: Annotated[
        bool, typer.Option("--csv", help="Print all its figures as CSV.", show_default=False)
    ] = False,
    ledger: LedgerAt = None,
    as_json: AsJson = False,
) -> None:
    """A run of the ledger: where it comes from, and what it found; --json prints its document."""
    call("ledger_show", locals())
