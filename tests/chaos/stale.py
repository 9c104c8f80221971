"""Reads that are answered from the account as it was some seconds ago."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from ecsim import Simulator
from ecsim.account.ledger import is_mutating
from ecsim.account.world import World
from ecsim.http import protocol
from ecsim.http.consistency import Replica
from ecsim.http.throttling import Buckets
from tests.chaos.wire import Environ

SERVICES = frozenset({"ecs", "elbv2", "autoscaling", "application-autoscaling"})  # moto has no part in their reads


@dataclass(frozen=True)
class Snapshot:
    """The account as it was before a write."""

    number: int
    at: float
    world: World


@dataclass
class StaleReads:
    """The simulated AWS behind a replica that gets each write `seconds` later.

    A snapshot of the account is taken before each write, and answers the reads of the controller while it is younger
    than `seconds`. With `once`, the last snapshot answers the next read, whatever its age.
    """

    simulator: Simulator
    seconds: float = 0.0
    once: bool = False
    remembers: bool = False  # take snapshots for `once`
    active: Callable[[], bool] = lambda: True  # False: another client reads, and gets what is there
    _snapshots: list[Snapshot] = field(default_factory=list)
    _taken: int = 0

    def __call__(self, environ: Environ, start: Callable[..., Any]) -> Iterable[bytes]:
        """Answer one request."""
        if not (self.seconds or self.remembers or self.once):
            return self.simulator.gateway(environ, start)
        body = environ["wsgi.input"].getvalue()
        request = protocol.decode(dict(environ), body, self.simulator.settings.region)
        if not is_mutating(request.operation):
            snapshot = self.snapshot(request.service)
            return self.simulator.gateway(environ, start) if snapshot is None else self._by(snapshot, environ, start)
        if request.service in SERVICES and (self.seconds or self.remembers):
            self._remember()
        return self.simulator.gateway(environ, start)

    def forget(self) -> None:
        """Forget every snapshot."""
        self._snapshots.clear()

    def snapshot(self, service: str) -> Snapshot | None:
        """Return the snapshot that answers the reads of a service now; None if the account answers them."""
        if service not in SERVICES or not self.active():
            return None
        if self.once and self._snapshots:
            return self._snapshots[-1]
        now = self.simulator.clock.now()
        return next((one for one in self._snapshots if now - one.at < self.seconds), None)

    def _remember(self) -> None:
        now = self.simulator.clock.now()
        self._snapshots = [one for one in self._snapshots if now - one.at < self.seconds]
        self._taken += 1
        self._snapshots.append(Snapshot(self._taken, now, _copy(self.simulator.world)))

    def _by(self, snapshot: Snapshot, environ: Environ, start: Callable[..., Any]) -> Iterable[bytes]:
        """Answer a request from a snapshot."""
        worlds, account = self.simulator.worlds, self.simulator.settings.account
        live, worlds[account] = worlds[account], snapshot.world
        try:
            return list(self.simulator.gateway(environ, start))
        finally:
            worlds[account] = live


def _copy(live: World) -> World:
    """Return the account as it is now; nothing happens in it any more."""
    live.run()
    snapshot = World(live.settings, live.clock)
    states = {key: state for key, state in live._states.items() if key[0] not in (Replica, Buckets)}
    snapshot._states = copy.deepcopy(states, {id(live): snapshot})
    snapshot._now = live._now
    return snapshot
