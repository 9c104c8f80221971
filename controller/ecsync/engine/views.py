"""Views: how old an answer of the inventory may be, by what it is read for.

A pass that only looks takes answers of any age within their cadence. A difference, and everything that a write depends
on, is read again.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import inf
from typing import Literal, TypeAlias
from zlib import crc32

from ecsync.core.kind import Cadence

# The ages of a cadence: so many intervals, but within these bounds, and never less than the interval. Seconds.
_MEDIUM = (4, 120.0, 300.0)
_SLOW = (30, 900.0, 1800.0)  # AWS returns these answers for one object per call only
MOMENT = 10.0  # seconds: what was read within this time is confirmed, and may be created on
_SHARE = 0.8  # of an age: passes come a little earlier or later than their interval

Reason: TypeAlias = Literal["cadence", "confirm", "fresh"]  # why a read was made


@dataclass(frozen=True, slots=True)
class ReadAt:
    """When a read began: monotonic seconds, and its place in the order of all reads and writes of the inventory."""

    seconds: float
    order: int


@dataclass(frozen=True, slots=True)
class View:
    """The oldest answers that a reader takes. Ages are seconds."""

    reason: Reason
    ages: Mapping[Cadence, float]
    after: int = 0  # a place in the order: fast answers that were read before it are not taken
    guarding: bool = False  # whether answers that writes wait for are taken at the fast cadence only
    began: float = (
        inf  # the time at which ages count: what was new enough when a long pass began is taken until its end
    )

    @property
    def exact(self) -> bool:
        """Whether an answer must be of the call that was asked for, not of a listing or of a filled batch."""
        return self.reason != "cadence"

    def takes(self, cadence: Cadence, read: ReadAt, now: float, key: str) -> bool:
        """Return whether an answer of that time may be used.

        The slow reads are spread by `key` over their whole period, so that they never come in a burst.
        """
        if (cadence == "fast" or self.exact) and read.order <= self.after:
            return False
        age, now = self.ages[cadence], min(now, self.began)
        if cadence == "slow" and not self.exact:
            shift = age * (crc32(key.encode()) / 2**32)
            return (now + shift) // age <= (read.seconds + shift) // age
        return now - read.seconds < age


def at_cadence(interval: float, *, written: int = 0, began: float = inf) -> View:
    """Return the view of a pass that looks. `written` is the place of the last write to the application."""
    ages: dict[Cadence, float] = {
        "fast": interval * _SHARE,
        "medium": _within(interval, *_MEDIUM) * _SHARE,
        "slow": _within(interval, *_SLOW),
    }
    return View("cadence", ages, written, began=began)


def relisted(view: View, *, same: bool) -> View:
    """Return the view in which what is ours is listed again, without a deletion in between.

    In a roll-out the applications ask for a list at different times: they share it for the time of a medium cadence.
    Within the same revision, what the application has written since is declared: a list is not too old for that.
    """
    after = 0 if same else view.after
    return View(view.reason, {**view.ages, "fast": view.ages["medium"]}, after, began=view.began)


def _within(interval: float, times: int, least: float, most: float) -> float:
    return max(interval, min(max(least, times * interval), most))


def confirmed(written: int = 0) -> View:
    """Return the view for what a plan would change: read within a moment, and after the last write."""
    return View("confirm", dict.fromkeys(("fast", "medium", "slow"), MOMENT), written)


def around(interval: float, *, written: int = 0) -> View:
    """Return the view for what a difference depends on: its fast answers, and what guards traffic, of a moment ago."""
    view = at_cadence(interval, written=written)
    return View("cadence", {**view.ages, "fast": MOMENT}, written, guarding=True)


def at_interval(interval: float, *, written: int = 0) -> View:
    """Return the view for a difference that this process does not repair: another one may do so at any time."""
    return View("cadence", dict.fromkeys(("fast", "medium", "slow"), interval * _SHARE), written)


def fresh(now: int) -> View:
    """Return the view of a step: read after this place in the order (docs/rules.md R25)."""
    return View("fresh", dict.fromkeys(("fast", "medium", "slow"), float("inf")), now)
