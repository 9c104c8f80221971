"""The table of `ecsync events`, and those that come later. From the documents of the API."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NoReturn

from ecsync.cli import _show
from ecsync.cli._api import NoDaemon
from ecsync.cli.tables import ages
from ecsync.cli.tables.layout import Line, Row, grown, table
from ecsync.cli.tables.status import short
from ecsync.cli.tables.watch import Clock

_STYLE = {"error": "danger", "warning": "change"}
_EXTRA = ("TARGET", "REVISION", "PASS")  # columns of `-o wide`


@dataclass(slots=True)
class Table:
    """The rows of events. With `aged` the first column has ages, else times; its widths only grow."""

    aged: bool = False
    wide: bool = False
    width: int | None = None
    widths: list[int] = field(default_factory=list)

    def lines(self, found: Sequence[dict[str, Any]], now: datetime) -> Iterator[Line]:
        """Yield the lines of events, oldest first; the first time with the titles."""
        first = not self.widths
        titles = ("AGE" if self.aged else "TIME", "SEVERITY", "TYPE", "APP", *(_EXTRA if self.wide else ()), "MESSAGE")
        rows = [self._row(one, now) for one in found]
        self.widths = grown(self.widths, titles, rows)
        lines = table(titles, rows, self.width, _EXTRA, self.widths if self.width is None else ())
        if not first:
            next(lines)
        yield from lines

    def _row(self, one: dict[str, Any], now: datetime) -> Row:
        style = _STYLE.get(one["severity"], "")
        when = ages.since(one["time"], now) if self.aged else one["time"]
        extra = [one["target"] or "-", short(one["revision"]) or "-", one["reconcileId"] or "-"] if self.wide else []
        cells = [(when, "dim"), (one["severity"], style), (one["type"], style), (one["application"] or "-", "")]
        cells += [(each, "") for each in extra]
        below = tuple((f"  {line}", "dim") for change in one["fields"] for line in _show.change(change))
        return Row(cells=(*cells, (one["message"], style)), below=below)


def follow(
    look: Callable[[str | None], list[dict[str, Any]]],
    shown: Table,
    *,
    every: float,
    clock: Clock,
) -> NoReturn:
    """Print the latest events and then new ones, until KeyboardInterrupt. Raises NoDaemon of the first look.

    `look` returns the events since a time of the API, oldest first.
    """
    found, failed = look(None), False
    last: str | None = None
    known: list[dict[str, Any]] = []  # those of the time of the last one: the next look returns them again
    while True:
        new = [one for one in found if one not in known]
        if new:
            _show.put_lines(shown.lines(new, clock.now()))
            sys.stdout.flush()
            newest = max(one["time"] for one in new)
            known = [one for one in (*known, *new) if one["time"] == newest] if newest != last else [*known, *new]
            last = newest
        clock.sleep(every)
        try:
            found, failed = look(last), False
        except NoDaemon as error:
            found = []
            if not failed:
                _show.message(f"ecsync: no answer, looking again: {error}", "danger")
            failed = True
