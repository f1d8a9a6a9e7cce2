"""What others wrote never runs, never leaves its place, and never breaks a page."""

import datetime as dt
import json
from collections.abc import Iterator
from pathlib import Path

import httpx
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from playwright.sync_api import sync_playwright

from aligntax.dashboard.security import Access
from aligntax.ledger.marks import add_mark
from aligntax.ledger.opened import Ledger, open_ledger
from aligntax.ledger.policies import keep_policy
from aligntax.ledger.runs import Origin, artefact, document, record_run, runs
from aligntax.ledger.watches import NewAlert, keep_state
from aligntax.records import Estimate, Measurement
from dashboard.dashboard_server import running

CHROMIUM = Path("/usr/bin/chromium")
HOSTILE = (
    "<script>window.hacked = 1</script>",
    '"><img src=x onerror="window.hacked = 1">',
    "' onmouseover='window.hacked = 1' x='",
    "javascript:window.hacked=1",
    "</title></style></svg><script>window.hacked = 1</script>",
    "{{ 7 * 7 }}{% raw %}",
    "abc\u202e\u2066txt.exe\u202c",
    "nul\x01esc\x1b[31m",
    "=HYPERLINK(1)",
    "x" * 1000,
)
EVERYTHING = " ".join(HOSTILE)
NOW = dt.datetime(2026, 11, 1, 12)


def figure(component: str, **where: str) -> Measurement:
    estimate = Estimate(value=0.2, low=0.1, high=0.3, level=0.95, n=400, unit="rate", method=EVERYTHING[:200])
    return Measurement(component=component, estimate=estimate, slice=where)


def outcomes(source: Path, target: Path) -> Path:
    """Real outcomes whose texts, ids and names are hostile; the first response is of a megabyte."""
    table = pq.read_table(source)
    n = len(table)
    names = [HOSTILE[at % len(HOSTILE)] for at in range(n)]
    responses = [EVERYTHING + "w" * 1_000_000, *names[1:]]
    for name in ("id", "use_case", "model", "model_requested", "evidence", "prompt"):
        table = table.set_column(table.schema.get_field_index(name), name, pa.array(names))
    table = table.set_column(table.schema.get_field_index("response"), "response", pa.array(responses))
    for name, value in (("evidence_start", 3), ("evidence_end", 20)):
        ends = pa.array([value] * n, pa.int32())
        table = table.set_column(table.schema.get_field_index(name), name, ends)
    pq.write_table(table, target)
    return target


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory, full_ledger: Ledger) -> Iterator[Ledger]:
    """A ledger in which everything that is a text is hostile."""
    home = tmp_path_factory.mktemp("hostile")
    source = next(
        path
        for run in runs(full_ledger, kind="bill")
        if (path := artefact(full_ledger, run.id, "outcomes.parquet"))
    )
    kept = outcomes(source, home / "outcomes.parquet")
    ledger = open_ledger(home / "ledger")
    for kind in ("bill", "frontier", "triggers", "stages", "drift", "correlate", EVERYTHING[:20]):
        found = runs(full_ledger, kind=kind, limit=1)
        contents = document(full_ledger, found[0].id) if found else {"notes": list(HOSTILE)}
        text = json.dumps(contents)
        for name in ("medical", "security", "north-1", "steady", "kill", "sft", "strict", "quiz"):
            text = text.replace(f'"{name}"', json.dumps(HOSTILE[len(name) % len(HOSTILE)] + name))
        figures = [
            figure(component, **where)
            for component in ("completion_tax", "refused", HOSTILE[0])
            for where in ({}, *({"use_case": name} for name in HOSTILE), {"model": HOSTILE[1]})
        ]
        record_run(
            ledger,
            json.loads(text) | {"schema": f"aligntax.{kind}/1", "notes": list(HOSTILE)},
            figures,
            title=EVERYTHING,
            origin=Origin(source=EVERYTHING, detector=HOSTILE[0], first=NOW, last=NOW, exchanges=616),
            created=NOW,
            files={"outcomes.parquet": kept} if kind == "bill" else None,
        )
    for text in HOSTILE:
        add_mark(ledger, "deploy", text, at=NOW, author=text)
    alert = NewAlert(
        at=NOW,
        use_case=HOSTILE[0],
        component=HOSTILE[1],
        kind="budget",
        document={"text": EVERYTHING},
        told=[],
    )
    keep_state(ledger, HOSTILE[0], {"turn": 1}, [alert])
    keep_policy(ledger, "\n".join(HOSTILE), author=HOSTILE[0], note=EVERYTHING)
    quoted = json.dumps(HOSTILE[0])
    keep_policy(
        ledger,
        f"version = 1\nservice = {quoted}\n[[use_case]]\nname = {quoted}\nmatch.use_case = [{quoted}]\n"
        '[[use_case.budget]]\ncomponent = "refused"\ndirection = "at_most"\nlimit = 0.1\n',
        author=HOSTILE[1],
    )
    yield ledger
    ledger.close()


