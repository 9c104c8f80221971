"""The daemon: one thread reads the source and queues applications, workers make passes, until `stop`."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from math import inf

from ecsync.core.model import Application, Key, Target
from ecsync.core.outcome import ApplicationState, LeftBehind, Outcome, Pass, PassResult, Plan
from ecsync.core.ports import AwsError, Deferred, SourceError
from ecsync.core.status import owned
from ecsync.core.wording import internal_error
from ecsync.engine.ahead import counting
from ecsync.engine.catalogue import Catalogue, keys_of
from ecsync.engine.daemon_parts import (
    DaemonParts,
    Place,
    SourceState,
    pruning,
    read_only_reason,
    result,
    result_of_error,
)
from ecsync.engine.ordering import Ordering
from ecsync.engine.queue import Claim, Priority
from ecsync.engine.reconciler import Destination, PassOptions, Refused, reconcile
from ecsync.engine.requeue import (
    BACKOFF,
    PASS_WAIT,
    backoff,
    delay,
    jittered,
    lengthened,
    priority,
    waits_for_rate,
)
from ecsync.engine.retries import Retries
from ecsync.engine.step_state import StepState

IDLE = 2.0  # seconds that a loop waits for work before its next heartbeat


@dataclass(frozen=True, slots=True, kw_only=True)
class _Next:
    """When the next pass comes, in seconds, and its priority. None: the application is not declared any more."""

    after: float | None
    priority: Priority = "look"
    scarce: bool = False  # the pass waited for the rate limit
    deferred: bool = False  # the pass ended because the rate limit was used up

    def give_back(self, claim: Claim) -> None:
        """Give a claim back for the next pass."""
        if self.deferred and self.after is not None:
            claim.deferred(self.after)
        else:
            claim.done(self.after, priority=self.priority, scarce=self.scarce)


class Daemon:
    """Runs until `stop`. Level-triggered: a pass does not depend on why it was queued."""

    def __init__(self, parts: DaemonParts) -> None:
        self._parts = parts
        self._catalogue = Catalogue(applications={})
        self._source_state: SourceState | None = None
        self._step_states: dict[str, StepState] = {}
        self._places: dict[str, Place] = {}  # of the last pass of each application
        self._started: dict[str, datetime] = {}  # passes under way
        self._to_retry: dict[str, set[Key | None]] = {}  # by application; None: all of its resources
        self._ordering = Ordering(parts.store, wake=partial(parts.queue.add, priority="change"))
        self._apart: list[threading.Thread] = []  # passes that may wait for rate limits: few for each site
        self._lock = threading.Lock()
        self._stopping = threading.Event()
        self._source_due = threading.Event()
        self._threads: list[threading.Thread] = []

    def start(self) -> None:
        """Start the timers, the source thread and the workers."""
        self._parts.ticks.start()
        self._parts.ticks.poll(self._source_due.set, self._parts.source_interval)
        workers = [f"worker-{number}" for number in range(self._parts.workers)]
        self._threads.append(self._parts.start_thread("source", self._read_loop))
        self._threads += [self._parts.start_thread(name, partial(self._work_loop, name)) for name in workers]

    def stop(self, within: float) -> bool:
        """Finish the calls under way and end. Return False if a thread did not end within so many seconds."""
        self._stopping.set()
        self._source_due.set()
        self._parts.queue.close()
        self._parts.ticks.stop()
        deadline = self._parts.clock.monotonic() + within
        with self._lock:
            threads = [*self._threads, *self._apart]
        for thread in threads:
            thread.join(max(0.0, deadline - self._parts.clock.monotonic()))
        return not any(thread.is_alive() for thread in threads)

    @property
    def catalogue(self) -> Catalogue:
        """What the last good snapshot declares."""
        return self._catalogue

    @property
    def source_state(self) -> SourceState | None:
        """The result of the latest read of the source; None before the first."""
        return self._source_state

    def retry(self, name: str, resource: str = "") -> str:
        """Have what failed or does not converge tried in a pass that comes now; return why not, or nothing.

        `resource` is `Kind/name`; empty: every resource of the application.
        """
        application = self._catalogue.applications.get(name)
        if application is None:
            return f"application {name!r} is not declared; /api/v1/applications lists all"
        key = next((key for key in keys_of(application) if str(key) == resource), None)
        if resource and key is None:
            return f"{resource!r} is not declared in application {name!r}"
        with self._lock:
            self._to_retry.setdefault(name, set()).add(key)
        self._parts.queue.add(name, priority="change")
        return ""

    # ---------------------------------------------------------------- the source

    def _read_loop(self) -> None:
        """Read the source each time it is due. The timer only sets the event: a slow source must not block it."""
        while not self._stopping.is_set():
            self._parts.recorder.heartbeat("source")
            self._parts.ticks.keep_time()
            if self._source_due.wait(IDLE) and not self._stopping.is_set():
                self._source_due.clear()
                self._parts.tidy()
                try:
                    self.read_source()
                except Deferred:
                    return  # the process stops

    def read_now(self) -> None:
        """Have the source read at once. Of several requests during a read, one read follows it."""
        self._source_due.set()

    def read_source(self) -> None:
        """Read the source, and queue the applications that are new or changed. Raises Deferred.

        An unexpected exception is a failure of the source: the last good revision is kept, and nothing is deleted.
        """
        before = self._catalogue
        try:
            self._read_source()
        except Deferred:
            raise
        except Exception as error:  # noqa: BLE001  # the edge of a thread: the next read may succeed
            self._parts.recorder.internal_error("", error)
            source_state = self._parts.last_good.refuse(SourceError(internal_error(error), reason="internal"))
            self._catalogue = before.held(pruning(source_state, before))
            self._source_state = source_state
            self._parts.recorder.source_read(source_state)

    def _read_source(self) -> None:
        with self._parts.recorder.timer("fetch"):
            source_state = self._parts.last_good.refresh()
        read = self._catalogue
        snapshot = source_state.snapshot
        if snapshot is not None and (snapshot.revision != read.revision or not read.applications):
            with self._parts.recorder.timer("parse"):
                read = self._parts.read(snapshot)
        self._source_state = source_state
        self._parts.recorder.source_read(source_state)
        if snapshot is not None:
            self._declare(read.held(pruning(source_state, read)))

    def _declare(self, read: Catalogue) -> None:
        """Make a catalogue the current one: queue what differs from the one before, and forget what is not declared."""
        states = [self._state(application, read) for application in read.applications.values()]
        before, self._catalogue = self._catalogue, read
        gone = before.applications.keys() - read.applications.keys()
        left = {name: self._left_behind(name) for name in gone}
        for name in self._parts.store.declare(states):
            self._parts.queue.discard(name)
            self._parts.recorder.forget(name, left.get(name))
            self._places.pop(name, None)
            self._step_states.pop(name, None)
            self._ordering.forget(name)
        for name in read.applications:
            changed = before.applications.get(name) != read.applications[name]
            if changed or before.holds(name) != read.holds(name):
                self._parts.recorder.problems(name, read.holds(name), read.of(name).revision)
                target = self._parts.target_of(read.applications[name])
                self._parts.queue.place(name, (target.account or target.name, target.region))
                self._parts.queue.add(name, priority="change")

    def look_again(self) -> None:
        """Queue every application now: what may be written has changed."""
        for name in self._catalogue.applications:
            self._parts.queue.add(name, priority="change")

    def _state(self, application: Application, catalogue: Catalogue) -> ApplicationState:
        return ApplicationState(
            name=application.name,
            target=self._parts.target_of(application),
            sync=application.sync,
            source=application.source,
            revision=catalogue.of(application.name).revision,
            problems=catalogue.holds(application.name),
            suspended=application.suspend,
        )

    # ---------------------------------------------------------------- the workers

    def _work_loop(self, name: str) -> None:
        alive = partial(self._parts.recorder.heartbeat, name)
        while not self._stopping.is_set():
            alive()
            self.work(IDLE, alive)

    def work(self, within: float, alive: Callable[[], None] = lambda: None) -> None:
        """Take what is due within so many seconds, and make its pass: on a thread of its own if it may have to wait.

        `alive` is called before each write of a pass on this thread.
        """
        claim = self._parts.queue.take(within)
        if claim is not None and claim.patient:
            with self._lock:
                self._apart = [thread for thread in self._apart if thread.is_alive()]
                self._apart.append(self._parts.start_thread(f"pass-{claim.key}", partial(self.once, claim)))
        elif claim is not None:
            self.once(claim, alive)

    def once(self, claim: Claim, alive: Callable[[], None] = lambda: None) -> None:
        """Make one pass for a claim, and requeue the application, also after an exception."""
        following = _Next(after=BACKOFF[0])  # if an exception ends this thread
        self._started[claim.key] = self._parts.clock.now()
        try:
            following = self._pass(claim, alive)
        except Deferred as deferred:
            following = _Next(after=deferred.after, deferred=True)
            self._parts.recorder.deferred(claim.key, deferred)
        except Exception as error:  # noqa: BLE001  # the edge of a thread: one application must not stop the others
            after = self._after_failure(claim.key)
            following = _Next(after=after)
            self._parts.recorder.internal_error(claim.key, error)
            self._finish(claim.key, "error", after, error=internal_error(error))
            self._ordering.ended(self._catalogue.applications.get(claim.key), self._catalogue, None)
        finally:
            self._started.pop(claim.key, None)
            following.give_back(claim)

    def _pass(self, claim: Claim, alive: Callable[[], None]) -> _Next:
        """Make a pass, and return when the next one comes. Raises Deferred."""
        name, catalogue = claim.key, self._catalogue.of(claim.key)
        application = catalogue.applications.get(name)
        if application is None:
            return _Next(after=None)
        if catalogue.holds(name):
            after = application.sync.interval
            self._finish(name, "frozen", after, error="not reconciled: its manifests are not valid")
            return _Next(after=after)
        with self._lock:
            asked = self._to_retry.pop(name, set())
        for key in asked:
            self._step_state(name).retry(key)
        reconcile_id = uuid.uuid4().hex[:8]
        read_only = self._read_only_reason(application)
        try:
            outcome, scarce = self._reconcile(application, catalogue, claim, alive, reconcile_id, enforce=not read_only)
        except (AwsError, Refused) as error:
            self._parts.recorder.failed(application, error, reconcile_id)
            after = self._after_failure(name)
            cause = error if isinstance(error, AwsError) else None
            if cause and cause.kind == "credentials":
                self._step_state(name).retries.forget_denied()
            self._finish(name, result_of_error(error), after, error=str(error), cause=cause, reconcile_id=reconcile_id)
            self._ordering.ended(application, self._catalogue, None)
            return _Next(after=after)
        self._parts.recorder.ended(application, outcome, reconcile_id)
        after = self._after_outcome(application, outcome)
        self._finish(name, result(outcome), after, outcome=outcome, reconcile_id=reconcile_id, read_only=read_only)
        self._ordering.ended(application, self._catalogue, outcome)
        return _Next(after=after, priority=priority(outcome), scarce=scarce)

    def _reconcile(
        self,
        application: Application,
        catalogue: Catalogue,
        claim: Claim,
        alive: Callable[[], None],
        reconcile_id: str,
        *,
        enforce: bool,
    ) -> tuple[Outcome, bool]:
        """Make the pass, and return its outcome and whether its reads waited for the rate limit. Raises Deferred."""
        recorder = self._parts.recorder
        # Such a pass may wait until it has read everything: it is not on a worker's thread.
        with (
            self._parts.wait_limit(inf if claim.patient else PASS_WAIT) as allowance,
            recorder.timer("total", reconcile_id),
        ):
            waited, allowance.whole = 0.0, True

            def planned(plan: Plan) -> None:
                nonlocal waited
                waited = allowance.for_steps(PASS_WAIT)  # a step that must wait longer waits alone
                if enforce:
                    recorder.planned(application, plan, reconcile_id)

            def may_go_on() -> bool:
                alive()
                stopped = self._stopping.is_set() or self._parts.frozen(application.name)
                return not stopped and claim.renew()

            options = PassOptions(
                enforce=enforce,
                may_go_on=may_go_on,
                planned=planned,
                timer=partial(recorder.timer, reconcile_id=reconcile_id),
            )
            destination = self._parts.destination_for(application)
            self._place(application, destination)
            self._parts.queue.place(application.name, (destination.target.account, destination.target.region))
            readers = self._parts.readers if claim.patient else None
            with counting(readers, partial(self._parts.wait_limit, inf)) as threads:
                destination = replace(destination, threads=threads)
                outcome = reconcile(application, catalogue, destination, self._step_state(application.name), options)
        return outcome, max(waited, threads.waited if threads else 0.0) > PASS_WAIT

    def _place(self, application: Application, destination: Destination) -> None:
        """Note where a pass is made, and what stays where the last one was."""
        name, to = application.name, destination.target
        before = self._places.get(name)
        if before is not None and before.site != (to.account, to.region):
            left = self._left_behind(name, to)
            self._parts.store.moved(name, left, to)
            self._parts.recorder.moved(application, left, to)
        self._places[name] = Place(application, destination)

    def _left_behind(self, name: str, to: Target | None = None) -> LeftBehind | None:
        """Return what an application had in its last pass and does not have in `to`; None if no pass made a plan."""
        place, state = self._places.get(name), self._parts.store.application(name)
        if place is None or state is None or state.outcome is None:
            return None
        target, kinds = place.destination.target, place.destination.kinds
        regional = to is not None and to.account == target.account
        resources = owned(place.application, kinds, state.outcome, regional=regional)
        return LeftBehind(target=target, seen=state.last_pass.ended if state.last_pass else None, resources=resources)

    def _read_only_reason(self, application: Application) -> str:
        """Return the reason why nothing may be written to an application now; empty if it may."""
        waits = self._ordering.waits(application, self._catalogue)
        return read_only_reason(self._parts, application, waits)

    def _finish(
        self,
        name: str,
        pass_result: PassResult,
        after: float,
        *,
        error: str = "",
        cause: AwsError | None = None,
        outcome: Outcome | None = None,
        reconcile_id: str = "",
        read_only: str = "",
    ) -> None:
        """Store and record the end of a pass."""
        now = self._parts.clock.now()
        done = Pass(
            reconcile_id=reconcile_id,
            started=self._started.pop(name, now),
            ended=now,
            result=pass_result,
            error=error,
            only_looked=read_only,
        )
        self._parts.store.finish(name, done, outcome, now + timedelta(seconds=after))
        self._parts.recorder.finished(name, pass_result, cause, reconcile_id)

    # ---------------------------------------------------------------- the time of the next pass

    def _step_state(self, name: str) -> StepState:
        return self._step_states.setdefault(name, StepState(retries=Retries(jitter=self._parts.jitter)))

    def _after_outcome(self, application: Application, outcome: Outcome) -> float:
        self._step_state(application.name).failures = 0
        after = delay(outcome, interval=application.sync.interval, jitter=self._jittered)
        # Applications that wait for one rate do not come in the same order each time.
        return lengthened(after, self._parts.jitter) if waits_for_rate(outcome) else after

    def _after_failure(self, name: str) -> float:
        step_state = self._step_state(name)
        step_state.failures += 1
        return self._jittered(backoff(step_state.failures))

    def _jittered(self, seconds: float) -> float:
        return jittered(seconds, self._parts.jitter)
