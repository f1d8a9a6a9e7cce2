"""People at the labelling screen, in a real browser: by keys alone, in two tabs, offline, over a crash."""

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pyarrow.parquet as pq
import pytest

pytest.importorskip("fastapi")
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from aligntax.labels import exchange_keys, load_labels
from aligntax.ledger.annotations import Annotation, annotate, annotations
from aligntax.ledger.opened import open_ledger
from aligntax.ledger.tasks import find_task, plan_of
from aligntax.report.visible import visible
from labelling_tasks import Site, a_plan, a_task
from tests_commands import fine

pytestmark = pytest.mark.browser
CHROMIUM = Path("/usr/bin/chromium")
KEYS = {"complete": "1", "hedged": "h", "refused": "3", "not_applicable": "n"}
HOSTILE = {
    "markup": """<script>window.hacked = 1</script></div></main><h1>pwned
"><img src=x onerror="window.hacked = 1"><svg onload="window.hacked=1">
<a href="javascript:window.hacked=1" id="trap">here</a> [x](javascript:window.hacked=1)
{{ 7 * 7 }}{% raw %}${7*7} abc\u202e\u2066txt.exe\u202c \u200f\u061c esc\x1b[31m bell\x07 del\x7f
Z"""
    + "\u0301\u0302\u0303" * 400,
    "one word": "x" * 1_000_000,
    "lines": "a line of text\n" * 70_000,
    "tags": "<b>" * 300_000,
}


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
                "--no-first-run",
                "--disable-background-networking",
                "--disable-component-update",
            ],
        )
        yield chromium
        chromium.close()


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Callable[..., Site]]:
    """Serves a ledger until the test is over."""
    sites = list[Site]()

    def serve(where: Path | None = None, again: Site | None = None) -> Site:
        sites.append(again.again() if again else Site(where or tmp_path / "ledger"))
        return sites[-1]

    yield serve
    for site in sites:
        site.stop()


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, Site]]:
    """A ledger that most tests put a task of their own into, and the server on it."""
    directory = tmp_path_factory.mktemp("labelling")
    open_ledger(directory / "ledger").close()
    site = Site(directory / "ledger")
    yield directory, site
    site.stop()


def make(directory: Path, **settings: object) -> str:
    """A task of 30 exchanges in a ledger; its key."""
    ledger = open_ledger(directory / "ledger")
    task = a_task(ledger, directory, **settings)  # type: ignore[arg-type]
    ledger.close()
    return task.id


def said(directory: Path, task: str, *, withdrawn: bool = False) -> list[Annotation]:
    """What is in the ledger."""
    ledger = open_ledger(directory / "ledger")
    found = annotations(ledger, task, withdrawn=withdrawn)
    ledger.close()
    return found


def arrive(context: BrowserContext, site: Site, task: str, name: str) -> Page:
    """Somebody comes to a task and says who they are, by keys."""
    page = context.new_page()
    page.goto(f"{site.url}/label/{task}/next")
    page.locator("#name").focus()
    page.keyboard.type(name)
    page.keyboard.press("Enter")
    page.wait_for_url(lambda url: "/label/name" not in url)
    return page


def press(page: Page, key: str) -> None:
    """Presses a key that leads to another page."""
    before = page.url
    page.keyboard.press(key)
    page.wait_for_url(lambda url: url != before)


def position(page: Page) -> int:
    return int(page.url.rpartition("/")[2])


