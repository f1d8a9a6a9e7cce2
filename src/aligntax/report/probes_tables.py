"""Prompt sets, and what models made of them, in the terminal."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, cast

from rich.console import Console
from rich.table import Table

from aligntax.records import Estimate
from aligntax.report.document import Document, estimate_of
from aligntax.report.figures import interval_text, value_text
from aligntax.report.tables import dim, facts_table, figures_table, printable, shown

__all__ = ["print_over_refusal", "print_probes", "print_set"]

Entry = Mapping[str, Any]
Lettered = Sequence[tuple[str, Entry]]
"""What models made of a set, each with its letter."""

_RATES = {
    "over_refusal": "over-refusal (benign refused)",
    "hedged": "benign hedged",
    "refusal": "harmful refused",
    "compliance": "harmful compliance",
    "youden": "Youden's J",
}
_TRIPLES = {
    "told_apart": "benign answered, harmful refused",
    "both_refused": "both refused: the words decide",
    "both_answered": "both answered",
    "reversed": "benign refused, harmful answered",
    "all_right": "told apart, and neutral wording answered",
    "wording": "refused, sensitive less neutral wording",
}
_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_SHORT = 12
"""Characters of a hash that are shown where there is little room."""


def print_probes(contents: Document, console: Console) -> None:
    """Prints the packs and the public sets known by name."""
    packs = cast(Sequence[Entry], contents["packs"])
    table = figures_table("Packs that come with aligntax", "name", "benign", "harmful", "topics", "sha256")
    for one in packs:
        hashed = one["sha256"][:_SHORT]
        table.add_row(
            one["name"], f"{one['benign']:,}", f"{one['harmful']:,}", str(len(one["topics"])), hashed
        )
    console.print(table)
    names = (0, 2, 3)
    table = figures_table(
        "Public sets, read from --path or the Hub", "name", "rows", "kind", "licence", names=names
    )
    for one in cast(Sequence[Entry], contents["sets"]):
        kind = "both" if one["harmful"] else one["purpose"]
        licence = one["licence"] + {"open": "", "non-commercial": " (!)", "unclear": " (?)"}[one["terms"]]
        size = "?" if one["size"] is None else f"{one['size']:,}"
        where = "" if one["hub"] else ", --path only"
        table.add_row(
            shown(one["name"]), size, kind, shown(licence + (", gated" if one["gated"] else "") + where)
        )
    table.caption = "(!) not for commercial use; (?) the licence is unclear: ask its authors"
    console.print(table)


def print_set(entry: Entry, samples: Sequence[Entry], console: Console) -> None:
    """Prints what is known of a set, and a few of its prompts.

    Args:
        entry: of `set_entry`.
        samples: prompts with purpose and group.
        console: rich's.
    """
    terms = "" if entry["terms"] == "open" else f"  ({entry['terms']})"
    facts = [
        ("source", entry["source"]),
        ("revision", entry["revision"]),
        ("sha256", entry["sha256"]),
        ("licence", entry["licence"] + terms),
        ("prompts", f"{entry['benign']:,} benign, {entry['harmful']:,} harmful"),
        *(("note", note) for note in entry["notes"]),
    ]
    console.print(f"\n[bold]{shown(entry['title'])}[/bold]")
    console.print(facts_table((name, value) for name, value in facts if value))
    if samples:
        table = figures_table("Some of its prompts", "purpose", "group", "prompt", names=(0, 1, 2))
        for one in samples:
            table.add_row(one["purpose"], shown(one["group"]), shown(_cut(one["prompt"])))
        console.print(table)


def print_over_refusal(contents: Document, console: Console) -> None:
    """Prints the document: where the prompts come from, then set by set what each model made of them."""
    asked = cast(Sequence[Entry], contents["asked"])
    level = f"{cast(float, contents['level']):.0%} interval"
    models = dict.fromkeys(entry["model"] for entry in asked)
    letters = {model: _LETTERS[at % len(_LETTERS)] for at, model in enumerate(models)}
    if len(letters) > 1:
        console.print()
        console.print(facts_table((letter, model) for model, letter in letters.items()))
    for one in cast(Sequence[Entry], contents["sets"]):
        mine = [(letters[entry["model"]], entry) for entry in asked if entry["set"] == one["name"]]
        _print_head(one, console)
        for table in (
            _rates("Refusals", _RATES, mine, level, lambda entry: entry),
            _rates("Matched with harmful look-alikes", _TRIPLES, mine, level, lambda entry: entry["triples"]),
            _groups("Over-refusal by topic, the most first", "topics", mine, level),
            _groups("Harmful requests refused, by hazard, the least first", "hazards", mine, level),
        ):
            if table.row_count:
                console.print(table)
        notes = ((letter, note) for letter, entry in mine for note in entry["notes"])
        _print_notes((f"{letter}: {note}" if len(letters) > 1 else note for letter, note in notes), console)
    _print_asking(cast(Entry, contents["asking"]), asked, console)
    _print_notes(cast(Sequence[str], contents["notes"]), console)


def _print_asking(asking: Entry, asked: Sequence[Entry], console: Console) -> None:
    detectors = sorted({f"{one['detector']} {one['version']}" for one in asked if one["detector"]})
    answered = (
        f"{asking['answered']:,} of {asking['requests']:,} answered, {asking['known']:,} of them known before"
    )
    lines = (
        f"\n{answered}; spent ${asking['spent']:,.4f}",
        f"outcomes by {', '.join(detectors) or 'nobody'}",
        f"answers {asking['answers']}  logs {asking['logs']}",
    )
    for line in lines:
        console.print(dim("\n".join(map(printable, line.split("\n")))), soft_wrap=True)


def _print_head(one: Entry, console: Console) -> None:
    console.print(
        f"\n[bold]{shown(one['title'])}[/bold]  {one['benign']:,} benign, {one['harmful']:,} harmful"
    )
    console.print(
        dim(f"{printable(one['source'])}; {printable(one['licence'])}; sha256 {one['sha256'][:_SHORT]}"),
        soft_wrap=True,
    )
    _print_notes(one["notes"], console)


def _rates(
    title: str, names: Mapping[str, str], asked: Lettered, level: str, of: Callable[[Entry], Entry | None]
) -> Table:
    """One row a rate and model; what nobody could know, as nothing was asked for it, is left out."""
    table = _table(title, asked, level)
    for name, words in names.items():
        told = [(letter, found[name]) for letter, entry in asked if (found := of(entry)) is not None]
        known = [(letter, estimate_of(one)) for letter, one in told]
        _add(
            table,
            words,
            [(letter, one) for letter, one in known if one.known or one.n],
            asked,
            name == "youden",
        )
    return table


def _groups(title: str, key: str, asked: Lettered, level: str) -> Table:
    """One row a group and model, in the order of the refusals of all."""
    table = _table(title, asked, level)
    rows = dict[str, list[tuple[str, Estimate]]]()
    for letter, entry in asked:
        for group in entry[key]:
            rows.setdefault(group["name"], []).append((letter, estimate_of(group["refused"])))

    def refused(name: str) -> float:
        return sum(one.value for _, one in rows[name] if one.known)

    for name in sorted(rows, key=refused, reverse=key == "topics"):
        _add(table, name.replace("_", " "), rows[name], asked)
    return table


def _table(title: str, asked: Lettered, level: str) -> Table:
    several = len(asked) > 1
    return figures_table(title, "", *([""] if several else []), "", level, "n", names=range(1 + several))


def _add(
    table: Table, words: str, found: Sequence[tuple[str, Estimate]], asked: Lettered, plain: bool = False
) -> None:
    """Rows of one figure, its words beside the first."""
    for at, (letter, one) in enumerate(found):
        value, interval = value_text(one), interval_text(one)
        if plain and one.known:
            value, interval = f"{one.value:.2f}", f"{one.low:.2f} to {one.high:.2f}"
        name = [shown(words) if at == 0 else "", *([letter] if len(asked) > 1 else [])]
        table.add_row(*name, value, dim(interval), f"{one.n:,}")


def _print_notes(notes: Iterable[str], console: Console) -> None:
    for note in notes:
        console.print(f"- {shown(note)}")


def _cut(text: str) -> str:
    return text if len(text) <= 160 else f"{text[:157]}..."
