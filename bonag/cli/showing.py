"""`bonag ui`: the web page on which runs are watched."""

from __future__ import annotations

import os
import signal
import socket
import sys
import threading
from contextlib import closing, suppress
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from starlette.applications import Starlette

# Where processors are few, the search that is watched comes first.
NICENESS = 5
# Seconds that answers under way get when the page ends.
PATIENCE = 2


def ui(
    what: Annotated[
        str,
        typer.Argument(
            metavar="RUN|DIR|SQL-URL",
            help="A run, a folder of runs, postgresql://user@host/database, or an Ax experiment (a .json snapshot, "
            "sqlite:///file.db or a PostgreSQL address).",
        ),
    ] = "results",
    host: Annotated[str, typer.Option(help="Address to listen on; anybody who can reach it can read.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port to listen on.", show_default="a free one")] = 0,
    allow_edit: Annotated[
        bool,
        typer.Option(
            "--allow-edit",
            help="Let its pages write notes and tags, stop runs, raise their budgets and delete them; then "
            "whoever can reach the address can do so.",
        ),
    ] = False,
) -> int:
    """Watch runs, or look at them later, in a browser. Without --allow-edit it changes nothing; Ctrl-C ends it.

    It prints its address, and opens a browser where there is a screen.

        bonag ui                                  # all runs of results/
        bonag ui first --port 8000
    """
    from bonag.ui.app import create_app
    from bonag.ui.background.jobs import Jobs
    from bonag.ui.sources import first_page, open_source

    source = open_source(what)
    listener = _listen(host, port)
    with closing(listener), closing(Jobs()) as jobs:
        app = create_app(source, jobs, names=(host,), allow_edit=allow_edit)
        shown = "127.0.0.1" if host in ("", "0.0.0.0", "::") else host
        address = f"http://{f'[{shown}]' if ':' in shown else shown}:{listener.getsockname()[1]}"
        return _serve(app, listener, address + first_page(source))


def _listen(host: str, port: int) -> socket.socket:
    """A socket that listens; raises UserError."""
    from search_spaces.errors import UserError

    try:
        kind, _, _, _, place = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
    except (OSError, ValueError) as error:  # a name may break the rules of names
        why = error.strerror if isinstance(error, OSError) else None
        raise UserError(f"cannot listen on '{host}': {why or 'not the name of a host'}") from None
    listener = socket.socket(kind, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(place)
        listener.listen(128)
    except OSError as error:
        listener.close()
        hint = ": choose another with --port, or leave it out for a free one" if port else ""
        raise UserError(f"cannot listen on {host} port {port}: {error.strerror}{hint}") from None
    return listener


def _serve(app: Starlette, listener: socket.socket, address: str) -> int:
    """Serve until a signal says otherwise; gives the exit status."""
    import uvicorn

    from bonag.ui import assets
    from bonag.ui.connections import CONNECTIONS, BoundedProtocol

    config = uvicorn.Config(
        app,
        log_level="error",
        access_log=False,
        lifespan="off",
        timeout_graceful_shutdown=PATIENCE,
        server_header=False,
        http=BoundedProtocol,
        limit_concurrency=CONNECTIONS,
    )
    server = uvicorn.Server(config)
    received: list[int] = []
    over = threading.Event()

    def end(number: int, frame: object) -> None:
        received.append(number)
        server.force_exit = len(received) > 1
        server.should_exit = True
        app.state.site.closing.set()

    def run() -> None:
        try:
            server.run([listener])
        finally:
            over.set()

    # In a thread of its own the server leaves the signals alone, so that what is open can be closed here.
    before = {number: signal.signal(number, end) for number in (signal.SIGINT, signal.SIGTERM)}
    thread = threading.Thread(target=run, name="server", daemon=True)
    try:
        os.nice(NICENESS)
        thread.start()
        threading.Thread(target=assets.warm, name="warming", daemon=True).start()
        print(f"bonag ui: {address}  (Ctrl-C ends it)", flush=True)
        _open_browser(address)
        # Not join: a signal is handled between two steps of this thread, and a wait without end has none.
        while not over.wait(0.2):
            pass
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    return 128 + received[0] if received else 1


def _open_browser(address: str) -> None:
    """Show the page, where there is a screen; in a thread, since some browsers only return when they end."""
    import webbrowser

    # Without a screen Python would start a browser in the terminal, over what is printed there.
    if sys.platform.startswith("linux") and not {"DISPLAY", "WAYLAND_DISPLAY", "BROWSER"} & os.environ.keys():
        return

    def show() -> None:
        with suppress(Exception):
            webbrowser.open(address)

    threading.Thread(target=show, name="browser", daemon=True).start()
