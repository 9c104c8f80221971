"""The daemon, composed: source, engine, sinks, metrics and HTTP in one process."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial

from ecsync.aws.errors import classify, without_response
from ecsync.aws.hooks import Observer
from ecsync.config import Settings
from ecsync.core.ports import Clock, Sink
from ecsync.engine.daemon import Daemon
from ecsync.engine.daemon_parts import DaemonParts
from ecsync.engine.queue import MemoryQueue
from ecsync.engine.store import Store
from ecsync.engine.ticks import Ticks
from ecsync.guards.records import Record
from ecsync.http.app import create_app
from ecsync.http.server import Server
from ecsync.lease.keeper import Keeper, State
from ecsync.report import guards as guard_events
from ecsync.report.collectors.emf import Emf
from ecsync.report.collectors.labels import Code
from ecsync.report.log import event_sink
from ecsync.report.metrics import Metrics
from ecsync.report.recorder import Recorder, fan_out
from ecsync.sources.last_good import LastGood
from ecsync.sources.several import Several
from ecsync.version import commit, version
from ecsync.wiring import emf, guards, lease, targets, watched, webhooks
from ecsync.wiring.event_recorder import DaemonEventRecorder
from ecsync.wiring.http_view import DaemonView, Heartbeats
from ecsync.wiring.sources import kind_of
from ecsync.wiring.system import give_back
from ecsync.wiring.workspace import Workspace

_PASS = 60.0  # seconds that a pass may take between two of its writes, if the interval is not longer
_LATE_READS = 3  # intervals of the source without a good read, after which the daemon is not ready
_LATE_READ = 30.0  # seconds, if the intervals are shorter
_READERS = 64  # threads of a pass that waits: those that wait for one rate limit must not keep the others from reading
_HTTP_STOP = 3.0  # seconds that the HTTP server may take to stop


@dataclass(kw_only=True)
class Running:
    """A running daemon and its HTTP server. `url` is where metrics and API are."""

    daemon: Daemon
    server: Server
    store: Store
    url: str
    keeper: Keeper | None  # of the lease; None: the daemon needs none
    emf_writer: emf.EmfWriter | None = None  # None: no lines for CloudWatch

    def stop(self, within: float) -> bool:
        """Finish the calls under way and end. Return False if something did not end in time."""
        ended = self.daemon.stop(max(0.0, within - _HTTP_STOP - lease.STOP - emf.STOP))
        self.server.stop(_HTTP_STOP)
        if self.keeper is not None and ended:  # else a call may be under way: the lease ends by itself
            self.keeper.stop(lease.STOP)
        if self.emf_writer is not None:
            self.emf_writer.stop(emf.STOP)
        return ended


def start(settings: Settings, where: str, workspace: Workspace, metrics: Metrics, sinks: Mapping[str, Sink]) -> Running:
    """Start the daemon and its HTTP server. `sinks` are added to log, metrics and store."""
    clock = workspace.clock
    store = Store()
    addresses = {name: one.source for name, one in settings.sources.items()} or {"": where}
    sources = {
        name: LastGood(one, clock, partial(_fetched, metrics, name)) for name, one in workspace.sources(where).items()
    }
    last_good = Several(sources) if settings.sources else sources[""]
    heartbeats = Heartbeats(clock)
    heartbeats.expect("source", settings.loop.source_interval)
    for number in range(settings.loop.workers):
        heartbeats.expect(f"worker-{number}", max(settings.loop.interval, _PASS))
    every: dict[str, Sink] = {"log": event_sink(), "metrics": metrics.record, "store": store.record, **sinks}
    events = Recorder(fan_out(every, metrics.delivered))
    rounds = watched.LeaseRounds(metrics=metrics, clock=clock)
    keeper = _keeper(settings, where, workspace, events, rounds)
    guard = guards.guard(settings, workspace.clouds, clock, partial(_guard_changed, events, clock))
    workspace.approves, workspace.counts = guard.approves, {}
    parts = DaemonParts(
        last_good=last_good,
        read=workspace.catalogue,
        destination_for=workspace.destination_for,
        consents=lambda application: targets.consents(settings, application),
        target_of=workspace.target_of,
        frozen=guard.reason,
        unheld=lambda: "" if keeper is None or keeper.state().held else str(keeper.state()),
        clock=clock,
        queue=MemoryQueue(
            clock, workers=settings.loop.workers, most_at=targets.passes_at(settings), waited=metrics.queued
        ),
        ticks=Ticks(clock, metrics.mishap, jitter=settings.loop.jitter),
        store=store,
        recorder=DaemonEventRecorder(
            workspace=workspace,
            events=events,
            metrics=metrics,
            heartbeats=heartbeats,
            clock=clock,
            source_kinds={name: kind_of(one) for name, one in addresses.items()},
        ),
        wait_limit=workspace.clouds.patience.limited,
        readers=partial(ThreadPoolExecutor, _READERS),
        tidy=give_back,
        workers=settings.loop.workers,
        source_interval=settings.loop.source_interval,
        jitter=settings.loop.jitter,
    )
    daemon = Daemon(parts)
    if isinstance(last_good, Several):
        last_good.late, last_good.failed = daemon.read_now, partial(parts.recorder.internal_error, "")
    watched.declare(metrics, sources)
    metrics.watch(
        watched.watched(
            settings,
            workspace,
            parts,
            last_good=last_good,
            events=events,
            heartbeats=heartbeats,
            guard=guard,
            keeper=keeper,
            rounds=rounds,
        )
    )
    view = DaemonView(
        store=store,
        last_good=last_good,
        heartbeats=heartbeats,
        addresses=addresses,
        late=max(_LATE_READ, _LATE_READS * settings.loop.source_interval),
        ask_retry=daemon.retry,
        lease_state=lambda: str(keeper.state()) if keeper else "",
    )
    hooks = webhooks.hooks(settings, daemon.read_now, metrics, clock)

    def guard_changed() -> None:
        guard.look_again()
        daemon.look_again()

    asked = guards.api(settings, workspace.clouds, clock, guard_changed)
    app = create_app(view, metrics.render, settings.http.hosts, hooks, asked, metrics.answered)
    lines = emf.writer(settings.metrics, Emf(metrics.registry, settings.installation), clock)
    server = Server(settings.http.host, settings.http.port, app)
    port = server.start()
    if keeper is not None:
        keeper.start(taken=daemon.look_again)
    daemon.start()
    if lines is not None:
        lines.start()
    url = f"http://{settings.http.host}:{port}"
    return Running(daemon=daemon, server=server, store=store, url=url, keeper=keeper, emf_writer=lines)


def _guard_changed(events: Recorder, clock: Clock, before: Record, now: Record) -> None:
    events.send(guard_events.changed("freeze", before.frozen, now.frozen, clock.now()))
    events.send(guard_events.changed("override", before.overrides, now.overrides, clock.now()))
    events.send(guard_events.changed("approval", before.approvals, now.approvals, clock.now()))


def _keeper(
    settings: Settings, where: str, workspace: Workspace, events: Recorder, rounds: watched.LeaseRounds
) -> Keeper | None:
    """Return the keeper of the daemon's lease; None if it writes nothing, or if the operator wants none."""
    if workspace.clouds.read_only or settings.lease == "none":
        return None

    def changed(before: State, now: State) -> None:
        detail = {"holder": now.holder.who, "reason": now.holder.reason} if now.holder else {}
        events.lease_changed(before.held, now.held, str(now), detail, workspace.clock.now())

    return lease.keeper(settings, where, workspace.clouds, "run", changed, looked=rounds.looked)


# ---------------------------------------------------------------- metrics


def build_metrics(*, per_app: bool = True) -> Metrics:
    """Return the metrics of one process. Without `per_app` no series is of one application."""
    return Metrics(version=version(), revision=commit(), per_app=per_app)


def metrics_observer(metrics: Metrics) -> Observer:
    """Return the observer that counts the calls to AWS."""

    def on_request(service: str, operation: str, code: str, seconds: float) -> None:
        metrics.observe_request(service, operation, _code(service, operation, code), seconds)

    return Observer(
        on_request=on_request, on_retry=lambda service, _: metrics.retried(service), on_wait=metrics.limited
    )


def _code(service: str, operation: str, code: str) -> Code:
    if code == "OK":
        return "2xx"
    if without_response(code):
        return "error"
    kind = classify(service, operation, code)
    if kind == "throttled":
        return "throttled"
    return "5xx" if kind == "transient" else "4xx"


def _fetched(metrics: Metrics, name: str, result: str, seconds: float) -> None:
    metrics.fetched(result, seconds, name)
