"""A comparison in the terminal: the verdicts first, then the figures behind them."""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial
from itertools import groupby
from typing import Any, cast

from rich.console import Console
from rich.table import Table
from rich.text import Text

from aligntax.records import Estimate
from aligntax.report.compared_words import RATES, points_text, ratio_text
from aligntax.report.document import Document, estimate_of
from aligntax.report.tables import figures_table, printable, shown

__all__ = ["findings_table", "print_comparison"]

Entry = Mapping[str, Any]
_table = partial(figures_table, firm=True)
Part = tuple[str, Table, str]
"""A table with what stands over and under it."""

_MOST_NAMED = 3
"""Benchmarks a note names, and benchmarks up to which flips are shown one by one."""
_STYLES = {"worse": "red", "better": "green", "no difference": "green"}
_CLIP = 68
_AS_GUESSES = "  unparsed as guesses"


def print_comparison(contents: Document, console: Console, *, flips: int = 5) -> None:
    """Prints a comparison, one part for every two models.

    Args:
        contents: the document.
        console: rich's; on a file or a pipe it prints without colour.
        flips: examples to show of what got worse and what got better.
    """
    about = cast(Entry, contents["about"])
    entries = cast(Sequence[Entry], contents["compared"])
    for _, part in groupby(entries, key=_models):
        _print_part(list(part), about, console, flips)
    for note in about["unmatched"]:
        console.print(f"- {shown(note)}")


def _print_part(entries: Sequence[Entry], about: Entry, console: Console, flips: int) -> None:
    for mark, side in (("A", "first"), ("B", "second")):
        one = entries[0][side]
        sources = dict.fromkeys(entry[side]["source"] for entry in entries)
        where = next(iter(sources)) if len(sources) == 1 else f"{len(sources)} files"
        lead = "\n" if mark == "A" else ""
        text = f"{lead}[bold]{mark}[/bold]  {shown(one['model'] or where)}  [dim]{shown(where)}[/dim]"
        console.print(text, soft_wrap=True)
    console.print()
    console.print(findings_table(entries))
    for make in (_scores, _taxes, _rates, _quality, _lengths):
        title, table, caption = make(entries, about)
        if table.row_count:
            console.print(f"\n[bold]{title}[/bold]")
            console.print(table)
            console.print(Text(printable(caption), style="dim"), end="\n" if caption else "")
    _print_flips(entries, console, flips)
    _print_notes(entries, console)


def findings_table(entries: Sequence[Entry]) -> Table:
    """What is found, finding by finding, in the colour of what it means."""
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), show_header=False)
    table.add_column(style="bold", max_width=28, overflow="fold")
    table.add_column()
    for entry in entries:
        for found in entry["findings"]:
            subject = found["subject"]
            if found["about"] != "score" and len(entries) > 1:
                subject += f", {entry['benchmark']}"
            style = _STYLES.get(found["finding"], "")
            table.add_row(shown(subject), Text(printable(found["text"]), style=style))
    return table


def _scores(entries: Sequence[Entry], about: Entry) -> Part:
    unpaired = [not entry["pairing"]["paired"] for entry in entries if entry["scores"]]
    table = _table("", "", "items", "A", "B", "B less A", _interval(about), "p")
    for entry in entries:
        for scores in entry["scores"]:
            name = _name(entry)
            if not all(unpaired) and not entry["pairing"]["paired"]:
                name += " (unpaired)"
            if scores["convention"] != "strict":
                name = _AS_GUESSES
            table.add_row(shown(name), _items(entry, scores), *_figures(scores))
    title = "Scores, unpaired" if unpaired and all(unpaired) else "Scores"
    caption = _caption((s for entry in entries for s in entry["scores"]), _unparsed(entries))
    return title, table, caption


def _items(entry: Entry, found: Entry) -> str:
    """Pairs; or the items of A and of B, of which one number is enough where they are as many."""
    if entry["pairing"]["paired"]:
        return f"{found['difference']['n']:,}"
    counts = [f"{found[side]['n']:,}" for side in ("first", "second") if found[side]["n"]]
    return "+".join(counts if len(set(counts)) > 1 else counts[:1])


