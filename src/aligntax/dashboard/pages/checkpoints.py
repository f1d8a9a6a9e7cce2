"""What every stage of a training changed, and how far the model moved."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any

from fastapi import APIRouter, HTTPException, Query, Request
from fastapi.responses import HTMLResponse

from aligntax.dashboard.charts import Chart
from aligntax.dashboard.charts.interval_rows import Row, interval_rows_chart
from aligntax.dashboard.charts.waterfall import Stage, waterfall_chart
from aligntax.dashboard.exporting import add_exports
from aligntax.dashboard.parameters import Key, Opened
from aligntax.dashboard.reading.chosen import choose, estimate, readable, triple
from aligntax.dashboard.rendering import render
from aligntax.dashboard.security import needs_role

__all__ = ["router"]

router = APIRouter(include_in_schema=False, dependencies=[needs_role("viewer")])
_MOST = 30
Contents = Mapping[str, Any]


@router.get("/checkpoints")
def checkpoints_page(request: Request, ledger: Opened, run: Key = "") -> HTMLResponse:
    """The newest training by stages, and the newest drift between two checkpoints."""
    stages, drift = choose(ledger, "stages", run), choose(ledger, "drift", run)
    return render(
        request,
        "checkpoints.html",
        title="Checkpoints",
        stages=stages,
        panels=readable(lambda: list(_panels(stages.contents))) if stages else None,
        findings=(readable(lambda: _findings(stages.contents)) or []) if stages else [],
        moved=readable(lambda: _moved(stages.contents)) if stages else None,
        drift=drift,
        drifted=readable(lambda: _drifted(drift.contents)) if drift else None,
        positions=readable(lambda: _positions(drift.contents)) if drift else None,
    )


def _panels(contents: Contents) -> Iterator[Chart]:
    """A waterfall for each measure of each benchmark or prompt set."""
    names = [str(stage["name"]) for stage in contents["stages"]]
    made = 0
    for entry in contents["staged"]:
        for title, levels, changes, unit, better in _measures(entry):
            if made < _MOST and all(level["value"] is not None for level in levels):
                yield _waterfall(made, title, names, levels, changes, unit, better)
                made += 1


def _measures(entry: Mapping[str, Any]) -> Iterator[tuple[str, Sequence[Any], Sequence[Any], str, int]]:
    benchmark = str(entry["benchmark"])
    for scores in entry["scores"]:
        changes = [step["difference"] for step in scores["steps"]]
        better = 1 if entry["higher_is_better"] else -1
        yield f"score: {benchmark}", scores["means"], changes, scores["means"][0]["unit"], better
    if completion := entry["completion"]:
        lead = "complied" if completion["harmful"] else "completion_tax"
        what = (
            "harmful prompts complied with" if completion["harmful"] else "benign prompts refused or hedged"
        )
        changes = [step["rates"][lead]["difference"] for step in completion["steps"]]
        yield f"{what}: {benchmark}", completion["rates"][lead], changes, "rate", -1


def _waterfall(
    at: int,
    title: str,
    names: Sequence[str],
    levels: Sequence[Mapping[str, Any]],
    changes: Sequence[Mapping[str, Any] | None],
    unit: str,
    better: int,
) -> Chart:
    stages = [Stage(name=names[0], level=float(levels[0]["value"]))]
    for name, level, change in zip(names[1:], levels[1:], changes, strict=True):
        nan = float("nan")
        apart = triple(change) if change else (nan, nan, nan)
        if apart[0] != apart[0]:
            apart = (float(level["value"]) - stages[-1].level, nan, nan)
        stages.append(Stage(name=name, level=float(level["value"]), change=apart))
    said = "; ".join(f"{one.name} {one.level:.3g}" for one in stages)
    return waterfall_chart(
        f"stages-{at + 1}", title, stages, unit=unit, better=better, description=f"Levels reached: {said}."
    )


def _findings(contents: Contents) -> list[str]:
    return [
        f"{finding['subject']}{', ' + str(finding['about']) if finding['about'] else ''}: {finding['text']}"
        for entry in contents["staged"]
        for finding in entry["findings"]
    ]


def _moved(contents: Contents) -> Chart | None:
    """Drift of each step."""
    rows = [
        Row(f"{step['from']} to {step['to']}, {_text(figure)}", estimate(figure["per_token"]))
        for step in contents["drift"]
        for figure in step["figures"]
        if figure["per_token"]
    ]
    if not rows:
        return None
    return interval_rows_chart(
        "drift-of-stages",
        "Drift of each stage, nats per token",
        rows[:_MOST],
        description=f"{len(rows)} divergences between stages.",
        at=0.0,
    )


def _text(figure: Mapping[str, Any]) -> str:
    return f"{str(figure['text']).replace('_', ' ')}, {figure['direction']}"


def _drifted(contents: Contents) -> Chart | None:
    rows = [
        Row(f"{_text(figure)}, {figure['divergence']}", estimate(figure["per_token"]))
        for figure in contents["drift"]
        if figure["per_token"]
    ]
    if not rows:
        return None
    return interval_rows_chart(
        "drift",
        "Drift, nats per token",
        rows[:_MOST],
        description=f"From {contents['reference']} to {contents['model']}.",
        at=0.0,
    )


def _positions(contents: Contents) -> Chart | None:
    rows = [
        Row(f"{_text(one)}, {one['first']} to {one['last']}", estimate(one["per_token"]), _side(one))
        for one in contents["positions"]
    ]
    if not rows:
        return None
    return interval_rows_chart(
        "drift-by-position",
        "Drift by position in the response, nats per token",
        rows[:_MOST],
        description="Divergence of the next token by position, from the first.",
        at=0.0,
    )


def _side(one: Mapping[str, Any]) -> str:
    return "s0" if one["direction"] == "forward" else "s1"


def _one(chart: Chart | None) -> Chart:
    if chart is None:
        raise HTTPException(404, "There is nothing to draw.")
    return chart


def _panel_export(ledger: Opened, run: Key = "", panel: Annotated[int, Query(ge=1, le=_MOST)] = 1) -> Chart:
    found = choose(ledger, "stages", run)
    panels = (readable(lambda: list(_panels(found.contents))) or []) if found else []
    return _one(panels[panel - 1] if panel <= len(panels) else None)


def _moved_export(ledger: Opened, run: Key = "") -> Chart:
    found = choose(ledger, "stages", run)
    return _one(readable(lambda: _moved(found.contents)) if found else None)


def _drift_export(ledger: Opened, run: Key = "") -> Chart:
    found = choose(ledger, "drift", run)
    return _one(readable(lambda: _drifted(found.contents)) if found else None)


def _positions_export(ledger: Opened, run: Key = "") -> Chart:
    found = choose(ledger, "drift", run)
    return _one(readable(lambda: _positions(found.contents)) if found else None)


add_exports(router, "/checkpoints", _panel_export)
add_exports(router, "/drift-of-stages", _moved_export)
add_exports(router, "/drift", _drift_export)
add_exports(router, "/drift-by-position", _positions_export)
