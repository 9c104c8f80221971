"""A simulated account: its state, its ledger and its faults, and the commands that change them."""

from __future__ import annotations

import threading
from collections.abc import Callable

from ecsim.account.clock import Clock, SpeedClock, VirtualClock
from ecsim.account.faults import Fault, Faults
from ecsim.account.ledger import Ledger
from ecsim.account.settings import Settings
from ecsim.account.world import World

Hook = Callable[[str, str], None]


class Account:
    """One simulated account. `lock` guards all of its state.

    `prepare` gets each new world before the first call: at the start and after each reset.
    """

    def __init__(self, settings: Settings, clock: Clock | None, prepare: Callable[[World], None]) -> None:
        self.settings = settings
        self.clock: Clock = clock or SpeedClock(settings.speed)
        self.lock = threading.RLock()
        self._prepare = prepare
        self.reset()

    def reset(self) -> None:
        """Start again with an empty account and its default VPC, an empty ledger, no faults and no hooks."""
        with self.lock:
            self.world = World(self.settings, self.clock)
            self.ledger = Ledger()
            self.faults = Faults()
            self.before_call: Hook | None = None
            self.after_call: Hook | None = None
            self._prepare(self.world)

    def tick(self) -> None:
        """Run everything that is due. Every request does the same first."""
        with self.lock:
            self.world.run()

    def advance(self, seconds: float) -> None:
        """Advance simulated time. Raises TypeError without a VirtualClock."""
        if not isinstance(self.clock, VirtualClock):
            raise TypeError("time cannot be advanced: the simulator was not started with a VirtualClock")
        self.clock.advance(seconds)
        self.tick()

    def fault(self, fault: Fault) -> None:
        """Add a fault."""
        with self.lock:
            self.faults.add(fault)

    def clear_faults(self) -> None:
        """Remove all faults."""
        with self.lock:
            self.faults.clear()

    def on_call(self, *, before: Hook | None = None, after: Hook | None = None) -> None:
        """Call `before(service, operation)` and `after(service, operation)` around each AWS call.

        An exception in a hook breaks the caller's connection. In `before` the call has not happened. In `after` it
        has happened, and the caller gets no response.
        """
        with self.lock:
            self.before_call, self.after_call = before, after
