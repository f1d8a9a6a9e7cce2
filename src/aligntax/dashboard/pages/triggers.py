"""Words that go with refusals, and those that were shown to cause them."""

from collections.abc import Mapping
from typing import Any

from fastapi import APIRouter, HTTPException, Request
from fastapi.responses import HTMLResponse

from aligntax.dashboard.charts import Chart
from aligntax.dashboard.charts.interval_rows import Row, interval_rows_chart
from aligntax.dashboard.exporting import add_exports
from aligntax.dashboard.parameters import Key, Opened
from aligntax.dashboard.reading.chosen import choose, estimate, readable
from aligntax.dashboard.rendering import render
from aligntax.dashboard.security import needs_role

__all__ = ["router"]

router = APIRouter(include_in_schema=False, dependencies=[needs_role("viewer")])
_MOST = 40
_FINDINGS = {"causes": "s1", "more": "s1", "less": "s2", "found": "s1"}


@router.get("/triggers")
def triggers_page(request: Request, ledger: Opened, run: Key = "") -> HTMLResponse:
    """The newest document of triggers: from the log, and from asking."""
    found = choose(ledger, "triggers", run)
    contents = found.contents if found else {}
    return render(
        request,
        "triggers.html",
        title="Triggers",
        found=found,
        words=readable(lambda: _words_chart(contents)) if found else None,
        terms=(readable(lambda: _terms(contents)) or []) if found else [],
        causes=readable(lambda: _causes_chart(contents)) if found else None,
        effects=(readable(lambda: _effects(contents)) or []) if found else [],
    )


def _terms(contents: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Terms with what was counted of them."""
    return [
        {
            "name": str(term["name"]),
            "odds": estimate(term["odds"]),
            "with": estimate(term["share_with"]),
            "without": estimate(term["share_without"]),
            "documents": int(term["documents"]),
            "q": float(term["q"]),
        }
        for term in contents["vocabulary"]["triggers"][:_MOST]
    ]


def _words_chart(contents: Mapping[str, Any]) -> Chart | None:
    rows = [Row(term["name"], term["odds"]) for term in _terms(contents)]
    if not rows:
        return None
    return interval_rows_chart(
        "triggers",
        "Log odds ratio of a refusal: with the word against without it",
        rows,
        description=f"{len(rows)} words go with refusals. {contents['why']}",
        at=0.0,
    )


def _effects(contents: Mapping[str, Any]) -> list[dict[str, Any]]:
    causal = contents.get("causal") or {}
    return [
        {
            "term": str(entry["term"]),
            "effect": estimate(entry["effect"]),
            "control": estimate(entry["control"]),
            "finding": str(entry["finding"]),
            "prompts": int(entry["prompts"]),
        }
        for entry in causal.get("effects", [])[:_MOST]
    ]


def _causes_chart(contents: Mapping[str, Any]) -> Chart | None:
    rows = [
        Row(one["term"], one["effect"], _FINDINGS.get(one["finding"], "s7")) for one in _effects(contents)
    ]
    if not rows:
        return None
    return interval_rows_chart(
        "causes",
        "Refusals a word brings about: asked with it, less asked without it",
        rows,
        description=f"{len(rows)} words were taken out and put back before a model.",
        at=0.0,
    )


def _drawn(ledger: Opened, run: Key, draw: Any) -> Chart:  # noqa: ANN401 - one of the two above
    found = choose(ledger, "triggers", run)
    chart = readable(lambda: draw(found.contents)) if found else None
    if chart is None:
        raise HTTPException(404, "There is nothing to draw.")
    return chart  # type: ignore[no-any-return]


def _words_export(ledger: Opened, run: Key = "") -> Chart:
    return _drawn(ledger, run, _words_chart)


def _causes_export(ledger: Opened, run: Key = "") -> Chart:
    return _drawn(ledger, run, _causes_chart)


add_exports(router, "/triggers", _words_export)
add_exports(router, "/causes", _causes_export)
