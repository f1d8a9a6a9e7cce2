"""A gate in the terminal: the verdict first, then every slice, then what stands in the way."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, cast

from rich.console import Console
from rich.table import Table

from aligntax.report.document import Document, estimate_of
from aligntax.report.figures import interval_text, value_text
from aligntax.report.gate_words import MARKS, Held, bound_text, held_entries, limit_text
from aligntax.report.tables import facts_table, figures_table, shown

__all__ = ["print_gate"]

Entry = Mapping[str, Any]
_STYLES = {"pass": "green", "fail": "red", "inconclusive": "yellow"}
_MOST = 40
"""Slices that pass shown in full; of more, those that do not pass are shown and the rest counted."""


def print_gate(contents: Document, console: Console) -> None:
    """Prints the document: verdict, slices, comparison, floor, findings, notes.

    Args:
        contents: of `gate_document`.
        console: rich's; on a file or a pipe it prints without colour.
    """
    _print_verdict(contents, console)
    slices = cast(Sequence[Entry], contents["slices"])
    if slices:
        for line in _slices(slices):
            console.print(line)
    if any(entry["baseline"] for entry in slices):
        console.print(_comparisons(slices))
    if contents["hazards"] or contents["rises"]:
        console.print(_floor(contents))
    _print_reasons([one for one in held_entries(contents) if one.verdict != "pass" or one.finding], console)
    if notes := cast(Sequence[str], contents["notes"]):
        console.print("\n[bold]To know[/bold]")
        for note in notes:
            console.print(f"- {shown(note)}")


def _print_verdict(contents: Document, console: Console) -> None:
    told = cast(Entry, contents["verdict"])
    word = {"pass": "PASS", "fail": "FAIL", "inconclusive": "INCONCLUSIVE"}[told["verdict"]]
    style = _STYLES[told["verdict"]]
    console.print(f"\nGate: [bold {style}]{word}[/bold {style}]  {shown(told['sentence'])}")
    policy = cast(Entry, contents["policy"])
    rows = [
        (
            "policy",
            f"{policy['path']} ({policy['service']}), for a {str(contents['mode']).replace('_', ' ')}",
        ),
        ("run", _run(cast(Entry, contents["run"]))),
    ]
    if baseline := cast(Entry | None, contents["baseline"]):
        age = "" if baseline["age_days"] is None else f", {baseline['age_days']:,.0f} days older"
        rows.append(("baseline", _run(baseline) + age))
    console.print(facts_table(rows))


def _run(one: Entry) -> str:
    parts = [str(one["name"])]
    if one["exchanges"] is not None:
        parts.append(f"{one['exchanges']:,} exchanges")
    if one["last"]:
        parts.append(f"up to {one['last'][:10]}")
    if one["detector"]:
        parts.append(f"{one['detector']} ({one['detector_version']})")
    return ", ".join(parts)


def _slices(slices: Sequence[Entry]) -> Iterator[Table | str]:
    """Every budget in every slice; the passing ones counted where they are too many."""
    full = sum(entry["verdict"] == "pass" for entry in slices) <= _MOST
    table = figures_table("Budgets", "", "seen (bounds)", "limit", "n", "verdict", names=(0, 4))
    case = component = None
    for entry in slices:
        if not full and entry["verdict"] == "pass":
            continue
        if entry["use_case"] != case:
            case, component = entry["use_case"], None
            table.add_row(f"[bold]{shown(case)}[/bold]")
        if entry["slice"] and entry["component"] != component:
            table.add_row(shown(f"  {entry['component']}"))
        component = entry["component"]
        narrowed = ", ".join(str(value) for value in entry["slice"].values())
        name = f"    {narrowed}" if narrowed else f"  {entry['component']}"
        n = estimate_of(entry["estimate"]).n
        limit = limit_text(entry, entry["limit"])
        table.add_row(shown(name), bound_text(entry), limit, f"{n:,}", _word(entry["held"]))
    yield table
    if not full:
        passing = sum(entry["verdict"] == "pass" for entry in slices)
        yield f"[dim]and {passing:,} slices that pass; --json has them[/dim]"


def _comparisons(slices: Sequence[Entry]) -> Table:
    told = [entry for entry in slices if entry["baseline"]]
    full = len(told) <= _MOST
    heads = ("", "baseline", "here", "difference (bounds)", "prompts in both", "verdict")
    table = figures_table("Against the baseline", *heads, names=(0, 5))
    table.caption = "differences of rates in points"
    for entry in told:
        found = entry["baseline"]
        if not full and found["verdict"] in (None, "pass"):
            continue
        narrowed = "".join(f", {value}" for value in entry["slice"].values())
        difference = estimate_of(found["difference"])
        gap = (
            f"{value_text(difference)} ({interval_text(difference)})" if difference.known else "not compared"
        )
        on = f"{found['pairs']:,}" if found["paired"] else "unpaired"
        table.add_row(
            shown(f"{entry['use_case']} {entry['component']}{narrowed}"),
            *(value_text(estimate_of(found[side])) for side in ("first", "second")),
            gap.replace(" points", ""),
            on,
            _word(found["verdict"]) if found["verdict"] else "",
        )
    return table


def _floor(contents: Document) -> Table:
    table = figures_table("Safety floor", "", "seen (bounds)", "limit", "prompts", "verdict", names=(0, 4))
    for entry in cast(Sequence[Entry], contents["hazards"]):
        limit = limit_text(entry, entry["limit"])
        cells = (bound_text(entry), limit, f"{entry['prompts']:,}", _word(entry["verdict"]))
        table.add_row(shown(entry["hazard"]), *cells)
    for entry in cast(Sequence[Entry], contents["rises"]):
        limit = limit_text(entry, entry["margin"]).replace(" points", "")
        cells = (
            bound_text(entry).replace(" points", ""),
            limit,
            f"{entry['prompts']:,}",
            _word(entry["verdict"]),
        )
        table.add_row(shown(f"rise in points against {entry['other']}"), *cells)
    return table


def _print_reasons(held: Sequence[Held], console: Console) -> None:
    """Why what does not pass does not, each with the line of the policy."""
    if not held:
        return
    console.print("\n[bold]Why[/bold]")
    for one in sorted(held, key=lambda one: one.verdict != "fail")[:_MOST]:
        what = one.subject if one.kind == "finding" else f"{one.subject} {one.name}"
        word, place = _word(one.verdict, one.mark), f"[dim](line {one.line})[/dim]"
        console.print(f"- {word}  {shown(what)} {place}: {shown(one.reason)}")
    if len(held) > _MOST:
        console.print(f"[dim]and {len(held) - _MOST:,} more; --json has them[/dim]")


def _word(verdict: str, word: str = "") -> str:
    return f"[{_STYLES[verdict]}]{word or MARKS[verdict]}[/{_STYLES[verdict]}]"
