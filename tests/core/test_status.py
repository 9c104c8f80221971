"""The status of each resource after a pass."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from ecsync.core import plan, status
from ecsync.core.kind import Owned
from ecsync.core.model import Absent, Desired, Observed, Options, Origin, Present, Unreadable
from ecsync.core.outcome import Done, Failed, Health, Outcome, Progressing, ResourceStatus, Result, StepId
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
def test_sync_and_health_are_independent(observed: Observed, sync: str, health: str) -> None:
    """Sync compares with the document; health is the state of the live resource."""
    found = status_of(observed)
    assert (found.sync, found.health.status) == (sync, health)


def test_a_resource_declared_absent_is_healthy_when_absent() -> None:
    """`ecsync/state: absent`."""
    gone = doc("Widget/w", Options(state="absent"))
    assert (status_of(Absent(), gone).sync, status_of(Absent(), gone).health.status) == ("Synced", "Healthy")
    assert status_of(live(gone), gone).sync == "OutOfSync"


def test_a_failed_step_is_degraded_with_its_error() -> None:
    """Whatever is live."""
    assert status_of(DIFFERS, results={MAIN: Failed(error="denied")}).health == Health(status="Degraded", why="denied")


def test_a_step_in_progress_is_progressing() -> None:
    """Unless the health is worse."""
    found = status_of(DIFFERS, results={MAIN: Progressing(why="in use")})
    assert found.health == Health(status="Progressing", why="in use")
    assert status_of(Absent(), results={MAIN: Progressing(why="early")}).health.status == "Missing"


def test_after_a_done_step_the_health_is_that_of_the_resource_as_it_was_read_then() -> None:
    """The kind computes it. A resource that was not read after the write is Progressing."""
    kinds = {**KINDS, "Widget": replace(KINDS["Widget"], health=lambda *_: Health(status="Degraded"))}

    def health(observed: Present) -> str:
        here = replace(inputs(WIDGET, world={"Widget/w": observed}, policies=standard()), kinds=kinds)
        return status.statuses(here, plan.build(here), {MAIN: Done()})[0].health.status

    read = replace(DIFFERS, read_at=datetime(2026, 1, 1, tzinfo=UTC))
    assert status_of(DIFFERS, results={MAIN: Done()}).health.status == "Healthy"
    assert (health(read), health(DIFFERS)) == ("Degraded", "Progressing")


def test_a_suspended_resource_is_suspended() -> None:
    """The message has the annotation."""
    found = status_of(live(WIDGET, size=3), doc("Widget/w", Options(suspend=True), size=2))
    assert (found.sync, found.health.status, found.message) == ("OutOfSync", "Suspended", "suspended by ecsync/suspend")


def test_the_kind_computes_the_health() -> None:
    """From the live resource; the references of the document stay as they are written."""
    asked: list[Any] = []

    def health(desired: Desired, _: Any) -> Health:
        asked.append(desired.body["net"])
        return Health(status="Degraded", why="no tasks")

    kinds = {**KINDS, "Widget": replace(KINDS["Widget"], health=health)}
    widget, net = doc("Widget/w", net=to("Lookup/l")), doc("Lookup/l")
    here = replace(inputs(widget, net, world={"Widget/w": live(widget), "Lookup/l": live(net)}), kinds=kinds)
    assert status.statuses(here, plan.build(here), {})[0].health.status == "Degraded"
    assert asked == [to("Lookup/l")]


def test_a_status_has_the_fields_of_planned_and_withheld_steps() -> None:
    """People see what differs."""
    assert [one.path for one in status_of(DIFFERS).fields] == [("size",)]
    held = status_of(live(doc("Widget/w", zone="a"), zone="b"), doc("Widget/w", zone="a"))
    assert [one.path for one in held.fields] == [("zone",)]
    assert "cannot be changed in place" in held.message


def test_its_physical_name_is_its_arn_or_else_its_primary_output() -> None:
    """An absent resource has none."""
    assert status_of(IN_SYNC).physical == "widget-w"
    assert status_of(replace(IN_SYNC, outputs={"id": "i", "arn": "arn:1"})).physical == "arn:1"
    assert status_of(Absent()).physical == ""


def test_withheld_orphans_come_after_the_declared_resources() -> None:
    """They exist, and no document declares them."""
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
def test_an_application_has_the_worst_status_of_its_resources(
    statuses: list[tuple[Any, Any]], sync: str, health: str
) -> None:
    """OutOfSync before Unknown before Synced; the worst health."""
    found = tuple(ResourceStatus(key=at("Widget/w"), sync=one, health=Health(status=other)) for one, other in statuses)
    outcome = Outcome(plan=plan_of(world={}), statuses=found)
    assert (outcome.sync, outcome.health) == (sync, health)


def test_the_summary_counts_resources() -> None:
    """A create with its late step is one create; an adoption makes no call automatically."""
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


# ---------------------------------------------------------------- superseded resources


def superseding(waiting: str = "", kept: str = "") -> Any:
    """Return the kinds and the live state of a widget that superseded another resource."""
    old = replace(IN_SYNC, outputs={"id": "old"})
    kind = replace(KINDS["Widget"], superseded=lambda *_: [] if kept else [(old, waiting)])
    return {**KINDS, "Widget": kind}, replace(IN_SYNC, facts={"cleanupBlocked": kept} if kept else {})


def cleanup_status(result: Result | None = None, waiting: str = "", kept: str = "", **options: Any) -> ResourceStatus:
    """Return the status of that widget."""
    kinds, observed = superseding(waiting, kept)
    here = inputs(doc("Widget/w", Options(**options), size=2), world={"Widget/w": observed}, policies=standard())
    here = replace(here, kinds=kinds)
    late = StepId(key=WIDGET.key, phase="late")
    return status.statuses(here, plan.build(here), {late: result} if result else {})[0]


@pytest.mark.parametrize("result", [None, Progressing(why="deleting"), Done()])
def test_the_cleanup_of_a_superseded_resource_does_not_change_the_status(result: Result | None) -> None:
    """It is a message only, not its sync and not its health."""
    found = cleanup_status(result)
    assert (found.sync, found.health) == ("Synced", Health(status="Healthy"))
    assert found.message == "old is superseded and will be deleted"


def test_the_message_has_the_reason_why_a_cleanup_waits() -> None:
    """Still used, withheld by a policy, or not planned."""
    waiting = cleanup_status(Progressing(why="Service/web still runs it"), waiting="Service/web still runs it")
    assert (waiting.sync, waiting.health.status) == ("Synced", "Healthy")
    assert waiting.message == "old is superseded and will be deleted later: Service/web still runs it"
    held = cleanup_status(suspend=True)
    assert (held.sync, held.health.status) == ("Synced", "Suspended")
    assert held.message == "old is superseded and not deleted: suspended by ecsync/suspend"
    kept = cleanup_status(kept="web is being deployed")
    assert (kept.sync, kept.message) == ("Synced", "superseded resources are not deleted yet: web is being deployed")


def test_a_failed_cleanup_is_degraded() -> None:
    """A person has to grant the permission."""
    assert cleanup_status(Failed(error="denied")).health == Health(status="Degraded", why="denied")


def test_stays_returns_the_reason_by_resource() -> None:
    """Plans report it for a resource without a step."""
    kinds, observed = superseding(kept="web is being deployed")
    here = replace(inputs(WIDGET, world={"Widget/w": observed}), kinds=kinds)
    assert status.stays(here) == {WIDGET.key: "superseded resources are not deleted yet: web is being deployed"}
    assert status.stays(inputs(WIDGET, world={"Widget/w": IN_SYNC})) == {}


def test_an_orphan_with_the_key_of_a_declared_resource_has_its_own_message() -> None:
    """The declared resource is healthy while the orphan is deleted, and both are shown."""
    before = replace(live(WIDGET), outputs={"id": "old"})
    assert before.marks is not None
    orphan = Owned(marks=before.marks, natural="old", present=before)
    for prune, text in (
        (True, "no longer declared, will be deleted"),
        (False, "not deleted: no longer declared, and prune is off"),
    ):
        here = inputs(WIDGET, world={"Widget/w": IN_SYNC}, orphans=(orphan,), policies=standard(), prune=prune)
        going = {StepId(key=WIDGET.key, phase="prune"): Progressing(why="deleting")}
        (found,) = status.statuses(here, plan.build(here), going)
        assert (found.sync, found.health.status) == ("OutOfSync", "Healthy")
        assert found.message.startswith(f"old, declared by this document before: {text}")


def test_an_orphan_has_its_name_in_aws() -> None:
    """No document has another name for it."""
    left = live(doc("Widget/old"))
    assert left.marks is not None
    here = inputs(orphans=(Owned(marks=left.marks, natural="old", present=left),), policies=standard())
    assert [one.physical for one in status.statuses(here, plan.build(here), {})] == ["widget-old"]


def test_each_field_that_differs_has_its_place() -> None:
    """So does the resource; without a file it has none."""
    place, line = Origin("shop/w.yaml", 3), Origin("shop/w.yaml", 7)
    written = replace(WIDGET, origin=place, origins={("size",): line})
    found = status_of(DIFFERS, written)
    assert (found.origin, found.origins) == ("shop/w.yaml:3", {"/size": "shop/w.yaml:7"})
    assert (status_of(DIFFERS).origin, status_of(DIFFERS).origins) == ("", {})
