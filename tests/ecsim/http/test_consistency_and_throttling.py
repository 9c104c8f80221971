"""Features that are off by default: stale reads after a write, and AWS's request throttling."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from ecsim import Settings, Simulator, VirtualClock
from tests.ecsim.aws import Aws, refused


@pytest.fixture
def lagging() -> Iterator[Aws]:
    """An account in which ECS's reads lag five seconds behind, ListServices ten."""
    lags = {"ecs:*": 5.0, "ecs:ListServices": 10.0}
    simulator = Simulator(Settings(settling=False, lags=lags), VirtualClock())
    simulator.start()
    yield Aws(simulator)
    simulator.stop()


def test_a_read_after_a_write_may_be_stale(lagging: Aws) -> None:
    """A service that was MISSING is still MISSING for some time after its creation; in the list even longer."""
    lagging.ecs.create_cluster(clusterName="prod")

    def seen() -> tuple[int, int]:
        described = lagging.ecs.describe_services(cluster="prod", services=["api"])["services"]
        return len(described), len(lagging.ecs.list_services(cluster="prod")["serviceArns"])

    assert seen() == (0, 0)
    lagging.service()
    assert seen() == (0, 0)
    lagging.simulator.advance(4)
    assert seen() == (0, 0)
    lagging.simulator.advance(1)
    assert seen() == (1, 0)
    lagging.simulator.advance(5)
    assert seen() == (1, 1)


def test_each_write_has_its_own_lag(lagging: Aws) -> None:
    """A later write does not delay an earlier one. Other services do not lag."""
    lagging.service(desiredCount=1)
    assert lagging.described()["desiredCount"] == 1
    lagging.update(desiredCount=2)
    lagging.simulator.advance(3)
    lagging.update(desiredCount=3)
    assert lagging.described()["desiredCount"] == 1
    lagging.simulator.advance(2)
    assert lagging.described()["desiredCount"] == 3
    group = lagging.target_group()
    assert lagging.elbv2.describe_target_groups()["TargetGroups"][0]["TargetGroupArn"] == group


def test_calls_take_tokens_from_the_bucket_of_their_family() -> None:
    """The bucket of registrations has 20 tokens and refills by 1 per second. Reads have a separate bucket."""
    simulator = Simulator(Settings(settling=False, throttling=True), VirtualClock())
    simulator.start()
    try:
        aws = Aws(simulator)
        for _ in range(20):
            aws.task_definition()
        with refused("ThrottlingException", "Rate exceeded"):
            aws.task_definition()
        assert aws.ecs.list_task_definitions()["taskDefinitionArns"] != []
        simulator.advance(1)
        aws.task_definition()
        with refused("ThrottlingException"):
            aws.task_definition()
    finally:
        simulator.stop()
