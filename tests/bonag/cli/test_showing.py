"""`bonag ui` starts at once, says where it is, and ends when it is told to."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import pytest

import bonag

Spawn = Callable[..., subprocess.Popen[str]]
LIGHT = """
import sys
from starlette.testclient import TestClient
from bonag.ui.app import create_app
from bonag.ui.background.jobs import Jobs
from bonag.ui.sources import open_source
client = TestClient(create_app(open_source("results"), Jobs()), base_url="http://127.0.0.1")
for path in ("/", "/runs/seen", "/runs/seen/figures/progress.json", "/compare?run=seen", "/runs/seen/trials.csv"):
    assert client.get(path).status_code == 200, path
print([name for name in ("torch", "ax", "botorch", "matplotlib") if name in sys.modules])
"""


@pytest.fixture
def seen(elsewhere: Path) -> Path:
    """A run in ``results/``."""
    return bonag.search(space="nb201", strategy="random", budget=5, name="seen").path


@pytest.fixture
def start(spawn: Spawn) -> Iterator[Spawn]:
    """Starts commands that do not end by themselves, and ends them after the test."""
    started: list[subprocess.Popen[str]] = []

    def begin(*arguments: str, **options: object) -> subprocess.Popen[str]:
        started.append(spawn(*arguments, **options))
        return started[-1]

    yield begin
    for process in started:
        process.kill()
        process.communicate()


def address_of(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    found = re.search(r"http://\S+", process.stdout.readline())
    assert found is not None
    return found[0]


@pytest.mark.slow
@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_it_shows_results_and_ends_on_a_signal_also_while_a_page_listens(
    seen: Path, start: Spawn, number: int, status: int
) -> None:
    process = start("ui")
    address = address_of(process)
    assert re.fullmatch(r"http://127\.0\.0\.1:\d+/", address)
    with urlopen(address, timeout=10) as page:
        assert b"seen" in page.read()
    with urlopen(f"{address}events?key=seen", timeout=10) as stream:
        assert stream.readline().startswith(b"retry")
        start = time.monotonic()
        process.send_signal(number)
        out, err = process.communicate(timeout=20)
    assert process.returncode == status
    assert time.monotonic() - start < 5
    assert err == ""
    assert "Traceback" not in out


@pytest.mark.slow
def test_a_page_hears_of_a_new_trial_within_seconds(slow_evaluator: Path, start: Spawn) -> None:
    search = start("run", "--space", "nb201", "--evaluator", "slow", "--strategy", "random", "--name", "seen",
                   "--budget", "400", env=os.environ | {"SLOW": "0.3"})  # fmt: skip
    deadline = time.monotonic() + 30
    while not Path("results/seen/record.db").exists():
        assert time.monotonic() < deadline
        time.sleep(0.05)
    address = address_of(start("ui", "seen"))
    assert address.endswith("/runs/seen")
    with urlopen(address.replace("/runs/seen", "/events?key=seen"), timeout=20) as stream:
        heard = next(line for _ in range(30) if (line := stream.readline()).startswith(b"event"))
    assert heard == b"event: changed\n"
    with urlopen(address, timeout=20) as page:
        assert b'data-state="running"' in page.read()
    assert search.poll() is None


@pytest.mark.slow
def test_a_single_run_goes_straight_to_its_page(seen: Path, start: Spawn) -> None:
    assert address_of(start("ui", "seen", "--host", "localhost")).startswith("http://localhost:")
    assert address_of(start("ui", str(seen))).endswith("/runs/seen")


@pytest.mark.parametrize("wrong", ["nix", "port", "host", "server"])
def test_what_cannot_be_shown_is_one_line(seen: Path, call: Callable[..., Any], wrong: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        arguments = {
            "nix": (["ui", "nix"], "no run 'nix'"),
            "port": (["ui", "--port", port], "Address already in use"),
            "host": (["ui", "--host", "no.such.invalid"], "cannot listen on 'no.such.invalid'"),
            "server": (["ui", "postgresql://me:secret@127.0.0.1:1/runs"], "postgresql://me@127.0.0.1:1/runs"),
        }
        said = call(*arguments[wrong][0])
    assert said.status == 2
    assert re.fullmatch(r"error: .*\n", said.err)
    assert arguments[wrong][1] in said.err
    assert "secret" not in said.err


@pytest.mark.slow
def test_its_process_imports_neither_torch_nor_ax(seen: Path) -> None:
    done = subprocess.run([sys.executable, "-W", "ignore", "-c", LIGHT], capture_output=True, text=True)
    assert done.stdout.strip() == "[]", done.stdout + done.stderr
