"""Time as the simulated account sees it: advanced by tests, or a multiple of the wall clock."""

from __future__ import annotations

import time
from typing import Protocol

# 2026-01-01T00:00:00Z: a fixed start keeps every run of a test byte for byte the same.
EPOCH = 1_767_225_600.0


class Clock(Protocol):
    """Seconds since the epoch; never runs backwards."""

    def now(self) -> float:
        """The present, in seconds since 1970."""
        ...


class VirtualClock:
    """Stands still until a test advances it."""

    def __init__(self, start: float = EPOCH) -> None:
        self._now = start

    def now(self) -> float:
        """The present, in seconds since 1970."""
        return self._now

    def advance(self, seconds: float) -> None:
        """Let `seconds` pass at once."""
        if seconds < 0:
            raise ValueError(f"time does not run backwards: {seconds}")
        self._now += seconds


class SpeedClock:
    """Runs `speed` simulated seconds for each second of the wall clock."""

    def __init__(self, speed: float = 1.0) -> None:
        if speed <= 0:
            raise ValueError(f"speed must be positive: {speed}")
        self.speed = speed
        self._wall = time.monotonic()
        self._start = time.time()

    def now(self) -> float:
        """The present, in seconds since 1970."""
        return self._start + (time.monotonic() - self._wall) * self.speed
