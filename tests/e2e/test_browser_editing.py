"""What may be changed from the pages, in a real browser, of a search in another process."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

import bonag
from bonag.record import read_record
from bonag.record.note_rows import Note
from loops.ending import RunState

from .conftest import PATIENCE, SHORT, make_run, searching, serving
from .test_browser_access import violations
from .visit import Visit

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1500)]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two runs that have ended."""
    place = tmp_path_factory.mktemp("edited") / "results"
    make_run(place, "ended", 0, SHORT)
    make_run(place, "unwanted", 1, SHORT)
    return place


@pytest.fixture(scope="module")
def address(folder: Path) -> Iterator[str]:
    with serving(folder, "--allow-edit") as found:
        yield found


@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_forms_fit_and_break_no_rule(chromium: Any, address: str, width: int, scheme: str) -> None:
    with Visit(chromium, address, width, color_scheme=scheme) as visit:
        for path, form in (("/runs/ended", "#edit-run"), ("/runs/ended/trials/3", "#edit-trial")):
            visit.go(path).locator(f"{form} > summary").click()
            assert violations(visit) == []
            assert visit.faults() == []
        visit.go("/runs/ended/delete")
        assert violations(visit) == []
        assert visit.faults() == []
        # The tab of the page is in sight.
        tab = visit.go("/runs/ended/pareto").locator(".tabs [aria-current]").bounding_box()
        assert 0 <= tab["x"] <= tab["x"] + tab["width"] <= width


def test_notes_and_tags_are_written(chromium: Any, address: str, folder: Path) -> None:
    with Visit(chromium, address) as visit:
        page = visit.go("/runs/ended/trials/3")
        page.get_by_text("Add note and tags").click()
        page.get_by_label("Note", exact=True).fill("odd,\nbut fast")
        page.get_by_label("Tags").fill("fast, look again")
        page.get_by_role("button", name="Save").click()
        page.locator(".written", has_text="but fast").wait_for()
        assert page.locator(".notes .tag").all_inner_texts() == ["fast", "look again"]
        page = visit.go("/runs/ended?q=look+again")
        assert page.locator("#trials tbody tr").count() == 1
        assert visit.faults() == []
    assert bonag.load(folder / "ended").notes == {3: Note("odd,\nbut fast", ("fast", "look again"))}


def test_a_search_of_another_process_stops_and_is_extended(chromium: Any, address: str, folder: Path) -> None:
    options = ("--space", "mbv3", "--strategy", "bonag")
    with searching(folder, "live", *options) as search, Visit(chromium, address) as visit:
        visit.go("/").get_by_role("link", name="live", exact=True).click()
        page = visit.page
        page.locator("#trial-3").wait_for()
        page.locator("#edit-run > summary").click()
        page.get_by_role("button", name="Stop this run").click()
        assert search.wait(PATIENCE) == 143
        page.locator(".run-line [data-state=interrupted]").wait_for()
        before = read_record(folder / "live")
        assert (before.state, before.history.pending) == (RunState.INTERRUPTED, ())
        visit.until("!document.querySelector('#stop')")
        page.locator("#edit-run > summary").click()
        page.get_by_label("Budget, in trials").fill("2500")
        page.get_by_role("button", name="Extend").click()
        page.get_by_text("of 2,500 trials").wait_for()
        assert read_record(folder / "live").config.budget == 2500
        visit.drawn()
        assert visit.faults() == []


def test_a_run_is_deleted_after_a_second_question(chromium: Any, address: str, folder: Path) -> None:
    with Visit(chromium, address) as visit:
        page = visit.go("/runs/unwanted")
        page.locator("#edit-run > summary").click()
        page.get_by_role("link", name="Delete this run").click()
        page.get_by_role("link", name="Keep it").click()
        page.get_by_role("heading", level=1, name="unwanted").wait_for()
        assert (folder / "unwanted").is_dir()
        page = visit.go("/runs/unwanted/delete")
        page.get_by_role("button", name="Delete for good").click()
        page.get_by_role("heading", level=1, name="Runs").wait_for()
        assert page.get_by_role("link", name="unwanted").count() == 0
        assert not (folder / "unwanted").exists()


def test_a_page_of_another_site_changes_nothing_even_with_the_token(chromium: Any, address: str, folder: Path) -> None:
    with Visit(chromium, address) as visit:
        token = visit.go("/runs/ended").locator("input[name=token]").first.input_value()
    form = (
        f'<form id="f" method="post" action="{address}/runs/ended/delete"><input name="token" value="{token}"></form>'
        f"<script>fetch('{address}/runs/ended').then((a) => a.text()).then((t) => document.title = t, () => {{}});"
        "document.getElementById('f').submit()</script>"
    )

    class Evil(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("content-type", "text/html")
            self.end_headers()
            self.wfile.write(form.encode())

        def log_message(self, *args: object) -> None:
            """Say nothing."""

    server = HTTPServer(("127.0.0.1", 0), Evil)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        page = chromium.new_page()
        page.goto(f"http://127.0.0.1:{server.server_port}/")
        page.get_by_text("This request comes from another site.").wait_for()
        page.close()
    finally:
        server.shutdown()
    assert len(read_record(folder / "ended").history) == SHORT
