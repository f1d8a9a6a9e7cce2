"""Every page of a full ledger, as it comes over HTTP: what it says, what it exports, what it refuses."""

import csv
import io
import json
import re
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree

import httpx
import pytest

from aligntax.dashboard.pages.run_charts import RUN_CHARTS
from aligntax.dashboard.rendering import _coded
from aligntax.dashboard.security import Access, TokenHolder, User
from aligntax.ledger.opened import Ledger, open_ledger
from aligntax.ledger.policies import keep_policy, policies
from aligntax.ledger.runs import measurements, runs
from dashboard.dashboard_ledgers import POLICY
from dashboard.dashboard_server import running

PAGES = (
    "/",
    "/trend?use_case=medical",
    "/trend?use_case=medical&component=delay.median&model=north-1&span=any",
    "/frontier",
    "/triggers",
    "/checkpoints",
    "/runs",
    "/runs?kind=frontier",
    "/runs/latest",
    "/exchanges",
    "/exchanges?outcome=tax&use_case=medical&symptom=apology&from=2026-10-06&to=",
    "/policy",
    "/compare",
)
CHARTS = (
    "/budgets",
    "/trend",
    "/frontier",
    "/refusal-plane",
    "/triggers",
    "/causes",
    "/checkpoints",
    "/drift",
    "/drift-by-position",
    "/compare",
    *(f"/runs/latest-bill/{name}" for name in RUN_CHARTS),
)


@pytest.fixture(scope="module")
def visitor(address: str) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=address, timeout=30) as client:
        yield client


def words(page: str) -> str:
    """What a page says, without markup."""
    return " ".join(re.sub(r"<[^>]+>", " ", page).split())


@pytest.mark.parametrize("path", PAGES)
def test_every_page_opens(visitor: httpx.Client, path: str) -> None:
    """With one heading of the first rank, a title, a way past the navigation, and no script in it."""
    answer = visitor.get(path)
    assert answer.status_code == 200, words(answer.text)
    assert len(re.findall(r"<h1[ >]", answer.text)) == 1
    assert re.search(r"<title>.+ · aligntax</title>", answer.text)
    assert 'href="#content"' in answer.text
    assert "<script" not in answer.text
    assert not re.search(r"\sstyle=|\son\w+=", answer.text)


@pytest.mark.parametrize("kind", ["bill", "frontier", "triggers", "stages", "drift", "correlate"])
def test_every_kind_of_run_has_a_page(visitor: httpx.Client, full_ledger: Ledger, kind: str) -> None:
    run = runs(full_ledger, kind=kind, limit=1)[0]
    said = words(visitor.get(f"/runs/{run.id}").text)
    assert "Where the figures come from" in said
    assert visitor.get(f"/runs/{run.id}.json").json()["schema"] == run.schema


@pytest.mark.parametrize("path", CHARTS)
def test_every_chart_exports_its_data_and_its_picture(
    visitor: httpx.Client, full_ledger: Ledger, path: str
) -> None:
    path = path.replace("latest-bill", runs(full_ledger, kind="bill", limit=1)[0].id)
    query = {"use_case": "medical"} if path == "/trend" else {}
    table = list(csv.reader(io.StringIO(visitor.get(f"{path}.csv", params=query).text)))
    data = json.loads(visitor.get(f"{path}.json", params=query).text)
    assert len(table) == len(data["rows"]) + 1 >= 2
    answer = visitor.get(f"{path}.svg", params=query)
    assert answer.headers["content-disposition"].startswith("attachment")
    drawing = ElementTree.fromstring(answer.text)  # well-formed, whatever was in it
    assert drawing.tag == "{http://www.w3.org/2000/svg}svg"
    assert "var(" not in answer.text  # opens outside a browser too


