"""What the page costs: seconds until it is drawn, and what a search loses while it is watched."""

from __future__ import annotations

import os
import re
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pandas as pd

from bonag.bench.chromium import Chromium

BONAG = (sys.executable, "-m", "bonag")
LISTED, LISTED_TRIALS = 20, 100
SIZES = {1000: 1.5, 5000: 3.0}
# The search that is watched: about a minute, so that opening the page, or a pause of the machine, is little of it.
WATCHED = ("--space", "nb201", "--evaluator", "surrogate", "--strategy", "bonag", "--seed", "0", "--budget", "300")
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
        with serving(folder / "list") as server, Chromium(program) as browser:
            seconds = [opened(browser, f"{server}/") for _ in range(repeats)]
        rows.append(row(f"first page, {LISTED} runs of {LISTED_TRIALS} trials", seconds, "s", 1.0))
        with serving(folder / "large") as server, Chromium(program) as browser:
            for size, bar in SIZES.items():
                say(f"opening the page of a run of {size:,} trials")
                seconds = [opened(browser, f"{server}/runs/trials-{size}") for _ in range(repeats)]
                rows.append(row(f"run page, {size:,} trials", seconds, "s", bar))
        lost = []
        for pair in range(pairs):
            say(f"searching, watched and unwatched: {pair + 1} of {pairs}")
            # In turn the one and the other comes first, so that what else the machine does meets both.
            kinds = (True, False) if pair % 2 else (False, True)
            took = {kind: searched(folder / f"pair-{pair}-{kind}", program if kind else None) for kind in kinds}
            lost.append(100 * (took[True] / took[False] - 1))
            say(f"{took[True]:.1f} s watched, {took[False]:.1f} s unwatched")
        if lost:
            rows.append(row("a search with an open page takes longer by", lost, "%", 2.0))
    return pd.DataFrame(rows, columns=["what", "value", "low", "high", "unit", "bar"])


def row(what: str, values: list[float], unit: str, bar: float) -> tuple[str, float, float, float, str, float]:
    """A figure as ``measure`` gives it."""
    return what, statistics.median(values), min(values), max(values), unit, bar


def make_runs(folder: Path) -> None:
    """The runs that the pages show: random search, measured by the space's surrogate."""
    from bonag.api import search

    for seed in range(LISTED):
        search("nb201", LISTED_TRIALS, seed, strategy="random", out=folder / "list", name=f"run-{seed}")
    for size in SIZES:
        search("nb201", size, 0, strategy="random", out=folder / "large", name=f"trials-{size}")


def opened(browser: Chromium, address: str) -> float:
    """Seconds from the navigation until the page is drawn."""
    page = browser.open(address, DRAWN)
    try:
        return float(page.waited("window.drawnAfter"))
    finally:
        page.close()


def searched(out: Path, program: str | None) -> float:
    """Seconds from the first proposal of a search to its last result; with a Chromium, one looks at its page."""
    from bonag.record import read_record

    command = [*BONAG, "run", *WATCHED, "--out", str(out), "--name", "run"]
    if program is None:
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    else:
        out.mkdir(parents=True)
        with serving(out) as server, Chromium(program) as browser:
            # The list is open until the run is there, as a user who waits for it has it.
            page = browser.open(f"{server}/")
            started = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            page.waited("document.querySelector('#run-1') !== null")
            page.close()
            browser.open(f"{server}/runs/run")
            if started.wait() != 0:
                raise subprocess.CalledProcessError(started.returncode, "bonag run")
    trials = read_record(out / "run").history.trials
    assert trials[0].proposed_at is not None
    assert trials[-1].ended_at is not None
    return trials[-1].ended_at - trials[0].proposed_at


@contextmanager
def serving(folder: Path) -> Iterator[str]:
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