def _name(entry: Entry) -> str:
    """The benchmark, with its metric where that says more than the name does."""
    metric = str(entry["metric"]).partition(",")[0]  # without the filter of lm-eval
    plain = metric in ("", "correct", "score", "acc")
    return str(entry["benchmark"]) + ("" if plain else f" {metric}")


def _figures(found: Entry) -> tuple[str, str, str, str, str]:
    """A, B, B less A, interval and p in few characters; the unit stands in the caption."""
    first, second, gap = (estimate_of(found[name]) for name in ("first", "second", "difference"))
    p = found["p"] if found["p_holm"] is None else found["p_holm"]
    value = _signed(gap.value, gap) if gap.known else "unknown"
    interval = "" if math.isnan(gap.low) else f"{_signed(gap.low, gap)} to {_signed(gap.high, gap)}"
    return _mean(first), _mean(second), value, interval, _p(p)


def _mean(estimate: Estimate) -> str:
    if not estimate.known:
        return "unknown"
    return f"{estimate.value:.1%}" if estimate.unit == "rate" else f"{estimate.value:.3f}"


def _signed(value: float, estimate: Estimate) -> str:
    if estimate.unit != "difference":
        return f"{value:+.3f}"
    return points_text(value, sign="+")


def _p(p: float | None) -> str:
    if p is None:
        return ""
    return "<.001" if p < 0.001 else f"{p:.3f}".removeprefix("0")


def _interval(about: Entry) -> str:
    return f"{about['level']:.0%} interval"


def _unparsed(entries: Sequence[Entry]) -> str:
    parts = [
        f"{a:,} of A and {b:,} of B" + (f" in {entry['benchmark']}" if len(entries) > 1 else "")
        for entry in entries
        if entry["scores"]
        for a, b in [entry["scores"][0]["unparsed"]]
        if a or b
    ]
    more = f" and {len(parts) - _MOST_NAMED} benchmarks more" if len(parts) > _MOST_NAMED else ""
    return f"unparsed answers: {', '.join(parts[:_MOST_NAMED])}{more}" if parts else ""


def _caption(found: Iterable[Entry], *more: str) -> str:
    """Units, tests and what else stands under a table."""
    found = list(found)
    tests = dict.fromkeys(one["test"] for one in found if one["p"] is not None)
    gaps = [one["difference"] for one in found]
    methods = dict.fromkeys(gap["method"] for gap in gaps if gap["value"] is not None)
    points = any(gap["unit"] == "difference" for gap in gaps)
    many = sum(1 for one in found if one["p"] is not None)
    parts = [
        "differences in percentage points" if points else "",
        f"p: {', '.join(tests)}{', Holm' if many > 1 else ''}" if tests else "",
        f"interval: {', '.join(methods)}" if methods else "",
        *more,
    ]
    return "; ".join(part for part in parts if part)


def _taxes(entries: Sequence[Entry], about: Entry) -> Part:
    table = _table("", "", "guess", "tax", _interval(about))
    for entry in entries:
        for scores in entry["scores"]:
            tax = estimate_of(scores["tax"])
            if not tax.known:
                continue
            strict = scores["convention"] == "strict"
            bonus = "  bonus" if tax.high < 0 else ""
            table.add_row(
                shown(_name(entry) if strict else _AS_GUESSES),
                f"{entry['chance']:.3g}" if strict else "",
                f"{tax.value:+.1%}",
                "unknown" if math.isnan(tax.low) else f"{tax.low:+.1%} to {tax.high:+.1%}{bonus}",
            )
    return "Capability tax: the share of A's score above a guess that is lost", table, ""


def _rates(entries: Sequence[Entry], about: Entry) -> Part:
    told = [entry for entry in entries if entry["completion"]]
    safety = told and all(entry["completion"]["harmful"] for entry in told)
    title = "Safety: answers to harmful prompts" if safety else "Completion"
    table = _table("", "", "prompts", "A", "B", "B less A", _interval(about), "p")
    for entry in told:
        found = entry["completion"]
        if len(told) > 1:
            harmful = " (harmful)" if found["harmful"] and not safety else ""
            table.add_row(f"[dim]{shown(entry['benchmark'])}{harmful}[/dim]")
        for name, rate in found["rates"].items():
            table.add_row(RATES[name], _items(entry, rate), *_figures(rate))
    return title, table, _caption(r for entry in told for r in entry["completion"]["rates"].values())


