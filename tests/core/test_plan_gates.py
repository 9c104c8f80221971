"""What a kind may say before it is changed: go, by this body, not now, not any more, not by us."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from ecsync.core import plan
from ecsync.core.inputs import Inputs
from ecsync.core.kind import Gate, GiveUp, Hold, Proceed, Wait
from ecsync.core.model import Application, Call, Desired, Observed, Plan, Present
from tests.core.tiny import KINDS, TARGET, at, calls, doc, live, to

WIDGET = doc("Widget/w", size=5)


def gated(gate: Gate, *others: Desired, world: Mapping[str, Observed] | None = None, **parts: Any) -> Plan:
    """Return the plan of a widget that differs, and whose kind says this."""
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


def test_go_may_take_one_step_on_the_way() -> None:
    """The body of this pass is not yet the desired one, and the step says what comes."""
    found = gated(Proceed(body={**WIDGET.body, "size": 4}, waiting="four before five"))
    (step,) = found.steps
    assert step.calls[0].params == {"id": "widget-w", "size": 4}
    assert step.waiting == "four before five"


def test_go_with_nothing_to_do_now_is_a_step_without_calls() -> None:
    """It differs, and this is the moment to wait for something else."""
    (step,) = gated(Proceed(body={**WIDGET.body, "size": 3}, waiting="soon")).steps
    assert (step.calls, step.waiting) == ((), "soon")


def test_wait_is_a_step_without_calls() -> None:
    """It is pending, not in sync."""
    found = gated(Wait(why="a deployment is in flight"))
    assert [(step.calls, step.waiting) for step in found.steps] == [((), "a deployment is in flight")]


def test_stop_is_given_up_until_the_manifest_changes() -> None:
    """With AWS's own reason."""
    found = gated(GiveUp(why="rolled back: tasks failed to start"))
    assert found.steps == ()
    assert found.stopped == {WIDGET.key: "rolled back: tasks failed to start"}


def test_hold_is_withheld() -> None:
    """With what a person can do."""
    found = gated(Hold(reason="two services share it; change it by hand"))
    assert found.steps == ()
    assert [one.reason for one in found.withheld] == ["two services share it; change it by hand"]


def test_what_is_in_sync_is_not_asked() -> None:
    """A gate is about a difference."""
    found = gated(GiveUp(why="never"), world={"Widget/w": live(WIDGET)})
    assert (found.steps, found.stopped) == ((), {})


def test_a_step_without_calls_invalidates_nothing() -> None:
    """Who refers to it keeps the value that is live."""
    gadget = doc("Gadget/g", widget=to("Widget/w"))
    world = {"Gadget/g": live(gadget, widget="widget-w")}
    waiting = gated(Wait(why="not now"), gadget, world=world, invalidates={"update": ("id",)})
    assert calls(waiting) == []
    going = gated(Proceed(body=WIDGET.body), gadget, world=world, invalidates={"update": ("id",)})
    assert calls(going) == ["UpdateWidget", "UpdateGadget"]


def test_an_output_that_an_update_makes_anew_is_not_its_old_value() -> None:
    """Where one of its calls gives it, and only then: another update leaves who refers to it alone."""
    gadget = doc("Gadget/g", widget=to("Widget/w"))
    world = {"Gadget/g": live(gadget, widget="widget-w")}

    def updating(**captures: tuple[str]) -> Plan:
        call = Call(service="memory", operation="UpdateWidget", params={}, captures=captures)
        return gated(Proceed(body=WIDGET.body), gadget, world=world, calls=lambda _: (call,))

    assert calls(updating()) == ["UpdateWidget"]
    assert calls(updating(id=("id",))) == ["UpdateWidget", "UpdateGadget"]


class TestLeftovers:
    """What a finished replacement left behind."""

    OLD = Present(body={"name": "old"}, outputs={"id": "widget-0", "name": "old"})

    def left(self, not_yet: str, **body: Any) -> Plan:
        """Return the plan of a widget with something superseded beside it."""
        return gated(
            Proceed(body=WIDGET.body),
            world={"Widget/w": live(WIDGET, **body)},
            superseded=lambda *_: [(self.OLD, not_yet)],
        )

    def test_it_is_deleted_when_nothing_uses_it(self) -> None:
        """In a step of its own."""
        found = self.left("")
        assert [(str(step.id), [call.params for call in step.calls]) for step in found.steps] == [
            ("Widget/w (late)", [{"id": "widget-0"}])
        ]

    def test_it_waits_while_something_uses_it(self) -> None:
        """A step without calls, that says for what."""
        (step,) = self.left("the service still runs on it").steps
        assert (step.calls, step.waiting) == ((), "the service still runs on it")

    def test_it_stays_while_a_replacement_is_under_way(self) -> None:
        """One thing at a time."""
        found = self.left("", zone="b")
        assert [type(step.change).__name__ for step in found.steps] == ["Replace"]
