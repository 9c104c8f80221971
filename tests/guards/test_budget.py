"""The budget of an hour: how many resources are changed in one account and Region."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from ecsync.core.model import Call, Delete, Key, Present
from ecsync.core.outcome import Progressing, Step, StepId
from ecsync.guards.budget import HOUR, PATIENCE, Counts, HourlyBudget
from ecsync.testing import FakeClock


class Site:
    """One account and Region; a change succeeds unless it is refused."""

    def __init__(self, changes: int = 0, removals: int = 0) -> None:
        self.clock = FakeClock()
        self.counts = Counts(self.clock)
        self.changes, self.removals = changes, removals

    def change(self, name: str, application: str = "shop", *, removes: bool = False, changed: bool = True) -> float:
        """Change a resource, and return the seconds that it has to wait instead."""
        key = Key(application=application, kind="Cluster", name=name)
        wait, _ = self.counts.take(key, changes=self.changes, removals=self.removals if removes else 0)
        if not wait:
            self.counts.give_back(key, changed=changed)
        return wait

    def changed(self, names: str, application: str = "shop", **more: Any) -> str:
        """Try to change resources, and return those that were changed."""
        return "".join(name for name in names if not self.change(name, application, **more))


def test_in_no_hour_more_resources_are_changed() -> None:
    """The next one waits until the oldest change is an hour ago."""
    site = Site(changes=3)
    assert site.changed("a") == "a"
    site.clock.advance(600)
    assert site.changed("bcde") == "bc"
    assert site.change("d") == HOUR - 600
    site.clock.advance(HOUR - 600)
    assert site.changed("de") == "d"
    site.clock.advance(600)
    assert site.changed("efg") == "ef"


def test_without_a_budget_nothing_waits() -> None:
    """0 is no limit."""
    assert Site().changed("abcdefgh", removes=True) == "abcdefgh"


def test_a_resource_counts_once_however_often_it_is_changed() -> None:
    """A deletion in several calls, a retry: its hour begins with the last one."""
    site = Site(changes=1)
    assert site.changed("aaa") == "aaa"
    site.clock.advance(HOUR - 1)
    assert site.changed("a") == "a"
    site.clock.advance(1)
    assert site.change("b") == HOUR - 1


def test_what_aws_refused_does_not_count() -> None:
    """A refused call leaves its place to another resource; one that had changed before keeps its own."""
    site = Site(changes=1)
    site.change("a", changed=False)
    assert site.changed("b") == "b"
    site.change("b", changed=False)
    assert site.changed("c") == ""


def test_a_removal_is_a_change_too() -> None:
    """It needs a place in both budgets, and keeps none where the other one is used up."""
    site = Site(changes=3, removals=1)
    assert site.changed("ab", removes=True) == "a"
    assert site.changed("cd") == "cd"
    site.removals = 5
    assert site.changed("e", removes=True) == ""
    site.changes = 0
    assert site.changed("efgh", removes=True) == "efgh"


@pytest.mark.parametrize(("before", "first"), [(60.0, "small"), (PATIENCE + 60.0, "large")])
def test_a_turn_is_kept_for_a_time(before: float, first: str) -> None:
    """An application that does not come again does not keep the others from the place."""
    site = Site(changes=1)
    assert site.changed("a", "large") == "a"
    site.clock.advance(HOUR - before)
    assert site.changed("x", "small") == ""
    site.clock.advance(before)
    assert site.changed("b", "large") == ("b" if first == "large" else "")
    assert site.changed("x", "small") == ("x" if first == "small" else "")


def test_the_first_that_waits_comes_first() -> None:
    """Also if the other one asks first when there is a place."""
    site = Site(changes=1)
    assert site.changed("a", "large") == "a"
    site.clock.advance(HOUR - 60)
    assert site.changed("x", "small") == ""
    assert site.changed("b", "large") == ""
    site.clock.advance(60)
    assert site.changed("b", "large") == ""
    assert site.changed("x", "small") == "x"


def test_threads_do_not_exceed_it_together() -> None:
    """A place is taken before the call, not counted after it."""
    site = Site(changes=10)
    taken: list[str] = []
    ready = threading.Barrier(8)

    def run(thread: int) -> None:
        ready.wait()
        for number in range(20):
            key = Key(application="shop", kind="Cluster", name=f"{thread}-{number}")
            if not site.counts.take(key, changes=10, removals=0)[0]:
                taken.append(key.name)

    threads = [threading.Thread(target=run, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(taken) == 10


def step(name: str, calls: int = 1) -> Step:
    """Return the deletion of a cluster."""
    key = Key(application="shop", kind="Cluster", name=name)
    call = Call(service="ecs", operation="DeleteCluster", params={})
    return Step(
        id=StepId(key=key), change=Delete(key=key, observed=Present(body={}, outputs={})), calls=(call,) * calls
    )


@pytest.mark.parametrize("removals", [0, 1])
def test_the_reason_names_the_setting_and_when_it_goes_on(removals: int) -> None:
    """A step without a call needs no place."""
    clock = FakeClock()
    budget = HourlyBudget(counts=Counts(clock), changes=1 - removals, removals=removals)
    assert budget.take(step("a")) is None
    budget.give_back(step("a"), changed=True)
    waits = budget.take(step("b"))
    assert isinstance(waits, Progressing)
    assert (waits.after, waits.budget) == (HOUR, True)
    assert ("removals_per_hour allows 1" if removals else "changes_per_hour allows 1") in waits.why
    assert budget.take(step("b", calls=0)) is None


def test_what_is_used_is_what_was_changed_within_the_hour() -> None:
    """Only what has a limit is counted; a removal is a change too."""
    site = Site(changes=9, removals=9)
    assert site.changed("ab") == "ab"
    assert site.changed("c", removes=True) == "c"
    assert site.changed("d", changed=False) == "d"
    assert site.counts.used() == (3, 1)
    site.clock.advance(HOUR)
    assert site.counts.used() == (0, 0)
