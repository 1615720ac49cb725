"""What an automated check of accessibility (axe-core) says of the pages, and what users do on them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from .conftest import ENDED, FAILED, LONG_PATIENCE, Site
from .visit import Visit

pytestmark = [pytest.mark.slow, pytest.mark.timeout(4000)]
PAGES = (
    "/",
    "/compare?run=ended&run=short",
    "/compare/trials?run=ended&trial=3&trial=5",
    "/runs/ended",
    "/runs/ended?figure=workers",
    f"/runs/ended/trials/{FAILED}",
    "/runs/ended/trials/3",
    "/runs/live/pareto",
    "/runs/broken",
    "/no/such/page",
)
# Of few trials: what is computed there has the lowest priority, and a busy machine leaves it little time.
COMPUTED = ("/runs/short?figure=matters", "/runs/short/predictor", "/runs/short/generator", "/runs/short/analyses")


def violations(visit: Visit) -> list[str]:
    """The serious and critical ones, each with the elements that it is about."""
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="needs axe-playwright-python")
    found = axe.Axe().run(visit.page).response["violations"]
    return [
        f"{one['id']}: {node['html'][:120]}"
        for one in found
        if one["impact"] in ("serious", "critical")
        for node in one["nodes"]
    ]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_no_page_breaks_a_serious_rule(chromium: Any, site: Site, scheme: str) -> None:
    with Visit(chromium, site.address, color_scheme=scheme) as visit:
        visit.go("/").get_by_role("link", name="live", exact=True).wait_for()
        found = {}
        for path in PAGES:
            visit.go(path)
            found[path] = violations(visit)
        assert found == {path: [] for path in PAGES}


def test_pages_that_compute_are_complete_fit_and_break_no_rule(chromium: Any, site: Site) -> None:
    with Visit(chromium, site.address) as visit, site.still():
        found = {}
        for path in COMPUTED:
            visit.page.goto(site.address + path)
            found[path, "computing"] = violations(visit)
            # What fails ends the wait as well, and is seen by there being no figure.
            visit.until("!document.querySelector('[data-poll]')", LONG_PATIENCE)
            assert visit.page.locator("[role=alert], .note.problem").all_inner_texts() == []
            visit.until("document.querySelector('[data-figure] .main-svg')")
            if path.endswith("/analyses"):
                for width, screens in ((390, 2 * 844), (1280, 2 * 900)):
                    visit.narrow() if width == 390 else visit.wide()
                    assert visit.page.evaluate("document.documentElement.scrollHeight") <= screens, width
                for name in ("two-choices", "card-effects", "card-bonag-marginal-0"):
                    visit.page.locator(f"#{name} > summary").click()
                    visit.until("!document.querySelector('[data-poll]')", LONG_PATIENCE)
                    visit.until(f"document.querySelector('#{name} [data-figure] .main-svg')")
            visit.drawn()
            found[path, 1280] = visit.faults()
            visit.page.emulate_media(color_scheme="dark")
            found[path, "computed"] = violations(visit)
            visit.page.emulate_media(color_scheme="light")
            found[path, 390] = visit.narrow().faults()
            visit.wide().wrong.clear()
        assert found == {key: [] for key in found}


def test_the_theme_follows_the_system_and_the_button(chromium: Any, site: Site) -> None:
    background = "getComputedStyle(document.body).backgroundColor"
    text = "getComputedStyle(document.querySelector('.plot .xtick text')).fill"
    with Visit(chromium, site.address, color_scheme="dark") as visit:
        page = visit.go("/runs/ended")
        dark, dark_text = page.evaluate(background), page.evaluate(text)
        page.get_by_role("button", name="Use the light theme").click()
        light = page.evaluate(background)
        assert light != dark
        visit.until(f"{text} !== '{dark_text}'")
        page = visit.go("/")
        assert page.evaluate(background) == light, "what was chosen is kept"
        assert visit.faults() == []


def test_a_table_sorts_filters_and_turns_its_pages(chromium: Any, site: Site) -> None:
    with Visit(chromium, site.address) as visit:
        page = visit.go("/runs/ended")
        page.evaluate("window.kept = true")
        numbers = page.locator("#trials tbody td:first-child")
        assert numbers.first.inner_text() == str(ENDED - 1)
        page.get_by_role("link", name="Next").click()
        page.get_by_text("page 2 of 3").wait_for()
        page.get_by_role("link", name="accuracy").click()
        page.locator("th[aria-sort]", has_text="accuracy").wait_for()
        values = [float(text) for text in page.locator("#trials tbody td:nth-child(3)").all_inner_texts()]
        assert len(values) == 50
        assert values == sorted(values, reverse=page.locator("th[aria-sort=descending]").count() == 1)
        page.get_by_label("Status").select_option("failed")
        visit.until("document.querySelectorAll('#trials tbody tr').length === 1")
        assert numbers.first.inner_text() == str(FAILED)
        page.get_by_label("Status").select_option("all")
        page.get_by_label("Text").fill("no such architecture")
        page.get_by_text("No trial matches.").wait_for()
        assert page.evaluate("window.kept")
        assert visit.faults() == []


def test_files_can_be_taken_along(chromium: Any, site: Site) -> None:
    with Visit(chromium, site.address) as visit:
        page = visit.go("/runs/ended")
        with page.expect_download() as saved:
            page.get_by_role("link", name="Download CSV").click()
        assert saved.value.suggested_filename == "ended.csv"
        assert len(Path(saved.value.path()).read_text().splitlines()) == ENDED + 1
        page = visit.go("/runs/ended/trials/3")
        page.locator("#make-python").click()
        with page.expect_download() as saved:
            page.locator("#get-python").click()
        assert "torch" in Path(saved.value.path()).read_text()
        assert visit.faults() == []


def test_no_column_of_the_list_is_clipped(chromium: Any, site: Site) -> None:
    with Visit(chromium, site.address) as visit:
        page = visit.go("/")
        box = "document.querySelector('.table-box')"
        assert page.evaluate(f"{box}.scrollWidth - {box}.clientWidth") == 0
        assert page.locator("svg.rise").count() == 4
        assert "hypervolume" in page.get_by_role("row", name="live").inner_text()


def test_a_figure_is_chosen_without_a_reload(chromium: Any, site: Site) -> None:
    with Visit(chromium, site.address) as visit:
        page = visit.go("/runs/ended")
        page.evaluate("window.kept = true")
        for words, label in (
            ("Workers", "at once"),
            ("Distribution", "median of each"),
            ("Time spent", "in proposals"),
        ):
            page.get_by_role("link", name=words).click()
            page.get_by_label(label).wait_for()
            assert page.get_by_role("link", name=words).get_attribute("aria-current") == "true"
            visit.drawn()
        page.get_by_text("What they are").click()
        page.get_by_text("Made up.").wait_for()
        assert page.evaluate("window.kept")
        assert visit.faults() == []


def test_ticked_trials_are_drawn_beside_each_other(chromium: Any, site: Site) -> None:
    with Visit(chromium, site.address) as visit:
        page = visit.go("/runs/ended/pareto?x=params&y=accuracy")
        for box in page.get_by_label("Compare trial").all()[:2]:
            box.check()
        page.get_by_role("button", name="Compare two ticked trials").click()
        page.get_by_role("heading", level=1, name="Two trials").wait_for()
        marks = page.locator("[data-differs] > g > rect")
        assert marks.count() >= 2
        bad = "getComputedStyle(document.querySelector('[data-differs] > g > rect')).stroke"
        assert page.evaluate(bad) == page.evaluate("getComputedStyle(document.querySelector('.bad')).color")
        page.get_by_label("Second trial").fill("5")
        page.get_by_role("button", name="Compare").click()
        page.get_by_role("link", name="trial 5").wait_for()
        assert visit.faults() == []


def test_ticked_runs_are_compared(chromium: Any, site: Site) -> None:
    with Visit(chromium, site.address) as visit:
        page = visit.go("/")
        for name in ("ended", "twin"):
            page.get_by_label(f"Compare {name}").check()
        page.get_by_role("button", name="Compare the ticked runs").click()
        page.get_by_role("heading", level=1, name="Compare 2 runs").wait_for()
        visit.until("document.querySelector('[data-figure] .main-svg')")
        page.get_by_label("One curve for each").select_option("run")
        page.get_by_role("heading", name="By run").wait_for()
        visit.until("document.querySelector('[data-figure] .main-svg')")
        page.get_by_label("Against").select_option("clock")
        page.get_by_text("time since the run began").wait_for()
        page.get_by_label("Show").select_option("distribution")
        page.get_by_text("share of trials (%)").wait_for()
        assert visit.faults() == []
