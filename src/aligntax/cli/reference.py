"""`aligntax reference`: taxes others published, and a run of one's own beside them."""

import math
from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any, cast

from rich.console import Console
from rich.table import Table

from aligntax.cli.output import print_json
from aligntax.errors import UsageError
from aligntax.records import Estimate, unknown
from aligntax.report.document import Document, estimate_of
from aligntax.report.figures import interval_text, value_text
from aligntax.report.reference import load_runs, reference_document
from aligntax.report.tables import figures_table, shown
from aligntax.tax.reference import Run, benchmarks, published_taxes, selected, shots_word

__all__ = ["run"]

Row = Mapping[str, Any]

_WIDTH = 80
_FORM = "--tax 0.19 --benchmark mmlu, or with its interval --tax 0.19,0.15,0.23"


def run(
    *,
    benchmark: str | None,
    model: str | None,
    method: str | None,
    check: str | None,
    run: Path | None,
    tax: str | None,
    harness: str,
    shots: str,
    as_json: bool,
) -> None:
    """Selects, sets runs beside the rows, prints; see the options of the command."""
    runs = _runs(run, tax, benchmark, harness, shots)
    wanted = None if runs else benchmark
    rows = selected(published_taxes(), benchmark=wanted, model=model, method=method, check=check)
    contents = reference_document(rows, runs)
    if as_json:
        print_json(contents)
        return
    console = Console(highlight=False)
    if not console.is_terminal:  # a pipe has no width of its own
        console = Console(highlight=False, width=_WIDTH)
    for one in cast(Sequence[Row], contents["runs"]):
        _print_run(one, cast(Sequence[Row], contents["taxes"]), console)
    if not runs:
        _print_taxes(contents, console)
    _print_notes(contents, console)


def _runs(
    path: Path | None, tax: str | None, benchmark: str | None, harness: str, shots: str
) -> Sequence[Run]:
    if path is not None and tax is not None:
        raise UsageError("--run and --tax both tell of a run", hint="give one of them")
    if path is not None:
        found = load_runs(path, harness=harness, shots=shots)
        named = [known for known in benchmarks() if benchmark is not None and known.called(benchmark)]
        kept = [one for one in found if not named or named[0].called(one.benchmark)]
        if not kept:
            names = ", ".join(one.benchmark for one in found)
            raise UsageError(f"{path}: no scores of {benchmark}", hint=f"it compares: {names}")
        return kept
    if tax is None:
        if harness or shots:
            raise UsageError("--harness and --shots tell of a run, and there is none", hint=_FORM)
        return []
    if benchmark is None:
        raise UsageError("--tax without a benchmark", hint=_FORM)
    none, shots = unknown("a tax alone was given", unit="difference"), shots_word(shots)
    given = Run(benchmark=benchmark, tax=_tax(tax), loss=none, harness=harness, shots=shots, what="by hand")
    return [given]


def _tax(text: str) -> Estimate:
    try:
        figures = [float(part) for part in text.split(",")]
    except ValueError:
        figures = []
    if len(figures) not in (1, 3) or not all(math.isfinite(figure) for figure in figures):
        raise UsageError(f"--tax {text}: not a share, nor a share and its interval", hint=_FORM)
    value, low, high = figures if len(figures) == 3 else (figures[0], math.nan, math.nan)
    if abs(value) > 1.5 or low > value or high < value:
        raise UsageError(
            f"--tax {text}: a tax is a share, inside its interval", hint="19 % is 0.19; " + _FORM
        )
    return Estimate(value=value, low=low, high=high, level=0.95, n=0, unit="share", method="given by hand")


def _print_run(one: Row, taxes: Sequence[Row], console: Console) -> None:
    _say(console, f"\n{one['benchmark']}: a run beside published taxes", "bold")
    conditions = [one["harness"] or "harness not told", _shots(one["shots"]) or "shots not told"]
    _say(console, ", ".join([one["what"], *conditions]), "dim")
    tax, own = estimate_of(one["tax"]), estimate_of(one[one["compared"]])
    if not own.known:
        _say(console, f"The tax of the run is not known: {tax.reason}.")
        return
    if not one["beside"]:
        names = ", ".join(known.name for known in benchmarks() if known.kind == "capability")
        _say(console, f"No tax of this benchmark was published that is known here. There are: {names}.")
        return
    if not tax.known:
        _say(console, f"No tax: {tax.reason}. Points lost of full marks are compared instead.")
    console.print(_beside(one, taxes, own))
    _say(console, _summary(one, own))
    if disputed := one["disputed"]:
        _say(console, f"Not counted: {disputed} disputed (aligntax reference --check disputed).", "dim")


def _beside(one: Row, taxes: Sequence[Row], own: Estimate) -> Table:
    """The published figures in their order, with the run where it belongs."""
    name = "tax" if one["compared"] == "tax" else "lost"
    table = figures_table("", name, "model and step", "shots", "measured by", names=(1, 3))
    lines = [(estimate_of(entry["figure"]), entry) for entry in one["beside"]]
    larger = [line for line in lines if line[0].value >= own.value]
    for figure, entry in larger:
        table.add_row(value_text(figure), *_published(entry, taxes[entry["row"]]))
    interval = "no interval given" if math.isnan(own.low) else interval_text(own)
    mine = (value_text(own), f"this run ({interval})", one["shots"] or "?", one["harness"] or "?")
    table.add_row(*(shown(cell) for cell in mine), style="bold")
    for figure, entry in lines[len(larger) :]:
        table.add_row(value_text(figure), *_published(entry, taxes[entry["row"]]))
    return table


