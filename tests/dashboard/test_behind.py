"""The exchanges behind a number are those it counts: asked for by the address that stands under it."""

import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pyarrow.parquet as pq
import pytest

pytest.importorskip("fastapi")
from starlette.testclient import TestClient

from aligntax.cli.measuring import measure_logs
from aligntax.dashboard.app import make_app
from aligntax.dashboard.reading.behind import Behind, kept_outcomes
from aligntax.dashboard.security import Access
from aligntax.ledger.opened import Ledger, open_ledger
from aligntax.ledger.policies import keep_policy
from aligntax.ledger.runs import document, measurements, runs
from aligntax.ledger.verdicts import verdicts

pytestmark = pytest.mark.filterwarnings("ignore:.*httpx.*")
BUDGET = """
[[use_case.budget]]
component = "completion_tax"
direction = "at_most"
limit = 0.9
window = "7d"
"""
BY_NAME = f"""
version = 1
service = "assistant"

[[use_case]]
name = "body and mind"
match.use_case = ["med*"]
{BUDGET}
[[use_case]]
name = "of one model"
match.model = ["north-2*"]
{BUDGET}
"""
BY_TEXT = f"""
version = 1
service = "assistant"

[[use_case]]
name = "doses"
match.prompt = ["(?i)dose|tablet|pill"]
{BUDGET}
"""


@pytest.fixture(scope="module")
def named(tmp_path_factory: pytest.TempPathFactory, example_log: Path) -> Iterator[Ledger]:
    """The example log under a policy that names other use cases than the log, by name and model."""
    home = tmp_path_factory.mktemp("behind")
    ledger = open_ledger(home / "ledger")
    measure_logs(ledger, [str(example_log)], None, keep_text=False, quiet=True)
    keep_policy(ledger, BY_NAME, author="owner")
    yield ledger
    ledger.close()


@pytest.fixture(scope="module")
def client(named: Ledger) -> TestClient:
    return TestClient(make_app(named, Access(open_locally=True, burst=100_000)), base_url="http://127.0.0.1")


def counted(client: TestClient, address: str) -> int:
    parts = urlsplit(address)
    assert parts.path == "/exchanges"
    answer = client.get(f"/api/exchanges?{parts.query}&limit=1")
    assert answer.status_code == 200, answer.text
    return int(answer.json()["total"])


def test_every_rate_of_a_bill_leads_to_as_many_exchanges_as_it_counts(
    named: Ledger, client: TestClient
) -> None:
    (run,) = runs(named, kind="bill")
    behind = Behind(run.id, str(document(named, run.id)["about"]["period"]))
    rates = [one for one in measurements(named, run.id) if one.estimate.unit == "rate" and one.estimate.known]
    found = [one for at, one in enumerate(rates) if not one.slice or at % 7 == 0]
    told = {one.component for one in found}
    assert {"completion_tax", "cannot", "symptom.apology", "layer.guardrail", "undetermined"} <= told
    checked = set[str]()
    for figure in found:
        address = behind(figure.component, figure.slice)
        if not address or figure.component == "delay.share":
            continue
        seen = counted(client, address)
        unrated = figure.component == "undetermined"  # of which some wanted no words, and are in no rate
        expected = round(figure.estimate.value * figure.estimate.n)
        assert seen >= expected if unrated else seen == expected, (figure.component, figure.slice, address)
        checked.add(figure.component)
    assert len(checked) >= 15


def test_what_a_list_cannot_be_narrowed_to_has_no_address() -> None:
    behind = Behind("r", "week")
    assert behind("fallback", {}) == ""
    assert behind("refused", {"model": "(other)"}) == ""
    assert behind("refused", {"period": "(none)"}) == ""
    assert behind("refused", {"hazard": "x"}) == ""
    assert behind("bill.spent_cost", {"model": "north-1"}) == "/exchanges?run=r&model=north-1"


@pytest.mark.parametrize(
    ("period", "first", "last"),
    [
        ("day", "2026-02-28", "2026-02-28"),
        ("week", "2026-02-23", "2026-03-01"),
        ("month", "2026-12-01", "2026-12-31"),
    ],
)
def test_a_period_is_its_days(period: str, first: str, last: str) -> None:
    asked = parse_qs(urlsplit(Behind("r", period)("refused", {"period": first})).query)
    assert (asked["from"], asked["to"]) == ([first], [last])


def test_use_cases_of_the_policy_find_their_exchanges_under_other_names(
    named: Ledger, client: TestClient
) -> None:
    (run,) = runs(named, kind="bill")
    medical = client.get(f"/api/exchanges?run={run.id}&use_case=medical&limit=1").json()["total"]
    held = client.get("/api/exchanges", params={"held_as": "body and mind", "limit": 500}).json()
    assert held["total"] == medical > 0
    assert {one["use_case"] for one in held["exchanges"]} == {"medical"}
    rows = pq.read_table(
        kept_outcomes(named, run.id), columns=["use_case", "model", "model_requested"]
    ).to_pylist()
    by_hand = sum(
        "north-2" in (one["model"], one["model_requested"]) and one["use_case"] != "medical" for one in rows
    )
    second = client.get("/api/exchanges", params={"held_as": "of one model", "limit": 1}).json()
    assert second["total"] == by_hand > 0, "the first use case has what is medical"
    assert client.get("/api/exchanges", params={"held_as": "no such"}).json()["total"] == 0
    page = client.get("/exchanges", params={"held_as": "body and mind"}).text
    assert "Use case of the policy" in page
    assert f"<b>{medical:,}</b> exchanges" in page


def test_a_policy_that_reads_texts_is_held_and_shown_under_its_names(
    tmp_path: Path, example_log: Path
) -> None:
    policy = tmp_path / "aligntax.toml"
    policy.write_text(BY_TEXT, "utf-8")
    ledger = open_ledger(tmp_path / "ledger")
    run = measure_logs(ledger, [str(example_log)], policy, keep_text=False, quiet=True)
    client = TestClient(make_app(ledger, Access(open_locally=True)), base_url="http://127.0.0.1")
    page = client.get("/").text
    (address,) = {one.replace("&amp;", "&") for one in re.findall(r'href="(/exchanges\?[^"]*)"', page)}
    assert f"run={run}" in address
    assert "from=" in address, "the budget is of seven days"
    doses = [
        one
        for one in measurements(ledger, run, component="completion_tax")
        if one.slice == {"use_case": "doses"}
    ]
    (figure,) = doses
    whole = client.get("/api/exchanges", params={"run": run, "held_as": "doses", "outcome": "tax"}).json()[
        "total"
    ]
    assert whole == round(figure.estimate.value * figure.estimate.n)
    assert 0 < counted(client, address) < whole
    assert verdicts(ledger)[0].run_id == run
    verdict = client.get(f"/verdicts/{verdicts(ledger)[0].id}").text
    assert address.replace("&", "&amp;") in verdict
    ledger.close()
