"""The printer of each kind of document; a document that its printer cannot print is shown by its figures."""

from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any

from rich.console import Console
from rich.markup import escape

from aligntax.ledger.documents import figures
from aligntax.records import Measurement
from aligntax.report.figures import WAYS, interval_text, value_text
from aligntax.report.tables import dim, figures_table, shown

__all__ = ["PRINTERS", "print_document", "print_figures", "slice_text"]

PRINTERS: Mapping[str, str] = {
    "aligntax.bill/1": "terminal.print_bill",
    "aligntax.comparison/2": "compared_live_tables.print_live",
    "aligntax.counterfactual/1": "counterfactual_tables.print_counterfactual",
    "aligntax.drift/1": "drift.print_drift",
    "aligntax.fisher/1": "fisher.print_fisher",
    "aligntax.floor/1": "floor_tables.print_floor",
    "aligntax.frontier/1": "frontier_tables.print_frontier",
    "aligntax.gate/1": "gate_tables.print_gate",
    "aligntax.merge_sweep/1": "merge_tables.print_merge_sweep",
    "aligntax.over_refusal/1": "probes_tables.print_over_refusal",
    "aligntax.stages/1": "stages_tables.print_stages",
    "aligntax.triggers/1": "triggers_tables.print_triggers",
}
"""Schema -> module and function of `aligntax.report`."""
_MOST = 200


def print_document(document: Mapping[str, Any], console: Console) -> None:
    """Prints a document as the command that made it does, as far as this aligntax can.

    What an earlier or a later version wrote may lack what the printer looks for; its figures are shown then.
    """
    schema = str(document["schema"])
    if schema in PRINTERS:
        with console.capture() as caught:
            why = _tried(PRINTERS[schema], document, console)
        if not why:
            console.file.write(caught.get())
            return
        console.print(dim(f"its own tables cannot be printed ({why}); these are its figures"))
    print_figures(figures(document), console)


def _tried(name: str, document: Mapping[str, Any], console: Console) -> str:
    """Why it could not be printed; "" if it was."""
    module, _, function = name.partition(".")
    printer: Callable[[Mapping[str, Any], Console], None]
    printer = getattr(import_module(f"aligntax.report.{module}"), function)
    try:
        printer(document, console)
    except (LookupError, TypeError, ValueError, AttributeError, ArithmeticError) as error:
        return f"{type(error).__name__}: {error}"
    return ""


def print_figures(found: list[Measurement], console: Console) -> None:
    """Prints figures as a table."""
    if not found:
        console.print("there is no figure in it; --json prints it")
        return
    table = figures_table("", "figure", "of", "value", "interval", "n", "rests on", names=(0, 1, 5))
    for one in found[:_MOST]:
        estimate = one.estimate
        words = (one.component, slice_text(one.slice))
        cells = (value_text(estimate), interval_text(estimate), f"{estimate.n:,}")
        table.add_row(*map(shown, words), *map(escape, cells), WAYS[one.correction])
    console.print(table)
    if len(found) > _MOST:
        console.print(dim(f"and {len(found) - _MOST:,} more; --csv prints all"))


def slice_text(narrowed: Mapping[str, str]) -> str:
    """A slice in words."""
    return ", ".join(f"{name} {value}" for name, value in narrowed.items()) or "all"
