"""An event loop with the time of a FakeClock: it moves on when nothing else is to do. And requests without a socket."""

from __future__ import annotations

import asyncio
import json
import selectors
from collections.abc import Awaitable, Callable, Iterable
from typing import Any

from ecsync.testing import FakeClock


class _Selector(selectors.SelectSelector):
    def __init__(self, clock: FakeClock) -> None:
        super().__init__()
        self._clock = clock

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        """Move the time forward in place of waiting."""
        if timeout is None:
            raise RuntimeError("waits for ever: nothing is due, and no other thread runs")
        self._clock.advance(max(0.0, timeout))
        return super().select(0)


class _Loop(asyncio.SelectorEventLoop):
    def __init__(self, clock: FakeClock) -> None:
        super().__init__(_Selector(clock))
        self._clock = clock

    def time(self) -> float:
        """Return the time of the clock."""
        return self._clock.monotonic()


def run(clock: FakeClock, work: Callable[[], Awaitable[Any]]) -> Any:
    """Run a coroutine to its end on a loop with this time."""

    async def main() -> Any:
        return await work()

    with asyncio.Runner(loop_factory=lambda: _Loop(clock)) as runner:
        return runner.run(main())


class Waits:
    """A part of a body that never comes."""


async def post(app: Any, path: str, headers: dict[str, str], body: Iterable[bytes | Waits]) -> tuple[int, Any, int]:
    """Send a POST to an ASGI application; return status, JSON, and the number of parts of the body that it read."""
    parts, sent, read = [*body], [], 0

    async def receive() -> dict[str, Any]:
        nonlocal read
        if read >= len(parts):
            return {"type": "http.disconnect"}
        part = parts[read]
        if isinstance(part, Waits):
            await asyncio.get_running_loop().create_future()
        read += 1
        return {"type": "http.request", "body": part, "more_body": read < len(parts)}

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    lines = [(name.lower().encode(), value.encode("latin-1")) for name, value in headers.items()]
    scope = {
        "type": "http",
        "method": "POST",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "headers": [*lines, (b"host", b"localhost")],
        "client": ("192.0.2.1", 1),
        "http_version": "1.1",
        "scheme": "http",
        "root_path": "",
    }
    await app(scope, receive, send)
    content = b"".join(message.get("body", b"") for message in sent)
    return sent[0]["status"], json.loads(content), read
