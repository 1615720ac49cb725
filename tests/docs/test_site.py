"""The documentation is whole: it builds without a warning, its links lead somewhere, and the README is short."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlparse

import pytest
import typer

from bonag.cli.app import app

from .tutorial import PAGES, ROOT

TEXTS = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted(PAGES.rglob("*.md"))]
# No test may reach these: a link to another one is to be looked at by somebody, who adds it.
HOSTS = {"ax.dev", "download.pytorch.org"}
LINK = re.compile(r"\]\(([^)\s]+)\)|(?:src|srcset|href)=\"([^\"]+)\"|(https?://[^\s`<>)\"']+)")


@pytest.mark.slow
def test_it_is_built_without_a_warning(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "sphinx", "-q", "-W", "--keep-going", "-b", "html", str(PAGES), str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    shown = (tmp_path / "reference" / "commands.html").read_text(encoding="utf-8")
    for name in typer.main.get_command(app).commands:  # type: ignore[attr-defined]
        assert f"bonag {name}" in shown
    assert '<code class="docutils literal notranslate"><span class="pre">--stop-early</span></code>' in shown
    # Arguments are lists, each with its own line.
    search = (tmp_path / "reference" / "python.html").read_text(encoding="utf-8")
    assert "<strong>stop_early</strong>: Which trials end early" in search
    spaces = (tmp_path / "guides" / "spaces.html").read_text(encoding="utf-8")
    assert spaces.count('<svg xmlns="http://www.w3.org/2000/svg"') >= 2


@pytest.mark.parametrize("page", TEXTS, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    for found in LINK.finditer(page.read_text(encoding="utf-8")):
        link = next(filter(None, found.groups()))
        parts = urlparse(link)
        if parts.scheme in ("http", "https"):
            assert parts.hostname in HOSTS, link
        elif parts.path and not parts.scheme:
            assert (page.parent / parts.path).exists(), f"{page}: {link}"


def test_the_readme_is_short_and_has_its_two_commands() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert len(text.splitlines()) <= 150
    assert "    pip install -c constraints.txt . && bonag run --space mbv3 --budget 100\n" in text
    assert "    pip install -c constraints.txt -e '.[test]' && pytest\n" in text


def test_pictures_are_small() -> None:
    sizes = [path.stat().st_size for path in (PAGES / "images").iterdir()]
    assert max(sizes) < 150_000
    assert sum(sizes) < 1_000_000


def test_every_page_is_in_the_table_of_contents() -> None:
    # Sphinx says so, too; this takes no time.
    listed = re.findall(r"^([\w/-]+)$", "".join(page.read_text() for page in PAGES.rglob("index.md")), re.MULTILINE)
    pages = {page.stem for page in PAGES.rglob("*.md")} - {"index"}
    assert pages <= {Path(entry).stem for entry in listed}
