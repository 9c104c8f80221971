"""What is ours and declared no more: in the order that live bodies give, and only on a word."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from ecsync.core import deletes
from ecsync.core.kind import Owned
from ecsync.core.model import Application, Desired, Forget, Options, Plan, Present, Sync
from ecsync.core.policy import standard
from tests.core.tiny import at, calls, doc, inputs, live, plan_of, to


def orphan(document: Desired, **body: Any) -> Owned:
    """Return a resource that its document has left."""
    present = live(document, **body)
    assert present.marks is not None
    return Owned(marks=present.marks, natural=str(document.body["name"]), present=present)


WIDGET = orphan(doc("Widget/w"))
GADGET = orphan(doc("Gadget/g"), widget="widget-w")


def pruned(*orphans: Owned, **more: Any) -> Plan:
    """Return the plan that removes them."""
    return plan_of(*more.pop("documents", ()), world=more.pop("world", {}), orphans=orphans, **more)


def names(found: Plan) -> list[str]:
    """Return what is removed, in order."""
    return [str(step.id.key) for step in found.steps]


def behind(found: Plan, index: int) -> set[str]:
    """Return what a step waits for."""
    return {str(one.key) for one in found.steps[index].after}


class TestOrder:
    """Users first."""

    @pytest.mark.parametrize("listed", [(WIDGET, GADGET), (GADGET, WIDGET)], ids=["used first", "user first"])
    def test_what_is_used_goes_after_its_user(self, listed: tuple[Owned, ...]) -> None:
        """In whatever order they are listed; the live body says who uses what."""
        found = pruned(*listed)
        assert names(found) == ["Gadget/g", "Widget/w"]
        assert behind(found, 1) == {"Gadget/g"}
        assert behind(found, 0) == set()

    @pytest.mark.parametrize("first", ["a", "b"])
    def test_a_circle_begins_with_the_first_that_is_listed(self, first: str) -> None:
        """The first waits for no other orphan: AWS decides if it can be deleted."""
        second = "b" if first == "a" else "a"
        found = pruned(
            orphan(doc(f"Gadget/{first}"), parent=f"gadget-{second}"),
            orphan(doc(f"Gadget/{second}"), parent=f"gadget-{first}"),
        )
        assert names(found) == [f"Gadget/{first}", f"Gadget/{second}"]
        assert [behind(found, index) for index in range(2)] == [set(), {f"Gadget/{first}"}]

    def test_what_a_declared_resource_uses_waits_for_its_change(self) -> None:
        """It lets go first."""
        gadget = doc("Gadget/g")
        found = pruned(WIDGET, documents=(gadget,), world={"Gadget/g": live(gadget, widget="widget-w")})
        assert [type(step.change).__name__ for step in found.steps] == ["Update", "Delete"]
        assert behind(found, 1) == {"Gadget/g"}

    def test_what_a_circle_uses_goes_after_its_user(self) -> None:
        """Only an edge of the circle itself is given up."""
        first = orphan(doc("Gadget/a"), parent="gadget-b", widget="widget-w")
        found = pruned(WIDGET, first, orphan(doc("Gadget/b"), parent="gadget-a"))
        assert names(found) == ["Gadget/a", "Widget/w", "Gadget/b"]
        assert [behind(found, index) for index in range(3)] == [set(), {"Gadget/a"}, {"Gadget/a"}]

    def test_two_orphans_with_one_mark_are_both_deleted(self) -> None:
        """A mark may have been copied: each resource is a deletion of its own, after the users of either."""
        other = orphan(doc("Widget/w"))
        other = replace(other, present=replace(other.present, outputs={"id": "widget-2"}))
        found = pruned(WIDGET, other, orphan(doc("Gadget/g"), widget="widget-2"))
        assert names(found) == ["Gadget/g", "Widget/w", "Widget/w"]
        assert [call.params["id"] for step in found.steps[1:] for call in step.calls] == ["widget-w", "widget-2"]
        assert [behind(found, index) for index in (1, 2)] == [{"Gadget/g"}, {"Gadget/g"}]


class TestRetain:
    """What is to stay only loses our marks."""

    def test_the_mark_remembers(self) -> None:
        """The document said `ecsync/deletion: retain` while it was there."""
        present = live(doc("Widget/w"))
        retained = Present(body=present.body, outputs=present.outputs, marks=_retained(present))
        assert retained.marks is not None
        (step,) = pruned(Owned(marks=retained.marks, natural="w", present=retained)).steps
        assert isinstance(step.change, Forget)
        assert [call.operation for call in step.calls] == ["UntagWidget"]

    def test_the_document_decides_while_it_is_there(self) -> None:
        """`ecsync/state: absent` with retain takes the marks off."""
        for deletion, operation in (("retain", "UntagWidget"), ("delete", "DeleteWidget")):
            widget = doc("Widget/w", Options(state="absent", deletion=deletion))  # type: ignore[arg-type]
            assert calls(plan_of(widget, world={"Widget/w": live(widget)})) == [operation]


def _retained(present: Present) -> Any:
    assert present.marks is not None
    assert present.marks.applied is not None
    return replace(present.marks, applied=replace(present.marks.applied, retain=True))


class TestPolicy:
    """Only on an explicit word, from a source that was read whole."""

    def held(self, prune: bool, forbidden: str = "") -> list[str]:
        """Return why an orphan is withheld."""
        application = Application(name="shop", sync=Sync(mode="enforce", prune=prune))
        found = pruned(WIDGET, application=application, policies=standard(prune=forbidden))
        return [one.reason for one in found.withheld]

    def test_prune_is_off(self) -> None:
        """The reason names the word."""
        assert self.held(prune=False) == [
            "not deleted: no longer declared, and prune is off (set sync.prune: true in its Application document)"
        ]

    def test_prune_is_on(self) -> None:
        """Nothing holds it."""
        assert self.held(prune=True) == []

    def test_the_source_is_not_trusted(self) -> None:
        """Prune or not."""
        assert self.held(prune=True, forbidden="the source cannot be read") == ["the source cannot be read"]


def test_what_carries_no_key_of_ours_is_left() -> None:
    """A kind that this version does not know, or an owner in another format."""
    for owner in ("v1/prod/shop/Unknown/x", "v2/whatever"):
        stranger = replace(WIDGET, marks=replace(WIDGET.marks, owner=owner))
        assert pruned(stranger).steps == ()


def test_links_are_what_the_table_says_it_refers_to() -> None:
    """Single values and elements of lists; nothing where nothing is written."""
    here = inputs()
    present = live(doc("Gadget/g"), widget="a", widgets=["b", "c"], colour="d")
    assert deletes.links(here, at("Gadget/g"), present) == {("Widget", "a"), ("Widget", "b"), ("Widget", "c")}
    assert deletes.links(here, at("Gadget/g"), live(doc("Gadget/g", widget=to("Widget/w")))) == set()
