"""The state of one account, and the timers that change it."""

from __future__ import annotations

import heapq
import itertools
import random
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TypeVar, cast

from ecsim.account.clock import Clock
from ecsim.account.sessions import Sessions
from ecsim.account.settings import Settings

Body = dict[str, Any]
Handler = Callable[["Call"], Body]
State = TypeVar("State")


class World:
    """The state that `Account.reset` discards. Hold `Account.lock` to use it.

    A service keeps its state in a class of its own, so that this module imports no service.
    """

    def __init__(self, settings: Settings, clock: Clock, sessions: Sessions | None = None) -> None:
        self.settings = settings
        self.clock = clock
        self.sessions = sessions or Sessions(settings.account)  # of all accounts
        self.random = random.Random(settings.seed)  # noqa: S311  # identifiers, not secrets
        self._states: dict[tuple[object, str], object] = {}
        self._timers: list[tuple[float, int, Callable[[], None]]] = []
        self._sequence = itertools.count()
        self._now = clock.now()
        self.changes = 0  # writes that were answered, and timers that ran: nothing else changes the answer to a read

    def store(self, kind: Callable[[str, str], State], region: str) -> State:
        """Return the state of a service in one Region; the first use creates it as `kind(region, account)`."""
        if (kind, region) not in self._states:
            self._states[kind, region] = kind(region, self.settings.account)
        return cast(State, self._states[kind, region])

    def state(self, kind: Callable[[], State]) -> State:
        """Return state that all Regions share; the first use creates it as `kind()`."""
        if (kind, "") not in self._states:
            self._states[kind, ""] = kind()
        return cast(State, self._states[kind, ""])

    @property
    def now(self) -> float:
        """The simulated time in seconds since 1970. While a timer runs, it is the time of that timer."""
        return self._now

    @property
    def iso(self) -> str:
        """The simulated time in the format of the XML services."""
        return datetime.fromtimestamp(self._now, UTC).isoformat()

    def after(self, seconds: float, action: Callable[[], None]) -> None:
        """Run `action` after `seconds` of simulated time."""
        heapq.heappush(self._timers, (self._now + seconds, next(self._sequence), action))

    def run(self) -> None:
        """Run every timer that is due by the clock, in order of time."""
        until = self.clock.now()
        while self._timers and self._timers[0][0] <= until:
            when, _, action = heapq.heappop(self._timers)
            self._now = max(self._now, when)
            self.changes += 1
            action()
        self._now = max(self._now, until)

    def hex(self, length: int) -> str:
        """Return a hexadecimal identifier that depends only on the seed."""
        return f"{self.random.getrandbits(length * 4):0{length}x}"

    def uuid(self) -> str:
        """Return an identifier in the format of a UUID."""
        text = self.hex(32)
        return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"

    def digits(self, length: int) -> str:
        """Return a decimal identifier without a leading zero."""
        return str(self.random.randint(10 ** (length - 1), 10**length - 1))


@dataclass(frozen=True)
class Call:
    """One request to an operation that ecsim implements."""

    world: World
    region: str
    params: Body
    caller: str

    @property
    def account(self) -> str:
        """The account ID."""
        return self.world.settings.account

    @property
    def access_key(self) -> str:
        """The access key that signed the request."""
        return self.caller.partition(" ")[0]

    def store(self, kind: Callable[[str, str], State]) -> State:
        """Return the state of a service in the Region of this call."""
        return self.world.store(kind, self.region)
