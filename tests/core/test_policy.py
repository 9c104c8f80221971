"""Each policy holds what it is about and nothing else, and says what would let it through."""

from __future__ import annotations

from typing import Any

import pytest
from tiny import TARGET, at, bare, doc, live, plan_of, scene, to

from controller.core import policy
from controller.core.model import Absent, Application, Create, Key, Options, Plan, Step, StepId
from controller.core.policy import finds_nothing_of_ours, standard


def held(*documents: Any, world: Any, manage: tuple[str, ...] = ("all",), **more: Any) -> list[str]:
    """Return why steps are withheld by the policies of an ordinary pass."""
    application = Application(name="shop", resources=documents, manage=manage)
    found = plan_of(*documents, world=world, application=application, policies=standard(**more))
    return [one.because for one in found.withheld]


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
        here = scene(application=Application(name="shop", manage=manage))
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
        assert held(widget, world={"Widget/w": live(widget, zone="b")}) == [
            "zone cannot be changed in place; `ecsync/replace: allow` deletes it and makes it again"
        ]

    def test_the_document_may_allow_it(self) -> None:
        """`ecsync/replace: allow`."""
        widget = doc("Widget/w", Options(replace="allow"), zone="a")
        assert held(widget, world={"Widget/w": live(widget, zone="b")}) == []


class TestLookups:
    """A looked-up value that moved does not restart production by itself."""

    NET = doc("Lookup/l")

    def moved(self, member: str) -> list[str]:
        """Return what is held when the id of the lookup is not what it was."""
        now: dict[str, Any] = {member: to("Lookup/l")}
        before: dict[str, Any] = {member: "old"}
        widget = doc("Widget/w", **now)
        return held(self.NET, widget, world={"Lookup/l": live(self.NET), "Widget/w": live(widget, **before)})

    def test_it_is_held_where_following_it_would_roll_tasks(self) -> None:
        """`ecsync apply` follows it."""
        (why,) = self.moved("net")
        assert "following it would restart tasks" in why

    def test_it_is_followed_where_nothing_restarts(self) -> None:
        """An ordinary difference."""
        assert self.moved("elsewhere") == []


def test_a_fight_is_held() -> None:
    """Updates of what somebody changes back each time."""
    widget = doc("Widget/w", size=2)
    (why,) = held(widget, world={"Widget/w": live(widget, size=3)}, contended={widget.key})
    assert "somebody changes it back" in why
    assert held(widget, world={"Widget/w": live(widget, size=3)}, contended={at("Widget/x")}) == []


class TestNothingOfOurs:
    """What a wrong account looks like."""

    def found(self, *documents: Any, world: Any) -> bool:
        """Tell whether the plan finds nothing of ours."""
        here = scene(*documents, world=world)
        return finds_nothing_of_ours(plan_of(*documents, world=world), here.world)

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
        assert not finds_nothing_of_ours(Plan(application="shop", target=TARGET, revision=""), {})