def test_the_overview_has_the_verdicts_of_the_gate(visitor: httpx.Client) -> None:
    """In words, with figure, interval and limit; the worst first."""
    said = words(visitor.get("/").text)
    assert "1 of 4 budgets is over. The safety floor" in said
    assert re.search(r"security refused .* 32\.1% 24\.0% to 41\.0% at most 5\.0% over budget", said)
    assert (
        said.index("over budget") < said.index("exchanges would decide") < said.index("at most 45.0% within")
    )
    assert "not measured" in said
    assert "The newest change of the policy has not been approved." in said
    assert "The newest verdict was given under another policy" in said
    assert "beyond the budget of at most 0.05" in said


def test_a_trend_breaks_where_the_detector_changed(visitor: httpx.Client) -> None:
    page = visitor.get("/trend?use_case=medical").text
    assert len(re.findall(r"<polyline", page)) == 2
    assert "signals 1, phrases 1" in page
    said = words(page)
    assert "assistant 4.2" in said
    assert "shorter system prompt" in said
    assert "the budget is at most 20%" in said


def test_a_range_is_kept_to(visitor: httpx.Client) -> None:
    rows = visitor.get("/trend.json?from=2026-09-01&to=2026-10-12").json()["rows"]
    assert rows
    assert all("2026-09-01" <= row["at"] < "2026-10-13" for row in rows)


@pytest.mark.parametrize(
    ("path", "status", "said"),
    [
        ("/nowhere", 404, "There is no such page"),
        ("/runs/20200101T000000-abcdef", 404, "no run of that name"),
        ("/trend?from=yesterday", 422, "from: "),
        ("/exchanges?outcome=nonsense", 422, "outcome: "),
        ("/exchanges?after=nonsense", 422, "no place in the list"),
        ("/exchanges?after=999999999999999999.1", 422, "no place in the list"),
        ("/trend?component=a%00b", 422, "NUL"),
        ("/runs/latest/99", 404, "There is no such page"),
        ("/policy?id=abc", 404, "no such policy"),
        ("/static/..%2fapp.py", 404, "no such file"),
        ("/static/%2e%2e/%2e%2e/app.py", 404, "no such file"),
        ("/static//etc/passwd", 404, "no such file"),
        ("/runs/..%2f..%2fetc%2fpasswd.json", 404, "There is no such page"),
    ],
)
def test_what_is_refused_is_said_in_words(visitor: httpx.Client, path: str, status: int, said: str) -> None:
    answer = visitor.get(path)
    assert answer.status_code == status
    assert said in answer.text
    assert "Traceback" not in answer.text


def test_colours_are_chosen_by_a_form(address: str) -> None:
    """And the visitor comes back to where it was chosen, never to another site."""
    with httpx.Client(base_url=address) as client:
        page = client.get("/trend?use_case=medical").text
        token = re.search(r'name="csrf" value="(\w+)"', page)
        assert token
        sent = {"csrf": token[1], "theme": "dark", "back": "/trend?use_case=medical"}
        answer = client.post("/theme", data=sent)
        assert (answer.status_code, answer.headers["location"]) == (303, "/trend?use_case=medical")
        assert 'data-theme="dark"' in client.get("/").text
        for elsewhere in ("//example.com", "https://example.com", "/\\example.com", "javascript:1"):
            assert client.post("/theme", data=sent | {"back": elsewhere}).headers["location"] == "/"
        assert client.post("/theme", data={"theme": "dark"}).status_code == 403


TOKENS = {"viewer": "v" * 20, "labeller": "l" * 20, "approver": "a" * 20}


def access() -> Access:
    from hashlib import sha256

    return Access(
        holders=tuple(
            TokenHolder(User(f"the {role}", role), sha256(token.encode()).hexdigest())  # type: ignore[arg-type]
            for role, token in TOKENS.items()
        )
    )


