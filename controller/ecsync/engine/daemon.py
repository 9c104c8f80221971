"""The loop: a source is read, applications are queued, workers make passes; for ever, until told to stop."""

from __future__ import annotations

import random
import threading
import uuid
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Protocol

from ecsync.core.model import (
    Application,
    ApplicationState,
    Failed,
    Outcome,
    Pass,
    PassResult,
    Plan,
    Problem,
    Progressing,
    Snapshot,
    Target,
    WithheldReason,
)
from ecsync.core.ports import AwsError, Clock, SourceError
from ecsync.engine.queue import Claim, MemoryQueue
from ecsync.engine.reconciler import Catalogue, Destination, PassOptions, Refused, reconcile
from ecsync.engine.requeue import delay
from ecsync.engine.step_state import StepState
from ecsync.engine.store import Store
from ecsync.engine.ticks import Ticks

BREATH = 2.0  # seconds that a worker waits for work before it shows that it is alive


class SourceState(Protocol):
    """What is known of the source."""

    @property
    def snapshot(self) -> Snapshot | None:
        """The last good one."""

    @property
    def error(self) -> SourceError | None:
        """What went wrong since."""

    @property
    def complete(self) -> bool:
        """Whether what the snapshot lacks may be taken as gone."""


class LastGood(Protocol):
    """Reads the source and keeps the last good snapshot."""

    def refresh(self) -> SourceState:
        """Read it now; never raises SourceError."""


