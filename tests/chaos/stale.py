"""Reads that are answered from the account as it was some seconds ago, and reads that are the same as before."""

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
UNCHANGED = frozenset({"ec2", "iam", "logs", "ecr", "ssm", "sts"})  # their reads are the same until the next write

Asked = tuple[str, str, str, str, bytes]
Known = dict[Asked, tuple[str, list[tuple[str, str]], list[bytes]]]


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
    _snapshots: list[tuple[float, World]] = field(default_factory=list)
    _known: dict[str, Known] = field(default_factory=dict)  # by service

    def __call__(self, environ: Environ, start: Callable[..., Any]) -> Iterable[bytes]:
        """Answer one request."""
        body = environ["wsgi.input"].getvalue()
        request = protocol.decode(dict(environ), body, self.simulator.settings.region)
        writes = is_mutating(request.operation)
        if request.service in UNCHANGED:
            known = self._known.setdefault(request.service, {})
            if writes:
                known.clear()
            else:
                key = request.operation, request.region, environ["PATH_INFO"], environ["QUERY_STRING"], body
                return self._repeated(known, key, environ, start)
        if request.service in SERVICES and (self.seconds or self.remembers):
            if writes:
                self._remember()
            elif self.active() and (snapshot := self._snapshot()) is not None:
                return self._answered_by(snapshot, environ, start)
        return self.simulator.gateway(environ, start)

    def forget(self) -> None:
        """Forget every snapshot."""
        self._snapshots.clear()
        self._known.clear()

    def _repeated(self, known: Known, key: Asked, environ: Environ, start: Callable[..., Any]) -> Iterable[bytes]:
        """Answer as before, where nothing was written since: moto's answers are most of the time of a pass."""
        if key not in known:
            started: list[Any] = []
            body = list(self.simulator.gateway(environ, lambda *answer: started.extend(answer)))
            known[key] = (*started, body)
        status, headers, body = known[key]
        start(status, headers)
        return body

    def _remember(self) -> None:
        now = self.simulator.clock.now()
        kept = [one for one in self._snapshots if now - one[0] < self.seconds] if self.seconds else []
        self._snapshots = [*kept, (now, _copy(self.simulator.world))]

    def _snapshot(self) -> World | None:
        now = self.simulator.clock.now()
        if self.once and self._snapshots:
            return self._snapshots[-1][1]
        return next((world for at, world in self._snapshots if now - at < self.seconds), None)

    def _answered_by(self, snapshot: World, environ: Environ, start: Callable[..., Any]) -> Iterable[bytes]:
        live = self.simulator.world
        self.simulator.world = snapshot
        try:
            return list(self.simulator.gateway(environ, start))
        finally:
            self.simulator.world = live


def _copy(live: World) -> World:
    """Return the account as it is now; nothing happens in it any more."""
    live.run()
    snapshot = World(live.settings, live.clock)
    states = {key: state for key, state in live._states.items() if key[0] not in (Replica, Buckets)}
    snapshot._states = copy.deepcopy(states, {id(live): snapshot})
    snapshot._now = live._now
    return snapshot
