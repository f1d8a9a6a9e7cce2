"""`aligntax formats`: what can be read."""

from rich.console import Console
from rich.table import Table

from aligntax.traffic.formats import FORMATS

__all__ = ["run"]


def run() -> None:
    """Prints the formats in the order in which a file is tried."""
    table = Table(box=None, pad_edge=False, show_header=False, padding=(0, 2, 0, 0))
    for log_format in FORMATS:
        table.add_row(log_format.name, log_format.describes)
    table.add_row("tabular", "CSV, Parquet or flat JSON objects, one exchange a row; fields guessed or named")
    Console(highlight=False).print(table)