class EventRecorder(Protocol):
    """Who is told what happens, in the engine's own terms; it must not raise or block."""

    def source(self, source_state: Any) -> None:
        """The source was read."""

    def problems(self, application: str, found: tuple[Problem, ...], revision: str) -> None:
        """An application's manifests were read."""

    def planned(self, application: Application, plan: Plan, reconcile_id: str) -> None:
        """A plan is about to be carried out."""

    def ended(self, application: Application, outcome: Outcome, reconcile_id: str) -> None:
        """A pass came to an outcome."""

    def failed(self, application: Application, error: Exception, reconcile_id: str) -> None:
        """A pass came to no plan: lost credentials, or a guard that refused."""

    def passed(self, application: str, result: PassResult, error: AwsError | None) -> None:
        """A pass is over, whatever came of it."""

    def broke(self, application: str, error: Exception) -> None:
        """A pass ended in an exception that nobody expected: a bug of ours."""

    def beat(self, loop: str) -> None:
        """A loop came round."""

    def forget(self, application: str) -> None:
        """An application is gone."""

    def timer(self, phase: str) -> AbstractContextManager[object]:
        """Time a phase of a pass."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DaemonParts:
    """What the daemon is made of; `wiring` puts it together."""

    last_good: LastGood
    read: Callable[[Snapshot], Catalogue]
    destination_for: Callable[
        [Application], Destination
    ]  # raises AwsError (credentials) or Refused (wrong account, no consent)
    consents: Callable[[Application], bool]  # the operator's word that this target may be written (rule 26)
    target_of: Callable[[Application], Target]  # without asking AWS
    clock: Clock
    queue: MemoryQueue
    ticks: Ticks
    store: Store
    recorder: EventRecorder
    workers: int = 4
    source_interval: float = 30.0
    jitter: float = 0.1


class Daemon:
    """Runs until `stop`. Level-triggered: a pass knows nothing of why it was asked for."""

    def __init__(self, machine: DaemonParts) -> None:
        self._m = machine
        self._catalogue = Catalogue(applications={})
        self._source_state: SourceState | None = None
        self._memories: dict[str, StepState] = {}
        self._began: dict[str, datetime] = {}  # passes under way
        self._stopping = threading.Event()
        self._due = threading.Event()  # the source is to be read
        self._threads: list[threading.Thread] = []

    def start(self) -> None:
        """Read the source, then begin to work."""
        self._m.ticks.start()
        self._m.ticks.poll(self._due.set, self._m.source_interval)
        loops = [("source", self._keep_reading), *((f"worker-{n}", self._work) for n in range(self._m.workers))]
        for name, loop in loops:
            thread = threading.Thread(target=loop, name=name, daemon=True)
            thread.start()
            self._threads.append(thread)

    def stop(self, within: float) -> bool:
        """Finish the calls under way and end; false when a worker did not end within so many seconds."""
        self._stopping.set()
        self._due.set()
        self._m.queue.close()
        self._m.ticks.stop()
        deadline = self._m.clock.monotonic() + within
        for thread in self._threads:
            thread.join(max(0.0, deadline - self._m.clock.monotonic()))
        return not any(thread.is_alive() for thread in self._threads)

    @property
    def catalogue(self) -> Catalogue:
        """What the latest good snapshot says."""
        return self._catalogue

    @property
    def source_state(self) -> SourceState | None:
        """What is known of the source; None before it was read."""
        return self._source_state

    # ---------------------------------------------------------------- the source

    def _keep_reading(self) -> None:
        """Read the source each time it is due. The scheduler only says so: a slow source must not hold it up."""
        while not self._stopping.is_set():
            self._m.recorder.beat("source")
            if self._due.wait(BREATH) and not self._stopping.is_set():
                self._due.clear()
                try:
                    self.read_source()
                except Exception as error:  # noqa: BLE001  # the edge of a thread: the next reading may go well
                    self._m.recorder.broke("", error)

    def read_source(self) -> None:
        """Read the source; queue what is new or has changed."""
        with self._m.recorder.timer("fetch"):
            source_state = self._m.last_good.refresh()
        self._m.recorder.source(source_state)
        before, self._source_state = self._catalogue, source_state
        if source_state.snapshot is None:
            return
        if source_state.snapshot.revision != before.revision or not before.applications:
            with self._m.recorder.timer("parse"):
                read = self._m.read(source_state.snapshot)
        else:
            read = before
        self._catalogue = replace(read, pruning=pruning(source_state, read))
        self._declare(before)

    def _declare(self, before: Catalogue) -> None:
        now = self._catalogue
        gone = self._m.store.declare(self._state(application) for application in now.applications.values())
        for name in gone:
            self._m.queue.discard(name)
            self._m.recorder.forget(name)
            self._memories.pop(name, None)
        self._m.ticks.schedule({name: app.sync.interval for name, app in now.applications.items()})
        for name in now.applications:
            changed = before.applications.get(name) != now.applications[name]
            if changed or before.holds(name) != now.holds(name):
                self._m.recorder.problems(name, now.holds(name), now.revision)
                self._m.queue.add(name)

    def _state(self, application: Application) -> ApplicationState:
        return ApplicationState(
            name=application.name,
            target=self._m.target_of(application),
            sync=application.sync,
            revision=self._catalogue.revision,
            problems=self._catalogue.holds(application.name),
        )

    # ---------------------------------------------------------------- the workers

    def _work(self) -> None:
        while not self._stopping.is_set():
            self._m.recorder.beat("worker")
            claim = self._m.queue.take(BREATH)
            if claim is not None:
                self.once(claim)

    def once(self, claim: Claim) -> None:
        """Make one pass for a claim, and give it back with the time of the next one."""
        after: float | None = None
        self._began[claim.key] = self._m.clock.now()
        try:
            after = self._pass(claim)
        except Exception as error:  # noqa: BLE001  # the edge of a thread: one poisoned application stops no other
            self._m.recorder.broke(claim.key, error)
            after = self._backoff(claim.key)
            # Not its text: nobody knows what stands in it, and this is what the API tells.
            self._finish(claim.key, "error", f"a bug of ours ({type(error).__name__}); the log has it", None, after)
        finally:
            self._began.pop(claim.key, None)
            claim.done(after)

    def _pass(self, claim: Claim) -> float | None:
        name, catalogue = claim.key, self._catalogue
        application = catalogue.applications.get(name)
        if application is None:
            return None
        if catalogue.holds(name):
            self._finish(name, "frozen", "its manifests are not valid", None, application.sync.interval)
            return application.sync.interval
        step_state = self._memories.setdefault(name, StepState())
        reconcile_id = uuid.uuid4().hex[:8]
        looking = self._only_looks(application)
        try:
            outcome = self._reconcile(application, catalogue, step_state, reconcile_id, claim, enforce=not looking)
        except (AwsError, Refused) as error:
            self._m.recorder.failed(application, error, reconcile_id)
            after = self._backoff(name)
            cause = error if isinstance(error, AwsError) else None
            self._finish(name, _result_of(error), str(error), cause, after, reconcile_id=reconcile_id)
            return after
        self._m.recorder.ended(application, outcome, reconcile_id)
        failed = any(isinstance(one, Failed) and one.retry == "soon" for one in outcome.results.values())
        step_state.failures = step_state.failures + 1 if failed or outcome.plan.unreadable else 0
        after = delay(outcome, interval=application.sync.interval, failures=step_state.failures, jitter=self._jittered)
        came_to = result(outcome)
        self._finish(name, came_to, "", None, after, outcome=outcome, reconcile_id=reconcile_id, only_looked=looking)
        return after

    def _reconcile(
        self,
        application: Application,
        catalogue: Catalogue,
        step_state: StepState,
        reconcile_id: str,
        claim: Claim,
        *,
        enforce: bool,
    ) -> Outcome:
        options = PassOptions(
            enforce=enforce,
            may_go_on=lambda: not self._stopping.is_set() and claim.renew(),
            planned=lambda plan: self._m.recorder.planned(application, plan, reconcile_id) if enforce else None,
            timer=self._m.recorder.timer,
        )
        with self._m.recorder.timer("total"):
            return reconcile(application, catalogue, self._m.destination_for(application), step_state, options)

    def _only_looks(self, application: Application) -> str:
        """Say why nothing may be written to an application now; empty where it is kept as declared."""
        if application.sync.mode != "enforce":
            return "its mode is observe"
        if not self._m.consents(application):
            return "the operator does not let its target be written (--enforce, or `enforce` of the target)"
        for name in application.after:
            state = self._m.store.application(name)
            sync = state.outcome.sync if state and state.outcome else "not known yet"
            if sync != "Synced":
                return f"it comes after {name}, which is {sync}"
        return ""

    def _finish(
        self,
        name: str,
        came_to: PassResult,
        error: str,
        cause: AwsError | None,
        after: float,
        *,
        outcome: Outcome | None = None,
        reconcile_id: str = "",
        only_looked: str = "",
    ) -> None:
        now: datetime = self._m.clock.now()
        began = self._began.pop(name, now)
        done = Pass(
            reconcile_id=reconcile_id,
            started=began,
            ended=now,
            result=came_to,
            error=error,
            only_looked=only_looked,
        )
        self._m.store.finish(name, done, outcome, now + timedelta(seconds=after))
        self._m.recorder.passed(name, came_to, cause)

    def _backoff(self, name: str) -> float:
        step_state = self._memories.setdefault(name, StepState())
        step_state.failures += 1
        return self._jittered(min(300.0, 5.0 * 2 ** min(step_state.failures, 6)))

    def _jittered(self, seconds: float) -> float:
        return seconds * (1 + random.uniform(-self._m.jitter, self._m.jitter))  # noqa: S311  # spreads load, no secret


def pruning(source_state: SourceState, catalogue: Catalogue) -> str:
    """Say why nothing may be pruned now; empty when it may (rules 5 and 27)."""
    if source_state.error is not None:
        words = f"the source cannot be read ({source_state.error.reason}); nothing is taken as gone"
        return WithheldReason("empty" if source_state.error.reason == "empty" else "stale_source", words)
    if not source_state.complete:
        words = "the source must read the same twice, 60 s apart, before what it lacks counts as gone"
        return WithheldReason("stale_source", words)
    if catalogue.problems:
        words = f"{catalogue.problems[0].origin} is not valid; nothing is taken as gone while a manifest is broken"
        return WithheldReason("invalid_manifest", words)
    return ""


def result(outcome: Outcome) -> PassResult:
    """Say in one word what a pass came to."""
    results: Mapping[Any, Any] = outcome.results
    if any(isinstance(one, Failed) and one.retry == "soon" for one in results.values()) or outcome.plan.unreadable:
        return "error"
    if any(isinstance(one, Failed) for one in results.values()) or outcome.plan.stopped:
        return "terminal"
    if results and not all(isinstance(one, Progressing) for one in results.values()):
        return "changed"
    return "synced" if outcome.sync == "Synced" else "skipped"


def _result_of(error: Exception) -> PassResult:
    if isinstance(error, Refused):
        return "frozen"
    return "throttled" if isinstance(error, AwsError) and error.kind == "throttled" else "error"
