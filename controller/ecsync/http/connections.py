"""The connections of the server: how many there are, and how long each may take."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from uvicorn.protocols.http.h11_impl import H11Protocol, RequestResponseCycle


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """The most connections, and the seconds for the head of a request and for its response."""

    connections: int = 100
    head: float = 10.0
    response: float = 60.0


def bounded(bounds: Bounds) -> type[asyncio.Protocol]:
    """Return uvicorn's protocol with bounds. A new connection beyond them ends the one that was idle for longest.

    So a health check finds a place, however many connections other clients leave open.
    """

    class Bounded(H11Protocol):
        def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as in H11Protocol
            super().connection_made(transport)
            self._deadline: asyncio.TimerHandle | None = None
            self._restart()
            if len(self.connections) > bounds.connections:
                idle = (one for one in self.connections if isinstance(one, Bounded) and one.idle)
                min(idle, key=lambda one: one.since).transport.abort()  # this one is idle too

        @property
        def idle(self) -> bool:
            """Whether no request is being answered."""
            cycle: RequestResponseCycle | None = self.cycle  # None before the first request
            return cycle is None or cycle.response_complete

        def data_received(self, data: bytes) -> None:
            was_idle = self.idle
            super().data_received(data)
            if was_idle and not self.idle:
                self._restart()

        def on_response_complete(self) -> None:
            super().on_response_complete()
            self._restart()

        def connection_lost(self, exc: Exception | None) -> None:
            super().connection_lost(exc)
            if self._deadline is not None:
                self._deadline.cancel()

        def _restart(self) -> None:
            """Begin the time of a head or of a response."""
            if self._deadline is not None:
                self._deadline.cancel()
            self.since = self.loop.time()
            seconds = bounds.head if self.idle else bounds.response
            self._deadline = self.loop.call_later(seconds, self.transport.abort)

    return Bounded