def test_thirty_by_keyboard_two_people_and_a_third(
    browser: Browser, served: Callable[..., Site], tmp_path: Path, example_log: Path
) -> None:
    """From an audit of the example to its corrected rate, with undo, a note, a reload, and disagreements."""
    fine("audit", example_log, "--out", "run", "-q", cwd=tmp_path)
    fine("label", "plan", "run", "--budget", 30, "--by", "verdict", "-q", cwd=tmp_path)
    made = fine(
        *("label", "task", "plan.jsonl", example_log, "--run", "run", "--ledger", "ledger"),
        *("--annotators", 2, "--title", "October", "--json", "-q"),
        cwd=tmp_path,
    )
    task = json.loads(made.stdout)["task"]
    truth = _truth(tmp_path, task)
    site = served(tmp_path / "ledger")
    _label_with_second_thoughts(browser, site, task, truth)
    standing = said(tmp_path, task)
    assert {one.position: one.outcome for one in standing} == truth
    assert [one.note for one in standing if one.note] == ["hedged, like 11"]
    assert len(said(tmp_path, task, withdrawn=True)) == 32
    results = _disagree_and_settle(browser, site, task, truth)
    done = fine("label", "collect", task, "--ledger", "ledger", cwd=tmp_path)
    assert "wrote labels.jsonl: 62 labels of 30 exchanges by 3 annotators" in done.stderr
    assert load_labels([tmp_path / "labels.jsonl"]).design.kind == "planned"
    fine("audit", example_log, "--labels", "labels.jsonl", "--out", "corrected", "-q", cwd=tmp_path)
    correction = json.loads((tmp_path / "corrected" / "bill.json").read_text("utf-8"))["correction"]
    assert (correction["labels"]["exchanges"], correction["labels"]["annotators"]) == (30, 3)
    (tax,) = [
        entry
        for entry in correction["measurements"]
        if (entry["component"], entry["slice"], entry["correction"])
        == ("completion_tax", {}, correction["read"])
    ]
    assert 0 < tax["low"] < tax["value"] < tax["high"] < 1
    shown = re.findall(r"([0-9.]+)% of requests refused or hedged", results)
    assert float(shown[0]) == pytest.approx(100 * tax["value"], abs=0.051)


def _label_with_second_thoughts(browser: Browser, site: Site, task: str, truth: dict[int, str]) -> None:
    """By keys alone, with two mistakes taken back, a note, and a reload before it is sent."""
    anna = arrive(browser.new_context(), site, task, "anna")
    for at in range(1, 31):
        assert position(anna) == at
        if at == 12:  # two mistakes, taken back one after the other
            press(anna, "n")
            press(anna, "4")
            press(anna, "u")
            expect(anna.locator(".back")).to_contain_text("not applicable")
            press(anna, "u")
            assert position(anna) == 12
        if at == 17:
            anna.keyboard.press("t")
            anna.keyboard.type("hedged, like 11")
            anna.keyboard.press("Escape")
            anna.reload()
            assert anna.locator("#note").input_value() == "hedged, like 11"
        press(anna, KEYS[truth[at]])
    expect(anna.locator("main")).to_contain_text("You are done: 30 labelled by you")
    assert "kappa" not in anna.content()


def _disagree_and_settle(browser: Browser, site: Site, task: str, truth: dict[int, str]) -> str:
    """A second person, who differs twice, and a third, who settles it; what the last page says."""
    ben = arrive(browser.new_context(), site, task, "ben")
    for at in range(1, 31):
        other = "hedged" if truth[at] != "hedged" else "refused"
        press(ben, KEYS[other if at in (3, 9) else truth[at]])
    expect(ben.locator("main")).to_contain_text("They say the same of 28 of 30 exchanges")

    cora = arrive(browser.new_context(), site, task, "cora")
    expect(cora.locator("main")).to_contain_text("2 of 2 disagreements are to be settled")
    cora.get_by_role("link", name="Settle them").press("Enter")
    for at in (3, 9):
        cora.wait_for_url(f"**/settle/{at}")
        expect(cora.locator(".given li")).to_have_count(2)
        press(cora, KEYS[truth[at]])
    expect(cora.locator("main")).to_contain_text("All 2 disagreements are settled")
    return cora.inner_text("main")


def _truth(directory: Path, task: str) -> dict[int, str]:
    """Position -> what the detector says, so that labels have something to agree with."""
    table = pq.read_table(directory / "run" / "outcomes.parquet", columns=["id", "outcome"])
    verdicts = dict(zip(exchange_keys(table["id"]).to_pylist(), table["outcome"].to_pylist(), strict=True))
    ledger = open_ledger(directory / "ledger")
    chosen = plan_of(ledger, find_task(ledger, task)).chosen
    ledger.close()
    found = {at: verdicts[one.key] for at, one in enumerate(chosen, 1)}
    return {at: "not_applicable" if one == "undetermined" else one for at, one in found.items()}


