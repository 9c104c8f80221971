"""A limit for repeated log lines: the same line once a minute."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Hashable

from ecsync.core.ports import Clock


class Repeats:
    """Admits a line once per window and counts the ones it drops; the oldest lines are forgotten."""

    def __init__(self, clock: Clock, *, window: float = 60.0, remembered: int = 1000) -> None:
        self._clock = clock
        self._window = window
        self._remembered = remembered
        self._lock = threading.Lock()
        self._seen: OrderedDict[Hashable, tuple[float, int]] = (
            OrderedDict()
        )  # time of the last admitted one, dropped since

    def allow(self, line: Hashable) -> int | None:
        """Return how many equal lines were dropped since the last admitted one; None to drop this one too."""
        now = self._clock.monotonic()
        with self._lock:
            at, dropped = self._seen.get(line, (now - self._window, 0))
            if now - at < self._window:
                self._seen[line] = (at, dropped + 1)
                return None
            self._seen[line] = (now, 0)
            self._seen.move_to_end(line)
            while len(self._seen) > self._remembered:
                self._seen.popitem(last=False)
            return dropped
