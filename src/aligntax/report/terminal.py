"""The bill in the terminal: rich tables on a screen, plain lines into a pipe."""

from collections.abc import Mapping, Sequence
from typing import Any, cast

from rich.console import Console
from rich.table import Table
from rich.text import Text

from aligntax.report.document import Document
from aligntax.report.figures import WAYS, Figure, Figures, apart, value_text
from aligntax.report.tables import dim, figures_table, shown
from aligntax.tax.bill import ITEMS

__all__ = ["print_bill"]

_BAR = 12
_MOST_USE_CASES = 20
_RATES = {
    "completion_tax": "refused or hedged",
    "refused": "refused",
    "hedged": "hedged",
    "complete": "complete",
}
_MARKS = (("█", "red"), ("▓", "yellow"))
_REST = ("░", "green")


def print_bill(contents: Document, console: Console) -> None:
    """Prints the bill: headline, what it comes to, use cases, symptoms, worst slices, what to know.

    Args:
        contents: the document.
        console: rich's; on a file or a pipe it prints without colour.
    """
    figures = Figures(contents)
    _headline(figures, console)
    for table in (
        _corrected(figures),
        _charges(figures),
        _use_cases(figures),
        _symptoms(figures),
        _worst(figures),
    ):
        if table.row_count:
            console.print(table)
    _notes(contents, console)


def _headline(figures: Figures, console: Console) -> None:
    about = cast(Mapping[str, Any], figures.contents["about"])
    unsure, tax, raw = (
        figures.get("undetermined"),
        figures.read("completion_tax"),
        figures.get("completion_tax"),
    )
    span = f"{about['first'][:10]} to {about['last'][:10]}" if about["first"] else "no times in the log"
    detector = f"{about['detector']} ({about['detector_version']})"
    console.print()
    console.print(f"[bold]Alignment tax[/bold]  {about['exchanges']:,} exchanges, {shown(span)}")
    console.print(f"[dim]detector {shown(detector)}; {shown(_rests_on(figures))}[/dim]")
    console.print()
    console.print(f"{unsure.value} of requests undetermined  [dim]({unsure.interval})[/dim]")
    way = f"  {WAYS[tax.correction]}" if figures.correction else ""
    console.print(f"[bold]{tax.value}[/bold] of requests refused or hedged  [dim]({tax.interval})[/dim]{way}")
    if tax.correction != "raw":
        beside = f"{raw.value} says the raw detector  [dim]({raw.interval})[/dim]"
        console.print(f"{beside}: {apart(tax, raw)}")
    if figures.correction:
        console.print(f"[dim]{shown(_sentence(figures.correction['why']))}[/dim]")
    unable = figures.get("cannot")
    if unable.estimate.value > 0:  # nan, where not measured, is not
        console.print(f"[dim]{unable.value} refused for lack of an ability are not in that rate[/dim]")


def _rests_on(figures: Figures) -> str:
    correction = figures.correction
    if not correction:
        return "rates are not corrected by labels"
    labels = correction["labels"]
    if not labels:
        return "no labels of your own"
    return f"{labels['exchanges']:,} labelled exchanges, policy {labels['policy_version']}"


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:] + "."


def _corrected(figures: Figures) -> Table:
    """Rates by what they rest on: of all traffic, then the tax by use case."""
    ways, labels = figures.ways, figures.correction and figures.correction["labels"]
    heads = {way: WAYS[way].replace("-", "-\n").replace(" ", "\n", 1) for way in ways}
    table = figures_table("Corrected rates", "", *(column for way in ways for column in (heads[way], "")))
    table.caption = "in brackets: labelled exchanges" if labels else None
    rows = [(words, figures.get(name)) for name, words in _RATES.items()]
    cases = [f for f in figures.over("completion_tax", "use_case") if _is_corrected(figures, f)]
    rows += [(_slice_name(figures, f), f) for f in cases[:_MOST_USE_CASES]]
    for words, raw in rows:
        found = [figures.by(way, raw.component, **raw.slice) for way in ways]
        if any(f.estimate.known for f in found[1:]):
            table.add_row(shown(words), *(cell for f in found for cell in (f.value, dim(_short(f)))))
    return table


def _is_corrected(figures: Figures, figure: Figure) -> bool:
    return any(figures.by(w, figure.component, **figure.slice).estimate.known for w in figures.ways[1:])


def _slice_name(figures: Figures, figure: Figure) -> str:
    labelled = max(figures.by(w, figure.component, **figure.slice).estimate.labelled for w in figures.ways)
    return ", ".join(figure.slice.values()) + (f" ({labelled:,})" if labelled else "")


