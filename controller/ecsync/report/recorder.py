"""Keeps what has been told, application by application, and hands each event to every sink."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from datetime import datetime

from ecsync.core.model import Event, Outcome, Plan, Problem
from ecsync.core.ports import Sink
from ecsync.report import events
from ecsync.report.drift import Drifted
from ecsync.report.events import Context, SourceState, Told


class Recorder:
    """The engine's one way to tell anything. For one thread at a time per application, as the queue ensures."""

    def __init__(self, sink: Sink) -> None:
        self._sink = sink
        self._told: dict[str, Told] = {}
        self._source: SourceState | None = None
        self._lock = threading.Lock()

    def started(self, plan: Plan, context: Context) -> None:
        """A plan is about to be executed."""
        self._tell(context, *events.started(self._of(context), plan, context))

    def ended(self, outcome: Outcome, context: Context) -> None:
        """A pass has come to an outcome."""
        self._tell(context, *events.ended(self._of(context), outcome, context))

    def failed(self, error: str, context: Context) -> None:
        """A pass came to no plan."""
        self._tell(context, *events.failed(self._of(context), error, context))

    def problems(self, found: tuple[Problem, ...], context: Context) -> None:
        """An application's manifests were read; nothing found is news too."""
        self._tell(context, *events.problems(self._of(context), found, context))

    def source(self, source_state: SourceState, time: datetime) -> None:
        """The source was read."""
        with self._lock:
            before, self._source = self._source, source_state
        self._send(events.source(before, source_state, time))

    def forget(self, application: str, time: datetime) -> None:
        """An application is gone from the source: what it had in AWS stays, and that is worth a word (rule 5)."""
        with self._lock:
            self._told.pop(application, None)
        message = f"{application} is not declared any more; its resources stay as they are, and keep our marks"
        self._send(
            (Event(type="app.removed", time=time, application=application, message=message, severity="warning"),)
        )

    def drift(self, application: str) -> Drifted:
        """What of an application has drifted and is not as declared again, as it was told."""
        with self._lock:
            return self._told.get(application, Told()).drift

    def _of(self, context: Context) -> Told:
        with self._lock:
            return self._told.get(context.application, Told())

    def _tell(self, context: Context, told: Told, found: tuple[Event, ...]) -> None:
        with self._lock:
            self._told[context.application] = told
        self._send(found)

    def _send(self, found: tuple[Event, ...]) -> None:
        for event in found:
            self._sink(event)


def fan_out(sinks: Mapping[str, Sink], count: Callable[[str, bool], None]) -> Sink:
    """Return a sink that passes each event to every sink, and `count`s by name whether that worked.

    A sink that raises is counted and left out for that event: telling must not stop a repair (F63).
    """

    def send(event: Event) -> None:
        for name, sink in sinks.items():
            try:
                sink(event)
            except Exception:  # noqa: BLE001  # the edge to code that may be anyone's; `count` makes it visible
                count(name, False)
            else:
                count(name, True)

    return send
