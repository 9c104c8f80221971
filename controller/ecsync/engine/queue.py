"""The work queue: names of applications, each at most once, and never with two workers on one."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from ecsync.core.ports import Clock


class Claim(Protocol):
    """The right to work on one application; it can be lost at any moment."""

    @property
    def key(self) -> str:
        """The application's name."""

    def renew(self) -> bool:
        """Keep the claim; False when it is lost. Called before every mutating call."""

    def done(self, after: float | None = None) -> None:
        """Give the claim back, and requeue the application after this many seconds; None: do not requeue it."""


@dataclass(frozen=True, slots=True)
class _Due:
    at: float
    order: int  # of the calls to `add`: of two names that are due at the same moment the first added goes first


class MemoryQueue:
    """The queue of one process.

    - `add` of a name that waits keeps the earlier of the two times.
    - `add` of a name that is claimed makes it wait; it is taken when the claim has been given back.
    - `Claim.done` with a time requeues the name, also when the claim was lost: no application is ever left out.
    - `close` wakes every worker and ends every claim: a pass stops before its next mutating call.

    `wait` is `Condition.wait`, or a replacement in tests (`FakeClock.skip`, `FakeClock.hold`).
    """

    def __init__(
        self, clock: Clock, wait: Callable[[threading.Condition, float | None], object] = threading.Condition.wait
    ) -> None:
        self._clock = clock
        self._wait = wait
        self._changed = threading.Condition()
        self._waiting: dict[str, _Due] = {}
        self._claims: dict[str, _MemoryClaim] = {}
        self._added = 0
        self._closed = False

    def add(self, key: str, after: float = 0.0) -> None:
        """Make the application due after this many seconds, unless it is due earlier already."""
        with self._changed:
            at = self._clock.monotonic() + max(0.0, after)
            if self._closed or (key in self._waiting and self._waiting[key].at <= at):
                return
            self._added += 1
            self._waiting[key] = _Due(at, self._added)
            self._changed.notify_all()

    def take(self, timeout: float | None = None) -> Claim | None:
        """Wait for the name that is due first; None after the timeout, or when the queue is closed."""
        with self._changed:
            until = None if timeout is None else self._clock.monotonic() + timeout
            while not self._closed:
                now = self._clock.monotonic()
                key = self._earliest()
                due = self._waiting[key].at if key is not None else None
                if key is not None and due is not None and due <= now:
                    del self._waiting[key]
                    claim = self._claims[key] = _MemoryClaim(self, key, now)
                    return claim
                if until is not None and until <= now:
                    return None
                next_change = min((at for at in (due, until) if at is not None), default=None)
                self._wait(self._changed, None if next_change is None else next_change - now)
        return None

    def discard(self, key: str) -> None:
        """Remove a name that waits. A claim on it stays: its pass ends, and may requeue the name once more."""
        with self._changed:
            self._waiting.pop(key, None)

    def close(self) -> None:
        """Accept no more names, return no more claims, and end every claim."""
        with self._changed:
            self._closed = True
            self._waiting.clear()
            self._changed.notify_all()

    def depth(self) -> int:
        """Return how many names are due and wait for a worker."""
        with self._changed:
            now = self._clock.monotonic()
            return sum(due.at <= now for due in self._waiting.values())

    def active(self) -> int:
        """Return how many names are claimed."""
        with self._changed:
            return len(self._claims)

    def longest_running(self) -> float:
        """Return the seconds since the oldest claim was taken; 0 without claims."""
        with self._changed:
            taken = min((claim.taken for claim in self._claims.values()), default=None)
            return 0.0 if taken is None else self._clock.monotonic() - taken

    def _earliest(self) -> str | None:
        """Return the unclaimed name that is due first. A scan of thousands costs less than signing one call."""
        free = (key for key in self._waiting if key not in self._claims)
        return min(free, key=lambda key: (self._waiting[key].at, self._waiting[key].order), default=None)

    def _holds(self, claim: _MemoryClaim) -> bool:
        with self._changed:
            return not self._closed and self._claims.get(claim.key) is claim

    def _give_back(self, claim: _MemoryClaim, after: float | None) -> None:
        with self._changed:
            if self._claims.get(claim.key) is claim:
                del self._claims[claim.key]
                self._changed.notify_all()
            if after is not None:
                self.add(claim.key, after)


class _MemoryClaim:
    """A claim on the queue in memory: lost only when it is given back or when the queue closes."""

    def __init__(self, queue: MemoryQueue, key: str, taken: float) -> None:
        self._queue = queue
        self._key = key
        self.taken = taken

    @property
    def key(self) -> str:
        return self._key

    def renew(self) -> bool:
        return self._queue._holds(self)

    def done(self, after: float | None = None) -> None:
        self._queue._give_back(self, after)
