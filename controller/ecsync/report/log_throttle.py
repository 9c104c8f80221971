"""Says the same thing once a minute."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Hashable

from ecsync.core.ports import Clock


class Repeats:
    """Lets a thing through once per window, and counts what it held back; the oldest things are forgotten."""

    def __init__(self, clock: Clock, *, window: float = 60.0, remembered: int = 1000) -> None:
        self._clock = clock
        self._window = window
        self._remembered = remembered
        self._lock = threading.Lock()
        self._seen: OrderedDict[Hashable, tuple[float, int]] = OrderedDict()  # let through at, held back since

    def allow(self, thing: Hashable) -> int | None:
        """Return how many of it were held back since the last one let through; None to hold this one back too."""
        now = self._clock.monotonic()
        with self._lock:
            at, held = self._seen.get(thing, (now - self._window, 0))
            if now - at < self._window:
                self._seen[thing] = (at, held + 1)
                return None
            self._seen[thing] = (now, 0)
            self._seen.move_to_end(thing)
            while len(self._seen) > self._remembered:
                self._seen.popitem(last=False)
            return held
