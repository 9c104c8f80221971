"""The schedule expressions of AWS: `at(...)`, `rate(...)` and `cron(...)` with six fields."""

from __future__ import annotations

import re
from datetime import datetime

from ecsync.core.wording import quoted

_ONCE = re.compile(r"at\(\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\)")
_RATE = re.compile(r"rate\((\d+) (minutes?|hours?|days?)\)")
_CRON = re.compile(r"cron\((.*)\)")
_MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
_DAYS = ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT")
_FIELDS = (
    ("minutes", 0, 59, ()),
    ("hours", 0, 23, ()),
    ("day of month", 1, 31, ()),
    ("month", 1, 12, _MONTHS),
    ("day of week", 1, 7, _DAYS),
    ("year", 1970, 2199, ()),
)
_EXAMPLE = "cron(0 9 ? * MON-FRI *)"


def schedule_problem(text: str) -> str:
    """Return what is wrong with an expression, and the fix; empty if nothing is, or the text is empty."""
    if text.startswith("at("):
        return "" if _is_time(text) else f"{quoted(text)} is no time; write at(2027-01-01T09:00:00), without a zone"
    if text.startswith("rate("):
        return _rate_problem(text)
    found = _CRON.fullmatch(text)
    return _cron_problem(found.group(1)) if found else ""


def _is_time(text: str) -> bool:
    if not _ONCE.fullmatch(text):
        return False
    try:
        datetime.fromisoformat(text[3:-1])
    except ValueError:  # no day of that month, for example
        return False
    return True


def _rate_problem(text: str) -> str:
    found = _RATE.fullmatch(text)
    if found is None:
        return f"{quoted(text)} is no rate; write rate(5 minutes), rate(1 hour) or rate(1 day)"
    count, unit = int(found.group(1)), found.group(2)
    if count < 1:
        return "the rate is 0; use 1 or more"
    right = unit.rstrip("s") + ("" if count == 1 else "s")
    return "" if unit == right else f"a rate of {count} has the unit {right}; write rate({count} {right})"


def _cron_problem(text: str) -> str:
    fields = text.split()
    if len(fields) != len(_FIELDS):
        return (
            f"cron has {len(fields)} fields; write six: minutes hours day-of-month month day-of-week year: {_EXAMPLE}"
        )
    for value, (name, least, most, names) in zip(fields, _FIELDS, strict=True):
        problem = _field_problem(value, name, least, most, names)
        if problem:
            return problem
    if (fields[2] == "?") == (fields[4] == "?"):
        return f"one of day-of-month and day-of-week must be ?, the other not; write one such as {_EXAMPLE}"
    return ""


def _field_problem(value: str, name: str, least: int, most: int, names: tuple[str, ...]) -> str:
    for part in value.split(","):
        span, _, step = part.partition("/")
        if step and not step.isdigit():
            return f"{quoted(part)} is no value of {name}; write a step such as */5"
        for edge in span.split("-"):
            known = edge in ("*", "?", "L", "W", "LW") or edge.upper() in names
            if known or re.fullmatch(r"\d+[LW]|\w{3}#[1-5]|\d#[1-5]|[A-Z]{3}L", edge):
                continue
            if not edge.isdigit():
                return f"{quoted(edge)} is no value of {name}; use {least} to {most}"
            if not least <= int(edge) <= most:
                return f"{edge} is no value of {name}; use {least} to {most}"
    return ""
