"""A comparison of models that were asked, in the terminal: the gate, the comparison, what was replayed."""

import math
from collections.abc import Mapping, Sequence
from typing import Any, cast

from rich.console import Console
from rich.text import Text

from aligntax.records import Estimate
from aligntax.report.compared_tables import print_comparison
from aligntax.report.compared_words import RATES, points_text
from aligntax.report.document import Document, estimate_of
from aligntax.report.tables import dim, figures_table, printable, shown

__all__ = ["print_live"]

Entry = Mapping[str, Any]
_STYLES = {"pass": "bold green", "fail": "bold red", "inconclusive": "bold yellow"}
_MOST = 12
"""Rows of a table of strata or use cases."""


def print_live(contents: Document, console: Console, *, flips: int = 5) -> None:
    """Prints a comparison; of files alone it is that of `print_comparison`.

    Args:
        contents: the document.
        console: rich's; on a file or a pipe it prints without colour.
        flips: examples to show of what got worse and what got better.
    """
    if contents.get("gate"):
        _print_gate(cast(Entry, contents["gate"]), console)
    if contents.get("asking"):
        _print_missing(cast(Entry, contents["sides"]), console)
    print_comparison(contents, console, flips=flips)
    if contents.get("replay"):
        _print_replay(cast(Entry, contents["replay"]), cast(Entry, contents["about"]), console)
    if contents.get("asking"):
        _print_asking(cast(Entry, contents["asking"]), console)


def _print_gate(gate: Entry, console: Console) -> None:
    console.print()
    for one in gate["parts"]:
        told = {
            "pass": "not worse by the margin of",
            "fail": "worse by more than the margin of",
            "inconclusive": "cannot tell whether it is worse by more than",
        }[one["verdict"]]
        text = f"{one['subject']}: {told} {points_text(one['margin'])} points"
        if one["needed"]:
            text += f"; about {one['needed']:,} pairs would decide"
        elif one["reason"] and one["verdict"] == "inconclusive":
            text += f"; {one['reason']}"
        line = Text(one["verdict"].upper(), style=_STYLES[one["verdict"]])
        console.print(line + Text(f"  {printable(text)}", style=""))


def _print_missing(sides: Entry, console: Console) -> None:
    """That it is partial, where it is, before any figure."""
    parts = []
    for mark, name in (("A", "first"), ("B", "second")):
        one = sides[name]
        told = [
            f"{one[key]:,} {words}"
            for key, words in (
                ("failed", "failed"),
                ("not_asked", "were not asked"),
                ("by_another_model", "were answered by another model"),
            )
            if one[key]
        ]
        if told:
            parts.append(f"of {one['requests']:,} requests to {mark} {', '.join(told)}")
    if parts:
        line = Text("PARTIAL", style="bold yellow") + Text(f"  {'; '.join(parts)}", style="")
        console.print()
        console.print(line)


def _print_asking(asking: Entry, console: Console) -> None:
    told = (
        f"{asking['answered']:,} of {asking['requests']:,} requests answered, ${asking['spent']:,.2f} spent"
    )
    if asking["known"]:
        told += f", {asking['known']:,} answers were known"
    if asking["stopped"]:
        told += f"; stopped: {asking['stopped']}"
    if asking["failures"]:
        told += f"; failures: {', '.join(asking['failures'])}"
    console.print()
    console.print(dim(printable(f"{told}; answers in {asking['answers']}")), soft_wrap=True)


def _print_replay(replay: Entry, about: Entry, console: Console) -> None:
    interval = f"{about['level']:.0%} interval"
    _print_strata(replay, console)
    if len(replay["use_cases"]) > 1:
        heads = ("", "share of log", "drawn", "B less A", interval)
        table = figures_table("Refused or hedged by use case, weighted to the log", *heads)
        for one in replay["use_cases"][:_MOST]:
            gap = estimate_of(one["difference"])
            table.add_row(
                shown(one["use_case"] or "(none)"), f"{one['share']:.1%}", f"{one['rows']:,}", *_gap(gap)
            )
        console.print(table)
    for one in replay["logged"]:
        _print_logged(one, interval, console)
    console.print("\n[bold]Of the replay[/bold]")
    for note in _notes(replay):
        console.print(f"- {shown(note)}")


def _print_strata(replay: Entry, console: Console) -> None:
    table = figures_table(
        "Requests drawn from the log", "use case", "log recorded", "in log", "share", "drawn", names=(0, 1)
    )
    strata = sorted(replay["strata"], key=lambda one: -one["size"])
    for one in strata[:_MOST]:
        name = one["use_case"] or "(none)"
        if one["pooled"] > 1:
            name = f"{one['pooled']} use cases together"
        table.add_row(
            shown(name), one["outcome"], f"{one['size']:,}", f"{one['share']:.1%}", f"{one['drawn']:,}"
        )
    if more := strata[_MOST:]:
        size, drawn = (sum(one[key] for one in more) for key in ("size", "drawn"))
        share = sum(one["share"] for one in more)
        table.add_row(f"{len(more):,} strata more", "", f"{size:,}", f"{share:.1%}", f"{drawn:,}")
    table.add_row("all", "", f"{replay['population']:,}", "100.0%", f"{replay['sample']:,}", style="bold")
    console.print(table)


def _print_logged(one: Entry, interval: str, console: Console) -> None:
    who = f"{one['side']} ({one['model']})"
    if one["why_not"]:
        console.print(f"\n{shown(who)} is not compared with what the log recorded: {shown(one['why_not'])}")
        return
    title = f"{who} now against what the log recorded of it, {one['share']:.1%} of the log"
    table = figures_table(title, "", "in log", "now", "now less then", interval)
    for name, found in one["rates"].items():
        first, second, gap = (estimate_of(found[key]) for key in ("first", "second", "difference"))
        table.add_row(RATES[name], _share(first), _share(second), *_gap(gap))
    console.print(table)
    console.print(
        dim("the log does not tell how answers were drawn then: a difference may come of other settings")
    )


def _notes(replay: Entry) -> Sequence[str]:
    notes = [
        f"{replay['sample']:,} of {replay['population']:,} exchanges were drawn, refusals and hedges more "
        "often than their share; rates and differences are weighted back to the log",
        "a request is its system prompt and the last words of the user: earlier turns and tools are not sent",
    ]
    if replay["asked"] < replay["sample"]:
        notes.append(f"{replay['asked']:,} different requests were asked: what is worded alike is asked once")
    if replay["redacted"]:
        notes.append("personal data was replaced before anything was asked or kept; see --keep-text")
    notes += [f"not drawn from: {count:,} exchanges {why}" for why, count in replay["left_out"].items()]
    notes.append("flips and win rates are of the sample, as are the sample files compared by themselves")
    return notes


def _gap(gap: Estimate) -> tuple[str, str]:
    if not gap.known:
        return "unknown", gap.reason
    if math.isnan(gap.low):
        return points_text(gap.value, sign="+"), ""
    ends = (points_text(end, sign="+") for end in (gap.low, gap.high))
    return points_text(gap.value, sign="+"), " to ".join(ends)


def _share(estimate: Estimate) -> str:
    return f"{estimate.value:.1%}" if estimate.known else "unknown"
