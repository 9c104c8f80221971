"""Images, instances and autoscaling, leaf by leaf: what somebody changes is named and put back, and nothing else is.

One account serves all of these tests: each begins and ends in sync.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from ecsim import Fault, Simulator
from ecsync import kinds
from ecsync.aws.clients import Clients
from ecsync.core.model import Effect, Reason
from ecsync.core.trees import pointer
from tests.whole.support.hands import Hands
from tests.whole.support.leaves import Leaf, members, rounds, without
from tests.whole.support.stage import LONG, Body, Controller, Stage, names

LEAVES = Path(__file__).parent.parent / "cases" / "leaves"
APPLICATION = "leaves"
HINT = "resourcegroupstaggingapi.GetResources"  # of what may be ours and declared nowhere
Fields = list[tuple[str, Effect, Reason]]
TAGGING = {
    f"{service}.{operation}"
    for service in ("ecr", "ec2", "ecs", "autoscaling", "application-autoscaling")
    for operation in ("TagResource", "UntagResource", "CreateTags", "DeleteTags", "CreateOrUpdateTags")
}
TWO = {
    "LaunchTemplate/nodes": "a version, and then the default",
    "AutoScalingGroup/nodes": "its own, and the new version of its template",
}
KINDS = ("Repository", "LaunchTemplate", "AutoScalingGroup", "CapacityProvider", "ScalableTarget", "ScalingPolicy",
         "ScheduledAction")  # fmt: skip
READS = sorted({operation for kind in KINDS for operation in kinds.BY_NAME[kind].reads} - {HINT})


@dataclass
class Kept:
    """A controller that has converged, and somebody else in its account."""

    controller: Controller
    hands: Hands
    made: Body  # what was in the account then

    def one_pass(self) -> tuple[dict[str, Fields], dict[str, list[str]]]:
        """Make one pass: what it found to differ, and what it called, by resource."""
        for memory in self.controller.step_states.values():
            memory.repairs.clear()  # so many repairs within the hour would be a fight
        with self.controller.stage.writes() as writes:
            self.controller.once()
        outcome = self.controller.outcomes[APPLICATION]
        assert not outcome.plan.unreadable
        assert [(one.operation, one.error_code) for one in writes if not one.ok] == []
        steps = {str(step.id.key): step for step in (*outcome.plan.steps, *(one.step for one in outcome.plan.withheld))}
        differs = {
            key: [(pointer(field.path), field.effect, field.reason) for field in step.fields]
            for key, step in steps.items()
        }
        calls = {key: [call.name for call in step.calls] for key, step in steps.items()}
        assert sorted(names(writes)) == sorted(name for called in calls.values() for name in called)
        return differs, calls

    def in_sync(self) -> bool:
        """Whether a controller that has just been started finds nothing to do."""
        plan = self.controller.stage.controller(self.controller.where).plan(APPLICATION)
        return not (plan.steps or plan.withheld or plan.unreadable)


@pytest.fixture(scope="module")
def made(served: Simulator, clients: Clients, tmp_path_factory: pytest.TempPathFactory) -> Kept:
    """Everything, made and in sync."""
    manifests = tmp_path_factory.mktemp("leaves") / "manifests"
    shutil.copytree(LEAVES, manifests)
    stage = Stage(served, clients, manifests)
    controller = stage.controller()
    assert controller.catalogue.problems == ()
    controller.converge(pause=LONG)
    hands = Hands(stage)
    return Kept(controller, hands, hands.everything())


@pytest.fixture
def kept(made: Kept) -> Iterator[Kept]:
    """It is as it was when the test is over."""
    yield made
    now = made.hands.everything()
    assert {of: one for of, one in now.items() if one != made.made[of]} == {}


def test_ten_more_passes_write_nothing(kept: Kept) -> None:
    """Values written as strings, in another order, by name and by ARN, with and without what AWS fills in."""
    with kept.controller.stage.writes() as writes:
        kept.controller.passes(10)
    assert names(writes) == []
    assert kept.in_sync()
    assert [one.type for one in kept.controller.events if one.type.startswith("drift")] == []


@pytest.mark.parametrize("leaves", rounds())
def test_a_leaf_that_somebody_changes_is_named_and_put_back_by_one_call(kept: Kept, leaves: list[Leaf]) -> None:
    """One of each resource at a time: the plan names it and nothing else, and no other member is lost on the way."""
    for one in leaves:
        one.change(kept.hands)
    differs, calls = kept.one_pass()
    assert differs == {one.of: [(path, "in-place", "drift") for path in one.paths] for one in leaves}
    assert calls == {one.of: [one.call] for one in leaves}
    assert kept.one_pass() == ({}, {})


@contextmanager
def left_out(kept: Kept, some: list[tuple[str, str]]) -> Iterator[None]:
    """Leave these members out of the manifests for a while."""
    files = {path: path.read_text() for path in kept.controller.stage.manifests.glob("*.yaml")}
    for path, whole in files.items():
        text = whole
        for of, member in some:
            text = without(text, of, member)
        path.write_text(text)
    kept.controller.read()
    assert kept.controller.catalogue.problems == ()
    try:
        yield
    finally:
        for path, whole in files.items():
            path.write_text(whole)
        kept.controller.read()


def changed_alone(kept: Kept, of: set[str]) -> None:
    """Make a pass that changes these resources, each with one call beside its tags, and then one with nothing to do."""
    differs, calls = kept.one_pass()
    assert differs.keys() == of
    assert {reason for fields in differs.values() for *_, reason in fields} <= {"pending"}
    own = {key: [name for name in called if name not in TAGGING] for key, called in calls.items()}
    assert {key: called for key, called in own.items() if len(called) > (2 if key in TWO else 1)} == {}
    assert kept.one_pass() == ({}, {})


@pytest.mark.parametrize("some", members())
def test_a_member_that_is_left_out_goes_back_to_its_default_and_comes_again(
    kept: Kept, some: list[tuple[str, str]]
) -> None:
    """Each way is pending and told as no drift, and what was never left out is as it was."""
    told = len(kept.controller.events)
    with left_out(kept, some):
        changed_alone(kept, {of for of, _ in some})
    changed_alone(kept, {of for of, _ in some})
    assert [one.type for one in kept.controller.events[told:] if one.type.startswith("drift")] == []


@pytest.mark.parametrize("kind", ["deny", "reset"])
def test_what_cannot_be_read_is_neither_made_nor_changed(kept: Kept, kind: Any) -> None:
    """Each read of these kinds in its turn: nothing is written, and the operation that failed is named."""
    simulator = kept.controller.stage.simulator
    for name in READS:
        service, operation = name.split(".")
        simulator.fault(Fault(kind=kind, service=service, operation=operation, times=None))
        with kept.controller.stage.writes() as writes:
            kept.controller.once()
        simulator.clear_faults()
        assert names(writes) == [], name
        unreadable = kept.controller.outcomes[APPLICATION].plan.unreadable
        assert unreadable, name
        assert all(name in error for error in unreadable.values())
    assert kept.in_sync()