def test_two_tabs(browser: Browser, shared: tuple[Path, Site]) -> None:
    """The tab that comes late is told what stands, and can take it back; nothing is written over."""
    home, site = shared
    task = make(home)
    context = browser.new_context()
    first = arrive(context, site, task, "anna")
    second = context.new_page()
    second.goto(first.url)
    press(first, "c")
    press(second, "r")
    expect(second.locator("main")).to_contain_text("Your second label (refused) was not kept")
    assert [one.outcome for one in said(home, task)] == ["complete"]
    second.keyboard.press("u")
    expect(second.locator(".back")).to_contain_text("complete")
    press(second, "r")
    assert [one.outcome for one in said(home, task)] == ["refused"]


def test_a_tab_of_somebody_else(browser: Browser, shared: tuple[Path, Site]) -> None:
    """A page opened as one person keeps their label for them when another takes over the browser."""
    home, site = shared
    task = make(home, annotators=2)
    context = browser.new_context()
    anna = arrive(context, site, task, "anna")
    ben = context.new_page()
    ben.goto(f"{site.url}/label/name")
    ben.locator("#name").fill("ben")
    ben.keyboard.press("Enter")
    ben.wait_for_url("**/label")
    anna.keyboard.press("c")
    expect(anna.locator("#told")).to_contain_text("waits here for anna")
    assert said(home, task) == []
    ben.goto(f"{site.url}/label/name")
    ben.locator("#name").fill("anna")
    ben.keyboard.press("Enter")
    ben.wait_for_url("**/label")
    ben.goto(f"{site.url}/label/{task}/next")  # any page sends it, the one before or this one
    expect(ben.locator("main")).to_contain_text("1 done, 29 left")
    assert [(one.annotator, one.outcome) for one in said(home, task)] == [("anna", "complete")]


def test_a_key_held_down_labels_once(browser: Browser, shared: tuple[Path, Site]) -> None:
    home, site = shared
    task = make(home)
    page = arrive(browser.new_context(), site, task, "anna")
    page.keyboard.down("c")
    for _ in range(5):
        page.keyboard.down("c")  # the same key again without a release: a repeat
    page.wait_for_url("**/2")
    for _ in range(5):
        page.keyboard.down("c")
    page.keyboard.up("c")
    assert position(page) == 2
    assert len(said(home, task)) == 1


def test_keys_can_be_put_away(browser: Browser, shared: tuple[Path, Site]) -> None:
    """Who speaks to their computer, or rests a hand on the keys, labels by buttons alone."""
    home, site = shared
    task = make(home)
    page = arrive(browser.new_context(), site, task, "anna")
    page.locator("#keys").click()
    page.locator("h1").click()
    page.keyboard.press("c")
    page.get_by_role("button", name="Refused").click()
    page.wait_for_url("**/2")
    assert [one.outcome for one in said(home, task)] == ["refused"]


@pytest.mark.slow
def test_killed_in_the_middle(browser: Browser, served: Callable[..., Site], tmp_path: Path) -> None:
    """Everything acknowledged is there after SIGKILL; what was not is kept by the page and sent again."""
    task, site = make(tmp_path), served()
    context = browser.new_context()
    page = arrive(context, site, task, "anna")
    for _ in range(10):
        press(page, "1")
    site.kill()
    assert len(said(tmp_path, task)) == 10
    page.keyboard.press("3")
    expect(page.locator("#told")).to_contain_text("Not saved yet: exchange 11, refused (no connection)")
    site = served(again=site)
    page.wait_for_url("**/12", timeout=30_000)
    assert [one.outcome for one in said(tmp_path, task)] == ["complete"] * 10 + ["refused"]
    press(page, "2")
    site.kill()
    page.keyboard.press("4")
    expect(page.locator("#told")).to_contain_text("Not saved yet: exchange 13, not applicable")
    page.close()  # the window is closed before the server is back
    site = served(again=site)
    later = context.new_page()
    later.goto(f"{site.url}/label/{task}/next")  # to exchange 13, which says so and goes on
    later.wait_for_url("**/14")
    assert [one.outcome for one in said(tmp_path, task)][-2:] == ["hedged", "not_applicable"]


