"""Simulated time: advanced by tests, or a multiple of the wall clock."""

from __future__ import annotations

import time
from typing import Protocol

# 2026-01-01T00:00:00Z. A fixed start makes every run of a test identical.
EPOCH = 1_767_225_600.0


class Clock(Protocol):
    """A source of simulated time; it never runs backwards."""

    def now(self) -> float:
        """Return the simulated time in seconds since 1970."""
        ...


class VirtualClock:
    """A clock that only `advance` moves."""

    def __init__(self, start: float = EPOCH) -> None:
        self._now = start

    def now(self) -> float:
        """Return the simulated time in seconds since 1970."""
        return self._now

    def advance(self, seconds: float) -> None:
        """Move the clock forward by `seconds`."""
        if seconds < 0:
            raise ValueError(f"time does not run backwards: {seconds}")
        self._now += seconds


class SpeedClock:
    """A clock that runs `speed` times as fast as the wall clock."""

    def __init__(self, speed: float = 1.0) -> None:
        if speed <= 0:
            raise ValueError(f"speed must be positive: {speed}")
        self.speed = speed
        self._wall = time.monotonic()
        self._start = time.time()

    def now(self) -> float:
        """Return the simulated time in seconds since 1970."""
        return self._start + (time.monotonic() - self._wall) * self.speed
