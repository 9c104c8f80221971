"""What happens, as Prometheus counters and histograms; the current state is in `gauges.py` and `collectors/`.

Every label set that is fixed starts at 0, so that rates and alerts exist before the first failure. No ARN, path,
message or other unbounded value is a label. docs/metrics.md lists all; `make metrics` writes it.
"""

from __future__ import annotations

import platform
import time
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Literal, get_args

from prometheus_client import CollectorRegistry, disable_created_metrics
from prometheus_client.exposition import choose_encoder
from prometheus_client.samples import Exemplar

from ecsync.core.model import Delete
from ecsync.core.outcome import Done, Event, Failed, Outcome
from ecsync.core.ports import HookResult
from ecsync.report.collectors import watched
from ecsync.report.collectors.app_counts import DEPLOYMENTS, DRIFT, AppCounts, DeploymentOutcome
from ecsync.report.collectors.deployments import Deployments
from ecsync.report.collectors.drift_times import By, DriftTimes
from ecsync.report.collectors.families import Families
from ecsync.report.collectors.labels import (
    HOOKS,
    METHODS,
    Code,
    DriftState,
    Fetch,
    Mishap,
    Phase,
    Reason,
    Result,
    Round,
)
from ecsync.report.collectors.lead_times import LeadTimes
from ecsync.report.collectors.watched import Watched
from ecsync.report.gauges import ACTIONS, Applications

_SECONDS = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300)
_CALL_SECONDS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
_REQUEST_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
_LONG_SECONDS = (15, 30, 60, 120, 180, 300, 600, 900, 1800, 3600, 7200, 21_600, 86_400)


