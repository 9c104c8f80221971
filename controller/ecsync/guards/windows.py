"""Sync windows: times in which nothing is written, or in which alone something is."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from fnmatch import fnmatchcase
from typing import Literal, TypeAlias
from zoneinfo import ZoneInfo

from apscheduler.triggers.cron import CronTrigger

Effect: TypeAlias = Literal["allow", "deny"]
_LONGEST = 366 * 86_400.0  # seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """A time that begins by a cron expression in a time zone, and lasts for so many seconds."""

    effect: Effect
    schedule: str
    seconds: float
    zone: str = "UTC"
    applications: tuple[str, ...] = ("*",)  # patterns of names
    reason: str = ""

    def concerns(self, application: str) -> bool:
        """Return whether it is a window of an application."""
        return any(fnmatchcase(application, pattern) for pattern in self.applications)

    def ends(self, now: datetime) -> datetime | None:
        """Return when the window ends that is open now; None if none is."""
        zone = ZoneInfo(self.zone)
        lasts = timedelta(seconds=self.seconds)
        begun = trigger(self.schedule, zone).get_next_fire_time(None, (now - lasts + _TICK).astimezone(zone))
        return begun + lasts if begun is not None and begun <= now else None

    def __str__(self) -> str:
        return f"{self.effect} {self.schedule} {self.zone}" + (f" ({self.reason})" if self.reason else "")


_TICK = timedelta(microseconds=1)  # a window that begins as long ago as it lasts is over


def trigger(schedule: str, zone: ZoneInfo) -> CronTrigger:
    """Return the times of a cron expression with five fields. Raises ValueError."""
    fields = schedule.split()
    if len(fields) != 5:
        raise ValueError("must have five fields, as in cron: minute, hour, day, month, day of the week")
    if any(part.isdigit() for part in fields[4].replace("-", ",").replace("/", ",").split(",")):
        raise ValueError("the day of the week must be a name (MON): 0 is Sunday to some programs, and Monday to others")
    minute, hour, day, month, weekday = fields
    return CronTrigger(minute=minute, hour=hour, day=day, month=month, day_of_week=weekday.lower(), timezone=zone)


def check(window: Window) -> None:
    """Raise ValueError for a window that cannot be used."""
    try:
        zone = ZoneInfo(window.zone)
    except (KeyError, ValueError, OSError):
        raise ValueError(f"{window.zone!r} is not a time zone, such as Asia/Seoul") from None
    if not 0 < window.seconds <= _LONGEST:
        raise ValueError("duration must be above 0, and at most a year")
    trigger(window.schedule, zone)


def closed(windows: Iterable[Window], application: str, now: datetime) -> str:
    """Return why nothing may be written to an application now; empty: it may. A deny wins.

    Where windows allow, nothing may be written outside them.
    """
    own = [one for one in windows if one.concerns(application)]
    for one in own:
        end = one.ends(now) if one.effect == "deny" else None
        if end is not None:
            return f"a window denies it until {end.isoformat(timespec='minutes')}: {one}"
    allowing = [one for one in own if one.effect == "allow"]
    if allowing and all(one.ends(now) is None for one in allowing):
        return f"no window allows it now: {'; '.join(map(str, allowing))}"
    return ""
