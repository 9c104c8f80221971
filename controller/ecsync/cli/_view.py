"""What `ecsync run` shows on a terminal: the state of each resource as a live table. Elsewhere it writes the log."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, TextIO, cast

from ecsync.cli._show import joined, styled

if TYPE_CHECKING:
    from ecsync.core.outcome import ApplicationState, Event

_STYLE = {"Healthy": "good", "Progressing": "change", "Degraded": "danger", "Missing": "change", "Unknown": "danger"}
_SHOWN = (
    "drift.", "resource.", "leftover.", "sync.failed", "pass.", "deployment.", "source.failed", "app.invalid",
    "app.moved", "lease.",
)  # fmt: skip


class _Errors:
    """The current `sys.stderr`: a live table replaces it to print lines above itself."""

    def write(self, text: str) -> int:
        return sys.stderr.write(text)

    def flush(self) -> None:
        sys.stderr.flush()

    def isatty(self) -> bool:
        return sys.stderr.isatty()


class View:
    """A live table of the state of each resource, with the events above it; nothing where the stream is no terminal."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._states: Callable[[], Sequence[ApplicationState]] = lambda: ()
        self._table: Any = None

    @property
    def live(self) -> bool:
        """Return whether it draws a table that stays in place."""
        return self._stream.isatty()

    @property
    def errors(self) -> TextIO:
        """Return a stream to standard error that is looked up at each write."""
        return cast(TextIO, _Errors())

    def open(self, states: Callable[[], Sequence[ApplicationState]]) -> None:
        """Start to show the applications."""
        self._states = states
        if self.live:
            from rich.console import Console
            from rich.live import Live

            self._table = Live(console=Console(file=self._stream), refresh_per_second=4, transient=False)
            self._table.start()

    def stop(self) -> None:
        """Stop the live table."""
        if self._table is not None:
            self._table.stop()

    def receive(self, event: Event) -> None:
        """Print an event of interest to people, with its changes (a sink for events)."""
        if not event.type.startswith(_SHOWN):
            return
        from ecsync.report.changes import event_lines

        style = {"error": "danger", "warning": "change"}.get(event.severity, "good")
        repeated = event.type in ("drift.resolved", "resource.created")  # an earlier line has printed the changes
        changes = () if repeated else tuple(f"    {line}" for line in event_lines(event))
        self.show(f"{event.time:%H:%M:%S}  {event.type:<18} {event.message}", style, changes)

    def refresh(self) -> None:
        """Draw the table again."""
        if self._table is not None:
            self._table.update(_table(self._states()))

    def show(self, text: str, style: str = "", more: Sequence[str] = ()) -> None:
        """Print a line, and more below it; above the table if there is one."""
        if self._table is not None:
            self._table.console.print("\n".join((text, *more)), markup=False, highlight=False)
            return
        print(styled(text, style, self._stream), *more, sep="\n", file=self._stream, flush=True)


def _table(states: Sequence[ApplicationState]) -> Any:
    from rich.table import Table
    from rich.text import Text

    colours = {"good": "green", "change": "yellow", "danger": "red", "": ""}
    table = Table(box=None, pad_edge=False)
    for column in ("RESOURCE", "SYNC", "HEALTH"):
        table.add_column(column, no_wrap=True)
    table.add_column("")  # the reason: only this column is cut on a narrow terminal
    for state in states:
        outcome = state.outcome
        health = outcome.health if outcome else "Unknown"
        colour = colours[_STYLE.get(health, "")]
        table.add_row(Text(state.name, style="bold"), outcome.sync if outcome else "", Text(health, style=colour), "")
        for status in outcome.statuses if outcome else ():
            colour = colours[_STYLE.get(status.health.status, "")]
            why = Text(joined(status.message, status.health.why), no_wrap=True, overflow="ellipsis")
            table.add_row(Text(f"  {status.key}"), status.sync, Text(status.health.status, style=colour), why)
    return table
