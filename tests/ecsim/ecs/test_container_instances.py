"""Instances that join a cluster, and the tasks on them."""

from __future__ import annotations

from typing import Any

import pytest

from tests.ecsim.aws import Aws, refused
from tests.ecsim.fleet import Fleet


@pytest.fixture
def fleet(aws: Aws) -> Fleet:
    """An empty account, and the resources that instances need."""
    return Fleet(aws)


def placed(aws: Aws) -> list[str]:
    """The container instances of the cluster's running tasks, one for each task."""
    return sorted(task["containerInstanceArn"] for task in aws.tasks())


def zones(aws: Aws) -> list[str]:
    """The availability zones of the cluster's running tasks, one for each task."""
    return sorted(task["availabilityZone"] for task in aws.tasks())


def test_an_instance_joins_the_cluster_that_its_user_data_names(aws: Aws, fleet: Fleet) -> None:
    """The agent of a booted instance with a role registers the resources of its type."""
    found = fleet.up(2)
    assert aws.ecs.describe_clusters(clusters=["prod"])["clusters"][0]["registeredContainerInstancesCount"] == 2
    hosts = {instance["InstanceId"] for instance in fleet.described()["Instances"]}
    assert {instance["ec2InstanceId"] for instance in found} == hosts
    resources = {one["name"]: one for one in found[0]["registeredResources"]}
    assert resources["CPU"]["integerValue"] == 2048
    assert 1800 < resources["MEMORY"]["integerValue"] < 2048
    assert "22" in resources["PORTS"]["stringSetValue"]
    attributes = {one["name"]: one.get("value") for one in found[0]["attributes"]}
    assert attributes["ecs.instance-type"] == "t3.small"
    assert attributes["ecs.availability-zone"].startswith("eu-central-1")
    assert (found[0]["status"], found[0]["agentConnected"]) == ("ACTIVE", True)


def test_an_instance_without_a_role_or_cluster_waits(aws: Aws, fleet: Fleet) -> None:
    """It registers when the cluster exists, and never without a role."""
    fleet.template(IamInstanceProfile={"Name": "instance"} if fleet.role() else {})
    fleet.template("roleless")
    fleet.group(DesiredCapacity=1)
    fleet.group("others", "roleless", DesiredCapacity=1)
    aws.simulator.advance(120)
    aws.ecs.create_cluster(clusterName="prod")
    assert fleet.instances() == []
    aws.simulator.advance(120)
    assert len(fleet.instances()) == 1


def test_tasks_spread_over_zones_and_get_separate_ports(aws: Aws, fleet: Fleet) -> None:
    """With host port 0 in bridge mode, ports are dynamic from 32768, and each is a separate target."""
    group = aws.target_group(TargetType="instance", HealthCheckIntervalSeconds=10)
    aws.listener(aws.load_balancer(), group)
    hosts = {instance["ec2InstanceId"] for instance in fleet.up(2)}
    balancers = [{"targetGroupArn": group, "containerName": "api", "containerPort": 80}]
    service = fleet.service(desiredCount=4, loadBalancers=balancers)
    assert (service["launchType"], "platformVersion" in service) == ("EC2", False)
    aws.simulator.advance(120)
    assert aws.rollouts() == [("PRIMARY", "COMPLETED", 4)]
    assert [placed(aws).count(instance["containerInstanceArn"]) for instance in fleet.instances()] == [2, 2]
    assert len(set(zones(aws))) == 2
    health = aws.elbv2.describe_target_health(TargetGroupArn=group)["TargetHealthDescriptions"]
    targets = {(one["Target"]["Id"], one["Target"]["Port"]) for one in health}
    assert targets == {(host, port) for host in hosts for port in (32768, 32769)}
    assert {one["TargetHealth"]["State"] for one in health} == {"healthy"}
    task = aws.tasks()[0]
    assert task["launchType"] == "EC2"
    binding = task["containers"][0]["networkBindings"][0]
    assert (binding["containerPort"], binding["protocol"]) == (80, "tcp")
    assert task["attachments"] == []
    remaining = {one["name"]: one for one in fleet.instances()[0]["remainingResources"]}
    assert "32768" in remaining["PORTS"]["stringSetValue"]


def test_new_tasks_of_a_deployment_get_new_ports(aws: Aws, fleet: Fleet) -> None:
    """Old and new tasks share the instances during a deployment."""
    group = aws.target_group(TargetType="instance", HealthCheckIntervalSeconds=10)
    aws.listener(aws.load_balancer(), group)
    fleet.up(1)
    fleet.service(loadBalancers=[{"targetGroupArn": group, "containerName": "api", "containerPort": 80}])
    aws.simulator.advance(120)
    aws.update(taskDefinition=fleet.definition(image="nginx:2"))
    aws.simulator.advance(600)
    assert aws.rollouts() == [("PRIMARY", "COMPLETED", 2)]
    health = aws.elbv2.describe_target_health(TargetGroupArn=group)["TargetHealthDescriptions"]
    assert sorted(one["Target"]["Port"] for one in health) == [32770, 32771]


