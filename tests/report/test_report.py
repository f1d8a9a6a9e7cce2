"""The HTML report: one safe file that opens offline, in a real browser, at desktop and phone width."""

import datetime as dt
import io
import itertools
import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, sync_playwright
from rich.console import Console

from aligntax.report.bill import SCHEMA
from aligntax.report.figures import WAYS
from aligntax.report.html import save_html
from aligntax.report.terminal import print_bill

CHROMIUM = Path("/usr/bin/chromium")
HOSTILE = (
    "<script>window.hacked = 1</script>",
    '"><img src=x onerror="window.hacked = 1">',
    "javascript:window.hacked=1",
    "</style><script>window.hacked = 1</script>",
    "{{ 7 * 7 }}{% raw %}",
    "abc\u202e\u2066txt.exe\u202c",
    "nul\x00esc\x1b[31m",
    "x" * 100_000,
)


def measurement(component: str, value: float | None, **where: str) -> dict[str, Any]:
    """A measurement as it stands in a document."""
    unit = "rate"
    if component.startswith("bill."):
        unit = "usd" if "cost" in component else "tokens" if "tokens" in component else "exchanges"
    return {
        "component": component,
        "slice": where,
        "small": False,
        "value": value,
        "low": None if value is None else value * 0.8,
        "high": None if value is None else value * 1.2,
        "level": 0.95,
        "n": 0 if value is None else 400,
        "labelled": 0,
        "clusters": None,
        "unit": unit,
        "method": "Wilson score",
        "reason": "the log kept no text" if value is None else "",
    }


def document(*, value: float | None = 0.2, use_cases: tuple[str, ...] = ("medical",), **about: Any) -> dict:
    """A document with the same value everywhere."""
    names = ("completion_tax", "refused", "hedged", "cannot", "undetermined")
    rates = (*names, "symptom.apology", "layer.model", "fallback", "delay.share")
    bills = ("bill.refused", "bill.hedged", "bill.retries", "bill.caveat_tokens", "bill.wasted_cost")
    measurements = [measurement(n, value) for n in (*rates, *bills, "delay.p90", "length.median")]
    for use_case in use_cases:
        measurements += [measurement(n, value, use_case=use_case) for n in names]
        measurements += [measurement(n, value, use_case=use_case, model="m-1") for n in names]
    for week in ("2026-10-05", "2026-10-12", "2026-10-26"):
        measurements += [measurement(n, value, model="m-1", period=week) for n in names]
    return {
        "schema": SCHEMA,
        "aligntax": "0.1.0",
        "created": dt.datetime(2026, 11, 1, tzinfo=dt.UTC).isoformat(),
        "about": {
            "files": ["log.jsonl: tabular"],
            "detector": "cascade",
            "detector_version": "1",
            "level": 0.95,
            "period": "week",
            "first": "2026-10-05T08:00:00",
            "last": "2026-11-01T08:00:00",
            "days": 27.0,
            "exchanges": 400,
            "traffic": 1.0,
            "clustered": False,
            "prices": "the bundled table",
            "seconds": 1.0,
            **about,
        },
        "reading": {"records": 401, "exchanges": 400, "skipped": 1, "problems": []},
        "notes": ["a note"],
        "measurements": measurements,
        "month": 1.1,
        "examples": [
            {
                "use_case": use_case,
                "outcome": "refused",
                "layer": "model",
                "evidence": "I can't help with that.",
                "count": 3,
                "id": "x1",
            }
            for use_case in use_cases
        ],
    }


def corrected_document(way: str = "powered", **about: Any) -> dict:
    """A document whose rates are corrected: by labels, or by a published error."""
    contents = document(labelling_policy="1", **about)
    ways = ("published",) if way == "published" else ("labels", "powered")
    rates = ("completion_tax",) if way == "published" else ("completion_tax", "refused", "hedged", "complete")
    slices: tuple[dict[str, str], ...] = (
        {},
        {"use_case": "medical"},
        {"use_case": "medical", "model": "m-1"},
    )
    entries = [
        measurement(rate, 0.25 + 0.01 * at, **where) | {"correction": name, "labelled": 100}
        for at, name in enumerate(ways)
        for rate in rates
        for where in slices
    ]
    alpha = measurement("agreement", 0.8) | {"unit": "agreement"}
    facts = {
        "exchanges": 100,
        "not_applicable": 4,
        "annotators": 2,
        "shared": 60,
        "agreement": {key: alpha[key] for key in alpha if key not in ("component", "slice", "small")},
        "policy_version": "1",
        "design": "planned",
        "population": 400,
    }
    contents["correction"] = {
        "read": way,
        "why": "a reason",
        "labels": None if way == "published" else facts,
        "notes": ["a caution"],
        "measurements": entries,
    }
    return contents


