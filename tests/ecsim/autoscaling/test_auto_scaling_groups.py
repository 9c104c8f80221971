"""Auto Scaling groups."""

from __future__ import annotations

from typing import Any

import pytest

from ecsim import Settings, Simulator, VirtualClock
from tests.ecsim.aws import Aws, Body, refused
from tests.ecsim.fleet import Fleet


@pytest.fixture
def fleet(aws: Aws) -> Fleet:
    """An account with the launch template `nodes`."""
    fleet = Fleet(aws)
    fleet.template()
    return fleet


def states(fleet: Fleet) -> list[str]:
    """The lifecycle states of the group's instances."""
    return [instance["LifecycleState"] for instance in fleet.described()["Instances"]]


def test_a_group_gets_the_defaults_of_aws(aws: Aws, fleet: Fleet) -> None:
    """Members that are not declared get defaults. The template is returned by ID, name and version."""
    subnets = aws.network["subnets"][:2]
    group = fleet.group(VPCZoneIdentifier=", ".join(subnets))
    assert group["LaunchTemplate"]["LaunchTemplateName"] == "nodes"
    assert group["LaunchTemplate"]["Version"] == "$Default"
    assert group["LaunchTemplate"]["LaunchTemplateId"].startswith("lt-")
    assert sorted(group["VPCZoneIdentifier"].split(",")) == subnets
    assert len(group["AvailabilityZones"]) == 2
    assert (group["DesiredCapacity"], group["DefaultCooldown"], group["HealthCheckGracePeriod"]) == (0, 300, 0)
    assert (group["HealthCheckType"], group["TerminationPolicies"]) == ("EC2", ["Default"])
    assert group["NewInstancesProtectedFromScaleIn"] is False
    assert group["ServiceLinkedRoleARN"].endswith("/AWSServiceRoleForAutoScaling")
    assert group["AvailabilityZoneDistribution"] == {"CapacityDistributionStrategy": "balanced-best-effort"}
    assert (group["Tags"], group["EnabledMetrics"], group["TargetGroupARNs"]) == ([], [], [])
    assert "MaxInstanceLifetime" not in group
    assert "DefaultInstanceWarmup" not in group
    assert "Status" not in group


def test_a_group_keeps_its_declared_members(aws: Aws, fleet: Fleet) -> None:
    """Lifetime, warm-up, protection and policies are returned. An update changes only the members in the request."""
    fleet.group(
        MaxInstanceLifetime=86400,
        DefaultInstanceWarmup=120,
        NewInstancesProtectedFromScaleIn=True,
        TerminationPolicies=["OldestInstance", "Default"],
    )
    aws.autoscaling.update_auto_scaling_group(AutoScalingGroupName="nodes", MinSize=2, DefaultInstanceWarmup=-1)
    group = fleet.described()
    assert (group["MaxInstanceLifetime"], group["MinSize"], group["DesiredCapacity"]) == (86400, 2, 2)
    assert "DefaultInstanceWarmup" not in group
    assert group["TerminationPolicies"] == ["OldestInstance", "Default"]


def test_tags_and_metrics_are_changed_by_separate_calls(aws: Aws, fleet: Fleet) -> None:
    """A tag has PropagateAtLaunch, metrics are returned in order, and groups are found by tag."""
    fleet.group(Tags=[{"Key": "Name", "Value": "node", "PropagateAtLaunch": True}])
    fleet.group("other")
    row = {"ResourceId": "nodes", "ResourceType": "auto-scaling-group"}
    tag = {**row, "Key": "owner", "Value": "me", "PropagateAtLaunch": False}
    aws.autoscaling.create_or_update_tags(Tags=[tag])
    assert fleet.described()["Tags"] == [
        {**row, "Key": "Name", "Value": "node", "PropagateAtLaunch": True},
        tag,
    ]

    def found(name: str, *values: str) -> list[str]:
        groups = aws.autoscaling.describe_auto_scaling_groups(Filters=[{"Name": name, "Values": list(values)}])
        return [group["AutoScalingGroupName"] for group in groups["AutoScalingGroups"]]

    assert found("tag-key", "owner") == ["nodes"]
    assert found("tag:owner", "you") == []
    aws.autoscaling.delete_tags(Tags=[{**row, "Key": "owner"}])
    assert found("tag-key", "owner") == []
    aws.autoscaling.enable_metrics_collection(
        AutoScalingGroupName="nodes", Granularity="1Minute", Metrics=["GroupMinSize", "GroupDesiredCapacity"]
    )
    assert fleet.described()["EnabledMetrics"] == [
        {"Metric": "GroupDesiredCapacity", "Granularity": "1Minute"},
        {"Metric": "GroupMinSize", "Granularity": "1Minute"},
    ]
    aws.autoscaling.disable_metrics_collection(AutoScalingGroupName="nodes")
    assert fleet.described()["EnabledMetrics"] == []


