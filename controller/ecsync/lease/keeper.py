"""Keeps a lease on a thread of its own, and decides whether this process may write now."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass

from ecsync.core.ports import AwsError, Deferred, Holder, Lease, LeaseError, WritesStopped

_FAILURES = (AwsError, LeaseError, Deferred)  # the place cannot be read or written now
CALL = 20.0  # seconds that a write may take until its client gives up (`aws.clients`)


@dataclass(frozen=True, slots=True, kw_only=True)
class Timing:
    """The times of a lease, in seconds, of the period within which another process takes a lost one over.

    A process that waits sees the last renewal within one round, waits for the term, and notices within another round.
    So a term and two rounds, with their calls, are at most a period.
    """

    period: float

    @property
    def term(self) -> float:
        """Return the time for which it is held after it was written."""
        return self.period * 3 / 4

    @property
    def every(self) -> float:
        """Return the time between two rounds: a process that waits notices a stale lease within it."""
        return self.period / 10

    @property
    def needed(self) -> float:
        """Return the time that must be left for a write. A period below 40 s leaves less than a call may take."""
        return min(CALL, self.period / 2)


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """What is known of the lease: it is ours (`held`), or another holder has it, or an error is the reason."""

    held: bool = False
    holder: Holder | None = None
    error: str = ""

    def __str__(self) -> str:
        if self.held:
            return "held by this process"
        if self.holder is not None:
            return f"held by {self.holder}"
        return f"not held: {self.error}" if self.error else "not taken yet"


class Keeper:
    """Renews a lease, or takes it when it is free. Any thread may ask for `state` and `permit`.

    `changed` receives the states before and after a change, `looked` what each round found (`held`: it was taken
    or renewed), on the thread of the keeper; they must not raise.
    """

    def __init__(
        self,
        lease: Lease,
        timing: Timing,
        changed: Callable[[State, State], None] = lambda _before, _now: None,
        looked: Callable[[State], None] = lambda _now: None,
    ) -> None:
        self._lease = lease
        self._timing = timing
        self._changed = changed
        self._looked = looked
        self._latest = State()
        self._stopping = threading.Event()
        self._taken: Callable[[], None] = lambda: None
        self._thread = threading.Thread(target=self._loop, name="lease", daemon=True)

    def start(self, taken: Callable[[], None] = lambda: None) -> None:
        """Keep the lease from now on. `taken` is called each time it becomes ours; it must not raise."""
        self._taken = taken
        self._thread.start()

    def stop(self, within: float) -> None:
        """Keep it no longer, and give it back: this process has ended its writes. Waits for so many seconds at most."""
        self._stopping.set()
        self._thread.join(within)

    def release(self) -> None:
        """Give the lease back, if that is possible now."""
        try:
            self._lease.release()
        except _FAILURES:
            return  # it ends by itself

    def state(self) -> State:
        """Return the state now: a lease that was not renewed in time is not held, whatever the last round found."""
        latest = self._latest
        if self._lease.held():
            return State(held=True)
        return State(error="it was not renewed in time") if latest.held else latest

    def permit(self) -> None:
        """Return if this process may make a write now. Raises WritesStopped."""
        if not self._lease.held(self._timing.needed):
            state = self.state()
            why = f"the lease is {state}" if not state.held else "the lease ends too soon, and is not renewed yet"
            raise WritesStopped(f"nothing more is written: {why}")

    def round(self, *, force: bool = False) -> State:
        """Take or renew the lease once, report a change, and return the state."""
        before = self._latest
        try:
            now = State(holder=self._lease.keep(force=force))
        except _FAILURES as error:
            now = State(error=str(error))
        self._looked(State(held=True) if now == State() else now)
        self._latest = now = State(held=True) if self._lease.held() else now
        if (now.held, now.holder, bool(now.error)) != (before.held, before.holder, bool(before.error)):
            self._changed(before, now)
        if now.held and not before.held:
            self._taken()
        return now

    def _loop(self) -> None:
        while not self._stopping.is_set():
            self.round()
            self._stopping.wait(self._timing.every)
        self.release()