def hostile_correction() -> dict:
    """A corrected document with hostile text wherever a file's text can stand."""
    contents = corrected_document()
    correction = contents["correction"]
    correction |= {"why": HOSTILE[0], "notes": list(HOSTILE)}
    correction["labels"] |= {"policy_version": HOSTILE[0], "design": HOSTILE[-1]}
    return contents


def hostile_document() -> dict:
    """A document with hostile text wherever a log's text can stand."""
    contents = document(use_cases=HOSTILE, files=list(HOSTILE), detector=HOSTILE[0], prices=HOSTILE[1])
    contents["notes"] = list(HOSTILE)
    contents["reading"]["problems"] = [
        {"file": text, "line": 3, "cause": text, "unit": "line"} for text in HOSTILE
    ]
    for example, text in zip(contents["examples"], HOSTILE, strict=True):
        example |= {"evidence": text, "id": text, "layer": text}
    for entry in contents["measurements"]:
        entry["slice"] = {key: HOSTILE[0] if key == "model" else v for key, v in entry["slice"].items()}
    return contents


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    if not CHROMIUM.exists():
        pytest.skip(f"no browser at hand: {CHROMIUM} is missing")
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(
            executable_path=str(CHROMIUM),
            args=[
                "--no-sandbox",
                "--disable-gpu",
                "--disable-quic",
                "--no-first-run",
                "--disable-background-networking",
                "--disable-component-update",
                "--disable-sync",
            ],
        )
        yield chromium
        chromium.close()


def saved(contents: dict, directory: Path) -> Path:
    """The report of a document."""
    json.dumps(contents)  # a document is plain values
    path = directory / "report.html"
    save_html(contents, path)
    return path


@pytest.mark.browser
@pytest.mark.parametrize("hostile", [hostile_document, hostile_correction])
def test_hostile_text_never_runs(browser: Browser, tmp_path: Path, hostile: Callable[[], dict]) -> None:
    """Scripts, handlers, templates and overrides in a log are shown as text, and nothing is fetched."""
    path = saved(hostile(), tmp_path)
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    requests, complaints = [], []
    page.on("request", lambda request: requests.append(request.url))
    page.on("console", lambda message: complaints.append(message.text))
    page.on("dialog", lambda dialog: complaints.append(dialog.message))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.goto(path.as_uri())
    for details in page.query_selector_all("details"):
        details.evaluate("element => element.open = true")
    assert page.evaluate("window.hacked") is None
    assert [url for url in requests if not url.startswith("data:")] == [path.as_uri()]
    assert not complaints
    text = page.inner_text("body")
    assert "<script>window.hacked = 1</script>" in text
    assert "{{ 7 * 7 }}{% raw %}" in text
    assert "49{" not in text
    assert not re.search("[\u202e\u2066\x00\x1b]", text)
    page.close()


@pytest.mark.browser
@pytest.mark.parametrize("width", [360, 390, 768, 1280])
@pytest.mark.parametrize("kind", ["plain", "hostile", "many", "corrected", "published", "hostile correction"])
def test_nothing_runs_off_the_side(browser: Browser, tmp_path: Path, width: int, kind: str) -> None:
    """At phone, tablet and desktop width the page never scrolls sideways, whatever the names."""
    contents = {
        "plain": document,
        "hostile": hostile_document,
        "corrected": corrected_document,
        "published": lambda: corrected_document("published"),
        "hostile correction": hostile_correction,
        "many": lambda: document(use_cases=tuple(f"use case {n}" for n in range(300))),
    }[kind]()
    page = browser.new_page(viewport={"width": width, "height": 800})
    page.goto(saved(contents, tmp_path).as_uri())
    for details in page.query_selector_all("details"):
        details.evaluate("element => element.open = true")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    page.close()


@pytest.mark.browser
@pytest.mark.parametrize("width", [360, 1280])
def test_numbers_stand_on_one_line(browser: Browser, tmp_path: Path, width: int) -> None:
    """No figure is broken into pieces to fit a column, also on a phone; wide tables scroll by themselves."""
    page = browser.new_page(viewport={"width": width, "height": 800})
    page.goto(saved(document(), tmp_path).as_uri())
    for details in page.query_selector_all("details"):
        details.evaluate("element => element.open = true")
    heights = page.eval_on_selector_all("td.num b", "all => all.map(b => b.getClientRects().length)")
    assert heights
    assert set(heights) == {1}
    page.close()


