"""Orphans: deleted in the order of their live bodies, and only if prune is on."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from ecsync.core import deletes
from ecsync.core.kind import Owned
from ecsync.core.model import Application, Desired, Forget, Options, Present, Sync
from ecsync.core.outcome import Plan
from ecsync.core.policy import standard
from tests.core.tiny import at, calls, doc, inputs, live, plan_of, to


def orphan(document: Desired, **body: Any) -> Owned:
    """Return an owned resource without its document."""
    present = live(document, **body)
    assert present.marks is not None
    return Owned(marks=present.marks, natural=str(document.body["name"]), present=present)


WIDGET = orphan(doc("Widget/w"))
GADGET = orphan(doc("Gadget/g"), widget="widget-w")


def pruned(*orphans: Owned, **more: Any) -> Plan:
    """Return the plan that deletes the orphans."""
    return plan_of(*more.pop("documents", ()), world=more.pop("world", {}), orphans=orphans, **more)


def names(found: Plan) -> list[str]:
    """Return the keys of the steps, in order."""
    return [str(step.id.key) for step in found.steps]


def behind(found: Plan, index: int) -> set[str]:
    """Return the keys that a step waits for."""
    return {str(one.key) for one in found.steps[index].after}


class TestOrder:
    """Users are deleted first."""

    @pytest.mark.parametrize("listed", [(WIDGET, GADGET), (GADGET, WIDGET)], ids=["used first", "user first"])
    def test_a_resource_is_deleted_after_its_user(self, listed: tuple[Owned, ...]) -> None:
        """The order of the list has no effect: the live body has the references."""
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

    def test_an_orphan_that_a_declared_resource_uses_waits_for_its_update(self) -> None:
        """The update removes the reference first."""
        gadget = doc("Gadget/g")
        found = pruned(WIDGET, documents=(gadget,), world={"Gadget/g": live(gadget, widget="widget-w")})
        assert [type(step.change).__name__ for step in found.steps] == ["Update", "Delete"]
        assert behind(found, 1) == {"Gadget/g"}

    def test_a_resource_that_a_circle_uses_is_deleted_after_its_user(self) -> None:
        """Only an edge of the circle itself is removed."""
        first = orphan(doc("Gadget/a"), parent="gadget-b", widget="widget-w")
        found = pruned(WIDGET, first, orphan(doc("Gadget/b"), parent="gadget-a"))
        assert names(found) == ["Gadget/a", "Widget/w", "Gadget/b"]
        assert [behind(found, index) for index in range(3)] == [set(), {"Gadget/a"}, {"Gadget/a"}]

    def test_two_orphans_with_one_mark_are_both_deleted(self) -> None:
        """A mark may have been copied: each resource is one deletion, after the users of either."""
        other = orphan(doc("Widget/w"))
        other = replace(other, present=replace(other.present, outputs={"id": "widget-2"}))
        found = pruned(WIDGET, other, orphan(doc("Gadget/g"), widget="widget-2"))
        assert names(found) == ["Gadget/g", "Widget/w", "Widget/w"]
        assert [call.params["id"] for step in found.steps[1:] for call in step.calls] == ["widget-w", "widget-2"]
        assert [behind(found, index) for index in (1, 2)] == [{"Gadget/g"}, {"Gadget/g"}]


class TestRetain:
    """A retained resource only loses our marks."""

    def test_the_mark_records_retain(self) -> None:
        """The document had `ecsync/deletion: retain` and is gone."""
        present = live(doc("Widget/w"))
        retained = Present(body=present.body, outputs=present.outputs, marks=_retained(present))
        assert retained.marks is not None
        (step,) = pruned(Owned(marks=retained.marks, natural="w", present=retained)).steps
        assert isinstance(step.change, Forget)
        assert [call.operation for call in step.calls] == ["UntagWidget"]

    def test_the_document_decides_while_it_exists(self) -> None:
        """`ecsync/state: absent` with retain removes the marks only."""
        for deletion, operation in (("retain", "UntagWidget"), ("delete", "DeleteWidget")):
            widget = doc("Widget/w", Options(state="absent", deletion=deletion))  # type: ignore[arg-type]
            assert calls(plan_of(widget, world={"Widget/w": live(widget)})) == [operation]


def _retained(present: Present) -> Any:
    assert present.marks is not None
    assert present.marks.applied is not None
    return replace(present.marks, applied=replace(present.marks.applied, retain=True))


class TestPolicy:
    """Prune needs sync.prune: true and a complete source."""

    def held(self, prune: bool, forbidden: str = "") -> list[str]:
        """Return why an orphan is withheld."""
        application = Application(name="shop", sync=Sync(mode="enforce", prune=prune, prune_limit=1))
        found = pruned(WIDGET, application=application, policies=standard(prune=forbidden))
        return [one.reason for one in found.withheld]

    def test_with_prune_off_an_orphan_is_withheld(self) -> None:
        """The reason contains the setting."""
        assert self.held(prune=False) == [
            "not deleted: no longer declared, and prune is off (set sync.prune: true in its Application document)"
        ]

    def test_with_prune_on_an_orphan_is_deleted(self) -> None:
        """No policy withholds it."""
        assert self.held(prune=True) == []

    def test_a_reason_of_the_source_withholds_an_orphan(self) -> None:
        """Even with prune on."""
        assert self.held(prune=True, forbidden="the source cannot be read") == ["the source cannot be read"]


def test_an_owner_that_is_not_supported_is_never_deleted() -> None:
    """A kind that this version does not have, or another format of the owner mark."""
    for owner in ("v1/prod/shop/Unknown/x", "v2/whatever"):
        stranger = replace(WIDGET, marks=replace(WIDGET.marks, owner=owner))
        assert pruned(stranger).steps == ()


def test_links_are_the_references_in_the_table() -> None:
    """Single values and elements of lists; none if the body has no value."""
    here = inputs()
    present = live(doc("Gadget/g"), widget="a", widgets=["b", "c"], colour="d")
    assert deletes.links(here, at("Gadget/g"), present) == {("Widget", "a"), ("Widget", "b"), ("Widget", "c")}
    assert deletes.links(here, at("Gadget/g"), live(doc("Gadget/g", widget=to("Widget/w")))) == set()
