"""A read is answered as before only while nothing changed its answer: also time does, without a write."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.chaos.stage import Stage, World
from tests.chaos.wire import URL
from tests.whole.support.environment import use_simulated_aws


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    """The simulated AWS of this process."""
    with use_simulated_aws(URL):
        yield World.make()


@pytest.fixture
def stage(world: World, tmp_path: Path) -> Stage:
    """An empty account."""
    return Stage(world, tmp_path, "eu-west-1")


def subnets(stage: Stage) -> list[dict[str, Any]]:
    """Return the subnets of the default VPC."""
    found: list[dict[str, Any]] = stage.aws("ec2").describe_subnets()["Subnets"]
    return found


def test_a_write_changes_an_answer(stage: Stage) -> None:
    """A cluster that was created is listed."""
    ecs = stage.aws("ecs")
    assert ecs.list_clusters()["clusterArns"] == []
    ecs.create_cluster(clusterName="one")
    assert len(ecs.list_clusters()["clusterArns"]) == 1


def test_time_changes_an_answer(stage: Stage) -> None:
    """A load balancer becomes active."""
    elb = stage.aws("elbv2")
    elb.create_load_balancer(Name="one", Subnets=[one["SubnetId"] for one in subnets(stage)[:2]])
    for seconds, code in ((0.0, "provisioning"), (89.0, "provisioning"), (1.0, "active")):
        stage.simulator.advance(seconds)
        assert elb.describe_load_balancers()["LoadBalancers"][0]["State"]["Code"] == code


def test_an_instance_of_a_group_changes_the_answers_of_ec2(stage: Stage) -> None:
    """Auto Scaling starts it some time after the write: a subnet has one address less."""
    template = {"ImageId": "ami-12c6146b", "InstanceType": "t3.micro"}
    stage.aws("ec2").create_launch_template(LaunchTemplateName="one", LaunchTemplateData=template)
    subnet = subnets(stage)[0]
    stage.aws("autoscaling").create_auto_scaling_group(
        AutoScalingGroupName="one", MinSize=1, MaxSize=1, VPCZoneIdentifier=subnet["SubnetId"],
        LaunchTemplate={"LaunchTemplateName": "one"},
    )  # fmt: skip
    before = subnets(stage)[0]["AvailableIpAddressCount"]
    stage.simulator.advance(60.0)
    assert subnets(stage)[0]["AvailableIpAddressCount"] == before - 1


@pytest.mark.parametrize("remembers", [True, False])
def test_a_stale_read_shows_the_account_before_the_write(stage: Stage, remembers: bool) -> None:
    """For five seconds after it the controller does not see a write, and another client does."""
    stage.world.answers.remembers, stage.world.stale.seconds = remembers, 5.0
    try:
        ecs = stage.aws("ecs")
        ecs.create_cluster(clusterName="one")
        seen = []
        for seconds in (0.0, 4.0, 1.0):
            stage.simulator.advance(seconds)
            with stage.injected():
                seen.append(len(ecs.list_clusters()["clusterArns"]))
            assert len(ecs.list_clusters()["clusterArns"]) == 1
        assert seen == [0, 0, 1]
    finally:
        stage.world.answers.remembers, stage.world.stale.seconds = True, 0.0
