"""The bill in the terminal: rich tables on a screen, plain lines into a pipe."""

from collections.abc import Mapping, Sequence
from typing import Any, cast

from rich.console import Console
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from aligntax.report.document import Document
from aligntax.report.figures import Figure, Figures
from aligntax.tax.bill import ITEMS

__all__ = ["print_bill", "printable"]

_BAR = 24
_OUTCOMES = (("refused", "red", "█"), ("hedged", "yellow", "▓"))
_REST = ("green", "░")


def print_bill(contents: Document, console: Console) -> None:
    """Prints the bill: headline, what it comes to, use cases, symptoms, worst slices, what to know.

    Args:
        contents: the document.
        console: rich's; on a file or a pipe it prints without colour or boxes.
    """
    figures = Figures(contents)
    _headline(figures, console)
    _charges(figures, console)
    _use_cases(figures, console)
    _symptoms(figures, console)
    _worst(figures, console)
    _notes(contents, console)


def printable(text: str) -> str:
    """Text from a log made safe for a terminal: no control character, no direction override."""
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)


def _shown(text: str) -> str:
    return escape(printable(text))


def _headline(figures: Figures, console: Console) -> None:
    about = cast(Mapping[str, Any], figures.contents["about"])
    tax, unsure = figures.get("completion_tax"), figures.get("undetermined")
    span = f"{about['first'][:10]} to {about['last'][:10]}" if about["first"] else "no times in the log"
    console.print()
    console.print(f"[bold]Alignment tax[/bold]  {about['exchanges']:,} exchanges, {_shown(span)}")
    console.print(f"detector {_shown(about['detector'])} ({_shown(about['detector_version'])}), not corrected by labels")
    console.print()
    console.print(f"[bold]{tax.value}[/bold] of requests refused or hedged  [dim]({tax.interval})[/dim]")
    console.print(f"{unsure.value} undetermined  [dim]({unsure.interval})[/dim]")


def _table(title: str, *columns: str, console: Console) -> Table:
    table = Table(title=title, title_justify="left", title_style="bold", box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for at, column in enumerate(columns):
        table.add_column(column, justify="right" if at else "left", style=None if at else "bold", overflow="fold")
    del console
    return table


def _charges(figures: Figures, console: Console) -> None:
    month = cast(float | None, figures.contents["month"])
    table = _table("\nThe bill", "", "in this log", f"{_level(figures)} interval", "a month", console=console)
    for item in ITEMS:
        figure = figures.get(item.name)
        scaled = "" if month is None or not figure.estimate.known else _scaled(figure, month)
        table.add_row(item.title, figure.value, Text(figure.interval, style="dim"), scaled)
    console.print(table)


def _scaled(figure: Figure, month: float) -> str:
    from aligntax.report.figures import value_text

    return value_text(figure.estimate.times(month, figure.estimate.unit))


def _use_cases(figures: Figures, console: Console) -> None:
    table = _table("\nBy use case", "", "n", "refused", "hedged", "", "undetermined", console=console)
    rows: Sequence[Figure] = [figures.get("completion_tax"), *figures.over("completion_tax", "use_case")]
    for tax in rows:
        refused, hedged, unsure = (
            figures.get(name, **tax.slice) for name in ("refused", "hedged", "undetermined")
        )
        name = _shown(tax.slice.get("use_case", "all")) + (" [dim](small)[/dim]" if tax.small else "")
        table.add_row(name, f"{tax.estimate.n:,}", _both(refused), _both(hedged), _bar(refused, hedged), unsure.value)
    console.print(table)


def _both(figure: Figure) -> str:
    return f"{figure.value} [dim]{_shown(figure.interval)}[/dim]"


def _bar(*parts: Figure) -> Text:
    bar, used = Text(), 0
    for figure, (_, colour, mark) in zip(parts, _OUTCOMES, strict=True):
        cells = round(_BAR * figure.estimate.value) if figure.estimate.known else 0
        bar.append(mark * cells, style=colour)
        used += cells
    return bar.append(_REST[1] * max(0, _BAR - used), style=_REST[0])


def _symptoms(figures: Figures, console: Console) -> None:
    table = _table("\nSymptoms", "", "rate", f"{_level(figures)} interval", console=console)
    found = [f for f in figures.over("fallback")] if figures.get("fallback").estimate.known else []
    rates = [f for name in _names(figures) if (f := figures.get(name)).estimate.value > 0]
    for figure in sorted([*rates, *found], key=lambda f: -f.estimate.value):
        table.add_row(_title(figure.component), figure.value, Text(figure.interval, style="dim"))
    delay = figures.get("delay.p90")
    table.add_row("characters before the answer, 9 in 10 fewer than", delay.value, Text(delay.interval, style="dim"))
    console.print(table)


def _names(figures: Figures) -> list[str]:
    entries = cast(Sequence[Mapping[str, Any]], figures.contents["measurements"])
    names = dict.fromkeys(str(entry["component"]) for entry in entries)
    return [name for name in names if name.startswith(("symptom.", "layer."))]


def _title(component: str) -> str:
    family, _, name = component.partition(".")
    words = (name or family).replace("_", " ")
    return {"layer": f"stopped by the {words}", "fallback": "served by another model"}.get(family, words)


def _worst(figures: Figures, console: Console) -> None:
    worst = figures.worst("completion_tax")
    if not worst:
        return
    table = _table("\nWorst slices", "", "refused or hedged", f"{_level(figures)} interval", "n", console=console)
    for figure in worst:
        name = ", ".join(_shown(value) for value in figure.slice.values())
        table.add_row(name, figure.value, Text(figure.interval, style="dim"), f"{figure.estimate.n:,}")
    console.print(table)


def _notes(contents: Document, console: Console) -> None:
    notes = cast(Sequence[str], contents["notes"])
    if notes:
        console.print("\n[bold]To know[/bold]")
    for note in notes:
        console.print(f"- {_shown(note)}", highlight=False)


def _level(figures: Figures) -> str:
    about = cast(Mapping[str, Any], figures.contents["about"])
    return f"{about['level']:.0%}"
