"""Which weights matter, as a document and as tables.

    schema      "aligntax.fisher/1"
    aligntax    version that wrote it
    model       checkpoint
    data        {capability, safety}, each {file, texts, tokens, cut, unused, without_response}: tokens counts
                targets, cut the texts longer than the longest, unused those without a target
    settings    {labels, per, draws, top, groups, coordinates, all_tokens, chat, longest, seed, device, dtype,
                level}; labels "sampled" is the true Fisher, "data" the empirical one
    whole       a part: {part, weights, coordinates, capability_share, safety_share, overlap, top}
    layers      parts by layer, in the model's order; what is outside the layers under its own name
    modules     parts by kind of module
    tied        parameter -> the other names it has
    kept        {capability, safety}: files with the Fisher information, null where it was not kept
    notes       what a reader must know

The shares are of the trace of F. `overlap` and `top` are {value, chance, ceiling, gap, shared, reading}, as
`aligntax.tax.importance` defines them; reading is "too few weights", "too few texts", "at chance", "apart" or
"not told apart". Every estimate is {value, low, high, level, n, clusters, unit, method, reason, ...}; value,
low and high are null where they cannot be known, and reason says why.
"""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, cast

from rich.console import Console
from rich.table import Table

from aligntax import __version__
from aligntax.records import Estimate
from aligntax.report.document import Document, estimate_of, flat
from aligntax.report.figures import interval_text, value_text
from aligntax.report.tables import dim, figures_table, shown
from aligntax.tax.importance import Compared, Overlap, Part

__all__ = ["SCHEMA", "fisher_document", "print_fisher"]

_table = partial(figures_table, firm=True)

SCHEMA = "aligntax.fisher/1"
_MEASURES = ("overlap", "top")


def fisher_document(
    overlap: Overlap,
    *,
    model: str,
    data: Mapping[str, Mapping[str, object]],
    settings: Mapping[str, object],
    tied: Mapping[str, Sequence[str]],
    kept: Mapping[str, str | None],
    notes: Sequence[str],
) -> Document:
    """What was measured, ready for JSON.

    Args:
        overlap: of the model, its layers and modules.
        model: name of the checkpoint.
        data: of capability and safety, see the module.
        settings: what was asked for.
        tied: parameter -> its other names.
        kept: where the Fisher information was kept.
        notes: what a reader must know.
    """
    return {
        "schema": SCHEMA,
        "aligntax": __version__,
        "model": model,
        "data": dict(data),
        "settings": dict(settings),
        "whole": _part(overlap.whole),
        "layers": [_part(part) for part in overlap.layers],
        "modules": [_part(part) for part in overlap.modules],
        "tied": dict(tied),
        "kept": dict(kept),
        "notes": list(notes),
    }


def _part(part: Part) -> dict[str, object]:
    return {
        "part": part.name,
        "weights": part.weights,
        "coordinates": part.coordinates,
        "capability_share": flat(part.capability_share),
        "safety_share": flat(part.safety_share),
        "overlap": _compared(part.overlap),
        "top": _compared(part.top),
    }


def _compared(found: Compared) -> dict[str, object]:
    names = ("value", "chance", "ceiling", "gap", "shared")
    return {**{name: flat(getattr(found, name)) for name in names}, "reading": found.reading}


def print_fisher(document: Document, console: Console) -> None:
    """Prints the document: two tables of overlap, one of where importance lies, the notes."""
    settings = cast(Mapping[str, Any], document["settings"])
    _headline(document, settings, console)
    titles = ("Fisher overlap", f"Top {100 * settings['top']:g} % of the weights in common")
    for measure, title in zip(_MEASURES, titles, strict=True):
        console.print(_overlaps(document, measure, title))
    console.print("[dim]chance: weights permuted within each matrix; same data: half against half[/dim]")
    console.print(
        "[dim]apart: less alike than halves of the same data. Intervals are of each row alone.[/dim]"
    )
    console.print(_shares(document))
    notes = cast(Sequence[str], document["notes"])
    if notes:
        console.print("\n[bold]To know[/bold]")
    for note in notes:
        console.print(f"- {shown(note)}")


def _headline(document: Document, settings: Mapping[str, Any], console: Console) -> None:
    kind = "true Fisher" if settings["labels"] == "sampled" else "empirical Fisher"
    console.print(f"\n[bold]Which weights matter[/bold]  diagonal {kind}, per {settings['per']}")
    _say(console, f"model       {document['model']}")
    for name, data in cast(Mapping[str, Mapping[str, Any]], document["data"]).items():
        _say(console, f"{name:10}  {data['file']}, {data['texts']:,} texts, {data['tokens']:,} target tokens")
    for first, others in cast(Mapping[str, Sequence[str]], document["tied"]).items():
        _say(console, f"tied        {first} = {', '.join(others)}")
    for name, path in cast(Mapping[str, str | None], document["kept"]).items():
        if path:
            _say(console, f"kept        {name}'s in {path}")


def _say(console: Console, line: str) -> None:
    console.print(f"[dim]{shown(line)}[/dim]", soft_wrap=True)


def _overlaps(document: Document, measure: str, title: str) -> Table:
    level = cast(Mapping[str, Any], document["settings"])["level"]
    table = _table(title, "", "overlap", f"{level:.0%} interval", "chance", "same data", "", names=(0, 5))
    for section in _sections(document):
        for part in section:
            found = part[measure]
            value, chance, ceiling = (estimate_of(found[name]) for name in ("value", "chance", "ceiling"))
            figures = [value_text(value), dim(_interval(value)), value_text(chance), value_text(ceiling)]
            table.add_row(
                _name(part), *(figures if value.known else ("unknown", "", "", "")), found["reading"]
            )
        table.add_section()
    return table


def _shares(document: Document) -> Table:
    heads = ("", "weights", "capability", "interval", "safety", "interval")
    table = _table("Where importance lies, share of the trace", *heads)
    for section in _sections(document)[1:]:
        for part in section:
            found = [estimate_of(part[f"{name}_share"]) for name in ("capability", "safety")]
            cells = [cell for e in found for cell in (value_text(e), dim(_interval(e)))]
            table.add_row(_name(part), f"{part['weights']:,}", *cells)
        table.add_section()
    return table


def _sections(document: Document) -> list[list[Mapping[str, Any]]]:
    """The whole, the layers, the modules that are not a layer's row already."""
    whole = cast(Mapping[str, Any], document["whole"])
    layers, modules = (cast(Sequence[Mapping[str, Any]], document[key]) for key in ("layers", "modules"))
    shown = {part["part"] for part in layers}
    return [[whole], list(layers), [part for part in modules if part["part"] not in shown]]


def _name(part: Mapping[str, Any]) -> str:
    name = str(part["part"])
    return shown(f"layer {name}" if name.isdigit() else name)


def _interval(estimate: Estimate) -> str:
    return interval_text(estimate).replace("% to ", "-").replace(" to ", "-")