def bearer(role: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {TOKENS[role]}"}


def test_a_policy_is_approved_by_an_approver_alone(tmp_path: Path) -> None:
    """And only the newest, so that nobody approves what they have not read."""
    ledger = open_ledger(tmp_path)
    keep_policy(ledger, POLICY, author="owner")
    (first,) = policies(ledger)
    with running(ledger, access()) as where, httpx.Client(base_url=where) as client:
        assert client.get("/policy").status_code == 401
        assert (
            client.get("/policy", headers={"Accept": "text/html"}).headers["location"].startswith("/sign-in")
        )
        refused = client.post("/policy/approve", data={"id": first.id}, headers=bearer("labeller"))
        assert refused.status_code == 403
        assert policies(ledger)[0].approved_by is None
        keep_policy(ledger, POLICY + "\n# a change\n", author="owner")
        late = client.post("/policy/approve", data={"id": first.id}, headers=bearer("approver"))
        assert late.status_code == 409
        newest = policies(ledger)[0]
        done = client.post("/policy/approve", data={"id": newest.id}, headers=bearer("approver"))
        assert done.status_code == 303
        assert policies(ledger)[0].approved_by == "the approver"
        page = client.get("/policy", headers=bearer("viewer")).text
        assert "the approver" in page
        assert "+ # a change" in words(page)
    ledger.close()


def test_an_empty_ledger_says_what_to_do(tmp_path: Path) -> None:
    ledger = open_ledger(tmp_path)
    with running(ledger, Access(open_locally=True)) as where, httpx.Client(base_url=where) as client:
        for path in (
            "/",
            "/trend",
            "/frontier",
            "/triggers",
            "/checkpoints",
            "/runs",
            "/exchanges",
            "/policy",
        ):
            answer = client.get(path)
            assert answer.status_code == 200, path
            assert "aligntax " in words(answer.text).removeprefix("aligntax"), path
        assert client.get("/compare").status_code == 404
        assert client.get("/frontier.svg").status_code == 404
        assert client.get("/healthz").text == "ok\n"
    ledger.close()


def test_prometheus_reads_figures_and_the_limits_of_the_policy_in_force(visitor: httpx.Client) -> None:
    parser = pytest.importorskip("prometheus_client.parser")
    families = {one.name: one for one in parser.text_string_to_metric_families(visitor.get("/metrics").text)}
    limits = {
        (one.labels["use_case"], one.labels["component"]): one.value
        for one in families["alignment_tax_budget_limit"].samples
    }
    assert limits["medical", "refused"] == 0.40, "the newest change of the policy, not the one before"
    assert any(one.labels.get("use_case") == "medical" for one in families["alignment_tax_rate"].samples)


def test_commands_are_set_as_code_and_nothing_else_is(visitor: httpx.Client) -> None:
    page = visitor.get("/").text
    assert "<code>aligntax floor --record</code> does." in page
    assert "`" not in re.sub(r"<code>.*?</code>", "", page)
    assert str(_coded("<b>`a<i>` and a lone ` stay")) == "&lt;b&gt;<code>a&lt;i&gt;</code> and a lone ` stay"


def test_charts_of_a_bill_hold_what_the_page_says(visitor: httpx.Client, full_ledger: Ledger) -> None:
    """The same figures as the document, of every use case and period; other runs have none of these."""
    run = runs(full_ledger, kind="bill", limit=1)[0]
    page = visitor.get(f"/runs/{run.id}").text
    for name in RUN_CHARTS:
        assert f'href="/runs/{run.id}/{name}.svg"' in page
    told = {one["name"]: one for one in visitor.get(f"/runs/{run.id}/use-cases.json").json()["rows"]}
    taxed = [one for one in measurements(full_ledger, run.id) if one.component == "completion_tax"]
    by_case = {one.slice["use_case"]: one.estimate for one in taxed if set(one.slice) == {"use_case"}}
    assert {name: (row["value"], row["low"], row["n"]) for name, row in told.items()} == {
        name: (one.value, one.low, one.n) for name, one in by_case.items()
    }
    periods = sorted((one for one in taxed if set(one.slice) == {"period"}), key=lambda f: f.slice["period"])
    drawn = visitor.get(f"/runs/{run.id}/periods.json").json()["rows"]
    assert [row["value"] for row in drawn] == [one.estimate.value for one in periods]
    other = runs(full_ledger, kind="frontier", limit=1)[0]
    assert visitor.get(f"/runs/{other.id}/outcomes.svg").status_code == 404
