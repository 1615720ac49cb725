"""The pages in a real browser, while a search goes on."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from .conftest import EVIL, FAILED, Site, searching
from .visit import CONTROLS, Visit

pytestmark = [pytest.mark.timeout(1500), pytest.mark.slow]
LIGHT_PAGES = (
    "/",
    "/compare?run=ended&run=twin",
    "/compare?run=ended&run=short&show=distribution",
    "/compare?run=ended&run=short&x=clock",
    "/compare/trials?run=ended&trial=3&trial=5",
    "/compare/trials?trial=ended:3&trial=twin:5",
    "/runs/ended",
    "/runs/ended?figure=workers",
    "/runs/ended?figure=distribution",
    f"/runs/ended/trials/{FAILED}",
    "/runs/ended/trials/3",
    "/runs/ended/pareto?x=latency&y=accuracy",
)
WITHOUT = {"/no/such/page": 404, "/runs/nothing": 404, "/runs/ended/trials/9999": 404, "/runs/broken": 503}


@pytest.fixture(scope="module")
def live(chromium: Any, site: Site) -> Iterator[Visit]:
    """The page of the run that goes on, from its first trials on."""
    with Visit(chromium, site.address) as visit:
        visit.go("/").get_by_role("link", name="live", exact=True).click()
        visit.page.locator("#trial-3").wait_for()
        yield visit


@pytest.mark.usefixtures("live")
def test_every_page_is_complete_and_fits_a_desk_and_a_telephone(chromium: Any, site: Site) -> None:
    with Visit(chromium, site.address) as visit:
        found = {}
        for path in (*LIGHT_PAGES, "/runs/live", "/runs/live/pareto"):
            visit.go(path)
            found[path, 1280] = visit.faults()
            found[path, 390] = visit.narrow().faults()
            visit.wide().wrong.clear()
        assert found == {key: [] for key in found}


def test_pages_that_cannot_be_shown_say_so(chromium: Any, site: Site) -> None:
    with Visit(chromium, site.address, 390) as visit:
        for path, status in WITHOUT.items():
            answer = visit.page.goto(site.address + path)
            assert answer.status == status, path
            # That the answer is not 200 is on the console of every browser.
            visit.wrong = [text for text in visit.wrong if f"status of {status}" not in text]
            assert visit.faults() == [], path
            assert visit.page.get_by_role("link", name="All runs").is_visible()


@pytest.mark.slow
def test_a_run_that_goes_on_grows_on_its_page(live: Visit) -> None:
    page = live.page
    page.evaluate("window.kept = true")
    figure = "document.querySelector('[data-figure$=\"progress.json\"]')"
    drawn = f"Math.max(...({figure}.calcdata || []).flat().map((point) => point.x || 0), 0)"
    live.until(f"{drawn} > 1")
    last = page.evaluate(drawn)
    summary = page.evaluate(f"{figure}.getAttribute('aria-label')")
    page.locator(f"#trial-{last + 2}").wait_for()
    live.until(f"{drawn} > {last}")
    assert page.evaluate(f"{figure}.getAttribute('aria-label')") != summary
    assert page.locator("#live").inner_text() == "live"
    assert page.evaluate("window.kept"), "the page was loaded anew"
    assert live.faults() == []


@pytest.mark.slow
def test_the_list_keeps_up_with_a_new_run(chromium: Any, site: Site) -> None:
    with Visit(chromium, site.address) as visit:
        page = visit.go("/")
        page.evaluate("window.kept = true")
        with searching(site.folder, "newcomer", "--space", "nb201", "--strategy", "random", budget=3) as run:
            row = page.get_by_role("row", name="newcomer")
            row.wait_for()
            assert run.wait() == 0
            row.get_by_text("finished").wait_for()
        assert page.evaluate("window.kept")
        assert visit.faults() == []


def test_what_is_stored_is_text(chromium: Any, site: Site) -> None:
    with Visit(chromium, site.address) as visit:
        for path in ("/runs/ended?state=failed", f"/runs/ended/trials/{FAILED}"):
            page = visit.go(path)
            assert EVIL in page.locator("main").inner_text().replace("\n", "")
            assert page.title() != "run"
            assert page.locator("main img, main script").count() == 0
            assert visit.faults() == []


@pytest.mark.slow
def test_the_keyboard_reaches_everything_and_one_sees_where_it_is(chromium: Any, site: Site) -> None:
    with Visit(chromium, site.address) as visit:
        for path in ("/", "/runs/ended?state=failed", f"/runs/ended/trials/{FAILED}"):
            page = visit.go(path)
            page.keyboard.press("Tab")
            assert page.evaluate("document.activeElement.matches('a.skip')")
            for _ in range(page.evaluate(WALK, CONTROLS)):
                page.keyboard.press("Tab")
            assert page.evaluate(UNREACHED) == []
            assert page.evaluate("unseen") == []
        page.evaluate("window.kept = true")
        page.locator("a.skip").focus()
        page.keyboard.press("Enter")
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.closest('main') !== null")
        assert page.evaluate("window.kept"), "the page was loaded anew"


# Marks what the keyboard should reach, takes the marks away as it is reached, and keeps what then cannot be seen.
WALK = """(selector) => {
  const reachable = (one) => one.checkVisibility() && !one.disabled && one.tabIndex >= 0;
  const all = [...document.querySelectorAll(selector)].filter(reachable);
  for (const one of all) one.dataset.expected = "yes";
  window.unseen = [];
  const look = (one) => {
    one.removeAttribute("data-expected");
    const style = getComputedStyle(one), box = one.getBoundingClientRect();
    const shown = style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 1;
    const inside = box.bottom > 0 && box.top < innerHeight && box.right > 0 && box.left < innerWidth && box.width > 0;
    if (!shown || !inside) unseen.push(`${one.outerHTML.slice(0, 90)} ${style.outlineStyle} ${box.top} ${box.left}`);
  };
  look(document.activeElement);
  document.addEventListener("focusin", (event) => look(event.target));
  return all.length;
}"""
UNREACHED = "[...document.querySelectorAll('[data-expected]')].map((one) => one.outerHTML.slice(0, 90))"
