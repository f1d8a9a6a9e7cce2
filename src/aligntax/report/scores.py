"""The scores of detectors as a document, in the terminal, and as Markdown.

    schema     "aligntax.scores/1"
    aligntax   version that wrote it
    level      coverage of the intervals
    sets       [{name, rows, labelled, prompts, notes, detectors}]
    detectors  [{detector, version, whole, by, symptoms}]
    whole      {n, undetermined, confusion, every, determined}; by: dimension -> value -> the same
    confusion  true class -> outcome -> rows
    every      name -> {value, low, high, n, clusters, unit, method, reason} over all labelled rows, where
               undetermined is wrong; `determined` over the others alone, absent where nothing is undetermined

Value, low and high are null where a score cannot be known, and reason says why.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from aligntax import __version__
from aligntax.detectors.scoring import DetectorScores, LabelledSet, Scores
from aligntax.detectors.scoring.labelled import CLASSES
from aligntax.records import OUTCOMES, Estimate
from aligntax.report.tables import figures_table, printable

__all__ = [
    "SCHEMA",
    "interval_words",
    "markdown_confusion",
    "markdown_rows",
    "markdown_scores",
    "markdown_symptoms",
    "print_scores",
    "scores_document",
    "value_words",
]

SCHEMA = "aligntax.scores/1"
Entry = Mapping[str, Any]

_OVERVIEW = {
    "accuracy": "3-class",
    "macro_f1": "macro-F1",
    "any_kappa": "any κ",
    "any_sensitivity": "sens.",
    "any_specificity": "spec.",
    "bias": "bias",
}
_TITLES = {
    "accuracy": "three classes: accuracy",
    "macro_f1": "  macro-F1",
    "kappa": "  kappa",
    "any_accuracy": "refused or hedged: accuracy",
    "any_kappa": "  kappa",
    "any_sensitivity": "  sensitivity",
    "any_specificity": "  specificity",
    "any_precision": "  precision",
    "true_rate": "  true rate",
    "estimated_rate": "  estimated rate",
    "bias": "  bias, estimated less true",
    "refused_kappa": "refused: kappa",
    "outright_kappa": "refused outright: kappa",
    **{f"{what}.{name}": f"{name}: {what}" for name in CLASSES for what in ("recall", "precision")},
}


def scores_document(
    scored: Sequence[tuple[LabelledSet, Sequence[DetectorScores]]], *, level: float
) -> dict[str, object]:
    """Scores as plain values, ready for JSON.

    Args:
        scored: each set with the scores of every detector on it.
        level: coverage of the intervals.
    """
    return {
        "schema": SCHEMA,
        "aligntax": __version__,
        "level": level,
        "sets": [
            {
                "name": labelled.name,
                "rows": labelled.rows,
                "labelled": int(labelled.labelled.sum()),
                "prompts": labelled.prompts,
                "notes": list(labelled.notes),
                "detectors": [_detector(scores) for scores in detectors],
            }
            for labelled, detectors in scored
        ],
    }


def _detector(scores: DetectorScores) -> dict[str, object]:
    return {
        "detector": scores.detector,
        "version": scores.version,
        "whole": _scores(scores.whole),
        "by": {d: {value: _scores(s) for value, s in parts.items()} for d, parts in scores.by.items()},
        "symptoms": {name: _flat(figures) for name, figures in scores.symptoms.items()},
    }


def _scores(scores: Scores) -> dict[str, object]:
    counts = scores.confusion.tolist()
    entry = {
        "n": scores.n,
        "undetermined": scores.undetermined,
        "confusion": {
            name: dict(zip(OUTCOMES, row, strict=True)) for name, row in zip(CLASSES, counts, strict=True)
        },
        "every": _flat(scores.every),
    }
    return entry | ({"determined": _flat(scores.determined)} if scores.undetermined else {})


def _flat(figures: Mapping[str, Estimate]) -> dict[str, dict[str, object]]:
    flat = {name: asdict(estimate) for name, estimate in figures.items()}
    for entry in flat.values():
        del entry["labelled"], entry["level"]
        entry |= {end: None for end in ("value", "low", "high") if math.isnan(entry[end])}
    return flat


def value_words(name: str, entry: Entry | None) -> str:
    """The value of a score in few characters: 73.6%, .72, -5.8; "?" where it cannot be known."""
    return "?" if entry is None or entry["value"] is None else _number(name, entry["value"], 1)


def interval_words(name: str, entry: Entry | None, *, between: str = "…", places: int = 0) -> str:
    """The interval of a score in few characters: 71…75, .69….75, -14…-10; empty where there is none."""
    if entry is None or entry["value"] is None:
        return ""
    if name == "bias" and max(abs(entry["low"]), abs(entry["high"])) < 0.1:
        places = max(places, 1)
    return between.join(_number(name, entry[end], places).removesuffix("%") for end in ("low", "high"))


def _number(name: str, value: float, places: int) -> str:
    if name == "bias":
        return f"{round(100 * value, places) + 0.0:+.{places}f}"
    if name.endswith(("kappa", "f1")):
        text = f"{round(value, 2) + 0.0:.2f}"  # adding 0.0 makes of -0.0 a plain zero
        return text.replace("0.", ".", 1) if abs(value) < 0.995 else text
    return f"{100 * value:.{places}f}%"


def print_scores(contents: Entry, console: Console, *, details: Sequence[str] = ()) -> None:
    """Prints the scores: a table a set, and for some detectors everything there is.

    Args:
        contents: the document.
        console: rich's; on a file or a pipe it prints without colour.
        details: names of the detectors to show in full.
    """
    for labelled in contents["sets"]:
        _heading(labelled, console)
        if not labelled["labelled"]:
            continue
        rows = [(d["detector"], d["whole"]) for d in labelled["detectors"]]
        console.print(_overview("detector", rows))
        for entry in labelled["detectors"]:
            if entry["detector"] in details:
                _details(entry, console)
    console.print(Text(_legend(contents["level"]), style="dim"))


def _legend(level: float) -> str:
    return (
        f"\n{level:.0%} intervals below each value. sens., spec., any κ: refused or hedged as one class,"
        " against complete. bias: estimated less true rate of these, in points. Undetermined is wrong for"
        " every score but the bias, which takes the estimated rate among determined rows."
    )


def _heading(labelled: Entry, console: Console) -> None:
    count = f"{labelled['labelled']:,} labelled rows"
    if labelled["prompts"] < labelled["labelled"]:
        count += f", {labelled['prompts']:,} prompts: intervals are clustered by prompt"
    console.print(Text.assemble(("\n" + printable(labelled["name"]), "bold"), f"  {count}"))
    for note in labelled["notes"]:
        console.print(Text(f"- {note}", style="dim"))


def _overview(first: str, rows: Sequence[tuple[str, Entry]]) -> Table:
    table = figures_table("", first, *_OVERVIEW.values())
    for name, scores in rows:
        figures = scores["every"]
        open_rows = scores["undetermined"]
        below = f"n {scores['n']:,}" + (f", {open_rows:,} undet." if open_rows else "")
        table.add_row(
            Text.assemble(printable(name), ("\n" + below, "dim")),
            *(
                Text.assemble(value_words(f, figures[f]), ("\n" + interval_words(f, figures[f]), "dim"))
                for f in _OVERVIEW
            ),
        )
    return table


def _details(entry: Entry, console: Console) -> None:
    console.print(Text.assemble(("\n" + entry["detector"], "bold"), f"  version {entry['version']}"))
    console.print(_everything(entry["whole"]))
    console.print(Text("\nlabels down, outcomes across", style="dim"))
    console.print(_confusion(entry["whole"]["confusion"]))
    for dimension, parts in entry["by"].items():
        if len(parts) > 1:
            console.print()
            console.print(_overview(f"by {dimension}", list(parts.items())))
    if entry["symptoms"]:
        console.print()
        console.print(_symptoms(entry["symptoms"]))


def _everything(scores: Entry) -> Table:
    bases = [scores["every"], *([scores["determined"]] if "determined" in scores else [])]
    heads = [f"all {scores['n']:,}", f"{scores['n'] - scores['undetermined']:,} determined"][: len(bases)]
    table = figures_table("", "", *(column for head in heads for column in ("", head)))
    for name, title in _TITLES.items():
        cells: list[str | Text] = []
        for figures in bases:
            figure = figures[name]
            interval = interval_words(name, figure, between=" to ", places=1) or figure["reason"]
            cells += [value_words(name, figure), Text(interval, style="dim")]
        table.add_row(title, *cells)
    return table


def _confusion(counts: Entry) -> Table:
    table = figures_table("", "", *OUTCOMES)
    for name, row in counts.items():
        table.add_row(name, *(f"{row[outcome]:,}" for outcome in OUTCOMES))
    return table


def _symptoms(symptoms: Entry) -> Table:
    table = figures_table("", "symptom", "κ", "", "sensitivity", "", "specificity", "")
    for name, figures in symptoms.items():
        cells: list[str | Text] = []
        for figure in ("kappa", "sensitivity", "specificity"):
            entry = figures[figure]
            cells += [value_words(figure, entry), Text(interval_words(figure, entry), style="dim")]
        table.add_row(printable(name), *cells)
    return table


def markdown_rows(rows: Sequence[Mapping[str, object]]) -> str:
    """Rows as a Markdown table, columns in the order of the first; numbers stand right."""
    if not rows:
        return ""
    names = list(rows[0])
    right = [all(isinstance(row.get(name), int | float) for row in rows) for name in names]
    rule = ["---:" if aside else "---" for aside in right]
    body = [[row.get(name, "") for name in names] for row in rows]
    return "\n".join([_line(names), _line(rule), *map(_line, body)])


def _line(cells: Sequence[object]) -> str:
    texts = (f"{cell:,}" if isinstance(cell, int) else str(cell) for cell in cells)
    return "| " + " | ".join(text.replace("|", "\\|").replace("\n", " ") for text in texts) + " |"


def markdown_scores(rows: Sequence[tuple[str, Entry]], *, first: str) -> str:
    """A Markdown table of scores, one row a detector or a slice.

    Args:
        rows: name and scores (`whole`, or a value of `by`).
        first: what the names are.
    """
    heads = {
        "accuracy": "three-class accuracy",
        "macro_f1": "macro-F1",
        "any_kappa": "κ",
        "any_accuracy": "accuracy",
        "any_sensitivity": "sensitivity",
        "any_specificity": "specificity",
        "bias": "bias, points",
    }
    return markdown_rows(
        [
            {
                first: name,
                "n": scores["n"],
                **{head: _both(figure, scores["every"][figure]) for figure, head in heads.items()},
                "undet.": scores["undetermined"],
            }
            for name, scores in rows
        ]
    )


def _both(name: str, entry: Entry) -> str:
    if entry["value"] is None:
        return "cannot be known"
    interval = interval_words(name, entry, between=" to ").replace(" ", "\N{NO-BREAK SPACE}")
    return f"{value_words(name, entry)}<br>({interval})"


def markdown_confusion(counts: Entry) -> str:
    """A confusion matrix as a Markdown table, labels down, outcomes across."""
    return markdown_rows([{"label": name, **row} for name, row in counts.items()])


def markdown_symptoms(rows: Sequence[tuple[str, Entry]]) -> str:
    """Scores of symptoms as a Markdown table.

    Args:
        rows: detector and its `symptoms`.
    """
    wanted = ("kappa", "sensitivity", "specificity")
    return markdown_rows(
        [
            {
                "symptom": symptom,
                "detector": detector,
                "n": figures["kappa"]["n"],
                **{("κ" if f == "kappa" else f): _both(f, figures[f]) for f in wanted},
            }
            for detector, symptoms in rows
            for symptom, figures in symptoms.items()
        ]
    )
