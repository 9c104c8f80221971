"""Capacity providers, their clusters, and managed scaling."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from ecsim import Settings, Simulator, VirtualClock
from tests.ecsim.aws import Aws, refused
from tests.ecsim.fleet import POLICY, Fleet

STRATEGY = [{"capacityProvider": "nodes", "weight": 1}]


@pytest.fixture
def fleet(aws: Aws) -> Fleet:
    """An empty account, and the resources that instances need."""
    return Fleet(aws)


def test_the_providers_of_fargate_always_exist(aws: Aws) -> None:
    """Without names all ACTIVE providers are described, in pages. An unknown name is a failure."""
    found = aws.ecs.describe_capacity_providers(maxResults=1)
    assert [one["name"] for one in found["capacityProviders"]] == ["FARGATE"]
    rest = aws.ecs.describe_capacity_providers(maxResults=1, nextToken=found["nextToken"])
    assert [one["name"] for one in rest["capacityProviders"]] == ["FARGATE_SPOT"]
    missing = aws.ecs.describe_capacity_providers(capacityProviders=["ghost"])
    assert [one["reason"] for one in missing["failures"]] == ["MISSING"]


def test_a_provider_has_defaults_and_tags_its_group(aws: Aws, fleet: Fleet) -> None:
    """Managed scaling gets its defaults. The group is returned by ARN and tagged AmazonECSManaged."""
    fleet.up(0)
    settings = {"autoScalingGroupArn": "nodes", "managedScaling": {"status": "ENABLED"}}
    tags = [{"key": "team", "value": "web"}]
    aws.ecs.create_capacity_provider(name="nodes", autoScalingGroupProvider=settings, tags=tags)
    provider = aws.ecs.describe_capacity_providers(capacityProviders=["nodes"], include=["TAGS"])["capacityProviders"][
        0
    ]
    assert (provider["status"], provider["tags"]) == ("ACTIVE", tags)
    assert provider["autoScalingGroupProvider"] == {
        "autoScalingGroupArn": fleet.described()["AutoScalingGroupARN"],
        "managedScaling": {
            "status": "ENABLED",
            "targetCapacity": 100,
            "minimumScalingStepSize": 1,
            "maximumScalingStepSize": 10000,
            "instanceWarmupPeriod": 300,
        },
        "managedTerminationProtection": "DISABLED",
        "managedDraining": "ENABLED",
    }
    marked = {tag["Key"]: tag["PropagateAtLaunch"] for tag in fleet.described()["Tags"]}
    assert marked == {"AmazonECSManaged": True}


def test_invalid_providers_are_refused(aws: Aws, fleet: Fleet) -> None:
    """A name or group in use, a group that does not exist, protection that the group does not have."""
    fleet.up(0)
    with refused("ClientException", "must have instance protection from scale in enabled"):
        fleet.provider(managedTerminationProtection="ENABLED")
    fleet.provider()
    with refused("ClientException", "already exists"):
        fleet.provider()
    with refused("ClientException", "already being used by another capacity provider"):
        fleet.provider("other")
    with refused("ClientException", "does not exist"):
        aws.ecs.create_capacity_provider(name="x", autoScalingGroupProvider={"autoScalingGroupArn": "ghost"})
    with refused("ClientException", "cannot be prefixed"):
        fleet.provider("ecs-nodes")


def test_a_provider_is_deleted_when_no_cluster_has_it(aws: Aws, fleet: Fleet) -> None:
    """It must be removed from the cluster first. Then it is INACTIVE, and its name and group are free."""
    fleet.managed()
    delete = aws.ecs.delete_capacity_provider
    with refused("ResourceInUseException", "associated with cluster"):
        delete(capacityProvider="nodes")
    aws.ecs.put_cluster_capacity_providers(cluster="prod", capacityProviders=[], defaultCapacityProviderStrategy=[])
    delete(capacityProvider="nodes")
    found = aws.ecs.describe_capacity_providers(capacityProviders=["nodes"])["capacityProviders"][0]
    assert (found["status"], found["updateStatus"]) == ("INACTIVE", "DELETE_COMPLETE")
    assert len(aws.ecs.describe_capacity_providers()["capacityProviders"]) == 2
    with refused("InvalidParameterException", "does not exist"):
        delete(capacityProvider="nodes")
    assert fleet.provider()["status"] == "ACTIVE"


def test_an_update_changes_only_the_members_in_the_request(aws: Aws, fleet: Fleet) -> None:
    """Omitted members of managed scaling are kept."""
    fleet.up(0)
    fleet.provider(managedScaling={"status": "ENABLED", "targetCapacity": 80})
    aws.ecs.update_capacity_provider(
        name="nodes",
        autoScalingGroupProvider={"managedScaling": {"maximumScalingStepSize": 5}, "managedDraining": "DISABLED"},
    )
    settings = aws.ecs.describe_capacity_providers(capacityProviders=["nodes"])["capacityProviders"][0][
        "autoScalingGroupProvider"
    ]
    assert (settings["managedScaling"]["targetCapacity"], settings["managedDraining"]) == (80, "DISABLED")
    with refused("ClientException", "instance protection"):
        aws.ecs.update_capacity_provider(
            name="nodes", autoScalingGroupProvider={"managedTerminationProtection": "ENABLED"}
        )


def test_a_service_takes_the_default_strategy_of_its_cluster(aws: Aws, fleet: Fleet) -> None:
    """A service with neither launch type nor strategy gets a copy of the strategy, and no launch type."""
    fleet.managed()
    service = fleet.service(launchType=None)
    assert service["capacityProviderStrategy"] == [{"capacityProvider": "nodes", "weight": 1, "base": 0}]
    assert "launchType" not in service
    attached = aws.ecs.describe_clusters(clusters=["prod"], include=["ATTACHMENTS"])["clusters"][0]
    assert {one["type"] for one in attached["attachments"]} == {"as_policy", "managed_draining"}
    assert attached["attachmentsStatus"] == "UPDATE_COMPLETE"
    with refused("ResourceInUseException", "in use"):
        aws.ecs.put_cluster_capacity_providers(cluster="prod", capacityProviders=[], defaultCapacityProviderStrategy=[])


def test_managed_scaling_launches_what_waiting_tasks_need(aws: Aws, fleet: Fleet) -> None:
    """Tasks wait in PROVISIONING, the group grows within its bounds, and the tasks run."""
    fleet.managed()
    fleet.service(capacityProviderStrategy=STRATEGY, desiredCount=8, taskDefinition=fleet.definition(600))
    aws.simulator.advance(10)
    assert {task["lastStatus"] for task in aws.tasks()} == {"PROVISIONING"}
    assert all("unable to place" not in message for message in aws.events())
    aws.simulator.advance(300)
    assert (fleet.described()["DesiredCapacity"], len(fleet.instances())) == (3, 3)
    assert aws.rollouts() == [("PRIMARY", "COMPLETED", 8)]
    assert {task["capacityProviderName"] for task in aws.tasks()} == {"nodes"}
    assert {instance["capacityProviderName"] for instance in fleet.instances()} == {"nodes"}
    aws.update(desiredCount=20)
    aws.simulator.advance(600)
    assert (fleet.described()["DesiredCapacity"], aws.described()["runningCount"]) == (4, 12)


def test_managed_scaling_terminates_spare_instances(aws: Aws, fleet: Fleet) -> None:
    """It does so after 15 minutes, down to the minimum; with termination protection only those without tasks."""
    fleet.up(0)
    aws.autoscaling.update_auto_scaling_group(AutoScalingGroupName="nodes", NewInstancesProtectedFromScaleIn=True)
    fleet.provider(managedTerminationProtection="ENABLED")
    aws.ecs.put_cluster_capacity_providers(
        cluster="prod", capacityProviders=["nodes"], defaultCapacityProviderStrategy=STRATEGY
    )
    placement = [{"type": "binpack", "field": "memory"}]
    definition = fleet.definition(600)
    fleet.service(launchType=None, desiredCount=9, taskDefinition=definition, placementStrategy=placement)
    aws.simulator.advance(300)
    assert fleet.described()["DesiredCapacity"] == 3
    aws.update(desiredCount=0)
    aws.simulator.advance(60)
    aws.update(desiredCount=2)
    aws.simulator.advance(600)
    running = {task["containerInstanceArn"] for task in aws.tasks()}
    assert (len(running), fleet.described()["DesiredCapacity"]) == (1, 3)
    aws.simulator.advance(900)
    assert fleet.described()["DesiredCapacity"] == 1
    assert {instance["containerInstanceArn"] for instance in fleet.instances()} == running
    assert aws.described()["runningCount"] == 2
    aws.ecs.delete_service(cluster="prod", service="api", force=True)
    aws.simulator.advance(1200)
    assert (fleet.described()["DesiredCapacity"], fleet.instances()) == (0, [])


def test_managed_draining_moves_tasks_before_a_termination(aws: Aws, fleet: Fleet) -> None:
    """When the group shrinks, the tasks run on another instance before the termination."""
    fleet.managed(managedScaling={"status": "DISABLED"})
    aws.autoscaling.set_desired_capacity(AutoScalingGroupName="nodes", DesiredCapacity=2)
    aws.simulator.advance(60)
    fleet.service(launchType=None)
    aws.simulator.advance(60)
    assert len({task["containerInstanceArn"] for task in aws.tasks()}) == 2
    aws.autoscaling.set_desired_capacity(AutoScalingGroupName="nodes", DesiredCapacity=1)
    aws.simulator.advance(4)
    assert sorted(i["LifecycleState"] for i in fleet.described()["Instances"]) == ["InService", "Terminating:Wait"]
    for _ in range(60):
        aws.simulator.advance(2)
        assert aws.described()["runningCount"] >= 2
    assert len(fleet.instances()) == 1
    assert aws.described()["runningCount"] == 2


def test_base_and_weight_are_shared_among_providers(aws: Aws, fleet: Fleet) -> None:
    """The base is filled first, then the weights decide. Fargate and groups cannot be mixed."""
    fleet.managed()
    fleet.template("more", IamInstanceProfile={"Name": "instance"})
    fleet.group("more", "more")
    fleet.provider("more", "more")
    aws.ecs.put_cluster_capacity_providers(
        cluster="prod", capacityProviders=["more", "nodes", "FARGATE"], defaultCapacityProviderStrategy=[]
    )
    strategy = [{"capacityProvider": "nodes", "base": 2, "weight": 1}, {"capacityProvider": "more", "weight": 3}]
    fleet.service(desiredCount=6, capacityProviderStrategy=strategy)
    aws.simulator.advance(300)
    used = [task["capacityProviderName"] for task in aws.tasks()]
    assert (used.count("nodes"), used.count("more")) == (3, 3)
    mixed = [{"capacityProvider": "nodes"}, {"capacityProvider": "FARGATE"}]
    with refused("InvalidParameterException", "cannot contain a mix"):
        fleet.service(serviceName="mixed", capacityProviderStrategy=mixed)


def test_a_whole_stack_is_deleted_in_order(aws: Aws, fleet: Fleet) -> None:
    """Service, association, provider, group, template, cluster, profile, role: no other order is accepted."""
    fleet.managed()
    fleet.service(launchType=None)
    aws.simulator.advance(300)
    ecs, iam = aws.ecs, aws.iam
    with refused("ResourceInUseException"):
        ecs.put_cluster_capacity_providers(cluster="prod", capacityProviders=[], defaultCapacityProviderStrategy=[])
    ecs.update_service(cluster="prod", service="api", desiredCount=0)
    ecs.delete_service(cluster="prod", service="api")
    aws.simulator.advance(120)
    assert aws.described()["status"] == "INACTIVE"
    with refused("ResourceInUseException"):
        ecs.delete_capacity_provider(capacityProvider="nodes")
    ecs.put_cluster_capacity_providers(cluster="prod", capacityProviders=[], defaultCapacityProviderStrategy=[])
    ecs.delete_capacity_provider(capacityProvider="nodes")
    with refused("ClusterContainsContainerInstancesException"):
        ecs.delete_cluster(cluster="prod")
    with refused("ResourceInUse"):
        aws.autoscaling.delete_auto_scaling_group(AutoScalingGroupName="nodes")
    aws.autoscaling.delete_auto_scaling_group(AutoScalingGroupName="nodes", ForceDelete=True)
    aws.simulator.advance(120)
    assert aws.autoscaling.describe_auto_scaling_groups()["AutoScalingGroups"] == []
    ecs.delete_cluster(cluster="prod")
    aws.ec2.delete_launch_template(LaunchTemplateName="nodes")
    with refused("DeleteConflict"):
        iam.delete_instance_profile(InstanceProfileName="instance")
    with refused("DeleteConflict"):
        iam.delete_role(RoleName="instance")
    iam.remove_role_from_instance_profile(InstanceProfileName="instance", RoleName="instance")
    iam.delete_instance_profile(InstanceProfileName="instance")
    iam.detach_role_policy(RoleName="instance", PolicyArn=POLICY)
    iam.delete_role(RoleName="instance")
    assert iam.list_roles()["Roles"] == []


@pytest.fixture
def settling() -> Iterator[Aws]:
    """An account with settling on, after its roles have settled."""
    simulator = Simulator(Settings(settling=True, association_seconds=12), VirtualClock())
    simulator.start()
    yield Aws(simulator)
    simulator.stop()


def test_an_association_takes_time(settling: Aws) -> None:
    """Until then the cluster is busy, and services cannot use the provider."""
    fleet = Fleet(settling)
    settling.ecs.create_cluster(clusterName="prod")
    fleet.template(IamInstanceProfile={"Arn": fleet.role()})
    settling.simulator.advance(60)
    fleet.group()
    fleet.provider()
    put = settling.ecs.put_cluster_capacity_providers
    cluster = put(cluster="prod", capacityProviders=["nodes"], defaultCapacityProviderStrategy=STRATEGY)["cluster"]
    assert cluster["attachmentsStatus"] == "UPDATE_IN_PROGRESS"
    with refused("UpdateInProgressException", "busy state"):
        put(cluster="prod", capacityProviders=[], defaultCapacityProviderStrategy=[])
    with refused("UpdateInProgressException"):
        settling.ecs.delete_cluster(cluster="prod")
    with refused("InvalidParameterException", "not associated with the cluster"):
        fleet.service(capacityProviderStrategy=STRATEGY)
    settling.simulator.advance(12)
    assert fleet.service(capacityProviderStrategy=STRATEGY)["status"] == "ACTIVE"
    settling.ecs.delete_service(cluster="prod", service="api", force=True)
    settling.simulator.advance(60)
    put(cluster="prod", capacityProviders=[], defaultCapacityProviderStrategy=[])
    settling.simulator.advance(12)
    deleted = settling.ecs.delete_capacity_provider(capacityProvider="nodes")["capacityProvider"]
    assert (deleted["status"], deleted["updateStatus"]) == ("ACTIVE", "DELETE_IN_PROGRESS")
    settling.simulator.advance(12)
    found = settling.ecs.describe_capacity_providers(capacityProviders=["nodes"])["capacityProviders"][0]
    assert (found["status"], found["updateStatus"]) == ("INACTIVE", "DELETE_COMPLETE")


def described(aws: Aws, name: str) -> dict[str, Any]:
    """Return a provider."""
    found: dict[str, Any] = aws.ecs.describe_capacity_providers(capacityProviders=[name])["capacityProviders"][0]
    return found


def test_an_update_takes_time_and_can_fail(settling: Aws) -> None:
    """It prints the old values meanwhile, and after a failure with the reason."""
    fleet = Fleet(settling)
    fleet.template(IamInstanceProfile={"Arn": fleet.role()})
    settling.simulator.advance(60)
    fleet.group()
    fleet.provider()
    before = described(settling, "nodes")["autoScalingGroupProvider"]
    change = {"name": "nodes", "autoScalingGroupProvider": {"managedScaling": {"targetCapacity": 80}}}
    settling.simulator.fail_provider("nodes", "internal error. Try again.")
    settling.ecs.update_capacity_provider(**change)
    with refused("UpdateInProgressException", "busy state"):
        settling.ecs.update_capacity_provider(**change)
    found = described(settling, "nodes")
    assert (found["updateStatus"], found["autoScalingGroupProvider"]) == ("UPDATE_IN_PROGRESS", before)
    settling.simulator.advance(12)
    found = described(settling, "nodes")
    assert (found["updateStatus"], found["updateStatusReason"]) == ("UPDATE_FAILED", "internal error. Try again.")
    assert found["autoScalingGroupProvider"] == before
    settling.simulator.fail_provider("nodes", None)
    settling.ecs.update_capacity_provider(**change)
    settling.simulator.advance(12)
    found = described(settling, "nodes")
    assert (found["updateStatus"], "updateStatusReason" in found) == ("UPDATE_COMPLETE", False)
    assert found["autoScalingGroupProvider"]["managedScaling"]["targetCapacity"] == 80


def managed(aws: Aws) -> dict[str, Any]:
    """Create a cluster, and a provider of managed instances for it."""
    aws.ecs.create_cluster(clusterName="prod")
    subnet = aws.ec2.describe_subnets()["Subnets"][0]["SubnetId"]
    template = {
        "ec2InstanceProfileArn": "arn:aws:iam::123456789012:instance-profile/ecs",
        "networkConfiguration": {"subnets": [subnet]},
    }
    block = {"infrastructureRoleArn": "arn:aws:iam::123456789012:role/ecs", "instanceLaunchTemplate": template}
    created = aws.ecs.create_capacity_provider(name="mi", cluster="prod", managedInstancesProvider=block)
    found: dict[str, Any] = created["capacityProvider"]
    return found


def test_a_provider_of_managed_instances_is_created_in_the_background(settling: Aws) -> None:
    """Until then a cluster cannot use it. ECS fills in the security group."""
    assert managed(settling)["updateStatus"] == "CREATE_IN_PROGRESS"
    put = settling.ecs.put_cluster_capacity_providers
    with refused("InvalidParameterException", "not in an ACTIVE state"):
        put(cluster="prod", capacityProviders=["mi"], defaultCapacityProviderStrategy=[])
    settling.simulator.advance(12)
    found = described(settling, "mi")
    assert (found["updateStatus"], found["cluster"], found["type"]) == ("CREATE_COMPLETE", "prod", "MANAGED_INSTANCES")
    network = found["managedInstancesProvider"]["instanceLaunchTemplate"]["networkConfiguration"]
    assert len(network["securityGroups"]) == 1
    put(cluster="prod", capacityProviders=["mi"], defaultCapacityProviderStrategy=[])
