"""A server that strangers cannot fill up, over real sockets."""

from __future__ import annotations

import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest

from bonag.ui.connections import PATIENCE
from bonag.ui.events import STREAMS

from .conftest import Make, made_trials

PROGRAM = str(Path(sys.executable).with_name("bonag"))
HEAD = b"GET %s HTTP/1.1\r\nHost: 127.0.0.1\r\n"


@pytest.fixture
def port(make: Make, tmp_path: Path) -> Iterator[int]:
    make("run", made_trials(3))
    with subprocess.Popen([PROGRAM, "ui", tmp_path / "results"], stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        found = re.search(r"http://127.0.0.1:(\d+)", server.stdout.readline())
        assert found is not None
        try:
            yield int(found[1])
        finally:
            server.terminate()


def connect(many: ExitStack, port: int, text: bytes) -> socket.socket:
    made = many.enter_context(socket.create_connection(("127.0.0.1", port), timeout=30))
    made.sendall(text)
    return made


def status(connection: socket.socket) -> int:
    return int(connection.recv(1000).split()[1])


@pytest.mark.slow
def test_requests_that_never_end_are_given_up_and_the_page_is_there_all_the_while(port: int) -> None:
    with ExitStack() as many:
        start = time.monotonic()
        half = [connect(many, port, HEAD % b"/" if n % 2 else b"") for n in range(200)]
        whole = connect(many, port, HEAD % b"/runs/run" + b"\r\n")
        assert status(whole) == 200
        dribbling = half[-1]
        for _ in range(3):
            time.sleep(1)
            dribbling.sendall(b"X-More: more\r\n")
        for connection in half:
            with suppress(ConnectionResetError):
                assert connection.recv(1000) == b""
        assert PATIENCE - 1 < time.monotonic() - start < PATIENCE + 10


def test_no_more_event_streams_than_the_limit_and_room_again_when_they_close(port: int) -> None:
    text = HEAD % b"/events?key=run" + b"\r\n"
    with ExitStack() as many:
        found = [status(one) for one in [connect(many, port, text) for _ in range(STREAMS + 20)]]
        assert (found.count(200), found.count(503)) == (STREAMS, 20)
    deadline = time.monotonic() + 20
    while True:
        with ExitStack() as one:
            if status(connect(one, port, text)) == 200:
                return
        assert time.monotonic() < deadline
        time.sleep(0.2)
