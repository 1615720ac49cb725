"""``python results/pages/measure.py``: what pages weigh, how soon they are drawn, and what a watched search loses."""

from __future__ import annotations

import argparse
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pandas as pd
from chromium import Chromium, find_chromium

from bonag.api import search
from bonag.record import read_record
from search_spaces.errors import UserError

BONAG = (sys.executable, "-m", "bonag")
LISTED, LISTED_TRIALS = 20, 100
SIZES = {1000: 1.5, 5000: 3.0}
# The search that is watched: about a minute, so that opening the page, or a pause of the machine, is little of it.
WATCHED = ("--space", "nb201", "--evaluator", "surrogate", "--strategy", "bonag", "--seed", "0", "--budget", "300")
# What a newcomer types first: the seconds from there to a drawn architecture are those of a page that waits for it.
FIRST = ("--space", "nb201", "--budget", "100")
PATIENCE = 300.0
FIRST_PICTURE = "document.querySelector('#best-trial') && document.querySelector('.drawing svg') !== null"
# Seconds since the navigation began, once all figures are drawn and the browser has shown them.
DRAWN = """(() => {
  const drawn = () => document.readyState === "complete"
    && [...document.querySelectorAll("[data-figure]")].every((one) => one.querySelector(".main-svg"));
  const look = () => {
    if (!drawn()) requestAnimationFrame(look);
    else requestAnimationFrame(() => setTimeout(() => { window.drawnAfter = performance.now() / 1000; }));
  };
  addEventListener("DOMContentLoaded", look);
})();"""
# Kilobytes that came over the wire, headers included, for the page and all that it loads.
WEIGHT = """[...performance.getEntriesByType("navigation"), ...performance.getEntriesByType("resource")]
  .reduce((sum, one) => sum + one.transferSize, 0) / 1000"""


def measure(program: str, repeats: int, pairs: int, say: Callable[[str], None]) -> pd.DataFrame:
    """One row per figure: what, value (the median), low and high (least and most), unit, bar.

    program: a Chromium. Every page is opened with an empty cache, as on a first visit. pairs: searches with an open
    page, each beside the same one without; none leaves that figure out.
    """
    rows = []
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        say(f"making {LISTED} runs of {LISTED_TRIALS} trials, and runs of {' and '.join(f'{n:,}' for n in SIZES)}")
        make_runs(folder)
        with serve(folder / "list") as server, Chromium(program) as browser:
            rows += visit(browser, f"{server}/", repeats, f"first page, {LISTED} runs of {LISTED_TRIALS} trials", 1.0)
        with serve(folder / "large") as server, Chromium(program) as browser:
            for size, bar in SIZES.items():
                say(f"opening the page of a run of {size:,} trials")
                rows += visit(browser, f"{server}/runs/trials-{size}", repeats, f"run page, {size:,} trials", bar)
        say("beginning a run, and waiting for its drawing")
        seconds = [time_first_picture(folder / f"first-{number}", program) for number in range(repeats)]
        rows.append(figure("from `bonag run` to a drawn best architecture", seconds, "s", 20.0))
        lost = []
        for pair in range(pairs):
            say(f"searching, watched and unwatched: {pair + 1} of {pairs}")
            # In turn the one and the other comes first, so that what else the machine does meets both.
            kinds = (True, False) if pair % 2 else (False, True)
            took = {kind: time_search(folder / f"pair-{pair}-{kind}", program if kind else None) for kind in kinds}
            lost.append(100 * (took[True] / took[False] - 1))
            say(f"{took[True]:.1f} s watched, {took[False]:.1f} s unwatched")
        if lost:
            rows.append(figure("a search with an open page takes longer by", lost, "%", 2.0))
    return pd.DataFrame(rows, columns=["what", "value", "low", "high", "unit", "bar"])


Row = tuple[str, float, float, float, str, float | None]


def figure(what: str, values: list[float], unit: str, bar: float | None) -> Row:
    """A figure as ``measure`` gives it."""
    return what, statistics.median(values), min(values), max(values), unit, bar


def visit(browser: Chromium, address: str, repeats: int, what: str, bar: float) -> list[Row]:
    """How soon a page is drawn, and what it weighs."""
    seconds, weights = zip(*(open_page(browser, address) for _ in range(repeats)), strict=True)
    return [figure(what, list(seconds), "s", bar), figure(f"{what}, weight", list(weights), "kB", None)]


