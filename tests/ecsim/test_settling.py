"""What does not work at once in a new account."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from ecsim import Settings, Simulator, VirtualClock
from tests.ecsim.aws import Aws, refused
from tests.ecsim.ecs.test_tasks import TRUST


@pytest.fixture
def young() -> Iterator[Aws]:
    """An account with settling on."""
    simulator = Simulator(Settings(settling=True, role_seconds=25, service_linked_role_seconds=15), VirtualClock())
    simulator.start()
    yield Aws(simulator)
    simulator.stop()


def test_the_service_linked_role_needs_a_moment(young: Aws) -> None:
    """The first CreateService soon after the first CreateCluster is refused; later it is not."""
    young.ecs.create_cluster(clusterName="prod")
    with refused("InvalidParameterException", "Unable to assume the service linked role."):
        young.service()
    young.simulator.advance(15)
    assert young.service()["status"] == "ACTIVE"


def test_a_new_role_cannot_be_assumed_at_once(young: Aws) -> None:
    """Tasks fail until IAM has spread the word, and then the service gets steady by itself."""
    young.ecs.create_cluster(clusterName="prod")
    young.simulator.advance(60)
    young.iam.create_role(RoleName="runner", AssumeRolePolicyDocument=TRUST)
    definition = young.task_definition(executionRoleArn="arn:aws:iam::123456789012:role/runner")
    young.service(taskDefinition=definition, desiredCount=1)
    young.simulator.advance(30)
    assert young.tasks("STOPPED")[0]["stoppedReason"].startswith("ECS was unable to assume the role")
    young.simulator.advance(60)
    assert young.described()["runningCount"] == 1


def test_a_service_role_must_be_usable(young: Aws) -> None:
    """CreateService with a role made a moment ago is refused in ECS's words."""
    young.ecs.create_cluster(clusterName="prod")
    young.simulator.advance(60)
    trust = TRUST.replace("ecs-tasks", "ecs")
    young.iam.create_role(RoleName="balancing", AssumeRolePolicyDocument=trust)
    with refused("InvalidParameterException", "Unable to assume role and validate the specified targetGroupArn."):
        young.service(role="balancing")
    young.simulator.advance(25)
    assert young.service(role="balancing")["roleArn"] == "arn:aws:iam::123456789012:role/balancing"
