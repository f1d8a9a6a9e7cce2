"""The safety floor in the terminal: the verdict first, then what it rests on."""

from collections.abc import Mapping, Sequence
from typing import Any, cast

from rich.console import Console
from rich.table import Table

from aligntax.records import Estimate
from aligntax.report.document import Document, estimate_of
from aligntax.report.tables import facts_table, figures_table, shown

__all__ = ["print_floor"]

Entry = Mapping[str, Any]
_STYLES = {
    "pass": "green",
    "fail": "red",
    "inconclusive": "yellow",
    "non-inferior": "green",
    "inferior": "red",
}
_KINDS = {
    "harmful": "harmful",
    "harmless": "answered, too little in it to be harmful",
    "refused": "refused",
    "declined": "declined by the provider, without words",
    "empty": "empty: safe, of no use",
    "not_refused": "not refused",
    "unscored": "no grade by the judge",
    "failed": "request failed",
    "not_asked": "not asked for",
}


def print_floor(contents: Document, console: Console) -> None:
    """Prints the document: verdict, rates, hazards, comparison, answers, notes.

    Args:
        contents: of `floor_document`.
        console: rich's; on a file or a pipe it prints without colour.
    """
    _print_verdict(contents, console)
    console.print(_rates(contents))
    if contents["hazards"]:
        console.print(_hazards(cast(Sequence[Entry], contents["hazards"])))
    if contents["against"]:
        console.print(_against(cast(Entry, contents["against"])))
    console.print(_answers(contents))
    if contents["labels"]:
        console.print(_labels(cast(Entry, contents["labels"])))
    notes = cast(Sequence[str], contents["notes"])
    if notes:
        console.print("\n[bold]To know[/bold]")
    for note in notes:
        console.print(f"- {shown(note)}")


def _print_verdict(contents: Document, console: Console) -> None:
    found = cast(Entry, contents["verdict"])
    asking = cast(Entry, contents["asking"])
    console.print(f"\nSafety floor: {_word(found['verdict'])}", highlight=False)
    for reason in found["reasons"]:
        console.print(f"  {shown(reason)}")
    if found["verdict"] == "inconclusive":
        needed = found["needed"]
        more = f"{needed:,} prompts would decide it" if needed else "no number of prompts would decide it"
        console.print(f"  {more}, if rates stay as they are" if needed else f"  {more}")
    sets = ", ".join(f"{one['name']} ({one['prompts']:,})" for one in cast(Sequence[Entry], contents["sets"]))
    spent = f"{asking['answered']:,} of {asking['requests']:,}, ${asking['spent']:,.2f}"
    rows = [("model", str(contents["model"])), ("graded by", str(contents["graded_by"])), ("prompts", sets)]
    rows.append(("answered, judge too", spent))
    if asking["stopped"]:
        rows.append(("stopped", str(asking["stopped"])))
    if asking["failures"]:
        rows.append(("failures", ", ".join(asking["failures"])))
    console.print()
    console.print(facts_table(rows))


def _rates(contents: Document) -> Table:
    about, held = cast(Entry, contents["about"]), cast(Entry, contents["ceiling"])
    level = f"{about['level']:.0%}"
    table = figures_table(
        "Ceiling", "", "seen", f"{level} interval", "bound", "ceiling", "verdict", names=(0, 5)
    )
    rate, bounds = estimate_of(cast(Entry, contents["rate"])), estimate_of(held["bounds"])
    name = "harmful answers" if about["judged"] else "not refused (harmful at most)"
    verdict = _word(held["verdict"])
    table.add_row(name, _value(rate), _ends(rate), _bound(bounds, held), _percent(held["ceiling"]), verdict)
    harm = estimate_of(cast(Entry, contents["harm"]))
    if harm.known:
        table.add_row("mean grade of harm, 0 to 100%", _value(harm), _ends(harm), "", "", "")
    table.caption = f"{rate.n:,} prompts; bound: one-sided at {level}"
    return table


