"""A daemon over an account in memory; a test does what its threads would do, or starts them."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from concurrent.futures import Executor
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field, replace
from typing import Any

from ecsync.core.model import Application, Problem, Target
from ecsync.core.outcome import LeftBehind, Outcome, Pass, PassResult, Plan
from ecsync.core.ports import AwsError, Deferred, Snapshot, SourceError
from ecsync.engine.catalogue import Catalogue
from ecsync.engine.daemon import Daemon
from ecsync.engine.daemon_parts import DaemonParts
from ecsync.engine.queue import MemoryQueue
from ecsync.engine.reconciler import Destination
from ecsync.engine.store import Store
from ecsync.engine.ticks import Ticks
from tests.engine.passes import TARGET, Account


@dataclass
class SourceState:
    """The result of a read of the source."""

    snapshot: Snapshot | None = None
    error: SourceError | None = None
    complete: bool = True
    seen_at: float | None = 0.0
    identical_since: float | None = 0.0

    @property
    def each(self) -> Mapping[str, SourceState]:
        """Itself, as the only source."""
        return {"": self}


@dataclass
class Recorded:
    """An EventRecorder that keeps what it receives."""

    passes: list[tuple[str, PassResult]] = field(default_factory=list)
    internal_errors: list[tuple[str, str]] = field(default_factory=list)
    failures: list[tuple[str, str]] = field(default_factory=list)
    timed: list[str] = field(default_factory=list)
    held: list[tuple[str, tuple[str, ...]]] = field(default_factory=list)
    forgotten: list[str] = field(default_factory=list)
    sources: list[str] = field(default_factory=list)
    beats: list[str] = field(default_factory=list)
    deferrals: list[tuple[str, str]] = field(default_factory=list)
    outcomes: list[Outcome] = field(default_factory=list)
    left: dict[str, LeftBehind | None] = field(default_factory=dict)
    moves: list[tuple[str, list[str], str]] = field(default_factory=list)
    on_finished: Callable[[], None] = lambda: None

    def source_read(self, source_state: Any) -> None:
        """Keep the reason why the source cannot be used; empty if it can."""
        self.sources.append(source_state.error.reason if source_state.error else "")

    def problems(self, application: str, found: tuple[Problem, ...], _revision: str) -> None:
        """Keep the problems of an application."""
        self.held.append((application, tuple(one.message for one in found)))

    def planned(self, application: Application, plan: Plan, reconcile_id: str) -> None:
        """Do nothing."""

    def ended(self, _application: Application, outcome: Outcome, _reconcile_id: str) -> None:
        """Keep the outcome."""
        self.outcomes.append(outcome)

    def failed(self, application: Application, error: Exception, _reconcile_id: str) -> None:
        """Keep the error of a pass without a plan."""
        self.failures.append((application.name, str(error)))

    def finished(self, application: str, result: PassResult, _error: AwsError | None, _reconcile_id: str) -> None:
        """Keep the result of a pass."""
        self.passes.append((application, result))
        self.on_finished()

    def deferred(self, application: str, deferred: Deferred) -> None:
        """Keep the bucket of a pass that was put off."""
        self.deferrals.append((application, deferred.bucket))

    def internal_error(self, application: str, error: Exception) -> None:
        """Keep an unexpected exception."""
        self.internal_errors.append((application, str(error)))

    def heartbeat(self, loop: str) -> None:
        """Keep the name of the loop."""
        self.beats.append(loop)

    def forget(self, application: str, left: LeftBehind | None) -> None:
        """Keep the name of an application that is not declared any more, and what it had."""
        self.forgotten.append(application)
        self.left[application] = left

    def moved(self, application: Application, left: LeftBehind | None, to: Target) -> None:
        """Keep what an application leaves behind, and where it is now."""
        self.moves.append((application.name, sorted(map(str, left.resources)) if left else [], str(to)))

    def timer(self, phase: str, reconcile_id: str = "") -> AbstractContextManager[object]:
        """Keep the name of the phase."""
        del reconcile_id
        self.timed.append(phase)
        return nullcontext()


class Harness:
    """A daemon over an account in memory; the test sets the content of its source."""

    def __init__(
        self,
        wait: Callable[[threading.Condition, float | None], object] | None = None,
        readers: Callable[[], Executor] | None = None,
    ) -> None:
        self.account = Account()
        self.source_state = SourceState()
        self.catalogue = Catalogue(applications={})
        self.recorded = Recorded()
        self.store = Store()
        self.broken: set[str] = set()  # applications with passes that raise
        self.broken_targets = False
        self.broken_reader: Exception | None = None
        self.broken_loader: Exception | None = None
        self.before_destination: Callable[[], None] = lambda: None
        self.consents = True
        self.target = TARGET
        self.unheld = ""  # why the lease is not held
        clock = self.account.clock
        self.queue = MemoryQueue(clock, wait=wait or clock.skip)
        parts = DaemonParts(
            last_good=self,
            read=self.read,
            destination_for=self.destination_for,
            consents=lambda _: self.consents,
            target_of=self.target_of,
            unheld=lambda: self.unheld,
            clock=clock,
            queue=self.queue,
            ticks=Ticks(clock),
            store=self.store,
            recorder=self.recorded,
            readers=readers,
            workers=2,
            jitter=0.0,
        )
        self.daemon = Daemon(parts)

    def refresh(self) -> SourceState:
        """Read the source; a broken one raises."""
        if self.broken_reader is not None:
            raise self.broken_reader
        return self.source_state

    def refuse(self, error: SourceError) -> SourceState:
        """Keep the error of a read that cannot be used."""
        return replace(self.source_state, error=error)

    def read(self, _: Snapshot) -> Catalogue:
        """Load the manifests; a broken loader raises."""
        if self.broken_loader is not None:
            raise self.broken_loader
        return self.catalogue

    def destination_for(self, application: Application) -> Destination:
        """Return the destination of an application; a broken one raises."""
        if application.name in self.broken:
            raise ZeroDivisionError("the exception of the test")
        self.before_destination()
        return replace(self.account.destination(), target=self.target)

    def target_of(self, _: Application) -> Target:
        """Return the target of every application."""
        if self.broken_targets:
            raise ZeroDivisionError("the exception of the test")
        return TARGET

    def declare(self, *applications: Application, revision: str = "", problems: tuple[Problem, ...] = ()) -> None:
        """Write the source, and have the daemon read it."""
        revision = revision or str(hash(repr(applications)))
        self.catalogue = Catalogue(
            applications={one.name: one for one in applications}, problems=problems, revision=revision
        )
        self.source_state = SourceState(Snapshot(revision=revision, files={}))
        self.daemon.read_source()

    def work(self, seconds: float = 60.0) -> None:
        """Make the passes that become due within this many seconds, on this thread."""
        until = self.account.clock.monotonic() + seconds
        while claim := self.queue.take(max(0.0, until - self.account.clock.monotonic())):
            self.daemon.once(claim)

    def next_pass(self, within: float = 3600.0) -> float:
        """Make the next pass, and return the seconds until it was due."""
        started = self.account.clock.monotonic()
        claim = self.queue.take(within)
        assert claim is not None, f"nothing is due within {within} s"
        waited = self.account.clock.monotonic() - started
        self.daemon.once(claim)
        return waited

    def last_pass(self, name: str = "shop") -> Pass:
        """Return the last pass over an application, as the API shows it."""
        state = self.store.application(name)
        assert state is not None
        assert state.last_pass is not None
        return state.last_pass
