"""The daemon's EventRecorder: turns what the engine reports into events, metrics, heartbeats and log lines."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, cast

import structlog

from ecsync import kinds
from ecsync.core.model import Application, Problem, Target
from ecsync.core.origins import locator
from ecsync.core.outcome import LeftBehind, Outcome, PassResult, Plan
from ecsync.core.ports import AwsError, Clock, Deferred
from ecsync.core.wording import internal_error
from ecsync.report.collectors.labels import Phase, Reason
from ecsync.report.events import Context
from ecsync.report.metrics import Metrics
from ecsync.report.recorder import Recorder
from ecsync.wiring.http_view import Heartbeats
from ecsync.wiring.workspace import Workspace


@dataclass(kw_only=True)
class DaemonEventRecorder:
    """The implementation of `engine.daemon_parts.EventRecorder`. `events` turns changes of state into events."""

    workspace: Workspace
    events: Recorder
    metrics: Metrics
    heartbeats: Heartbeats
    clock: Clock
    source_kinds: Mapping[str, str]  # disk, s3 or git, by the name of the source

    def source_read(self, source_state: Any) -> None:
        """Record a read of the source."""
        for name, state in source_state.each.items():
            if state.error is None and state.snapshot is None:
                continue  # its first read is under way
            now = self.clock.now()
            self.events.source_read(state, now, name)
            if state.snapshot is not None:
                shot = state.snapshot
                self.metrics.source_at(self.source_kinds[name], shot.revision, name, shot.about)
            if state.error is None:
                self.metrics.source_good(self.source_kinds[name], state.fetched_at or now, name)
            else:
                self.metrics.error("source")

    def problems(self, application: str, found: tuple[Problem, ...], revision: str) -> None:
        """Record the problems of an application's manifests; none is recorded too."""
        if found:
            self.metrics.error("manifest")
        self.events.manifests_read(found, Context(time=self.clock.now(), application=application, revision=revision))

    def planned(self, application: Application, plan: Plan, reconcile_id: str) -> None:
        """Record that a plan is about to be applied."""
        self.events.pass_started(plan, self._context(application, plan, reconcile_id))

    def ended(self, application: Application, outcome: Outcome, reconcile_id: str) -> None:
        """Record the outcome of a pass."""
        self.events.pass_ended(outcome, self._context(application, outcome.plan, reconcile_id))
        self.metrics.executed(outcome)
        self.metrics.followed(outcome, self.clock.now(), reconcile_id)
        self.metrics.decided(outcome)
        for key in outcome.plan.mismatches:
            structlog.get_logger("ecsync").error(
                "a full comparison found a difference that was missed; please report it",
                app=application.name,
                resource=str(key),
            )

    def failed(self, application: Application, error: Exception, reconcile_id: str) -> None:
        """Record a pass without a plan."""
        context = Context(
            time=self.clock.now(),
            application=application.name,
            target=self.workspace.target_of(application),
            reconcile_id=reconcile_id,
        )
        self.events.pass_failed(str(error), context)

    def finished(self, application: str, result: PassResult, error: AwsError | None, reconcile_id: str) -> None:
        """Count a pass."""
        del application  # no label: it would be a series per application, which the gauges have already
        self.metrics.reconciled(result, self.clock.now(), reconcile_id)
        if error is not None:
            self.metrics.error(cast(Reason, error.kind))

    def deferred(self, application: str, deferred: Deferred) -> None:
        """Count a pass that waits for the rate limit: nothing else has changed."""
        del application
        self.metrics.deferred(deferred.bucket)

    def internal_error(self, application: str, error: Exception) -> None:
        """Count and log an unexpected exception; its text goes only to the log."""
        self.metrics.panic()
        if application:
            context = Context(time=self.clock.now(), application=application)
            self.events.pass_failed(internal_error(error), context)
        structlog.get_logger("ecsync").error("internal error", app=application, exc_info=error)

    def heartbeat(self, loop: str) -> None:
        """Record that a loop began its next round."""
        self.heartbeats.beat(loop)
        self.metrics.beat(loop, self.clock.now())

    def forget(self, application: str, left: LeftBehind | None) -> None:
        """Record that an application is not declared any more."""
        self.events.application_removed(application, left, self.clock.now())
        self.metrics.forget(application)

    def moved(self, application: Application, left: LeftBehind | None, to: Target) -> None:
        """Record that an application is in another account or Region now."""
        self.events.application_moved(application.name, left, to, self.clock.now())
        self.metrics.moved(application.name)

    @contextmanager
    def timer(self, phase: str, reconcile_id: str = "") -> Iterator[None]:
        """Time a phase of a pass."""
        started = time.monotonic()
        try:
            yield
        finally:
            self.metrics.phase(cast(Phase, phase), time.monotonic() - started, reconcile_id)

    def _context(self, application: Application, plan: Plan, reconcile_id: str) -> Context:
        return Context(
            time=self.clock.now(),
            application=application.name,
            target=plan.target,
            revision=plan.revision,
            reconcile_id=reconcile_id,
            where=locator(application.resources, {kind.name: kind for kind in kinds.ALL}),
            observes=application.sync.mode != "enforce",
        )
