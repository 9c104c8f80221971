"""A deployment that ECS rolled back is not retried until the manifest changes (docs/rules.md R15)."""

from __future__ import annotations

import pytest

from tests.whole.support.environment import SETTLE_SECONDS, Controller, operations
from tests.whole.support.rollouts import BAD, BETTER, GOOD, until_stopped

pytestmark = pytest.mark.usefixtures("both_readings")


def deploy(converged: Controller, old: str, new: str) -> None:
    """Declare another image."""
    converged.environment.edit(old, new, "application.yaml")
    converged.read()


@pytest.fixture
def rolled_back(converged: Controller) -> Controller:
    """A controller that has deployed an image that cannot be pulled, and has seen the rollback."""
    deploy(converged, GOOD, BAD)
    until_stopped(converged)
    return converged


def test_a_bad_image_is_deployed_once_and_rolled_back_by_ecs(converged: Controller) -> None:
    """One revision, one update; then ECS's circuit breaker, not the controller, restores the old image."""
    deploy(converged, GOOD, BAD)
    with converged.environment.writes() as writes:
        until_stopped(converged)
    assert operations(writes) == ["ecs.RegisterTaskDefinition", "ecs.UpdateService"]
    assert converged.environment.service()["taskDefinition"].endswith(":1")


def test_a_rollback_is_reported_with_ecs_reason(rolled_back: Controller) -> None:
    """The status and one event contain ECS's reason."""
    status = rolled_back.status("Service/web")
    assert status.sync == "OutOfSync"
    (why,) = rolled_back.outcomes["quickstart"].plan.stopped.values()
    assert "circuit breaker" in why
    assert status.message == why
    rolled_back.run_passes(3)
    (event,) = rolled_back.events_of_type("deployment.rolledback")
    assert (str(event.key), why in event.message) == ("Service/web", True)
    assert rolled_back.events_of_type("drift.detected") == []


def test_a_rolled_back_image_is_not_retried(rolled_back: Controller) -> None:
    """Ten passes, and three of a new process, register and update nothing."""
    with rolled_back.environment.writes() as writes:
        rolled_back.run_passes(10)
        rolled_back.environment.controller().run_passes(3)
    assert operations(writes) == []
    revisions = rolled_back.environment.aws("ecs").list_task_definitions(familyPrefix="quickstart-web")
    assert len(revisions["taskDefinitionArns"]) == 2


def test_another_image_is_deployed(rolled_back: Controller) -> None:
    """A good image is one revision and one update."""
    deploy(rolled_back, BAD, BETTER)
    with rolled_back.environment.writes() as writes:
        rolled_back.converge(pause=SETTLE_SECONDS)
    assert operations(writes) == ["ecs.RegisterTaskDefinition", "ecs.UpdateService"]
    assert rolled_back.environment.service()["taskDefinition"].endswith(":3")
    assert rolled_back.events_of_type("drift.detected") == []


def test_declaring_the_restored_image_writes_nothing(rolled_back: Controller) -> None:
    """It already runs, and its revision exists."""
    deploy(rolled_back, BAD, GOOD)
    with rolled_back.environment.writes() as writes:
        rolled_back.converge(pause=SETTLE_SECONDS)
    assert operations(writes) == []


def test_a_new_image_supersedes_a_deployment_in_progress(converged: Controller) -> None:
    """The controller does not wait for a deployment that is no longer declared."""
    deploy(converged, GOOD, BAD)
    converged.run_pass()
    converged.environment.simulator.advance(10)
    deploy(converged, BAD, BETTER)
    with converged.environment.writes() as writes:
        converged.converge(pause=SETTLE_SECONDS)
    assert operations(writes) == ["ecs.RegisterTaskDefinition", "ecs.UpdateService"]
    assert converged.events_of_type("deployment.rolledback") == []


def test_a_retry_deploys_a_rolled_back_revision_once_more(rolled_back: Controller) -> None:
    """A person asked for it: one deployment, which ECS rolls back again."""
    (step_state,) = rolled_back.step_states.values()
    step_state.retry()
    with rolled_back.environment.writes() as writes:
        rolled_back.run_pass()
        rolled_back.environment.simulator.advance(SETTLE_SECONDS * 6)
        rolled_back.run_passes(5)
    assert operations(writes) == ["ecs.UpdateService"]
    assert rolled_back.outcomes["quickstart"].plan.stopped
