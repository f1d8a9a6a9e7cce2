"""What asking will cost, in the terminal."""

from collections.abc import Mapping, Sequence
from typing import Any, cast

from rich.console import Console

from aligntax.report.document import Document
from aligntax.report.tables import dim, figures_table, printable, shown

__all__ = ["print_plan"]

Entry = Mapping[str, Any]


def print_plan(contents: Document, console: Console) -> None:
    """Prints a plan of asking: requests, tokens and cost of each part, and of all.

    Args:
        contents: a document of schema "aligntax.asking_plan/1".
        console: rich's; on a file or a pipe it prints without colour.
    """
    heads = ("", "model", "requests", "tokens in", "likely", "at most")
    table = figures_table("What it would ask", *heads, names=(0, 1))
    for one in cast(Sequence[Entry], contents["asks"]):
        table.add_row(shown(one["what"]), shown(one["model"]), *_figures(one))
    table.add_row("all", "", *_figures(cast(Entry, contents["total"])), style="bold")
    console.print(table)
    most = contents["max_cost"]
    limit = "no limit is set" if most is None else f"the limit is ${most:,.2f}"
    console.print(dim(f"prices: {printable(str(contents['prices']))}; {limit}; nothing was asked"))


def _figures(one: Entry) -> tuple[str, str, str, str]:
    return (
        f"{one['requests']:,}",
        f"{one['tokens_in']:,}",
        f"${one['likely']:,.2f}",
        f"${one['most']:,.2f}",
    )