def test_groups_come_in_pages(aws: Aws, fleet: Fleet) -> None:
    """A token leads from one page to the next. An unknown name is omitted."""
    for name in ("a", "b", "c"):
        fleet.group(name)
    first = aws.autoscaling.describe_auto_scaling_groups(MaxRecords=2)
    rest = aws.autoscaling.describe_auto_scaling_groups(MaxRecords=2, NextToken=first["NextToken"])
    names = [group["AutoScalingGroupName"] for group in first["AutoScalingGroups"] + rest["AutoScalingGroups"]]
    assert names == ["a", "b", "c"]
    assert aws.autoscaling.describe_auto_scaling_groups(AutoScalingGroupNames=["ghost"])["AutoScalingGroups"] == []


def test_an_invalid_group_is_refused(aws: Aws, fleet: Fleet) -> None:
    """A second group of a name, contradictory bounds, an unknown template and an unknown subnet are refused."""
    fleet.group()
    with refused("AlreadyExists", "A group with the name nodes already exists"):
        fleet.group()
    with refused("ValidationError", "must be between the specified min size"):
        fleet.group("other", DesiredCapacity=9)
    with refused("ValidationError", "must be less than or equal to max bound"):
        fleet.group("other", MinSize=5)
    with refused("ValidationError", "The specified launch template, with template name ghost, does not exist."):
        fleet.group("other", template="ghost")
    with refused("ValidationError", "Invalid IAM Instance Profile name"):
        fleet.template("roleless", IamInstanceProfile={"Name": "ghost"})
        fleet.group("other", template="roleless")
    with refused("ValidationError", "does not exist"):
        fleet.group("other", VPCZoneIdentifier="subnet-0123456789abcdef0")
    with refused("ValidationError", "is above max value 4"):
        aws.autoscaling.set_desired_capacity(AutoScalingGroupName="nodes", DesiredCapacity=5)


def test_instances_are_launched_over_time(aws: Aws, fleet: Fleet) -> None:
    """They boot in the group's subnets with the propagated tags, and EC2 describes them."""
    tags = [
        {"Key": "Name", "Value": "node", "PropagateAtLaunch": True},
        {"Key": "owner", "Value": "me", "PropagateAtLaunch": False},
    ]
    fleet.group(DesiredCapacity=2, Tags=tags)
    assert states(fleet) == []
    aws.simulator.advance(5)
    assert states(fleet) == ["Pending", "Pending"]
    aws.simulator.advance(30)
    group = fleet.described()
    assert states(fleet) == ["InService", "InService"]
    assert {instance["HealthStatus"] for instance in group["Instances"]} == {"Healthy"}
    assert {instance["AvailabilityZone"] for instance in group["Instances"]} == set(group["AvailabilityZones"])
    assert group["Instances"][0]["LaunchTemplate"]["Version"] == "1"
    found = aws.ec2.describe_instances(InstanceIds=[group["Instances"][0]["InstanceId"]])
    instance = found["Reservations"][0]["Instances"][0]
    instance_tags = {tag["Key"]: tag["Value"] for tag in instance["Tags"]}
    assert (instance_tags["Name"], instance_tags["aws:autoscaling:groupName"]) == ("node", "nodes")
    assert "owner" not in instance_tags
    assert instance["InstanceType"] == "t3.small"