@pytest.mark.browser
def test_the_page_has_an_outline(browser: Browser, tmp_path: Path) -> None:
    """One h1, sections with headings in order, tables with header cells, charts with a text of their own."""
    page = browser.new_page()
    page.goto(saved(document(), tmp_path).as_uri())
    levels = page.eval_on_selector_all("h1, h2, h3, h4", "all => all.map(h => Number(h.tagName[1]))")
    assert levels.count(1) == 1
    assert all(after <= before + 1 for before, after in itertools.pairwise(levels))
    assert page.evaluate("[...document.querySelectorAll('table')].every(t => t.querySelector('th'))")
    charts = "[...document.querySelectorAll('svg:not([aria-hidden])')]"
    assert page.evaluate(f"{charts}.every(chart => chart.querySelector('title'))")
    page.close()


def test_no_script_and_no_address(tmp_path: Path) -> None:
    """The file has a content policy, no script, no inline style and no address to load from."""
    html = saved(document(), tmp_path).read_text("utf-8")
    assert "default-src &#39;none&#39;" in html or "default-src 'none'" in html
    assert "<script" not in html
    assert " style=" not in html
    assert not re.search(r"(src|href)=\"https?:", html)


def test_what_is_unknown_says_why(tmp_path: Path) -> None:
    """Without a single figure the report still stands, and says why there is none."""
    html = saved(document(value=None), tmp_path).read_text("utf-8")
    assert "the log kept no text" in html
    assert "nan" not in re.sub(r"<style>.*?</style>", "", html, flags=re.DOTALL).lower().split()


@pytest.mark.parametrize(
    "about", [{"first": None, "last": None, "period": None, "days": None}, {"level": 0.8}]
)
def test_sparse_documents(tmp_path: Path, about: dict[str, Any]) -> None:
    """A log without times, or another level, gives a report without holes."""
    contents = document(**about)
    if about.get("first", 0) is None:
        contents["month"] = None
        contents["measurements"] = [m for m in contents["measurements"] if "period" not in m["slice"]]
    html = saved(contents, tmp_path).read_text("utf-8")
    assert "None" not in re.sub(r"<[^>]*>", "", html)


def test_figures_stand_with_their_interval(tmp_path: Path) -> None:
    """The headline and the bill show value and both ends."""
    html = saved(document(), tmp_path).read_text("utf-8")
    for words in ("20.0%", "16.0% to 24.0%"):
        assert words in html


@pytest.mark.parametrize("way", ["labels", "powered", "published"])
def test_corrected_rates_lead(tmp_path: Path, way: str) -> None:
    """The headline is the figure to read, the raw one stands beside it, and each says what it rests on."""
    contents = corrected_document(way)
    html = saved(contents, tmp_path).read_text("utf-8")
    value = "26.0%" if way == "powered" else "25.0%"
    assert f'<p class="big">{value}</p>' in html
    apart = "6.0" if way == "powered" else "5.0"
    assert f"The raw detector says 20.0% (16.0% to 24.0%), {apart} points below that." in html
    for words in WAYS.values() if way != "published" else (WAYS["raw"], WAYS["published"]):
        assert f'<th scope="row">{words}</th>' in html or words == WAYS["published"]
    assert "a caution" in html
    assert "no figure here is corrected" not in html
    assert html.count("Raw detector rates.") >= 4


def test_labels_tell_what_they_are(tmp_path: Path) -> None:
    """How many, of how many, by whom, under which policy, and how far annotators agree."""
    text = re.sub(r"<[^>]*>", "", saved(corrected_document(), tmp_path).read_text("utf-8"))
    for words in (
        "100 of 400 exchanges, chosen by a plan",
        "2 people, under version 1 of the labelling policy",
        "alpha 0.80 (0.64 to 0.96) on 60 exchanges",
    ):
        assert words in text


def test_the_terminal_leads_with_the_corrected_rate() -> None:
    """At 80 columns: the figure to read, the raw one and how far apart, three ways a rate, the cautions."""
    console = Console(width=80, file=io.StringIO(), highlight=False)
    print_bill(corrected_document(), console)
    text = console.file.getvalue()
    assert max(map(len, text.split("\n"))) <= 80
    assert "26.0% of requests refused or hedged  (20.8% to 31.2%)  prediction-powered" in text
    assert "20.0% says the raw detector  (16.0% to 24.0%): 6.0 points below that" in text
    assert re.search(r"refused or hedged +20.0% +16-24% +25.0% +20-30% +26.0% +21-31%", text)
    assert "- a caution" in text
    assert "By use case, raw detector" in text


def test_the_terminal_without_labels_is_raw() -> None:
    console = Console(width=80, file=io.StringIO(), highlight=False)
    print_bill(document(), console)
    text = console.file.getvalue()
    assert "rates are not corrected by labels" in text
    assert "Corrected" not in text
