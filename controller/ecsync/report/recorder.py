"""Turns what happens to applications and the source into events, and sends each event to every sink."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from datetime import datetime

from ecsync.core.model import Problem, Target
from ecsync.core.outcome import Event, LeftBehind, Outcome, Plan
from ecsync.core.ports import Sink
from ecsync.core.trees import Json
from ecsync.report import events, left_behind, source_events
from ecsync.report.drift import Drifted
from ecsync.report.events import Context, Reported
from ecsync.report.source_events import SourceState


class Recorder:
    """Remembers what was reported of each application. One thread at a time per application, as the queue ensures."""

    def __init__(self, sink: Sink) -> None:
        self._sink = sink
        self._reported: dict[str, Reported] = {}
        self._ended: dict[str, Outcome] = {}  # that was reported last, of each application
        self._sources: dict[str, SourceState] = {}
        self._lock = threading.Lock()

    def pass_started(self, plan: Plan, context: Context) -> None:
        """A plan will be applied."""
        self._record(context, *events.pass_started(self._of(context), plan, context))

    def pass_ended(self, outcome: Outcome, context: Context) -> None:
        """A pass ended with an outcome. The same one again is not news."""
        if self._ended.get(context.application) is outcome:
            return
        self._record(context, *events.pass_ended(self._of(context), outcome, context))
        self._ended[context.application] = outcome

    def pass_failed(self, error: str, context: Context) -> None:
        """A pass made no plan."""
        self._record(context, *events.pass_failed(self._of(context), error, context))

    def manifests_read(self, problems: tuple[Problem, ...], context: Context) -> None:
        """The manifests of an application were read; without problems they are valid."""
        self._record(context, *events.manifests_read(self._of(context), problems, context))

    def source_read(self, source_state: SourceState, time: datetime, name: str = "") -> None:
        """The source was read, or could not be read; with several, the one of a name."""
        with self._lock:
            before, self._sources[name] = self._sources.get(name), source_state
        self._send(source_events.source_read(before, source_state, time, name))

    def lease_changed(self, before: bool, now: bool, state: str, detail: Mapping[str, Json], time: datetime) -> None:
        """The lease was taken or lost, or another process holds it."""
        self._send((events.lease_changed(before, now, state, detail, time),))

    def application_removed(self, application: str, left: LeftBehind | None, time: datetime) -> None:
        """An application is no longer in the source; `left` is what it had."""
        self._forget(application)
        self._send((left_behind.application_removed(application, left, time),))

    def application_moved(self, application: str, left: LeftBehind | None, to: Target, time: datetime) -> None:
        """The manifests of an application mean another account or Region: what was reported is about the other one."""
        self._forget(application)
        if left is not None and left.resources:
            self._send((left_behind.application_moved(application, left, to, time),))

    def send(self, found: tuple[Event, ...]) -> None:
        """Send events that need no state."""
        self._send(found)

    def drift(self, application: str) -> Drifted:
        """Return the drift of an application that was reported and has not ended."""
        with self._lock:
            return self._reported.get(application, Reported()).drift

    def _forget(self, application: str) -> None:
        with self._lock:
            self._reported.pop(application, None)
            self._ended.pop(application, None)

    def _of(self, context: Context) -> Reported:
        with self._lock:
            return self._reported.get(context.application, Reported())

    def _record(self, context: Context, reported: Reported, found: tuple[Event, ...]) -> None:
        with self._lock:
            self._reported[context.application] = reported
            self._ended.pop(context.application, None)
        self._send(found)

    def _send(self, found: tuple[Event, ...]) -> None:
        for event in found:
            self._sink(event)


def fan_out(sinks: Mapping[str, Sink], count: Callable[[str, bool], None]) -> Sink:
    """Return a sink that sends each event to every sink, and reports to `count` by name whether that worked.

    A sink that raises is counted and does not stop the others: reporting must not stop a repair.
    """

    def send(event: Event) -> None:
        for name, sink in sinks.items():
            try:
                sink(event)
            except Exception:  # noqa: BLE001  # a sink may be any code; `count` makes the failure visible
                count(name, False)
            else:
                count(name, True)

    return send
