"""The work queue: names of applications, each at most once, never with two workers on one.

Two protocols, so that a queue of AWS's may stand behind them one day, and the one in memory.
"""

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
        """Keep the claim; False when it is lost. Asked before every mutating call."""

    def done(self, after: float | None = None) -> None:
        """Give the claim back, and see the application again after so many seconds if any are given."""


class Queue(Protocol):
    """What the engine needs of a queue."""

    def add(self, key: str, after: float = 0.0, *, overtake: bool = True) -> None:
        """Have the application worked on after so many seconds, or sooner if that is due already."""

    def take(self, timeout: float | None = None) -> Claim | None:
        """Wait for the earliest due; None when the time is over or the queue is closed."""


@dataclass(frozen=True, slots=True)
class _Due:
    at: float
    order: int  # of being added: what is due at the same moment goes first come, first served
    firm: bool  # not from a tick, and so not to be put off by a backoff


class MemoryQueue:
    """The queue of one process.

    - `add` while the name waits keeps the earlier time; with `overtake=False` it leaves a name that waits where it
      is, so that a tick does not cut a backoff short and a person or a new revision does.
    - `add` while the name is claimed has it taken again once the claim is given back; a tick's gives way to `done`
      with a time.
    - `close` wakes every worker and loses every claim: a pass ends before its next mutating call.

    `wait` is `Condition.wait`, or what a test puts in its place (`FakeClock.skip`, `FakeClock.hold`).
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

    def add(self, key: str, after: float = 0.0, *, overtake: bool = True) -> None:
        """Have the application worked on after so many seconds, or sooner if that is due already."""
        with self._changed:
            if self._closed or (key in self._waiting and not overtake):
                return
            at = self._clock.monotonic() + max(0.0, after)
            if key not in self._waiting or at < self._waiting[key].at:
                self._added += 1
                self._waiting[key] = _Due(at, self._added, overtake)
                self._changed.notify_all()

    def take(self, timeout: float | None = None) -> Claim | None:
        """Wait for the earliest due; None when the time is over or the queue is closed."""
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
                next_look = min((at for at in (due, until) if at is not None), default=None)
                self._wait(self._changed, None if next_look is None else next_look - now)
        return None

    def discard(self, key: str) -> None:
        """Forget an application that is gone. One that is being worked on is finished, and not taken again."""
        with self._changed:
            self._waiting.pop(key, None)

    def close(self) -> None:
        """Take no more, give no more, and lose every claim."""
        with self._changed:
            self._closed = True
            self._waiting.clear()
            self._changed.notify_all()

    def depth(self) -> int:
        """How many are due and wait for a worker."""
        with self._changed:
            now = self._clock.monotonic()
            return sum(due.at <= now for due in self._waiting.values())

    def active(self) -> int:
        """How many are being worked on."""
        with self._changed:
            return len(self._claims)

    def longest_running(self) -> float:
        """Seconds since the oldest claim was taken; 0 when there is none."""
        with self._changed:
            taken = min((claim.taken for claim in self._claims.values()), default=None)
            return 0.0 if taken is None else self._clock.monotonic() - taken

    def due_in(self, key: str) -> float | None:
        """Seconds until the application is due; None while it does not wait."""
        with self._changed:
            due = self._waiting.get(key)
            return None if due is None else max(0.0, due.at - self._clock.monotonic())

    def _earliest(self) -> str | None:
        """The claimed are passed over. A scan: for thousands of names it costs less than one AWS call's signature."""
        free = (key for key in self._waiting if key not in self._claims)
        return min(free, key=lambda key: (self._waiting[key].at, self._waiting[key].order), default=None)

    def _holds(self, claim: _MemoryClaim) -> bool:
        with self._changed:
            return not self._closed and self._claims.get(claim.key) is claim

    def _give_back(self, claim: _MemoryClaim, after: float | None) -> None:
        with self._changed:
            if self._claims.get(claim.key) is not claim:
                return
            del self._claims[claim.key]
            if after is not None:
                if claim.key in self._waiting and not self._waiting[claim.key].firm:
                    del self._waiting[claim.key]
                self.add(claim.key, after)
            self._changed.notify_all()


class _MemoryClaim:
    """A claim on the queue in memory: lost only when given back or when the queue closes."""

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
