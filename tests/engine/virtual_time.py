"""Time for a test with several threads: it moves on when every thread waits."""

from __future__ import annotations

import heapq
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial

TICK = 0.1  # seconds after which a thread that waits for a condition looks again
DEADLINE = 60.0  # real seconds within which the threads must end


class VirtualTime:
    """A clock (`core.ports.Clock`) of the threads of `run`. Nothing takes time but a wait."""

    def __init__(self) -> None:
        self._now = 1000.0
        self._running = 0
        self._wakes: list[float] = []
        self._moved = threading.Condition()
        self._threads: list[threading.Thread] = []
        self._raised: list[BaseException] = []

    def now(self) -> datetime:
        """Return the wall time."""
        return datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=self._now)

    def monotonic(self) -> float:
        """Return the seconds."""
        return self._now

    def wait(self, seconds: float) -> None:
        """Wait, in place of `time.sleep`."""
        with self._moved:
            until = self._now + seconds
            heapq.heappush(self._wakes, until)
            self._running -= 1
            self._move()
            while self._now < until:
                self._moved.wait(DEADLINE)

    def hold(self, condition: threading.Condition, seconds: float | None) -> None:
        """Wait, in place of `Condition.wait`."""
        condition.release()
        self.wait(TICK if seconds is None else max(0.0, min(seconds, TICK)))
        condition.acquire()

    def start(self, name: str, work: Callable[[], None]) -> threading.Thread:
        """Start a thread (`engine.daemon_parts.start_thread`)."""

        def until_it_ends() -> None:
            try:
                work()
            except BaseException as error:  # noqa: BLE001  # raised by `run`, on the thread of the test
                self._raised.append(error)
            with self._moved:
                self._running -= 1
                self._move()

        thread = threading.Thread(target=until_it_ends, name=name, daemon=True)
        with self._moved:
            self._running += 1
            self._threads.append(thread)
        thread.start()
        return thread

    def run(self, seconds: float, *loops: Callable[[], None]) -> None:
        """Repeat each loop on a thread of its own until so many seconds have passed. Raises the first exception."""
        until = self._now + seconds

        def repeat(loop: Callable[[], None]) -> None:
            while self._now < until:
                loop()

        with self._moved:
            self._running += 1  # this thread: the time stands still until all loops have started
        for loop in loops:
            self.start("loop", partial(repeat, loop))
        with self._moved:
            self._running -= 1
            self._move()
        while self._threads:
            thread = self._threads.pop()
            thread.join(DEADLINE)
            assert not thread.is_alive(), f"{thread.name} does not end"
        if self._raised:
            raise self._raised[0]

    def _move(self) -> None:
        """Move the time to the next wake if every thread waits, and count the threads that go on."""
        if self._running or not self._wakes:
            return
        self._now = max(self._now, self._wakes[0])
        while self._wakes and self._wakes[0] <= self._now:
            heapq.heappop(self._wakes)
            self._running += 1
        self._moved.notify_all()
