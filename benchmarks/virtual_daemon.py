"""The daemon in simulated time on one thread: a wait for work or for a rate moves the clock."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from math import inf

from benchmarks.controller import is_steady
from ecsync.core.ports import Sink, Snapshot, SourceError
from ecsync.engine.daemon import Daemon
from ecsync.engine.daemon_parts import DaemonParts, LastGood
from ecsync.engine.queue import MemoryQueue
from ecsync.engine.store import Store
from ecsync.engine.ticks import Ticks
from ecsync.report.recorder import Recorder, fan_out
from ecsync.wiring import Workspace, daemon
from ecsync.wiring.event_recorder import DaemonEventRecorder
from ecsync.wiring.http_view import Heartbeats


@dataclass(kw_only=True)
class Manifests:
    """A source in memory, and the result of each read of it."""

    snapshot: Snapshot | None = None
    error: SourceError | None = None
    complete: bool = True
    fetched_at: datetime | None = None
    seen_at: float | None = 0.0
    identical_since: float | None = 0.0

    @property
    def each(self) -> Mapping[str, Manifests]:
        """Itself, as the only source."""
        return {"": self}

    def refresh(self) -> Manifests:
        """Read the source."""
        return self

    def refuse(self, error: SourceError) -> Manifests:
        """Fail: what the bench declares can be used."""
        raise error


class VirtualDaemon:
    """A daemon with one thread: its passes are made one after another. `advance` lets its time pass."""

    def __init__(
        self,
        workspace: Workspace,
        advance: Callable[[float], None],
        last_good: LastGood,
        sinks: Mapping[str, Sink] | None = None,
    ) -> None:
        self._advance = advance
        self._clock = workspace.clock
        self.store = Store()
        self._apart: list[Callable[[], None]] = []  # passes that may wait
        self.metrics = daemon.build_metrics()
        workspace.clouds.observer = daemon.metrics_observer(self.metrics)
        every: dict[str, Sink] = {"metrics": self.metrics.record, "store": self.store.record, **(sinks or {})}
        self._daemon = Daemon(
            DaemonParts(
                last_good=last_good,
                read=workspace.catalogue,
                destination_for=workspace.destination_for,
                consents=lambda _: True,
                target_of=workspace.target_of,
                clock=self._clock,
                queue=MemoryQueue(self._clock, self._idle),
                ticks=Ticks(self._clock),
                store=self.store,
                recorder=DaemonEventRecorder(
                    workspace=workspace,
                    events=Recorder(fan_out(every, self.metrics.delivered)),
                    metrics=self.metrics,
                    heartbeats=Heartbeats(self._clock),
                    clock=self._clock,
                    source_kinds={"": "disk"},
                ),
                wait_limit=workspace.clouds.patience.limited,
                start_thread=self._later,
                jitter=0.0,
            )
        )

    def read_source(self) -> None:
        """Read the source."""
        self._daemon.read_source()

    def work(self, seconds: float = inf) -> int:
        """Make passes until so many seconds have passed, or until all is steady. Return their number."""
        until, count = self._clock.monotonic() + seconds, 0
        while self._clock.monotonic() < until and (seconds < inf or not self.is_steady()):
            self._daemon.work(1.0)
            while self._apart:
                self._apart.pop()()
            count += 1
        return count

    def is_steady(self) -> bool:
        """Return whether the last pass of each application had nothing to do, at the current revision."""
        revision = self._daemon.catalogue.revision
        return all(
            one.outcome is not None and one.outcome.plan.revision == revision and is_steady(one.outcome)
            for one in self.store.applications()
        )

    def _idle(self, _: threading.Condition, seconds: float | None) -> None:
        assert seconds is not None, "no work is due"
        self._advance(seconds)

    def _later(self, name: str, work: Callable[[], None]) -> threading.Thread:
        """Do the work on this thread when the daemon has handed it over."""
        self._apart.append(work)
        return threading.Thread(name=name)