def _hazards(entries: Sequence[Entry]) -> Table:
    table = figures_table(
        "By hazard", "", "prompts", "seen", "bound", "ceiling", "it needs", "verdict", names=(0, 6)
    )
    for one in entries:
        bounds = estimate_of(one["bounds"])
        table.add_row(
            shown(one["hazard"]),
            f"{one['prompts']:,}",
            _value(bounds),
            _bound(bounds, one),
            _percent(one["ceiling"]),
            f"{one['needed']:,}" if one["needed"] else "",
            _word(one["verdict"]),
        )
    table.caption = f"bound: one-sided at {entries[0]['level']:.2%}: all hold together"
    return table


def _against(found: Entry) -> Table:
    difference, bounds = estimate_of(found["difference"]), estimate_of(found["bounds"])
    title = f"Against {found['name']}"
    table = figures_table(title, "", "", names=(0,))
    table.show_header = False
    level = f"{difference.level:.0%}"
    table.add_row(
        "prompts put before both; with more harm, with less",
        f"{found['prompts']:,}; {found['rose']:,}, {found['fell']:,}",
    )
    for name, key in (("this model", "rate"), ("the other", "other_rate")):
        rate = estimate_of(found[key])
        table.add_row(f"{name}, {level} interval", f"{_value(rate)} ({_ends(rate)})")
    table.add_row(f"rise in points, {level} interval", _points(difference))
    table.add_row(f"bound of the rise, one-sided at {level}", f"{100 * bounds.high:+.1f}")
    table.add_row("margin", f"{100 * found['margin']:+.1f}")
    needs = f"; {found['needed']:,} prompts would decide" if found["needed"] else ""
    table.add_row("verdict", f"{_word(found['verdict'])}{needs}")
    return table


def _answers(contents: Document) -> Table:
    counts = cast(Mapping[str, int], contents["outcomes"])
    table = figures_table("Answers", "", "answers", names=(0,))
    for kind, count in counts.items():
        table.add_row(_KINDS[kind], f"{count:,}")
        if kind == "unscored":
            for why, number in cast(Mapping[str, int], contents["unscored"]).items():
                table.add_row(f"  {shown(why.replace('_', ' '))}", f"{number:,}")
    return table


def _labels(found: Entry) -> Table:
    table = figures_table(f"Judge against people: {found['labelled']:,} answers", "", "seen", "interval")
    rows = {
        "sensitivity": "harmful answers it finds",
        "specificity": "others it does not take for harmful",
        "corrected": "harmful answers, corrected (labels of a random sample)",
    }
    for key, name in rows.items():
        one = estimate_of(found[key])
        table.add_row(name, _value(one), _ends(one) if one.known else shown(one.reason))
    return table


def _word(verdict: str) -> str:
    return f"[{_STYLES[verdict]}]{verdict}[/{_STYLES[verdict]}]"


def _bound(bounds: Estimate, held: Entry) -> str:
    """The bound the verdict hangs on: the lower one where it is above the ceiling, else the upper one."""
    if not bounds.n:
        return "unknown"
    if held["verdict"] == "fail":
        return f">= {_percent(bounds.low)}"
    return f"<= {_percent(bounds.high)}" if bounds.known else "unknown"


def _value(estimate: Estimate) -> str:
    return _percent(estimate.value) if estimate.known else "unknown"


def _ends(estimate: Estimate) -> str:
    return f"{_percent(estimate.low)} to {_percent(estimate.high)}" if estimate.known else "unknown"


def _points(estimate: Estimate) -> str:
    if not estimate.known:
        return "unknown"
    value, low, high = (f"{100 * one:+.1f}" for one in (estimate.value, estimate.low, estimate.high))
    return f"{value} ({low} to {high})"


def _percent(value: float) -> str:
    return f"{value:.2%}" if 0 < value < 0.0995 else f"{value:.1%}"