class Metrics:
    """A registry of its own. Any thread may call any method; no method blocks."""

    def __init__(
        self,
        *,
        version: str,
        revision: str = "",
        sinks: Iterable[str] = ("log", "metrics", "store"),
        per_app: bool = True,
        now: Callable[[], float] = time.time,
    ) -> None:
        disable_created_metrics()  # type: ignore[no-untyped-call]  # an unused second series for each counter
        self.registry = CollectorRegistry()
        make = self.families = Families(self.registry)
        self._per_app = per_app
        self._counts = AppCounts()
        self._drift_times, self._lead_times, self._deployments = DriftTimes(now), LeadTimes(), Deployments()
        build = make.gauge(
            "build_info",
            "Version of ecsync, the commit that it was built from, and the version of Python; always 1",
            "version",
            "revision",
            "python",
        )
        build.labels(version, revision, platform.python_version()).set(1)

        self._passes = make.counter("reconcile", "Passes over an application, by result", "result")
        self._phases = make.histogram(
            "reconcile_duration_seconds", "Seconds of a pass (total), and of each phase", _SECONDS, "phase"
        )
        self._queued = make.histogram(
            "workqueue_queue_duration_seconds", "Seconds for which an application was due before its pass", _SECONDS
        )
        self._errors = make.counter("reconcile_errors", "Errors of passes and of source reads, by reason", "reason")
        self._panics = make.counter("reconcile_panics", "Passes that ended with an internal error")
        self._heartbeat = make.gauge(
            "heartbeat_timestamp_seconds", "Time of the last iteration of a loop (Unix time)", "loop"
        )
        self._jobs = {
            "missed": make.counter(
                "scheduler_jobs_missed", "Scheduled jobs that started too late and were not run", "job"
            ),
            "skipped": make.counter(
                "scheduler_jobs_skipped",
                "Scheduled jobs that were not run because the previous one was still running",
                "job",
            ),
            "error": make.counter("scheduler_jobs_errors", "Scheduled jobs that raised an error", "job"),
        }
        self._drift = make.counter(
            "resource_drift", "Drift of resources: detected, changed to another one, and resolved", "kind", "state"
        )
        self._resolved = make.counter(
            "drift_resolved", "Drift that ended: repaired by ecsync, or by another client or manifest (other)", "by"
        )
        self._drift_seconds = make.histogram(
            "drift_duration_seconds", "Seconds from the detection of a drift to its end", _LONG_SECONDS, "by"
        )
        self._deployment_seconds = make.histogram(
            "deployment_duration_seconds",
            "Seconds from the start of a service deployment by ecsync to its end, as passes see it",
            _LONG_SECONDS,
            "outcome",
        )
        self._lead_seconds = make.histogram(
            "lead_time_seconds",
            "Seconds from a commit until an application that it changes is in sync and healthy; nothing is observed "
            "where the time of the commit is not known",
            _LONG_SECONDS,
        )
        self._changes = make.counter("changes", "Changes applied to resources, by result", "kind", "action", "result")
        self._shown: dict[str, tuple[str, str]] = {}  # of `source_info`, by the name of the source
        self._fetches = make.counter("source_fetch", "Reads of a source, by result", "name", "result")
        self._fetch_seconds = make.histogram(
            "source_fetch_duration_seconds", "Seconds of a read of a source", _SECONDS, "name"
        )
        self._hooks = make.counter("webhooks", "Requests of webhooks, by result", "hook", "result")
        self._fetched = make.gauge(
            "source_last_success_timestamp_seconds",
            "Time of the last successful read of a source (Unix time)",
            "source",
            "name",
        )
        self._source = make.gauge(
            "source_info", "The revision that was read last: of git the commit; always 1", "source", "revision", "name"
        )
        self._requests = make.counter("aws_requests", "Calls to AWS, by result", "service", "operation", "code")
        self._request_seconds = make.histogram(
            "aws_request_duration_seconds", "Seconds of a call to AWS", _CALL_SECONDS, "service", "operation"
        )
        self._retries = make.counter("aws_retries", "Retries of calls to AWS", "service")
        self._limited = make.counter(
            "aws_rate_limiter_wait_seconds", "Seconds that calls waited in the rate limiter of ecsync", "service"
        )
        self._deferred = make.counter(
            "reconcile_deferred",
            "Passes that were put off because a rate limit was used up, by its name (no failure)",
            "bucket",
        )
        self._decided = make.counter(
            "resources_decided", "Resources decided by passes: compared, or unchanged since the last pass", "how"
        )
        self._mismatches = make.counter(
            "shortcut_mismatches", "Resources taken as unchanged that a check found changed: each one is a bug"
        )
        self._rounds = make.counter(
            "lease_renewals",
            "Rounds in which this process takes or renews the lease: it holds it, another one does, or an error",
            "result",
        )
        self._http = make.counter("http_requests", "HTTP requests that were answered", "route", "method", "code")
        self._http_seconds = make.histogram(
            "http_request_duration_seconds", "Seconds of an HTTP request", _REQUEST_SECONDS, "route"
        )
        self._events = make.counter("events", "Events sent to a sink, by result", "sink", "result")
        self._dropped = make.counter("events_dropped", "Events dropped because a sink was full", "sink")
        self._start_at_zero(sinks)

    # ------------------------------------------------------------ the engine

    def reconciled(self, result: Result, at: datetime, reconcile_id: str = "") -> None:
        """A pass ended."""
        self._passes.labels(result).inc(exemplar=_labels(reconcile_id))
        self.beat("reconcile", at)

    def phase(self, name: Phase, seconds: float, reconcile_id: str = "") -> None:
        """A phase of a pass took so many seconds."""
        self._phases.labels(name).observe(seconds, exemplar=_labels(reconcile_id))

    def queued(self, seconds: float) -> None:
        """An application was due for so many seconds before a worker took it."""
        self._queued.observe(seconds)

    def followed(self, outcome: Outcome, at: datetime, reconcile_id: str) -> None:
        """A pass ended with an outcome: count the deployments that have ended since the last one."""
        for ended in self._deployments.follow(outcome, at.timestamp(), reconcile_id):
            labels = _labels(ended.reconcile_id)
            exemplar = Exemplar(labels, 1.0, at.timestamp()) if labels else None
            self._counts.add(DEPLOYMENTS, outcome.plan.application, ended.outcome, exemplar)
            self._deployment_seconds.labels(ended.outcome).observe(ended.seconds, exemplar=labels)

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

    def watch(self, what: Watched) -> None:
        """Read these at each scrape. Once for a registry."""
        watched.register(self.registry, what)
        self.registry.register(
            Applications(
                applications=what.applications,
                drift=what.drift,
                sources_ready=what.sources_ready,
                oldest=self._drift_times.oldest,
                counts=self._counts,
                per_app=self._per_app,
            )
        )

    def forget(self, application: str) -> None:
        """An application was removed: another one with its name begins anew."""
        self._counts.forget(application)
        self.moved(application)

    def moved(self, application: str) -> None:
        """An application is in another account or Region now: what was open there does not end here."""
        for one in (self._drift_times, self._lead_times, self._deployments):
            one.forget(application)

    # ------------------------------------------------------------ the source

    def fetched(self, result: str, seconds: float, name: str = "") -> None:
        """A source was read; the result is `ok` or the reason of the failure."""
        self._fetches.labels(name, result).inc()
        self._fetch_seconds.labels(name).observe(seconds)

    def hook(self, hook: str, result: HookResult) -> None:
        """A request of a hook was received; `other` for one that is unknown."""
        self._hooks.labels(hook, result).inc()

    def source_good(self, source: str, at: datetime, name: str = "") -> None:
        """A source was read completely: its type (disk, s3, git), and its name where there are several."""
        self._fetched.labels(source, name).set(at.timestamp())

    def source_at(self, source: str, revision: str, name: str = "", about: Mapping[str, str] | None = None) -> None:
        """A revision of a source is in use. One has a series at a time. `about` may have the time of its commit."""
        self._lead_times.committed(revision, (about or {}).get("committed", ""))
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
        resolved = self._drift_times.record(event)
        if resolved is not None:
            self._resolved.labels(resolved.by).inc()
            self._drift_seconds.labels(resolved.by).observe(resolved.seconds)
        lead = self._lead_times.record(event, drifts=self._drift_times.drifts(event.key))
        if lead is not None:
            self._lead_seconds.observe(lead, exemplar=_labels(event.reconcile_id))
        if event.type.startswith("drift.") and event.key is not None:
            self._drift.labels(event.key.kind, event.type.removeprefix("drift.")).inc()
        if event.type == "drift.detected":
            self._counts.add(DRIFT, event.application, str(event.detail.get("action", "modified")))
        if event.type in ("resource.deleted", "leftover.deleted") and event.key is not None:
            self._changes.labels(event.key.kind, ACTIONS[Delete], "done").inc()

    def delivered(self, sink: str, worked: bool) -> None:
        """An event was sent to a sink."""
        self._events.labels(sink, "ok" if worked else "error").inc()

    def dropped(self, sink: str) -> None:
        """A full sink dropped an event."""
        self._dropped.labels(sink).inc()

    # ------------------------------------------------------------ lease and HTTP

    def lease_round(self, result: Round) -> None:
        """The lease was renewed, is held by another process, or could not be read or written."""
        self._rounds.labels(result).inc()

    def answered(self, route: str, method: str, code: int, seconds: float) -> None:
        """An HTTP request was answered. `route` is a template; `other` for none."""
        self._http.labels(route, method if method in METHODS else "other", str(code)).inc()
        self._http_seconds.labels(route).observe(seconds)

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
        for by in get_args(By):
            self._resolved.labels(by)
            self._drift_seconds.labels(by)
        for ended in get_args(DeploymentOutcome):
            self._deployment_seconds.labels(ended)
        for round_ in get_args(Round):
            self._rounds.labels(round_)
        for hook in HOOKS:
            for hooked in get_args(HookResult):
                self._hooks.labels(hook, hooked)
        for counter in self._jobs.values():
            counter.labels("poll")
        for sink in sinks:
            self._dropped.labels(sink)
            for outcome in ("ok", "error"):
                self._events.labels(sink, outcome)

    def declare_sources(self, names: Iterable[str]) -> None:
        """Start the counters of reads at 0 for each source; the only one has no name."""
        for name in names:
            self._fetch_seconds.labels(name)
            for fetch in get_args(Fetch):
                self._fetches.labels(name, fetch)

    def declare_routes(self, routes: Iterable[tuple[str, str]]) -> None:
        """Start the counters of requests that are answered with 200 at 0, for each route and method."""
        for route, method in routes:
            self._http.labels(route, method, "200")
            self._http_seconds.labels(route)

    def declare_kinds(self, kinds: Iterable[str]) -> None:
        """Start the counters of changes and of drift at 0 for each kind."""
        for kind in kinds:
            for state in get_args(DriftState):
                self._drift.labels(kind, state)
            for action in ACTIONS.values():
                for result in ("done", "failed"):
                    self._changes.labels(kind, action, result)

    def declare_operations(self, operations: Iterable[str]) -> None:
        """Start the counters of calls, retries and waits at 0, for each operation that is called (`ecs.ListTasks`)."""
        names = [name.partition(".") for name in operations]
        for service, _, operation in names:
            for code in get_args(Code):
                self._requests.labels(service, operation, code)
        for service in {service for service, _, _ in names}:
            self._retries.labels(service)
            self._limited.labels(service)


def _labels(reconcile_id: str) -> dict[str, str] | None:
    """Return the labels of an exemplar: the id by which the log finds the pass."""
    return {"reconcile_id": reconcile_id} if reconcile_id else None
