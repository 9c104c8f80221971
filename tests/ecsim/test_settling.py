"""What a new account cannot do at once."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from ecsim import Settings, Simulator, VirtualClock
from tests.ecsim.aws import Aws, refused
from tests.ecsim.ecs.test_tasks import TRUST


@pytest.fixture
def settling() -> Iterator[Aws]:
    """An account with settling on."""
    simulator = Simulator(Settings(settling=True, role_seconds=25, service_linked_role_seconds=15), VirtualClock())
    simulator.start()
    yield Aws(simulator)
    simulator.stop()


def test_the_service_linked_role_is_not_usable_at_once(settling: Aws) -> None:
    """A CreateService soon after the first CreateCluster is refused; later it succeeds."""
    settling.ecs.create_cluster(clusterName="prod")
    with refused("InvalidParameterException", "Unable to assume the service linked role."):
        settling.service()
    settling.simulator.advance(15)
    assert settling.service()["status"] == "ACTIVE"


def test_a_new_role_cannot_be_assumed_at_once(settling: Aws) -> None:
    """Tasks fail until the role has propagated; then the service becomes steady without another call."""
    settling.ecs.create_cluster(clusterName="prod")
    settling.simulator.advance(60)
    settling.iam.create_role(RoleName="runner", AssumeRolePolicyDocument=TRUST)
    definition = settling.task_definition(executionRoleArn="arn:aws:iam::123456789012:role/runner")
    settling.service(taskDefinition=definition, desiredCount=1)
    settling.simulator.advance(30)
    assert settling.tasks("STOPPED")[0]["stoppedReason"].startswith("ECS was unable to assume the role")
    settling.simulator.advance(60)
    assert settling.described()["runningCount"] == 1


def test_a_service_role_must_be_usable(settling: Aws) -> None:
    """CreateService with a new role is refused with ECS's message."""
    settling.ecs.create_cluster(clusterName="prod")
    settling.simulator.advance(60)
    trust = TRUST.replace("ecs-tasks", "ecs")
    settling.iam.create_role(RoleName="balancing", AssumeRolePolicyDocument=trust)
    with refused("InvalidParameterException", "Unable to assume role and validate the specified targetGroupArn."):
        settling.service(role="balancing")
    settling.simulator.advance(25)
    assert settling.service(role="balancing")["roleArn"] == "arn:aws:iam::123456789012:role/balancing"
