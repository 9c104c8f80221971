"""What tests of ecsync, and of what is built on it, need in place of the world. Shipped, small, no AWS semantics."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta


class FakeClock:
    """A clock that stands still until it is told to advance (`core.ports.Clock`); safe across threads."""

    def __init__(self, start: datetime = datetime(2026, 1, 1, tzinfo=UTC)) -> None:
        self._start = start
        self._elapsed = 0.0
        self._lock = threading.Lock()
        self._held: list[threading.Condition] = []

    def now(self) -> datetime:
        """Wall time with a zone."""
        return self._start + timedelta(seconds=self._elapsed)

    def monotonic(self) -> float:
        """Seconds that never jump; the first is not zero, so that no code can mistake it for "never"."""
        return 1000.0 + self._elapsed

    def advance(self, seconds: float) -> None:
        """Let time pass at once, and wake whoever is held."""
        if seconds < 0:
            raise ValueError(f"time does not run backwards: {seconds}")
        with self._lock:
            self._elapsed += seconds
            held, self._held = self._held, []
        for condition in held:
            with condition:
                condition.notify_all()

    def sleep(self, seconds: float) -> None:
        """Let time pass in place of `time.sleep`."""
        self.advance(seconds)

    def skip(self, _condition: threading.Condition, seconds: float | None) -> None:
        """Let time pass in place of `Condition.wait`: nobody else will notify, for tests with one thread."""
        if seconds is None:
            raise RuntimeError("waits for ever: nothing is due, and there is no other thread")
        self.advance(seconds)

    def hold(self, condition: threading.Condition, _seconds: float | None) -> None:
        """Wait until notified or until the clock is advanced, in place of `Condition.wait`, for tests with threads."""
        with self._lock:
            self._held.append(condition)
        condition.wait()
