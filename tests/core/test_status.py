"""What each resource is after a pass."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from ecsync.core import plan, status
from ecsync.core.kind import Owned
from ecsync.core.model import (
    Absent,
    Desired,
    Done,
    Failed,
    Health,
    Observed,
    Options,
    Origin,
    Outcome,
    Progressing,
    ResourceStatus,
    Result,
    StepId,
    Unreadable,
)
from ecsync.core.policy import standard
from tests.core.tiny import KINDS, at, bare, doc, inputs, live, plan_of, to

WIDGET = doc("Widget/w", size=2)
IN_SYNC = live(WIDGET)
DIFFERS = live(WIDGET, size=3)
MAIN = StepId(key=WIDGET.key)


def status_of(
    observed: Observed, document: Desired = WIDGET, results: Mapping[StepId, Result] | None = None, **more: Any
) -> ResourceStatus:
    """Return the status of one resource."""
    here = inputs(document, world={str(document.key): observed}, policies=standard(), **more)
    return status.statuses(here, plan.build(here), results or {})[0]


@pytest.mark.parametrize(
    ("observed", "sync", "health"),
    [
        (IN_SYNC, "Synced", "Healthy"),
        (DIFFERS, "OutOfSync", "Healthy"),
        (live(WIDGET, applied={"name": "w"}), "Synced", "Healthy"),  # a stale mark
        (Absent(), "OutOfSync", "Missing"),
        (Unreadable("denied"), "Unknown", "Unknown"),
        (bare(WIDGET), "Synced", "Healthy"),  # unclaimed, and as declared
        (bare(WIDGET, size=3), "OutOfSync", "Healthy"),
    ],
)
def test_sync_and_health_are_two_things(observed: Observed, sync: str, health: str) -> None:
    """As declared or not; well or not."""
    found = status_of(observed)
    assert (found.sync, found.health.status) == (sync, health)


def test_what_is_to_be_absent_and_is_absent_is_well() -> None:
    """`ecsync/state: absent`."""
    gone = doc("Widget/w", Options(state="absent"))
    assert (status_of(Absent(), gone).sync, status_of(Absent(), gone).health.status) == ("Synced", "Healthy")
    assert status_of(live(gone), gone).sync == "OutOfSync"


def test_a_failed_step_is_degraded_and_says_why() -> None:
    """Whatever is live."""
    assert status_of(DIFFERS, results={MAIN: Failed(error="denied")}).health == Health(status="Degraded", why="denied")


def test_a_step_under_way_is_progressing() -> None:
    """Unless something is worse."""
    found = status_of(DIFFERS, results={MAIN: Progressing(why="in use")})
    assert found.health == Health(status="Progressing", why="in use")
    assert status_of(Absent(), results={MAIN: Progressing(why="early")}).health.status == "Missing"


def test_a_step_that_is_done_leaves_the_health_to_the_resource() -> None:
    """What the kind says of it."""
    assert status_of(DIFFERS, results={MAIN: Done()}).health.status == "Healthy"


def test_a_suspended_resource_is_suspended() -> None:
    """And what is held says by what."""
    found = status_of(live(WIDGET, size=3), doc("Widget/w", Options(suspend=True), size=2))
    assert (found.sync, found.health.status, found.message) == ("OutOfSync", "Suspended", "suspended by ecsync/suspend")


def test_the_kind_says_how_a_resource_does() -> None:
    """It is asked with references resolved."""
    asked: list[Any] = []

    def health(desired: Desired, _: Any) -> Health:
        asked.append(desired.body["net"])
        return Health(status="Degraded", why="no tasks")

    kinds = {**KINDS, "Widget": replace(KINDS["Widget"], health=health)}
    widget, net = doc("Widget/w", net=to("Lookup/l")), doc("Lookup/l")
    here = replace(inputs(widget, net, world={"Widget/w": live(widget), "Lookup/l": live(net)}), kinds=kinds)
    assert status.statuses(here, plan.build(here), {})[0].health.status == "Degraded"
    assert asked == ["lookup-l"]


def test_the_fields_that_differ_are_on_it_held_or_not() -> None:
    """People see why."""
    assert [one.path for one in status_of(DIFFERS).fields] == [("size",)]
    held = status_of(live(doc("Widget/w", zone="a"), zone="b"), doc("Widget/w", zone="a"))
    assert [one.path for one in held.fields] == [("zone",)]
    assert "cannot be changed in place" in held.message


def test_its_physical_name_is_its_arn_or_else_its_primary_output() -> None:
    """Nothing where there is nothing."""
    assert status_of(IN_SYNC).physical == "widget-w"
    assert status_of(replace(IN_SYNC, outputs={"id": "i", "arn": "arn:1"})).physical == "arn:1"
    assert status_of(Absent()).physical == ""


def test_orphans_that_are_held_are_listed_after_the_declared() -> None:
    """They are there, and nobody declares them."""
    left = live(doc("Widget/old"))
    assert left.marks is not None
    orphan = Owned(marks=left.marks, natural="old", present=left)
    here = inputs(WIDGET, world={"Widget/w": IN_SYNC}, orphans=(orphan,), policies=standard())
    found = status.statuses(here, plan.build(here), {})
    assert [(one.key.name, one.sync) for one in found] == [("w", "Synced"), ("old", "OutOfSync")]


@pytest.mark.parametrize(
    ("statuses", "sync", "health"),
    [
        ([], "Synced", "Healthy"),
        ([("Synced", "Healthy"), ("OutOfSync", "Healthy")], "OutOfSync", "Healthy"),
        ([("Synced", "Healthy"), ("Unknown", "Unknown")], "Unknown", "Unknown"),
        ([("OutOfSync", "Missing"), ("Unknown", "Progressing")], "OutOfSync", "Missing"),
        ([("Synced", "Suspended"), ("Synced", "Healthy")], "Synced", "Suspended"),
        ([("Synced", "Degraded"), ("Synced", "Missing")], "Synced", "Degraded"),
    ],
)
def test_an_application_is_as_its_worst_resource(statuses: list[tuple[Any, Any]], sync: str, health: str) -> None:
    """OutOfSync before Unknown before Synced; the worst health."""
    found = tuple(ResourceStatus(key=at("Widget/w"), sync=one, health=Health(status=other)) for one, other in statuses)
    outcome = Outcome(plan=plan_of(world={}), statuses=found)
    assert (outcome.sync, outcome.health) == (sync, health)


def test_the_summary_counts_what_people_count() -> None:
    """A create with its late part is one create; adoption makes no call of its own accord."""
    documents = (doc("Widget/new", peers=["x"]), WIDGET, doc("Widget/theirs"), doc("Gadget/g"))
    world: dict[str, Observed] = {
        "Widget/new": Absent(),
        "Widget/w": DIFFERS,
        "Widget/theirs": bare(doc("Widget/theirs")),
        "Gadget/g": live(doc("Gadget/g"), owner="v1/dev/shop/Gadget/g"),
    }
    assert status.summary(plan_of(*documents, world=world)) == {
        "create": 1,
        "update": 1,
        "replace": 0,
        "delete": 0,
        "adopt": 1,
        "mark": 0,
        "forget": 0,
        "held": 1,
        "calls": 3,
    }


# ---------------------------------------------------------------- what a resource left over


def leaves(waiting: str = "", kept: str = "") -> Any:
    """Return what the status of a widget is made from that has left something over: its kinds and its live state."""
    old = replace(IN_SYNC, outputs={"id": "old"})
    kind = replace(KINDS["Widget"], superseded=lambda *_: [] if kept else [(old, waiting)])
    return {**KINDS, "Widget": kind}, replace(IN_SYNC, facts={"cleanupBlocked": kept} if kept else {})


def left_over(result: Result | None = None, waiting: str = "", kept: str = "", **options: Any) -> ResourceStatus:
    """Return the status of that widget."""
    kinds, observed = leaves(waiting, kept)
    here = inputs(doc("Widget/w", Options(**options), size=2), world={"Widget/w": observed}, policies=standard())
    here = replace(here, kinds=kinds)
    late = StepId(key=WIDGET.key, phase="late")
    return status.statuses(here, plan.build(here), {late: result} if result else {})[0]


@pytest.mark.parametrize("result", [None, Progressing(why="deleting"), Done()])
def test_what_a_resource_left_over_goes_and_the_resource_stays_as_it_is(result: Result | None) -> None:
    """Its clean-up is told, and is neither its sync nor its health."""
    found = left_over(result)
    assert (found.sync, found.health) == ("Synced", Health(status="Healthy"))
    assert found.message == "old is left over and goes"


def test_what_is_left_over_and_may_not_go_yet_says_why() -> None:
    """Still used, held by a policy, or not looked for: in plain words, on a resource that is well."""
    waiting = left_over(Progressing(why="Service/web still runs it"), waiting="Service/web still runs it")
    assert (waiting.sync, waiting.health.status) == ("Synced", "Healthy")
    assert waiting.message == "old is left over and goes when it may: Service/web still runs it"
    held = left_over(suspend=True)
    assert (held.sync, held.health.status) == ("Synced", "Suspended")
    assert held.message == "old is left over and stays: suspended by ecsync/suspend"
    kept = left_over(kept="web is being deployed")
    assert (kept.sync, kept.message) == ("Synced", "what is left over stays: web is being deployed")


def test_a_left_over_that_cannot_be_removed_is_a_failure_as_any_other() -> None:
    """Somebody has to give the right to do it."""
    assert left_over(Failed(error="denied")).health == Health(status="Degraded", why="denied")


def test_why_something_stays_is_known_by_resource() -> None:
    """What plans say of a resource for which they have no step."""
    kinds, observed = leaves(kept="web is being deployed")
    here = replace(inputs(WIDGET, world={"Widget/w": observed}), kinds=kinds)
    assert status.stays(here) == {WIDGET.key: "what is left over stays: web is being deployed"}
    assert status.stays(inputs(WIDGET, world={"Widget/w": IN_SYNC})) == {}


def test_what_a_key_was_before_is_told_apart_from_what_it_is_now() -> None:
    """The document means another resource by now: the new one is well while the old one goes, and both are shown."""
    before = replace(live(WIDGET), outputs={"id": "old"})
    assert before.marks is not None
    orphan = Owned(marks=before.marks, natural="old", present=before)
    for prune, words in ((True, "not declared any more: it goes"), (False, "not declared any more; prune is off")):
        here = inputs(WIDGET, world={"Widget/w": IN_SYNC}, orphans=(orphan,), policies=standard(), prune=prune)
        going = {StepId(key=WIDGET.key, phase="prune"): Progressing(why="deleting")}
        (found,) = status.statuses(here, plan.build(here), going)
        assert (found.sync, found.health.status) == ("OutOfSync", "Healthy")
        assert found.message.startswith(f"old, which it was before: {words}")


def test_an_orphan_says_what_it_is_in_aws() -> None:
    """Nobody declares it, so nothing else names it."""
    left = live(doc("Widget/old"))
    assert left.marks is not None
    here = inputs(orphans=(Owned(marks=left.marks, natural="old", present=left),), policies=standard())
    assert [one.physical for one in status.statuses(here, plan.build(here), {})] == ["widget-old"]


def test_each_field_that_differs_says_where_it_is_written() -> None:
    """So does the resource; what no file says has no place."""
    place, line = Origin("shop/w.yaml", 3), Origin("shop/w.yaml", 7)
    written = replace(WIDGET, origin=place, origins={("size",): line})
    found = status_of(DIFFERS, written)
    assert (found.origin, found.origins) == ("shop/w.yaml:3", {"/size": "shop/w.yaml:7"})
    assert (status_of(DIFFERS).origin, status_of(DIFFERS).origins) == ("", {})
