"""Tells open pages that something changed: server-sent events."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Hashable

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import BaseRoute, Route
from starlette.types import Receive, Scope, Send

from bonag.ui.site import Site
from bonag.ui.source import UnknownKeyError
from search_spaces.errors import UserError

# Seconds between two looks at the store.
EVERY = 1.0
# A look at the list of runs is a look at each of them.
EVERY_LIST = 2.0
# Seconds within which a stream notices that the server ends, or that nobody listens.
STEP = 0.25
# Streams at a time: each is a page somebody looks at, and a page that is hidden has none.
STREAMS = 64


class _Stream(StreamingResponse):
    """A stream of events. over: called once, however it ends."""

    def __init__(self, events: AsyncIterator[str], over: Callable[[], None]) -> None:
        # Compressed, events would wait until there are enough of them.
        super().__init__(events, media_type="text/event-stream", headers={"content-encoding": "identity"})
        self._over = over

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See https://asgi.readthedocs.io/."""
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._over()


def routes(site: Site) -> list[BaseRoute]:
    """``/events?key=KEY``: ``changed`` when the stamp did. Without a key: when any experiment, or their list, did."""
    open_streams = 0

    async def events(request: Request) -> Response:
        nonlocal open_streams
        key = request.query_params.get("key")
        if key is not None:
            # An unknown key is an error now, not an event later.
            await run_in_threadpool(site.views.stamp, key)
        if open_streams >= STREAMS:
            return Response("Too many pages are open.\n", status_code=503, media_type="text/plain")

        # Counted here, since many may ask before the first stream begins.
        open_streams += 1
        if key is None:
            look: Callable[[], Hashable] = lambda: tuple(site.source.summaries())  # noqa: E731
        else:
            look = lambda: site.views.stamp(key)  # noqa: E731
        return _Stream(_changes(site, look, EVERY_LIST if key is None else EVERY), over)

    def over() -> None:
        nonlocal open_streams
        open_streams -= 1

    return [Route("/events", events)]


async def _changes(site: Site, look: Callable[[], Hashable], every: float) -> AsyncIterator[str]:
    # The browser asks again two seconds after a break; the comment makes it see at once that the stream is open.
    yield "retry: 2000\n: open\n\n"
    before = await run_in_threadpool(look)
    while True:
        for _ in range(round(every / STEP)):
            await asyncio.sleep(STEP)
            if site.closing.is_set():
                return
        try:
            now = await run_in_threadpool(look)
        except UnknownKeyError:
            yield "event: gone\ndata:\n\n"
            return
        except UserError:
            continue
        yield "event: changed\ndata:\n\n" if now != before else ": nothing new\n\n"
        before = now
