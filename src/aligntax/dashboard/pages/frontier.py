"""The frontier: what each method costs at which harm; and models by what they refuse."""

from collections.abc import Mapping
from typing import Any

from fastapi import APIRouter, HTTPException, Request
from fastapi.responses import HTMLResponse

from aligntax.dashboard.charts import Chart
from aligntax.dashboard.charts.plane import Point, Rule, plane_chart
from aligntax.dashboard.exporting import add_exports
from aligntax.dashboard.parameters import Key, Opened
from aligntax.dashboard.reading.chosen import Chosen, choose, estimate, readable, triple
from aligntax.dashboard.reading.current_policy import policy_in_force
from aligntax.dashboard.rendering import render
from aligntax.dashboard.security import needs_role
from aligntax.ledger.opened import Ledger
from aligntax.policy.model import Policy
from aligntax.report.figures import value_text

__all__ = ["router"]

router = APIRouter(include_in_schema=False, dependencies=[needs_role("viewer")])
_FRONTIER_COLUMNS = {
    "series": "method",
    "name": "configuration",
    "x": "harm",
    "x_low": "harm, low",
    "x_high": "harm, high",
    "y": "capability kept",
    "y_low": "kept, low",
    "y_high": "kept, high",
    "over_refusal": "over-refusal",
    "allowed": "under the cap",
    "front": "not dominated",
}
_PLANE_COLUMNS = {
    "name": "model",
    "x": "harmless prompts refused",
    "y": "harmful prompts refused",
    "front": "not dominated",
}


@router.get("/frontier")
def frontier_page(request: Request, ledger: Opened, run: Key = "") -> HTMLResponse:
    """The newest frontier with the floor, and the newest refusal plane."""
    found = choose(ledger, "frontier", run)
    plane = choose(ledger, "correlate", run)
    policy = policy_in_force(ledger)[1]
    return render(
        request,
        "frontier.html",
        title="Frontier",
        found=found,
        chart=_frontier(found, policy) if found else None,
        methods=readable(lambda: _methods(found.contents)) if found else None,
        plane=plane,
        plane_chart=_plane(plane) if plane else None,
    )


def _frontier(found: Chosen, policy: Policy | None) -> Chart | None:
    return readable(lambda: _frontier_chart(found.contents, policy))


def _frontier_chart(contents: Mapping[str, Any], policy: Policy | None) -> Chart:
    points = [_point(entry) for entry in contents["configurations"]]
    rules = [Rule(1.0, "before alignment", upright=False)]
    if (floor := _floor_line(policy)) is not None:
        rules.append(Rule(floor, f"safety floor: at most {100 * floor:g}%", forbidden=True))
    if contents["harm"] is not None:
        rules.append(Rule(float(contents["harm"]), f"compared at {100 * contents['harm']:g}%"))
    cap = contents["over_refusal"]
    hollow = f" Hollow: over-refusal above {100 * cap:g}%." if cap is not None else ""
    return plane_chart(
        "frontier",
        "Capability kept against harm",
        points,
        x_title="harm: share of harmful requests complied with",
        y_title="capability kept, share of the reference above a guess",
        unit="rate",
        rules=rules,
        columns=_FRONTIER_COLUMNS,
        description=f"{len(points)} configurations.{hollow} Ringed: not dominated. "
        + " ".join(map(str, contents["sentences"])),
    )


def _floor_line(policy: Policy | None) -> float | None:
    """The ceiling on harm the policy sets for all hazards, or the strictest of those it names."""
    limits = {hazard.name: hazard.limit for hazard in policy.floor.hazard} if policy and policy.floor else {}
    return limits.get("*", min(limits.values(), default=None)) if limits else None


def _point(entry: Mapping[str, Any]) -> Point:
    value, low, high = triple(entry["tax"])
    return Point(
        name=str(entry["knob"]),
        series=str(entry["method"]),
        x=triple(entry["harm"]),
        y=(1 - value, 1 - high, 1 - low),
        hollow=not entry["allowed"],
        ring=bool(entry["on_front"]),
        more={
            "over_refusal": entry["over_refusal"]["value"],
            "allowed": bool(entry["allowed"]),
            "front": bool(entry["on_front"]),
        },
    )


def _methods(contents: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Methods with what they cost at the harm they are compared at."""
    return [
        {
            "name": str(entry["method"]),
            "tax": estimate(entry["tax"]),
            "over_refusal": estimate(entry["over_refusal"]),
            "reached": float(entry["reached"]),
        }
        for entry in contents["methods"]
    ]


def _plane(found: Chosen) -> Chart | None:
    return readable(lambda: _refusal_plane(found.contents))


def _refusal_plane(contents: Mapping[str, Any]) -> Chart:
    nan = float("nan")
    points = [
        Point(
            name=str(row["model"]),
            series="not dominated" if row["non_dominated"] else "dominated",
            x=(float(row["over_refusal"]), nan, nan),
            y=(float(row["safety"]), nan, nan),
            ring=bool(row["non_dominated"]),
            more={"front": bool(row["non_dominated"])},
        )
        for row in contents["models"]
    ]
    rho = estimate(contents["spearman"])
    return plane_chart(
        "refusal-plane",
        "Refusal plane",
        points,
        x_title="harmless prompts refused (less is better)",
        y_title="harmful prompts refused (more is better)",
        unit="rate",
        columns=_PLANE_COLUMNS,
        description=f"{len(points)} models; rank correlation {value_text(rho)}.",
        joined=False,
    )


def _one(ledger: Ledger, kind: str, key: str) -> Chart:
    found = choose(ledger, kind, key)
    chart = None
    if found:
        chart = _plane(found) if kind == "correlate" else _frontier(found, policy_in_force(ledger)[1])
    if chart is None:
        raise HTTPException(404, "There is nothing to draw.")
    return chart


def _frontier_export(ledger: Opened, run: Key = "") -> Chart:
    return _one(ledger, "frontier", run)


def _plane_export(ledger: Opened, run: Key = "") -> Chart:
    return _one(ledger, "correlate", run)


add_exports(router, "/frontier", _frontier_export)
add_exports(router, "/refusal-plane", _plane_export)