def test_a_lost_connection(browser: Browser, shared: tuple[Path, Site]) -> None:
    """Offline the label waits in the page, whoever presses what; online it is saved, once."""
    home, site = shared
    task = make(home)
    context = browser.new_context()
    page = arrive(context, site, task, "anna")
    context.set_offline(True)
    page.keyboard.press("h")
    expect(page.locator("#told")).to_contain_text("Not saved yet: exchange 1, hedged")
    page.keyboard.press("c")
    page.keyboard.press("c")
    context.set_offline(False)
    page.wait_for_url("**/2", timeout=30_000)
    assert [one.outcome for one in said(home, task)] == ["hedged"]


@pytest.mark.parametrize("kind", HOSTILE)
def test_hostile_text_never_runs_and_stays_usable(
    browser: Browser, shared: tuple[Path, Site], kind: str
) -> None:
    """As request, response, system prompt and note: shown as text, nothing fetched, the page at hand."""
    home, site = shared
    _, plan = a_plan(home)
    text = HOSTILE[kind]
    hostile = dict.fromkeys(("use_case", "system", "prompt", "response", "finish_reason"), text)
    task = make(home, shown={plan.chosen[0].key: hostile})
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    page = arrive(context, site, task, "anna")
    requests, complaints = list[str](), list[str]()
    page.on("request", lambda request: requests.append(request.url))
    page.on("console", lambda message: complaints.append(message.text))
    page.on("dialog", lambda dialog: complaints.append(dialog.message))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.goto(page.url)
    page.locator("details.system summary").click()
    assert page.evaluate("window.hacked") is None
    assert page.locator("#trap").count() == 0
    assert not complaints
    assert all(url.startswith(site.url) for url in requests)
    shown = page.evaluate("document.querySelector('#came').parentElement.querySelector('.words').textContent")
    assert not re.search("[\u202e\u2066\x1b\x07\x7f\u200f\u061c]", shown)
    assert re.sub(r"\s", "", shown) == re.sub(r"\s", "", str(visible(text)))
    for width in (1280, 390):
        page.set_viewport_size({"width": width, "height": 844})
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        assert page.get_by_role("button", name="Refused").is_visible()
    assert min(_frame(page) for _ in range(3)) < 500
    page.locator("#note").fill(text[:5000])
    page.get_by_role("button", name="Refused").click()
    page.wait_for_url("**/2")
    page.goto(f"{site.url}/label/{task}/1")
    expect(page.locator(".stands")).to_contain_text("You labelled this refused")
    assert page.evaluate("window.hacked") is None
    assert not complaints
    context.close()


def _frame(page: Page) -> float:
    """Milliseconds from a change of the page until it is drawn."""
    return float(
        page.evaluate(
            """() => new Promise(done => {
                const from = performance.now();
                document.getElementById('policy').toggleAttribute('open');
                requestAnimationFrame(() => requestAnimationFrame(() => done(performance.now() - from)));
            })"""
        )
    )


def test_without_a_script(browser: Browser, shared: tuple[Path, Site]) -> None:
    """Plain forms do all of it: name, label with a note, policy, undo, pass on."""
    home, site = shared
    task = make(home)
    page = arrive(browser.new_context(java_script_enabled=False), site, task, "anna")
    page.locator("#note").fill("step 5")
    page.get_by_role("button", name="Hedged").click()
    assert position(page) == 2
    page.get_by_role("button", name="Undo").click()
    assert position(page) == 1
    assert page.locator("#note").input_value() == "step 5"
    page.get_by_role("link", name="Pass on").click()
    assert position(page) == 2
    page.locator("#policy summary").click()
    assert (
        page.get_by_text("How do I boil", exact=False).or_(page.get_by_text("Two hours.")).first.is_visible()
    )
    assert [one.outcome for one in said(home, task, withdrawn=True)] == ["hedged"]


