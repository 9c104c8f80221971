"""A cache of responses that never change, as compressed JSON: a task definition takes at most 1 KB instead of 13 KB.

Most of them are alike, so the first one is the dictionary of the compression: one that is like it takes 100 bytes.

What was not asked for during `keep_seconds` is dropped; what is asked for in every pass stays, whatever its number. An
LRU of a fixed size would lose all of it to each pass over more than that. While the room is full, nothing is added.
"""

from __future__ import annotations

import json
import threading
import zlib
from collections.abc import Callable, Hashable, Mapping
from typing import Any

KEEP_SECONDS = 3600.0
ROOM = 64 * 2**20  # bytes: 60,000 task definitions, or more that are alike


class Cache:
    """A store of responses; safe across threads. Two threads may fetch the same response at once."""

    def __init__(self, monotonic: Callable[[], float], *, keep_seconds: float = KEEP_SECONDS, room: int = ROOM) -> None:
        self._monotonic = monotonic
        self._keep_seconds = keep_seconds
        self._room = room
        self._asked: dict[Hashable, bytes] = {}  # since `_began`
        self._before: dict[Hashable, bytes] = {}  # in the period before that, and not since
        self._began = monotonic()
        self._size = 0
        self._example = b""  # the first response
        self._lock = threading.Lock()

    def get(self, key: Hashable, fetch: Callable[[], Mapping[str, Any]]) -> Mapping[str, Any]:
        """Return the response of the key, or fetch and keep it. A failure is not kept."""
        with self._lock:
            self._drop_old()
            packed = self._asked.get(key) or self._before.pop(key, None)
            if packed:
                self._asked[key] = packed
        if packed:
            unpacking = zlib.decompressobj(zdict=self._example)
            found: dict[str, Any] = json.loads(unpacking.decompress(packed))
            return found
        response = fetch()
        plain = json.dumps(response, separators=(",", ":")).encode()
        with self._lock:
            self._example = self._example or plain
        packing = zlib.compressobj(1, zdict=self._example)
        packed = packing.compress(plain) + packing.flush()
        with self._lock:
            if key not in self._asked and self._size + len(packed) <= self._room:
                self._asked[key] = packed
                self._size += len(packed)
        return response

    def __contains__(self, key: Hashable) -> bool:
        with self._lock:
            return key in self._asked or key in self._before

    @property
    def size(self) -> int:
        """The bytes of all responses that are kept."""
        return self._size

    def _drop_old(self) -> None:
        now = self._monotonic()
        if now - self._began >= self._keep_seconds:
            self._size -= sum(map(len, self._before.values()))
            self._before, self._asked, self._began = self._asked, {}, now