def _quality(entries: Sequence[Entry], about: Entry) -> Part:
    """Which model a judge prefers; a document of an earlier version has no such entry."""
    told = [entry for entry in entries if entry.get("quality")]
    table = _table("", "", "pairs", "A", "B", "B less A", _interval(about), "p")
    for entry in told:
        found = entry["quality"]["preferred"]
        table.add_row(shown(entry["benchmark"]), f"{found['difference']['n']:,}", *_figures(found))
    judges = dict.fromkeys(entry["quality"]["judge"] for entry in told)
    title = f"Quality: preferred by {shown(', '.join(judges))}, where both answered"
    return title, table, _caption(entry["quality"]["preferred"] for entry in told)


def _lengths(entries: Sequence[Entry], about: Entry) -> Part:
    table = _table("", "", "prompts", "ratio", _interval(about), "in")
    for entry in entries:
        found = entry["verbosity"]
        ratio = estimate_of(found["log_ratio"]) if found else None
        if ratio is None or math.isnan(ratio.low):
            continue
        interval = f"{ratio_text(ratio.low)} to {ratio_text(ratio.high)}"
        name, value = shown(entry["benchmark"]), ratio_text(ratio.value)
        table.add_row(name, f"{ratio.n:,}", value, interval, found["unit"])
    return "Length of answers: B to A, where both answered", table, ""


def _print_flips(entries: Sequence[Entry], console: Console, most: int) -> None:
    found = [
        (entry, kind, entry["flips"][kind])
        for entry in entries
        for kind in ("scores", "outcomes")
        if entry["flips"][kind] and (entry["flips"][kind]["worse"] or entry["flips"][kind]["better"])
    ]
    if found:
        console.print("\n[bold]What changed[/bold]")
    listed = most if len(entries) <= _MOST_NAMED else 0
    for entry, kind, flips in found:
        what = "by score" if kind == "scores" else "by outcome"
        console.print(
            f"{shown(entry['benchmark'])} {what}: {flips['worse']:,} worse, {flips['better']:,} better "
            f"of {flips['of']:,}"
        )
        for flip in _examples(flips["flips"], listed):
            _print_flip(flip, console)
    if found and not listed and most:
        console.print("[dim]single items are in --json[/dim]")


def _examples(flips: Sequence[Entry], most: int) -> Iterator[Entry]:
    """The first flips, half of them worse ones and half better ones where there are both."""
    worse, better = ([f for f in flips if f["way"] == way] for way in ("worse", "better"))
    few = min(len(better), most // 2)
    few_worse = min(len(worse), most - few)
    yield from worse[:few_worse]
    yield from better[: most - few_worse]


def _print_flip(flip: Entry, console: Console) -> None:
    change = f"{_value(flip['first'])} to {_value(flip['second'])}"
    lines = [f"  {flip['way']}  {flip['item']}: {change}"]
    for name, key in (("", "prompt"), ("A: ", "response_first"), ("B: ", "response_second")):
        if flip[key]:
            lines.append("    " + name + _clipped(flip[key]))
    style = {"worse": "red", "better": "green"}[flip["way"]]
    console.print(Text(printable(lines[0]), style=style))
    for line in lines[1:]:
        console.print(Text(line, style="dim"))


def _clipped(text: str) -> str:
    flat = printable(" ".join(text.split()))
    return flat if len(flat) <= _CLIP else flat[: _CLIP - 1] + "…"


def _value(value: object) -> str:
    return f"{value:g}" if isinstance(value, int | float) else str(value)


def _print_notes(entries: Sequence[Entry], console: Console) -> None:
    """Notes, each once, with the benchmarks it is about where it is not about all."""
    about: dict[str, list[str]] = {}
    for entry in entries:
        for note in entry["notes"]:
            about.setdefault(note, []).append(str(entry["benchmark"]))
    if about:
        console.print("\n[bold]To know[/bold]")
    for note, names in about.items():
        more = f" and {len(names) - _MOST_NAMED} more" if len(names) > _MOST_NAMED else ""
        where = "" if len(names) == len(entries) else f"{', '.join(names[:_MOST_NAMED])}{more}: "
        console.print(f"- {shown(where + note)}")


def _models(entry: Entry) -> tuple[str, str]:
    return entry["first"]["model"], entry["second"]["model"]
