"""A search hardly notices that it is watched."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import threading
import time
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

import pytest

PROGRAM = str(Path(sys.executable).with_name("bonag"))
SEARCH = ("--space", "nb201", "--evaluator", "surrogate", "--strategy", "bonag", "--seed", "0", "--budget", "60")
PAGES = 2
# Processor time of the server for each second of the search, pages and all; it runs beside the search, at low priority.
SHARE = 0.25


class Page(threading.Thread):
    """An open page of a run: it listens, and fetches all live parts again whenever something changed."""

    def __init__(self, address: str) -> None:
        super().__init__(daemon=True)
        self.address, self.updates = address, 0
        self.over = threading.Event()

    def run(self) -> None:
        while not self.over.is_set():
            try:
                with urlopen(f"{self.address}/events?key=watched", timeout=30) as stream:
                    for line in stream:
                        if self.over.is_set():
                            return
                        if line.startswith(b"event: changed"):
                            self.update()
            except (URLError, OSError):
                time.sleep(0.2)

    def update(self) -> None:
        for path in ("state", "?part=overview", "?part=trials", "figures/progress.json", "figures/seconds.json"):
            with urlopen(f"{self.address}/runs/watched{'' if path[0] == '?' else '/'}{path}", timeout=30) as answer:
                answer.read()
        self.updates += 1


def search(out: Path) -> float:
    """Seconds from the first proposal to the last result."""
    from bonag.record import read_record

    command = [PROGRAM, "run", *SEARCH, "--out", str(out), "--name", "watched"]
    subprocess.run(command, check=True, capture_output=True)
    trials = read_record(out / "watched").history.trials
    assert trials[0].proposed_at is not None
    assert trials[-1].ended_at is not None
    return trials[-1].ended_at - trials[0].proposed_at


def watched(out: Path) -> tuple[float, int, float]:
    """The same with open pages, how often they were updated, and what processor time the server took meanwhile."""
    server = subprocess.Popen([PROGRAM, "ui", str(out)], stdout=subprocess.PIPE, text=True)
    try:
        assert server.stdout is not None
        found = re.search(r"http://[^/]*", server.stdout.readline())
        assert found is not None
        pages = [Page(found[0]) for _ in range(PAGES)]
        for page in pages:
            page.start()
        time.sleep(5)  # until it has loaded what the first figure needs, which it does once
        before = processor_seconds(server.pid)
        seconds = search(out)
        spent = processor_seconds(server.pid) - before
        for page in pages:
            page.over.set()
        return seconds, min(page.updates for page in pages), spent
    finally:
        server.kill()
        server.wait()


def processor_seconds(pid: int) -> float:
    """What a process has used, in user and in system mode."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@pytest.mark.alone
@pytest.mark.slow
def test_open_pages_cost_a_search_little(tmp_path: Path) -> None:
    # How much longer a search takes is measured by `results/pages/measure.py`; here, what is taken from it.
    seconds, updates, spent = watched(tmp_path)
    assert updates >= seconds / 5 - 1
    assert spent / seconds < SHARE
