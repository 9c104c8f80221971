"""Desired and observed become a plan: the table at the head of `plan.py`, line by line."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from ecsync.core import plan
from ecsync.core.marks import APPLIED, ID, OWNER
from ecsync.core.model import Absent, Adopt, Mark, Observed, Options, Present, Ref, Replace, Text, Unreadable, Update
from ecsync.core.outcome import Plan, StepId
from ecsync.core.trees import transform
from tests.core.tiny import at, bare, calls, doc, inputs, live, plan_of, steps, to

World = dict[str, Observed]


def withheld(found: Plan) -> list[tuple[str, str]]:
    """Return what is withheld and why."""
    return [(str(one.step.id), one.reason) for one in found.withheld]


class TestTable:
    """The first line that fits decides."""

    def test_an_unreadable_resource_is_not_decided(self) -> None:
        """Nor is a resource that refers to it."""
        world: World = {"Widget/w": Unreadable("denied"), "Gadget/g": Absent()}
        found = plan_of(doc("Widget/w"), doc("Gadget/g", widget=to("Widget/w")), world=world)
        assert found.steps == ()
        assert found.unreadable == {
            at("Widget/w"): "denied",
            at("Gadget/g"): "waits for Widget/w",
        }

    def test_resources_that_depend_on_an_unreadable_one_are_not_decided(self) -> None:
        """Directly or through others."""
        documents = (
            doc("Widget/w"),
            doc("Gadget/a", widget=to("Widget/w")),
            doc("Gadget/b", x=to("Gadget/a")),
        )
        found = plan_of(
            *documents, world={"Widget/w": Unreadable("denied"), "Gadget/a": Absent(), "Gadget/b": Absent()}
        )
        assert found.unreadable == {
            at("Widget/w"): "denied",
            at("Gadget/a"): "waits for Widget/w",
            at("Gadget/b"): "waits for Widget/w",
        }

    def test_a_resource_that_was_not_read_is_unreadable(self) -> None:
        """A missing answer is not Absent."""
        assert plan_of(doc("Widget/w"), world={}).unreadable == {at("Widget/w"): "not read"}

    def test_an_absent_resource_is_created(self) -> None:
        """Our marks are in the same call."""
        found = plan_of(doc("Widget/w", size=2), world={"Widget/w": Absent()})
        assert steps(found) == [("Widget/w", "Create")]
        (call,) = found.steps[0].calls
        assert call.operation == "CreateWidget"
        assert call.params["size"] == 2
        assert call.params["tags"].keys() == {OWNER, APPLIED, ID}

    def test_an_absent_resource_with_late_members_is_created_in_two_steps(self) -> None:
        """The late step is sent to an id that is not known yet."""
        documents = (doc("Widget/a", peers=[to("Widget/b")]), doc("Widget/b", peers=[to("Widget/a")]))
        found = plan_of(*documents, world={"Widget/a": Absent(), "Widget/b": Absent()})
        assert steps(found) == [
            ("Widget/a", "Create"),
            ("Widget/b", "Create"),
            ("Widget/a (second step)", "Update"),
            ("Widget/b (second step)", "Update"),
        ]
        assert found.steps[2].calls[0].params == {"id": to("Widget/a"), "peers": [to("Widget/b")]}
        assert found.steps[2].after == {StepId(key=at("Widget/a")), StepId(key=at("Widget/b"))}

    def test_an_unmarked_resource_is_adopted_by_command_only(self) -> None:
        """The step has every difference, and separately what a later update would reset."""
        widget = doc("Widget/w", net="a")
        found = plan_of(widget, world={"Widget/w": bare(widget, net="b", size=7)})
        (step,) = found.steps
        assert isinstance(step.change, Adopt)
        assert [one.path for one in step.change.fields] == [("net",), ("size",)]
        assert [one.path for one in step.change.resets] == [("size",)]
        assert [call.operation for call in step.calls] == ["TagWidget"]
        assert found.empty

    def test_an_unmarked_resource_is_updated_with_adopt_if_untagged(self) -> None:
        """The update adds the marks."""
        widget = doc("Widget/w", Options(adopt="if-untagged"), net="a")
        found = plan_of(widget, world={"Widget/w": bare(widget, net="b")})
        assert steps(found) == [("Widget/w", "Update")]
        assert calls(found) == ["UpdateWidget", "TagWidget"]

    @pytest.mark.parametrize("adopt", ["never", "if-untagged"])
    def test_a_resource_of_another_tool_is_withheld(self, adopt: Any) -> None:
        """Whatever `ecsync/adopt` is."""
        widget = doc("Widget/w", Options(adopt=adopt))
        found = plan_of(widget, world={"Widget/w": bare(widget, foreign="Terraform", size=7)})
        ((key, reason),) = withheld(found)
        assert key == "Widget/w"
        assert reason.startswith("managed by Terraform; remove it from Terraform first, or set `ecsync/manage: read`")

    @pytest.mark.parametrize(
        ("owner", "why"),
        [
            (
                "v1/staging/shop/Widget/w",
                "owned by installation staging (Widget/shop/w); remove its ecsync: tags first",
            ),
            ("v2/prod/shop/Widget/w", "its ecsync:owner tag has a format that this version does not support"),
            ("v1/prod/other/Widget/w", "owned by Widget/other/w, which is still declared"),
        ],
    )
    def test_a_resource_of_another_owner_is_withheld(self, owner: str, why: str) -> None:
        """The reason contains the owner."""
        widget = doc("Widget/w")
        others = frozenset({"v1/prod/other/Widget/w"})
        found = plan_of(widget, world={"Widget/w": live(widget, owner=owner, size=7)}, others=others)
        assert withheld(found) == [("Widget/w", why)]
        assert found.steps == ()

    def test_a_resource_with_a_copied_mark_is_withheld(self) -> None:
        """The owner matches and the id does not."""
        widget, other = doc("Widget/w"), live(doc("Widget/w", name="elsewhere"))
        copied = Present(body=widget.body, outputs=other.outputs, marks=other.marks)
        found = plan_of(widget, world={"Widget/w": copied})
        assert "was copied from another resource" in found.withheld[0].reason
        assert found.steps == ()

    def test_an_owned_resource_with_state_absent_is_deleted(self) -> None:
        """An absent one needs no step."""
        widget = doc("Widget/w", Options(state="absent"))
        found = plan_of(widget, world={"Widget/w": live(widget)})
        assert steps(found) == [("Widget/w", "Delete")]
        assert plan_of(widget, world={"Widget/w": Absent()}).steps == ()

    def test_a_resource_that_is_not_owned_is_not_deleted(self) -> None:
        """It has no mark, or the mark of another document."""
        widget = doc("Widget/w", Options(state="absent"))
        for observed in (bare(widget), live(widget, owner="v1/prod/shop/Widget/old")):
            found = plan_of(widget, world={"Widget/w": observed})
            assert found.steps == ()
            assert "only a resource with this document's ecsync:owner tag" in found.withheld[0].reason

    def test_an_owned_resource_that_differs_is_updated(self) -> None:
        """The call has exactly the fields that differ."""
        widget = doc("Widget/w", size=2)
        found = plan_of(widget, world={"Widget/w": live(widget, size=3)})
        (step,) = found.steps
        assert isinstance(step.change, Update)
        assert step.calls[0].params == {"id": "widget-w", "size": 2}

    def test_a_difference_in_late_members_is_a_late_step_alone(self) -> None:
        """The main step is left out."""
        widget = doc("Widget/w", peers=["a"])
        assert steps(plan_of(widget, world={"Widget/w": live(widget, peers=["b"])})) == [
            ("Widget/w (second step)", "Update")
        ]

    def test_an_immutable_difference_is_a_replacement(self) -> None:
        """The kind compiles the next safe call."""
        widget = doc("Widget/w", zone="a")
        found = plan_of(widget, world={"Widget/w": live(widget, zone="b")})
        assert steps(found) == [("Widget/w", "Replace")]
        assert calls(found) == ["DeleteWidget"]

    def test_an_outdated_mark_on_a_resource_in_sync_is_one_mark_step(self) -> None:
        """A person changed the resource, then the manifest: only the mark is written."""
        widget = doc("Widget/w", size=2)
        found = plan_of(widget, world={"Widget/w": live(widget, applied={"name": "w"})})
        (step,) = found.steps
        assert isinstance(step.change, Mark)
        assert calls(found) == ["TagWidget"]
        assert step.calls[0].params["tags"].keys() == {APPLIED}

    def test_an_owned_resource_in_sync_has_no_step(self) -> None:
        """Its mark is up to date."""
        widget = doc("Widget/w", size=2, tags={"team": "a"})
        assert plan_of(widget, world={"Widget/w": live(widget, address="10.0.0.1")}).steps == ()

    def test_a_lookup_is_never_written(self) -> None:
        """By its kind, or by `ecsync/manage: read`."""
        lookup, widget = doc("Lookup/l", size=2), doc("Widget/w", Options(manage=False), size=2)
        world = {"Lookup/l": live(lookup, size=3), "Widget/w": live(widget, size=3)}
        found = plan_of(lookup, widget, world=world)
        assert (found.steps, found.withheld, found.unreadable) == ((), (), {})

    def test_an_absent_lookup_stops_the_resources_that_refer_to_it(self) -> None:
        """It is not created. What it looks for is printed once, and the rest waits for it, also through others."""
        documents = (doc("Lookup/l"), doc("Widget/w", net=to("Lookup/l")), doc("Gadget/g", x=to("Widget/w")))
        found = plan_of(*documents, world={str(one.key): Absent() for one in documents})
        assert found.steps == ()
        assert found.unreadable == {
            at("Lookup/l"): "no Lookup l in eu-west-1; a lookup is not created",
            at("Widget/w"): "waits for Lookup/l",
            at("Gadget/g"): "waits for Lookup/l",
        }

    def test_what_waits_for_another_application_has_the_reason_itself(self) -> None:
        """The status of that resource is with the other application."""
        lookup = doc("Lookup/l")
        elsewhere = replace(lookup, key=lookup.key._replace(application="platform"))
        ref = Text((Ref(elsewhere.key, "id"),))
        found = inputs(doc("Widget/w", net=ref), world={"Widget/w": Absent()})
        world = {**found.world, elsewhere.key: Absent()}
        made = plan.build(replace(found, lookups=(elsewhere,), world=world))
        why = "no Lookup l in eu-west-1; a lookup is not created"
        assert made.unreadable == {at("Widget/w"): f"waits for Lookup/l of platform: {why}"}

    def test_a_kind_without_tags_has_the_mark_of_its_parent(self) -> None:
        """The kind reads it there, and no mark is written."""
        document = doc("Bare/b", size=2)
        found = plan_of(document, world={"Bare/b": live(document, size=3)})
        assert steps(found) == [("Bare/b", "Update")]
        assert calls(found) == ["UpdateBare"]
        unclaimed = plan_of(document, world={"Bare/b": bare(document, size=3)})
        assert steps(unclaimed) == [("Bare/b", "Adopt")]
        assert calls(unclaimed) == []


class TestOrder:
    """Steps are in the order in which they can be executed."""

    def test_every_step_comes_after_the_steps_that_it_waits_for(self) -> None:
        """Also through resources without a step."""
        gadget = doc("Gadget/b", x=to("Gadget/a"))
        documents = (doc("Gadget/c", x=to("Gadget/b")), gadget, doc("Gadget/a"))
        world: World = {
            "Gadget/a": live(doc("Gadget/a"), size=1),
            "Gadget/b": live(gadget, x="gadget-a"),
            "Gadget/c": Absent(),
        }
        found = plan_of(*documents, world=world)
        assert steps(found) == [("Gadget/a", "Update"), ("Gadget/c", "Create")]
        assert found.steps[1].after == {StepId(key=at("Gadget/a"))}

    def test_the_digest_is_of_the_steps_and_the_target(self) -> None:
        """Another value is another digest; the revision has no effect."""

        def digest(size: int, **more: Any) -> str:
            return plan_of(doc("Widget/w", size=size), world={"Widget/w": Absent()}, **more).digest

        assert digest(1) == digest(1, revision="2")
        assert digest(1) != digest(2)

    def test_replan_plans_one_resource_from_a_new_read(self) -> None:
        """The executor applies this plan."""
        widget = doc("Widget/w", size=2)
        world: World = {"Widget/w": live(widget, size=3), "Gadget/g": Absent()}
        steps_before = plan.build(inputs(widget, doc("Gadget/g"), world=world)).steps
        step = next(step for step in steps_before if step.id.key == widget.key)
        again = plan.replan(inputs(widget, doc("Gadget/g"), world={**world, "Widget/w": live(widget)}), step)
        assert again.steps == ()


def test_values_that_aws_decides_are_reported() -> None:
    """They are unmanaged: never written."""
    widget = doc("Widget/w")
    (one,) = plan_of(widget, world={"Widget/w": live(widget, address="10.0.0.1")}).unmanaged
    assert (one.key, one.path, one.value, one.owner) == (widget.key, ("address",), "10.0.0.1", "AWS")


def test_an_ignored_path_is_no_difference() -> None:
    """`ignore` of the application."""
    widget = doc("Widget/w", Options(ignore=(("size",),)), size=2)
    assert plan_of(widget, world={"Widget/w": live(widget, size=3)}).steps == ()


def test_a_replacement_needs_no_reference_in_its_calls() -> None:
    """It deletes the live resource."""
    widget = doc("Widget/w", zone="a", net=to("Widget/x"))
    found = plan_of(widget, doc("Widget/x"), world={"Widget/w": live(widget, zone="b"), "Widget/x": Absent()})
    step = next(step for step in found.steps if step.id.key == widget.key)
    assert isinstance(step.change, Replace)
    leaves: list[Any] = []
    transform(step.calls[0].params, leaves.append)
    assert not any(isinstance(leaf, Text) for leaf in leaves)
