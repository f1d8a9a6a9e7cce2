"""How a watch stands, on a terminal: one table a round."""

from collections.abc import Mapping
from typing import Any

from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from aligntax.report.document import Document
from aligntax.report.tables import dim, figures_table, printable, shown

__all__ = ["alert_lines", "plain_lines", "watch_view"]

_STATES = {
    "within": ("within", "green"),
    "beyond": ("beyond", "bold red"),
    "undecided": ("cannot tell", "yellow"),
    "no data": ("no data", "dim"),
}
_MOST = 5
_WIDE = 90
_TENTH, _ALL = 0.09995, 0.9995
_COLUMNS = ("use case", "component", "n", "rate %", "interval", "limit", "", "change")
_CAPTION = "change: how much of the evidence is there that a change needs; told at 100 %"


def watch_view(document: Document, *, width: int = 80) -> RenderableType:
    """The table of budgets and changes, what to know below it.

    Args:
        document: of a round.
        width: of the terminal; where it is narrow, the dates are left out.
    """
    contents: Mapping[str, Any] = document
    parts: list[RenderableType] = [_headline(contents)]
    if contents["slices"] or contents["changes"]:
        parts.append(_table(contents, dates=width >= _WIDE))
    parts += [Text(""), *(dim(printable(f"- {note}")) for note in contents["notes"])]
    return Group(*parts)


def _headline(contents: Mapping[str, Any]) -> Text:
    totals, about = contents["totals"], contents["about"]
    until = f", until {_time(about['looked'])}" if about["looked"] else ""
    text = Text()
    text.append(f"Watch {printable(contents['watch'])}", style="bold")
    text.append(f"  {totals['exchanges']:,} exchanges from {_files(about['files'])}{until}")
    if totals["skipped"]:
        text.append(f"; {totals['skipped']:,} of {totals['records']:,} records skipped", style="yellow")
    alpha = (
        f"{about['alpha']:.0%} chance of a false alarm in a month, over {about['tests']} tests and all looks"
    )
    text.append(f"\n{printable(contents['detector'])}; {alpha}", style="dim")
    return text


def _files(number: int) -> str:
    return f"{number:,} file" + ("" if number == 1 else "s")


def _table(contents: Mapping[str, Any], *, dates: bool) -> Table:
    changes = {(one["use_case"], one["component"]): one for one in contents["changes"]}
    since = {one["since"] for one in contents["slices"]}
    alike, dated = len(since) == 1, dates and len(since) > 1
    made = figures_table("", *_COLUMNS, *(["since"] if dated else []), names=(0, 1, 6), firm=True)
    made.columns[6].no_wrap = True
    made.caption = f"\n{_CAPTION}" + (f"\nrates since {_time(since.pop())}, UTC" if alike else "")
    before = ""
    for one in contents["slices"]:
        change = changes.pop((one["use_case"], one["component"]), None)
        name = shown(one["use_case"]) if one["use_case"] != before else ""
        made.add_row(name, *_cells(one), _reached(change), *([_day(one)] if dated else []))
        before = one["use_case"]
    for change in changes.values():
        name, component = shown(change["use_case"]), shown(change["component"])
        day = [_day(change)] if dated else []
        made.add_row(name, component, f"{change['n']:,}", "", "", "", "", _reached(change), *day)
    return made


def _cells(one: Mapping[str, Any]) -> tuple[str | Text, ...]:
    rate, (words, style) = one["rate"], _state(one)
    known = rate["value"] is not None
    sign = "≤" if one["direction"] == "at_most" else "≥"
    return (
        shown(one["component"]),
        f"{rate['n']:,}",
        _number(rate["value"]) if known else "",
        f"{_number(rate['low'])}\N{EN DASH}{_number(rate['high'])}" if known else "",
        f"{sign} {one['limit'] * 100:.4g}",
        Text(words, style=style),
    )


def _day(one: Mapping[str, Any]) -> str:
    return _time(one["since"])[5:10]


def _state(one: Mapping[str, Any]) -> tuple[str, str]:
    if one["open_since"] and one["state"] != "beyond":
        return f"{_STATES[one['state']][0]}, alert open", "yellow"
    return _STATES[one["state"]]


def _reached(change: Mapping[str, Any] | None) -> str:
    """How much of the evidence for a change is there."""
    if change is None or change["evidence"] is None:
        return ""
    return f"{max(0.0, change['evidence'] / change['needed']):.0%}"


def _number(value: float) -> str:
    if value >= _ALL:
        return "100"
    return f"{value * 100:.1f}" if value >= _TENTH else f"{value * 100:.2f}"


def _share(value: float | None) -> str:
    return "" if value is None else f"{value * 100:.2f} %"


def _time(text: str) -> str:
    return text[:16].replace("T", " ")


def alert_lines(document: Document, console: Console) -> None:
    """The alerts of a round and what could not be read, line by line."""
    contents: Mapping[str, Any] = document
    for alert in contents["alerts"]:
        style = "green" if alert["kind"] == "recovered" else "bold red"
        line = Text(f"{_time(alert['at'])} ", style="dim")
        line.append(alert["kind"], style=style)
        line.append(f" {printable(alert['text'])}")
        console.print(line, soft_wrap=True)
    for problem in contents["problems"][:_MOST]:
        console.print(Text(printable(problem), style="yellow"), soft_wrap=True)
    more = len(contents["problems"]) - _MOST
    if more > 0:
        console.print(dim(f"and {more:,} more that could not be read"))


def plain_lines(document: Document) -> list[str]:
    """A round in plain lines, for a file or a pipe: what came, then how each budget stands."""
    contents: Mapping[str, Any] = document
    totals = contents["totals"]
    came = f"{_time(contents['created'])} {totals['new']:,} exchanges came, {totals['exchanges']:,} in all"
    return [came, *(f"  {_line(one)}" for one in contents["slices"])]


def _line(one: Mapping[str, Any]) -> str:
    rate = one["rate"]
    limit = f"{'at most' if one['direction'] == 'at_most' else 'at least'} {one['limit'] * 100:.4g} %"
    name = printable(f"{one['use_case']} {one['component']}")
    if rate["value"] is None:
        return f"{name}: no data, {limit}"
    interval = f"{_share(rate['low'])} to {_share(rate['high'])}"
    state = _STATES[one["state"]][0] + (", alert open" if one["open_since"] else "")
    return f"{name}: {_share(rate['value'])} ({interval}) of {rate['n']:,}, {limit}: {state}"
