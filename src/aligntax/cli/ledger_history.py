"""`aligntax history`: the runs of the ledger, or one figure over them, with what happened in between."""

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import cast

from rich.console import Console

from aligntax.cli.ledger_trend import mark_entry, print_trend, trend_document
from aligntax.cli.output import print_json
from aligntax.errors import UnreadableInput, UsageError
from aligntax.ledger.marks import Mark, marks
from aligntax.ledger.opened import Ledger, open_ledger
from aligntax.ledger.overview import headlines, newest_verdicts, slices_of
from aligntax.ledger.runs import Run, runs, trend
from aligntax.records import Correction, Measurement
from aligntax.report.document import flat
from aligntax.report.figures import WAYS, interval_text, value_text
from aligntax.report.tables import dim, figures_table, printable, shown

__all__ = ["run"]

_WIDE = 100
_VERDICTS = {"pass": "green", "fail": "red", "inconclusive": "yellow"}


def run(
    *,
    component: str | None,
    use_case: str,
    model: str,
    where: Sequence[str] | None,
    kind: str | None,
    correction: str | None,
    limit: int,
    ledger: str | None,
    as_json: bool,
) -> None:
    """Reads the ledger, prints; see the options of the command."""
    rest = _rest(where or ())
    if component is None and (use_case or model or rest or correction):
        raise UsageError("a slice is of a figure", hint="add --component completion_tax, or another")
    if correction is not None and correction not in WAYS:
        raise UsageError(f"--correction {correction}: no such way", hint=f"one of {', '.join(WAYS)}")
    opened = open_ledger(ledger, create=False)
    try:
        if component is None:
            _runs(opened, kind=kind, limit=limit, as_json=as_json)
            return
        found = trend(
            opened,
            component,
            use_case=use_case,
            model=model,
            rest=rest,
            kind=kind,
            correction=cast(Correction | None, correction),
            limit=limit,
        )
        if not found:
            raise _nothing(opened, component, use_case, model, rest)
        happened = marks(opened, found[0][0].created, use_case=use_case or None)
        _show_trend(component, found, happened, as_json=as_json)
    finally:
        opened.close()


def _rest(pairs: Sequence[str]) -> dict[str, str]:
    split = [pair.partition("=") for pair in pairs]
    for name, equals, value in split:
        if not (name and equals and value):
            raise UsageError(f"--slice {name}{equals}{value}: no NAME=VALUE", hint="--slice benchmark=gsm8k")
    return {name: value for name, _, value in split}


def _nothing(
    ledger: Ledger, component: str, use_case: str, model: str, rest: Mapping[str, str]
) -> UnreadableInput:
    """No run has the figure: of which slices it is there instead."""
    asked = {"use_case": use_case, "model": model, **rest}
    wanted = ", ".join(f"{name} {value}" for name, value in asked.items() if value) or "all traffic"
    there = slices_of(ledger, component, most=8)
    listed = "; ".join(", ".join(f"{k} {v}" for k, v in sorted(one.items())) or "all" for one in there)
    hint = f"it is there of: {printable(listed)}" if there else "`aligntax show RUN --figures` lists them"
    return UnreadableInput(f"no run has {component} of {wanted}", hint=hint)


def _show_trend(
    component: str, found: Sequence[tuple[Run, Measurement]], happened: Sequence[Mark], *, as_json: bool
) -> None:
    document = trend_document(component, found, happened)
    if as_json:
        print_json(document)
    else:
        print_trend(document, Console(highlight=False))


def _runs(ledger: Ledger, *, kind: str | None, limit: int, as_json: bool) -> None:
    found = runs(ledger, kind=kind, limit=limit + 1)
    more, found = len(found) > limit, found[:limit]
    keys = [one.id for one in found]
    leading, verdicts = headlines(ledger, keys), newest_verdicts(ledger, keys)
    happened = marks(ledger, found[-1].created if found and more else None)
    if as_json:
        print_json(_runs_document(found, leading, verdicts, happened))
    else:
        _print_runs(found, leading, verdicts, happened, more=more)


def _runs_document(
    found: Sequence[Run],
    leading: Mapping[str, Measurement],
    verdicts: Mapping[str, str],
    happened: Sequence[Mark],
) -> dict[str, object]:
    """The document of schema "aligntax.history/1": runs newest first, marks oldest first."""
    return {
        "schema": "aligntax.history/1",
        "runs": [
            {
                "run": one.id,
                "kind": one.kind,
                "schema": one.schema,
                "title": one.title,
                "created": one.created.isoformat(),
                "recorded": one.recorded.isoformat(),
                "exchanges": one.origin.exchanges,
                "detector": one.origin.detector,
                "detector_version": one.origin.detector_version,
                "judge": one.origin.judge,
                "verdict": verdicts.get(one.id),
                "figure": _figure(leading.get(one.id)),
            }
            for one in found
        ],
        "marks": [mark_entry(one) for one in happened],
    }


def _figure(one: Measurement | None) -> dict[str, object] | None:
    if one is None:
        return None
    return {
        "component": one.component,
        "slice": one.slice,
        "correction": one.correction,
        **flat(one.estimate),
    }


def _print_runs(
    found: Sequence[Run],
    leading: Mapping[str, Measurement],
    verdicts: Mapping[str, str],
    happened: Sequence[Mark],
    *,
    more: bool,
) -> None:
    """Newest first; what happened stands where it happened."""
    console = Console(highlight=False)
    if not found:
        console.print("the ledger has no runs yet; `aligntax record FILE` adds one")
    wide = console.width >= _WIDE
    heads = ("run", "measured", "kind", "what it found", *(["verdict"] if verdicts else []))
    table = figures_table("", *heads, names=range(5))
    for column in table.columns[:3]:
        column.no_wrap = True
    left = sorted(happened, key=lambda one: one.at, reverse=True)
    for one in found:
        while left and left[0].at > one.created:
            table.add_row("", *_mark_cells(left.pop(0), wide=wide))
        cells = _run_cells(one, leading.get(one.id), verdicts.get(one.id, ""), wide=wide)
        table.add_row(*cells[: len(heads)])
    for mark in left:
        table.add_row("", *_mark_cells(mark, wide=wide))
    if table.row_count:
        console.print(table)
    if more:
        console.print(dim("there are more; --limit shows them"))


def _run_cells(one: Run, figure: Measurement | None, verdict: str, *, wide: bool) -> tuple[str, ...]:
    told = one.title
    if figure is not None:
        told = f"{figure.component} {value_text(figure.estimate)} ({interval_text(figure.estimate)})"
    style = _VERDICTS.get(verdict, "none")
    cells = (one.id, _time(one.created, wide=wide), one.kind, told)
    return (*map(shown, cells), f"[{style}]{shown(verdict)}[/{style}]")


def _mark_cells(mark: Mark, *, wide: bool) -> tuple[str, ...]:
    of = f" ({mark.use_case})" if mark.use_case else ""
    cells = (_time(mark.at, wide=wide), mark.kind, mark.text + of)
    return tuple(f"[cyan]{shown(cell)}[/cyan]" for cell in cells)


def _time(at: dt.datetime, *, wide: bool) -> str:
    return f"{at:%Y-%m-%d %H:%M}" if wide else f"{at:%Y-%m-%d}"