@pytest.mark.parametrize(
    ("definition", "shortage"),
    [
        ({"memory": 1500}, "has insufficient memory available."),
        ({"cpu": "1536"}, "has insufficient CPU units available."),
        (
            {"networkMode": "host"},
            "is already using a port required by your task.",
        ),
    ],
)
def test_an_event_has_the_reason_why_a_task_is_not_placed(
    aws: Aws, fleet: Fleet, definition: dict[str, Any], shortage: str
) -> None:
    """Tasks that fit run. One event names the resource that the closest instance lacks."""
    instance = fleet.up(1)[0]["containerInstanceArn"].rsplit("/", 1)[1]
    fleet.service(taskDefinition=fleet.definition(**definition))
    aws.simulator.advance(300)
    assert aws.described()["runningCount"] == 1
    expected = (
        "(service api) was unable to place a task because no container instance met all of its requirements. The"
        f" closest matching (container-instance {instance}) {shortage} For more information, see the Troubleshooting"
        " section of the Amazon ECS Developer Guide."
    )
    assert aws.events().count(expected) == 1
    aws.autoscaling.set_desired_capacity(AutoScalingGroupName="nodes", DesiredCapacity=2)
    aws.simulator.advance(300)
    assert aws.described()["runningCount"] == 2
    assert aws.events()[0] == "(service api) has reached a steady state."


def test_an_event_reports_a_cluster_without_instances(aws: Aws, fleet: Fleet) -> None:
    """Without container instances the result is an event and no task."""
    aws.ecs.create_cluster(clusterName="prod")
    fleet.service()
    aws.simulator.advance(60)
    assert "Reason: No Container Instances were found in your cluster." in aws.events()[0]
    with refused("InvalidParameterException", "No Container Instances were found in your cluster."):
        aws.ecs.run_task(cluster="prod", taskDefinition=fleet.definition())


@pytest.mark.parametrize(
    ("strategy", "counts"),
    [
        ([{"type": "binpack", "field": "memory"}], [0, 3]),
        ([{"type": "spread", "field": "instanceId"}], [1, 2]),
        ([{"type": "spread", "field": "attribute:ecs.availability-zone"}], [1, 2]),
    ],
)
def test_strategies_choose_among_instances(
    aws: Aws, fleet: Fleet, strategy: list[dict[str, str]], counts: list[int]
) -> None:
    """Binpack fills one instance, and spread uses all. A test cannot predict a random choice."""
    instances = [instance["containerInstanceArn"] for instance in fleet.up(2)]
    fleet.service(desiredCount=3, placementStrategy=strategy)
    aws.simulator.advance(60)
    assert sorted(placed(aws).count(instance) for instance in instances) == counts


def test_constraints_are_kept(aws: Aws, fleet: Fleet) -> None:
    """The constraint distinctInstance uses each instance once; memberOf only those that match the expression."""
    fleet.up(2)
    fleet.service(desiredCount=3, placementConstraints=[{"type": "distinctInstance"}])
    aws.simulator.advance(60)
    assert len(set(placed(aws))) == len(placed(aws)) == 2
    assert 'encountered error "DistinctInstance placement constraint unsatisfied."' in aws.events()[0]
    aws.ecs.delete_service(cluster="prod", service="api", force=True)
    aws.simulator.advance(60)
    zone = aws.ec2.describe_subnets(SubnetIds=aws.network["subnets"][:1])["Subnets"][0]["AvailabilityZone"]
    expression = f"attribute:ecs.availability-zone == {zone} and attribute:ecs.instance-type =~ t3.*"
    fleet.service(placementConstraints=[{"type": "memberOf", "expression": expression}])
    aws.simulator.advance(60)
    assert zones(aws) == [zone, zone]


def test_a_daemon_runs_once_on_each_instance(aws: Aws, fleet: Fleet) -> None:
    """Its desired count follows the instances."""
    fleet.up(2)
    fleet.service(schedulingStrategy="DAEMON")
    aws.simulator.advance(60)
    assert (aws.described()["desiredCount"], aws.described()["runningCount"]) == (2, 2)
    assert len(set(placed(aws))) == 2
    aws.autoscaling.set_desired_capacity(AutoScalingGroupName="nodes", DesiredCapacity=3)
    aws.simulator.advance(120)
    assert (aws.described()["desiredCount"], len(set(placed(aws)))) == (3, 3)
    aws.update(taskDefinition=fleet.definition(image="nginx:2"))
    aws.simulator.advance(300)
    assert aws.rollouts() == [("PRIMARY", "COMPLETED", 3)]


