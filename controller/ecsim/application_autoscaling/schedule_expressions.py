"""Schedule expressions of scheduled actions: `at(…)`, `rate(…)` and `cron(…)` in a time zone."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from zoneinfo import ZoneInfo

FORM = re.compile(r"^(at|rate|cron)\((.+)\)$")
UNITS = {"minute": 60, "hour": 3600, "day": 86400}
MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
DAYS = ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT")
HORIZON = 366 * 5  # days to search for the next run of a cron expression


@dataclass(frozen=True)
class Schedule:
    """A parsed schedule; its times are in seconds since 1970."""

    kind: str
    text: str
    zone: str = "UTC"

    def times(self, after: float, start: float) -> Iterator[float]:
        """Yield the runs after a time; a rate counts from `start`."""
        zone = ZoneInfo(self.zone)
        if self.kind == "at":
            run = datetime.fromisoformat(self.text).replace(tzinfo=zone).timestamp()
            if run > after:
                yield run
        elif self.kind == "rate":
            period = _period(self.text)
            run = start + period * max(1, int((after - start) // period) + 1)
            while True:
                yield run
                run += period
        else:
            yield from _cron(self.text, after, zone)


def parse(expression: str, zone: str = "UTC") -> Schedule:
    """Parse a schedule. Raises ValueError, or KeyError or OSError for an unknown time zone."""
    match = FORM.match(expression)
    if match is None:
        raise ValueError(expression)
    schedule = Schedule(match.group(1), match.group(2), zone)
    ZoneInfo(zone)
    if schedule.kind == "at":
        datetime.fromisoformat(schedule.text)
    elif schedule.kind == "rate":
        _period(schedule.text)
    else:
        _fields(schedule.text)
    return schedule


def _period(text: str) -> float:
    number, unit = text.split()
    seconds = float(int(number) * UNITS[unit.removesuffix("s")]) if unit.removesuffix("s") in UNITS else 0.0
    if seconds <= 0:
        raise ValueError(text)
    return seconds


def _fields(text: str) -> list[set[int]]:
    """Return minutes, hours, days, months, weekdays (1 is Sunday) and years of a cron expression."""
    parts = text.split()
    if len(parts) != 6:
        raise ValueError(text)
    ranges = ((0, 59), (0, 23), (1, 31), (1, 12), (1, 7), (1970, 2199))
    names: tuple[tuple[str, ...], ...] = ((), (), (), MONTHS, DAYS, ())
    return [_values(part, *bounds, known) for part, bounds, known in zip(parts, ranges, names, strict=True)]


def _values(text: str, least: int, most: int, names: tuple[str, ...]) -> set[int]:
    found: set[int] = set()
    for part in text.split(","):
        span, _, step = part.partition("/")
        first, _, last = span.partition("-")
        if span in ("*", "?"):
            low, high = least, most
        else:
            low = _number(first, names)
            high = _number(last, names) if last else (most if step else low)
        if not least <= low <= high <= most:
            raise ValueError(text)
        found.update(range(low, high + 1, int(step or 1)))
    return found


def _number(text: str, names: tuple[str, ...]) -> int:
    return names.index(text.upper()) + 1 if text.upper() in names else int(text)


def _cron(text: str, after: float, zone: tzinfo) -> Iterator[float]:
    minutes, hours, days, months, weekdays, years = _fields(text)
    first = datetime.fromtimestamp(after, UTC).astimezone(zone).date()
    for offset in range(HORIZON):
        day: date = first + timedelta(days=offset)
        if day.day not in days or day.month not in months or day.year not in years:
            continue
        if day.isoweekday() % 7 + 1 not in weekdays:
            continue
        for hour in sorted(hours):
            for minute in sorted(minutes):
                run = datetime.combine(day, time(hour, minute), zone).timestamp()
                if run > after:
                    yield run
