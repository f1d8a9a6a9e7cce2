"""`aligntax compare` of two bills: how the rates of two audits differ."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, cast

from rich.console import Console
from rich.markup import escape

from aligntax.cli.keeping import keep
from aligntax.cli.output import print_json
from aligntax.report.bill import load_bill
from aligntax.report.compare import COMPARED, compare
from aligntax.report.document import Document, estimate_of
from aligntax.report.figures import WAYS, interval_text, value_text
from aligntax.report.tables import figures_table, shown

__all__ = ["compare_bills", "is_bill"]

_HEAD = 4096
_BILL = re.compile(rb'\s*\{\s*"schema"\s*:\s*"aligntax\.bill/')
_READS = {**WAYS, "labels": "corrected by expert labels"}


def is_bill(argument: str) -> bool:
    """Whether a file is a bill that `aligntax audit` wrote, by how it begins."""
    path = Path(argument)
    if not path.is_file():
        return False
    with path.open("rb") as file:
        return _BILL.match(file.read(_HEAD)) is not None


def compare_bills(bill: Path, other: Path, *, force: bool, as_json: bool) -> None:
    """Reads both bills, compares, prints."""
    contents = compare(load_bill(bill), load_bill(other), force=force)
    keep(contents)
    if as_json:
        print_json(contents)
    else:
        _print(contents, (str(bill), str(other)), Console(highlight=False))


def _print(contents: Document, names: tuple[str, str], console: Console) -> None:
    differences = cast(Sequence[Mapping[str, Any]], contents["differences"])
    level = differences[0]["difference"]["level"]
    console.print(f"\n[bold]Rates compared[/bold]  {_READS[str(contents['reads'])]}")
    for mark, name, identity in zip("AB", names, cast(Sequence[Any], contents["bills"]), strict=True):
        detector = f"{identity['detector']} ({identity['detector_version']})"
        policy = f", policy {identity['labelling_policy']}" if identity["labelling_policy"] else ""
        line = f"{mark}: {name}, {identity['exchanges']:,} exchanges, {detector}{policy}"
        console.print(f"[dim]{shown(line)}[/dim]", soft_wrap=True)
    heads = ("", "A", "B", "B less A", f"{level:.0%} interval", "method")
    table = figures_table("", *heads, names=(0, 5))
    for entry in differences:
        first, second, apart = (estimate_of(entry[name]) for name in ("first", "second", "difference"))
        rates = (value_text(first), value_text(second))
        method = apart.method if apart.known else ""
        row = (*rates, value_text(apart), interval_text(apart), method)
        raw = contents["reads"] != "raw" and entry["first"]["correction"] == "raw"
        name = COMPARED[entry["component"]] + (" (raw)" if raw else "")
        table.add_row(name, *(escape(cell) for cell in row))
    console.print(table)
    console.print()
    for note in cast(Sequence[str], contents["notes"]):
        console.print(f"- {shown(note)}")
