"""Store: the state and the events of applications, bounded, and safe to read at any time."""

from __future__ import annotations

import threading
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from ecsync.core.model import Key, Origin, Problem, Target
from ecsync.core.outcome import (
    ApplicationState,
    Changed,
    Event,
    Health,
    HealthStatus,
    Outcome,
    Pass,
    PassResult,
    Plan,
    ResourceStatus,
)
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


API = Key(application="shop", kind="Service", name="api")
WEB = Key(application="shop", kind="Service", name="web")


def healths(**found: HealthStatus) -> Outcome:
    """Return an outcome with a service for each name."""
    statuses = (
        ResourceStatus(
            key=Key(application="shop", kind="Service", name=name), sync="Synced", health=Health(status=health)
        )
        for name, health in found.items()
    )
    return Outcome(plan=Plan(application="shop", target=TARGET, revision="1"), statuses=tuple(statuses))


def test_a_state_is_as_old_as_the_pass_that_first_saw_it(store: Store) -> None:
    """Each resource by itself, and the application; a pass without a plan changes no age."""

    def ages() -> tuple[datetime | None, dict[str, datetime]]:
        app = store.application("shop")
        assert app is not None
        return app.since, {key.name: when for key, when in app.resources_since.items()}

    at = [NOW + timedelta(seconds=second) for second in (0, 1, 2, 3)]
    store.finish("shop", done("synced", 0), healths(api="Healthy", web="Healthy"))
    assert ages() == (at[0], {"api": at[0], "web": at[0]})
    store.finish("shop", done("synced", 1), healths(api="Healthy", web="Degraded"))
    assert ages() == (at[1], {"api": at[0], "web": at[1]})
    store.finish("shop", done("error", 2))
    store.finish("shop", done("synced", 3), healths(api="Healthy", web="Degraded", new="Healthy"))
    assert ages() == (at[1], {"api": at[0], "web": at[1], "new": at[3]})


def test_the_last_change_of_a_resource_is_kept(store: Store) -> None:
    """From its event; that of a resource that is gone is not."""
    store.finish("shop", done("synced"), healths(api="Healthy", web="Healthy"))
    for key, type_ in ((API, "resource.created"), (WEB, "resource.updated"), (API, "drift.detected")):
        store.record(Event(type=type_, time=NOW, application="shop", message="", key=key, revision="2"))
    store.finish("shop", done("changed", 1), healths(api="Healthy", web="Healthy"))
    app = store.application("shop")
    assert app is not None
    assert app.changes == {
        API: Changed(time=NOW, action="created", revision="2"),
        WEB: Changed(time=NOW, action="updated", revision="2"),
    }
    store.finish("shop", done("changed", 2), healths(api="Healthy"))
    app = store.application("shop")
    assert app is not None
    assert list(app.changes) == [API]


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