def _published(entry: Row, row: Row) -> tuple[str, str, str]:
    step = row["step"] if row["model"] in row["step"] else f"{row['model']}: {row['step']}"
    apart = {"": ": as the run", "other shots": ": other shots"}.get(entry["apart"], "")
    return shown(step), row["shots"] or "?", shown(row["harness"] + apart)


def _summary(one: Row, own: Estimate) -> str:
    bare = math.isnan(own.low)
    against, among = ("the run's", "equal to it") if bare else ("the run's interval", "within it")
    counts = f"{one['larger']} above {against}, {one['smaller']} below, {one['within']} {among}"
    how = (
        f"With the same harness and shots: {one['comparable']}."
        if one["comparable"]
        else "None is known to have the same harness and shots: take the order as a rough guide."
    )
    return f"{len(one['beside'])} published figures: {counts}. {how}"


def _print_taxes(contents: Document, console: Console) -> None:
    taxes = cast(Sequence[Row], contents["taxes"])
    for _, found in groupby(taxes, key=lambda row: (row["source"], row["check"], row["note"])):
        _print_source(list(found), console)


def _print_source(rows: Sequence[Row], console: Console) -> None:
    first, disputed = rows[0], rows[0]["check"] == "disputed"
    lead = "DISPUTED: " if disputed else ""
    _say(console, f"\n{lead}{first['source']}", "bold yellow" if disputed else "bold")
    same = {name: _only(row[name] for row in rows) for name in ("model", "step", "method")}
    told = [str(first["year"]), *([] if disputed else [first["check"]]), *filter(None, same.values())]
    harness = first["harness"]
    if first["harness_after"] != harness:
        harness = f"{harness} before, {first['harness_after']} after"
    told += [] if harness == "unknown" else [f"measured by {harness}"]
    _say(console, "; ".join(dict.fromkeys(told)), "dim")
    shots = any(row["shots"] for row in rows)
    named = not same["model"] and not all(row["model"] in row["step"] for row in rows)
    words = [*(["model"] if named else []), *([] if same["step"] else ["step"]), "benchmark"]
    figures = [*(["shots"] if shots else []), "before", "after", "change", "tax"]
    table = figures_table("", *words, *figures, names=range(len(words)))
    for row in _in_order(rows):
        cells = [*([row["model"]] if named else []), *([] if same["step"] else [_step(row, rows)])]
        cells += [row["benchmark"], *([row["shots"]] if shots else [])]
        table.add_row(*(shown(cell) for cell in cells), *_figures(row, rows))
    console.print(table)
    for text in dict.fromkeys(row["reason"] or row["note"] for row in rows):
        if text:
            _say(console, text, "yellow" if disputed else "dim")


def _in_order(rows: Sequence[Row]) -> list[Row]:
    """Rows of one model and benchmark together, shots beside each other, else as the table has them."""
    seen = list(dict.fromkeys((row["model"], row["benchmark"]) for row in rows))
    steps = list(dict.fromkeys((row["step"], row["method"]) for row in rows))

    def place(row: Row) -> tuple[int, int]:
        return seen.index((row["model"], row["benchmark"])), steps.index((row["step"], row["method"]))

    return sorted(rows, key=place)


def _step(row: Row, rows: Sequence[Row]) -> str:
    """The step; the method, where several methods take the same step."""
    methods = {other["method"] for other in rows if other["step"] == row["step"]}
    return str(row["step"] if len(methods) == 1 else row["method"])


def _figures(row: Row, rows: Sequence[Row]) -> tuple[str, str, str, str]:
    alike = [other for other in rows if (other["model"], other["full"]) == (row["model"], row["full"])]
    scores = [other[name] for other in alike for name in ("before", "after") if other[name] is not None]
    places = max(map(_places, scores), default=0)
    before, after = ("?" if row[name] is None else f"{row[name]:.{places}f}" for name in ("before", "after"))
    change, tax = estimate_of(row["change"]), estimate_of(row["tax"])
    moved = f"{change.value:+.{places}f}" if change.known else "?"
    if row["kind"] == "safety" and change.known:
        safer = (change.value > 0) == row["higher_is_better"]
        return before, after, moved, "safer" if safer else "less safe"
    return before, after, moved, value_text(tax) if tax.known else "-"


def _places(value: float) -> int:
    return len(repr(value).partition(".")[2].rstrip("0"))


def _print_notes(contents: Document, console: Console) -> None:
    checks = cast(Mapping[str, str], contents["checks"])
    used = {row["check"] for row in cast(Sequence[Row], contents["taxes"])}
    used -= {"disputed"} if contents["runs"] else set()
    console.print()
    for note in cast(Sequence[str], contents["notes"]):
        _say(console, f"- {note}")
    for name, words in checks.items():
        if name in used:
            _say(console, f"- {name}: {words}")


def _only(values: Iterable[str]) -> str:
    """The value they share; "" where they do not."""
    distinct = set(values)
    return distinct.pop() if len(distinct) == 1 else ""


def _shots(text: str) -> str:
    return f"{text}-shot" if text else ""


def _say(console: Console, text: str, style: str = "") -> None:
    lead = "\n" if text.startswith("\n") else ""
    console.print(lead + shown(text.removeprefix("\n")), style=style or None)
