"""The frontier in the terminal: what may be claimed, then the tables it rests on."""

from collections.abc import Mapping, Sequence
from typing import Any, cast

from rich.console import Console
from rich.table import Table
from rich.text import Text

from aligntax.report.document import Document, estimate_of
from aligntax.report.figures import interval_text, value_text
from aligntax.report.frontier import percent
from aligntax.report.tables import dim, figures_table, printable

__all__ = ["print_frontier"]

Entry = Mapping[str, Any]


def print_frontier(contents: Document, console: Console) -> None:
    """Prints the document at 80 columns: what may be claimed, the tables, what to know."""
    _headline(contents, console)
    for table in (
        _matched(contents),
        _levels(contents),
        _benchmarks(contents),
        _pairs(contents),
        _methods(contents),
        _volumes(contents),
        _configurations(contents),
    ):
        if table.row_count:
            console.print(table)
    notes = cast(Sequence[str], contents["notes"])
    if notes:
        console.print("\n[bold]To know[/bold]")
    for note in notes:
        console.print(f"- {printable(note)}", markup=False)


def _headline(contents: Document, console: Console) -> None:
    configurations, methods = _entries(contents, "configurations"), _entries(contents, "methods")
    console.print()
    console.print(
        f"[bold]Frontier[/bold]  {_count(methods, 'method')}, {_count(configurations, 'configuration')}"
    )
    how = (
        f"{contents['method']}, {contents['replicates']:,} replicates, {percent(_level(contents))} intervals"
    )
    console.print(how, style="dim", markup=False)
    console.print()
    for at, sentence in enumerate(cast(Sequence[str], contents["sentences"])):
        console.print(printable(sentence), markup=False, style="bold" if at == 0 else "none")


def _matched(contents: Document) -> Table:
    cap = contents["over_refusal"]
    under = "" if cap is None else f", over-refusal at most {percent(cast(float, cap))}"
    harm = contents["harm"]
    at = "" if harm is None else percent(cast(float, harm))
    table = figures_table(
        f"Tax at harm {at}{under}", "", "tax", _interval(contents), "over-refusal", "reached", "between"
    )
    for entry in _entries(contents, "methods"):
        if entry["tax"] is not None:
            table.add_row(
                printable(entry["method"]),
                *_cells(entry["tax"]),
                value_text(estimate_of(entry["over_refusal"])) if entry["between"] else "",
                f"{entry['reached']:.0%}",
                printable(" and ".join(entry["between"])),
            )
    return table


def _levels(contents: Document) -> Table:
    levels = _entries(contents, "levels")
    names = list(levels[0]["taxes"]) if levels else []
    table = figures_table("Tax at several harms, to look at", "harm", *map(printable, names))
    for level in levels:
        cells = [Text(value_text(estimate_of(level["taxes"][name]))) for name in names]
        below = [dim(_short(level["taxes"][name])) for name in names]
        table.add_row(percent(level["harm"]), *cells)
        table.add_row("", *below)
    return table


def _benchmarks(contents: Document) -> Table:
    table = figures_table("By benchmark, the worst first", "", "benchmark", "tax", _interval(contents))
    for entry in _entries(contents, "methods"):
        if len(entry["taxes"]) > 1 and entry["between"]:
            for at, (name, tax) in enumerate(entry["taxes"].items()):
                table.add_row("" if at else printable(entry["method"]), printable(name), *_cells(tax))
    return table


def _pairs(contents: Document) -> Table:
    table = figures_table(
        "Pairs, first less second", "", "difference", _interval(contents), "Holm's p", "lower tax"
    )
    for pair in _entries(contents, "pairs"):
        adjusted = pair["adjusted"]
        if adjusted is not None:
            table.add_row(
                printable(f"{pair['first']}, {pair['second']}"),
                *_cells(pair["difference"]),
                f"{adjusted:.4f}" if adjusted < 0.01 else f"{adjusted:.2f}",
                printable(pair["better"] or "cannot tell"),
            )
    return table


