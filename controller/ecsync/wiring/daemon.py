"""The daemon, put together: source, loop, sinks, metrics and HTTP in one process."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from importlib.metadata import version
from typing import Any, cast

import structlog

from ecsync import kinds
from ecsync.aws.errors import classify
from ecsync.config import Settings
from ecsync.core.model import Application, ApplicationState, Event, Outcome, PassResult, Plan, Problem
from ecsync.core.origins import locator
from ecsync.core.ports import AwsError, Clock, Sink
from ecsync.engine.daemon import Daemon, DaemonParts
from ecsync.engine.queue import MemoryQueue
from ecsync.engine.store import Store
from ecsync.engine.ticks import Ticks
from ecsync.http.app import create_app
from ecsync.http.server import Server
from ecsync.http.view import Beat, SourceView
from ecsync.report.events import Context
from ecsync.report.log import event_sink
from ecsync.report.metrics import Code, Metrics, Phase, Reason
from ecsync.report.recorder import Recorder, fan_out
from ecsync.sources.last_good import LastGood
from ecsync.wiring import Watchers, Workspace, all_reads, consents

_STOPPED = 3.0  # seconds that HTTP may take to end


@dataclass(kw_only=True)
class Running:
    """A daemon and its HTTP server. `url` is where metrics and API are."""

    daemon: Daemon
    server: Server
    store: Store
    url: str

    def stop(self, within: float) -> bool:
        """Finish the calls under way and end; false when something did not end in time."""
        ended = self.daemon.stop(max(0.0, within - _STOPPED))
        self.server.stop(_STOPPED)
        return ended


def metrics_watchers(metrics: Metrics) -> Watchers:
    """Return what counts the calls to AWS."""

    def requested(service: str, operation: str, code: str, seconds: float) -> None:
        metrics.observe_request(service, operation, _code(service, operation, code), seconds)

    return Watchers(on_request=requested, on_retry=lambda service, _: metrics.retried(service), on_wait=metrics.limited)


def _code(service: str, operation: str, code: str) -> Code:
    if code == "OK":
        return "2xx"
    kind = classify(service, operation, code)
    if kind == "throttled":
        return "throttled"
    return "5xx" if kind == "transient" else "4xx"


def start(settings: Settings, where: str, workspace: Workspace, metrics: Metrics, sinks: Mapping[str, Sink]) -> Running:
    """Start the loop and its HTTP server; `sinks` come on top of log, metrics and store."""
    clock = workspace.clock
    store = Store()
    queue = MemoryQueue(clock)
    last_good = LastGood(workspace.source(where), clock, metrics.fetched)
    every: dict[str, Sink] = {"log": event_sink(), "metrics": metrics.record, "store": store.record, **sinks}
    recorder = Recorder(fan_out(every, metrics.delivered))
    ticks = Ticks(
        lambda name: queue.add(name, overtake=False),
        lambda mishap, job, error: metrics.mishap(mishap, job, error),
        jitter=settings.loop.jitter,
    )
    beats = _Beats(clock)
    kind = "s3" if where.startswith("s3://") else "disk"
    reporter = _Reporter(
        workspace=workspace, recorder=recorder, metrics=metrics, beats=beats, clock=clock, source_kind=kind
    )
    machine = DaemonParts(
        last_good=last_good,
        read=workspace.catalogue,
        destination_for=workspace.destination_for,
        consents=lambda application: consents(settings, application),
        target_of=workspace.target_of,
        clock=clock,
        queue=queue,
        ticks=ticks,
        store=store,
        recorder=reporter,
        workers=settings.loop.workers,
        source_interval=settings.loop.source_interval,
        jitter=settings.loop.jitter,
    )
    daemon = Daemon(machine)
    metrics.declare_kinds(kind.name for kind in kinds.ALL)
    metrics.watch_queue(queue.depth, queue.active, queue.longest_running)
    metrics.declare_services({operation.partition(".")[0] for operation in all_reads()})
    metrics.watch_applications(
        store.applications,
        recorder.drift,
        lambda: daemon.source_state is not None and daemon.source_state.error is None,
    )
    view = _View(store=store, daemon=daemon, last_good=last_good, beats=beats, where=where, settings=settings)
    server = Server(settings.http.host, settings.http.port, create_app(view, metrics.render))
    port = server.start()
    daemon.start()
    return Running(daemon=daemon, server=server, store=store, url=f"http://{settings.http.host}:{port}")


class _Beats:
    """When each loop last came round, in monotonic seconds."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._at: dict[str, float] = {"worker": clock.monotonic(), "source": clock.monotonic()}

    def beat(self, loop: str) -> None:
        self._at[loop] = self._clock.monotonic()

    def ages(self) -> dict[str, float]:
        now = self._clock.monotonic()
        return {loop: now - at for loop, at in self._at.items()}