@pytest.fixture(scope="module")
def address(hostile: Ledger) -> Iterator[str]:
    with running(hostile, Access(open_locally=True, rate=10_000, burst=10_000), show_text=True) as where:
        yield where


def paths(ledger: Ledger) -> list[str]:
    some = [f"/runs/{run.id}" for run in runs(ledger)]
    bill = runs(ledger, kind="bill", limit=1)[0].id
    pages = ["/", "/trend", "/frontier", "/triggers", "/checkpoints", "/runs", "/exchanges", "/policy"]
    named = [f"/trend?use_case={httpx.QueryParams({'a': name})}".replace("a=", "", 1) for name in HOSTILE[:5]]
    exchanges = [f"/exchanges/{bill}/{row}" for row in range(len(HOSTILE))]
    return [*pages, *some, *named, *exchanges, f"/compare?first={bill}&second={runs(ledger)[0].id}&anyway=1"]


@pytest.mark.browser
def test_nothing_runs_and_nothing_breaks(address: str, hostile: Ledger) -> None:
    """At the width of a telephone, where a long word would push the page out."""
    if not CHROMIUM.exists():
        pytest.skip("Chromium is not installed")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(CHROMIUM), args=["--no-sandbox"])
        page = browser.new_context(viewport={"width": 390, "height": 800}).new_page()
        said: list[str] = []
        page.on("console", lambda message: said.append(f"{page.url}: {message.text}"))
        page.on("dialog", lambda dialog: dialog.dismiss())
        for path in paths(hostile):
            answer = page.goto(address + path)
            assert answer is not None
            assert answer.status == 200, path
            assert page.evaluate("window.hacked") is None, path
            assert page.evaluate("document.documentElement.scrollWidth") <= 390, path
            assert page.evaluate("document.querySelectorAll('script, img, iframe, object').length") == 0, path
            assert page.evaluate("[...document.querySelectorAll('a')].every(a => a.protocol === 'http:')"), (
                path
            )
        assert said == []
        browser.close()


def test_unseen_characters_are_seen(address: str, hostile: Ledger) -> None:
    """A text that turns its direction around would show something else than it is."""
    with httpx.Client(base_url=address, timeout=60) as client:
        for path in paths(hostile):
            page = client.get(path).text
            assert not set(page) & set("\u202e\u2066\u202c\x01\x1b\x00"), path
            assert "49" not in page.partition("{{ 7 * 7 }}")[1]
            assert len(page) < 3_000_000, path


def test_charts_of_it_are_well_formed(address: str) -> None:
    from xml.etree import ElementTree

    with httpx.Client(base_url=address, timeout=60) as client:
        for chart in ("budgets", "trend", "frontier", "refusal-plane", "triggers", "checkpoints"):
            answer = client.get(f"/{chart}.svg")
            assert answer.status_code == 200, chart
            drawing = ElementTree.fromstring(answer.text)
            assert not [one for one in drawing.iter() if one.tag.endswith("script")]
            table = client.get(f"/{chart}.csv").text
            assert not any(
                cell.startswith(("=", "+", "@")) for line in table.splitlines() for cell in line.split(",")
            )


def test_a_megabyte_is_cut_with_its_evidence(address: str, hostile: Ledger) -> None:
    bill = runs(hostile, kind="bill", limit=1)[0].id
    page = httpx.get(f"{address}/exchanges/{bill}/0", timeout=60).text
    assert len(page) < 200_000
    assert "<mark>" in page
    assert "more characters are not shown" in page
