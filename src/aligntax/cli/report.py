"""`aligntax report`: the HTML report of an earlier audit."""

from pathlib import Path

from aligntax.cli.output import stderr
from aligntax.report.bill import load_bill
from aligntax.report.html import save_html

__all__ = ["run"]


def run(*, bill: Path, out: Path, quiet: bool) -> None:
    """Reads bill.json, writes the report."""
    save_html(load_bill(bill), out)
    if not quiet:
        stderr().print(f"wrote {out}", markup=False)
