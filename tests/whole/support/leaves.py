"""What somebody may change by hand on images, instances and autoscaling: a table of leaves, each with its repair."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any

from tests.whole.support.hands import Hands
from tests.whole.support.stage import Body

Change = Callable[[Hands], object]
Configuration = Callable[[Body], object]


@dataclass(frozen=True)
class Leaf:
    """A leaf that somebody changes: of what, which paths differ then, and the one call that puts it back."""

    of: str
    paths: tuple[str, ...]
    call: str
    change: Change


def images(path: str, call: str, change: Change, *more: str, of: str = "images") -> Leaf:
    """A leaf of a repository."""
    return Leaf(f"Repository/{of}", (path, *more), f"ecr.{call}", change)


def template(path: str, **data: Any) -> Leaf:
    """A leaf of a launch template: the version that is as declared is there, and only the default goes back."""
    path = f"/LaunchTemplateData/{path}"
    return Leaf("LaunchTemplate/nodes", (path,), "ec2.ModifyLaunchTemplate", lambda by: by.template("nodes", **data))


def group(of: str, path: str, *more: str, **members: Any) -> Leaf:
    """A leaf of an Auto Scaling group, among its settings."""
    return grouped(of, path, "UpdateAutoScalingGroup", lambda by: by.group(of, **members), *more)


def grouped(of: str, path: str, call: str, change: Change, *more: str) -> Leaf:
    """A leaf of an Auto Scaling group, however it is changed."""
    return Leaf(f"AutoScalingGroup/{of}", (path, *more), f"autoscaling.{call}", change)


def mixed(path: str, change: Configuration, *more: str) -> Leaf:
    """A leaf of a mixed instances policy."""
    return grouped(
        "mixed", f"/MixedInstancesPolicy/{path}", "UpdateAutoScalingGroup", lambda by: by.mixed(change), *more
    )


def provider(of: str, path: str, **members: Any) -> Leaf:
    """A leaf of a capacity provider."""
    path = f"/autoScalingGroupProvider/{path}"
    return Leaf(f"CapacityProvider/{of}", (path,), "ecs.UpdateCapacityProvider", lambda by: by.provider(of, **members))


def scaled(of: str, path: str, providers: list[str], *strategy: Body) -> Leaf:
    """A leaf of what a cluster is associated with."""
    return Leaf(of, (path,), "ecs.PutClusterCapacityProviders", lambda by: by.associate(providers, *strategy))


def target(path: str, **members: Any) -> Leaf:
    """A leaf of a scalable target."""
    call = "application-autoscaling.RegisterScalableTarget"
    return Leaf("ScalableTarget/web", (path,), call, lambda by: by.target(**members))


def policy(of: str, path: str, change: Configuration) -> Leaf:
    """A leaf of a scaling policy."""
    call = "application-autoscaling.PutScalingPolicy"
    return Leaf(f"ScalingPolicy/{of}", (path,), call, lambda by: by.policy(of, change))


def action(of: str, path: str, **members: Any) -> Leaf:
    """A leaf of a scheduled action."""
    call = "application-autoscaling.PutScheduledAction"
    return Leaf(f"ScheduledAction/{of}", (path,), call, lambda by: by.action(of, **members))


def tag(of: str, path: str, call: str, change: Change) -> Leaf:
    """A tag."""
    return Leaf(of, (path,), call, change)


REPOSITORY = {"repositoryName": "team/images"}
REPOSITORIES = [
    images(
        "/imageScanningConfiguration/scanOnPush",
        "PutImageScanningConfiguration",
        lambda by: by.ecr.put_image_scanning_configuration(
            **REPOSITORY, imageScanningConfiguration={"scanOnPush": False}
        ),
    ),
    images(
        "/imageTagMutability",
        "PutImageTagMutability",
        lambda by: by.ecr.put_image_tag_mutability(**REPOSITORY, imageTagMutability="IMMUTABLE"),
        "/imageTagMutabilityExclusionFilters",
    ),
    images(
        "/imageTagMutability",
        "PutImageTagMutability",
        lambda by: by.ecr.put_image_tag_mutability(repositoryName="plain-images", imageTagMutability="IMMUTABLE"),
        of="plain-images",
    ),
    images("/lifecyclePolicy/rules", "PutLifecyclePolicy", lambda by: by.lifecycle(10)),
    images("/lifecyclePolicy", "PutLifecyclePolicy", lambda by: by.ecr.delete_lifecycle_policy(**REPOSITORY)),
    images("/lifecyclePolicy", "DeleteLifecyclePolicy", lambda by: by.lifecycle(10, "plain-images"), of="plain-images"),
    images("/policy/Statement", "SetRepositoryPolicy", lambda by: by.access("ecr:*")),
    images("/policy", "SetRepositoryPolicy", lambda by: by.ecr.delete_repository_policy(**REPOSITORY)),
    images("/tags/team", "TagResource", lambda by: by.tag_of(by.repository_arn(), team="x")),
    images(
        "/tags/empty",
        "TagResource",
        lambda by: by.ecr.untag_resource(resourceArn=by.repository_arn(), tagKeys=["empty"]),
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
        lambda by: by.ec2.create_tags(Resources=[by.template_id()], Tags=[{"Key": "team", "Value": "x"}]),
    ),
    tag(
        "LaunchTemplate/nodes",
        "/Tags/empty",
        "ec2.CreateTags",
        lambda by: by.ec2.delete_tags(Resources=[by.template_id()], Tags=[{"Key": "empty"}]),
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
    grouped(
        "nodes",
        "/VPCZoneIdentifier",
        "UpdateAutoScalingGroup",
        lambda by: by.group("nodes", VPCZoneIdentifier=by.one_subnet()),
    ),
    grouped(
        "nodes",
        "/TargetGroupARNs",
        "AttachLoadBalancerTargetGroups",
        lambda by: by.groups.detach_traffic_sources(
            AutoScalingGroupName="nodes", TrafficSources=[{"Identifier": by.target_groups()[0]}]
        ),
    ),
    grouped(
        "nodes",
        "/EnabledMetrics/GroupMinSize",
        "EnableMetricsCollection",
        lambda by: by.groups.disable_metrics_collection(AutoScalingGroupName="nodes", Metrics=["GroupMinSize"]),
    ),
    grouped(
        "nodes",
        "/EnabledMetrics/GroupTotalInstances",
        "DisableMetricsCollection",
        lambda by: by.groups.enable_metrics_collection(
            AutoScalingGroupName="nodes", Metrics=["GroupTotalInstances"], Granularity="1Minute"
        ),
    ),
    grouped("nodes", "/Tags/Name", "CreateOrUpdateTags", lambda by: by.group_tag("nodes", "Name", "x", True)),
    grouped(
        "nodes", "/PropagateAtLaunch", "CreateOrUpdateTags", lambda by: by.group_tag("nodes", "Name", "node", False)
    ),
    grouped(
        "nodes",
        "/PropagateAtLaunch",
        "CreateOrUpdateTags",
        lambda by: by.group_tag("nodes", "Name", "x", False),
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
    tag("CapacityProvider/nodes", "/tags/team", "ecs.TagResource", lambda by: by.tag_of(by.provider_arn(), team="x")),
    tag(
        "CapacityProvider/nodes",
        "/tags/empty",
        "ecs.TagResource",
        lambda by: by.ecs.untag_resource(resourceArn=by.provider_arn(), tagKeys=["empty"]),
    ),
    scaled("Cluster/main", "/capacityProviders", PROVIDERS[:3], FARGATE, SPOT),
    scaled("Cluster/main", "/defaultCapacityProviderStrategy", PROVIDERS),
    scaled("Cluster/main", "/defaultCapacityProviderStrategy/FARGATE_SPOT", PROVIDERS, FARGATE),
    scaled(
        "Cluster/main",
        "/defaultCapacityProviderStrategy/FARGATE_SPOT/weight",
        PROVIDERS,
        FARGATE,
        {**SPOT, "weight": 3},
    ),
    scaled("Cluster/main", "/defaultCapacityProviderStrategy/FARGATE/base", PROVIDERS, SPOT, {**FARGATE, "base": 0}),
    Leaf(
        "Cluster/main",
        ("/settings/containerInsights",),
        "ecs.UpdateCluster",
        lambda by: by.ecs.update_cluster_settings(
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
        lambda by: by.scaling.tag_resource(ResourceARN=by.target_arn(), Tags={"team": "x"}),
    ),
    tag(
        "ScalableTarget/web",
        "/Tags/empty",
        "application-autoscaling.TagResource",
        lambda by: by.scaling.untag_resource(ResourceARN=by.target_arn(), TagKeys=["empty"]),
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


def rounds() -> list[list[Leaf]]:
    """The leaves in as few rounds as there can be with one of each resource at a time."""
    by_resource: dict[str, list[Leaf]] = {}
    for one in ALL:
        by_resource.setdefault(one.of, []).append(one)
    return [[one for one in found if one] for found in zip_longest(*by_resource.values())]


# ---------------------------------------------------------------- members of documents

# What may be left out of a document, one member a line.
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


def members() -> list[list[tuple[str, str]]]:
    """What may be left out, in as few rounds as there can be with one member of each document at a time."""
    found = zip_longest(*([(of, member) for member in listed] for of, listed in OPTIONAL.items()))
    return [[one for one in some if one] for some in found]


def without(text: str, of: str, member: str) -> str:
    """A manifest without one member of one document, where it has that document."""
    lines, inside, kept = text.splitlines(keepends=True), False, []
    for line in lines:
        inside = line.startswith(f"  {of}:") or (inside and line.startswith("    "))
        if not (inside and line.strip().startswith(f"{member}:")):
            kept.append(line)
    assert len(lines) - len(kept) == text.count(f"\n  {of}:"), (of, member)
    return "".join(kept)
