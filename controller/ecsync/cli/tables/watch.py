"""`status --watch`: the screen again and again on a terminal; on a pipe one line for each row that changed."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, NoReturn, Protocol, TypeAlias

from ecsync.cli import _show
from ecsync.cli._api import NoDaemon
from ecsync.cli.tables.layout import Cell, Line, Row, grown, table, wrapped
from ecsync.cli.tables.selection import Selection
from ecsync.cli.tables.status import Screen, application_row, resource_row

Found: TypeAlias = tuple[list[dict[str, Any]], list[str]]  # applications with their resources, and warnings
_EPOCH = datetime(2000, 1, 1, tzinfo=UTC)  # any time: no age is shown
_TITLES = ("TIME", "APP", "RESOURCE", "SYNC", "HEALTH", "WAITS FOR, OR WHY")


class Clock(Protocol):
    """The time, and a wait."""

    def now(self) -> datetime:
        """Return the time, with its zone."""

    def sleep(self, seconds: float) -> None:
        """Wait."""


class SystemClock:
    """The clock of this machine."""

    def now(self) -> datetime:
        """Return the time in UTC."""
        return datetime.now(UTC)

    def sleep(self, seconds: float) -> None:
        """Wait so many seconds."""
        time.sleep(seconds)


def redraw(
    look: Callable[[], Found],
    screen: Callable[[Found], Screen],
    *,
    heading: str,
    size: Callable[[], tuple[int, int]],
    every: float,
    clock: Clock,
) -> NoReturn:
    """Draw the screen until KeyboardInterrupt. `size` returns columns and rows. Raises NoDaemon of the first look."""
    found, failed = look(), ""
    front = "\x1b[2J"  # the first screen clears the terminal; those after it draw over it
    while True:
        columns, rows = size()
        now = clock.now()
        lines = [*wrapped_lines(f"{heading}   {now:%H:%M:%S}Z", columns), *wrapped_lines(failed, columns), ()]
        lines += screen(found).lines(now)
        if len(lines) > rows - 1:
            more = f"… {_show.counted(len(lines) - rows + 2, 'more line')}: --not-ready shows fewer"
            lines = [*lines[: max(rows - 2, 1)], ((more[:columns], "dim"),)]
        shown = "".join(f"\x1b[2K{_show.in_line(line)}\n" for line in lines)  # cleared first: it may be full
        print(f"{front}\x1b[H{shown}\x1b[J", end="", flush=True)
        front = ""
        clock.sleep(every)
        try:
            found, failed = look(), ""
        except NoDaemon as error:
            failed = failed or f"no answer since {clock.now():%H:%M:%S}Z, the state is older: {error}"


def wrapped_lines(text: str, columns: int) -> Iterator[Line]:
    """Yield a text as lines of a terminal; none if it is empty."""
    if text:
        yield from (((line, "dim"),) for line in wrapped(_show.visible(text), columns))


@dataclass(slots=True)
class Follower:
    """The rows that changed since the last look. What is not selected any more is shown once, as it is now."""

    wanted: Selection
    shown: dict[str, Row] = field(default_factory=dict)  # by mark, without their ages
    widths: list[int] = field(default_factory=list)  # of the columns until now: they only grow

    def changed(self, applications: Sequence[dict[str, Any]], now: datetime) -> list[Row]:
        """Return the rows that changed, and those that are gone, with the time in front."""
        selected, known = _rows(self.wanted.of(applications)), _rows(applications)
        found = [row for mark, row in selected.items() if self.shown.get(mark) != row]
        for mark in [mark for mark in self.shown if mark not in selected]:
            row = self.shown.pop(mark)
            gone = ("gone", "dim")
            found.append(known.get(mark, Row(cells=(*row.cells[:2], gone, gone, ("", "")), mark=mark)))
        self.shown.update(selected)
        time_cell = (f"{now.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}", "dim")
        return [replace(row, cells=(time_cell, *row.cells)) for row in found]

    def lines(self, rows: Sequence[Row]) -> Iterator[Line]:
        """Yield the lines of rows, the titles first in front of the first ones."""
        first = not self.widths
        self.widths = grown(self.widths, _TITLES, rows)
        found = table(_TITLES, rows, None, least=self.widths)
        if not first:
            next(found)
        yield from found


def follow(look: Callable[[], Found], follower: Follower, *, every: float, clock: Clock) -> NoReturn:
    """Print the rows, and then those that change, until KeyboardInterrupt. Raises NoDaemon of the first look."""
    (found, warnings), failed = look(), False
    reported: list[str] = []
    while True:
        for warning in warnings:
            if warning not in reported:
                _show.message(warning, "danger")
        reported = warnings
        rows = follower.changed(found, clock.now())
        if rows:
            _show.put_lines(follower.lines(rows))
            sys.stdout.flush()
        clock.sleep(every)
        try:
            (found, warnings), failed = look(), False
        except NoDaemon as error:
            if not failed:
                _show.message(f"ecsync: no answer, looking again: {error}", "danger")
            failed = True


def _rows(applications: Sequence[dict[str, Any]]) -> dict[str, Row]:
    """Return a row for each application and each resource, by a mark; without ages, which always change."""
    found: dict[str, Row] = {}
    for one in applications:
        row = application_row(one, _EPOCH, wide=False)
        revision = f"revision {row.cells[3][0]}"
        why: Cell = (_show.joined(row.cells[-1][0], *(text for text, _ in row.below)) or revision, row.cells[-1][1])
        found[one["name"]] = Row(cells=(row.cells[0], ("-", ""), *row.cells[1:3], why), mark=row.mark)
        for resource in one["resources"]:
            part = resource_row(one["name"], resource, _EPOCH, wide=False)
            found[part.mark] = Row(cells=(*part.cells[:4], part.cells[-1]), below=part.below, mark=part.mark)
    return found