def make_runs(folder: Path) -> None:
    """The runs that the pages show: random search, measured by the space's surrogate."""
    for seed in range(LISTED):
        search("nb201", budget=LISTED_TRIALS, seed=seed, strategy="random", out=folder / "list", name=f"run-{seed}")
    for size in SIZES:
        search("nb201", budget=size, strategy="random", out=folder / "large", name=f"trials-{size}")


def open_page(browser: Chromium, address: str) -> tuple[float, float]:
    """Seconds from the navigation until the page is drawn, and kilobytes until then."""
    page = browser.open(address, DRAWN)
    try:
        return float(page.wait_for("window.drawnAfter")), float(page.value(WEIGHT))
    finally:
        page.close()


def time_first_picture(out: Path, program: str) -> float:
    """Seconds from `bonag run` and `bonag ui`, begun together, to the drawing of the best architecture."""
    out.mkdir()
    begun = time.monotonic()
    command = [*BONAG, "run", *FIRST, "--out", str(out), "--name", "run"]
    started = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        with serve(out) as server, Chromium(program) as browser:
            page = browser.open(f"{server}/")
            page.wait_for("document.querySelector('#run-1') !== null", PATIENCE)
            page.close()
            browser.open(f"{server}/runs/run").wait_for(FIRST_PICTURE, PATIENCE)
            return time.monotonic() - begun
    finally:
        started.kill()
        started.wait()


def time_search(out: Path, program: str | None) -> float:
    """Seconds from the first proposal of a search to its last result; with a Chromium, one looks at its page."""
    command = [*BONAG, "run", *WATCHED, "--out", str(out), "--name", "run"]
    if program is None:
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    else:
        out.mkdir(parents=True)
        with serve(out) as server, Chromium(program) as browser:
            # The list is open until the run is there, as a user who waits for it has it.
            page = browser.open(f"{server}/")
            started = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            page.wait_for("document.querySelector('#run-1') !== null")
            page.close()
            browser.open(f"{server}/runs/run")
            if started.wait() != 0:
                raise subprocess.CalledProcessError(started.returncode, "bonag run")
    trials = read_record(out / "run").history.trials
    assert trials[0].proposed_at is not None
    assert trials[-1].ended_at is not None
    return trials[-1].ended_at - trials[0].proposed_at


@contextmanager
def serve(folder: Path) -> Iterator[str]:
    """`bonag ui` on a folder; gives its address."""
    quiet = {name: value for name, value in os.environ.items() if name not in ("DISPLAY", "WAYLAND_DISPLAY", "BROWSER")}
    server = subprocess.Popen([*BONAG, "ui", str(folder)], stdout=subprocess.PIPE, text=True, env=quiet)
    try:
        assert server.stdout is not None
        found = re.search(r"http://[\d.]+:\d+", server.stdout.readline())
        assert found is not None, "the server did not say its address"
        yield found[0]
    finally:
        server.terminate()
        server.wait()


def main() -> None:
    """Measure, print the figures, and write them to a CSV file where one is named."""
    parser = argparse.ArgumentParser(prog="python results/pages/measure.py", description=__doc__)
    parser.add_argument("--chromium", type=Path, metavar="PATH", help="the browser (default: the one on the PATH)")
    parser.add_argument("--repeats", type=int, default=5, help="visits behind each median (default: %(default)s)")
    parser.add_argument(
        "--pairs",
        type=int,
        default=5,
        help="searches that are watched, each beside the same one that is not (default: %(default)s)",
    )
    parser.add_argument("-o", "--output", type=Path, help="write the figures to this CSV file")
    arguments = parser.parse_args()
    if arguments.repeats < 1 or arguments.pairs < 0:
        parser.error("--repeats is at least 1, --pairs at least 0")
    if arguments.output is not None and not arguments.output.absolute().parent.is_dir():
        parser.error(f"{arguments.output}: there is no folder {arguments.output.absolute().parent}")
    try:
        program = find_chromium(arguments.chromium)
        figures = measure(program, arguments.repeats, arguments.pairs, lambda line: print(line, file=sys.stderr))
    except UserError as error:
        sys.exit(f"error: {error}")
    if arguments.output is not None:
        figures.to_csv(arguments.output, index=False)
    print(figures.to_string(index=False, float_format=lambda value: f"{value:.2f}"))


if __name__ == "__main__":
    main()
