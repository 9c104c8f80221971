"""Each policy withholds only its own steps; the reason contains what a person can do."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from ecsync.core import plan, policy
from ecsync.core.kind import Hold, Owned
from ecsync.core.model import Absent, Application, Create, Key, Options, Sync
from ecsync.core.outcome import Plan, Step, StepId, WithheldReason
from ecsync.core.policy import finds_no_owned_resource, standard
from tests.core.tiny import KINDS, TARGET, at, bare, doc, inputs, live, plan_of, to


def held(*documents: Any, world: Any, manage: tuple[str, ...] = ("all",), **more: Any) -> list[str]:
    """Return why steps are withheld by the policies of an ordinary pass."""
    application = Application(name="shop", resources=documents, manage=manage)
    found = plan_of(*documents, world=world, application=application, policies=standard(**more))
    return [one.reason for one in found.withheld]


class TestManage:
    """Kinds that the application manages."""

    @pytest.mark.parametrize(
        ("manage", "allowed"), [((), True), (("all",), True), (("Widget",), True), (("X",), False)]
    )
    def test_only_managed_kinds_are_written(self, manage: tuple[str, ...], allowed: bool) -> None:
        """Without a list, every kind."""
        assert (not held(doc("Widget/w"), world={"Widget/w": Absent()}, manage=manage)) == allowed

    @pytest.mark.parametrize(("manage", "allowed"), [((), False), (("all",), True), (("Role",), True)])
    def test_roles_are_written_only_if_listed(self, manage: tuple[str, ...], allowed: bool) -> None:
        """Permissions are not granted by default."""
        key = Key(application="shop", kind="Role", name="r")
        step = Step(id=StepId(key=key), change=Create(desired=doc("Widget/w"), marks={}), calls=())
        here = inputs(application=Application(name="shop", manage=manage))
        assert (not policy.managed(step, here)) is allowed


def test_a_suspended_document_is_not_written() -> None:
    """It is reported."""
    widget = doc("Widget/w", Options(suspend=True), size=2)
    assert held(widget, world={"Widget/w": live(widget, size=3)}) == ["suspended by ecsync/suspend"]


class TestReplacing:
    """A replacement is an outage."""

    def test_it_is_withheld_with_the_field(self) -> None:
        """The reason contains the annotation that allows it."""
        widget = doc("Widget/w", zone="a")
        (why,) = held(widget, world={"Widget/w": live(widget, zone="b")})
        assert why == (
            "not replaced: zone cannot be changed in place; "
            "set `ecsync/replace: allow` to delete the resource and create it again"
        )

    def test_the_document_may_allow_it(self) -> None:
        """`ecsync/replace: allow`."""
        widget = doc("Widget/w", Options(replace="allow"), zone="a")
        assert held(widget, world={"Widget/w": live(widget, zone="b")}) == []


class TestLookups:
    """A changed lookup does not restart tasks automatically."""

    NET = doc("Lookup/l")

    def moved(self, member: str, options: Options | None = None) -> list[str]:
        """Return what is withheld when the id of the lookup changed."""
        now: dict[str, Any] = {member: to("Lookup/l")}
        before: dict[str, Any] = {member: "old"}
        widget = doc("Widget/w", options, **now)
        return held(self.NET, widget, world={"Lookup/l": live(self.NET), "Widget/w": live(widget, **before)})

    def test_it_is_withheld_where_it_would_restart_tasks(self) -> None:
        """The reason contains the annotation that allows it."""
        (why,) = self.moved("net")
        assert "applying it would restart tasks" in why
        assert "`ecsync/refresh: follow`" in why

    def test_it_is_applied_with_the_annotation(self) -> None:
        """`ecsync/refresh: follow`."""
        assert self.moved("net", Options(refresh="follow")) == []

    def test_it_is_applied_where_no_task_restarts(self) -> None:
        """An ordinary difference."""
        assert self.moved("elsewhere") == []


def test_an_update_that_another_client_reverts_is_withheld() -> None:
    """Other resources are still updated."""
    widget = doc("Widget/w", size=2)
    (why,) = held(widget, world={"Widget/w": live(widget, size=3)}, contended={widget.key})
    assert "another client reverts it" in why
    assert held(widget, world={"Widget/w": live(widget, size=3)}, contended={at("Widget/x")}) == []


class TestObstacles:
    """The obstacle of a withheld step is one of a closed set."""

    def obstacles(self, *documents: Any, world: Any, manage: tuple[str, ...] = ("all",), **more: Any) -> list[str]:
        """Return the obstacle of each withheld step."""
        policies = standard(prune=more.pop("prune", ""), contended=more.pop("contended", ()))
        application = Application(
            name="shop", resources=documents, manage=manage, sync=Sync(prune=more.pop("prunes", False))
        )
        found = plan_of(*documents, world=world, application=application, policies=policies, **more)
        return [one.obstacle for one in found.withheld]

    def test_each_policy_has_its_own_obstacle(self) -> None:
        """A kind that is not managed, a suspended document, a replacement, a contention."""
        widget, differs = doc("Widget/w", size=2), {"Widget/w": live(doc("Widget/w"), size=3)}
        assert self.obstacles(widget, world=differs, manage=("X",)) == ["not_managed"]
        assert self.obstacles(doc("Widget/w", Options(suspend=True), size=2), world=differs) == ["suspended"]
        assert self.obstacles(widget, world=differs, contended={widget.key}) == ["contention"]
        moved = {"Widget/w": live(doc("Widget/w", zone="a"), zone="b")}
        assert self.obstacles(doc("Widget/w", zone="a"), world=moved) == ["replacement"]

    @pytest.mark.parametrize(
        ("prunes", "forbidden", "obstacle"),
        [
            (False, "", ["off"]),
            (True, "", []),
            (True, "the source cannot be read", ["stale_source"]),
            (True, WithheldReason("invalid_manifest", "a.yaml:3 is not valid"), ["invalid_manifest"]),
        ],
    )
    def test_the_obstacle_of_a_deletion(self, prunes: bool, forbidden: str, obstacle: list[str]) -> None:
        """Prune is off, or pruning is forbidden now; a reason without an obstacle is a stale source."""
        left = live(doc("Widget/old"))
        assert left.marks is not None
        orphan = Owned(marks=left.marks, natural="old", present=left)
        assert self.obstacles(world={}, orphans=(orphan,), prunes=prunes, prune=forbidden) == obstacle

    def test_a_step_withheld_by_the_plan_itself_has_an_obstacle(self) -> None:
        """A resource of another owner, and a gate that holds a change."""
        widget = doc("Widget/w", size=2)
        theirs = live(widget, owner="v1/other/shop/Widget/w")
        assert self.obstacles(widget, world={"Widget/w": theirs}) == ["no_ownership"]
        absent = doc("Widget/w", Options(state="absent"))
        assert self.obstacles(absent, world={"Widget/w": bare(widget)}) == ["no_ownership"]
        gated = {**KINDS, "Widget": replace(KINDS["Widget"], gate=lambda *_: Hold(reason="not safe"))}
        here = replace(inputs(widget, world={"Widget/w": live(widget, size=3)}), kinds=gated)
        assert [one.obstacle for one in plan.build(here).withheld] == ["unsafe"]


class TestNoOwnedResource:
    """The plan of a wrong account."""

    def found(self, *documents: Any, world: Any) -> bool:
        """Return whether the plan finds no owned resource."""
        here = inputs(*documents, world=world)
        return finds_no_owned_resource(plan_of(*documents, world=world), here.world)

    def test_an_empty_account_has_no_owned_resource(self) -> None:
        """Every step is a create, late steps included."""
        assert self.found(doc("Widget/w", peers=["x"]), world={"Widget/w": Absent()})

    def test_an_account_with_foreign_resources_has_no_owned_resource(self) -> None:
        """Lookups are found in every account."""
        lookup = doc("Lookup/l")
        assert self.found(lookup, doc("Widget/w"), world={"Lookup/l": bare(lookup), "Widget/w": Absent()})

    def test_one_mark_of_ours_is_enough(self) -> None:
        """A resource is added to a running application."""
        widget = doc("Widget/w")
        assert not self.found(widget, doc("Widget/x"), world={"Widget/w": live(widget), "Widget/x": Absent()})

    def test_a_resource_without_a_mark_is_nothing_of_ours(self) -> None:
        """It has the name and the body of a declared one, and would be marked."""
        widget = doc("Widget/w")
        assert self.found(widget, doc("Widget/x"), world={"Widget/w": bare(widget), "Widget/x": Absent()})

    def test_an_empty_plan_is_not_guarded(self) -> None:
        """It writes nothing."""
        assert not finds_no_owned_resource(Plan(application="shop", target=TARGET, revision=""), {})
