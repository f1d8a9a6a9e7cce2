"""Merges by their share of the pre-alignment model in the terminal: verdicts first, then the tables."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, cast

from rich.console import Console
from rich.table import Table
from rich.text import Text

from aligntax.records import Estimate
from aligntax.report.document import Document, estimate_of
from aligntax.report.merge_sweep import TITLES
from aligntax.report.tables import printable

__all__ = ["print_merge_sweep"]

_MOST_BENCHMARKS = 3
_WITHIN = {"yes": "yes", "no": "no", "cannot tell": "?"}
Entry = Mapping[str, Any]


def print_merge_sweep(document: Document, console: Console) -> None:
    """Prints the document at 80 columns."""
    contents = cast(Entry, document)
    about, search = contents["about"], contents["kind"] == "search"
    console.print(f"\n[bold]{'Search' if search else 'Sweep'}[/bold]  {about['method']}")
    for name, value in _models(about):
        console.print(f"{name:<14}{printable(value)}", style="dim", markup=False)
    console.print()
    for verdict in contents["verdicts"]:
        console.print(printable(verdict["text"]), markup=False)
    if search:
        _print_chosen(contents, console)
    for table in _tables(contents):
        console.print(table)
    console.print("\n[bold]To know[/bold]")
    for note in contents["notes"]:
        console.print(f"- {printable(note)}", markup=False)


def _models(about: Entry) -> Iterator[tuple[str, str]]:
    yield "pre-alignment", str(about["pre"])
    for name in about["aligned"]:
        yield "aligned", str(name)
    for name, value in about["settings"].items():
        yield name, f"{value:g}" if isinstance(value, int | float) else str(value)
    if about["command"]:
        yield "measured by", about["command"]
    if about["runs"]:
        yield "rows in", about["runs"]


def _tables(contents: Entry) -> Iterator[Table]:
    points = contents["points"]
    for name, text in contents["about"]["texts"].items():
        yield _text_table(name, text, contents)
    rated = [point for point in points if point["measured"]]
    if rated and contents["kind"] == "search":
        best = [point for point in rated if point["non_dominated"]]
        best.sort(key=lambda point: point["measured"]["harm"]["value"])
        title = f"Beaten by no other, {len(best)} of {len(rated)} (all: --json)"
        yield _measured_table(title, best, contents)
        yield from _benchmark_tables(best, contents)
    elif rated:
        before = contents["ends"].get("pre")
        ends = [{**before, "name": "before"}] if before and before["measured"] else []
        yield _measured_table("Measured", [*rated, *ends], contents)
        yield from _benchmark_tables([*rated, *ends], contents)


def _text_table(name: str, text: Entry, contents: Entry) -> Table:
    ends = contents["ends"]
    told = "; ".join(
        f"{words} {_nats(estimate_of(ends[end]['texts'][name]['loss']))}"
        for end, words in (("aligned", "aligned"), ("pre", "pre-alignment"))
    )
    standing = {"proxy": "alignment kept", "text": "capability"}[name]
    behind = {"proxy": "prompts", "text": "documents"}[name]
    table = _table(
        f"{standing.capitalize()}: {TITLES[name]}",
        f"{text['samples']:,} texts of {text['clusters']:,} {behind}, {text['tokens']:,} tokens\n"
        f"nats a token: {told}",
    )
    table.add_column("pre_weight", style="bold")
    table.add_column("against the aligned model")
    table.add_column("against the pre-alignment model")
    changes = [[_change(point, name, end) for end in ("aligned", "pre")] for point in contents["points"]]
    decimals = _decimals([change for row in changes for change in row if change is not None])
    for point, row in zip(contents["points"], changes, strict=True):
        table.add_row(f"{point['pre_weight']:g}", *(_signed(change, decimals) for change in row))
    return table


def _change(point: Entry, name: str, end: str) -> Estimate | None:
    found = point["texts"][name][f"more_than_{end}"]
    return None if found is None else estimate_of(found)


def _measured_table(title: str, points: Sequence[Entry], contents: Entry) -> Table:
    most = contents["about"]["max_harm"]
    table = _table(title, f"in %, with {_interval(contents)} intervals")
    table.add_column("shares" if contents["kind"] == "search" else "pre_weight", style="bold")
    for heading in ("harm", "over-refusal", "capability"):
        table.add_column(heading)
    if most is not None:
        table.add_column(f"≤ {100 * most:g}", justify="right")
    for point in points:
        measured = point["measured"]
        axes = ("harm", "over_refusal", "mean_capability")
        within = [] if most is None else [_WITHIN[point["within"]]]
        table.add_row(
            _named(point, contents), *(_percent(estimate_of(measured[axis])) for axis in axes), *within
        )
    return table


def _benchmark_tables(points: Sequence[Entry], contents: Entry) -> Iterator[Table]:
    """Capability by benchmark, where there is more than one."""
    names = list(points[0]["measured"]["capability"]) if points else []
    if len(names) < 2:
        return
    for first in range(0, len(names), _MOST_BENCHMARKS):
        shown = names[first : first + _MOST_BENCHMARKS]
        table = _table("Capability by benchmark", f"in %, with {_interval(contents)} intervals")
        table.add_column("shares" if contents["kind"] == "search" else "pre_weight", style="bold")
        for name in shown:
            table.add_column(printable(name))
        for point in points:
            found = point["measured"]["capability"]
            table.add_row(_named(point, contents), *(_percent(estimate_of(found[name])) for name in shown))
        yield table


def _print_chosen(contents: Entry, console: Console) -> None:
    chosen, most = contents["chosen"], contents["about"]["max_harm"]
    if chosen is None:
        console.print(f"Every merge tried does harm above {most:.1%}.", markup=False)
        return
    under = "" if most is None else f" with harm at most {most:.1%}"
    told = " (not shown: the interval reaches above)" if chosen["within"] == "cannot tell" else ""
    console.print(f"Most capability{under}{told}:", markup=False)
    console.print(f"  --method adaptive --shares {chosen['configuration']}", markup=False, soft_wrap=True)
    if chosen["gain"] is None:
        console.print("It is the same share everywhere.", markup=False)
        return
    gain = estimate_of(chosen["gain"])
    figures = f"{100 * gain.value:+.1f} points ({100 * gain.low:+.1f} to {100 * gain.high:+.1f})"
    clear = "" if gain.low > 0 else "; cannot tell"
    console.print(
        f"Capability above the best same share everywhere: {figures}, chosen on these items{clear}.",
        markup=False,
    )


def _table(title: str, caption: str) -> Table:
    heading = Text.assemble((f"\n{title}\n", "bold"), (caption, "dim"))
    return Table(
        title=heading,
        title_justify="left",
        title_style="",
        box=None,
        pad_edge=False,
        padding=(0, 2, 0, 0),
        header_style="dim",
    )


def _named(point: Entry, contents: Entry) -> str:
    if "name" in point:
        return str(point["name"])
    if contents["kind"] == "search":
        return str(point["configuration"])
    return f"{point['pre_weight']:g}"


def _interval(contents: Entry) -> str:
    return f"{contents['about']['level']:.0%}"


def _nats(estimate: Estimate) -> str:
    return (
        f"{estimate.value:.3g} ({estimate.low:.3g} to {estimate.high:.3g})" if estimate.known else "unknown"
    )


def _decimals(changes: Sequence[Estimate]) -> int:
    """As many as three digits of the largest take, from 2 to 4."""
    largest = max((abs(change.value) for change in changes if change.known), default=1.0)
    return 2 if largest >= 1 else 3 if largest >= 0.1 else 4


def _signed(estimate: Estimate | None, decimals: int) -> Text:
    """A change and its interval; of a model against itself there is none."""
    if estimate is None:
        return Text("the same model", style="dim")
    if not estimate.known:
        return Text(estimate.reason, style="dim")
    value, low, high = (f"{number:+.{decimals}f}" for number in (estimate.value, estimate.low, estimate.high))
    return _cell(f"{value:>{decimals + 4}}", f"{low} to {high}".replace("+nan", "?"))


def _percent(estimate: Estimate) -> Text:
    value, low, high = (f"{100 * number:.1f}" for number in (estimate.value, estimate.low, estimate.high))
    return _cell(f"{value:>5}", f"{low}\N{HORIZONTAL ELLIPSIS}{high}")


def _cell(value: str, interval: str) -> Text:
    return Text.assemble(value, "  ", (interval, "dim"))
