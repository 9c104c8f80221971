"""What happens, as Prometheus counters and histograms; the current state is in `gauges.py`.

Every label set that is fixed starts at 0, so that rates and alerts exist before the first failure. No ARN, path,
message or other unbounded value is a label.
"""

from __future__ import annotations

import platform
from collections.abc import Callable, Collection, Iterable, Sequence
from datetime import datetime
from typing import Literal, TypeAlias, get_args

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, disable_created_metrics
from prometheus_client.exposition import choose_encoder

from ecsync.core.model import Delete
from ecsync.core.outcome import ApplicationState, Done, Event, Failed, Outcome
from ecsync.core.ports import HookResult, SourceReason
from ecsync.report.gauges import ACTIONS, Applications, Drift
from ecsync.report.rates import Buckets, Reading
from ecsync.report.reads import Inventories, Inventory

Result: TypeAlias = Literal["synced", "changed", "error", "terminal", "throttled", "frozen", "skipped"]
Phase: TypeAlias = Literal["fetch", "parse", "observe", "plan", "apply", "total"]
Reason: TypeAlias = Literal[
    "missing", "denied", "throttled", "transient", "conflict", "exists", "settling", "invalid", "credentials",
    "manifest", "source", "panic", "other",
]  # fmt: skip
Fetch: TypeAlias = Literal["ok", SourceReason]
HOOKS = ("github", "gitlab", "generic", "other")
Mishap: TypeAlias = Literal["missed", "skipped", "error"]
Code: TypeAlias = Literal["2xx", "4xx", "5xx", "throttled", "error"]

_SECONDS = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300)
_CALL_SECONDS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)