def _methods(contents: Document) -> Table:
    area = any(entry["area"] for entry in _entries(contents, "methods"))
    columns = [
        "tried",
        "on the front",
        "points to cover it",
        "",
        *(["mean tax in range", ""] if area else []),
    ]
    table = figures_table("Methods on all three axes", "", *columns)
    for entry in _entries(contents, "methods"):
        epsilon = estimate_of(entry["epsilon"])
        table.add_row(
            printable(entry["method"]),
            f"{entry['budget']['configurations']:.0f}",
            f"{entry['non_dominated']:.0%}",
            f"{100 * epsilon.value:.1f}" if epsilon.known else "unknown",
            dim(_short(entry["epsilon"])),
            *((value_text(estimate_of(entry["area"])), dim(_short(entry["area"]))) if area else ()),
        )
    table.caption = (
        "on the front: share of replicates in which a configuration is non-dominated\n"
        "points to cover it: how much better on every axis it must be to match all others"
    )
    return table


def _volumes(contents: Document) -> Table:
    points = _entries(contents, "reference_points")
    heads = ["declared" if point["declared"] else "to compare" for point in points]
    ratios = any(entry["ratio"] is not None for entry in _entries(contents, "methods"))
    columns = [cell for head in heads for cell in (head, "")] + (["ratio", ""] if ratios else [])
    table = figures_table("Hypervolume, share of the box", "", *columns)
    for entry in _entries(contents, "methods") if points else []:
        figures = [*entry["volumes"], *([entry["ratio"]] if ratios else [])]
        cells = [
            cell for figure in figures for cell in (value_text(estimate_of(figure)), dim(_short(figure)))
        ]
        table.add_row(printable(entry["method"]), *cells)
    table.caption = "\n".join(
        f"{head}: to harm {percent(p['harm'])}, over-refusal {percent(p['over_refusal'])}, "
        f"capability {percent(p['capability'])} of the reference's"
        for head, p in zip(heads, points, strict=True)
    )
    return table


def _configurations(contents: Document) -> Table:
    table = figures_table("Configurations", "", "harm", "", "over-\nrefusal", "", "tax", "", "on the\nfront")
    for entry in _entries(contents, "configurations"):
        cells = [
            cell
            for name in ("harm", "over_refusal", "tax")
            for cell in (Text(value_text(estimate_of(entry[name]))), dim(_short(entry[name])))
        ]
        if not entry["allowed"]:
            cells[2] = Text("* ").append_text(cells[2])
        table.add_row(
            printable(f"{entry['method']} {entry['knob']}".strip()), *cells, f"{entry['non_dominated']:.0%}"
        )
    if not all(entry["allowed"] for entry in _entries(contents, "configurations")):
        table.caption = "* over-refusal above the cap"
    return table


def _entries(contents: Document, name: str) -> Sequence[Entry]:
    return cast(Sequence[Entry], contents[name])


def _level(contents: Document) -> float:
    return cast(float, contents["level"])


def _interval(contents: Document) -> str:
    return f"{percent(_level(contents))} interval"


def _cells(entry: Entry) -> tuple[Text, Text]:
    estimate = estimate_of(entry)
    return Text(value_text(estimate)), dim(interval_text(estimate))


def _short(entry: Entry) -> str:
    """An interval in few characters: "3-8%", "-1…+4", ".21….28"."""
    estimate = estimate_of(entry)
    if not estimate.known:
        return estimate.reason
    if estimate.unit == "score":
        return f"{estimate.low:.3f}…{estimate.high:.3f}"
    sign = "+" if estimate.unit == "share" else ""
    places = 1 if estimate.unit != "share" and not estimate.high >= 0.1 else 0
    low, high = (
        "?" if end is None else f"{100 * end:{sign}.{places}f}" for end in (entry["low"], entry["high"])
    )
    return f"{low}…{high}"


def _count(entries: Sequence[Entry], noun: str) -> str:
    return f"{len(entries):,} {noun}{'s' * (len(entries) != 1)}"
