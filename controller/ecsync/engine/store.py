"""The state and the last events of each application, in memory, for the API. No decision depends on it."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import datetime

from ecsync.core.model import Target
from ecsync.core.outcome import ApplicationState, Event, LeftBehind, Outcome, Pass, PassResult

_GOOD: frozenset[PassResult] = frozenset({"synced", "changed"})


class Store:
    """Safe for any number of threads: every value in it is immutable."""

    def __init__(self, *, per_application: int = 200, overall: int = 2000) -> None:
        self._lock = threading.Lock()
        self._states: dict[str, ApplicationState] = {}
        self._per_application = per_application
        self._all: deque[Event] = deque(maxlen=overall)
        self._of: dict[str, deque[Event]] = {}

    def applications(self) -> tuple[ApplicationState, ...]:
        """Return every application, by name."""
        with self._lock:
            return tuple(self._states[name] for name in sorted(self._states))

    def application(self, name: str) -> ApplicationState | None:
        """Return one application; None where it is not declared."""
        with self._lock:
            return self._states.get(name)

    def declare(self, states: Iterable[ApplicationState]) -> tuple[str, ...]:
        """Replace the declared applications, and return the names of those that are not declared any more.

        The results of passes stay; target, settings, revision and problems are the given ones.
        """
        with self._lock:
            before, self._states = self._states, {}
            for state in states:
                known = before.get(state.name)
                self._states[state.name] = state if known is None else _redeclared(known, state)
            gone = tuple(sorted(before.keys() - self._states.keys()))
            for name in gone:
                self._of.pop(name, None)
            return gone

    def finish(self, name: str, done: Pass, outcome: Outcome | None = None, next_pass: datetime | None = None) -> None:
        """Keep the result of a pass, unless the application is not declared any more."""
        with self._lock:
            state = self._states.get(name)
            if state is not None:
                self._states[name] = replace(
                    state,
                    outcome=outcome or state.outcome,
                    last_pass=done,
                    last_success=done.ended if done.result in _GOOD else state.last_success,
                    next_pass=next_pass,
                )

    def moved(self, name: str, left: LeftBehind | None, to: Target) -> None:
        """Keep what an application leaves behind; None: no pass there made a plan. Nothing is behind in `to`."""
        with self._lock:
            state = self._states.get(name)
            if state is not None:
                places = [(one.account, one.region) for one in (to, left.target if left else to)]
                known = [one for one in state.left_behind if (one.target.account, one.target.region) not in places]
                found = (*known, left) if left and left.resources else known
                self._states[name] = replace(state, outcome=None, left_behind=tuple(found))

    def record(self, event: Event) -> None:
        """Keep an event (a sink)."""
        with self._lock:
            self._all.append(event)
            if event.application in self._states:
                self._of.setdefault(event.application, deque(maxlen=self._per_application)).append(event)

    def events(
        self,
        *,
        application: str | None = None,
        of_type: str | None = None,
        since: datetime | None = None,
        limit: int = 100,
    ) -> tuple[Event, ...]:
        """Return the newest events that match, newest first. A type that ends in `.` or `*` is a prefix."""
        with self._lock:
            kept = tuple(self._of.get(application or "", self._all))
        fits = _type_filter(of_type)
        found = [
            event
            for event in reversed(kept)
            if fits(event.type)
            and (application is None or event.application == application)
            and (since is None or event.time >= since)
        ]
        return tuple(found[:limit])


def _redeclared(known: ApplicationState, now: ApplicationState) -> ApplicationState:
    return replace(
        known,
        target=now.target,
        sync=now.sync,
        source=now.source,
        revision=now.revision,
        problems=now.problems,
        suspended=now.suspended,
    )


def _type_filter(type_: str | None) -> Callable[[str], bool]:
    if not type_:
        return lambda _: True
    if type_[-1] in ".*":
        return lambda candidate: candidate.startswith(type_.rstrip("*"))
    return lambda candidate: candidate == type_
