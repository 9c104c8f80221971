"""Store: the state and the events of applications, bounded, and safe to read at any time."""

from __future__ import annotations

import threading
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from ecsync.core.model import Origin, Problem, Target
from ecsync.core.outcome import ApplicationState, Event, Outcome, Pass, PassResult, Plan
from ecsync.engine.store import Store

NOW = datetime(2026, 1, 1, tzinfo=UTC)
TARGET = Target(account="123456789012", region="eu-central-1")


def state(name: str, **members: Any) -> ApplicationState:
    """Return an application as its manifests declare it."""
    return ApplicationState(name=name, target=TARGET, **members)


def done(result: PassResult, seconds: float = 0) -> Pass:
    """Return a pass with this result."""
    return Pass(reconcile_id="r", started=NOW, ended=NOW + timedelta(seconds=seconds), result=result)


def outcome(revision: str) -> Outcome:
    """Return an outcome that differs from others by its revision."""
    return Outcome(plan=Plan(application="shop", target=TARGET, revision=revision))


def event(number: int, application: str = "shop", type_: str = "drift.detected") -> Event:
    """Return an event, a second after the one before it."""
    return Event(type=type_, time=NOW + timedelta(seconds=number), application=application, message=str(number))


def numbers(events: tuple[Event, ...]) -> list[str]:
    """Return the messages of events."""
    return [each.message for each in events]


@pytest.fixture
def store() -> Store:
    """A small store with two applications."""
    store = Store(per_application=3, overall=5)
    store.declare([state("shop"), state("blog")])
    return store


def test_applications_are_listed_by_name(store: Store) -> None:
    """The order does not depend on the order of the declarations."""
    assert [app.name for app in store.applications()] == ["blog", "shop"]
    assert store.application("unknown") is None


def test_a_pass_is_kept(store: Store) -> None:
    """After a pass the store has its outcome, its time and the time of the next pass."""
    store.finish("shop", done("synced", 3), outcome("1"), NOW + timedelta(seconds=63))
    app = store.application("shop")
    assert app is not None
    assert (app.outcome, app.last_pass, app.next_pass) == (outcome("1"), done("synced", 3), NOW + timedelta(seconds=63))
    assert app.last_success == NOW + timedelta(seconds=3)


def test_a_failed_pass_keeps_the_last_outcome_and_success(store: Store) -> None:
    """A pass without a plan is the last pass, and the outcome of the pass before it stays."""
    store.finish("shop", done("synced"), outcome("1"))
    store.finish("shop", done("error", 60))
    app = store.application("shop")
    assert app is not None
    assert app.outcome == outcome("1")
    assert app.last_success == NOW
    assert app.last_pass == done("error", 60)


def test_declaring_again_keeps_what_passes_found(store: Store) -> None:
    """New manifests change what is declared, not the results of passes. The removed names are returned."""
    store.finish("shop", done("changed"), outcome("1"))
    problem = Problem(Origin("a.yaml"), "wrong")
    assert store.declare([state("shop", revision="2", problems=(problem,)), state("new")]) == ("blog",)
    app = store.application("shop")
    assert app is not None
    assert (app.revision, app.problems, app.outcome) == ("2", (problem,), outcome("1"))
    assert [each.name for each in store.applications()] == ["new", "shop"]


def test_a_pass_over_a_removed_application_is_not_kept(store: Store) -> None:
    """An application that was removed during its pass stays removed."""
    store.declare([])
    store.finish("shop", done("synced"), outcome("1"))
    assert store.applications() == ()


def test_events_are_bounded_for_each_and_in_all(store: Store) -> None:
    """An application with many events loses its own old ones; events of others do not remove its newest."""
    for number in range(4):
        store.record(event(number))
    assert numbers(store.events(application="shop")) == ["3", "2", "1"]
    for number in range(10, 20):
        store.record(event(number, "blog"))
    assert numbers(store.events()) == ["19", "18", "17", "16", "15"]
    assert numbers(store.events(application="shop")) == ["3", "2", "1"]


def test_events_are_found_by_type_time_and_number(store: Store) -> None:
    """Filters select among the newest events."""
    store.record(event(1))
    store.record(event(2, type_="drift.resolved"))
    store.record(event(3, type_="sync.failed"))
    assert numbers(store.events(of_type="drift.detected")) == ["1"]
    assert numbers(store.events(of_type="drift.*")) == ["2", "1"]
    assert numbers(store.events(since=NOW + timedelta(seconds=2))) == ["3", "2"]
    assert numbers(store.events(limit=1)) == ["3"]


def test_events_of_no_declared_application_are_kept_overall(store: Store) -> None:
    """Events of the source and of undeclared applications are in the overall list."""
    store.record(event(1, application=""))
    store.record(event(2, application="stranger"))
    assert numbers(store.events()) == ["2", "1"]
    assert numbers(store.events(application="stranger")) == ["2"]


def test_reading_while_writing_never_fails(store: Store) -> None:
    """Threads read while events are recorded."""
    errors: list[Exception] = []

    def read() -> None:
        try:
            for _ in range(200):
                store.events(application="shop")
                store.applications()
        except RuntimeError as error:  # "changed during iteration"
            errors.append(error)

    readers = [threading.Thread(target=read) for _ in range(4)]
    for reader in readers:
        reader.start()
    for number in range(500):
        store.record(event(number))
        store.finish("shop", done("synced"), outcome(str(number)))
    for reader in readers:
        reader.join(5)
    assert errors == []


def test_a_suspension_that_is_declared_later_is_kept(store: Store) -> None:
    """As every other setting of the application: with the results of its passes."""
    store.finish("shop", done("synced"))
    known = store.application("shop")
    assert known is not None
    store.declare([replace(known, suspended="load test", last_pass=None)])
    now = store.application("shop")
    assert now is not None
    assert (now.suspended, now.last_pass) == ("load test", known.last_pass)
