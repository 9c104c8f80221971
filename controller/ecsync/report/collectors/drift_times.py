"""Since when each resource drifts, and how the drift ended."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection
from typing import Literal, NamedTuple, TypeAlias

from ecsync.core.model import Key
from ecsync.core.outcome import Event

By: TypeAlias = Literal["ecsync", "other"]
_REPAIRS = ("resource.created", "resource.updated", "resource.replaced")


class Resolved(NamedTuple):
    """A drift that ended: by a repair of ecsync, or otherwise. `seconds` are since it was detected."""

    by: By
    seconds: float


class DriftTimes:
    """When each open drift was detected, as this process saw it: a restart begins again. Safe across threads.

    `now` returns Unix time in seconds, as the times of events.
    """

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._lock = threading.Lock()
        self._since: dict[Key, float] = {}
        self._repaired: set[Key] = set()

    def record(self, event: Event) -> Resolved | None:
        """Take an event, and return the drift that it ends."""
        key = event.key
        if key is None:
            return None
        with self._lock:
            if event.type == "drift.detected":
                self._since[key] = event.time.timestamp()
                self._repaired.discard(key)
            elif event.type in _REPAIRS and key in self._since:
                self._repaired.add(key)
            elif event.type == "drift.resolved" and key in self._since:
                seconds = max(0.0, event.time.timestamp() - self._since.pop(key))
                by: By = "ecsync" if key in self._repaired else "other"
                self._repaired.discard(key)
                return Resolved(by, seconds)
        return None

    def drifts(self, key: Key | None) -> bool:
        """Return whether a resource drifts."""
        return key in self._since

    def oldest(self, keys: Collection[Key]) -> float:
        """Return the seconds since the first of these was found to drift; 0 without one."""
        with self._lock:
            since = min((self._since[key] for key in keys if key in self._since), default=None)
        return 0.0 if since is None else max(0.0, self._now() - since)

    def forget(self, application: str) -> None:
        """Forget the resources of an application."""
        with self._lock:
            self._since = {key: since for key, since in self._since.items() if key.application != application}
            self._repaired = {key for key in self._repaired if key.application != application}
