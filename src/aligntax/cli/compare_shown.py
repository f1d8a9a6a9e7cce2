"""A comparison drawn, kept and printed, whatever it was made from."""

from pathlib import Path

from rich.console import Console

from aligntax.cli.keeping import keep
from aligntax.cli.output import print_json, stderr
from aligntax.report.charts import save_chart
from aligntax.report.charts.compared import compared_chart
from aligntax.report.compared_live_tables import print_live
from aligntax.report.document import Document

__all__ = ["MARGIN", "show"]

MARGIN = 0.01
"""Largest difference of shares that is as good as none, where nobody has said."""


def show(contents: Document, *, chart: Path | None, as_json: bool, flips: int, quiet: bool) -> None:
    """Draws a comparison where that is wanted, and prints it.

    Args:
        contents: the document.
        chart: file of the chart; None for none.
        as_json: whether to print the document instead of its tables.
        flips: examples of what changed, of each kind.
        quiet: whether not to name the file of the chart.
    """
    if chart is not None:
        save_chart(compared_chart(contents), chart)
        if not quiet:
            stderr().print(f"wrote {chart}", markup=False)
    keep(contents)
    if as_json:
        print_json(contents)
    else:
        print_live(contents, Console(highlight=False), flips=flips)
