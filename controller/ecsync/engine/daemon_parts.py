"""What the daemon is built from: the protocols of its collaborators, and the value that holds them."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Executor
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from math import inf
from typing import Any, Protocol, TypeAlias

from ecsync.core.model import Application, Problem, Target
from ecsync.core.outcome import Done, Failed, LeftBehind, Outcome, PassResult, Plan, ReadOnly, WithheldReason
from ecsync.core.ports import Allowance, AwsError, Clock, Deferred, Snapshot, SourceError
from ecsync.engine.catalogue import Catalogue
from ecsync.engine.queue import MemoryQueue
from ecsync.engine.reconciler import Destination, Refused
from ecsync.engine.requeue import failed_transiently
from ecsync.engine.store import Store
from ecsync.engine.ticks import Ticks

# Limits how long the calls of this thread may wait for AWS's rates (seconds); a call beyond it raises Deferred.
WaitLimit: TypeAlias = Callable[[float], AbstractContextManager[Allowance]]


@contextmanager
def unlimited(_: float) -> Iterator[Allowance]:
    """Let calls wait as long as they must."""
    yield Allowance()


def start_thread(name: str, work: Callable[[], None]) -> threading.Thread:
    """Start a thread that does not keep the process alive."""
    thread = threading.Thread(target=work, name=name, daemon=True)
    thread.start()
    return thread


class OneState(Protocol):
    """The result of the latest read of one source."""

    @property
    def error(self) -> SourceError | None:
        """The error of the latest read; None if it succeeded."""

    @property
    def complete(self) -> bool:
        """Whether a document that is not in the snapshot is deleted for certain."""

    @property
    def seen_at(self) -> float | None:
        """The monotonic time of the start of the last good read."""

    @property
    def identical_since(self) -> float | None:
        """The monotonic time of the end of the first read of the same revision."""


class SourceState(Protocol):
    """The result of the latest read of the source, or of several."""

    @property
    def snapshot(self) -> Snapshot | None:
        """The last good snapshot; of several sources, the files of all."""

    @property
    def error(self) -> SourceError | None:
        """The error of the latest read; None if it succeeded."""

    @property
    def each(self) -> Mapping[str, OneState]:
        """The states of the sources by name; the only one has no name."""


class LastGood(Protocol):
    """Reads the source and keeps the last good snapshot."""

    def refresh(self) -> SourceState:
        """Read the source now; never raises SourceError."""

    def refuse(self, error: SourceError) -> SourceState:
        """Note that what was read last cannot be used, and return the state."""


class EventRecorder(Protocol):
    """Receives everything that happens in the engine. No method may raise or block."""

    def source_read(self, source_state: Any) -> None:
        """The source was read."""

    def problems(self, application: str, found: tuple[Problem, ...], revision: str) -> None:
        """An application's manifests were read; `found` may be empty."""

    def planned(self, application: Application, plan: Plan, reconcile_id: str) -> None:
        """A plan is about to be applied."""

    def ended(self, application: Application, outcome: Outcome, reconcile_id: str) -> None:
        """A pass ended with an outcome."""

    def failed(self, application: Application, error: Exception, reconcile_id: str) -> None:
        """A pass ended without a plan: lost credentials, or a guard that refused."""

    def finished(self, application: str, result: PassResult, error: AwsError | None, reconcile_id: str) -> None:
        """A pass is over, with or without an outcome."""

    def deferred(self, application: str, deferred: Deferred) -> None:
        """A pass ended without a result because the rate limit was used up: it is made again, and is no failure."""

    def internal_error(self, application: str, error: Exception) -> None:
        """A pass, or a read of the source (no application), ended in an unexpected exception."""

    def heartbeat(self, loop: str) -> None:
        """A loop began its next round."""

    def forget(self, application: str, left: LeftBehind | None) -> None:
        """An application is not declared any more; `left` is what it had."""

    def moved(self, application: Application, left: LeftBehind | None, to: Target) -> None:
        """The manifests mean another account or Region than in the last pass; `left` is what the application had."""

    def timer(self, phase: str, reconcile_id: str = "") -> AbstractContextManager[object]:
        """Time a phase of a pass."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DaemonParts:
    """The collaborators and settings of a daemon; `wiring` builds it.

    `destination_for` raises AwsError (credentials) or Refused (wrong account, no Region). `consents` returns whether
    the operator enabled writes to the application's target (docs/rules.md R26). `target_of` makes no AWS call. `unheld`
    returns why this process may not write (docs/rules.md R32); empty: it may. `frozen` returns why nothing may be
    written to an application now: a freeze or a window.
    """

    last_good: LastGood
    read: Callable[[Snapshot], Catalogue]
    destination_for: Callable[[Application], Destination]
    consents: Callable[[Application], bool]
    target_of: Callable[[Application], Target]
    unheld: Callable[[], str] = lambda: ""
    frozen: Callable[[str], str] = lambda _application: ""
    clock: Clock
    queue: MemoryQueue
    ticks: Ticks
    store: Store
    recorder: EventRecorder
    wait_limit: WaitLimit = unlimited
    readers: Callable[[], Executor] | None = None  # makes the threads with which a pass that waits reads ahead
    start_thread: Callable[[str, Callable[[], None]], threading.Thread] = start_thread
    tidy: Callable[[], object] = lambda: None  # before each read of the source
    workers: int = 4
    source_interval: float = 30.0  # seconds
    jitter: float = 0.1  # share of an interval or backoff


@dataclass(frozen=True, slots=True)
class Place:
    """An application as a pass had it, and where the pass was made."""

    application: Application
    destination: Destination

    @property
    def site(self) -> tuple[str, str]:
        """The account and Region."""
        return self.destination.target.account, self.destination.target.region


def pruning(source_state: SourceState, catalogue: Catalogue) -> Mapping[str, str]:
    """Return, by source, the reason why nothing may be pruned now; empty if it may (docs/rules.md R5, R27)."""
    invalid = catalogue.warranted().pruning
    return {name: _pruning(name, source_state.each) or invalid for name in source_state.each}


def _pruning(name: str, each: Mapping[str, OneState]) -> str:
    """Return why a source does not allow to prune what it lacks.

    What it lacks may have moved to another source: all others are read after it first lacked that.
    """
    own, which = each[name], f"the source {name}".rstrip()
    if own.error is not None:
        reason = own.error.reason
        problem = "has a newer commit that is not signed" if reason == "unsigned" else f"cannot be read ({reason})"
        text = f"nothing will be deleted: {which} {problem}"
        return WithheldReason("empty" if reason == "empty" else "stale_source", text)
    if not own.complete or own.identical_since is None:
        text = f"nothing will be deleted: {which} must first return the same files twice, 60 s apart"
        return WithheldReason("stale_source", text)
    for other, state in each.items():
        if other != name and (state.error is not None or (state.seen_at or -inf) <= own.identical_since):
            text = f"nothing will be deleted: it may have moved to the source {other}, which is not read since"
            return WithheldReason("stale_source", text)
    return ""


def read_only_reason(parts: DaemonParts, application: Application, waits: str) -> str:
    """Return why nothing may be written to an application now; empty if it may. `waits` is for which other one."""
    if application.sync.mode != "enforce":
        return ReadOnly("observe", "sync.mode is observe")
    if not parts.consents(application):
        text = "the operator has not enabled writes to this target (--enforce, or `enforce` in its config)"
        return ReadOnly("not_enabled", text)
    if unheld := parts.unheld():
        return ReadOnly("lease", f"the lease is {unheld}")
    if application.suspend:
        return ReadOnly("suspended", f"suspended by ecsync/suspend in its Application document: {application.suspend}")
    if frozen := parts.frozen(application.name):
        return ReadOnly("frozen", frozen)
    return ReadOnly("after", waits) if waits else ""


def result(outcome: Outcome) -> PassResult:
    """Return the result of a pass as one of a closed set."""
    results = outcome.results.values()
    if failed_transiently(outcome):
        return "error"
    if any(isinstance(one, Failed) for one in results) or outcome.plan.stopped:
        return "terminal"
    if any(isinstance(one, Done) for one in results):
        return "changed"
    return "synced" if outcome.sync == "Synced" else "skipped"


def result_of_error(error: AwsError | Refused) -> PassResult:
    """Return the result of a pass that made no plan as one of a closed set."""
    if isinstance(error, Refused):
        return "frozen"
    return "throttled" if error.kind == "throttled" else "error"
