"""References become values when their values are known."""

from __future__ import annotations

from typing import Any

import pytest

from ecsync.core.model import Absent, Ref, Text
from ecsync.core.resolve import resolve
from ecsync.core.trees import pattern
from tests.core.tiny import at, doc, inputs, live, to

KNOWN = {"arn": "arn:1", "subnets": ("subnet-a", "subnet-b")}


def ref(output: str) -> Ref:
    """Return a reference to an output."""
    return Ref(at("Lookup/net"), output)


def text(*parts: str | Ref) -> Text:
    """Return a text with references in it."""
    return Text(parts)


@pytest.mark.parametrize(
    ("value", "resolved"),
    [
        ("plain", "plain"),
        (text(ref("arn")), "arn:1"),
        (text("a ", ref("arn"), " b"), "a arn:1 b"),
        (text(ref("arn"), ref("arn")), "arn:1arn:1"),
        (text(ref("unknown")), text(ref("unknown"))),
        (text("a ", ref("arn"), ref("unknown")), text("a arn:1", ref("unknown"))),
        # lists
        (text(ref("subnets")), ["subnet-a", "subnet-b"]),
        ([text(ref("subnets"))], ["subnet-a", "subnet-b"]),
        (["x", text(ref("subnets")), "y"], ["x", "subnet-a", "subnet-b", "y"]),
        (["x", text(ref("unknown"))], ["x", text(ref("unknown"))]),
        (text("in ", ref("subnets")), "in subnet-a,subnet-b"),
        ({"deep": [{"x": text(ref("arn"))}]}, {"deep": [{"x": "arn:1"}]}),
    ],
)
def test_a_value_replaces_its_reference(value: Any, resolved: Any) -> None:
    """A list is spliced into a list, joined inside a text, and kept where it is alone."""
    assert resolve({"m": value}, lambda one: KNOWN.get(one.output)) == {"m": resolved}


@pytest.mark.parametrize("commas", ["m", pattern("m")])
def test_a_list_is_one_string_where_aws_has_a_string(commas: Any) -> None:
    """With commas, at that place only."""
    body = {"m": text(ref("subnets")), "n": text(ref("subnets"))}
    assert resolve(body, lambda one: KNOWN.get(one.output), [commas]) == {
        "m": "subnet-a,subnet-b",
        "n": ["subnet-a", "subnet-b"],
    }


class TestInputs:
    """The value of a reference in a plan."""

    def test_a_live_output_is_its_value(self) -> None:
        """From the last read."""
        widget = doc("Widget/w")
        assert inputs(widget, world={"Widget/w": live(widget)}).value_of(Ref(at("Widget/w"), "id")) == "widget-w"

    def test_a_name_is_known_before_the_create(self) -> None:
        """It follows from the body; the id does not."""
        here = inputs(doc("Widget/w", name="the-widget"), world={"Widget/w": Absent()})
        assert here.value_of(Ref(at("Widget/w"), "name")) == "the-widget"
        assert here.value_of(Ref(at("Widget/w"), "id")) is None

    def test_the_output_of_an_undeclared_resource_is_unknown(self) -> None:
        """It stays a reference."""
        assert inputs().value_of(Ref(at("Widget/w"), "name")) is None

    def test_an_output_that_is_about_to_change_is_unresolved(self) -> None:
        """Its value is known after the apply."""
        widget, gadget = doc("Widget/w"), doc("Gadget/g", widget=to("Widget/w"))
        here = inputs(widget, gadget, world={"Widget/w": live(widget)})
        assert here.resolved(gadget).body["widget"] == "widget-w"
        assert here.resolved(gadget, {(at("Widget/w"), "id")}).body["widget"] == to("Widget/w")
        assert here.resolved(gadget, {(at("Widget/w"), "name")}).body["widget"] == "widget-w"

    def test_a_document_of_another_application_has_values(self) -> None:
        """`lookups` are resolved as our own documents are."""
        other = doc("Widget/w", name="theirs")
        assert inputs(lookups=(other,)).value_of(Ref(at("Widget/w"), "name")) == "theirs"
