"""What the HTTP server shows of the daemon: applications, source, events, heartbeats, readiness."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from ecsync.core.outcome import ApplicationState, Event
from ecsync.core.ports import Clock
from ecsync.engine.store import Store
from ecsync.http.view import Beat, SourceView
from ecsync.sources.last_good import LastGood, SourceState
from ecsync.sources.several import Several


class Heartbeats:
    """The time of each loop's latest round, in monotonic seconds, and its interval."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._at: dict[str, float] = {}
        self._intervals: dict[str, float] = {}

    def expect(self, loop: str, interval: float) -> None:
        """Note that a loop starts, which begins a round at least every so many seconds."""
        self._intervals[loop] = interval
        self.beat(loop)

    def beat(self, loop: str) -> None:
        """Note that a loop began its next round."""
        self._at[loop] = self._clock.monotonic()

    def beats(self) -> dict[str, Beat]:
        """Return the heartbeat of each loop."""
        now = self._clock.monotonic()
        return {loop: Beat(age=now - self._at[loop], interval=interval) for loop, interval in self._intervals.items()}


@dataclass(kw_only=True)
class DaemonView:
    """The implementation of `http.view.View`. Every method answers from memory, on any thread.

    `late` is the age in seconds from which the last good read of the source is too old.
    """

    store: Store
    last_good: LastGood | Several
    heartbeats: Heartbeats
    addresses: Mapping[str, str]  # of the sources, by name
    late: float
    ask_retry: Callable[[str, str], str]
    lease_state: Callable[[], str] = lambda: ""

    def applications(self) -> Sequence[ApplicationState]:
        """Return every application, by name."""
        return self.store.applications()

    def application(self, name: str) -> ApplicationState | None:
        """Return one application; None where it is not declared."""
        return self.store.application(name)

    def sources(self) -> Sequence[SourceView]:
        """Return the state of each source."""
        return [self._source(name, state) for name, state in self.last_good.states().items()]

    def _source(self, name: str, state: SourceState) -> SourceView:
        return SourceView(
            name=name,
            url=self.addresses[name],
            revision=state.snapshot.revision if state.snapshot else "",
            about=state.snapshot.about if state.snapshot else {},
            fetched_at=state.fetched_at,
            age=state.age,
            reason=state.error.reason if state.error else "",
            error=str(state.error) if state.error else "",
        )

    def events(
        self, *, application: str | None, of_type: str | None, since: datetime | None, limit: int
    ) -> Sequence[Event]:
        """Return the newest events that match, newest first."""
        return self.store.events(application=application, of_type=of_type, since=since, limit=limit)

    def retry(self, name: str, resource: str) -> str:
        """Have an application, or its resource `Kind/name`, tried at once; return why not, or nothing."""
        return self.ask_retry(name, resource)

    def heartbeat(self) -> Mapping[str, Beat]:
        """Return the heartbeat of each loop."""
        return self.heartbeats.beats()

    def lease(self) -> str:
        """Return who holds the lease; empty if the daemon needs none."""
        return self.lease_state()

    def readiness(self) -> Mapping[str, str]:
        """Return what makes the daemon not ready, by part; empty for each part that is ready."""
        return {"config": self._problems(), "source": self._source_error(), "credentials": self._failed_passes()}

    def _problems(self) -> str:
        return "; ".join(str(one) for state in self.store.applications() for one in state.problems[:1])

    def _source_error(self) -> str:
        reasons = {name: self._unread(state) for name, state in self.last_good.states().items()}
        return "; ".join(f"{name}: {why}" if name else why for name, why in reasons.items() if why)

    def _unread(self, state: SourceState) -> str:
        if state.error is not None:
            return f"nothing will be deleted, and the last good revision is kept: {state.error.reason}: {state.error}"
        if state.age is None:
            return "not read yet"
        return f"not read for {state.age:.0f} s" if state.age > self.late else ""

    def _failed_passes(self) -> str:
        return "; ".join(
            f"{state.name}: {state.last_pass.error}"
            for state in self.store.applications()
            if state.last_pass is not None and state.last_pass.error and not state.problems
        )
