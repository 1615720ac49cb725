"""Connections that are given up in time: a page has few visitors, and none of them may keep the others out."""

from __future__ import annotations

import asyncio

from uvicorn.protocols.http.h11_impl import H11Protocol

# Seconds from a connection, or from the answer before, to the end of a request's headers.
PATIENCE = 5.0
# Connections at a time, of which a browser opens six; a request beyond gets the status 503.
CONNECTIONS = 256


class BoundedProtocol(H11Protocol):
    """HTTP/1.1 as uvicorn speaks it, which by itself waits for ever for a request that has begun."""

    _deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to wait for the first request."""
        super().connection_made(transport)
        self._wait()

    def on_response_complete(self) -> None:
        """Begin to wait for the next one."""
        super().on_response_complete()
        self._wait()

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait no more."""
        self._stop()
        super().connection_lost(exc)

    def _wait(self) -> None:
        self._stop()
        self._deadline = self.loop.call_later(PATIENCE, self._give_up)

    def _stop(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()

    def _give_up(self) -> None:
        # While a request is being answered there is nothing to wait for; the answer's end begins the next wait.
        if self.cycle is None or self.cycle.response_complete:
            self.transport.close()
