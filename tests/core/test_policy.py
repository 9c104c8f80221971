"""Each policy holds what it is about and nothing else, and says what would let it through."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from ecsync.core import plan, policy
from ecsync.core.kind import Hold, Owned
from ecsync.core.model import Absent, Application, Create, Key, Options, Plan, Step, StepId, Sync, WithheldReason
from ecsync.core.policy import finds_no_owned_resource, standard
from tests.core.tiny import KINDS, TARGET, at, bare, doc, inputs, live, plan_of, to


def held(*documents: Any, world: Any, manage: tuple[str, ...] = ("all",), **more: Any) -> list[str]:
    """Return why steps are withheld by the policies of an ordinary pass."""
    application = Application(name="shop", resources=documents, manage=manage)
    found = plan_of(*documents, world=world, application=application, policies=standard(**more))
    return [one.reason for one in found.withheld]


class TestManage:
    """Kinds that the application may write."""

    @pytest.mark.parametrize(
        ("manage", "allowed"), [((), True), (("all",), True), (("Widget",), True), (("X",), False)]
    )
    def test_only_kinds_that_it_names_are_written(self, manage: tuple[str, ...], allowed: bool) -> None:
        """Without a list, all of them."""
        assert (not held(doc("Widget/w"), world={"Widget/w": Absent()}, manage=manage)) == allowed

    @pytest.mark.parametrize(("manage", "allowed"), [((), False), (("all",), True), (("Role",), True)])
    def test_roles_are_written_only_on_a_word(self, manage: tuple[str, ...], allowed: bool) -> None:
        """Rights are not given by default."""
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

    def test_it_is_held_and_names_the_field(self) -> None:
        """And the word that lets it through."""
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
    """A looked-up value that moved does not restart production by itself."""

    NET = doc("Lookup/l")

    def moved(self, member: str, options: Options | None = None) -> list[str]:
        """Return what is held when the id of the lookup is not what it was."""
        now: dict[str, Any] = {member: to("Lookup/l")}
        before: dict[str, Any] = {member: "old"}
        widget = doc("Widget/w", options, **now)
        return held(self.NET, widget, world={"Lookup/l": live(self.NET), "Widget/w": live(widget, **before)})

    def test_it_is_held_where_following_it_would_roll_tasks(self) -> None:
        """With the word that lets it through."""
        (why,) = self.moved("net")
        assert "applying it would restart tasks" in why
        assert "`ecsync/refresh: follow`" in why

    def test_it_is_followed_where_the_document_says_so(self) -> None:
        """`ecsync/refresh: follow`."""
        assert self.moved("net", Options(refresh="follow")) == []

    def test_it_is_followed_where_nothing_restarts(self) -> None:
        """An ordinary difference."""
        assert self.moved("elsewhere") == []


def test_a_fight_is_held() -> None:
    """Updates of what somebody changes back each time."""
    widget = doc("Widget/w", size=2)
    (why,) = held(widget, world={"Widget/w": live(widget, size=3)}, contended={widget.key})
    assert "another client reverts it" in why
    assert held(widget, world={"Widget/w": live(widget, size=3)}, contended={at("Widget/x")}) == []


class TestObstacles:
    """What holds a step is one of a closed set, whatever the words are."""

    def obstacles(self, *documents: Any, world: Any, manage: tuple[str, ...] = ("all",), **more: Any) -> list[str]:
        """Return what is in the way of each step that is held."""
        policies = standard(prune=more.pop("prune", ""), contended=more.pop("contended", ()))
        application = Application(
            name="shop", resources=documents, manage=manage, sync=Sync(prune=more.pop("prunes", False))
        )
        found = plan_of(*documents, world=world, application=application, policies=policies, **more)
        return [one.obstacle for one in found.withheld]

    def test_each_policy_names_its_own(self) -> None:
        """A kind that is not written, a suspended document, a replacement, a fight."""
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
    def test_what_holds_a_deletion(self, prunes: bool, forbidden: str, obstacle: list[str]) -> None:
        """Prune is off, or why nothing may be pruned now; words alone are taken for a source that is not good."""
        left = live(doc("Widget/old"))
        assert left.marks is not None
        orphan = Owned(marks=left.marks, natural="old", present=left)
        assert self.obstacles(world={}, orphans=(orphan,), prunes=prunes, prune=forbidden) == obstacle

    def test_what_the_plan_itself_holds_has_one_as_well(self) -> None:
        """What is not ours, and what a gate holds."""
        widget = doc("Widget/w", size=2)
        theirs = live(widget, owner="v1/other/shop/Widget/w")
        assert self.obstacles(widget, world={"Widget/w": theirs}) == ["no_ownership"]
        absent = doc("Widget/w", Options(state="absent"))
        assert self.obstacles(absent, world={"Widget/w": bare(widget)}) == ["no_ownership"]
        gated = {**KINDS, "Widget": replace(KINDS["Widget"], gate=lambda *_: Hold(reason="by hand"))}
        here = replace(inputs(widget, world={"Widget/w": live(widget, size=3)}), kinds=gated)
        assert [one.obstacle for one in plan.build(here).withheld] == ["unsafe"]


class TestNothingOfOurs:
    """What a wrong account looks like."""

    def found(self, *documents: Any, world: Any) -> bool:
        """Tell whether the plan finds nothing of ours."""
        here = inputs(*documents, world=world)
        return finds_no_owned_resource(plan_of(*documents, world=world), here.world)

    def test_an_empty_account(self) -> None:
        """All is to be made, late parts too."""
        assert self.found(doc("Widget/w", peers=["x"]), world={"Widget/w": Absent()})

    def test_an_account_with_other_people_s_resources(self) -> None:
        """What is looked up is found in every account."""
        lookup = doc("Lookup/l")
        assert self.found(lookup, doc("Widget/w"), world={"Lookup/l": bare(lookup), "Widget/w": Absent()})

    def test_one_mark_of_ours_says_that_we_were_here(self) -> None:
        """Adding a resource to what runs is no first time."""
        widget = doc("Widget/w")
        assert not self.found(widget, doc("Widget/x"), world={"Widget/w": live(widget), "Widget/x": Absent()})

    def test_something_to_adopt_is_no_first_create(self) -> None:
        """The plan is not creates alone."""
        widget = doc("Widget/w")
        assert not self.found(widget, doc("Widget/x"), world={"Widget/w": bare(widget), "Widget/x": Absent()})

    def test_nothing_to_do_is_nothing_to_guard(self) -> None:
        """An empty plan writes nothing."""
        assert not finds_no_owned_resource(Plan(application="shop", target=TARGET, revision=""), {})
