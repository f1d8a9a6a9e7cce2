"""The API: what it answers, and that nothing that can be asked makes it stumble."""

import math

import httpx
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis.strategies import SearchStrategy
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import response_schema_conformance

from aligntax.dashboard.app import make_app
from aligntax.dashboard.security import Access
from aligntax.ledger.opened import Ledger
from aligntax.ledger.runs import find_run, measurements, runs


def test_nothing_makes_it_stumble(full_ledger: Ledger) -> None:
    """Whatever is asked, in and out of bounds: never a 500, and what it answers is what it described."""
    access = Access(open_locally=True, hosts=("testserver", "localhost"), rate=1e6, burst=10**6)
    described = schemathesis.openapi.from_asgi("/api/openapi.json", make_app(full_ledger, access))
    asked = []
    for found in described.get_all_operations():
        operation = found.ok()
        _ask(operation.as_strategy())
        asked.append(operation.label)
    assert len(asked) >= 12


def _ask(cases: SearchStrategy[schemathesis.Case]) -> None:
    @settings(max_examples=20, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
    @given(case=cases)
    def answered(case: schemathesis.Case) -> None:
        case.call_and_validate(checks=[not_a_server_error, response_schema_conformance])

    answered()


def test_it_describes_itself(address: str) -> None:
    described = httpx.get(f"{address}/api/openapi.json").json()
    paths = [path for path in described["paths"] if path.startswith("/api/")]
    assert {"/api/runs", "/api/trend", "/api/verdicts", "/api/exchanges"} <= set(paths)
    assert all("get" in described["paths"][path] and len(described["paths"][path]) == 1 for path in paths)


def test_runs_a_page_at_a_time(address: str, full_ledger: Ledger) -> None:
    found, after = [], ""
    while True:
        answer = httpx.get(f"{address}/api/runs", params={"limit": 5, "after": after}).json()
        found += [run["id"] for run in answer["runs"]]
        after = answer["following"]
        if not after:
            break
    assert found == [run.id for run in runs(full_ledger)]


def test_figures_are_those_of_the_ledger(address: str, full_ledger: Ledger) -> None:
    """Every figure with its interval, and null where there is none."""
    run = find_run(full_ledger, "latest")
    kept = measurements(full_ledger, run.id)
    answer = httpx.get(f"{address}/api/runs/latest/measurements", params={"limit": 500}).json()
    assert answer["total"] == len(kept)
    for shown, figure in zip(answer["measurements"], kept, strict=False):
        value = figure.estimate.value
        assert shown["estimate"]["value"] == (None if math.isnan(value) else value)
        assert {"low", "high", "level", "n", "method", "reason"} <= shown["estimate"].keys()


def test_a_trend_and_a_verdict(address: str) -> None:
    trend = httpx.get(f"{address}/api/trend", params={"use_case": "medical"}).json()
    assert len(trend["points"]) == 12
    assert len({point["detector_version"] for point in trend["points"]}) == 2
    (verdict,) = httpx.get(f"{address}/api/verdicts").json()
    assert verdict["verdict"] == "fail"
    document = httpx.get(f"{address}/api/verdicts/{verdict['id']}/document").json()
    assert document["schema"] == "aligntax.gate/1"


def test_refusals_are_json(address: str) -> None:
    for path, status in (("/api/runs/nothing", 404), ("/api/runs?limit=0", 422), ("/api/nowhere", 404)):
        answer = httpx.get(address + path)
        assert answer.status_code == status
        assert answer.json()["detail"] or status == 404
    assert httpx.post(f"{address}/api/runs").status_code in (403, 405)
