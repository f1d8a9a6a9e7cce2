"""The pages in a real browser: two widths, both colour schemes, by keyboard, heard, without scripts."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, sync_playwright

from aligntax.ledger.opened import Ledger
from aligntax.ledger.runs import runs
from aligntax.ledger.verdicts import verdicts

pytestmark = pytest.mark.browser
CHROMIUM = Path("/usr/bin/chromium")
PATHS = (
    "/",
    "/trend?use_case=medical",
    "/frontier",
    "/triggers",
    "/checkpoints",
    "/runs",
    "/runs/{bill}",
    "/runs/{frontier}",
    "/verdicts/{verdict}",
    "/compare?second={bill}",
    "/exchanges?outcome=tax",
    "/exchanges/{bill}/9",
    "/policy",
    "/nowhere",
)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    if not CHROMIUM.exists():
        pytest.skip("Chromium is not installed")
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=str(CHROMIUM), args=["--no-sandbox"])
        yield opened
        opened.close()


@pytest.fixture(scope="module")
def named(full_ledger: Ledger) -> dict[str, str]:
    """Names in paths -> keys of the ledger."""
    keys = {kind: runs(full_ledger, kind=kind, limit=1)[0].id for kind in ("bill", "frontier")}
    return keys | {"verdict": verdicts(full_ledger, limit=1)[0].id}


def opened(
    browser: Browser, url: str, *, width: int = 1280, scheme: str = "light", **options: object
) -> Page:
    """A page, open, that fails the test if anything is said on its console or would have been loaded."""
    context = browser.new_context(
        viewport={"width": width, "height": 900},
        color_scheme=scheme,  # type: ignore[arg-type]
        **options,  # type: ignore[arg-type]
    )
    page = context.new_page()
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.goto(url)
    expected = (
        "Failed to load resource: the server responded with a status of 404" if "nowhere" in url else "-"
    )
    assert [text for text in said if not text.startswith(expected)] == []
    return page


@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize("path", PATHS)
def test_no_page_is_wider_than_the_window(
    browser: Browser, address: str, named: dict[str, str], path: str, width: int
) -> None:
    """Under the strict policy of content, with nothing on the console."""
    page = opened(browser, address + path.format(**named), width=width)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    page.context.close()


@pytest.mark.slow
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("path", PATHS)
def test_axe_finds_nothing(
    browser: Browser, address: str, named: dict[str, str], path: str, scheme: str
) -> None:
    """Names, roles, contrast, order of headings, in both colour schemes."""
    page = opened(browser, address + path.format(**named), scheme=scheme, bypass_csp=True)
    for summary in page.query_selector_all("summary"):
        summary.click()
    found = Axe().run(page).response["violations"]
    told = [(one["id"], [node["html"][:160] for node in one["nodes"][:4]]) for one in found]
    assert told == []
    page.context.close()


def test_axe_finds_nothing_on_a_telephone(browser: Browser, address: str, named: dict[str, str]) -> None:
    for path in ("/", "/trend?use_case=medical", "/runs/{bill}", "/exchanges"):
        page = opened(browser, address + path.format(**named), width=390, bypass_csp=True)
        assert [one["id"] for one in Axe().run(page).response["violations"]] == []
        page.context.close()


def test_by_keyboard(browser: Browser, address: str) -> None:
    """The first stop is the way past the navigation; every stop is seen; forms are filled and sent."""
    page = opened(browser, f"{address}/trend?use_case=medical")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to content"
    box = page.locator(".skip").bounding_box()
    assert box is not None
    assert box["x"] >= 0
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "content"
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.name") == "use_case"
    page.keyboard.type("security")
    stops = []
    for _ in range(60):
        page.keyboard.press("Tab")
        stop = page.evaluate(
            "(() => { const e = document.activeElement; const s = getComputedStyle(e);"
            " return [e.tagName, e.textContent.trim().slice(0, 30), s.outlineStyle !== 'none']; })()"
        )
        if stop[0] == "BODY":
            break
        stops.append(stop)
    assert all(seen for _, _, seen in stops)
    assert ["BUTTON", "Show"] in [stop[:2] for stop in stops]
    page.get_by_role("button", name="Show").focus()
    page.keyboard.press("Enter")
    page.wait_for_url("**use_case=security**")
    page.context.close()


def test_without_scripts(browser: Browser, address: str) -> None:
    """Everything works: there are none. Colours change by a form, details open, filters filter."""
    page = opened(browser, f"{address}/exchanges", java_script_enabled=False)
    page.get_by_label("Outcome").select_option("refused")
    with page.expect_navigation():
        page.get_by_role("button", name="Show").click()
    assert page.locator(".tag.hedged").count() == 0
    assert page.locator(".tag.refused").count() > 10
    with page.expect_navigation():
        page.get_by_role("button", name="dark").click()
    assert page.locator("html").get_attribute("data-theme") == "dark"
    assert "outcome=refused" in page.url
    page.context.close()


def test_colours_follow_the_system_and_the_choice(browser: Browser, address: str) -> None:
    page = opened(browser, address, scheme="dark")
    ground = "getComputedStyle(document.body).backgroundColor"
    dark = page.evaluate(ground)
    with page.expect_navigation():
        page.get_by_role("button", name="light").click()
    light = page.evaluate(ground)
    assert dark != light
    with page.expect_navigation():
        page.get_by_role("button", name="dark").click()
    assert page.evaluate(ground) == dark
    page.context.close()


def test_printed(browser: Browser, address: str) -> None:
    """On paper there is no navigation and no form."""
    page = opened(browser, address)
    page.emulate_media(media="print")
    assert not page.locator("nav.pages").is_visible()
    assert not page.locator(".themes").is_visible()
    assert page.locator(".budgets").first.is_visible()
    page.context.close()


def test_a_reader_hears_what_a_chart_shows(browser: Browser, address: str) -> None:
    """Charts are pictures with a name; their figures stand in a table beside them."""
    page = opened(browser, f"{address}/trend?use_case=medical")
    chart = page.get_by_role("img", name="refused or hedged: medical")
    assert chart.count() == 1
    page.locator("summary").first.click()
    assert (
        page.get_by_role("region", name="Figures: refused or hedged: medical").locator("tbody tr").count()
        == 12
    )
    page.context.close()
