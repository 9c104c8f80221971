"""A deployment that waits at a hook of type PAUSE: status and event name the hook, the time and the command."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from ecsim import Simulator
from ecsync.aws.clients import Clients
from tests.whole.motion.test_strategies import BLUE_GREEN, manifest
from tests.whole.support.environment import Body, Controller, Environment

TIMEOUT = "timeoutConfiguration: {timeoutInMinutes: 60, action: %s}"
HOOK = "lifecycleHooks: [{targetType: PAUSE, lifecycleStages: [%s], " + TIMEOUT + "}]"


@pytest.fixture
def account(simulator: Simulator, clients: Clients, tmp_path: Path) -> Environment:
    """An empty account, and an empty folder for manifests."""
    return Environment(simulator, clients, tmp_path)


def paused(account: Environment, stage: str, action: str) -> Controller:
    """Return a controller that deploys another image, and has made passes until the deployment waits."""
    (account.manifests / "app.yaml").write_text(manifest(BLUE_GREEN))
    controller = account.controller()
    controller.converge(pause=50)
    hooked = BLUE_GREEN.replace("}", f", {HOOK % (stage, action)}}}")
    (account.manifests / "app.yaml").write_text(manifest(hooked, "nginx:2"))
    controller.read()
    controller.run_passes(8)
    return controller


def deployment(account: Environment) -> Body:
    """Return the deployment in progress."""
    ecs = account.aws("ecs")
    service = ecs.describe_services(cluster="motion", services=["web"])["services"][0]
    found: Body = ecs.describe_service_deployments(serviceDeploymentArns=[service["currentServiceDeployment"]])
    return dict(found["serviceDeployments"][0])


@pytest.mark.parametrize("stage", ["POST_SCALE_UP", "POST_PRODUCTION_TRAFFIC_SHIFT"])
def test_a_paused_deployment_names_its_hook_and_goes_on_when_a_person_continues_it(
    account: Environment, stage: str
) -> None:
    """The command in the words is the one that AWS takes. One event reports it."""
    controller = paused(account, stage, "ROLLBACK")
    status, waiting = controller.status("Service/web"), deployment(account)
    (hook,) = waiting["lifecycleHookDetails"]
    assert status.health.status == "Progressing"
    assert f"paused at {stage} by hook {hook['hookId']} until {hook['expiresAt']}" in status.health.why
    assert "then ECS rolls back" in status.health.why
    messages = [event.message for event in controller.events_of_type("health.changed")]
    assert sum(hook["hookId"] in message for message in messages) == 1
    command = re.search(
        r"`aws ecs continue-service-deployment --service-deployment-arn (\S+) --hook-id (\S+)`", messages[-1]
    )
    assert command is not None
    account.aws("ecs").continue_service_deployment(serviceDeploymentArn=command[1], hookId=command[2])
    controller.converge(pause=50)
    assert "paused" not in controller.status("Service/web").health.why
    assert len({event.message for event in controller.events if "paused at" in event.message}) == 1


def test_a_pause_that_no_person_ends_rolls_back_after_its_time(account: Environment) -> None:
    """Then the service is Degraded with the reason of ECS, and nothing is deployed again."""
    controller = paused(account, "POST_SCALE_UP", "ROLLBACK")
    with account.writes() as writes:
        controller.run_passes(10, every=600)
    status = controller.status("Service/web")
    assert (status.health.status, status.sync) == ("Degraded", "OutOfSync")
    assert "lifecycle hook" in status.health.why
    assert writes == []


def test_a_pause_that_ends_with_continue_goes_on_after_its_time(account: Environment) -> None:
    """No person is needed."""
    controller = paused(account, "POST_SCALE_UP", "CONTINUE")
    assert "then ECS continues" in controller.status("Service/web").health.why
    controller.run_passes(10, every=600)
    controller.converge()