def test_a_terminated_instance_is_replaced(aws: Aws, fleet: Fleet) -> None:
    """After a termination through EC2 the group launches another instance, from the present default version."""
    fleet.group(DesiredCapacity=1)
    aws.simulator.advance(60)
    old = fleet.described()["Instances"][0]["InstanceId"]
    aws.ec2.create_launch_template_version(LaunchTemplateName="nodes", LaunchTemplateData=fleet.data("other"))
    aws.ec2.modify_launch_template(LaunchTemplateName="nodes", DefaultVersion="2")
    assert fleet.described()["Instances"][0]["LaunchTemplate"]["Version"] == "1"
    aws.ec2.terminate_instances(InstanceIds=[old])
    aws.simulator.advance(60)
    new = fleet.described()["Instances"]
    assert [one["LaunchTemplate"]["Version"] for one in new] == ["2"]
    assert new[0]["InstanceId"] != old


def test_protected_instances_stay_when_the_group_shrinks(aws: Aws, fleet: Fleet) -> None:
    """Scale-in terminates only unprotected instances."""
    fleet.group(DesiredCapacity=3)
    aws.simulator.advance(60)
    instances = [instance["InstanceId"] for instance in fleet.described()["Instances"]]
    aws.autoscaling.set_instance_protection(
        AutoScalingGroupName="nodes", InstanceIds=instances[:2], ProtectedFromScaleIn=True
    )
    aws.autoscaling.set_desired_capacity(AutoScalingGroupName="nodes", DesiredCapacity=0)
    aws.simulator.advance(5)
    assert sorted(states(fleet)) == ["InService", "InService", "Terminating"]
    aws.simulator.advance(60)
    assert [one["InstanceId"] for one in fleet.described()["Instances"]] == instances[:2]


def test_a_group_with_instances_is_not_deleted(aws: Aws, fleet: Fleet) -> None:
    """ResourceInUse with instances, ScalingActivityInProgress during their termination, then the deletion succeeds."""
    fleet.group(DesiredCapacity=1)
    delete = aws.autoscaling.delete_auto_scaling_group
    aws.simulator.advance(60)
    with refused("ResourceInUse", "while there are instances or pending Spot instance request(s) still in the group"):
        delete(AutoScalingGroupName="nodes")
    aws.autoscaling.update_auto_scaling_group(AutoScalingGroupName="nodes", MaxSize=0)
    aws.simulator.advance(5)
    with refused("ScalingActivityInProgress", "while there are scaling activities in progress"):
        delete(AutoScalingGroupName="nodes")
    aws.simulator.advance(30)
    delete(AutoScalingGroupName="nodes")
    assert fleet.described()["Status"] == "Delete in progress"
    with refused("ValidationError", "may not be modified while it is pending delete"):
        aws.autoscaling.update_auto_scaling_group(AutoScalingGroupName="nodes", MaxSize=1)
    with refused("AlreadyExists", "is pending delete"):
        fleet.group()
    aws.simulator.advance(30)
    assert aws.autoscaling.describe_auto_scaling_groups()["AutoScalingGroups"] == []
    with refused("ValidationError", "not found"):
        delete(AutoScalingGroupName="nodes")


def test_force_deletes_a_group_with_its_instances(aws: Aws, fleet: Fleet) -> None:
    """Protected instances are terminated too, and then the group is deleted."""
    fleet.group(DesiredCapacity=2, NewInstancesProtectedFromScaleIn=True)
    aws.simulator.advance(60)
    aws.autoscaling.delete_auto_scaling_group(AutoScalingGroupName="nodes", ForceDelete=True)
    assert fleet.described()["Status"] == "Delete in progress"
    aws.simulator.advance(60)
    assert aws.autoscaling.describe_auto_scaling_groups()["AutoScalingGroups"] == []
    reservations = aws.ec2.describe_instances()["Reservations"]
    assert {one["Instances"][0]["State"]["Name"] for one in reservations} == {"terminated"}


def test_target_groups_are_attached_by_a_separate_call(aws: Aws, fleet: Fleet) -> None:
    """Attach adds and detach removes. An unknown target group is refused."""
    group = aws.target_group(TargetType="instance")
    fleet.group()
    aws.autoscaling.attach_load_balancer_target_groups(AutoScalingGroupName="nodes", TargetGroupARNs=[group])
    assert fleet.described()["TargetGroupARNs"] == [group]
    aws.autoscaling.detach_load_balancer_target_groups(AutoScalingGroupName="nodes", TargetGroupARNs=[group])
    assert fleet.described()["TargetGroupARNs"] == []
    with refused("ValidationError"):
        aws.autoscaling.attach_load_balancer_target_groups(AutoScalingGroupName="nodes", TargetGroupARNs=["ghost"])


