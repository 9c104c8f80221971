"""What happens, as Prometheus counters and histograms (`observability.md` §4); what is, is in `gauges.py`.

Every label set that is known beforehand starts at 0, so that rates and alerts exist before the first failure. No
ARN, path, message or anything else without a bound is ever a label.
"""

from __future__ import annotations

import platform
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import Literal, TypeAlias, get_args

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, disable_created_metrics
from prometheus_client.exposition import choose_encoder

from ecsync.core.model import ApplicationState, Delete, Done, Event, Failed, Outcome
from ecsync.report.gauges import ACTIONS, Applications, Drift

Result: TypeAlias = Literal["synced", "changed", "error", "terminal", "throttled", "frozen", "skipped"]
Phase: TypeAlias = Literal["fetch", "parse", "observe", "plan", "apply", "total"]
Reason: TypeAlias = Literal[
    "missing", "denied", "throttled", "transient", "conflict", "exists", "settling", "invalid", "credentials",
    "manifest", "source", "panic", "other",
]  # fmt: skip
Fetch: TypeAlias = Literal["ok", "unreachable", "denied", "partial", "empty", "changing"]
Mishap: TypeAlias = Literal["missed", "skipped", "error"]
Code: TypeAlias = Literal["2xx", "4xx", "5xx", "throttled", "error"]

_SECONDS = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300)
_CALL_SECONDS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)


