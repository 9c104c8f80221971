"""What a plan says of fields, tags, marks and references."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from ecsync.core.graph import Cycle
from ecsync.core.marks import APPLIED, OWNER
from ecsync.core.model import Absent, Adopt, Create, Mark, Marks, Options, Plan, Present, Ref, StepId
from ecsync.core.policy import replacing
from tests.core.tiny import at, bare, calls, doc, live, plan_of, steps, to


def ownership_of(document: Any) -> str:
    """Return what the mark says after a create from the document."""
    (step,) = plan_of(document, world={str(document.key.kind) + "/" + document.key.name: Absent()}).steps
    assert isinstance(step.change, Create)
    return str(step.change.marks[APPLIED])


class TestMarks:
    """What our marks say, and what they are never a reason for."""

    def test_an_unknown_format_is_never_a_write(self) -> None:
        """A mark of a newer version, on a resource that is in sync."""
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
    def test_the_same_in_other_words_is_no_reason_to_write(self, written: dict[str, Any]) -> None:
        """A default written down, another order: what AWS prints can be pasted over what was written."""
        before = {name: list(reversed(value)) for name, value in written.items() if isinstance(value, list)}
        widget = doc("Widget/w", **written)
        assert plan_of(widget, world={"Widget/w": live(widget, applied={"name": "w", **before})}).steps == ()

    def test_an_undeclared_member_that_somebody_changed_is_drift(self) -> None:
        """The mark need not speak of it."""
        widget = doc("Widget/w", net="a")
        found = plan_of(widget, world={"Widget/w": live(widget, size=7)})
        assert [one.reason for one in found.steps[0].fields] == ["drift"]

    def test_a_default_that_is_declared_of_what_was_adopted_otherwise_is_pending(self) -> None:
        """It was left as it was found until now: nobody changed it."""
        widget = doc("Widget/w", net="a", size=1)
        observed = live(widget, applied={"name": "w", "net": "a"}, size=7)
        assert observed.marks is not None
        assert observed.marks.applied is not None
        adopted = replace(observed.marks, applied=replace(observed.marks.applied, adopted=True))
        found = plan_of(widget, world={"Widget/w": replace(observed, marks=adopted)})
        assert [one.reason for one in found.steps[0].fields] == ["pending"]

    def test_what_aws_decided_may_be_written_down(self) -> None:
        """It was left to AWS, and is the same: what describe prints can be pasted over what was written."""
        widget = doc("Widget/w", address="10.0.0.1", net={"port": 1, "zone": "a"})
        before = {"name": "w", "net": {"zone": "a"}}
        found = plan_of(widget, world={"Widget/w": live(widget, applied=before)})
        assert found.steps == ()

    def test_what_aws_decided_and_is_written_down_no_more_is_no_reason_to_write(self) -> None:
        """It is left alone from now on."""
        widget = doc("Widget/w")
        found = plan_of(widget, world={"Widget/w": live(widget, applied={"name": "w", "address": "1"}, address="1")})
        assert found.steps == ()

    def test_with_the_next_change_the_mark_takes_the_very_words(self) -> None:
        """Where nothing else is to be written, it waits."""
        widget = doc("Widget/w", size=3, address="10.0.0.1")
        observed = live(widget, applied={"name": "w", "size": 2}, size=2)
        found = plan_of(widget, world={"Widget/w": observed})
        assert calls(found) == ["UpdateWidget", "TagWidget"]
        assert found.steps[0].calls[1].params["tags"][APPLIED] == ownership_of(widget)

    def test_hashes_of_another_form_are_no_reason_to_write(self) -> None:
        """An upgrade whose rules make the document another one writes nothing."""
        widget = doc("Widget/w", size=2, tags={"a": "1"})
        assert (
            plan_of(widget, world={"Widget/w": self.of_form(2, {"name": "w", "size": 3, "tags": {"a": "7"}})}).steps
            == ()
        )

    def test_keys_are_ours_to_remove_in_every_form(self) -> None:
        """A name's hash is of no form: one that the mark lacks is marked, and one that left goes."""
        widget = doc("Widget/w", size=2, tags={"a": "1"})
        lacking = plan_of(widget, world={"Widget/w": self.of_form(2, {"name": "w", "size": 2})})
        assert steps(lacking) == [("Widget/w", "Mark")]
        more = plan_of(widget, world={"Widget/w": self.of_form(2, {"name": "w", "tags": {"a": "1", "b": "2"}})})
        assert steps(more) == [("Widget/w", "Mark")]

    def of_form(self, form: int, applied: dict[str, Any]) -> Present:
        """Return a resource in sync whose mark is of another form."""
        observed = live(doc("Widget/w", size=2, tags={"a": "1"}), applied=applied)
        assert observed.marks is not None
        assert observed.marks.applied is not None
        mark = replace(observed.marks, applied=replace(observed.marks.applied, form=form))
        return replace(observed, marks=mark)

    def test_a_renamed_document_takes_its_resource_along(self) -> None:
        """Nobody declares the old name any more: one mark, no change."""
        widget = doc("Widget/new", name="w")
        found = plan_of(widget, world={"Widget/new": live(widget, owner="v1/prod/shop/Widget/old")})
        (step,) = found.steps
        assert isinstance(step.change, Mark)
        assert step.calls[0].params["tags"] == {OWNER: "v1/prod/shop/Widget/new"}

    def test_an_adopted_resource_says_so(self) -> None:
        """Its undeclared members stay as they were found, on this pass and on all others."""
        widget = doc("Widget/w", net="a")
        (step,) = plan_of(widget, world={"Widget/w": bare(widget, size=7)}).steps
        assert isinstance(step.change, Adopt)
        assert step.change.marks[APPLIED].startswith("1a:")

    def test_a_document_that_is_to_be_retained_says_so(self) -> None:
        """The mark remembers it when the document is gone."""
        (step,) = plan_of(doc("Widget/w", Options(deletion="retain")), world={"Widget/w": Absent()}).steps
        assert isinstance(step.change, Create)
        assert step.change.marks[APPLIED].startswith("1r:")

    @pytest.mark.parametrize("member", ["tags", "knobs"])
    def test_the_first_keys_that_are_declared_are_pending_and_the_last_that_go_are_drift(self, member: str) -> None:
        """A block that is on one side only differs as a whole, and is asked for key by key."""
        keys: dict[str, Any] = {"tags": {"a": "1"}, "knobs": [{"Key": "a", "Value": "1"}]}
        declared, nothing = {member: keys[member]}, dict.fromkeys([member], "")
        widget = doc("Widget/w", **declared)
        found = {
            when: plan_of(widget, world={"Widget/w": live(widget, applied=applied, **nothing)})
            for when, applied in (("before", {"name": "w"}), ("after", {"name": "w", **declared}))
        }
        told = {when: [(one.path, one.reason) for one in plan.steps[0].fields] for when, plan in found.items()}
        assert told == {"before": [((member,), "pending")], "after": [((member,), "drift")]}

    def test_repairing_drift_changes_no_mark(self) -> None:
        """What was applied is what is declared."""
        widget = doc("Widget/w", size=2)
        assert calls(plan_of(widget, world={"Widget/w": live(widget, size=3)})) == ["UpdateWidget"]

    def test_a_change_of_the_manifest_is_marked_last(self) -> None:
        """A mark says what is done."""
        before, after = doc("Widget/w", size=2), doc("Widget/w", size=3)
        assert calls(plan_of(after, world={"Widget/w": live(before)})) == ["UpdateWidget", "TagWidget"]

    def test_with_a_late_part_the_mark_comes_with_that(self) -> None:
        """The main step leaves it stale, so that a crash between the two is seen."""
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
        """With the mark in it, and nothing else is written."""
        found = self.tagged({"a": "1", "b": "2"}, {"a": "1"}, {"a": "1"})
        assert calls(found) == ["TagWidget"]
        assert found.steps[0].calls[0].params["tags"].keys() == {"b", APPLIED}

    def test_a_tag_that_we_applied_and_nobody_declares_is_removed(self) -> None:
        """In applied and not in desired is ours to remove."""
        found = self.tagged({"a": "1"}, {"a": "1", "b": "2"}, {"a": "1", "b": "2"})
        assert calls(found) == ["TagWidget", "UntagWidget"]
        assert found.steps[0].calls[1].params["keys"] == ["b"]

    def test_a_tag_that_we_never_applied_stays(self) -> None:
        """Whoever put it on."""
        assert self.tagged({"a": "1"}, {"a": "1"}, {"a": "1", "b": "2"}).steps == ()

    def test_a_tag_that_is_gone_already_is_not_removed_again(self) -> None:
        """One mark, so that it is forgotten."""
        assert calls(self.tagged({"a": "1"}, {"a": "1", "b": "2"}, {"a": "1"})) == ["TagWidget"]

    def test_the_last_tag_can_go(self) -> None:
        """Without any tags in the manifest."""
        found = self.tagged({}, {"b": "2"}, {"b": "2"})
        assert "UntagWidget" in calls(found)