@dataclass(kw_only=True)
class _Reporter:
    """Turns what the engine tells into events, metrics and log lines."""

    workspace: Workspace
    recorder: Recorder
    metrics: Metrics
    beats: _Beats
    clock: Clock
    source_kind: str

    def source(self, source_state: Any) -> None:
        self.recorder.source_read(source_state, self.clock.now())
        if source_state.error is None:
            self.metrics.source_good(self.source_kind, self.clock.now())
        else:
            self.metrics.error("source")

    def problems(self, application: str, found: tuple[Problem, ...], revision: str) -> None:
        if found:
            self.metrics.error("manifest")
        self.recorder.manifests_read(found, Context(time=self.clock.now(), application=application, revision=revision))

    def planned(self, application: Application, plan: Plan, reconcile_id: str) -> None:
        self.recorder.pass_started(plan, self._context(application, plan, reconcile_id))

    def ended(self, application: Application, outcome: Outcome, reconcile_id: str) -> None:
        self.recorder.pass_ended(outcome, self._context(application, outcome.plan, reconcile_id))
        self.metrics.executed(outcome)

    def failed(self, application: Application, error: Exception, reconcile_id: str) -> None:
        context = Context(
            time=self.clock.now(),
            application=application.name,
            target=self.workspace.target_of(application),
            reconcile_id=reconcile_id,
        )
        self.recorder.pass_failed(str(error), context)

    def passed(self, application: str, result: PassResult, error: AwsError | None) -> None:
        del application  # a label for each would be one more for every application, and gauges have it
        self.metrics.reconciled(result, self.clock.now())
        if error is not None:
            self.metrics.error(cast(Reason, error.kind))

    def broke(self, application: str, error: Exception) -> None:
        self.metrics.panic()
        if application:
            context = Context(time=self.clock.now(), application=application)
            self.recorder.pass_failed(f"a bug of ours ({type(error).__name__}); the log has it", context)
        structlog.get_logger("ecsync").error("a pass broke", app=application, exc_info=error)

    def beat(self, loop: str) -> None:
        self.beats.beat(loop)
        self.metrics.beat(loop, self.clock.now())

    def forget(self, application: str) -> None:
        self.recorder.application_removed(application, self.clock.now())
        self.metrics.forget(application)

    @contextmanager
    def timer(self, phase: str) -> Iterator[None]:
        started = time.monotonic()
        try:
            yield
        finally:
            self.metrics.phase(cast(Phase, phase), time.monotonic() - started)

    def _context(self, application: Application, plan: Plan, reconcile_id: str) -> Context:
        return Context(
            time=self.clock.now(),
            application=application.name,
            target=plan.target,
            revision=plan.revision,
            reconcile_id=reconcile_id,
            where=locator(application.resources, {kind.name: kind for kind in kinds.ALL}),
        )


@dataclass(kw_only=True)
class _View:
    """What the HTTP side may see (`http.view.View`)."""

    store: Store
    daemon: Daemon
    last_good: LastGood
    beats: _Beats
    where: str
    settings: Settings

    def applications(self) -> Sequence[ApplicationState]:
        return self.store.applications()

    def application(self, name: str) -> ApplicationState | None:
        return self.store.application(name)

    def source(self) -> SourceView:
        source_state = self.last_good.current()
        return SourceView(
            url=self.where,
            revision=source_state.snapshot.revision if source_state.snapshot else "",
            fetched_at=source_state.fetched_at,
            age=source_state.age,
            reason=source_state.error.reason if source_state.error else "",
            error=str(source_state.error) if source_state.error else "",
        )

    def events(
        self, *, application: str | None, of_type: str | None, since: datetime | None, limit: int
    ) -> Sequence[Event]:
        return self.store.events(application=application, of_type=of_type, since=since, limit=limit)

    def heartbeat(self) -> Mapping[str, Beat]:
        intervals = {"worker": self.settings.loop.interval, "source": self.settings.loop.source_interval}
        return {loop: Beat(age=age, interval=intervals[loop]) for loop, age in self.beats.ages().items()}

    def readiness(self) -> Mapping[str, str]:
        state = self.last_good.current()
        if state.error is not None:
            source = f"{state.error.reason}: {state.error}; the last good revision is kept and nothing is deleted"
        else:
            source = "" if state.snapshot else "not read yet"
        lost = [
            f"{state.name}: {state.last_pass.error}"
            for state in self.store.applications()
            if state.last_pass is not None and state.last_pass.error and not state.problems
        ]
        config = "; ".join(str(one) for state in self.store.applications() for one in state.problems[:1])
        return {"config": config, "source": source, "credentials": "; ".join(lost)}


def build_metrics() -> Metrics:
    """Return the metrics of one process."""
    return Metrics(version=version("ecsync"))


Listen = Callable[[Event], None]
