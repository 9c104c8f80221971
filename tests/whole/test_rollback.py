"""Rule 15: what ECS rolled back is not tried again until something else is wanted; ECS itself is the memory."""

from __future__ import annotations

import pytest

from tests.whole.support.stage import LONG, Controller, names

GOOD, BAD, BETTER = "nginx:1.27", "nginx:1.28-bad", "nginx:1.29"


def deploy(kept: Controller, old: str, new: str) -> None:
    """Declare another image."""
    kept.stage.edit(old, new, "application.yaml")
    kept.read()


def until_stopped(kept: Controller) -> None:
    """Make passes at the daemon's pace until the controller has given up."""
    for _ in range(40):
        kept.once()
        if kept.outcomes["quickstart"].plan.stopped:
            return
        kept.stage.simulator.advance(30)
    raise AssertionError("\n".join(kept.explained()))


@pytest.fixture
def rolled_back(kept: Controller) -> Controller:
    """A controller that has deployed an image which cannot be pulled, and seen it rolled back."""
    deploy(kept, GOOD, BAD)
    until_stopped(kept)
    return kept


def test_a_bad_image_is_deployed_once_and_rolled_back_by_ecs(kept: Controller) -> None:
    """One revision and one update; then the circuit breaker, not the controller, brings the old image back."""
    deploy(kept, GOOD, BAD)
    with kept.stage.writes() as writes:
        until_stopped(kept)
    assert names(writes) == ["ecs.RegisterTaskDefinition", "ecs.UpdateService"]
    assert kept.stage.service()["taskDefinition"].endswith(":1")


def test_what_was_rolled_back_is_told_with_the_reason_of_ecs(rolled_back: Controller) -> None:
    """The status and one event say that it was given up, and why in ECS's own words."""
    status = rolled_back.status("Service/web")
    assert status.sync == "OutOfSync"
    (why,) = rolled_back.outcomes["quickstart"].plan.stopped.values()
    assert "circuit breaker" in why
    assert status.message == why
    rolled_back.passes(3)
    (event,) = rolled_back.told("deployment.rolledback")
    assert (str(event.key), why in event.message) == ("Service/web", True)
    assert rolled_back.told("drift.detected") == []


def test_what_was_rolled_back_is_not_tried_again(rolled_back: Controller) -> None:
    """Ten passes, and three of a process that has just been started, register and update nothing."""
    with rolled_back.stage.writes() as writes:
        rolled_back.passes(10)
        rolled_back.stage.controller().passes(3)
    assert names(writes) == []
    revisions = rolled_back.stage.aws("ecs").list_task_definitions(familyPrefix="quickstart-web")
    assert len(revisions["taskDefinitionArns"]) == 2


def test_another_image_goes(rolled_back: Controller) -> None:
    """With a good image declared, it is one revision and one update again, and all is well."""
    deploy(rolled_back, BAD, BETTER)
    with rolled_back.stage.writes() as writes:
        rolled_back.converge(pause=LONG)
    assert names(writes) == ["ecs.RegisterTaskDefinition", "ecs.UpdateService"]
    assert rolled_back.stage.service()["taskDefinition"].endswith(":3")
    assert rolled_back.told("drift.detected") == []


def test_going_back_to_the_good_image_writes_nothing(rolled_back: Controller) -> None:
    """The image that ECS brought back is declared again: it runs already, and its revision is known."""
    deploy(rolled_back, BAD, GOOD)
    with rolled_back.stage.writes() as writes:
        rolled_back.converge(pause=LONG)
    assert names(writes) == []


def test_a_better_image_overtakes_a_bad_one_in_flight(kept: Controller) -> None:
    """A deployment that is no longer wanted is superseded at once, not waited for."""
    deploy(kept, GOOD, BAD)
    kept.once()
    kept.stage.simulator.advance(10)
    deploy(kept, BAD, BETTER)
    with kept.stage.writes() as writes:
        kept.converge(pause=LONG)
    assert names(writes) == ["ecs.RegisterTaskDefinition", "ecs.UpdateService"]
    assert kept.told("deployment.rolledback") == []
