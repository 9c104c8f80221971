"""ECS's own record decides whether a revision is deployed; everything else of its service goes out at once."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from ecsim import owner
from tests.whole.support.environment import SETTLE_SECONDS, Controller, Environment, operations
from tests.whole.support.rollouts import BAD, BETTER, GOOD, until_stopped

NAME = {"cluster": "quickstart", "service": "web"}


pytestmark = pytest.mark.usefixtures("both_readings")


@pytest.fixture
def converged(environment: Environment) -> Controller:
    """A controller that has converged the quickstart, with a platform version of its own."""
    environment.edit("launchType: FARGATE\n", "launchType: FARGATE\n    platformVersion: 1.3.0\n")
    controller = environment.controller()
    controller.converge(pause=SETTLE_SECONDS)
    return controller


def declare(controller: Controller, old: str, new: str) -> None:
    """Change the manifests: the image is a variable of the application."""
    controller.environment.edit(old, new, "application.yaml" if old.startswith("nginx") else "service.yaml")
    controller.read()


@pytest.fixture
def rolled_back(converged: Controller) -> Controller:
    """A controller that has deployed an image that cannot be pulled, and has seen the rollback."""
    declare(converged, GOOD, BAD)
    until_stopped(converged)
    converged.environment.simulator.advance(300)
    return converged


def revision(environment: Environment) -> str:
    """Return the number of the revision that the service runs."""
    return str(environment.service()["taskDefinition"]).rpartition(":")[2]


def force(environment: Environment) -> None:
    """Force a new deployment of what runs, as a person does."""
    kept = {"healthCheckGracePeriodSeconds": 30, "platformVersion": "1.3.0"}
    environment.aws("ecs").update_service(**NAME, **kept, forceNewDeployment=True)
    environment.simulator.advance(SETTLE_SECONDS)


def watched(controller: Controller) -> Iterator[Controller]:
    """Yield the controller, and one that has just started."""
    yield controller
    yield controller.environment.controller()


@pytest.mark.parametrize(
    ("old", "new", "member", "value"),
    [
        ("desiredCount: 2", "desiredCount: 3", "desiredCount", 3),
        ("GracePeriodSeconds: 30", "GracePeriodSeconds: 90", "healthCheckGracePeriodSeconds", 90),
        ("team: quickstart", "team: web", "tags", "web"),
    ],
)
def test_after_a_rollback_everything_else_goes_out_at_once(
    rolled_back: Controller, old: str, new: str, member: str, value: object
) -> None:
    """One call with that member alone; the bad revision stays out."""
    declare(rolled_back, old, new)
    with rolled_back.environment.writes() as writes:
        rolled_back.run_passes(5)
    service = rolled_back.environment.service()
    found = {one["key"]: one["value"] for one in service["tags"]}.get("team") if member == "tags" else service[member]
    assert (found, revision(rolled_back.environment)) == (value, "1")
    assert operations(writes) == ["ecs.TagResource" if member == "tags" else "ecs.UpdateService"]
    assert service["platformVersion"] == "1.3.0"
    assert service["healthCheckGracePeriodSeconds"] == (90 if value == 90 else 30)


def test_a_good_revision_that_a_person_forces_is_left_alone(rolled_back: Controller) -> None:
    """The bad revision is not tried again, neither by this process nor by a new one."""
    force(rolled_back.environment)
    with rolled_back.environment.writes() as writes:
        for controller in watched(rolled_back):
            controller.run_passes(5)
    assert (operations(writes), revision(rolled_back.environment)) == ([], "1")


def test_a_forced_deployment_in_sync_is_left_alone(converged: Controller) -> None:
    """It deploys what is declared."""
    force(converged.environment)
    with converged.environment.writes() as writes:
        converged.converge(pause=30)
    assert operations(writes) == []


def test_a_rollback_while_the_process_was_down_is_not_tried_again(converged: Controller) -> None:
    """A new process finds the verdict in ECS's record."""
    declare(converged, GOOD, BAD)
    converged.run_pass()
    converged.environment.simulator.advance(1800)
    with converged.environment.writes() as writes:
        started = converged.environment.controller()
        started.run_passes(5)
    assert operations(writes) == []
    assert "rolled back" in started.status("Service/web").message


def test_a_deployment_that_a_person_stops_is_not_tried_again(converged: Controller) -> None:
    """Stopped is a verdict too, with ECS's reason."""
    declare(converged, GOOD, BAD)
    converged.run_pass()
    converged.environment.simulator.advance(10)
    ecs = converged.environment.aws("ecs")
    (newest, *_) = ecs.list_service_deployments(**NAME)["serviceDeployments"]
    ecs.stop_service_deployment(serviceDeploymentArn=newest["serviceDeploymentArn"], stopType="ROLLBACK")
    converged.environment.simulator.advance(SETTLE_SECONDS)
    with converged.environment.writes() as writes:
        for controller in watched(converged):
            controller.run_passes(5)
            assert "user request" in controller.status("Service/web").message
    assert operations(writes) == []


def test_a_deployment_that_another_client_superseded_was_not_judged(converged: Controller) -> None:
    """It is deployed again, and becomes healthy."""
    declare(converged, GOOD, BETTER)
    converged.run_pass()
    converged.environment.simulator.advance(5)
    before = converged.environment.service()["taskDefinition"].rpartition(":")[0]
    converged.environment.aws("ecs").update_service(**NAME, taskDefinition=f"{before}:1")
    converged.converge(pause=30)
    assert revision(converged.environment) == "2"


def test_a_new_revision_after_a_forced_deployment_is_deployed(rolled_back: Controller) -> None:
    """The refusal is about the bad revision alone."""
    force(rolled_back.environment)
    declare(rolled_back, BAD, BETTER)
    rolled_back.converge(pause=SETTLE_SECONDS)
    assert revision(rolled_back.environment) == "3"


def test_a_revision_that_is_declared_again_after_another_one_is_tried(rolled_back: Controller) -> None:
    """The document had other content in between: it was changed back on purpose."""
    declare(rolled_back, BAD, BETTER)
    rolled_back.converge(pause=SETTLE_SECONDS)
    declare(rolled_back, BETTER, BAD)
    with rolled_back.environment.writes() as writes:
        rolled_back.run_pass()
    assert operations(writes) == ["ecs.UpdateService"]


def test_a_deployment_without_circuit_breaker_that_cannot_succeed_is_degraded(converged: Controller) -> None:
    """ECS tries for ever; the health has its words."""
    declare(converged, "deploymentCircuitBreaker: {enable: true, rollback: true}", "bakeTimeInMinutes: 0")
    converged.converge(pause=SETTLE_SECONDS)
    declare(converged, GOOD, BAD)
    converged.run_passes(100)
    status = converged.status("Service/web")
    assert (status.sync, status.health.status) == ("Synced", "Degraded")
    assert "failed" in status.health.why


def test_a_service_that_stays_short_of_tasks_is_degraded(converged: Controller) -> None:
    """Its containers exit as soon as they run."""
    environment = converged.environment
    environment.simulator.advance(3600)
    owner.set_image_outcome(environment.simulator, GOOD, "pull")
    owner.stop_task(environment.simulator, cluster="quickstart", service="web")
    converged.run_passes(40)
    status = converged.status("Service/web")
    assert (status.sync, status.health.status) == ("Synced", "Degraded")
    assert "of 2 tasks running" in status.health.why
