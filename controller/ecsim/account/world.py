"""The state of one simulated account, and the timers that move it."""

from __future__ import annotations

import heapq
import itertools
import random
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from ecsim.account.clock import Clock
from ecsim.account.settings import Settings
from ecsim.application_autoscaling.store import ScalingRegion
from ecsim.autoscaling.store import GroupsRegion
from ecsim.ecs.store import EcsRegion
from ecsim.elbv2.store import ElbRegion
from ecsim.http.throttling import Buckets

Body = dict[str, Any]
Handler = Callable[["Call"], Body]

# Substring of an image's tag → what becomes of a task that runs it. See `ecs_images`.
DEFAULT_OUTCOMES = {"bad": "pull", "crash": "exit", "unhealthy": "unhealthy"}


class World:
    """Everything that `Simulator.reset` throws away. Touch it only while holding the gateway's lock."""

    def __init__(self, settings: Settings, clock: Clock) -> None:
        self.settings = settings
        self.clock = clock
        self.random = random.Random(settings.seed)  # noqa: S311  # identifiers, not secrets
        self.image_outcomes: dict[str, str] = dict(DEFAULT_OUTCOMES)
        self.role_created: dict[str, float] = {}
        self.first_cluster_at: float | None = None
        self.log_groups: dict[tuple[str, str], Body] = {}
        self.buckets = Buckets()
        self.profile_changed: dict[str, float] = {}
        self._templates: dict[str, dict[str, Body]] = {}
        self._groups: dict[str, GroupsRegion] = {}
        self._scaling: dict[str, ScalingRegion] = {}
        self._ecs: dict[str, EcsRegion] = {}
        self._elb: dict[str, ElbRegion] = {}
        self._timers: list[tuple[float, int, Callable[[], None]]] = []
        self._sequence = itertools.count()
        self._now = clock.now()

    @property
    def now(self) -> float:
        """The instant being simulated: while timers run it is the timer's own, not the clock's."""
        return self._now

    @property
    def iso(self) -> str:
        """The instant being simulated, as XML services write it."""
        return datetime.fromtimestamp(self._now, UTC).isoformat()

    def templates(self, region: str) -> dict[str, Body]:
        """The launch templates of one Region by id."""
        return self._templates.setdefault(region, {})

    def groups(self, region: str) -> GroupsRegion:
        """Amazon EC2 Auto Scaling in one Region."""
        return self._groups.setdefault(region, GroupsRegion(region, self.settings.account))

    def scaling(self, region: str) -> ScalingRegion:
        """Application Auto Scaling in one Region."""
        return self._scaling.setdefault(region, ScalingRegion(region, self.settings.account))

    def ecs(self, region: str) -> EcsRegion:
        """Amazon ECS in one Region."""
        return self._ecs.setdefault(region, EcsRegion(region, self.settings.account))

    def elb(self, region: str) -> ElbRegion:
        """Elastic Load Balancing in one Region."""
        return self._elb.setdefault(region, ElbRegion(region, self.settings.account))

    def after(self, seconds: float, action: Callable[[], None]) -> None:
        """Run `action` `seconds` from the instant being simulated."""
        heapq.heappush(self._timers, (self._now + seconds, next(self._sequence), action))

    def run(self) -> None:
        """Bring the account up to the clock, one timer after the other in order of time."""
        until = self.clock.now()
        while self._timers and self._timers[0][0] <= until:
            when, _, action = heapq.heappop(self._timers)
            self._now = max(self._now, when)
            action()
        self._now = max(self._now, until)

    def hex(self, length: int) -> str:
        """A hexadecimal identifier that depends on nothing but the seed."""
        return f"{self.random.getrandbits(length * 4):0{length}x}"

    def uuid(self) -> str:
        """An identifier in the form of a UUID."""
        text = self.hex(32)
        return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"

    def digits(self, length: int) -> str:
        """A decimal identifier without a leading zero."""
        return str(self.random.randint(10 ** (length - 1), 10**length - 1))


@dataclass(frozen=True)
class Call:
    """One request to an operation that the simulator answers itself."""

    world: World
    region: str
    params: Body
    caller: str

    @property
    def ecs(self) -> EcsRegion:
        """Amazon ECS in the Region of this call."""
        return self.world.ecs(self.region)

    @property
    def groups(self) -> GroupsRegion:
        """Amazon EC2 Auto Scaling in the Region of this call."""
        return self.world.groups(self.region)

    @property
    def scaling(self) -> ScalingRegion:
        """Application Auto Scaling in the Region of this call."""
        return self.world.scaling(self.region)

    @property
    def elb(self) -> ElbRegion:
        """Elastic Load Balancing in the Region of this call."""
        return self.world.elb(self.region)
