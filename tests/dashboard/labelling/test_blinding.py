"""Who is still labelling is kept from what the detector said, wherever single exchanges are told of."""

import html
import re
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pyarrow.parquet as pq
import pytest

pytest.importorskip("fastapi")
from starlette.testclient import TestClient

from aligntax.cli.measuring import measure_logs
from aligntax.dashboard.app import make_app
from aligntax.dashboard.security import local_access
from aligntax.ledger.annotations import close_task
from aligntax.ledger.opened import Ledger
from aligntax.ledger.runs import artefact, runs
from aligntax.ledger.tasks import Task
from dashboard.labelling.visitors import Visitor, give
from labelling_tasks import a_task

pytestmark = pytest.mark.filterwarnings("ignore:.*httpx.*")
TELLING = (
    "/exchanges",
    "/exchanges/latest/0",
    "/api/exchanges",
    "/runs/latest",
    "/runs/latest.json",
    "/api/runs/latest/document",
    "/compare?first=latest&second=latest",
)
"""Pages that tell what became of single exchanges."""
COUNTING = ("/", "/trend", "/runs", "/policy", "/api/runs", "/api/trend")


@pytest.fixture
def task(ledger: Ledger, tmp_path: Path, example_log: Path) -> Task:
    measure_logs(ledger, [str(example_log)], None, keep_text=False, quiet=True)
    return a_task(ledger, tmp_path, budget=12)


def test_every_page_that_tells_is_closed_until_all_is_labelled(
    ledger: Ledger, task: Task, visitor: Callable[[str], Visitor]
) -> None:
    anna, guest = visitor("anna"), visitor("guest")
    for path in TELLING:
        answer = anna.get(path)
        assert answer.status_code == 403, path
        assert "12 exchanges left to label" in answer.text
        assert "Show it all the same" not in answer.text
        assert guest.get(path).status_code == 200, path
    for path in COUNTING:
        assert anna.get(path).status_code == 200, path
    give(ledger, task, "anna", "c" * 11)
    assert "1 exchange left to label" in anna.get("/exchanges").text
    assert anna.get(f"/label/{task.id}/next").status_code == 200
    give(ledger, task, "anna", "c", first=12)
    for path in TELLING:
        assert anna.get(path).status_code == 200, path


def test_no_page_within_reach_names_an_exchange(
    ledger: Ledger, task: Task, visitor: Callable[[str], Visitor]
) -> None:
    """Everything a labeller can come to by links and by the API, but for what they label themselves."""
    run = runs(ledger, kind="bill", limit=1)[0]
    outcomes = artefact(ledger, run.id, "outcomes.parquet")
    ids = {str(row["id"]) for row in pq.read_table(outcomes, columns=["id"]).to_pylist()}
    anna = visitor("anna")
    open_api = anna.get("/api/openapi.json").json()["paths"]
    left = ["/", *(path.replace("{key}", "latest") for path in open_api if "get" in open_api[path])]
    seen, kinds = set[str](), Counter[str]()
    while left:
        path = left.pop()
        kind = re.sub(r"\?.*|[0-9]{8}T[0-9]{6}-[0-9a-f]{6}", "", path)
        if path in seen or kind in ("/label//1", "/label//next") or kinds[kind] == 3:
            continue
        seen.add(path)
        kinds[kind] += 1
        answer = anna.get(path, follow_redirects=False)
        told = set(re.findall(r"[\w-]+", answer.text)) & ids
        assert not told, (path, told)
        links = re.findall(r'href="(/[^"#]*)"', answer.text) if "text/html" in str(answer.headers) else []
        left += [html.unescape(link) for link in links if not link.startswith("/static")]
    assert len(kinds) > 30


def test_a_closed_task_closes_no_page(ledger: Ledger, task: Task, visitor: Callable[[str], Visitor]) -> None:
    close_task(ledger, task.id)
    assert visitor("anna").get("/exchanges").status_code == 200


def test_an_approver_may_look_on_purpose(
    ledger: Ledger, task: Task, client: TestClient, visitor: Callable[[str], Visitor]
) -> None:
    """One who labels nothing sees all; one who has begun is asked first, and a labeller cannot ask."""
    chief = visitor("chief")
    assert chief.get("/exchanges").status_code == 200
    give(ledger, task, "chief", "c")
    closed = chief.get("/exchanges?outcome=refused")
    assert closed.status_code == 403
    assert 'value="/exchanges?outcome=refused"' in closed.text
    refused = client.post("/label/unblind", data={"back": "/exchanges"}, headers=visitor("anna").headers)
    assert refused.status_code == 403
    opened = client.post(
        "/label/unblind",
        data={"back": "/exchanges?outcome=refused"},
        headers=chief.headers,
        follow_redirects=False,
    )
    assert (opened.status_code, opened.headers["location"]) == (303, "/exchanges?outcome=refused")
    assert chief.get("/exchanges").status_code == 200
    assert visitor("anna").get("/exchanges").status_code == 403, "the cookie opens nothing to a labeller"


@pytest.mark.parametrize("back", ["//elsewhere.example", "https://elsewhere.example", "/\\elsewhere", "x"])
def test_nobody_is_sent_elsewhere(client: TestClient, visitor: Callable[[str], Visitor], back: str) -> None:
    answer = client.post(
        "/label/unblind", data={"back": back}, headers=visitor("chief").headers, follow_redirects=False
    )
    assert answer.headers["location"] == "/"


def test_one_person_alone_is_asked_once_they_have_begun(ledger: Ledger, task: Task) -> None:
    """Without users: the name of this browser counts, and a form with its token opens the pages."""
    client = TestClient(make_app(ledger, local_access()), base_url="http://127.0.0.1")
    assert client.get("/exchanges").status_code == 200
    page = client.get("/label/name").text
    (csrf,) = set(re.findall(r'name="csrf" value="([^"]+)"', page))
    client.post("/label/name", data={"csrf": csrf, "name": "Dana", "back": "/label"})
    assert client.get("/exchanges").status_code == 200, "nothing is labelled yet"
    give(ledger, task, "Dana", "cc")
    closed = client.get("/exchanges")
    assert closed.status_code == 403
    assert "10 exchanges left to label" in closed.text
    (csrf,) = set(re.findall(r'name="csrf" value="([^"]+)"', closed.text))
    assert client.post("/label/unblind", data={"back": "/exchanges"}).status_code == 403, "no token"
    shown = client.post("/label/unblind", data={"csrf": csrf, "back": "/exchanges"})
    assert shown.status_code == 200
    assert "newest first" in shown.text