def test_a_target_group_is_a_traffic_source_and_vice_versa(aws: Aws, fleet: Fleet) -> None:
    """Both members show it, however it was attached. A VPC Lattice target group is only a traffic source."""
    first, second = aws.target_group(TargetType="instance"), aws.target_group("other", TargetType="instance")
    lattice = "arn:aws:vpc-lattice:eu-central-1:123456789012:targetgroup/tg-1"
    fleet.group(TrafficSources=[{"Identifier": first}])
    autoscaling, named = aws.autoscaling, {"AutoScalingGroupName": "nodes"}
    autoscaling.attach_load_balancer_target_groups(**named, TargetGroupARNs=[second])
    autoscaling.attach_traffic_sources(**named, TrafficSources=[{"Identifier": lattice}])
    shown = fleet.described()
    assert shown["TargetGroupARNs"] == [first, second]
    assert shown["TrafficSources"] == [
        {"Identifier": first, "Type": "elbv2"},
        {"Identifier": second, "Type": "elbv2"},
        {"Identifier": lattice, "Type": "vpc-lattice"},
    ]
    autoscaling.detach_traffic_sources(**named, TrafficSources=[{"Identifier": second}, {"Identifier": lattice}])
    shown = fleet.described()
    assert (shown["TargetGroupARNs"], len(shown["TrafficSources"])) == ([first], 1)


def test_an_update_of_a_mixed_policy_keeps_omitted_members(aws: Aws, fleet: Fleet) -> None:
    """An empty price and empty overrides unset them. Pools exist only with lowest-price."""
    template = {
        "LaunchTemplateSpecification": {"LaunchTemplateName": "nodes"},
        "Overrides": [{"InstanceType": "m5.large"}],
    }
    price = {"SpotAllocationStrategy": "capacity-optimized", "SpotMaxPrice": "0.5"}
    policy = {"LaunchTemplate": template, "InstancesDistribution": price}
    aws.autoscaling.create_auto_scaling_group(
        AutoScalingGroupName="nodes",
        MinSize=0,
        MaxSize=4,
        VPCZoneIdentifier=aws.network["subnets"][0],
        MixedInstancesPolicy=policy,
    )

    def updated(**policy: Any) -> Body:
        aws.autoscaling.update_auto_scaling_group(AutoScalingGroupName="nodes", MixedInstancesPolicy=policy)
        found: Body = fleet.described()["MixedInstancesPolicy"]
        return found

    spread = fleet.described()["MixedInstancesPolicy"]["InstancesDistribution"]
    assert (spread["SpotMaxPrice"], "SpotInstancePools" in spread) == ("0.5", False)
    kept = updated(InstancesDistribution={"OnDemandBaseCapacity": 1})
    assert kept["InstancesDistribution"] == {**spread, "OnDemandBaseCapacity": 1}
    assert kept["LaunchTemplate"]["Overrides"] == template["Overrides"]
    cleared = updated(
        LaunchTemplate={"Overrides": []},
        InstancesDistribution={"SpotMaxPrice": "", "SpotAllocationStrategy": "lowest-price"},
    )
    assert cleared["LaunchTemplate"]["Overrides"] == []
    assert "SpotMaxPrice" not in cleared["InstancesDistribution"]
    assert cleared["InstancesDistribution"]["SpotInstancePools"] == 2


def test_a_new_instance_profile_is_not_usable_at_once() -> None:
    """With settling on, the group is refused until the profile has propagated."""
    simulator = Simulator(Settings(settling=True, profile_seconds=15), VirtualClock())
    simulator.start()
    try:
        fleet = Fleet(Aws(simulator))
        fleet.template(IamInstanceProfile={"Arn": fleet.role()})
        with refused("ValidationError", "Invalid IAM Instance Profile ARN"):
            fleet.group()
        simulator.advance(15)
        assert fleet.group()["MinSize"] == 0
    finally:
        simulator.stop()
