"""How many resources may be changed within an hour in one account and Region."""

from __future__ import annotations

import threading
from collections import OrderedDict
from dataclasses import dataclass
from datetime import timedelta
from itertools import islice

from ecsync.core.model import Delete, Key, Replace
from ecsync.core.outcome import Progressing, Step
from ecsync.core.ports import Clock

HOUR = 3600.0  # seconds
PATIENCE = 600.0  # seconds for which the turn of an application is kept that does not come again
_SOONEST = 2.0  # seconds until the next look at a place that another application has before this one


class _Places:
    """The places of the resources that were changed within the last hour: a resource has one place, however often.

    Applications take turns: one that waits comes before those that began to wait later, or had a place since.
    """

    def __init__(self) -> None:
        self._changed: OrderedDict[Key, float] = OrderedDict()  # when it was last changed, oldest first
        self._taken: set[Key] = set()  # a change is under way
        self._waiting: OrderedDict[str, float] = OrderedDict()  # applications, and when each asked last

    def take(self, key: Key, most: int, now: float) -> float:
        """Take a place: return 0, or the seconds until there may be one."""
        self._forget(now)
        if key in self._changed or key in self._taken:
            self._taken.add(key)
            return 0.0
        before = self._before(key.application)
        free = most - len(self._changed) - sum(one not in self._changed for one in self._taken)
        if free > before:
            self._taken.add(key)
            self._waiting.pop(key.application, None)
            return 0.0
        self._waiting[key.application] = now  # keeps its turn
        end = next(islice(self._changed.values(), max(0, before - free), None), now - HOUR)
        return max(_SOONEST, end + HOUR - now)

    def give_back(self, key: Key, now: float, *, changed: bool) -> None:
        """End a change. Without one, the place is free again."""
        if changed and key in self._taken:
            self._changed[key] = now
            self._changed.move_to_end(key)
        self._taken.discard(key)

    def used(self, now: float) -> int:
        """Return how many places are taken."""
        self._forget(now)
        return len(self._changed.keys() | self._taken)

    def _before(self, application: str) -> int:
        """Return how many applications come before this one."""
        names = list(self._waiting)
        return names.index(application) if application in names else len(names)

    def _forget(self, now: float) -> None:
        while self._changed and now - next(iter(self._changed.values())) >= HOUR:
            self._changed.popitem(last=False)
        for name in [name for name, asked in self._waiting.items() if now - asked > PATIENCE]:
            del self._waiting[name]


class Counts:
    """What was changed in one account and Region, by this process: a restart begins with nothing. Safe across threads.

    A removal (a deletion or a replacement) is a change too.
    """

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self._lock = threading.Lock()
        self._changes, self._removals = _Places(), _Places()

    def take(self, key: Key, *, changes: int, removals: int) -> tuple[float, str]:
        """Take a place for a resource; return 0, or the seconds until there may be one and the name of the budget.

        A budget of 0 is no limit.
        """
        with self._lock:
            now = self.clock.monotonic()
            for places, most, name in ((self._removals, removals, "removals"), (self._changes, changes, "changes")):
                wait = places.take(key, most, now) if most else 0.0
                if wait:
                    self._removals.give_back(key, now, changed=False)
                    return wait, name
            return 0.0, ""

    def used(self) -> tuple[int, int]:
        """Return how many resources were changed within the hour, and how many of these were removed.

        Only what has a budget is counted.
        """
        with self._lock:
            now = self.clock.monotonic()
            return self._changes.used(now), self._removals.used(now)

    def give_back(self, key: Key, *, changed: bool) -> None:
        """End a change. Without one, its places are free again."""
        with self._lock:
            now = self.clock.monotonic()
            self._changes.give_back(key, now, changed=changed)
            self._removals.give_back(key, now, changed=changed)


@dataclass(frozen=True, slots=True, kw_only=True)
class HourlyBudget:
    """The budgets of a target, over the counts of its account and Region (`core.ports.Budget`). 0: no limit."""

    counts: Counts
    changes: int
    removals: int

    def take(self, step: Step) -> Progressing | None:
        """Take a place for a step; return how it waits if there is none."""
        if not step.calls:
            return None
        # What a change leaves behind (an old revision, a replaced group) is its end, and no removal of its own.
        removes = isinstance(step.change, Replace) or (isinstance(step.change, Delete) and step.id.phase != "late")
        wait, which = self.counts.take(step.id.key, changes=self.changes, removals=self.removals if removes else 0)
        if not wait:
            return None
        most, done = (self.removals, "deleted or replaced") if which == "removals" else (self.changes, "changed")
        goes_on = (self.counts.clock.now() + timedelta(seconds=wait)).isoformat(timespec="minutes")
        what = f"{most} resources to be {done} within an hour in this account and Region"
        why = f"waits for the budget: {which}_per_hour allows {what}; goes on at {goes_on}"
        return Progressing(why=why, after=wait, budget=True)

    def give_back(self, step: Step, *, changed: bool) -> None:
        """End a step; `changed`: AWS may have changed something."""
        self.counts.give_back(step.id.key, changed=changed)
