"""A notebook as it is seen where nothing runs any more: executed, exported to one page, opened without a network."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.slow
CHROMIUM = shutil.which("chromium") or "/usr/bin/chromium"
CELLS = (
    "import bonag\nfrom search_spaces import get_space",
    "result = bonag.search('nb201', objective=['accuracy', '-macs'], strategy='random', budget=20)",
    "result",
    "result.plot()",
    "result.plot('seconds')",
    "result.best",
    "result.best.architecture",
    "get_space('mbv3')",
    "bonag.generate('nb201', n=3, where=['macs<=5e7'])",
)


@pytest.fixture(scope="module")
def notebook(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The notebook, executed."""
    nbformat = pytest.importorskip("nbformat")
    nbclient = pytest.importorskip("nbclient")
    made = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in CELLS])
    folder = str(tmp_path_factory.mktemp("notebook"))
    nbclient.NotebookClient(made, timeout=300, resources={"metadata": {"path": folder}}).execute()
    return made


@pytest.fixture(scope="module")
def page(notebook: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """The exported page in a browser that has no network."""
    nbconvert = pytest.importorskip("nbconvert", reason="needs nbconvert")
    sync_api = pytest.importorskip("playwright.sync_api", reason="needs playwright")
    if not Path(CHROMIUM).exists():
        pytest.skip(f"needs Chromium: {CHROMIUM} is not there (apt-get install chromium)")
    path = tmp_path_factory.mktemp("exported") / "notebook.html"
    path.write_text(nbconvert.HTMLExporter().from_notebook_node(notebook)[0])
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        opened = browser.new_context(offline=True).new_page()
        opened.goto(path.as_uri(), wait_until="domcontentloaded")
        yield opened
        browser.close()


def kinds(notebook: Any, number: int) -> list[set[str]]:
    """What each output of a cell can be shown as."""
    return [set(output.data) for output in notebook.cells[number].outputs if "data" in output]


def test_a_search_shows_how_it_goes_in_one_output(notebook: Any) -> None:
    [output] = notebook.cells[1].outputs
    assert '<progress value="20" max="20"' in output.data["text/html"]
    assert output.data["text/plain"].startswith("[20/20] front of ")


def test_figures_are_interactive_and_have_a_picture(notebook: Any) -> None:
    for number in (3, 4):
        assert kinds(notebook, number) == [{"application/vnd.plotly.v1+json", "text/html"}]


@pytest.mark.parametrize("number", [2, 5, 6, 7, 8])
def test_values_are_shown_as_cards_with_their_text_beside(notebook: Any, number: int) -> None:
    assert kinds(notebook, number) == [{"text/html", "text/plain"}]


def test_the_exported_page_shows_progress_figures_and_drawings(page: Any) -> None:
    cells = page.locator(".jp-CodeCell")
    assert cells.count() == len(CELLS)
    for number, least in {2: 2, 3: 1, 4: 1, 5: 1, 6: 1, 7: 1, 8: 3}.items():
        pictures = cells.nth(number).locator(".jp-OutputArea-output svg")
        boxes = [one for one in (pictures.nth(place).bounding_box() for place in range(pictures.count())) if one]
        assert len(boxes) >= least, CELLS[number]
        assert all(box["width"] >= 60 and box["height"] >= 20 for box in boxes), CELLS[number]
    assert cells.nth(1).locator("progress").is_visible()
    front = cells.nth(3).get_by_role("img")
    assert "trials" in (front.get_attribute("aria-label") or "")
    assert front.locator("text=accuracy (%)").is_visible()
    assert front.locator("path").count() > 20