def test_the_tasks_of_a_draining_instance_are_replaced(aws: Aws, fleet: Fleet) -> None:
    """With DRAINING, replacements start on other instances before its tasks stop. With ACTIVE it is used again."""
    first, second = (instance["containerInstanceArn"] for instance in fleet.up(2))
    fleet.service()
    aws.simulator.advance(60)
    change = aws.ecs.update_container_instances_state
    answer = change(cluster="prod", containerInstances=[first, "ghost"], status="DRAINING")
    assert [one["status"] for one in answer["containerInstances"]] == ["DRAINING"]
    assert answer["failures"][0]["reason"] == "MISSING"
    for _ in range(60):
        aws.simulator.advance(2)
        assert aws.described()["runningCount"] >= 2
    assert placed(aws) == [second, second]
    assert aws.ecs.list_container_instances(cluster="prod", status="DRAINING")["containerInstanceArns"] == [first]
    change(cluster="prod", containerInstances=[first], status="ACTIVE")
    aws.update(desiredCount=3)
    aws.simulator.advance(60)
    assert first in placed(aws)


def test_tasks_of_a_lost_instance_start_elsewhere(aws: Aws, fleet: Fleet) -> None:
    """The deployment counts no failure, and the cluster no longer has the instance."""
    lost = fleet.up(2)[0]
    fleet.service()
    aws.simulator.advance(60)
    aws.ec2.terminate_instances(InstanceIds=[lost["ec2InstanceId"]])
    aws.simulator.advance(30)
    assert lost["containerInstanceArn"] not in [one["containerInstanceArn"] for one in fleet.instances()]
    assert aws.rollouts() == [("PRIMARY", "COMPLETED", 2)]
    stopped = aws.tasks("STOPPED")[0]
    assert stopped["stoppedReason"] == f"Host EC2 (instance {lost['ec2InstanceId']}) terminated."
    assert aws.described()["deployments"][0]["failedTasks"] == 0


def test_tasks_with_a_network_interface_run_on_instances_too(aws: Aws, fleet: Fleet) -> None:
    """With awsvpc on EC2 the target is the task's own address."""
    group = aws.target_group(HealthCheckIntervalSeconds=10)
    aws.listener(aws.load_balancer(), group)
    fleet.up(1)
    container = {"name": "api", "image": "nginx:1", "memory": 100, "portMappings": [{"containerPort": 80}]}
    definition = fleet.definition(networkMode="awsvpc", containerDefinitions=[container])
    fleet.service(
        taskDefinition=definition,
        networkConfiguration=aws.awsvpc,
        loadBalancers=[{"targetGroupArn": group, "containerName": "api", "containerPort": 80}],
    )
    aws.simulator.advance(120)
    assert aws.rollouts() == [("PRIMARY", "COMPLETED", 2)]
    health = aws.elbv2.describe_target_health(TargetGroupArn=group)["TargetHealthDescriptions"]
    assert {one["Target"]["Port"] for one in health} == {80}
    assert all(one["Target"]["Id"].startswith("172.31.") for one in health)


def test_run_task_places_a_task_or_returns_a_failure(aws: Aws, fleet: Fleet) -> None:
    """A task that no instance fits is a failure in the response."""
    fleet.up(1)
    answer = aws.ecs.run_task(cluster="prod", taskDefinition=fleet.definition(1200), count=2)
    assert len(answer["tasks"]) == 1
    assert [one["reason"] for one in answer["failures"]] == ["RESOURCE:MEMORY"]


def test_a_cluster_with_instances_is_not_deleted(aws: Aws, fleet: Fleet) -> None:
    """Its instances must be terminated first. Instances also prevent the deletion of a security group."""
    group = aws.ec2.create_security_group(GroupName="nodes", Description="nodes", VpcId=aws.network["vpc"])["GroupId"]
    fleet.up(1, SecurityGroupIds=[group])
    with refused("ClusterContainsContainerInstancesException"):
        aws.ecs.delete_cluster(cluster="prod")
    with refused("DependencyViolation", group):
        aws.ec2.delete_security_group(GroupId=group)
    aws.autoscaling.delete_auto_scaling_group(AutoScalingGroupName="nodes", ForceDelete=True)
    aws.simulator.advance(60)
    assert aws.ecs.delete_cluster(cluster="prod")["cluster"]["status"] == "INACTIVE"
    aws.ec2.delete_security_group(GroupId=group)


def test_an_instance_with_tasks_is_deregistered_with_force(aws: Aws, fleet: Fleet) -> None:
    """Custom attributes can be set, and constraints use them."""
    instance = fleet.up(1)[0]["containerInstanceArn"]
    aws.ecs.put_attributes(cluster="prod", attributes=[{"name": "stack", "value": "blue", "targetId": instance}])
    listed = aws.ecs.list_container_instances(cluster="prod", filter="attribute:stack == blue")
    assert listed["containerInstanceArns"] == [instance]
    assert (
        aws.ecs.list_container_instances(cluster="prod", filter="attribute:stack == red")["containerInstanceArns"] == []
    )
    fleet.service(desiredCount=1)
    aws.simulator.advance(60)
    with refused("InvalidParameterException", "Found running tasks on the instance."):
        aws.ecs.deregister_container_instance(cluster="prod", containerInstance=instance)
    aws.ecs.deregister_container_instance(cluster="prod", containerInstance=instance, force=True)
    assert fleet.instances() == []
