"""Two runs side by side: figures, differences, and the prompts that flipped."""

from pathlib import Path
from typing import Annotated

from fastapi import APIRouter, HTTPException, Query, Request
from fastapi.responses import HTMLResponse

from aligntax.dashboard.charts import Chart
from aligntax.dashboard.charts.interval_rows import Row, interval_rows_chart
from aligntax.dashboard.exporting import add_exports
from aligntax.dashboard.labelling.blinding import blind
from aligntax.dashboard.parameters import Key, Opened
from aligntax.dashboard.reading.behind import behind, kept_outcomes
from aligntax.dashboard.reading.catalogue import newest
from aligntax.dashboard.reading.pairs import Pairs, pairs_of
from aligntax.dashboard.reading.side_by_side import Compared, clashes, compared_figures, differing
from aligntax.dashboard.rendering import render
from aligntax.dashboard.security import needs_role
from aligntax.dashboard.words import said
from aligntax.ledger.opened import Ledger
from aligntax.ledger.runs import Run, find_run, runs

__all__ = ["router"]

router = APIRouter(include_in_schema=False, dependencies=[needs_role("viewer")])
_ROWS = 40
_KINDS = {"more": "s1", "less": "s2", "cannot tell": "s0"}


def _two(ledger: Ledger, first: str, second: str) -> tuple[Run, Run]:
    """The runs that are asked for; by default the newest bill and the one before."""
    after = find_run(ledger, second) if second else newest(ledger, "bill")
    if after is None:
        raise HTTPException(404, "There is no run to compare yet.")
    if first:
        return find_run(ledger, first), after
    before = runs(ledger, kind=after.kind, before=after.created, limit=1)
    if not before:
        raise HTTPException(404, "There is only one run of this kind.")
    return before[0], after


@router.get("/compare", dependencies=[blind])
def compare_page(
    request: Request,
    ledger: Opened,
    first: Key = "",
    second: Key = "",
    anyway: Annotated[bool, Query()] = False,
) -> HTMLResponse:
    """Both runs' figures, how far they are apart, and what flipped."""
    before, after = _two(ledger, first, second)
    clashing = clashes(before, after)
    pairs, why_not = _pairs(ledger, before, after) if not clashing or anyway else (None, "")
    figures = compared_figures(ledger, before, after, apart=not clashing or anyway)
    return render(
        request,
        "compare.html",
        title="Two runs",
        first=before,
        second=after,
        clashing=clashing,
        anyway=anyway,
        differing=differing(before, after),
        figures=figures,
        behind=[behind(ledger, run) for run in (before, after)],
        chart=_chart(figures),
        pairs=pairs,
        why_not=why_not,
    )


def _pairs(ledger: Ledger, first: Run, second: Run) -> tuple[Pairs | None, str]:
    """Prompts of both; or why there are none, in words."""
    paths = [kept_outcomes(ledger, run.id) for run in (first, second)]
    kept = [path for path in paths if isinstance(path, Path)]
    if len(kept) < 2:
        return None, "not both runs keep their exchanges"
    largest = max(run.origin.exchanges or 0 for run in (first, second))
    found = pairs_of(kept[0], kept[1], largest)
    return (found, "") if found.prompts else (None, "they have no prompt in common")


def _chart(figures: list[Compared]) -> Chart | None:
    rows = [
        Row(_name(one), one.difference, _KINDS.get(one.words, "s0"))
        for one in figures
        if one.difference is not None and one.difference.known
    ]
    if not rows:
        return None
    return interval_rows_chart(
        "differences",
        "Differences, points: second less first",
        rows[:_ROWS],
        description=f"{len(rows)} rates of both runs, taken as independent.",
        at=0.0,
    )


def _name(one: Compared) -> str:
    where = ", ".join(one.where.values())
    return f"{said(one.component)}{': ' + where if where else ''}"


def _export(ledger: Opened, first: Key = "", second: Key = "", anyway: bool = False) -> Chart:
    before, after = _two(ledger, first, second)
    apart = anyway or not clashes(before, after)
    chart = _chart(compared_figures(ledger, before, after, apart=apart))
    if chart is None:
        raise HTTPException(404, "There is nothing to draw.")
    return chart


add_exports(router, "/compare", _export)
