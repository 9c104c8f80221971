"""A daemon over an account in memory, with everything around it made by hand."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from typing import Any

from ecsync.core.model import Application, Outcome, PassResult, Plan, Problem, Snapshot
from ecsync.core.ports import AwsError, SourceError
from ecsync.engine.daemon import Daemon, DaemonParts
from ecsync.engine.queue import MemoryQueue
from ecsync.engine.reconciler import Catalogue, Destination
from ecsync.engine.store import Store
from ecsync.engine.ticks import Ticks
from tests.engine.passes import TARGET, Account


@dataclass
class SourceState:
    """What is known of the source."""

    snapshot: Snapshot | None = None
    error: SourceError | None = None
    complete: bool = True


@dataclass
class Heard:
    """Who is told what happens: keeps it."""

    passes: list[tuple[str, PassResult]] = field(default_factory=list)
    broken: list[tuple[str, str]] = field(default_factory=list)
    failures: list[tuple[str, str]] = field(default_factory=list)
    timed: list[str] = field(default_factory=list)
    held: list[tuple[str, tuple[str, ...]]] = field(default_factory=list)
    forgotten: list[str] = field(default_factory=list)
    outcomes: list[Outcome] = field(default_factory=list)
    leave: Callable[[], None] = lambda: None

    def source(self, kept: Any) -> None:
        """Nothing."""

    def problems(self, application: str, found: tuple[Problem, ...], _revision: str) -> None:
        """Keep what holds an application."""
        self.held.append((application, tuple(one.message for one in found)))

    def planned(self, application: Application, plan: Plan, reconcile_id: str) -> None:
        """Nothing."""

    def ended(self, _application: Application, outcome: Outcome, _reconcile_id: str) -> None:
        """Keep the outcome."""
        self.outcomes.append(outcome)

    def failed(self, application: Application, error: Exception, _reconcile_id: str) -> None:
        """Keep why a pass came to nothing."""
        self.failures.append((application.name, str(error)))

    def passed(self, application: str, result: PassResult, _error: AwsError | None) -> None:
        """Keep what a pass came to."""
        self.passes.append((application, result))
        self.leave()

    def broke(self, application: str, error: Exception) -> None:
        """Keep what nobody expected."""
        self.broken.append((application, str(error)))

    def beat(self, loop: str) -> None:
        """Nothing."""

    def forget(self, application: str) -> None:
        """Keep who is gone."""
        self.forgotten.append(application)

    def timer(self, phase: str) -> AbstractContextManager[object]:
        """Keep that it was timed."""
        self.timed.append(phase)
        return nullcontext()


class House:
    """A daemon over an account in memory; its source is whatever the test says."""

    def __init__(self, wait: Callable[[threading.Condition, float | None], object] | None = None) -> None:
        self.account = Account()
        self.kept = SourceState()
        self.catalogue = Catalogue(applications={})
        self.heard = Heard()
        self.store = Store()
        self.poisoned: set[str] = set()
        self.consents = True
        clock = self.account.clock
        self.queue = MemoryQueue(clock, wait=wait or clock.skip)
        machine = DaemonParts(
            last_good=self,
            read=lambda _: self.catalogue,
            destination_for=self.destination_for,
            consents=lambda _: self.consents,
            target_of=lambda _: TARGET,
            clock=clock,
            queue=self.queue,
            ticks=Ticks(self.queue.add),
            store=self.store,
            recorder=self.heard,
            workers=2,
            jitter=0.0,
        )
        self.daemon = Daemon(machine)

    def refresh(self) -> SourceState:
        """Read the source."""
        return self.kept

    def destination_for(self, application: Application) -> Destination:
        """Return where an application is reconciled; a poisoned one is a bug of ours."""
        if application.name in self.poisoned:
            raise ZeroDivisionError("a bug")
        return self.account.destination()

    def declare(self, *applications: Application, revision: str = "", problems: tuple[Problem, ...] = ()) -> None:
        """Write the source, and have it read."""
        revision = revision or str(hash(repr(applications)))
        self.catalogue = Catalogue(
            applications={one.name: one for one in applications}, problems=problems, revision=revision
        )
        self.kept = SourceState(Snapshot(revision=revision, files={}))
        self.daemon.read_source()

    def work(self, seconds: float = 60.0) -> None:
        """Do what falls due within so much time, on this thread."""
        until = self.account.clock.monotonic() + seconds
        while claim := self.queue.take(max(0.0, until - self.account.clock.monotonic())):
            self.daemon.once(claim)