class TestReleased:
    """A map of which AWS has every key, and the manifest some."""

    def knobs(self, declared: dict[str, str], applied: dict[str, str], knobs: dict[str, str]) -> Plan:
        """Return the plan where these are declared, were applied, and are live."""

        def spelled(pairs: dict[str, str]) -> list[dict[str, str]]:
            return [{"Key": key, "Value": value} for key, value in pairs.items()]

        widget = doc("Widget/w", knobs=spelled(declared))
        observed = live(widget, applied={"name": "w", "knobs": spelled(applied)}, knobs=spelled(knobs))
        return plan_of(widget, world={"Widget/w": observed})

    def test_a_key_that_left_the_document_goes_back_to_what_aws_has(self) -> None:
        """In applied and not in desired is ours to take back."""
        found = self.knobs({"speed": "3"}, {"speed": "3", "colour": "red"}, {"speed": "3", "colour": "red"})
        (field,) = found.steps[0].fields
        assert (field.path, field.before, field.after, field.reason) == (("knobs", "colour"), "red", "grey", "pending")
        assert {"Key": "colour", "Value": "grey"} in found.steps[0].calls[0].params["knobs"]
        assert calls(found) == ["UpdateWidget", "TagWidget"]

    def test_the_last_key_can_leave(self) -> None:
        """Also where the document has no such member any more."""
        widget = doc("Widget/w")
        red = [{"Key": "colour", "Value": "red"}]
        found = plan_of(widget, world={"Widget/w": live(widget, applied={"name": "w", "knobs": red}, knobs=red)})
        assert [one.path for one in found.steps[0].fields] == [("knobs", "colour")]

    def test_a_key_that_has_what_aws_has_is_only_forgotten(self) -> None:
        """One mark, so that whoever sets it next may."""
        assert steps(self.knobs({}, {"colour": "red"}, {"colour": "grey"})) == [("Widget/w", "Mark")]

    def test_a_key_that_we_never_applied_stays(self) -> None:
        """Somebody else's, or AWS's own."""
        assert self.knobs({"speed": "3"}, {"speed": "3"}, {"speed": "3", "colour": "red"}).steps == ()

    def test_a_key_of_which_we_do_not_know_what_aws_has_stays(self) -> None:
        """It is forgotten, and left as it is."""
        found = self.knobs({}, {"shape": "round"}, {"shape": "round"})
        assert steps(found) == [("Widget/w", "Mark")]

    def test_one_key_that_somebody_changed(self) -> None:
        """Keys count one by one."""
        found = self.knobs({"speed": "3"}, {"speed": "3"}, {"speed": "4"})
        assert [one.reason for one in found.steps[0].fields] == ["drift"]
        assert calls(found) == ["UpdateWidget"]


