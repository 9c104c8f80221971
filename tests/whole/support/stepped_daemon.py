"""A daemon without threads: the test makes its reads of the source and its passes, in simulated time."""

from __future__ import annotations

import threading
from collections.abc import Collection
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ecsync import wiring
from ecsync.config import Settings
from ecsync.core.outcome import ApplicationState, Event
from ecsync.core.ports import Source
from ecsync.engine.daemon import Daemon
from ecsync.engine.daemon_parts import DaemonParts
from ecsync.engine.queue import MemoryQueue
from ecsync.engine.store import Store
from ecsync.engine.ticks import Ticks
from ecsync.guards.guard import Guard
from ecsync.report import metrics
from ecsync.report.collectors.watched import Watched
from ecsync.report.recorder import Recorder
from ecsync.sources.disk import DiskSource
from ecsync.sources.last_good import LastGood
from ecsync.wiring import guards, targets
from ecsync.wiring.event_recorder import DaemonEventRecorder
from ecsync.wiring.http_view import Heartbeats
from tests.whole.support.environment import ACCOUNT, INSTALLATION, REGION, Environment, SharedClouds

FETCH = 30.0  # seconds between two reads of the source


@dataclass
class SteppedDaemon:
    """One process; another process is another object. `settings` are those of the operator beside the account.

    With `kinds` it knows no others: then the test takes less time.
    """

    environment: Environment
    folder: Path
    settings: dict[str, Any] = field(default_factory=dict)
    kinds: Collection[str] = ()
    events: list[Event] = field(default_factory=list)

    def __post_init__(self) -> None:
        own: dict[str, Any] = {"installation": INSTALLATION, "account": ACCOUNT, "region": REGION, "enforce": True}
        settings = Settings(**own, **self.settings)
        clouds = SharedClouds(settings=settings, read_only=False, clients=self.environment.clients)
        clock = self.environment.time
        self.workspace = wiring.Workspace(settings=settings, clouds=clouds, clock=clock, root_name="manifests")
        if self.kinds:
            self.workspace._kinds = {name: self.workspace._kinds[name] for name in self.kinds}
        self.guard: Guard = guards.guard(settings, clouds, clock)
        self.workspace.approves, self.workspace.counts = self.guard.approves, {}
        self.source: Source = DiskSource(self.folder, pause=0.0, settle=0.0)
        self.queue = MemoryQueue(clock, wait=self._skip)
        self.store = Store()
        self.metrics = metrics.Metrics(version="0")
        events = Recorder(self._receive)
        self.daemon = Daemon(
            DaemonParts(
                last_good=LastGood(self.source, clock),
                read=self.workspace.catalogue,
                destination_for=self.workspace.destination_for,
                consents=lambda one: targets.consents(settings, one),
                target_of=self.workspace.target_of,
                frozen=self.guard.reason,
                clock=clock,
                queue=self.queue,
                ticks=Ticks(clock),
                store=self.store,
                recorder=DaemonEventRecorder(
                    workspace=self.workspace,
                    events=events,
                    metrics=self.metrics,
                    heartbeats=Heartbeats(clock),
                    clock=clock,
                    source_kinds={"": "disk"},
                ),
                jitter=0.0,
            )
        )
        self.metrics.watch(Watched(applications=self.store.applications, drift=events.drift))

    def _receive(self, event: Event) -> None:
        self.events.append(event)
        self.store.record(event)

    def _skip(self, _condition: threading.Condition, seconds: float | None) -> None:
        self.environment.simulator.advance(seconds if seconds is not None else FETCH)

    def run(self, seconds: float) -> None:
        """Live for so many seconds: read the source at its interval, and make each pass when it is due."""
        clock = self.environment.time
        end = clock.monotonic() + seconds
        while clock.monotonic() < end:
            self.daemon.read_source()
            until = min(end, clock.monotonic() + FETCH)
            while claim := self.queue.take(max(0.0, until - clock.monotonic())):
                self.daemon.once(claim)
        assert not [one for one in self.events if one.message.startswith("internal")], self.events

    def state(self, name: str) -> ApplicationState:
        """Return an application as the API shows it."""
        found = self.store.application(name)
        assert found is not None
        return found

    def held(self, name: str) -> dict[str, str]:
        """Return the obstacle of each held step, by its key."""
        outcome = self.state(name).outcome
        return {str(one.step.id): one.obstacle for one in outcome.held} if outcome else {}

    def metric(self, name: str, **labels: str) -> float | None:
        """Return the value of a series."""
        return self.metrics.registry.get_sample_value(name, labels)
