"""Random histories of a service on container instances, with invariants that must always hold."""

from __future__ import annotations

import random

import pytest

from tests.ecsim.aws import Aws
from tests.ecsim.fleet import Fleet


def act(aws: Aws, fleet: Fleet, chance: random.Random) -> str:
    """Make one random change to the service or its instances, and return its name."""
    what = chance.choice(["count", "image", "force", "kill", "drain", "activate", "minimum", "stop", "load"])
    instances = fleet.instances()
    if what == "count":
        aws.update(desiredCount=chance.randint(0, 9))
    elif what == "image":
        aws.update(taskDefinition=fleet.definition(500, image=f"nginx:{chance.choice(['1', '2', 'bad', 'crash'])}"))
    elif what == "force":
        aws.update(forceNewDeployment=True)
    elif what == "kill" and instances:
        aws.ec2.terminate_instances(InstanceIds=[chance.choice(instances)["ec2InstanceId"]])
    elif what in ("drain", "activate") and instances:
        status = {"drain": "DRAINING", "activate": "ACTIVE"}[what]
        arn = chance.choice(instances)["containerInstanceArn"]
        aws.ecs.update_container_instances_state(cluster="prod", containerInstances=[arn], status=status)
    elif what == "minimum":
        aws.autoscaling.update_auto_scaling_group(AutoScalingGroupName="nodes", MinSize=chance.randint(0, 3))
    elif what == "stop" and aws.tasks():
        aws.ecs.stop_task(cluster="prod", task=chance.choice(aws.tasks())["taskArn"])
    elif what == "load":
        aws.simulator.set_load("prod", "api", cpu=chance.choice([5, 60, 200]))
    return what


@pytest.mark.parametrize("seed", [0, 16, 31])
def test_a_fleet_survives_any_history(aws: Aws, seed: int) -> None:
    """No instance is overbooked and no port is assigned twice; at the end all tasks run, and all can be deleted."""
    chance, fleet = random.Random(seed), Fleet(aws)  # noqa: S311
    group = aws.target_group(TargetType="instance", HealthCheckIntervalSeconds=10)
    aws.listener(aws.load_balancer(), group)
    fleet.managed()
    balancers = [{"targetGroupArn": group, "containerName": "api", "containerPort": 80}]
    fleet.service(launchType=None, taskDefinition=fleet.definition(500), loadBalancers=balancers)
    target = {
        "ServiceNamespace": "ecs",
        "ResourceId": "service/prod/api",
        "ScalableDimension": "ecs:service:DesiredCount",
    }
    scaling = getattr(aws, "application-autoscaling")
    scaling.register_scalable_target(**target, MinCapacity=0, MaxCapacity=9)
    scaling.put_scaling_policy(
        **target,
        PolicyName="cpu",
        PolicyType="TargetTrackingScaling",
        TargetTrackingScalingPolicyConfiguration={
            "PredefinedMetricSpecification": {"PredefinedMetricType": "ECSServiceAverageCPUUtilization"},
            "TargetValue": 60,
        },
    )
    history: list[str] = []
    for _ in range(20):
        history.append(act(aws, fleet, chance))
        aws.simulator.advance(chance.choice([1, 10, 60, 300, 1200]))
        for instance in fleet.instances():
            left = {one["name"]: one["integerValue"] for one in instance["remainingResources"]}
            assert min(left["CPU"], left["MEMORY"]) >= 0, history
        bound = [
            (task["containerInstanceArn"], binding["hostPort"])
            for task in aws.tasks()
            for container in task["containers"]
            for binding in container.get("networkBindings", [])
        ]
        assert len(set(bound)) == len(bound), history
        assert len(fleet.described()["Instances"]) <= 2 * fleet.described()["MaxSize"], history
    for instance in fleet.instances():
        aws.ecs.update_container_instances_state(
            cluster="prod", containerInstances=[instance["containerInstanceArn"]], status="ACTIVE"
        )
    scaling.deregister_scalable_target(**target)
    aws.update(taskDefinition=fleet.definition(500, image="nginx:9"), desiredCount=3, forceNewDeployment=True)
    aws.simulator.advance(3600)
    assert aws.rollouts() == [("PRIMARY", "COMPLETED", 3)], history
    health = aws.elbv2.describe_target_health(TargetGroupArn=group)["TargetHealthDescriptions"]
    assert [one["TargetHealth"]["State"] for one in health] == ["healthy"] * 3, history
    aws.autoscaling.update_auto_scaling_group(AutoScalingGroupName="nodes", MinSize=0)
    aws.ecs.delete_service(cluster="prod", service="api", force=True)
    aws.simulator.advance(3600)
    assert (fleet.instances(), fleet.described()["Instances"]) == ([], []), history
    assert all(entry.error_code != "InternalFailure" for entry in aws.simulator.ledger), history