class TestWriteOnly:
    """What AWS takes and never tells."""

    def plan(self, now: Any, applied: Any, options: Options | None = None) -> Plan:
        """Return the plan of a document with a pin, where another was applied; live tells of none."""
        widget = doc("Widget/w", options, login={"user": "a", "pin": now})
        observed = live(widget, applied={"name": "w", "login": {"user": "a", "pin": applied}}, login={"user": "a"})
        return plan_of(widget, world={"Widget/w": observed})

    def test_another_one_is_sent(self) -> None:
        """Seen by the mark alone, told masked, and marked, so that it is sent once."""
        found = self.plan("4711", "1234")
        (step,) = found.steps
        (field,) = step.fields
        assert (field.path, field.reason) == (("login", "pin"), "pending")
        assert "4711" not in repr(step.fields)
        assert step.calls[0].params["login"] == {"user": "a", "pin": "4711"}
        assert calls(found) == ["UpdateWidget", "TagWidget"]

    def test_the_same_one_is_no_difference(self) -> None:
        """Though live has none."""
        assert self.plan("4711", "4711").steps == ()

    def test_one_that_is_to_be_ignored_is_not_sent(self) -> None:
        """As any other path."""
        assert steps(self.plan("4711", "1234", Options(ignore=(("login", "pin"),)))) == [("Widget/w", "Mark")]

    def test_without_a_mark_that_we_know_it_is_not_sent(self) -> None:
        """Origin unknown is never a reason to write."""
        widget = doc("Widget/w", login={"pin": "4711"})
        observed = live(widget)
        assert observed.marks is not None
        unknown = replace(observed, marks=replace(observed.marks, applied=None))
        assert plan_of(widget, world={"Widget/w": unknown}).steps == ()