class Metrics:
    """One registry of its own. Every method may be called from any thread and none blocks."""

    def __init__(self, *, version: str, revision: str = "", sinks: Iterable[str] = ("log", "metrics", "store")) -> None:
        disable_created_metrics()  # type: ignore[no-untyped-call]  # a second series for each counter, which nothing uses
        self.registry = CollectorRegistry()
        build = self._gauge("build_info", "What runs; always 1", "version", "revision", "python")
        build.labels(version, revision, platform.python_version()).set(1)

        self._passes = self._counter("reconcile", "Passes over an application", "result")
        self._phases = self._histogram(
            "reconcile_duration_seconds", "Time of a pass, and of its parts", _SECONDS, "phase"
        )
        self._errors = self._counter("reconcile_errors", "Errors of passes and of reading the source", "reason")
        self._panics = self._counter("reconcile_panics", "Bugs that ended a pass")
        self._heartbeat = self._gauge("heartbeat_timestamp_seconds", "When a loop last came round", "loop")
        self._jobs = {
            "missed": self._counter("scheduler_jobs_missed", "Timer jobs that came too late and were left out", "job"),
            "skipped": self._counter(
                "scheduler_jobs_skipped", "Timer jobs left out because the one before still ran", "job"
            ),
            "error": self._counter("scheduler_jobs_errors", "Timer jobs that raised", "job"),
        }
        self._drift = self._counter("drift_detected", "Resources that somebody else changed", "app", "kind", "action")
        self._changes = self._counter("changes", "Changes made to resources", "kind", "action", "result")
        self._fetches = self._counter("source_fetch", "Readings of the source", "result")
        self._fetch_seconds = self._histogram("source_fetch_duration_seconds", "Time of a reading", _SECONDS)
        self._fetched = self._gauge("source_last_success_timestamp_seconds", "When the source was last read", "source")
        self._requests = self._counter("aws_requests", "Calls to AWS", "service", "operation", "code")
        self._request_seconds = self._histogram(
            "aws_request_duration_seconds", "Time of a call to AWS", _CALL_SECONDS, "service", "operation"
        )
        self._retries = self._counter("aws_retries", "Attempts after the first of a call to AWS", "service")
        self._limited = self._counter(
            "aws_rate_limiter_wait_seconds", "Time spent waiting so as not to be throttled", "service"
        )
        self._events = self._counter("events", "Events handed to a sink", "sink", "result")
        self._dropped = self._counter("events_dropped", "Events that a sink had no room for", "sink")
        self._start_at_zero(sinks)

    # ------------------------------------------------------------ the engine

    def reconciled(self, result: Result, at: datetime) -> None:
        """A pass has ended."""
        self._passes.labels(result).inc()
        self.beat("reconcile", at)

    def phase(self, name: Phase, seconds: float) -> None:
        """A part of a pass took so long."""
        self._phases.labels(name).observe(seconds)

    def executed(self, outcome: Outcome) -> None:
        """A plan was executed: count what became of its steps. What is gone is counted by its event (`record`)."""
        for step in outcome.plan.steps:
            result = outcome.results.get(step.id)
            gone = isinstance(step.change, Delete) and isinstance(result, Done)
            if isinstance(result, (Done, Failed)) and not gone:
                worked = "done" if isinstance(result, Done) else "failed"
                self._changes.labels(step.id.key.kind, ACTIONS[type(step.change)], worked).inc()

    def error(self, reason: Reason) -> None:
        """A pass, or a reading of the source, met an error."""
        self._errors.labels(reason).inc()

    def panic(self) -> None:
        """A bug ended a pass."""
        self._panics.inc()
        self.error("panic")

    def beat(self, loop: str, at: datetime) -> None:
        """A loop came round."""
        self._heartbeat.labels(loop).set(at.timestamp())

    def mishap(self, what: Mishap, job: Literal["poll"], _error: BaseException | None = None) -> None:
        """The scheduler could not do a job as it should (`engine.ticks`)."""
        self._jobs[what].labels(job).inc()

    def watch_queue(
        self, depth: Callable[[], float], active: Callable[[], float], longest: Callable[[], float]
    ) -> None:
        """Ask the queue, at each scrape, how it does."""
        self._gauge("workqueue_depth", "Applications that are due and wait for a worker").set_function(depth)
        self._gauge("active_workers", "Applications that are worked on").set_function(active)
        self._gauge("workqueue_longest_running_seconds", "Age of the oldest pass under way").set_function(longest)

    def watch_applications(
        self,
        applications: Callable[[], Sequence[ApplicationState]],
        drift: Drift,
        source_ready: Callable[[], bool] = lambda: True,
    ) -> None:
        """Ask, at each scrape, what every application is now, and what has drifted."""
        self.registry.register(Applications(applications, drift, source_ready))

    def forget(self, application: str) -> None:
        """An application is gone, and so are its series."""
        self._drift.remove_by_labels({"app": application})

    # ------------------------------------------------------------ the source

    def fetched(self, result: str, seconds: float) -> None:
        """The source was read: `ok`, or why not."""
        self._fetches.labels(result).inc()
        self._fetch_seconds.observe(seconds)

    def source_good(self, source: str, at: datetime) -> None:
        """The source was read whole; `source` says which sort it is (disk, s3)."""
        self._fetched.labels(source).set(at.timestamp())

    # ------------------------------------------------------------ AWS

    def observe_request(self, service: str, operation: str, code: Code, seconds: float) -> None:
        """A call has ended."""
        self._requests.labels(service, operation, code).inc()
        self._request_seconds.labels(service, operation).observe(seconds)

    def retried(self, service: str, times: int = 1) -> None:
        """A call needed further attempts."""
        self._retries.labels(service).inc(times)

    def limited(self, service: str, seconds: float) -> None:
        """A call waited for its turn."""
        self._limited.labels(service).inc(seconds)

    # ------------------------------------------------------------ events

    def record(self, event: Event) -> None:
        """Count an event: a sink."""
        if event.type == "drift.detected" and event.key is not None:
            action = str(event.detail.get("action", "modified"))
            self._drift.labels(event.application, event.key.kind, action).inc()
        if event.type in ("resource.deleted", "leftover.deleted") and event.key is not None:
            self._changes.labels(event.key.kind, ACTIONS[Delete], "done").inc()

    def delivered(self, sink: str, worked: bool) -> None:
        """An event was handed to a sink."""
        self._events.labels(sink, "ok" if worked else "error").inc()

    def dropped(self, sink: str) -> None:
        """A sink had no room for an event."""
        self._dropped.labels(sink).inc()

    # ------------------------------------------------------------ exposition

    def render(self, accept: str = "") -> tuple[bytes, str]:
        """Return the exposition and its content type, in the format that the scraper prefers."""
        encode, content_type = choose_encoder(accept)
        return encode(self.registry), content_type

    def _start_at_zero(self, sinks: Iterable[str]) -> None:
        for result in get_args(Result):
            self._passes.labels(result)
        for phase in get_args(Phase):
            self._phases.labels(phase)
        for reason in get_args(Reason):
            self._errors.labels(reason)
        for fetch in get_args(Fetch):
            self._fetches.labels(fetch)
        for counter in self._jobs.values():
            counter.labels("poll")
        for sink in sinks:
            self._dropped.labels(sink)
            for outcome in ("ok", "error"):
                self._events.labels(sink, outcome)

    def declare_kinds(self, kinds: Iterable[str]) -> None:
        """Start the counters of changes at 0 for each kind that may be changed."""
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
