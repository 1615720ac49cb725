"""Makes the pictures of the documentation: `python docs/screenshots.py` (needs bonag[test] and Debian's chromium).

It searches, opens the pages of the runs in a browser, and writes docs/images/*.webp. `--runs FOLDER` keeps the runs
there, and takes those that are there already.
"""

from __future__ import annotations

import argparse
import io
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from PIL import Image
from playwright.sync_api import sync_playwright

IMAGES = Path(__file__).with_name("images")
BONAG = (sys.executable, "-m", "bonag")
# Those of the first tutorial and of the README, and one with two objectives.
RUNS = {
    "first": ("--space", "mbv3", "--budget", "40", "--seed", "1"),
    "front": ("--space", "nb201", "--budget", "60", "--objective", "accuracy", "--objective=-params"),
}
WIDTH, HEIGHT = 1200, 900
# By picture: the page, what of it is taken (all that is in the window where None), and in which colours.
PICTURES = {
    "run": ("/runs/first", None, ("light", "dark")),
    "trial": ("/runs/first/trials/{best}", None, ("light", "dark")),
    "architecture": ("/runs/first/trials/{best}", ".drawing svg", ("light", "dark")),
    "pareto": ("/runs/front/pareto", None, ("light", "dark")),
}
DRAWN = "() => [...document.querySelectorAll('[data-figure]')].every((one) => one.querySelector('.main-svg'))"
LARGEST, ALL = 150_000, 1_000_000


def main() -> None:
    """Make all pictures, or fail where they are larger than they may be."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=Path, help="folder of the runs (default: one that is deleted)")
    given = parser.parse_args().runs
    with tempfile.TemporaryDirectory() as passing:
        folder = given or Path(passing)
        for name, options in RUNS.items():
            if not (folder / name).is_dir():
                subprocess.run([*BONAG, "run", *options, "--name", name, "--out", str(folder)], check=True)
        with serving(folder) as address, sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
            for name in PICTURES:
                take(browser, address, name, best_of(folder / "first"))
            browser.close()
    sizes = {path.name: path.stat().st_size for path in sorted(IMAGES.glob("*.webp"))}
    print("\n".join(f"{size:>8,}  {name}" for name, size in sizes.items()))
    if max(sizes.values()) > LARGEST or sum(sizes.values()) > ALL:
        sys.exit(f"too large: {LARGEST:,} bytes are allowed for one, and {ALL:,} for all")


def take(browser: Any, address: str, name: str, best: int) -> None:
    """Write the pictures of a name, one for each of its colours."""
    page_path, part, colours = PICTURES[name]
    for colour in colours:
        context = browser.new_context(
            viewport={"width": WIDTH, "height": HEIGHT}, color_scheme=colour, device_scale_factor=1.25
        )
        page = context.new_page()
        page.goto(address + page_path.format(best=best))
        while not page.evaluate(DRAWN):
            page.wait_for_timeout(200)
        page.wait_for_timeout(500)
        taken = page.screenshot() if part is None else page.locator(part).first.screenshot()
        Image.open(io.BytesIO(taken)).save(IMAGES / f"{name}-{colour}.webp", quality=82, method=6)
        context.close()


def best_of(run: Path) -> int:
    """The index of the best trial."""
    said = subprocess.run([*BONAG, "best", str(run), "-k", "1"], capture_output=True, text=True, check=True)
    return int(re.findall(r"trial (\d+)", said.stdout)[0])


@contextmanager
def serving(folder: Path) -> Iterator[str]:
    """`bonag ui` on a folder; gives its address."""
    quiet = {name: value for name, value in os.environ.items() if name not in ("DISPLAY", "WAYLAND_DISPLAY", "BROWSER")}
    server = subprocess.Popen([*BONAG, "ui", str(folder)], stdout=subprocess.PIPE, text=True, env=quiet)
    try:
        assert server.stdout is not None
        yield re.findall(r"http://[\d.]+:\d+", server.stdout.readline())[0]
    finally:
        server.terminate()
        server.wait()


if __name__ == "__main__":
    main()
