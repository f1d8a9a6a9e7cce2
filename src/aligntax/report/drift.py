"""The drift of one model from another as a document.

    schema       "aligntax.drift/1"
    aligntax     version that wrote it
    reference    checkpoint that stands first in "forward"
    model        checkpoint that stands first in "reverse"
    settings     what was asked for
    texts        [{text, words, prompts, sequences, tokens, cut}]; text is reference_samples, model_samples,
    fixed
                 or general; cut counts the samples that had not ended after the most tokens
    drift        [{text, direction, divergence, estimates, per_token, per_sequence}]: what each figure
    estimates
                 stands beside it; per_sequence is known only where the text was drawn from the first model
    positions    [{text, direction, first, last, per_token}], positions of a response from 1
    groups       [{text, direction, group, per_token}], by prompt type
    cross_entropy  null, or {reference, model, difference}, nats per token of general text
    weights      null, or {distance, rank, layers, tensors, notes}; facts, not estimates
    best_of_n    [{n, most_kl, most_wins}]; bounds, not estimates
    passes       {reference, model, cached}: forward passes run, and sets of passes found in the cache
    notes        what a reader must know

Every estimate is {value, low, high, level, n, clusters, unit, method, reason, ...} in nats; value, low and
high are null where they cannot be known, and reason says why.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import Any, cast

from rich.console import Console
from rich.table import Table
from rich.text import Text

from aligntax import __version__
from aligntax.records import Estimate
from aligntax.report.document import Document, estimate_of, flat
from aligntax.report.figures import value_text
from aligntax.report.tables import dim, figures_table, shown
from aligntax.tax.best_of_n import BestOfN
from aligntax.tax.drift import (
    DIRECTIONS,
    TEXTS,
    Direction,
    TextDrift,
    by_group,
    by_position,
    cross_entropy_drift,
    estimand,
    per_sequence,
    per_token,
)

__all__ = ["SCHEMA", "drift_document", "print_drift"]

SCHEMA = "aligntax.drift/1"
_SHORT = {
    "reference_samples": "reference's samples",
    "model_samples": "model's samples",
    "fixed": "file's responses",
    "general": "general text",
}
_SET_APART = 0.95  # singular value k + 1 over k
_SHOWN: tuple[tuple[str, Direction], ...] = (
    ("reference_samples", "forward"),
    ("model_samples", "reverse"),
    ("fixed", "forward"),
)


def drift_document(
    texts: Sequence[TextDrift],
    *,
    reference: str,
    model: str,
    settings: Mapping[str, object],
    cut: Mapping[str, int],
    weights: Mapping[str, object] | None,
    bounds: Sequence[BestOfN],
    passes: Mapping[str, int],
    notes: Sequence[str],
    level: float = 0.95,
) -> Document:
    """What was measured, ready for JSON.

    Args:
        texts: divergences, text by text.
        reference: name of the checkpoint that stands first in "forward".
        model: name of the other.
        settings: what was asked for.
        cut: text -> samples that had not ended.
        weights: distances of the weights; None where they were not measured.
        bounds: best-of-n bounds asked for.
        passes: forward passes run, and found in the cache.
        notes: what a reader must know.
        level: coverage of the intervals.
    """
    general = next((text for text in texts if text.text == "general"), None)
    entropies = cross_entropy_drift(general, level=level) if general else None
    return {
        "schema": SCHEMA,
        "aligntax": __version__,
        "reference": reference,
        "model": model,
        "settings": {**settings, "level": level},
        "texts": [_text(text, cut.get(text.text)) for text in texts],
        "drift": [_drift(text, name, level) for text in texts for name in DIRECTIONS],
        "positions": [row for text in texts for name in DIRECTIONS for row in _positions(text, name, level)],
        "groups": [row for text in texts for name in DIRECTIONS for row in _groups(text, name, level)],
        "cross_entropy": entropies and {name: flat(estimate) for name, estimate in entropies.items()},
        "weights": weights,
        "best_of_n": [asdict(bound) for bound in bounds],
        "passes": dict(passes),
        "notes": list(notes),
    }


def _text(text: TextDrift, cut: int | None) -> dict[str, object]:
    return {
        "text": text.text,
        "words": TEXTS[text.text],
        "prompts": len(set(text.cluster.tolist())),
        "sequences": len(text.cluster),
        "tokens": len(text.forward),
        "cut": cut,
    }


def _drift(text: TextDrift, direction: Direction, level: float) -> dict[str, object]:
    return {
        "text": text.text,
        "direction": direction,
        "divergence": DIRECTIONS[direction],
        "estimates": estimand(text.text, direction),
        "per_token": flat(per_token(text, direction, level=level)),
        "per_sequence": flat(per_sequence(text, direction, level=level)),
    }


def _positions(text: TextDrift, direction: Direction, level: float) -> Iterator[dict[str, object]]:
    if text.text == "general":  # where a document was cut says nothing
        return
    for bucket, estimate in by_position(text, direction, level=level):
        place = {"text": text.text, "direction": direction, "first": bucket.first, "last": bucket.last}
        yield {**place, "per_token": flat(estimate)}


def _groups(text: TextDrift, direction: Direction, level: float) -> Iterator[dict[str, object]]:
    for group, estimate in by_group(text, direction, level=level):
        yield {"text": text.text, "direction": direction, "group": group, "per_token": flat(estimate)}


def print_drift(document: Document, console: Console) -> None:
    """Prints the document: divergence, whole responses, positions, prompt types, weights, bounds."""
    _headline(document, console)
    for table in (
        _per_token(document),
        _per_sequence(document),
        _broken_down(document, "positions", "Per token, by position in the response"),
        _broken_down(document, "groups", "Per token, by prompt type"),
        _cross_entropy(document),
        _weights(document),
        _bounds(document),
    ):
        if table.row_count:
            console.print(table)
    notes = cast(Sequence[str], document["notes"])
    if notes:
        console.print("\n[bold]To know[/bold]")
    for note in notes:
        console.print(f"- {shown(note)}")


def _headline(document: Document, console: Console) -> None:
    settings = cast(Mapping[str, Any], document["settings"])
    console.print("\n[bold]Drift[/bold]  in nats")
    console.print(f"[dim]reference  {shown(str(document['reference']))}[/dim]", soft_wrap=True)
    console.print(f"[dim]model      {shown(str(document['model']))}[/dim]", soft_wrap=True)
    for text in cast(Sequence[Mapping[str, Any]], document["texts"]):
        of = "pieces of {:,} documents" if text["text"] == "general" else "responses to {:,} prompts"
        size = f"{text['tokens']:,} tokens, {text['sequences']:,} {of.format(text['prompts'])}"
        cut = f", {text['cut']:,} cut at {settings['max_new_tokens']:,} tokens" if text["cut"] else ""
        console.print(f"[dim]{_SHORT[text['text']]}: {size}{cut}[/dim]")
    passes = cast(Mapping[str, int], document["passes"])
    if passes.get("cached"):
        kept = f"{passes['cached']:,} sets of the reference's passes from the cache"
        console.print(f"[dim]{kept}, {passes['reference']:,} passes of it run[/dim]")


def _per_token(document: Document) -> Table:
    rows: dict[str, dict[str, Mapping[str, Any]]] = {}
    for entry in cast(Sequence[Mapping[str, Any]], document["drift"]):
        rows.setdefault(entry["text"], {})[entry["direction"]] = entry
    level = f"{cast(Mapping[str, Any], document['settings'])['level']:.0%} interval"
    heads = [f"{name},\n{words.replace(' || ', chr(10) + '|| ')}" for name, words in DIRECTIONS.items()]
    table = figures_table("KL per token", "over", *(cell for head in heads for cell in (head, level)))
    for text, entries in rows.items():
        cells: list[str | Text] = [_SHORT[text]]
        for direction in DIRECTIONS:
            estimate = estimate_of(entries[direction]["per_token"])
            mark = "*" if entries[direction]["per_sequence"]["value"] is not None else " "
            cells += [value_text(estimate) + mark, dim(_interval(estimate))]
        table.add_row(*cells)
    table.caption = "* the text was drawn from the first model; the others are means over that text"
    return table


def _per_sequence(document: Document) -> Table:
    settings = cast(Mapping[str, Any], document["settings"])
    title = f"KL of whole responses of at most {settings['max_new_tokens']:,} tokens"
    table = figures_table(title, "", "nats", f"{settings['level']:.0%} interval", "responses")
    for entry in cast(Sequence[Mapping[str, Any]], document["drift"]):
        if "unbiased" in entry["estimates"]:
            estimate = estimate_of(entry["per_sequence"])
            figures = (value_text(estimate), dim(_interval(estimate)), f"{estimate.n:,}")
            table.add_row(entry["divergence"], *figures)
    return table


def _broken_down(document: Document, key: str, title: str) -> Table:
    """One row a bucket or group, two columns for each pair of text and direction that is shown."""
    cells: dict[str, dict[tuple[str, str], Mapping[str, Any]]] = {}
    for entry in cast(Sequence[Mapping[str, Any]], document[key]):
        name = entry["group"] or "(none)" if key == "groups" else _span(entry["first"], entry["last"])
        cells.setdefault(name, {})[entry["text"], entry["direction"]] = entry["per_token"]
    present = [pair for pair in _SHOWN if any(pair in row for row in cells.values())]
    heads = [f"{direction},\n" + _SHORT[text].replace(" ", "\n") for text, direction in present]
    table = figures_table(title, "", *(cell for head in heads for cell in (head, "")))
    for name, row in cells.items():
        found = [estimate_of(row[pair]) if pair in row else None for pair in present]
        pairs = ((_number(e.value, 3), dim(_interval(e, 2, "-"))) if e else ("", "") for e in found)
        table.add_row(shown(name), *(cell for pair in pairs for cell in pair))
    return table


def _cross_entropy(document: Document) -> Table:
    found = cast(Mapping[str, Mapping[str, Any]] | None, document["cross_entropy"])
    level = cast(Mapping[str, Any], document["settings"])["level"]
    table = figures_table("Cross-entropy of general text, per token", "", "nats", f"{level:.0%} interval")
    words = {"reference": "reference", "model": "model", "difference": "model less reference"}
    for name in words if found else ():
        estimate = estimate_of(found[name]) if found else None
        if estimate:
            value = (
                f"{estimate.value:+.4g}" if name == "difference" and estimate.known else value_text(estimate)
            )
            table.add_row(words[name], value, dim(_interval(estimate)))
    return table


def _weights(document: Document) -> Table:
    weights = cast(Mapping[str, Any] | None, document["weights"])
    heads = ("layer", "||change|| / ||W||", "moved most", "", "left", "right")
    table = figures_table("Weights, as they are on disk", *heads)
    if weights is None:
        return table
    for layer in weights["layers"]:
        tensors = [one for one in weights["tensors"] if one["layer"] == layer["layer"]]
        most = max(tensors, key=lambda one: one["distance"] or 0.0)
        angles = (_largest(tensors, side) for side in ("left", "right"))
        name = "outside" if layer["layer"] is None else str(layer["layer"])
        moved = (most["module"], _relative(most["distance"])) if most["distance"] else ("", "")
        distances = (_relative(layer["distance"]), *moved)
        table.add_row(name, *distances, *angles)
    table.add_row("all", _relative(weights["distance"]))
    if weights["rank"]:
        table.caption = (
            f"left, right: largest angle between the top {weights['rank']} singular directions of a matrix; "
            "~ where none of them are well set apart"
        )
    return table


def _bounds(document: Document) -> Table:
    table = figures_table("Best of n, upper bounds", "n", "KL(best of n || reference)", "wins against one")
    for bound in cast(Sequence[Mapping[str, Any]], document["best_of_n"]):
        table.add_row(f"{bound['n']:,}", f"<= {bound['most_kl']:.4f}", f"<= {bound['most_wins']:.1%}")
    table.caption = "whatever the reward; reached only where no two responses tie"
    return table


def _largest(tensors: Sequence[Mapping[str, Any]], side: str) -> str:
    """Largest angle, in degrees, where main directions are well set apart; "~" where they nowhere are."""
    found = [one for one in tensors if one[side] is not None]
    apart = [one for one in found if one["gap"] <= _SET_APART]
    most = max((one[side] for one in apart or found), default=None)
    if most is None:
        return ""
    if most < 0.01:
        return "<0.01°"
    return ("" if apart else "~") + f"{most:.3g}°"


def _relative(distance: float | None) -> str:
    return "unknown" if distance is None else f"{distance:.4g}"


def _span(first: int, last: int) -> str:
    return str(first) if first == last else f"{first}-{last}"


def _interval(estimate: Estimate, digits: int = 3, between: str = " to ") -> str:
    """An interval in as many digits as it needs beside its value; why there is none where there is none."""
    if not estimate.known:
        return estimate.reason
    return _number(estimate.low, digits) + between + _number(estimate.high, digits)


def _number(value: float, digits: int) -> str:
    return "?" if math.isnan(value) else f"{value:.{digits}g}"
