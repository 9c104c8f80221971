"""What `ecsync run` shows: each resource as it converges; a live table on a terminal, plain lines otherwise."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, TextIO, cast

from ecsync.cli._show import styled, words

if TYPE_CHECKING:
    from ecsync.core.model import ApplicationState, Event, ResourceStatus

_STYLE = {"Healthy": "good", "Progressing": "change", "Degraded": "danger", "Missing": "change", "Unknown": "danger"}
_TOLD = ("drift.", "resource.", "leftover.", "sync.failed", "pass.", "deployment.", "source.failed", "app.invalid")


class _Errors:
    """Whatever `sys.stderr` is now."""

    def write(self, text: str) -> int:
        return sys.stderr.write(text)

    def flush(self) -> None:
        sys.stderr.flush()

    def isatty(self) -> bool:
        return sys.stderr.isatty()


class View:
    """Prints changes of state, once each. `heard` is a sink for events; `refresh` is called now and then."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._states: Callable[[], Sequence[ApplicationState]] = lambda: ()
        self._printed: dict[str, str] = {}
        self._table: Any = None

    @property
    def live(self) -> bool:
        """Whether it draws a table that stays in place."""
        return self._stream.isatty()

    @property
    def errors(self) -> TextIO:
        """Standard error as it is at each line: while a table stands, what goes there is printed above it."""
        return cast(TextIO, _Errors())

    def open(self, states: Callable[[], Sequence[ApplicationState]]) -> None:
        """Begin to show the applications."""
        self._states = states
        if self.live:
            from rich.console import Console
            from rich.live import Live

            self._table = Live(console=Console(file=self._stream), refresh_per_second=4, transient=False)
            self._table.start()

    def stop(self) -> None:
        """Show no more."""
        if self._table is not None:
            self._table.stop()

    def heard(self, event: Event) -> None:
        """Print an event that people wait for."""
        if not event.type.startswith(_TOLD):
            return
        style = {"error": "danger", "warning": "change"}.get(event.severity, "good")
        told = event.type in ("drift.resolved", "resource.created")  # what differed was said before
        fields = "" if told else "".join(f"\n    {line}" for line in _fields(event))
        self._print(f"{event.time:%H:%M:%S}  {event.type:<18} {event.message}", style, fields)

    def refresh(self) -> None:
        """Print what has changed since the last time, or draw the table again."""
        states = self._states()
        if self._table is not None:
            self._table.update(_table(states))
            return
        for state in states:
            for status in state.outcome.statuses if state.outcome else ():
                self._line(state.name, str(status.key), _now(status), status.health.status)
            if state.outcome:
                summary = f"{state.outcome.sync} · {state.outcome.health}"
                self._line(state.name, "", summary, state.outcome.health)

    def _line(self, application: str, resource: str, text: str, health: str) -> None:
        name = f"{application}/{resource}" if resource else application
        if self._printed.get(name) != text:
            self._printed[name] = text
            self._print(f"  {name:<42} {text}", _STYLE.get(health, ""))

    def _print(self, text: str, style: str, more: str = "") -> None:
        if self._table is not None:
            self._table.console.print(text + more, markup=False, highlight=False)
            return
        print(styled(text, style, self._stream) + more, file=self._stream, flush=True)


def _now(status: ResourceStatus) -> str:
    why = words(status.message, status.health.why)
    return f"{status.sync} · {status.health.status}{f'  ({why})' if why else ''}"


def _fields(event: Event) -> Iterator[str]:
    from ecsync.core.trees import dotted, pointer
    from ecsync.report.plan_text import shown

    for change in event.fields:
        place = event.origins.get(pointer(change.path), "")
        if change.path:
            yield f"{dotted(change.path)}: {shown(change.before)} → {shown(change.after)}   {place}".rstrip()
        elif place:  # all of it was removed, which the message says
            yield f"declared in {place}"


def _table(states: Sequence[ApplicationState]) -> Any:
    from rich.table import Table
    from rich.text import Text

    colours = {"good": "green", "change": "yellow", "danger": "red", "": ""}
    table = Table(box=None, pad_edge=False)
    for column in ("RESOURCE", "SYNC", "HEALTH"):
        table.add_column(column, no_wrap=True)
    table.add_column("")  # what may wrap gives way first: that is the reason, which is cut instead
    for state in states:
        outcome = state.outcome
        health = outcome.health if outcome else "Unknown"
        colour = colours[_STYLE.get(health, "")]
        table.add_row(Text(state.name, style="bold"), outcome.sync if outcome else "", Text(health, style=colour), "")
        for status in outcome.statuses if outcome else ():
            colour = colours[_STYLE.get(status.health.status, "")]
            why = Text(words(status.message, status.health.why), no_wrap=True, overflow="ellipsis")
            table.add_row(Text(f"  {status.key}"), status.sync, Text(status.health.status, style=colour), why)
    return table
