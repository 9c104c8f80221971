"""A table of manual changes of ECR, EC2 and autoscaling resources: the drift of each, and the call that repairs it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any

from tests.whole.support.environment import Body
from tests.whole.support.manual_changes import ManualChanges

Change = Callable[[ManualChanges], object]
Configuration = Callable[[Body], object]


@dataclass(frozen=True)
class DriftCase:
    """A manual change: the resource, the paths that then differ, and the call that repairs it."""

    resource: str
    paths: tuple[str, ...]
    call: str
    change: Change


def repository(path: str, call: str, change: Change, *more: str, name: str = "images") -> DriftCase:
    """Return a case of a repository."""
    return DriftCase(f"Repository/{name}", (path, *more), f"ecr.{call}", change)


def template(path: str, **data: Any) -> DriftCase:
    """Return a case of a launch template: the repair makes the declared version, which exists, the default again."""
    path = f"/LaunchTemplateData/{path}"
    return DriftCase(
        "LaunchTemplate/nodes",
        (path,),
        "ec2.ModifyLaunchTemplate",
        lambda client: client.update_template("nodes", **data),
    )


def group(name: str, path: str, *more: str, **members: Any) -> DriftCase:
    """Return a case of an Auto Scaling group that UpdateAutoScalingGroup changes."""
    return group_by_call(
        name, path, "UpdateAutoScalingGroup", lambda client: client.update_group(name, **members), *more
    )


def group_by_call(name: str, path: str, call: str, change: Change, *more: str) -> DriftCase:
    """Return a case of an Auto Scaling group that another call changes."""
    return DriftCase(f"AutoScalingGroup/{name}", (path, *more), f"autoscaling.{call}", change)


def mixed(path: str, change: Configuration, *more: str) -> DriftCase:
    """Return a case of a mixed instances policy."""
    return group_by_call(
        "mixed",
        f"/MixedInstancesPolicy/{path}",
        "UpdateAutoScalingGroup",
        lambda client: client.update_mixed_instances(change),
        *more,
    )


def provider(name: str, path: str, **members: Any) -> DriftCase:
    """Return a case of a capacity provider."""
    path = f"/autoScalingGroupProvider/{path}"
    return DriftCase(
        f"CapacityProvider/{name}",
        (path,),
        "ecs.UpdateCapacityProvider",
        lambda client: client.update_provider(name, **members),
    )


def cluster_providers(name: str, path: str, providers: list[str], *strategy: Body) -> DriftCase:
    """Return a case of the capacity providers of a cluster."""
    return DriftCase(
        name,
        (path,),
        "ecs.PutClusterCapacityProviders",
        lambda client: client.set_cluster_providers(providers, *strategy),
    )


def target(path: str, **members: Any) -> DriftCase:
    """Return a case of a scalable target."""
    call = "application-autoscaling.RegisterScalableTarget"
    return DriftCase("ScalableTarget/web", (path,), call, lambda client: client.update_scalable_target(**members))


def policy(name: str, path: str, change: Configuration) -> DriftCase:
    """Return a case of a scaling policy."""
    call = "application-autoscaling.PutScalingPolicy"
    return DriftCase(f"ScalingPolicy/{name}", (path,), call, lambda client: client.update_policy(name, change))


def action(name: str, path: str, **members: Any) -> DriftCase:
    """Return a case of a scheduled action."""
    call = "application-autoscaling.PutScheduledAction"
    return DriftCase(f"ScheduledAction/{name}", (path,), call, lambda client: client.update_action(name, **members))


def tag(name: str, path: str, call: str, change: Change) -> DriftCase:
    """Return a case of a tag."""
    return DriftCase(name, (path,), call, change)


REPOSITORY = {"repositoryName": "team/images"}
REPOSITORIES = [
    repository(
        "/imageScanningConfiguration/scanOnPush",
        "PutImageScanningConfiguration",
        lambda client: client.ecr.put_image_scanning_configuration(
            **REPOSITORY, imageScanningConfiguration={"scanOnPush": False}
        ),
    ),
    repository(
        "/imageTagMutability",
        "PutImageTagMutability",
        lambda client: client.ecr.put_image_tag_mutability(**REPOSITORY, imageTagMutability="IMMUTABLE"),
        "/imageTagMutabilityExclusionFilters",
    ),
    repository(
        "/imageTagMutability",
        "PutImageTagMutability",
        lambda client: client.ecr.put_image_tag_mutability(
            repositoryName="plain-images", imageTagMutability="IMMUTABLE"
        ),
        name="plain-images",
    ),
    repository("/lifecyclePolicy/rules", "PutLifecyclePolicy", lambda client: client.put_lifecycle_policy(10)),
    repository(
        "/lifecyclePolicy", "PutLifecyclePolicy", lambda client: client.ecr.delete_lifecycle_policy(**REPOSITORY)
    ),
    repository(
        "/lifecyclePolicy",
        "DeleteLifecyclePolicy",
        lambda client: client.put_lifecycle_policy(10, "plain-images"),
        name="plain-images",
    ),
    repository("/policy/Statement", "SetRepositoryPolicy", lambda client: client.put_repository_policy("ecr:*")),
    repository("/policy", "SetRepositoryPolicy", lambda client: client.ecr.delete_repository_policy(**REPOSITORY)),
    repository("/tags/team", "TagResource", lambda client: client.tag(client.repository_arn(), team="x")),
    repository(
        "/tags/empty",
        "TagResource",
        lambda client: client.ecr.untag_resource(resourceArn=client.repository_arn(), tagKeys=["empty"]),
    ),
]

TEMPLATES = [
    template("ImageId", ImageId="ami-2"),
    template("InstanceType", InstanceType="t3.large"),
    template("KeyName", KeyName=None),
    template("EbsOptimized", EbsOptimized=False),
    template("Monitoring/Enabled", Monitoring={"Enabled": False}),
    template("MetadataOptions/HttpTokens", MetadataOptions={"HttpTokens": "optional", "HttpPutResponseHopLimit": 2}),
    template("BlockDeviceMappings", BlockDeviceMappings=[]),
    template(
        "TagSpecifications/volume",
        TagSpecifications=[{"ResourceType": "instance", "Tags": [{"Key": "Name", "Value": "node"}]}],
    ),
    template("UserData", UserData="ZWNobyBoaQ=="),
    template("DisableApiTermination", DisableApiTermination=True),
    tag(
        "LaunchTemplate/nodes",
        "/Tags/team",
        "ec2.CreateTags",
        lambda client: client.ec2.create_tags(Resources=[client.template_id()], Tags=[{"Key": "team", "Value": "x"}]),
    ),
    tag(
        "LaunchTemplate/nodes",
        "/Tags/empty",
        "ec2.CreateTags",
        lambda client: client.ec2.delete_tags(Resources=[client.template_id()], Tags=[{"Key": "empty"}]),
    ),
]

HEALTHY = {"MinHealthyPercentage": 80, "MaxHealthyPercentage": 120}
GROUPS = [
    group("nodes", "/MaxSize", MaxSize=5),
    group("nodes", "/DefaultCooldown", DefaultCooldown=300),
    group("nodes", "/HealthCheckType", HealthCheckType="EC2"),
    group("nodes", "/HealthCheckGracePeriod", HealthCheckGracePeriod=0),
    group("nodes", "/PlacementGroup", PlacementGroup="apart"),
    group("nodes", "/TerminationPolicies", TerminationPolicies=["Default", "OldestInstance"]),
    group("nodes", "/NewInstancesProtectedFromScaleIn", NewInstancesProtectedFromScaleIn=False),
    group("nodes", "/CapacityRebalance", CapacityRebalance=False),
    group("nodes", "/MaxInstanceLifetime", MaxInstanceLifetime=0),
    group("nodes", "/DefaultInstanceWarmup", DefaultInstanceWarmup=-1),
    group("nodes", "/InstanceMaintenancePolicy/MinHealthyPercentage", InstanceMaintenancePolicy=HEALTHY),
    group(
        "nodes",
        "/AvailabilityZoneDistribution/CapacityDistributionStrategy",
        AvailabilityZoneDistribution={"CapacityDistributionStrategy": "balanced-best-effort"},
    ),
    group("nodes", "/AvailabilityZoneImpairmentPolicy", AvailabilityZoneImpairmentPolicy={"ZonalShiftEnabled": False}),
    group(
        "nodes",
        "/CapacityReservationSpecification/CapacityReservationPreference",
        CapacityReservationSpecification={"CapacityReservationPreference": "default"},
    ),
    group(
        "nodes",
        "/InstanceLifecyclePolicy/RetentionTriggers/TerminateHookAbandon",
        InstanceLifecyclePolicy={"RetentionTriggers": {"TerminateHookAbandon": "terminate"}},
    ),
    group("nodes", "/DeletionProtection", DeletionProtection="none"),
    group("nodes", "/DesiredCapacity", "/MinSize", MinSize=1),
    group("nodes", "/LaunchTemplate/Version", LaunchTemplate={"LaunchTemplateName": "nodes", "Version": "$Default"}),
    group("nodes", "/LaunchTemplate/LaunchTemplateId", LaunchTemplate={"LaunchTemplateName": "plain", "Version": "1"}),
    group_by_call(
        "nodes",
        "/VPCZoneIdentifier",
        "UpdateAutoScalingGroup",
        lambda client: client.update_group("nodes", VPCZoneIdentifier=client.one_subnet()),
    ),
    group_by_call(
        "nodes",
        "/TargetGroupARNs",
        "AttachLoadBalancerTargetGroups",
        lambda client: client.groups.detach_traffic_sources(
            AutoScalingGroupName="nodes", TrafficSources=[{"Identifier": client.target_groups()[0]}]
        ),
    ),
    group_by_call(
        "nodes",
        "/EnabledMetrics/GroupMinSize",
        "EnableMetricsCollection",
        lambda client: client.groups.disable_metrics_collection(AutoScalingGroupName="nodes", Metrics=["GroupMinSize"]),
    ),
    group_by_call(
        "nodes",
        "/EnabledMetrics/GroupTotalInstances",
        "DisableMetricsCollection",
        lambda client: client.groups.enable_metrics_collection(
            AutoScalingGroupName="nodes", Metrics=["GroupTotalInstances"], Granularity="1Minute"
        ),
    ),
    group_by_call(
        "nodes", "/Tags/Name", "CreateOrUpdateTags", lambda client: client.tag_group("nodes", "Name", "x", True)
    ),
    group_by_call(
        "nodes",
        "/PropagateAtLaunch",
        "CreateOrUpdateTags",
        lambda client: client.tag_group("nodes", "Name", "node", False),
    ),
    group_by_call(
        "nodes",
        "/PropagateAtLaunch",
        "CreateOrUpdateTags",
        lambda client: client.tag_group("nodes", "Name", "x", False),
        "/Tags/Name",
    ),
    group(
        "plain",
        "/LaunchTemplate/LaunchTemplateId",
        "/LaunchTemplate/LaunchTemplateName",
        LaunchTemplate={"LaunchTemplateName": "nodes"},
    ),
    group("plain", "/LaunchTemplate/Version", LaunchTemplate={"LaunchTemplateName": "plain", "Version": "$Latest"}),
    group("plain", "/PlacementGroup", PlacementGroup="apart"),
    group("plain", "/MaxInstanceLifetime", MaxInstanceLifetime=90000),
    group("plain", "/DefaultInstanceWarmup", DefaultInstanceWarmup=0),
    group("plain", "/InstanceMaintenancePolicy", InstanceMaintenancePolicy=HEALTHY),
    group("plain", "/DesiredCapacityType", DesiredCapacityType="vcpu"),
    mixed(
        "InstancesDistribution/OnDemandBaseCapacity",
        lambda one: one["InstancesDistribution"].update(OnDemandBaseCapacity=0),
    ),
    mixed(
        "InstancesDistribution/OnDemandPercentageAboveBaseCapacity",
        lambda one: one["InstancesDistribution"].update(OnDemandPercentageAboveBaseCapacity=7),
    ),
    mixed("InstancesDistribution/SpotMaxPrice", lambda one: one["InstancesDistribution"].update(SpotMaxPrice="")),
    mixed("LaunchTemplate/Overrides", lambda one: one["LaunchTemplate"]["Overrides"].reverse()),
    mixed(
        "LaunchTemplate/LaunchTemplateSpecification/Version",
        lambda one: one["LaunchTemplate"]["LaunchTemplateSpecification"].update(Version="$Default"),
    ),
]

PROVIDERS = ["FARGATE_SPOT", "nodes", "FARGATE", "plain"]
FARGATE: Body = {"capacityProvider": "FARGATE", "weight": 1, "base": 1}
SPOT: Body = {"capacityProvider": "FARGATE_SPOT", "weight": 2}
CLUSTERS = [
    provider("nodes", "managedScaling/status", managedScaling={"status": "DISABLED"}),
    provider("nodes", "managedScaling/targetCapacity", managedScaling={"targetCapacity": 50}),
    provider("nodes", "managedScaling/minimumScalingStepSize", managedScaling={"minimumScalingStepSize": 1}),
    provider("nodes", "managedScaling/maximumScalingStepSize", managedScaling={"maximumScalingStepSize": 9}),
    provider("nodes", "managedScaling/instanceWarmupPeriod", managedScaling={"instanceWarmupPeriod": 0}),
    provider("nodes", "managedDraining", managedDraining="ENABLED"),
    provider("plain", "managedScaling/targetCapacity", managedScaling={"targetCapacity": 50}),
    provider("plain", "managedDraining", managedDraining="DISABLED"),
    tag(
        "CapacityProvider/nodes",
        "/tags/team",
        "ecs.TagResource",
        lambda client: client.tag(client.provider_arn(), team="x"),
    ),
    tag(
        "CapacityProvider/nodes",
        "/tags/empty",
        "ecs.TagResource",
        lambda client: client.ecs.untag_resource(resourceArn=client.provider_arn(), tagKeys=["empty"]),
    ),
    cluster_providers("Cluster/main", "/capacityProviders", PROVIDERS[:3], FARGATE, SPOT),
    cluster_providers("Cluster/main", "/defaultCapacityProviderStrategy", PROVIDERS),
    cluster_providers("Cluster/main", "/defaultCapacityProviderStrategy/FARGATE_SPOT", PROVIDERS, FARGATE),
    cluster_providers(
        "Cluster/main",
        "/defaultCapacityProviderStrategy/FARGATE_SPOT/weight",
        PROVIDERS,
        FARGATE,
        {**SPOT, "weight": 3},
    ),
    cluster_providers(
        "Cluster/main", "/defaultCapacityProviderStrategy/FARGATE/base", PROVIDERS, SPOT, {**FARGATE, "base": 0}
    ),
    DriftCase(
        "Cluster/main",
        ("/settings/containerInsights",),
        "ecs.UpdateCluster",
        lambda client: client.ecs.update_cluster_settings(
            cluster="main", settings=[{"name": "containerInsights", "value": "disabled"}]
        ),
    ),
]

TRACKING, STEPS = "/TargetTrackingScalingPolicyConfiguration", "/StepScalingPolicyConfiguration"
METRIC = f"{TRACKING}/CustomizedMetricSpecification"
SCALING = [
    target("/MinCapacity", MinCapacity=0),
    target("/MaxCapacity", MaxCapacity=9),
    target("/SuspendedState/DynamicScalingInSuspended", SuspendedState={"DynamicScalingInSuspended": True}),
    target("/SuspendedState/ScheduledScalingSuspended", SuspendedState={"ScheduledScalingSuspended": True}),
    tag(
        "ScalableTarget/web",
        "/Tags/team",
        "application-autoscaling.TagResource",
        lambda client: client.scaling.tag_resource(ResourceARN=client.target_arn(), Tags={"team": "x"}),
    ),
    tag(
        "ScalableTarget/web",
        "/Tags/empty",
        "application-autoscaling.TagResource",
        lambda client: client.scaling.untag_resource(ResourceARN=client.target_arn(), TagKeys=["empty"]),
    ),
    policy("cpu", f"{TRACKING}/TargetValue", lambda one: one.update(TargetValue=71)),
    policy("cpu", f"{TRACKING}/DisableScaleIn", lambda one: one.update(DisableScaleIn=True)),
    policy("cpu", f"{TRACKING}/ScaleInCooldown", lambda one: one.update(ScaleInCooldown=10)),
    policy(
        "cpu",
        f"{TRACKING}/PredefinedMetricSpecification/PredefinedMetricType",
        lambda one: one["PredefinedMetricSpecification"].update(
            PredefinedMetricType="ECSServiceAverageMemoryUtilization"
        ),
    ),
    policy("queue", f"{TRACKING}/ScaleOutCooldown", lambda one: one.pop("ScaleOutCooldown")),
    policy("queue", f"{METRIC}/Unit", lambda one: one["CustomizedMetricSpecification"].pop("Unit")),
    policy("queue", f"{METRIC}/Dimensions/a", lambda one: one["CustomizedMetricSpecification"]["Dimensions"].pop()),
    policy(
        "sum",
        f"{METRIC}/Metrics/sum/Expression",
        lambda one: one["CustomizedMetricSpecification"]["Metrics"][0].update(Expression="one"),
    ),
    policy(
        "sum",
        f"{METRIC}/Metrics/sum/ReturnData",
        lambda one: one["CustomizedMetricSpecification"]["Metrics"][0].update(ReturnData=False),
    ),
    policy("steps", f"{STEPS}/Cooldown", lambda one: one.update(Cooldown=300)),
    policy("steps", f"{STEPS}/AdjustmentType", lambda one: one.update(AdjustmentType="ChangeInCapacity")),
    policy("steps", f"{STEPS}/MinAdjustmentMagnitude", lambda one: one.pop("MinAdjustmentMagnitude")),
    policy("steps", f"{STEPS}/MetricAggregationType", lambda one: one.update(MetricAggregationType="Average")),
    policy("steps", f"{STEPS}/StepAdjustments", lambda one: one["StepAdjustments"].pop()),
    action("plain", "/Schedule", Schedule="rate(11 days)"),
    action("plain", "/Timezone", Timezone="Asia/Seoul"),
    action("plain", "/StartTime", StartTime="2031-01-01T00:00:00Z"),
    action(
        "plain",
        "/ScalableTargetAction/MaxCapacity",
        ScalableTargetAction={"MinCapacity": 2, "MaxCapacity": 3},
    ),
    action("night", "/Schedule", Schedule="cron(0 21 * * ? 2030)"),
    action("night", "/Timezone", Timezone="UTC"),
    action("night", "/StartTime", StartTime="2030-01-01T08:00:01Z"),
    action("night", "/EndTime", EndTime="2030-06-01T00:00:01Z"),
    action(
        "night",
        "/ScalableTargetAction/MinCapacity",
        ScalableTargetAction={"MinCapacity": 2, "MaxCapacity": 3},
    ),
]

ALL = [*REPOSITORIES, *TEMPLATES, *GROUPS, *CLUSTERS, *SCALING]


def rounds() -> list[list[DriftCase]]:
    """Return the cases in as few rounds as possible, with at most one case of each resource in a round."""
    by_resource: dict[str, list[DriftCase]] = {}
    for one in ALL:
        by_resource.setdefault(one.resource, []).append(one)
    return [[one for one in found if one] for found in zip_longest(*by_resource.values())]


# ---------------------------------------------------------------- members of documents

# Document -> its optional members, each on a line of its own in the manifest.
OPTIONAL = {
    "Repository/images": ["imageScanningConfiguration", "lifecyclePolicy", "policy", "tags"],
    "LaunchTemplate/nodes": [
        "Tags", "InstanceType", "KeyName", "EbsOptimized", "Monitoring", "MetadataOptions", "BlockDeviceMappings",
        "TagSpecifications", "UserData",
    ],
    "AutoScalingGroup/nodes": [
        "DefaultCooldown", "TargetGroupARNs", "HealthCheckType", "HealthCheckGracePeriod", "PlacementGroup",
        "TerminationPolicies", "NewInstancesProtectedFromScaleIn", "CapacityRebalance", "MaxInstanceLifetime",
        "DefaultInstanceWarmup", "EnabledMetrics", "InstanceMaintenancePolicy", "AvailabilityZoneDistribution",
        "AvailabilityZoneImpairmentPolicy", "CapacityReservationSpecification", "InstanceLifecyclePolicy",
        "DeletionProtection", "Tags",
    ],
    "AutoScalingGroup/mixed": ["Overrides", "InstancesDistribution"],
    "CapacityProvider/nodes": ["managedScaling", "managedDraining", "tags"],
    "ScalableTarget/web": ["Tags"],
    "ScalingPolicy/queue": ["DisableScaleIn", "ScaleInCooldown", "ScaleOutCooldown"],
    "ScalingPolicy/steps": ["MinAdjustmentMagnitude", "Cooldown", "MetricAggregationType"],
    "ScheduledAction/night": ["Timezone", "StartTime", "EndTime"],
}  # fmt: skip


def optional_members() -> list[list[tuple[str, str]]]:
    """Return the optional members in as few rounds as possible, with at most one member of each document in a round."""
    found = zip_longest(*([(name, member) for member in listed] for name, listed in OPTIONAL.items()))
    return [[one for one in some if one] for some in found]


def without(text: str, name: str, member: str) -> str:
    """Return a manifest without one member of one document; unchanged if it does not declare the document."""
    lines, inside, result = text.splitlines(keepends=True), False, []
    for line in lines:
        inside = line.startswith(f"  {name}:") or (inside and line.startswith("    "))
        if not (inside and line.strip().startswith(f"{member}:")):
            result.append(line)
    assert len(lines) - len(result) == text.count(f"\n  {name}:"), (name, member)
    return "".join(result)
