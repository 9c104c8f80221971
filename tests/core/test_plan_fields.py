"""Fields, tags, marks and references in a plan."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from ecsync.core.graph import Cycle
from ecsync.core.marks import APPLIED, OWNER
from ecsync.core.model import Absent, Adopt, Create, Mark, Marks, Options, Present, Ref
from ecsync.core.outcome import Plan, StepId
from ecsync.core.policy import replacing
from ecsync.core.trees import Body
from tests.core.tiny import at, bare, calls, doc, live, plan_of, steps, to


def applied_mark_of(document: Any) -> str:
    """Return the value of `ecsync:applied` after a create from the document."""
    (step,) = plan_of(document, world={str(document.key.kind) + "/" + document.key.name: Absent()}).steps
    assert isinstance(step.change, Create)
    return str(step.change.marks[APPLIED])


class TestMarks:
    """What marks record, and what is never a reason to write."""

    def test_an_unsupported_format_is_never_a_reason_to_write(self) -> None:
        """The mark of a newer version, on a resource in sync."""
        widget = doc("Widget/w")
        observed = live(widget)
        assert observed.marks is not None
        newer = Present(
            body=observed.body,
            outputs=observed.outputs,
            marks=Marks(owner=observed.marks.owner, id=observed.marks.id, applied=None),
        )
        assert plan_of(widget, world={"Widget/w": newer}).steps == ()

    @pytest.mark.parametrize(
        "written",
        [{"size": 1}, {"zones": ["a", "b"]}, {"knobs": [{"Key": "b", "Value": "2"}, {"Key": "a", "Value": "1"}]}],
        ids=["a default", "a set", "a map"],
    )
    def test_another_form_of_the_same_value_is_no_reason_to_write(self, written: dict[str, Any]) -> None:
        """A declared default, another order: the output of describe can replace the manifest."""
        before = {name: list(reversed(value)) for name, value in written.items() if isinstance(value, list)}
        widget = doc("Widget/w", **written)
        assert plan_of(widget, world={"Widget/w": live(widget, applied={"name": "w", **before})}).steps == ()

    def test_a_change_of_an_undeclared_member_is_drift(self) -> None:
        """The mark does not record it."""
        widget = doc("Widget/w", net="a")
        found = plan_of(widget, world={"Widget/w": live(widget, size=7)})
        assert [one.reason for one in found.steps[0].fields] == ["drift"]

    def test_a_newly_declared_default_of_an_adopted_resource_is_pending(self) -> None:
        """It was not enforced before, so no client changed it."""
        widget = doc("Widget/w", net="a", size=1)
        observed = live(widget, applied={"name": "w", "net": "a"}, size=7)
        assert observed.marks is not None
        assert observed.marks.applied is not None
        adopted = replace(observed.marks, applied=replace(observed.marks.applied, adopted=True))
        found = plan_of(widget, world={"Widget/w": replace(observed, marks=adopted)})
        assert [one.reason for one in found.steps[0].fields] == ["pending"]

    def test_a_computed_value_may_be_declared_later(self) -> None:
        """It was left to AWS and is the same: the output of describe can replace the manifest."""
        widget = doc("Widget/w", address="10.0.0.1", net={"port": 1, "zone": "a"})
        before = {"name": "w", "net": {"zone": "a"}}
        found = plan_of(widget, world={"Widget/w": live(widget, applied=before)})
        assert found.steps == ()

    def test_a_computed_value_that_is_no_longer_declared_is_no_reason_to_write(self) -> None:
        """It is not enforced from now on."""
        widget = doc("Widget/w")
        found = plan_of(widget, world={"Widget/w": live(widget, applied={"name": "w", "address": "1"}, address="1")})
        assert found.steps == ()

    def test_the_next_change_writes_the_exact_mark(self) -> None:
        """A looser mark alone is no reason to write."""
        widget = doc("Widget/w", size=3, address="10.0.0.1")
        observed = live(widget, applied={"name": "w", "size": 2}, size=2)
        found = plan_of(widget, world={"Widget/w": observed})
        assert calls(found) == ["UpdateWidget", "TagWidget"]
        assert found.steps[0].calls[1].params["tags"][APPLIED] == applied_mark_of(widget)

    def test_hashes_of_another_version_are_no_reason_to_write(self) -> None:
        """An upgrade that changes the canonical form writes nothing."""
        widget = doc("Widget/w", size=2, tags={"a": "1"})
        assert (
            plan_of(widget, world={"Widget/w": self.of_form(2, {"name": "w", "size": 3, "tags": {"a": "7"}})}).steps
            == ()
        )

    def test_keys_are_compared_in_every_version(self) -> None:
        """The hash of a name has no version: a missing key and a removed key are marked."""
        widget = doc("Widget/w", size=2, tags={"a": "1"})
        lacking = plan_of(widget, world={"Widget/w": self.of_form(2, {"name": "w", "size": 2})})
        assert steps(lacking) == [("Widget/w", "Mark")]
        more = plan_of(widget, world={"Widget/w": self.of_form(2, {"name": "w", "tags": {"a": "1", "b": "2"}})})
        assert steps(more) == [("Widget/w", "Mark")]

    def of_form(self, form: int, applied: dict[str, Any]) -> Present:
        """Return a resource in sync with a mark of another version of the form."""
        observed = live(doc("Widget/w", size=2, tags={"a": "1"}), applied=applied)
        assert observed.marks is not None
        assert observed.marks.applied is not None
        mark = replace(observed.marks, applied=replace(observed.marks.applied, form=form))
        return replace(observed, marks=mark)

    def test_a_resource_moves_with_its_renamed_document(self) -> None:
        """The old name is not declared: one mark, no other change."""
        widget = doc("Widget/new", name="w")
        found = plan_of(widget, world={"Widget/new": live(widget, owner="v1/prod/shop/Widget/old")})
        (step,) = found.steps
        assert isinstance(step.change, Mark)
        assert step.calls[0].params["tags"] == {OWNER: "v1/prod/shop/Widget/new"}

    def test_the_mark_of_an_adopted_resource_has_a_flag(self) -> None:
        """Its undeclared members are not enforced, on every pass."""
        widget = doc("Widget/w", net="a")
        (step,) = plan_of(widget, world={"Widget/w": bare(widget, size=7)}).steps
        assert isinstance(step.change, Adopt)
        assert step.change.marks[APPLIED].startswith("1a:")

    def test_the_mark_of_a_retained_document_has_a_flag(self) -> None:
        """It is needed when the document is gone."""
        (step,) = plan_of(doc("Widget/w", Options(deletion="retain")), world={"Widget/w": Absent()}).steps
        assert isinstance(step.change, Create)
        assert step.change.marks[APPLIED].startswith("1r:")

    @pytest.mark.parametrize("member", ["tags", "knobs"])
    def test_the_reason_of_a_whole_block_is_that_of_its_keys(self, member: str) -> None:
        """A block on one side only differs as a whole; each declared key is compared with the mark."""
        keys: dict[str, Any] = {"tags": {"a": "1"}, "knobs": [{"Key": "a", "Value": "1"}]}
        declared, nothing = {member: keys[member]}, dict.fromkeys([member], "")
        widget = doc("Widget/w", **declared)
        found = {
            when: plan_of(widget, world={"Widget/w": live(widget, applied=applied, **nothing)})
            for when, applied in (("before", {"name": "w"}), ("after", {"name": "w", **declared}))
        }
        reasons = {when: [(one.path, one.reason) for one in plan.steps[0].fields] for when, plan in found.items()}
        assert reasons == {"before": [((member,), "pending")], "after": [((member,), "drift")]}

    def test_repairing_drift_changes_no_mark(self) -> None:
        """The mark records what is declared."""
        widget = doc("Widget/w", size=2)
        assert calls(plan_of(widget, world={"Widget/w": live(widget, size=3)})) == ["UpdateWidget"]

    def test_a_change_of_the_manifest_writes_the_mark_last(self) -> None:
        """A mark records what is done."""
        before, after = doc("Widget/w", size=2), doc("Widget/w", size=3)
        assert calls(plan_of(after, world={"Widget/w": live(before)})) == ["UpdateWidget", "TagWidget"]

    def test_with_a_late_step_the_mark_is_written_there(self) -> None:
        """The main step leaves it outdated, so that a crash between the two is visible."""
        before, after = doc("Widget/w", size=2, peers=["a"]), doc("Widget/w", size=3, peers=["b"])
        found = plan_of(after, world={"Widget/w": live(before)})
        assert [[call.operation for call in step.calls] for step in found.steps] == [
            ["UpdateWidget"],
            ["UpdateWidget", "TagWidget"],
        ]


class TestTags:
    """The tags of a manifest."""

    def tagged(self, declared: dict[str, str], applied: dict[str, str], tags: dict[str, str]) -> Plan:
        """Return the plan where these are declared, were applied, and are live."""
        widget = doc("Widget/w", tags=declared)
        return plan_of(widget, world={"Widget/w": live(widget, applied={"name": "w", "tags": applied}, tags=tags)})

    def test_a_new_tag_is_one_call(self) -> None:
        """The mark is in the same call."""
        found = self.tagged({"a": "1", "b": "2"}, {"a": "1"}, {"a": "1"})
        assert calls(found) == ["TagWidget"]
        assert found.steps[0].calls[0].params["tags"].keys() == {"b", APPLIED}

    def test_an_applied_tag_that_is_no_longer_declared_is_removed(self) -> None:
        """The mark proves that we applied it."""
        found = self.tagged({"a": "1"}, {"a": "1", "b": "2"}, {"a": "1", "b": "2"})
        assert calls(found) == ["TagWidget", "UntagWidget"]
        assert found.steps[0].calls[1].params["keys"] == ["b"]

    def test_a_tag_that_we_never_applied_stays(self) -> None:
        """Another client added it."""
        assert self.tagged({"a": "1"}, {"a": "1"}, {"a": "1", "b": "2"}).steps == ()

    def test_an_absent_tag_is_not_removed_again(self) -> None:
        """One mark step records that it is gone."""
        assert calls(self.tagged({"a": "1"}, {"a": "1", "b": "2"}, {"a": "1"})) == ["TagWidget"]

    def test_the_last_tag_can_be_removed(self) -> None:
        """The manifest has no tags."""
        found = self.tagged({}, {"b": "2"}, {"b": "2"})
        assert "UntagWidget" in calls(found)


class TestReleased:
    """A map that has every key in AWS, and some keys in the manifest."""

    def knobs(self, declared: dict[str, str], applied: dict[str, str], knobs: dict[str, str]) -> Plan:
        """Return the plan where these are declared, were applied, and are live."""

        def spelled(pairs: dict[str, str]) -> list[dict[str, str]]:
            return [{"Key": key, "Value": value} for key, value in pairs.items()]

        widget = doc("Widget/w", knobs=spelled(declared))
        observed = live(widget, applied={"name": "w", "knobs": spelled(applied)}, knobs=spelled(knobs))
        return plan_of(widget, world={"Widget/w": observed})

    def test_a_key_that_left_the_document_is_reset(self) -> None:
        """The mark proves that we applied it."""
        found = self.knobs({"speed": "3"}, {"speed": "3", "colour": "red"}, {"speed": "3", "colour": "red"})
        (field,) = found.steps[0].fields
        assert (field.path, field.before, field.after, field.reason) == (("knobs", "colour"), "red", "grey", "pending")
        assert {"Key": "colour", "Value": "grey"} in found.steps[0].calls[0].params["knobs"]
        assert calls(found) == ["UpdateWidget", "TagWidget"]

    def test_the_last_key_can_leave_the_document(self) -> None:
        """Also where the document no longer has the member."""
        widget = doc("Widget/w")
        red = [{"Key": "colour", "Value": "red"}]
        found = plan_of(widget, world={"Widget/w": live(widget, applied={"name": "w", "knobs": red}, knobs=red)})
        assert [one.path for one in found.steps[0].fields] == [("knobs", "colour")]

    def test_a_key_with_the_value_of_aws_is_removed_from_the_mark_only(self) -> None:
        """Another client may set it from now on."""
        assert steps(self.knobs({}, {"colour": "red"}, {"colour": "grey"})) == [("Widget/w", "Mark")]

    def test_a_key_that_we_never_applied_stays(self) -> None:
        """Another client set it, or AWS."""
        assert self.knobs({"speed": "3"}, {"speed": "3"}, {"speed": "3", "colour": "red"}).steps == ()

    def test_a_key_without_a_known_default_stays(self) -> None:
        """It is removed from the mark only."""
        found = self.knobs({}, {"shape": "round"}, {"shape": "round"})
        assert steps(found) == [("Widget/w", "Mark")]

    def test_a_manual_change_of_one_key_is_drift(self) -> None:
        """Keys are compared one by one."""
        found = self.knobs({"speed": "3"}, {"speed": "3"}, {"speed": "4"})
        assert [one.reason for one in found.steps[0].fields] == ["drift"]
        assert calls(found) == ["UpdateWidget"]


class TestReverts:
    """A member that AWS keeps, and computes where it is not declared."""

    def plan(self, applied: Body, facts: Body | None = None, options: Options | None = None, **live_body: Any) -> Plan:
        """Return the plan of a document without the member, after it was applied."""
        widget = doc("Widget/w", options)
        observed = live(widget, applied={"name": "w", **applied}, **live_body)
        return plan_of(widget, world={"Widget/w": replace(observed, facts=facts or {})})

    def test_a_member_that_left_the_document_goes_back_to_the_value_of_aws(self) -> None:
        """The mark proves that we applied it; the value is a fact. The new mark ends it."""
        found = self.plan({"mode": "fast"}, {"modeOfAccount": "slow"}, mode="fast")
        (field,) = found.steps[0].fields
        assert (field.path, field.before, field.after, field.reason) == (("mode",), "fast", "slow", "pending")
        assert found.steps[0].calls[0].params["mode"] == "slow"
        assert calls(found) == ["UpdateWidget", "TagWidget"]

    def test_the_value_of_aws_may_be_an_empty_list(self) -> None:
        """An empty list is an absent member in the canonical form, and is sent nevertheless."""
        found = self.plan({"colours": ["red"]}, colours=["red"])
        assert [(one.path, one.after) for one in found.steps[0].fields] == [(("colours",), None)]
        assert found.steps[0].calls[0].params["colours"] == []

    def test_a_member_with_the_value_of_aws_is_removed_from_the_mark_only(self) -> None:
        """Another client may set it from now on."""
        assert steps(self.plan({"mode": "slow"}, {"modeOfAccount": "slow"}, mode="slow")) == [("Widget/w", "Mark")]

    def test_a_member_that_we_never_applied_stays(self) -> None:
        """Another client set it, or AWS."""
        assert self.plan({}, {"modeOfAccount": "slow"}, mode="fast").steps == ()

    def test_a_member_without_a_known_value_stays(self) -> None:
        """It is removed from the mark only."""
        assert steps(self.plan({"mode": "fast"}, mode="fast")) == [("Widget/w", "Mark")]

    def test_a_document_that_ignores_what_it_does_not_declare_keeps_it(self) -> None:
        """As for a member with a fixed default."""
        found = self.plan({"mode": "fast"}, {"modeOfAccount": "slow"}, Options(undeclared="ignore"), mode="fast")
        assert steps(found) == [("Widget/w", "Mark")]

    def test_an_ignored_member_keeps_its_value_also_where_another_one_is_written(self) -> None:
        """It belongs to another client from now on."""
        ignored = Options(ignore=(("mode",),))
        found = self.plan({"mode": "fast"}, {"modeOfAccount": "slow"}, ignored, mode="fast", colour="red")
        assert [one.path for one in found.steps[0].fields] == [("colour",)]
        assert "mode" not in found.steps[0].calls[0].params


class TestWriteOnly:
    """Values that AWS accepts and never returns."""

    def plan(self, now: Any, applied: Any, options: Options | None = None) -> Plan:
        """Return the plan of a document with a pin, after another was applied; the live body has none."""
        widget = doc("Widget/w", options, login={"user": "a", "pin": now})
        observed = live(widget, applied={"name": "w", "login": {"user": "a", "pin": applied}}, login={"user": "a"})
        return plan_of(widget, world={"Widget/w": observed})

    def test_a_changed_value_is_sent_once(self) -> None:
        """The mark has another hash; the value is redacted, and the new mark ends it."""
        found = self.plan("4711", "1234")
        (step,) = found.steps
        (field,) = step.fields
        assert (field.path, field.reason) == (("login", "pin"), "pending")
        assert "4711" not in repr(step.fields)
        assert step.calls[0].params["login"] == {"user": "a", "pin": "4711"}
        assert calls(found) == ["UpdateWidget", "TagWidget"]

    def test_an_unchanged_value_is_no_difference(self) -> None:
        """Even though the live body does not have it."""
        assert self.plan("4711", "4711").steps == ()

    def test_an_ignored_value_is_not_sent(self) -> None:
        """As at every other path."""
        assert steps(self.plan("4711", "1234", Options(ignore=(("login", "pin"),)))) == [("Widget/w", "Mark")]

    def test_without_a_supported_mark_the_value_is_not_sent(self) -> None:
        """An unknown origin is never a reason to write."""
        widget = doc("Widget/w", login={"pin": "4711"})
        observed = live(widget)
        assert observed.marks is not None
        unknown = replace(observed, marks=replace(observed.marks, applied=None))
        assert plan_of(widget, world={"Widget/w": unknown}).steps == ()


class TestReferences:
    """A reference to an output that changes in this plan is unresolved."""

    def test_a_revision_and_its_user_are_one_plan(self) -> None:
        """The id of the new revision is known after the first step."""
        old, new = doc("Recipe/r", image="1"), doc("Recipe/r", image="2")
        widget = doc("Widget/w", recipe=to("Recipe/r"))
        world = {"Recipe/r": live(old), "Widget/w": live(widget, recipe="recipe-r")}
        found = plan_of(new, widget, world=world)
        assert steps(found) == [("Recipe/r", "Update"), ("Widget/w", "Update")]
        assert found.steps[1].after == {StepId(key=at("Recipe/r"))}
        assert found.steps[1].calls[0].params == {"id": "widget-w", "recipe": to("Recipe/r")}
        (field,) = found.steps[1].fields
        assert (field.before, field.after, field.reason) == ("recipe-r", to("Recipe/r"), "pending")

    def test_an_output_that_does_not_change_is_resolved(self) -> None:
        """A new revision keeps its name."""
        old, new = doc("Recipe/r", image="1"), doc("Recipe/r", image="2")
        widget = doc("Widget/w", recipe=to("Recipe/r", "name"))
        world = {"Recipe/r": live(old), "Widget/w": live(widget, recipe="r")}
        assert steps(plan_of(new, widget, world=world)) == [("Recipe/r", "Update")]

    def test_a_withheld_step_invalidates_no_output(self) -> None:
        """The replacement does not happen: the id stays, and its user has no step."""
        widget, gadget = doc("Widget/w", zone="a"), doc("Gadget/g", widget=to("Widget/w"))
        world = {"Widget/w": live(widget, zone="b"), "Gadget/g": live(gadget, widget="widget-w")}
        held = plan_of(widget, gadget, world=world, policies=(replacing,))
        assert held.steps == ()
        assert [str(one.step.id) for one in held.withheld] == ["Widget/w"]
        assert steps(plan_of(widget, gadget, world=world)) == [("Widget/w", "Replace"), ("Gadget/g", "Update")]

    def test_marks_record_unresolved_references(self) -> None:
        """A new value of a reference keeps the mark of its user."""
        widget = doc("Widget/w", recipe=to("Recipe/r"))
        world = {"Recipe/r": live(doc("Recipe/r")), "Widget/w": live(widget, recipe="recipe-0")}
        assert calls(plan_of(doc("Recipe/r"), widget, world=world)) == ["UpdateWidget"]

    def test_a_cycle_is_raised(self) -> None:
        """The caller blocks the application."""
        documents = (doc("Gadget/a", x=to("Gadget/b")), doc("Gadget/b", x=to("Gadget/a")))
        with pytest.raises(Cycle):
            plan_of(*documents, world={"Gadget/a": Absent(), "Gadget/b": Absent()})


class TestReasons:
    """Drift, pending, lookup."""

    def reason(self, document: Any, observed: Any, *others: Any, world: Any = None, **more: Any) -> str:
        """Return the reason of the one field that differs."""
        found = plan_of(document, *others, world={str(document.key): observed, **(world or {})}, **more)
        (field,) = next(step for step in found.steps if step.id.key == document.key).fields
        return field.reason

    def test_a_manual_change_is_drift(self) -> None:
        """The applied value is the declared one; the live value is another."""
        widget = doc("Widget/w", size=2)
        assert self.reason(widget, live(widget, size=3)) == "drift"

    def test_a_change_of_the_manifest_is_pending(self) -> None:
        """The applied value is not the declared one."""
        assert self.reason(doc("Widget/w", size=3), live(doc("Widget/w", size=2))) == "pending"

    def test_a_difference_of_a_newly_created_resource_is_pending(self) -> None:
        """A crash between two calls of a create is no drift."""
        widget = doc("Widget/w", size=2)
        assert self.reason(widget, live(widget, size=3), newly_created=frozenset({widget.key})) == "pending"

    @pytest.mark.parametrize(
        ("net", "reason"),
        [
            ({"a": "lookup-l", "b": 2}, "drift"),
            ({"a": "old", "b": 1}, "lookup"),
            ({"a": "lookup-l", "b": 1, "c": 1}, "drift"),
        ],
        ids=["beside the reference", "the reference", "not declared"],
    )
    def test_the_reason_lookup_is_for_the_reference_alone(self, net: Any, reason: str) -> None:
        """A value beside it in the same block is drift."""
        lookup, widget = doc("Lookup/l"), doc("Widget/w", net={"a": to("Lookup/l"), "b": 1})
        assert self.reason(widget, live(widget, net=net), lookup, world={"Lookup/l": live(lookup)}) == reason

    def test_the_reason_pending_is_for_the_reference_alone(self) -> None:
        """A value beside it in the same block is drift."""
        recipe = doc("Recipe/r", image="2")
        widget = doc("Widget/w", net={"a": to("Recipe/r"), "b": 1})
        world = {"Recipe/r": live(doc("Recipe/r", image="1")), "Widget/w": live(widget, net={"a": "recipe-r", "b": 2})}
        found = plan_of(recipe, widget, world=world)
        fields = next(step for step in found.steps if step.id.key == widget.key).fields
        assert {one.path: one.reason for one in fields} == {("net", "a"): "pending", ("net", "b"): "drift"}

    @pytest.mark.parametrize(("before", "reason"), [("lookup-l", "drift"), ("lookup-0", "lookup"), (None, "lookup")])
    def test_a_lookup_with_its_last_value_is_not_the_reason(self, before: str | None, reason: str) -> None:
        """Without a last value, it may have changed."""
        lookup, widget = doc("Lookup/l"), doc("Widget/w", net=to("Lookup/l"))
        looked = {widget.key: {Ref(at("Lookup/l"), "id"): before}} if before else {}
        world = {"Lookup/l": live(lookup)}
        assert self.reason(widget, live(widget, net="old"), lookup, world=world, last_lookups=looked) == reason

    def test_a_changed_lookup_is_the_reason(self) -> None:
        """Neither the manifest nor the resource changed."""
        lookup, widget = doc("Lookup/l"), doc("Widget/w", net=to("Lookup/l"))
        world = {"Lookup/l": live(lookup)}
        assert self.reason(widget, live(widget, net="old"), lookup, world=world) == "lookup"

    def test_a_manual_change_of_one_tag_is_drift(self) -> None:
        """Tags are compared one by one."""
        widget = doc("Widget/w", tags={"a": "1", "b": "2"})
        assert self.reason(widget, live(widget, tags={"a": "1", "b": "3"})) == "drift"