class TestReferences:
    """A reference to what changes in this plan is not its old value."""

    def test_a_revision_and_its_user_are_one_plan(self) -> None:
        """The new revision's id is known after the first step."""
        old, new = doc("Recipe/r", image="1"), doc("Recipe/r", image="2")
        widget = doc("Widget/w", recipe=to("Recipe/r"))
        world = {"Recipe/r": live(old), "Widget/w": live(widget, recipe="recipe-r")}
        found = plan_of(new, widget, world=world)
        assert steps(found) == [("Recipe/r", "Update"), ("Widget/w", "Update")]
        assert found.steps[1].after == {StepId(key=at("Recipe/r"))}
        assert found.steps[1].calls[0].params == {"id": "widget-w", "recipe": to("Recipe/r")}
        (field,) = found.steps[1].fields
        assert (field.before, field.after, field.reason) == ("recipe-r", to("Recipe/r"), "pending")

    def test_an_output_that_does_not_change_is_its_value(self) -> None:
        """The name of a recipe stays what it is."""
        old, new = doc("Recipe/r", image="1"), doc("Recipe/r", image="2")
        widget = doc("Widget/w", recipe=to("Recipe/r", "name"))
        world = {"Recipe/r": live(old), "Widget/w": live(widget, recipe="r")}
        assert steps(plan_of(new, widget, world=world)) == [("Recipe/r", "Update")]

    def test_what_is_withheld_invalidates_nothing(self) -> None:
        """The replacement does not happen, so the id stays, and its user has nothing to do."""
        widget, gadget = doc("Widget/w", zone="a"), doc("Gadget/g", widget=to("Widget/w"))
        world = {"Widget/w": live(widget, zone="b"), "Gadget/g": live(gadget, widget="widget-w")}
        held = plan_of(widget, gadget, world=world, policies=(replacing,))
        assert held.steps == ()
        assert [str(one.step.id) for one in held.withheld] == ["Widget/w"]
        assert steps(plan_of(widget, gadget, world=world)) == [("Widget/w", "Replace"), ("Gadget/g", "Update")]

    def test_marks_are_made_of_references_as_they_are_written(self) -> None:
        """A new value leaves the user's mark alone."""
        widget = doc("Widget/w", recipe=to("Recipe/r"))
        world = {"Recipe/r": live(doc("Recipe/r")), "Widget/w": live(widget, recipe="recipe-0")}
        assert calls(plan_of(doc("Recipe/r"), widget, world=world)) == ["UpdateWidget"]

    def test_a_circle_is_raised(self) -> None:
        """The caller holds the application."""
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

    def test_somebody_changed_it(self) -> None:
        """Applied is desired, and live is something else."""
        widget = doc("Widget/w", size=2)
        assert self.reason(widget, live(widget, size=3)) == "drift"

    def test_we_have_not_applied_it_yet(self) -> None:
        """Applied is something else."""
        assert self.reason(doc("Widget/w", size=3), live(doc("Widget/w", size=2))) == "pending"

    def test_what_we_made_a_moment_ago_is_not_complete_yet(self) -> None:
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
    def test_only_what_a_reference_says_has_its_reason(self, net: Any, reason: str) -> None:
        """What stands beside it in the same block was changed by somebody."""
        lookup, widget = doc("Lookup/l"), doc("Widget/w", net={"a": to("Lookup/l"), "b": 1})
        assert self.reason(widget, live(widget, net=net), lookup, world={"Lookup/l": live(lookup)}) == reason

    def test_what_changes_in_this_plan_is_the_reason_of_what_refers_to_it_alone(self) -> None:
        """A neighbour in the same block drifted by itself."""
        recipe = doc("Recipe/r", image="2")
        widget = doc("Widget/w", net={"a": to("Recipe/r"), "b": 1})
        world = {"Recipe/r": live(doc("Recipe/r", image="1")), "Widget/w": live(widget, net={"a": "recipe-r", "b": 2})}
        found = plan_of(recipe, widget, world=world)
        fields = next(step for step in found.steps if step.id.key == widget.key).fields
        assert {one.path: one.reason for one in fields} == {("net", "a"): "pending", ("net", "b"): "drift"}

    @pytest.mark.parametrize(("before", "reason"), [("lookup-l", "drift"), ("lookup-0", "lookup"), (None, "lookup")])
    def test_a_lookup_that_is_worth_what_it_was_moved_nothing(self, before: str | None, reason: str) -> None:
        """Where that is known, somebody changed the resource; otherwise it may have been the lookup."""
        lookup, widget = doc("Lookup/l"), doc("Widget/w", net=to("Lookup/l"))
        looked = {widget.key: {Ref(at("Lookup/l"), "id"): before}} if before else {}
        world = {"Lookup/l": live(lookup)}
        assert self.reason(widget, live(widget, net="old"), lookup, world=world, last_lookups=looked) == reason

    def test_what_we_look_up_moved(self) -> None:
        """Nobody changed the manifest, nobody changed the resource."""
        lookup, widget = doc("Lookup/l"), doc("Widget/w", net=to("Lookup/l"))
        world = {"Lookup/l": live(lookup)}
        assert self.reason(widget, live(widget, net="old"), lookup, world=world) == "lookup"

    def test_one_tag_that_somebody_changed(self) -> None:
        """Tags count one by one."""
        widget = doc("Widget/w", tags={"a": "1", "b": "2"})
        assert self.reason(widget, live(widget, tags={"a": "1", "b": "3"})) == "drift"
