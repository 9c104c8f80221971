"""A simulated account: its state, its ledger and its faults, and the commands that change them.

The account can assume roles of other accounts: each has a state of its own, and they share clock, ledger and faults.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace

from ecsim.account.clock import Clock, SpeedClock, VirtualClock
from ecsim.account.faults import Fault, Faults
from ecsim.account.ledger import Ledger
from ecsim.account.sessions import Sessions
from ecsim.account.settings import Settings
from ecsim.account.world import World

Hook = Callable[[str, str], None]


class Account:
    """One simulated account. `lock` guards all of its state.

    `prepare` gets each new world before the first call in it; `clear` is called before the first one, at each reset.
    """

    def __init__(
        self,
        settings: Settings,
        clock: Clock | None,
        prepare: Callable[[World], None],
        clear: Callable[[], None] = lambda: None,
    ) -> None:
        self.settings = settings
        self.clock: Clock = clock or SpeedClock(settings.speed)
        self.lock = threading.RLock()
        self._prepare, self._clear = prepare, clear
        self.reset()

    def reset(self) -> None:
        """Start again with an empty account and its default VPC, an empty ledger, no faults and no hooks."""
        with self.lock:
            self.worlds: dict[str, World] = {}  # by account
            self._sessions = Sessions(self.settings.account)
            self._clear()
            self.world = self.world_of(self.settings.account)
            self.ledger = Ledger()
            self.faults = Faults()
            self.before_call: Hook | None = None
            self.after_call: Hook | None = None

    def world_of(self, account: str) -> World:
        """Return the state of an account; it is empty at first."""
        if account not in self.worlds:
            self.worlds[account] = World(replace(self.settings, account=account), self.clock, self._sessions)
            self._prepare(self.worlds[account])
        return self.worlds[account]

    def world_for(self, access_key: str) -> World:
        """Return the state of the account in which the calls with an access key land."""
        return self.world_of(self._sessions.account_of(access_key))

    def tick(self) -> None:
        """Run everything that is due. Every request does the same first."""
        with self.lock:
            for world in list(self.worlds.values()):
                world.run()

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
