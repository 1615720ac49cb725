"""A report in a real browser that has no network."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bonag.record import create_record
from bonag.ui.report import choose_run, write_report
from bonag.ui.sources import open_source
from loops.config import RunConfig
from loops.history import TrialStatus

from .conftest import made_trials, write

CHROMIUM = shutil.which("chromium") or "/usr/bin/chromium"
EVIL = "</script><img src=x onerror=\"document.title='run'\">"


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    sync_api = pytest.importorskip("playwright.sync_api", reason="needs playwright")
    if not Path(CHROMIUM).exists():
        pytest.skip(f"needs Chromium: {CHROMIUM} is not there (apt-get install chromium)")
    with sync_api.sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield opened
        opened.close()


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of a run of two goals in which a trial failed."""
    place = tmp_path_factory.mktemp("report")
    goals = ("accuracy", "-latency")
    config = RunConfig(name="a-run", space="nb201", evaluator="table", objective=goals, constraints=("latency<=5",))
    trials = made_trials(30)
    trials[4] = replace(trials[4], status=TrialStatus.FAILED, metrics={}, reason=EVIL)
    with create_record(place, config, "Made up.") as record:
        write(record, trials)
    source = open_source(str(place / "a-run"))
    write_report(source, choose_run(source), place / "report.html", predictor=False)
    return place / "report.html"


class Visit:
    """The report as it is open, with all that the browser said and asked for."""

    def __init__(self, browser: Any, path: Path, **options: Any) -> None:
        self.context = browser.new_context(offline=True, **options)
        self.page = self.context.new_page()
        self.said: list[str] = []
        self.asked: list[str] = []
        self.page.on("console", lambda message: self.said.append(message.text))
        self.page.on("pageerror", lambda error: self.said.append(str(error)))
        self.page.on("request", lambda request: self.asked.append(request.url))
        self.page.goto(path.as_uri())

    def drawn(self) -> int:
        """The number of figures, once all are drawn."""
        self.page.locator("[data-figure]:not([data-drawn])").first.wait_for(state="detached", timeout=300_000)
        return int(self.page.locator(".js-plotly-plot:has(.main-svg)").count())

    def column(self, number: int) -> list[str]:
        """What the visible rows have in a column."""
        return list(self.page.locator(f"#trial-table tbody tr:visible td:nth-child({number})").all_inner_texts())


@pytest.fixture(scope="module")
def visit(browser: Any, report: Path) -> Iterator[Visit]:
    opened = Visit(browser, report, viewport={"width": 1280, "height": 900})
    yield opened
    opened.context.close()


def test_it_draws_all_its_figures_and_asks_for_nothing(visit: Visit, report: Path):
    assert visit.drawn() == 3
    assert visit.said == []
    assert visit.asked == [report.as_uri()]


def test_what_a_reason_says_does_not_run(visit: Visit):
    visit.drawn()
    assert visit.page.locator("#trial-4 .reason").text_content() == EVIL
    assert visit.page.title() == "a-run · bonag report"


@pytest.mark.slow
def test_its_table_sorts_and_filters(visit: Visit):
    page = visit.page
    page.get_by_role("button", name="latency").click()
    values = [float(text) for text in visit.column(4) if text != "–"]
    assert values == sorted(values, reverse=True)
    assert visit.column(1)[-1] == "4"
    heading = page.get_by_role("columnheader", name="latency")
    assert heading.get_attribute("aria-sort") == "descending"
    page.keyboard.press("Enter")
    assert heading.get_attribute("aria-sort") == "ascending"
    assert visit.column(1)[:3] == ["0", "1", "2"]
    page.get_by_label("Status").select_option("failed")
    assert visit.column(1) == ["4"]
    assert page.get_by_role("status").inner_text() == "1 of 30, sorted by latency, ascending"
    page.get_by_label("Status").select_option("infeasible")
    assert visit.column(1) == [str(index) for index in range(17, 30)]
    page.get_by_label("Text").fill("no such word")
    assert visit.column(1) == []
    # Whoever is sent to a trial finds it there.
    page.locator("a[href='#trial-0']").first.click()
    page.locator("#trial-29").wait_for(state="visible")
    assert len(visit.column(1)) == 30


def test_its_csv_can_be_saved(visit: Visit):
    with visit.page.expect_download() as saved:
        visit.page.get_by_role("button", name="Download CSV").click()
    assert saved.value.suggested_filename == "a-run.csv"
    assert len(Path(saved.value.path()).read_text().splitlines()) == 31


@pytest.mark.slow
def test_it_fits_a_telephone_and_has_a_dark_theme(browser: Any, report: Path):
    visit = Visit(browser, report, viewport={"width": 390, "height": 800}, color_scheme="dark")
    assert visit.drawn() == 3
    assert visit.page.evaluate("document.documentElement.scrollWidth") <= 390
    background = "getComputedStyle(document.body).backgroundColor"
    dark = visit.page.evaluate(background)
    visit.page.get_by_role("button", name="Use the light theme").click()
    assert visit.page.evaluate(background) != dark
    assert visit.said == []
    visit.context.close()


@pytest.mark.slow
def test_without_script_all_trials_can_be_read(browser: Any, report: Path):
    visit = Visit(browser, report, java_script_enabled=False)
    assert visit.page.locator("#trial-table tbody tr").count() == 30
    assert visit.page.locator("noscript p:visible").count() == 3
    assert not visit.page.get_by_role("button", name="Download CSV").is_visible()
    visit.context.close()


@pytest.mark.slow
def test_it_can_be_printed_and_is_as_before_afterwards(visit: Visit, tmp_path: Path):
    visit.drawn()
    visit.page.pdf(path=tmp_path / "a.pdf", format="A4", print_background=True)
    assert (tmp_path / "a.pdf").read_bytes().startswith(b"%PDF")
    assert visit.page.locator(".main-svg[viewBox]").count() == 0
    assert visit.page.locator("html[data-theme]").count() == 0
