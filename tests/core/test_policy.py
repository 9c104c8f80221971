"""Each policy withholds only its own steps; the reason contains what a person can do."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from ecsync.core import plan, policy
from ecsync.core.inputs import Policy
from ecsync.core.kind import Hold, Owned
from ecsync.core.model import Absent, Application, Create, Key, Options, Sync
from ecsync.core.outcome import Plan, Step, StepId, WithheldReason
from ecsync.core.policy import Approval, NamedEffect, finds_no_owned_resource, standard
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


def test_what_does_not_converge_is_withheld() -> None:
    """Other resources are still updated."""
    widget = doc("Widget/w", size=2)
    world = {"Widget/w": live(widget, size=3)}
    assert held(widget, world=world, not_converging=in_vain("Widget/w")) == ["in vain"]
    assert held(widget, world=world, not_converging=in_vain("Widget/x")) == []


def in_vain(path: str) -> Policy:
    """Return the policy that withholds the steps of one resource."""
    return lambda step, _: WithheldReason("not_converging", "in vain") if step.id.key == at(path) else ""


class TestObstacles:
    """The obstacle of a withheld step is one of a closed set."""

    def obstacles(self, *documents: Any, world: Any, manage: tuple[str, ...] = ("all",), **more: Any) -> list[str]:
        """Return the obstacle of each withheld step."""
        policies = standard(prune=more.pop("prune", ""), not_converging=more.pop("not_converging", None))
        sync = Sync(prune=more.pop("prunes", False), prune_limit=more.pop("limit", 0))
        application = Application(name="shop", resources=documents, manage=manage, sync=sync)
        found = plan_of(*documents, world=world, application=application, policies=policies, **more)
        return [one.obstacle for one in found.withheld]

    def test_each_policy_has_its_own_obstacle(self) -> None:
        """A kind that is not managed, a suspended document, a replacement, a write in vain."""
        widget, differs = doc("Widget/w", size=2), {"Widget/w": live(doc("Widget/w"), size=3)}
        assert self.obstacles(widget, world=differs, manage=("X",)) == ["not_managed"]
        assert self.obstacles(doc("Widget/w", Options(suspend=True), size=2), world=differs) == ["suspended"]
        assert self.obstacles(widget, world=differs, not_converging=in_vain("Widget/w")) == ["not_converging"]
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
        kept = doc("Widget/w")
        found = self.obstacles(kept, world={"Widget/w": live(kept)}, orphans=(orphan,), prunes=prunes, prune=forbidden)
        assert found == obstacle

    @pytest.mark.parametrize(
        ("kept", "gone", "limit", "allowed"),
        [
            (0, 1, 0, False),  # all of an application
            (0, 1, 1, True),
            (1, 3, 0, True),  # fewer than five resources
            (3, 2, 0, False),  # more than a third of five
            (3, 2, 1, False),
            (3, 2, 2, True),
            (4, 2, 0, True),  # a third
            (5, 3, 0, False),
            (6, 3, 0, True),
            (20, 11, 10, False),
            (20, 11, 11, True),
        ],
    )
    def test_many_deletions_need_an_explicit_word(self, kept: int, gone: int, limit: int, allowed: bool) -> None:
        """More than a third of at least five resources, or all of an application. A lookup is none of them."""
        documents = [doc(f"Widget/w{number}") for number in range(kept)]
        lookup = doc("Lookup/l")
        left = [live(doc(f"Widget/old{number}")) for number in range(gone)]
        orphans = [Owned(marks=one.marks, natural=str(one.outputs), present=one) for one in left if one.marks]
        world = {f"Widget/{one.key.name}": live(one) for one in documents} | {"Lookup/l": bare(lookup)}
        found = self.obstacles(*documents, lookup, world=world, orphans=tuple(orphans), prunes=True, limit=limit)
        assert found == ([] if allowed else ["budget"] * gone)

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


class TestApproval:
    """Named effects are withheld until a person has approved exactly them."""

    A = doc("Widget/a", Options(replace="allow"), zone="a")
    WORLD = {"Widget/a": live(A, zone="b"), "Widget/b": live(doc("Widget/b"))}  # noqa: RUF012  # a constant

    def decided(self, *effects: NamedEffect, given: bool = False, a: Any = A, **more: Any) -> Plan:
        """Return the plan of a replacement and of the deletion of an orphan."""
        orphan = live(doc("Widget/b"))
        assert orphan.marks is not None
        owned = Owned(present=orphan, marks=orphan.marks, natural="b")
        seen = inputs(a, world=more.pop("world", self.WORLD), prune=True, orphans=(owned,), **more)
        return policy.decided(seen, Approval(frozenset(effects), lambda *_: given))[1]

    @pytest.mark.parametrize(
        ("effects", "held"),
        [((), []), (("replace",), ["a"]), (("delete",), ["b"]), (("replace", "delete"), ["a", "b"])],
    )
    def test_only_the_named_effects_are_withheld(self, effects: tuple[NamedEffect, ...], held: list[str]) -> None:
        """With the obstacle `approval`."""
        found = self.decided(*effects)
        assert [one.step.id.key.name for one in found.withheld] == held
        assert {one.obstacle for one in found.withheld} <= {"approval"}
        assert bool(found.approval) == bool(held)

    def test_what_is_approved_is_done(self) -> None:
        """And nothing is held any more."""
        found = self.decided("replace", "delete", given=True)
        assert (len(found.steps), found.withheld, found.approval) == (2, (), "")

    def test_the_digest_is_that_of_what_would_be_lost(self) -> None:
        """Another document or another field gives another one; the state of the live resource does not."""
        digest = self.decided("replace").approval
        assert self.decided("replace", "delete").approval != digest
        assert self.decided("replace", a=replace(self.A, body={**self.A.body, "size": 7})).approval != digest
        under_way = {**self.WORLD, "Widget/a": live(self.A, zone="b", size=0)}
        assert self.decided("replace", world=under_way).approval == digest

    def test_the_digest_of_the_plan_contains_it(self) -> None:
        """`apply --digest` approves what the plan prints as held, although the first call is the same."""
        held = self.decided("replace", "delete")
        other = replace(self.A, body={**self.A.body, "zone": "c"})
        assert self.decided("replace", "delete", a=other).digest != held.digest

    def test_what_another_policy_holds_is_not_asked_for(self) -> None:
        """A person is asked only for what would be done."""
        held = doc("Widget/a", zone="a")
        found = self.decided("replace", a=held, policies=standard())
        assert ([one.obstacle for one in found.withheld if one.step.id.key.name == "a"], found.approval) == (
            ["replacement"], "",
        )  # fmt: skip

    def test_an_approval_of_one_step_does_not_cover_what_follows_from_it(self) -> None:
        """The executor plans a step again with the same inputs: only what was approved is let through."""
        seen = inputs(self.A, world=self.WORLD)
        allowed, _ = policy.decided(seen, Approval(frozenset({"replace"}), lambda *_: True))
        other = replace(self.A, body={**self.A.body, "size": 9})
        again = replace(allowed, application=replace(allowed.application, resources=(other,)))
        assert [one.obstacle for one in plan.build(again).withheld] == ["approval"]