class Metrics:
    """A registry of its own. Any thread may call any method; no method blocks."""

    def __init__(self, *, version: str, revision: str = "", sinks: Iterable[str] = ("log", "metrics", "store")) -> None:
        disable_created_metrics()  # type: ignore[no-untyped-call]  # an unused second series for each counter
        self.registry = CollectorRegistry()
        build = self._gauge("build_info", "Version of ecsync and of Python; always 1", "version", "revision", "python")
        build.labels(version, revision, platform.python_version()).set(1)

        self._passes = self._counter("reconcile", "Passes over an application, by result", "result")
        self._phases = self._histogram(
            "reconcile_duration_seconds", "Seconds of a pass, and of each phase", _SECONDS, "phase"
        )
        self._errors = self._counter("reconcile_errors", "Errors of passes and of source reads, by reason", "reason")
        self._panics = self._counter("reconcile_panics", "Passes that ended with an internal error")
        self._heartbeat = self._gauge("heartbeat_timestamp_seconds", "Time of the last iteration of a loop", "loop")
        self._jobs = {
            "missed": self._counter(
                "scheduler_jobs_missed", "Scheduled jobs that started too late and were not run", "job"
            ),
            "skipped": self._counter(
                "scheduler_jobs_skipped",
                "Scheduled jobs that were not run because the previous one was still running",
                "job",
            ),
            "error": self._counter("scheduler_jobs_errors", "Scheduled jobs that raised an error", "job"),
        }
        self._drift = self._counter(
            "drift_detected", "Resources found changed or deleted outside ecsync", "app", "kind", "action"
        )
        self._changes = self._counter("changes", "Changes applied to resources, by result", "kind", "action", "result")
        self._shown: dict[str, tuple[str, str]] = {}  # of `source_info`, by the name of the source
        self._fetches = self._counter("source_fetch", "Reads of the source, by result", "result")
        self._fetch_seconds = self._histogram(
            "source_fetch_duration_seconds", "Seconds of a read of the source", _SECONDS
        )
        self._hooks = self._counter("webhooks", "Requests of webhooks, by result", "hook", "result")
        self._fetched = self._gauge(
            "source_last_success_timestamp_seconds", "Time of the last successful read of the source", "source", "name"
        )
        self._source = self._gauge(
            "source_info", "The revision that was read last: of git the commit; always 1", "source", "revision", "name"
        )
        self._requests = self._counter("aws_requests", "Calls to AWS, by result", "service", "operation", "code")
        self._request_seconds = self._histogram(
            "aws_request_duration_seconds", "Seconds of a call to AWS", _CALL_SECONDS, "service", "operation"
        )
        self._retries = self._counter("aws_retries", "Retries of calls to AWS", "service")
        self._limited = self._counter(
            "aws_rate_limiter_wait_seconds", "Seconds that calls waited in the rate limiter of ecsync", "service"
        )
        self._deferred = self._counter(
            "reconcile_deferred",
            "Passes that were put off because a rate limit was used up, by its name (no failure)",
            "bucket",
        )
        self._decided = self._counter(
            "resources_decided", "Resources decided by passes: compared, or unchanged since the last pass", "how"
        )
        self._mismatches = self._counter(
            "shortcut_mismatches", "Resources taken as unchanged that a check found changed: each one is a bug"
        )
        self._events = self._counter("events", "Events sent to a sink, by result", "sink", "result")
        self._dropped = self._counter("events_dropped", "Events dropped because a sink was full", "sink")
        self._start_at_zero(sinks)

    # ------------------------------------------------------------ the engine

    def reconciled(self, result: Result, at: datetime) -> None:
        """A pass ended."""
        self._passes.labels(result).inc()
        self.beat("reconcile", at)

    def phase(self, name: Phase, seconds: float) -> None:
        """A phase of a pass took so many seconds."""
        self._phases.labels(name).observe(seconds)

    def deferred(self, bucket: str) -> None:
        """A pass was put off because a rate limit was used up."""
        self._deferred.labels(bucket).inc()

    def executed(self, outcome: Outcome) -> None:
        """A plan was applied: count the results of its steps. A finished delete is counted by its event (`record`)."""
        for step in outcome.plan.steps:
            result = outcome.results.get(step.id)
            deleted = isinstance(step.change, Delete) and isinstance(result, Done)
            unsent = isinstance(result, Failed) and not result.sent  # counted in the pass that sent it
            if isinstance(result, (Done, Failed)) and not deleted and not unsent:
                label = "done" if isinstance(result, Done) else "failed"
                self._changes.labels(step.id.key.kind, ACTIONS[type(step.change)], label).inc()

    def decided(self, outcome: Outcome) -> None:
        """A pass decided its resources: count those without a comparison, and the mistakes that a check has found."""
        unchanged = outcome.plan.unchanged
        self._decided.labels("unchanged").inc(unchanged)
        self._decided.labels("compared").inc(len(outcome.statuses) - min(unchanged, len(outcome.statuses)))
        self._mismatches.inc(len(outcome.plan.mismatches))

    def error(self, reason: Reason) -> None:
        """A pass, or a read of the source, failed."""
        self._errors.labels(reason).inc()

    def panic(self) -> None:
        """An internal error ended a pass."""
        self._panics.inc()
        self.error("panic")

    def beat(self, loop: str, at: datetime) -> None:
        """A loop made an iteration."""
        self._heartbeat.labels(loop).set(at.timestamp())

    def mishap(self, what: Mishap, job: Literal["poll"], _error: BaseException | None = None) -> None:
        """The scheduler did not run a job as planned (`engine.ticks`)."""
        self._jobs[what].labels(job).inc()

    def watch_queue(
        self, depth: Callable[[], float], active: Callable[[], float], longest: Callable[[], float]
    ) -> None:
        """Read the state of the queue at each scrape."""
        self._gauge("workqueue_depth", "Applications that are due and wait for a worker").set_function(depth)
        self._gauge("active_workers", "Applications that a worker reconciles now").set_function(active)
        self._gauge("workqueue_longest_running_seconds", "Seconds since the oldest running pass started").set_function(
            longest
        )

    def watch_buckets(self, readings: Callable[[], Sequence[Reading]]) -> None:
        """Read the state of the rate limits at each scrape."""
        self.registry.register(Buckets(readings))

    def watch_lease(self, held: Callable[[], bool]) -> None:
        """Read at each scrape whether this process holds the lease."""
        text = "1 if this process holds the lease and may write, else 0"
        self._gauge("lease_held", text).set_function(lambda: float(held()))

    def watch_inventories(self, inventories: Callable[[], Sequence[tuple[str, str, Inventory]]]) -> None:
        """Read what the inventories hold at each scrape: (account, Region, inventory)."""
        self.registry.register(Inventories(inventories))

    def watch_applications(
        self,
        applications: Callable[[], Sequence[ApplicationState]],
        drift: Drift,
        sources_ready: Callable[[], Collection[str]] = lambda: ("",),
    ) -> None:
        """Read the state and the drift of every application at each scrape."""
        self.registry.register(Applications(applications, drift, sources_ready))

    def forget(self, application: str) -> None:
        """An application was removed: remove its series."""
        self._drift.remove_by_labels({"app": application})

    # ------------------------------------------------------------ the source

    def fetched(self, result: str, seconds: float) -> None:
        """The source was read; the result is `ok` or the reason of the failure."""
        self._fetches.labels(result).inc()
        self._fetch_seconds.observe(seconds)

    def hook(self, hook: str, result: HookResult) -> None:
        """A request of a hook was received; `other` for one that is unknown."""
        self._hooks.labels(hook, result).inc()

    def source_good(self, source: str, at: datetime, name: str = "") -> None:
        """A source was read completely: its type (disk, s3, git), and its name where there are several."""
        self._fetched.labels(source, name).set(at.timestamp())

    def source_at(self, source: str, revision: str, name: str = "") -> None:
        """A revision of a source is in use. One has a series at a time."""
        before = self._shown.get(name)
        if (source, revision) != before:
            if before is not None:
                self._source.remove(*before, name)
            self._source.labels(source, revision, name).set(1)
            self._shown[name] = source, revision

    # ------------------------------------------------------------ AWS

    def observe_request(self, service: str, operation: str, code: Code, seconds: float) -> None:
        """A call ended."""
        self._requests.labels(service, operation, code).inc()
        self._request_seconds.labels(service, operation).observe(seconds)

    def retried(self, service: str, times: int = 1) -> None:
        """A call was retried."""
        self._retries.labels(service).inc(times)

    def limited(self, service: str, seconds: float) -> None:
        """A call waited in the rate limiter."""
        self._limited.labels(service).inc(seconds)

    # ------------------------------------------------------------ events

    def record(self, event: Event) -> None:
        """Count an event. This is a sink."""
        if event.type == "drift.detected" and event.key is not None:
            action = str(event.detail.get("action", "modified"))
            self._drift.labels(event.application, event.key.kind, action).inc()
        if event.type in ("resource.deleted", "leftover.deleted") and event.key is not None:
            self._changes.labels(event.key.kind, ACTIONS[Delete], "done").inc()

    def delivered(self, sink: str, worked: bool) -> None:
        """An event was sent to a sink."""
        self._events.labels(sink, "ok" if worked else "error").inc()

    def dropped(self, sink: str) -> None:
        """A full sink dropped an event."""
        self._dropped.labels(sink).inc()

    # ------------------------------------------------------------ exposition

    def render(self, accept: str = "") -> tuple[bytes, str]:
        """Return the exposition and its content type, in the format that the scraper prefers."""
        encode, content_type = choose_encoder(accept)
        return encode(self.registry), content_type

    def _start_at_zero(self, sinks: Iterable[str]) -> None:
        for result in get_args(Result):
            self._passes.labels(result)
        for how in ("unchanged", "compared"):
            self._decided.labels(how)
        for phase in get_args(Phase):
            self._phases.labels(phase)
        for reason in get_args(Reason):
            self._errors.labels(reason)
        for fetch in get_args(Fetch):
            self._fetches.labels(fetch)
        for hook in HOOKS:
            for hooked in get_args(HookResult):
                self._hooks.labels(hook, hooked)
        for counter in self._jobs.values():
            counter.labels("poll")
        for sink in sinks:
            self._dropped.labels(sink)
            for outcome in ("ok", "error"):
                self._events.labels(sink, outcome)

    def declare_kinds(self, kinds: Iterable[str]) -> None:
        """Start the counters of changes at 0 for each kind."""
        for kind in kinds:
            for action in ACTIONS.values():
                for result in ("done", "failed"):
                    self._changes.labels(kind, action, result)

    def declare_services(self, services: Iterable[str]) -> None:
        """Start the counters of retries and waits at 0 for each service that is called."""
        for service in services:
            self._retries.labels(service)
            self._limited.labels(service)

    def _counter(self, name: str, text: str, *labels: str) -> Counter:
        return Counter(f"ecsync_{name}_total", text, labels, registry=self.registry)

    def _gauge(self, name: str, text: str, *labels: str) -> Gauge:
        return Gauge(f"ecsync_{name}", text, labels, registry=self.registry)

    def _histogram(self, name: str, text: str, buckets: Sequence[float], *labels: str) -> Histogram:
        return Histogram(f"ecsync_{name}", text, labels, registry=self.registry, buckets=buckets)
