"""A browser, and the site that it looks at: `bonag ui` on runs of which one goes on."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bonag.record import create_record
from loops.config import RunConfig
from loops.ending import RunState
from loops.history import Trial, TrialStatus
from search_spaces import get_space

BONAG = str(Path(sys.executable).with_name("bonag"))
CHROMIUM = shutil.which("chromium") or "/usr/bin/chromium"
EVIL = "</td></script><script>document.title='run'</script><img src=x onerror=\"document.title='run'\">"
# Seconds after which a condition counts as one that never comes true; the machine may have much else to do. What is
# computed at the lowest priority may take as long as everything else lets it.
PATIENCE, LONG_PATIENCE = 300, 3000
ENDED = 130
SHORT = 30
FAILED = 77


@dataclass(frozen=True)
class Site:
    """The address of a server, the folder that it shows, and the search that goes on in it."""

    address: str
    folder: Path
    search: subprocess.Popen[bytes]

    @contextmanager
    def still(self) -> Iterator[None]:
        """Meanwhile the search makes a pause, so that it takes nothing from what is of a lower priority."""
        self.search.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            self.search.send_signal(signal.SIGCONT)


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    """A headless Chromium, of playwright's kind."""
    sync_api = pytest.importorskip("playwright.sync_api", reason="needs playwright (pip install playwright)")
    if not Path(CHROMIUM).exists():
        pytest.skip(f"needs Chromium: {CHROMIUM} is not there (apt-get install chromium)")
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """`bonag ui` on `live`, a run with two goals and a bound that goes on; three that have ended; and `broken`."""
    folder = tmp_path_factory.mktemp("browsed") / "results"
    for seed, name in enumerate(("ended", "twin", "short")):
        make_run(folder, name, seed, SHORT if name == "short" else ENDED)
    (folder / "broken").mkdir()
    for file in ("config.json", "lock"):
        shutil.copy(folder / "ended" / file, folder / "broken" / file)
    (folder / "broken" / "record.db").write_bytes(b"no database\n" * 500)
    goals = ("--objective", "accuracy", "--objective=-macs", "--constraint", "params<=6000000")
    options = ("--space", "mbv3", "--strategy", "bonag", *goals)
    with searching(folder, "live", *options) as search, serving(folder) as address:
        yield Site(address, folder, search)


def make_run(folder: Path, name: str, seed: int, trials: int) -> None:
    """A run of made-up values that has ended, in which one trial failed for a reason that is markup."""
    space = get_space("nb201")
    architectures = list(dict.fromkeys(space.sample(2 * trials, np.random.default_rng(seed))))[:trials]
    config = RunConfig(
        name=name, space="nb201", evaluator="surrogate", task="cifar10", strategy="random", seed=seed, budget=trials
    )
    with create_record(folder, config, "Made up.") as record:
        for index, architecture in enumerate(architectures):
            start = 1.7e9 + index
            trial = Trial(index, architecture, TrialStatus.RUNNING, proposed_at=start, proposal_seconds=0.25)
            record.add([trial])
            trial = replace(trial, ended_at=start + 0.5, evaluation_seconds=0.125)
            if index == FAILED:
                record.finish(replace(trial, status=TrialStatus.FAILED, reason=EVIL))
            else:
                value = 80 + 14 * float(np.random.default_rng([seed, index]).beta(5, 2))
                metrics = {"accuracy": value, "latency": 10 - value / 10}
                record.finish(replace(trial, status=TrialStatus.COMPLETED, metrics=metrics))
        record.set_state(RunState.FINISHED, None)


@contextmanager
def searching(folder: Path, name: str, *options: str, budget: int = 2000) -> Iterator[subprocess.Popen[bytes]]:
    """`bonag run`, as long as the block lasts."""
    command = [BONAG, "run", *options, "--budget", str(budget), "--out", str(folder), "--name", name]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        yield process
    finally:
        # A run survives this as well, and ends sooner.
        process.kill()
        process.wait()


@contextmanager
def serving(folder: Path, *options: str) -> Iterator[str]:
    """`bonag ui`, as long as the block lasts; gives its address."""
    quiet = {name: value for name, value in os.environ.items() if name not in ("DISPLAY", "WAYLAND_DISPLAY", "BROWSER")}
    server = subprocess.Popen([BONAG, "ui", str(folder), *options], stdout=subprocess.PIPE, text=True, env=quiet)
    try:
        assert server.stdout is not None
        found = re.search(r"http://[\d.]+:\d+", server.stdout.readline())
        assert found is not None, "the server did not say its address"
        yield found[0]
    finally:
        server.terminate()
        try:
            server.wait(20)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()
