"""`aligntax history`: its options."""

from typing import Annotated

import typer

from aligntax.cli.options import AsJson, LedgerAt, call

__all__ = ["history"]


def history(
    component: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Show this figure over the runs: completion_tax, refused, ..."),
    ] = None,
    use_case: Annotated[str, typer.Option(help="Of a use case; of all traffic.")] = "",
    model: Annotated[str, typer.Option(help="Of a model; of all.")] = "",
    where: Annotated[
        list[str] | None,
        typer.Option(
            "--slice", metavar="NAME=VALUE", help="Whatever else it is of: benchmark=gsm8k; repeatable."
        ),
    ] = None,
    kind: Annotated[
        str | None, typer.Option(metavar="KIND", help="Only runs of this kind: bill, floor, stages, ...")
    ] = None,
    correction: Annotated[
        str | None,
        typer.Option(metavar="WAY", help="raw, labels, powered or published; what is to be read."),
    ] = None,
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, help="The newest so many runs.")] = 20,
    ledger: LedgerAt = None,
    as_json: AsJson = False,
) -> None:
    """What the ledger holds: its runs, or one figure over them, with what happened in between."""
    call("ledger_history", locals())
