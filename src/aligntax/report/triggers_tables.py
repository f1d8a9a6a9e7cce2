"""What sets refusals off, in the terminal: the verdict, the vocabulary, what asking showed."""

import math
from collections.abc import Mapping, Sequence
from typing import Any, cast

from rich.console import Console
from rich.table import Table
from rich.text import Text

from aligntax.records import Estimate
from aligntax.report.document import Document, estimate_of
from aligntax.report.tables import dim, figures_table, printable, shown

__all__ = ["print_triggers"]

Entry = Mapping[str, Any]
_MOST = 20
_MOST_EXPLAINED = 3
_SEARCH_WORDS = {
    "found": "hang on a few words",
    "several": "are refused for several parts, each on its own",
    "saturated": "are saturated: every part alone is still refused",
    "not refused again": "were not refused when asked again",
    "not finished": "could not be searched to the end",
}

_FINDINGS = {"sets it off": "cause", "holds it back": "opposite", "cannot tell": "unclear"}


def print_triggers(contents: Document, console: Console) -> None:
    """Prints the document: verdict, triggers, causes, evaluation set, notes.

    Args:
        contents: of `triggers_document`.
        console: rich's; on a file or a pipe it prints without colour.
    """
    vocabulary = cast(Entry, contents["vocabulary"])
    console.print(f"\n[bold]{shown(contents['verdict'])}[/bold]: {shown(contents['why'])}")
    console.print(dim(_counts(vocabulary, cast(Entry, contents["about"]))))
    if vocabulary["triggers"]:
        _print(console, _triggers(vocabulary, "triggers", "Terms that go with refusals"))
        _print_captions(console, _captions(vocabulary))
    if vocabulary["answered"]:
        _print(console, _triggers(vocabulary, "answered", "Terms that go with answers", most=5))
    if causal := cast(Entry | None, contents["causal"]):
        _print_causal(causal, console)
    if drawn := cast(Entry | None, contents["evaluation_set"]):
        _print_drawn(drawn, console)
    for note in cast(Sequence[str], contents["notes"]):
        console.print(Text(f"note: {printable(note)}", style="dim"))


def _counts(vocabulary: Entry, about: Entry) -> str:
    parts = [
        f"{vocabulary['refused']:,} refused and {vocabulary['complete']:,} answered prompts",
        f"{vocabulary['clusters']:,} clusters ({about['clustered_by']})",
        f"{vocabulary['tested']:,} terms tested",
        f"detector {about['detector']}",
    ]
    if (factor := vocabulary["detectable"]) is not None:
        share = vocabulary["asked_about"]["share"]
        parts.append(f"a term in {100 * share:g}% of them is found from odds times {factor:.2g} on")
    return printable("; ".join(parts))


def _triggers(vocabulary: Entry, name: str, title: str, *, most: int = _MOST) -> tuple[str, Table, list[str]]:
    table = figures_table("", "term", "prompts", "refused with", "without", "odds times", "q")
    for one in vocabulary[name][:most]:
        with_, without, odds = (estimate_of(one[part]) for part in ("share_with", "share_without", "odds"))
        table.add_row(
            shown(one["name"]),
            f"{one['documents']:,}",
            _percent(with_),
            f"{without.value:.1%}" if without.known else "-",
            _times(odds),
            _q(one["q"]),
        )
    more = len(vocabulary[name]) - most
    return title, table, [f"and {more:,} more in --json"] if more > 0 else []


def _captions(vocabulary: Entry) -> list[str]:
    """What stands for what."""
    found = dict[str, list[str]]()
    for one in vocabulary["explained"]:
        why = one["explained"]
        found.setdefault(why["by"], []).append(f"{one['name']} ({why['relation']})")
    lines = []
    for one in vocabulary["triggers"][:_MOST]:
        names = found.get(one["name"], [])
        if names:
            more = f" and {len(names) - _MOST_EXPLAINED} more" if len(names) > _MOST_EXPLAINED else ""
            lines.append(f"{one['name']} explains: {', '.join(names[:_MOST_EXPLAINED])}{more}")
    return lines


def _print(console: Console, part: tuple[str, Table, list[str]]) -> None:
    title, table, captions = part
    console.print(f"\n[bold]{shown(title)}[/bold]")
    console.print(table)
    _print_captions(console, captions)


def _print_captions(console: Console, captions: Sequence[str]) -> None:
    for caption in captions:
        console.print(Text(printable(caption), style="dim"))


def _print_causal(causal: Entry, console: Console) -> None:
    console.print(f"\n[bold]Asked of {shown(causal['model'])}[/bold]: {causal['calls']:,} requests")
    for verdict, words in _SEARCH_WORDS.items():
        if count := causal["verdicts"].get(verdict):
            console.print(f"{count:,} of {causal['searched']:,} refused prompts {words}")
    if not causal["effects"]:
        return
    table = figures_table("", "left out", "prompts", "without", "control", "effect", "q", "", names=(0, 6))
    for one in causal["effects"][:_MOST]:
        table.add_row(
            shown(one["term"]),
            f"{one['prompts']:,}",
            *(_plain(estimate_of(one[name])) for name in ("without", "control")),
            _points(estimate_of(one["effect"])),
            _q(one["q"]),
            _FINDINGS[one["finding"]],
        )
    console.print(table)
    captions = ["refused without the term; control: other words left out; effect: in points"]
    _print_captions(console, captions)


def _print_drawn(drawn: Entry, console: Console) -> None:
    console.print(f"\n[bold]Evaluation set[/bold]: {drawn['prompts']:,} prompts in {shown(drawn['path'])}")
    table = figures_table("", "term", "refused", "hedged", "complete")
    cells: dict[str, dict[str, str]] = {}
    for one in drawn["strata"]:
        cells.setdefault(one["term"], {})[one["outcome"]] = f"{one['drawn']:,} of {one['size']:,}"
    for term, row in list(cells.items())[:_MOST]:
        table.add_row(shown(term), *(row.get(name, "-") for name in ("refused", "hedged", "complete")))
    console.print(table)


def _percent(one: Estimate) -> str:
    return f"{one.value:.1%} ({100 * one.low:.1f} to {100 * one.high:.1f})" if one.known else "-"


def _plain(one: Estimate) -> str:
    return f"{one.value:.0%}" if one.known else "-"


def _times(odds: Estimate) -> str:
    value, low, high = (math.exp(min(99.0, one)) for one in (odds.value, odds.low, odds.high))
    return f"{value:.3g} ({low:.2g} to {high:.2g})"


def _points(one: Estimate) -> str:
    if not one.known:
        return "-"
    return f"{100 * one.value:+.0f} ({100 * one.low:+.0f} to {100 * one.high:+.0f})"


def _q(q: float) -> str:
    return f"{q:.2g}" if q >= 1e-4 else f"{q:.0e}"
