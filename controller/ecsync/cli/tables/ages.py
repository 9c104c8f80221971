"""Ages as kubectl writes them: `45s`, `3m10s`, `2h`, `4d`."""

from __future__ import annotations

from datetime import datetime

_MINUTE, _HOUR, _DAY, _YEAR = 60, 3600, 86_400, 365 * 86_400
# Below so many seconds: the unit, and the smaller unit that is added where it is not 0.
_STEPS = (
    (2 * _MINUTE, 1, "s", 0, ""),
    (10 * _MINUTE, _MINUTE, "m", 1, "s"),
    (3 * _HOUR, _MINUTE, "m", 0, ""),
    (8 * _HOUR, _HOUR, "h", _MINUTE, "m"),
    (2 * _DAY, _HOUR, "h", 0, ""),
    (8 * _DAY, _DAY, "d", _HOUR, "h"),
    (2 * _YEAR, _DAY, "d", 0, ""),
    (8 * _YEAR, _YEAR, "y", _DAY, "d"),
)


def age(seconds: float) -> str:
    """Return seconds as an age; below zero, as between two clocks that differ, it is 0s."""
    whole = max(0, int(seconds))
    for below, unit, letter, smaller, its_letter in _STEPS:
        if whole < below:
            rest = whole % unit // smaller if smaller else 0
            return f"{whole // unit}{letter}" + (f"{rest}{its_letter}" if rest else "")
    return f"{whole // _YEAR}y"


def since(time: str | None, now: datetime) -> str:
    """Return the age of a time of the API; `-` if it is not known."""
    return age((now - datetime.fromisoformat(time)).total_seconds()) if time else "-"