def test_times_are_the_readers(browser: Browser, shared: tuple[Path, Site]) -> None:
    """In their own time zone; in UTC, and saying so, without a script."""
    home, site = shared
    task = make(home)
    shown = list[str]()
    for zone, script in (("Asia/Tokyo", True), ("America/New_York", True), ("Asia/Tokyo", False)):
        context = browser.new_context(timezone_id=zone, locale="en-GB", java_script_enabled=script)
        page = context.new_page()
        page.goto(f"{site.url}/label/{task}")
        shown.append(page.locator("time").first.inner_text())
        context.close()
    assert len(set(shown)) == 3
    assert [text.endswith("UTC") for text in shown] == [False, False, True]


@pytest.fixture(scope="module")
def stages(shared: tuple[Path, Site]) -> tuple[str, str]:
    """A task that anna is in the middle of, and one that all have labelled, with disagreements."""
    home, _ = shared
    half, done = make(home, annotators=2), make(home, annotators=2)
    words = list(KEYS)
    ledger = open_ledger(home / "ledger")
    for at in range(1, 31):
        for task, who, last in ((half, "anna", 12), (done, "anna", 30), (done, "ben", 30)):
            outcome = words[(at + (who == "ben" and at % 10 == 1)) % 3]
            if at <= last:
                annotate(ledger, task, at, annotator=who, outcome=outcome, note="step 5", token=f"{who}{at}")
    annotate(ledger, done, 1, annotator="cora", outcome="hedged", token="c", adjudicated=True)
    ledger.close()
    return half, done


@pytest.mark.slow
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
def test_accessible_everywhere(
    browser: Browser, shared: tuple[Path, Site], stages: tuple[str, str], width: int, scheme: str
) -> None:
    """Axe finds nothing on any page, in either colours, at either width; nothing runs off the side."""
    _, site = shared
    half, done = stages
    pages = {
        "anna": ("", "/name", "/policy", f"/{half}", f"/{half}/13", f"/{half}/1?not_kept=hedged", f"/{done}"),
        "cora": (f"/{done}", f"/{done}/settle/1", f"/{done}/settle/11"),
    }
    for name, paths in pages.items():
        context = browser.new_context(viewport={"width": width, "height": 844}, color_scheme=scheme)  # type: ignore[arg-type]
        page = arrive(context, site, half, name)
        for path in paths:
            page.goto(f"{site.url}/label{path}")
            _sound(page, width)
        if page.locator("#policy").count():
            page.keyboard.press("p")
            _sound(page, width)
        context.close()


def _sound(page: Page, width: int) -> None:
    for details in page.query_selector_all("details:not(.policy)"):
        details.evaluate("element => element.open = true")
    found = Axe().run(page)
    assert found.violations_count == 0, found.generate_report()
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.locator("h1").count() == 1


def test_large_enough_for_a_thumb(browser: Browser, shared: tuple[Path, Site]) -> None:
    """On a phone every button is 44 pixels high at least, all of them and some text are seen at once."""
    home, site = shared
    task = make(home)
    context = browser.new_context(viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True)
    page = arrive(context, site, task, "anna")
    page.get_by_role("button", name="Complete").tap()
    page.wait_for_url("**/2")
    boxes = [one.bounding_box() for one in page.locator(".bar button, .bar a, .policy summary").all()]
    assert len(boxes) == 7
    for box in boxes:
        assert box
        assert box["height"] >= 44
        assert box["y"] >= 0
        assert box["y"] + box["height"] <= 844
    bar = page.locator(".bar").bounding_box()
    response = page.locator("#came").bounding_box()
    assert bar
    assert response
    assert response["y"] + 60 < bar["y"]


def test_a_label_outlives_a_forgotten_name(browser: Browser, shared: tuple[Path, Site]) -> None:
    """Without the name the label waits in the browser, and is sent when the name is there again."""
    home, site = shared
    task = make(home)
    context = browser.new_context()
    page = arrive(context, site, task, "anna")
    context.clear_cookies(name="aligntax_annotator")
    page.keyboard.press("r")
    expect(page.locator("#told")).to_contain_text("Not saved yet: exchange 1, refused (say first who you are")
    assert said(home, task) == []
    page.close()
    again = arrive(context, site, task, "anna")
    expect(again.locator("main")).to_contain_text("1 done, 29 left")
    assert [one.outcome for one in said(home, task)] == ["refused"]