def _charges(figures: Figures) -> Table:
    month = cast(float | None, figures.contents["month"])
    table = figures_table("The bill", "", "in this log", _interval_title(figures), "a month")
    for item in ITEMS:
        figure = figures.read(item.name)
        estimate = figure.estimate
        monthly = "" if month is None or not estimate.known else value_text(estimate.times(month, item.unit))
        title = item.title + (", corrected" if figure.correction != "raw" else "")
        table.add_row(title, figure.value, dim(figure.interval), monthly)
    if figures.read("bill.refused").correction != "raw":
        table.caption = "requests are corrected by labels; tokens, money and retries are the raw detector's"
    return table


def _use_cases(figures: Figures) -> Table:
    table = figures_table(
        f"By use case{_raw(figures)}",
        "",
        "n",
        "undetermined",
        "refused",
        "interval",
        "hedged",
        "interval",
        "",
    )
    rows: Sequence[Figure] = [figures.get("completion_tax"), *figures.over("completion_tax", "use_case")]
    for tax in rows[: _MOST_USE_CASES + 1]:
        refused, hedged, unsure = (figures.get(n, **tax.slice) for n in ("refused", "hedged", "undetermined"))
        table.add_row(
            shown(tax.slice.get("use_case", "all")) + (" [dim](small)[/dim]" if tax.small else ""),
            f"{tax.estimate.n:,}",
            unsure.value,
            refused.value,
            dim(_short(refused)),
            hedged.value,
            dim(_short(hedged)),
            _bar(refused, hedged),
        )
    if len(rows) > _MOST_USE_CASES + 1:
        table.caption = f"and {len(rows) - _MOST_USE_CASES - 1:,} more in the report"
    return table


def _raw(figures: Figures) -> str:
    """What to add to a title where both raw and corrected rates are about."""
    return ", raw detector" if figures.correction else ""


def _short(figure: Figure) -> str:
    """An interval of rates in few characters: "14-22%"."""
    if not figure.estimate.known:
        return "unknown"
    low, high = 100 * figure.estimate.low, 100 * figure.estimate.high
    places = 0 if high >= 10 else 1 if high >= 1 else 2
    return f"{low:.{places}f}-{high:.{places}f}%"


def _bar(*parts: Figure) -> Text:
    bar, used = Text(), 0
    for figure, (mark, colour) in zip(parts, _MARKS, strict=True):
        cells = round(_BAR * figure.estimate.value) if figure.estimate.known else 0
        bar.append(mark * cells, style=colour)
        used += cells
    return bar.append(_REST[0] * max(0, _BAR - used), style=_REST[1])


def _symptoms(figures: Figures) -> Table:
    table = figures_table(f"Symptoms{_raw(figures)}", "", "rate", _interval_title(figures))
    names = [*_names(figures), "fallback"]
    rates = [f for name in names if (f := figures.get(name)).estimate.known and f.estimate.value > 0]
    for figure in sorted(rates, key=lambda f: -f.estimate.value):
        table.add_row(_title(figure.component), figure.value, dim(figure.interval))
    for name, words in (
        ("delay.p90", "characters before the answer, 9 in 10 at most"),
        ("length.median", "characters of a response, median"),
    ):
        figure = figures.get(name)
        table.add_row(words, figure.value, dim(figure.interval))
    return table


def _names(figures: Figures) -> list[str]:
    entries = cast(Sequence[Mapping[str, Any]], figures.contents["measurements"])
    names = dict.fromkeys(str(entry["component"]) for entry in entries)
    return [name for name in names if name.startswith(("symptom.", "layer."))]


def _title(component: str) -> str:
    family, _, name = component.partition(".")
    words = (name or family).replace("_", " ")
    return {"layer": f"stopped by the {words}", "fallback": "served by another model"}.get(family, words)


def _worst(figures: Figures) -> Table:
    table = figures_table(
        f"Worst slices{_raw(figures)}", "", "refused or hedged", _interval_title(figures), "n"
    )
    for figure in figures.worst("completion_tax"):
        name = ", ".join(shown(value) for value in figure.slice.values())
        table.add_row(name, figure.value, dim(figure.interval), f"{figure.estimate.n:,}")
    return table


def _notes(contents: Document, console: Console) -> None:
    correction = cast(Mapping[str, Any] | None, contents.get("correction"))
    notes = [*(correction["notes"] if correction else []), *cast(Sequence[str], contents["notes"])]
    if notes:
        console.print("\n[bold]To know[/bold]")
    for note in notes:
        console.print(f"- {shown(note)}", highlight=False)


def _interval_title(figures: Figures) -> str:
    about = cast(Mapping[str, Any], figures.contents["about"])
    return f"{about['level']:.0%} interval"
