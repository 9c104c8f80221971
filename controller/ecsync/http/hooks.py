"""Hooks of code hosts: a valid one is a hint to read the source now. Nothing of its content is used."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable, Mapping, Sequence

from ecsync.core.ports import Clock, HookResult
from ecsync.http import signatures

LARGEST = 1_048_576  # bytes of a body
PATIENCE = 10.0  # seconds for a body
BURST = 20  # hooks at once, of all senders together
RATE = 1.0  # hooks per second after a burst
MOST_AT_A_TIME = 10  # bodies that are being read
REMEMBERED = 1000  # ids: more than the rate admits within the time that they are kept
_JSON = "application/json"


class Hooks:
    """Receives hooks, on the loop of the HTTP server. `keys` are the secrets by hook; one without a secret is unknown.

    `read_now` must return at once. `count` receives the hook (`other` for an unknown one) and the result of each
    request, and must not block.
    """

    def __init__(
        self,
        keys: Mapping[str, Sequence[bytes]],
        read_now: Callable[[], None],
        count: Callable[[str, HookResult], None],
        clock: Clock,
    ) -> None:
        self._keys = {hook: found for hook, found in keys.items() if found}
        self._read_now = read_now
        self._count = count
        self._clock = clock
        self._tokens = float(BURST)
        self._filled = clock.monotonic()
        self._reading = 0
        self._seen: OrderedDict[str, float] = OrderedDict()  # id of a generic message -> when it is forgotten

    def __bool__(self) -> bool:
        """Return whether any hook has a secret."""
        return bool(self._keys)

    async def receive(self, hook: str, headers: Mapping[str, str], chunks: AsyncIterator[bytes]) -> HookResult:
        """Return the result of one request. The body is read only if it may be valid, and never beyond the limit."""
        result = await self._receive(hook, headers, chunks)
        self._count(hook if hook in self._keys else "other", result)
        if result == "accepted":
            self._read_now()
        return result

    async def _receive(self, hook: str, headers: Mapping[str, str], chunks: AsyncIterator[bytes]) -> HookResult:
        if hook not in self._keys:
            return "unknown"
        if not self._admitted():
            return "limited"
        if headers.get("content-type", "").partition(";")[0].strip().lower() != _JSON:
            return "wrong_type"
        length = headers.get("content-length", "0")
        if not length.isdecimal() or len(length) > 12:
            return "malformed"
        if int(length) > LARGEST:
            return "oversized"
        self._reading += 1
        try:
            async with asyncio.timeout(PATIENCE):
                body = await read_body(chunks)
        except TimeoutError:
            return "slow"
        except ConnectionError:  # the client left
            return "malformed"
        finally:
            self._reading -= 1
        return "oversized" if body is None else self._checked(hook, headers, body)

    def _admitted(self) -> bool:
        """Take a token of the rate limit, if there is one and few bodies are being read."""
        now = self._clock.monotonic()
        self._tokens = min(float(BURST), self._tokens + (now - self._filled) * RATE)
        self._filled = now
        if self._tokens < 1 or self._reading >= MOST_AT_A_TIME:
            return False
        self._tokens -= 1
        return True

    def _checked(self, hook: str, headers: Mapping[str, str], body: bytes) -> HookResult:
        keys = self._keys[hook]
        if hook == "github":
            return signatures.github(keys, headers, body) or "accepted"
        if hook == "gitlab":
            return signatures.gitlab(keys, headers, body) or "accepted"
        refused = signatures.generic(keys, headers, body, self._clock.now().timestamp())
        return refused or self._first(signatures.message_id(headers))

    def _first(self, message: str) -> HookResult:
        """Remember the id of a valid message until its time is over, and return whether it is the first one with it."""
        now = self._clock.monotonic()
        while self._seen and next(iter(self._seen.values())) <= now:
            self._seen.popitem(last=False)
        if message in self._seen:
            return "repeated"
        if len(self._seen) >= REMEMBERED:
            return "limited"
        self._seen[message] = now + 2 * signatures.WINDOW + 1  # its time may be as far ahead of ours
        return "accepted"


async def read_body(chunks: AsyncIterator[bytes]) -> bytes | None:
    """Return a body; None if it is too large."""
    parts, size = [], 0
    async for chunk in chunks:
        size += len(chunk)
        if size > LARGEST:
            return None
        parts.append(chunk)
    return b"".join(parts)
