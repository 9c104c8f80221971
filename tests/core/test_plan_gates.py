"""What a gate may return before a change: a body, a wait, an end, or a hold."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from ecsync.core import plan
from ecsync.core.inputs import Inputs
from ecsync.core.kind import Gate, GiveUp, Hold, Proceed, Wait
from ecsync.core.model import Application, Call, Desired, Observed, Present
from ecsync.core.outcome import Plan
from tests.core.tiny import KINDS, TARGET, at, calls, doc, live, to

WIDGET = doc("Widget/w", size=5)


def gated(gate: Gate, *others: Desired, world: Mapping[str, Observed] | None = None, **parts: Any) -> Plan:
    """Return the plan of a widget that differs, with a gate that returns this."""
    kinds = {**KINDS, "Widget": replace(KINDS["Widget"], gate=lambda *_: gate, **parts)}
    seen = {"Widget/w": live(WIDGET, size=3), **(world or {})}
    return plan.build(
        Inputs(
            application=Application(name="shop", resources=(WIDGET, *others)),
            kinds=kinds,
            world={at(path): one for path, one in seen.items()},
            target=TARGET,
            installation="prod",
        )
    )


def test_proceed_may_be_one_stage() -> None:
    """The body of this pass is not the desired one yet, and the step has the reason."""
    found = gated(Proceed(body={**WIDGET.body, "size": 4}, waiting="four before five"))
    (step,) = found.steps
    assert step.calls[0].params == {"id": "widget-w", "size": 4}
    assert step.waiting == "four before five"


def test_proceed_without_a_difference_is_a_step_without_calls() -> None:
    """The resource differs, and the step waits."""
    (step,) = gated(Proceed(body={**WIDGET.body, "size": 3}, waiting="soon")).steps
    assert (step.calls, step.waiting) == ((), "soon")


def test_wait_is_a_step_without_calls() -> None:
    """The resource is pending, not in sync."""
    found = gated(Wait(why="a deployment is in flight"))
    assert [(step.calls, step.waiting) for step in found.steps] == [((), "a deployment is in flight")]


def test_give_up_stops_the_resource_until_the_manifest_changes() -> None:
    """The reason is AWS's own."""
    found = gated(GiveUp(why="rolled back: tasks failed to start"))
    assert found.steps == ()
    assert found.stopped == {WIDGET.key: "rolled back: tasks failed to start"}


def test_hold_withholds_the_step() -> None:
    """The reason contains what a person can do."""
    found = gated(Hold(reason="two services share it; change it yourself"))
    assert found.steps == ()
    assert [one.reason for one in found.withheld] == ["two services share it; change it yourself"]


def test_a_resource_in_sync_has_no_gate() -> None:
    """A gate is about a difference."""
    found = gated(GiveUp(why="never"), world={"Widget/w": live(WIDGET)})
    assert (found.steps, found.stopped) == ((), {})


def test_a_step_without_calls_invalidates_no_output() -> None:
    """A resource that refers to it keeps the live value."""
    gadget = doc("Gadget/g", widget=to("Widget/w"))
    world = {"Gadget/g": live(gadget, widget="widget-w")}
    waiting = gated(Wait(why="not now"), gadget, world=world, invalidates={"update": ("id",)})
    assert calls(waiting) == []
    going = gated(Proceed(body=WIDGET.body), gadget, world=world, invalidates={"update": ("id",)})
    assert calls(going) == ["UpdateWidget", "UpdateGadget"]


def test_an_output_that_an_update_captures_is_invalidated() -> None:
    """Another update of the same kind keeps the live value."""
    gadget = doc("Gadget/g", widget=to("Widget/w"))
    world = {"Gadget/g": live(gadget, widget="widget-w")}

    def updating(**captures: tuple[str]) -> Plan:
        call = Call(service="memory", operation="UpdateWidget", params={}, captures=captures)
        return gated(Proceed(body=WIDGET.body), gadget, world=world, calls=lambda _: (call,))

    assert calls(updating()) == ["UpdateWidget"]
    assert calls(updating(id=("id",))) == ["UpdateWidget", "UpdateGadget"]


class TestSuperseded:
    """Resources that a finished replacement superseded."""

    OLD = Present(body={"name": "old"}, outputs={"id": "widget-0", "name": "old"})

    def plan(self, not_yet: str, **body: Any) -> Plan:
        """Return the plan of a widget with something superseded beside it."""
        return gated(
            Proceed(body=WIDGET.body),
            world={"Widget/w": live(WIDGET, **body)},
            superseded=lambda *_: [(self.OLD, not_yet)],
        )

    def test_it_is_deleted_when_it_is_no_longer_used(self) -> None:
        """In a separate step."""
        found = self.plan("")
        assert [(str(step.id), [call.params for call in step.calls]) for step in found.steps] == [
            ("Widget/w (second step)", [{"id": "widget-0"}])
        ]

    def test_it_waits_while_it_is_used(self) -> None:
        """The step has no calls, and the reason."""
        (step,) = self.plan("the service still runs on it").steps
        assert (step.calls, step.waiting) == ((), "the service still runs on it")

    def test_it_stays_during_a_replacement(self) -> None:
        """One change at a time."""
        found = self.plan("", zone="b")
        assert [type(step.change).__name__ for step in found.steps] == ["Replace"]
