"""Rules of an Auto Scaling group: what EC2 Auto Scaling fills in, mirrors and reorders."""

from __future__ import annotations

from collections.abc import Mapping

from ecsync.core.rules import (
    Clears,
    CommaList,
    Computed,
    Default,
    Delegated,
    Derived,
    Drop,
    Immutable,
    Keyed,
    Refers,
    Rewrite,
    Rules,
    Unordered,
)
from ecsync.core.trees import Body, Json
from ecsync.kinds._common import tag_rows

_CAPTURED = "normalization.md §5"
_CASES = (
    "cap-AutoScaling-AutoScalingGroup.AsgNotifMetrics",
    "cap-AutoScaling-AutoScalingGroup.AutoScalingGroupASG804C35BE",
    "cap-AutoScaling-AutoScalingGroup.HuntAsg",
)
_MIXED = "MixedInstancesPolicy"
_MIXED_CASES = ("cap-AutoScaling-AutoScalingGroup.MipAsg",)
_SPREAD = f"{_MIXED}.InstancesDistribution"
_LOWEST_PRICE = "lowest-price"
TEMPLATES = (
    "LaunchTemplate",
    f"{_MIXED}.LaunchTemplate.LaunchTemplateSpecification",
    f"{_MIXED}.LaunchTemplate.Overrides[].LaunchTemplateSpecification",
)


def sorted_words(value: Json) -> Json:
    """Return a text of words with commas in one order: AWS reorders subnets."""
    return ",".join(sorted(word.strip() for word in value.split(","))) if isinstance(value, str) else value


def _spot_pools(block: Body, _: Body) -> Json:
    return 2 if block.get("SpotAllocationStrategy") == _LOWEST_PRICE else None


def _on_demand_strategy(_: Body, body: Body) -> Json:
    template = (body.get(_MIXED) or {}).get("LaunchTemplate") or {}
    by_attributes = any(override.get("InstanceRequirements") for override in template.get("Overrides") or ())
    return "lowest-price" if by_attributes else "prioritized"


def _maintenance(value: Json) -> Json:
    """Take away a policy whose bounds are both cleared: AWS clears each with -1."""
    unset = all(value.get(bound, -1) == -1 for bound in ("MinHealthyPercentage", "MaxHealthyPercentage"))
    return None if unset else value


def _warmup(value: Json) -> Json:
    return None if value == -1 else value


def _zonal_shift(value: Json) -> Json:
    """Take away a policy that is off: how it would behave then means nothing."""
    return value if value.get("ZonalShiftEnabled") else None


def _spot(value: Json) -> Json:
    """Take away the number of pools where AWS does not look at it."""
    counted = value.get("SpotAllocationStrategy", _LOWEST_PRICE) == _LOWEST_PRICE
    return value if counted else {member: one for member, one in value.items() if member != "SpotInstancePools"}


def _source_type(block: Body, _: Body) -> Json:
    """Return the type of a traffic source, which its identifier tells."""
    identifier = block.get("Identifier")
    if not isinstance(identifier, str):
        return None
    if not identifier.startswith("arn:"):
        return "elb"
    return "vpc-lattice" if ":vpc-lattice:" in identifier else "elbv2"


def _templates(path: str) -> Rules:
    """Rows for a launch template: AWS prints id and name whichever was written."""
    return (
        Default(path=f"{path}.Version", value="$Default", source=_CAPTURED),
        Computed(path=f"{path}.LaunchTemplateId", source=_CAPTURED, cases=("der-asg-lt-name-echo",)),
        Computed(path=f"{path}.LaunchTemplateName", source=_CAPTURED, cases=_CASES),
        Refers(
            path=f"{path}.LaunchTemplateName", kind="LaunchTemplate", output="name", source="manifests.md, References"
        ),
        Refers(path=f"{path}.LaunchTemplateId", kind="LaunchTemplate", source="core-rules.md 4"),
    )


def passed_on(body: Body) -> set[str]:
    """Return the keys of the tags that new instances get."""
    tags = body.get("Tags") or ()
    return {tag["Key"] for tag in tags if isinstance(tag, Mapping) and tag.get("PropagateAtLaunch")}


RULES: Rules = (
    # The mark knows of a flag that changes, though canonical tags are names and values.
    Derived(
        path="PropagateAtLaunch",
        value=lambda body: sorted(passed_on(body)) if isinstance(body.get("Tags"), list) else None,
        source="autoscaling.Tag: PropagateAtLaunch",
    ),
    *tag_rows("Tags", "Key", "Value"),
    *(row for path in TEMPLATES for row in _templates(path)),
    Rewrite(path="VPCZoneIdentifier", to=sorted_words, source=_CAPTURED, cases=_CASES),
    Rewrite(path="HealthCheckType", to=sorted_words, source="autoscaling.CreateAutoScalingGroup: comma-separated"),
    Unordered(path="AvailabilityZones", source=_CAPTURED),
    Unordered(path="AvailabilityZoneIds", source=_CAPTURED),
    Unordered(path="TargetGroupARNs", source="autoscaling.AttachLoadBalancerTargetGroups: a set"),
    Unordered(path="LoadBalancerNames", source="autoscaling.AttachLoadBalancers: a set"),
    Default(
        path="TrafficSources[].Type",
        value=_source_type,
        says="by the identifier",
        source="autoscaling.TrafficSourceIdentifier: required for the name of a Classic Load Balancer alone",
    ),
    Unordered(path="TrafficSources", source="autoscaling.AttachTrafficSources: a set"),
    Default(path="EnabledMetrics[].Granularity", value="1Minute", source=_CAPTURED, cases=_CASES[:1]),
    Keyed(path="EnabledMetrics", key=("Metric",), source=_CAPTURED, cases=_CASES[:1]),
    Default(path="DefaultCooldown", value=300, source=_CAPTURED, cases=_CASES),
    Default(path="HealthCheckType", value="EC2", source=_CAPTURED, cases=_CASES),
    Default(path="HealthCheckGracePeriod", value=0, source=_CAPTURED, cases=_CASES),
    Default(path="TerminationPolicies", value=["Default"], source=_CAPTURED, cases=_CASES),
    Default(path="NewInstancesProtectedFromScaleIn", value=False, source=_CAPTURED, cases=_CASES),
    Default(path="CapacityRebalance", value=False, source=_CAPTURED, cases=_CASES),
    Default(path="MaxInstanceLifetime", value=0, source="autoscaling.UpdateAutoScalingGroup: The default is null"),
    Default(path="DesiredCapacityType", value="units", source="autoscaling.CreateAutoScalingGroup: By default"),
    Default(path="DeletionProtection", value="none", source="autoscaling.CreateAutoScalingGroup: Default: none"),
    Default(
        path="AvailabilityZoneDistribution",
        value={"CapacityDistributionStrategy": "balanced-best-effort"},
        source=_CAPTURED,
        cases=_CASES,
    ),
    Default(
        path="CapacityReservationSpecification",
        value={"CapacityReservationPreference": "default"},
        source=_CAPTURED,
        cases=_CASES,
    ),
    Default(
        path="InstanceLifecyclePolicy",
        value={"RetentionTriggers": {"TerminateHookAbandon": "terminate"}},
        source=_CAPTURED,
        cases=_CASES,
    ),
    Rewrite(path="InstanceMaintenancePolicy", to=_maintenance, source=_CAPTURED),
    Rewrite(path="DefaultInstanceWarmup", to=_warmup, source="autoscaling.UpdateAutoScalingGroup: specify -1"),
    Rewrite(path="AvailabilityZoneImpairmentPolicy", to=_zonal_shift, source="autoscaling.CreateAutoScalingGroup"),
    Default(path=_SPREAD, value={"OnDemandBaseCapacity": 0}, source=_CAPTURED, cases=_MIXED_CASES),
    Default(path=f"{_SPREAD}.OnDemandBaseCapacity", value=0, source=_CAPTURED, cases=_MIXED_CASES),
    Default(path=f"{_SPREAD}.OnDemandPercentageAboveBaseCapacity", value=100, source=_CAPTURED, cases=_MIXED_CASES),
    Default(path=f"{_SPREAD}.SpotAllocationStrategy", value=_LOWEST_PRICE, source=_CAPTURED, cases=_MIXED_CASES),
    Rewrite(path=_SPREAD, to=_spot, source="autoscaling.InstancesDistribution: valid only when lowest-price"),
    Default(
        path=f"{_SPREAD}.SpotInstancePools",
        value=_spot_pools,
        says="2 with SpotAllocationStrategy lowest-price",
        source=_CAPTURED,
        cases=_MIXED_CASES,
    ),
    Default(
        path=f"{_SPREAD}.OnDemandAllocationStrategy",
        value=_on_demand_strategy,
        says="prioritized; lowest-price where an override has InstanceRequirements",
        source="autoscaling.InstancesDistribution: lowest-price for attribute-based selection",
        cases=_MIXED_CASES,
    ),
    # What AWS or somebody else decides
    Computed(path="AvailabilityZones", source=_CAPTURED, cases=_CASES),
    Computed(path="AvailabilityZoneIds", source=_CAPTURED, cases=_CASES),
    Computed(path="ServiceLinkedRoleARN", source=_CAPTURED, cases=_CASES),
    Computed(path="Context", source="autoscaling.CreateAutoScalingGroup: Reserved"),
    Computed(path="Operator", source="autoscaling.CreateAutoScalingGroup: The entity that manages the group"),
    Computed(path="TrafficSources", source="DescribeAutoScalingGroups mirrors target groups there"),
    Computed(
        path="TargetGroupARNs",
        when=lambda body: bool(body.get("TrafficSources")),
        says="what TrafficSources say, where those are declared",
        source="DescribeAutoScalingGroups mirrors traffic sources there",
    ),
    Computed(
        path="LoadBalancerNames",
        when=lambda body: bool(body.get("TrafficSources")),
        says="what TrafficSources say, where those are declared",
        source="DescribeAutoScalingGroups mirrors traffic sources there",
    ),
    Delegated(
        path="DesiredCapacity",
        when=lambda facts: bool(facts.get("managedScaling")),
        owner="the capacity provider's managed scaling",
        source="core-rules.md 19",
    ),
    Computed(path="DesiredCapacity", source=_CAPTURED, cases=("der-asg-desired",)),
    Drop(path="InstanceId", source="autoscaling.CreateAutoScalingGroup: describe has no such member"),
    Drop(
        path="LifecycleHookSpecificationList", source="autoscaling.CreateAutoScalingGroup: describe has no such member"
    ),
    Drop(path="SkipZonalShiftValidation", source="autoscaling.CreateAutoScalingGroup: describe has no such member"),
    # What a change does
    Immutable(path="AutoScalingGroupName", source="autoscaling has no rename"),
    Immutable(path="Operator", source="autoscaling.UpdateAutoScalingGroup has no Operator"),
    Clears(path="PlacementGroup", value="", source="autoscaling.UpdateAutoScalingGroup: pass an empty string"),
    Clears(path="DefaultInstanceWarmup", value=-1, source="autoscaling.UpdateAutoScalingGroup: specify -1"),
    Clears(
        path="InstanceMaintenancePolicy",
        value={"MinHealthyPercentage": -1, "MaxHealthyPercentage": -1},
        source="autoscaling.InstanceMaintenancePolicy: specify a value of -1",
    ),
    Clears(
        path="AvailabilityZoneImpairmentPolicy",
        value={"ZonalShiftEnabled": False},
        source="autoscaling.AvailabilityZoneImpairmentPolicy",
    ),
    Clears(path=f"{_SPREAD}.SpotMaxPrice", value="", source="autoscaling.InstancesDistribution: an empty string"),
    Clears(path=f"{_SPREAD}.DistributionSegments", value=[], source="autoscaling.UpdateAutoScalingGroup: empty list"),
    Clears(path=f"{_MIXED}.LaunchTemplate.Overrides", value=[], source="autoscaling.LaunchTemplate: so are segments"),
    CommaList(path="VPCZoneIdentifier", source="autoscaling.CreateAutoScalingGroup: A comma-separated list"),
    Refers(path="LifecycleHookSpecificationList[].RoleARN", kind="Role", output="arn"),
    Refers(path="TargetGroupARNs[]", kind="TargetGroup", output="arn", source="manifests.md, References"),
)

# The members of AWS's shapes that the rules take into account; `make review` prints those that a newer botocore has.
REVIEWED = {
    "AcceleratorCountRequest": "Max Min",
    "AcceleratorTotalMemoryMiBRequest": "Max Min",
    "AvailabilityZoneDistribution": "CapacityDistributionStrategy",
    "AvailabilityZoneImpairmentPolicy": "ImpairedZoneHealthCheckBehavior ZonalShiftEnabled",
    "BaselineEbsBandwidthMbpsRequest": "Max Min",
    "BaselinePerformanceFactorsRequest": "Cpu",
    "CapacityReservationSpecification": "CapacityReservationPreference CapacityReservationTarget",
    "CapacityReservationTarget": "CapacityReservationIds CapacityReservationResourceGroupArns",
    "CpuPerformanceFactorRequest": "References",
    "CreateAutoScalingGroupType": (
        "AutoScalingGroupName AvailabilityZoneDistribution AvailabilityZoneIds AvailabilityZoneImpairmentPolicy "
        "AvailabilityZones CapacityRebalance CapacityReservationSpecification Context DefaultCooldown "
        "DefaultInstanceWarmup DeletionProtection DesiredCapacity DesiredCapacityType EnabledMetrics "
        "HealthCheckGracePeriod HealthCheckType InstanceId InstanceLifecyclePolicy InstanceMaintenancePolicy "
        "LaunchConfigurationName LaunchTemplate LifecycleHookSpecificationList LoadBalancerNames MaxInstanceLifetime "
        "MaxSize MinSize MixedInstancesPolicy NewInstancesProtectedFromScaleIn Operator PlacementGroup "
        "ServiceLinkedRoleARN SkipZonalShiftValidation Tags TargetGroupARNs TerminationPolicies TrafficSources "
        "VPCZoneIdentifier"
    ),
    "DistributionSegment": "TargetCapacityTypes",
    "EnabledMetric": "Granularity Metric",
    "InstanceLifecyclePolicy": "RetentionTriggers",
    "InstanceMaintenancePolicy": "MaxHealthyPercentage MinHealthyPercentage",
    "InstanceRequirements": (
        "AcceleratorCount AcceleratorManufacturers AcceleratorNames AcceleratorTotalMemoryMiB AcceleratorTypes "
        "AllowedInstanceTypes BareMetal BaselineEbsBandwidthMbps BaselinePerformanceFactors BurstablePerformance "
        "CpuManufacturers ExcludedInstanceTypes InstanceGenerations LocalStorage LocalStorageTypes "
        "MaxSpotPriceAsPercentageOfOptimalOnDemandPrice MemoryGiBPerVCpu MemoryMiB NetworkBandwidthGbps "
        "NetworkInterfaceCount OnDemandMaxPricePercentageOverLowestPrice RequireHibernateSupport "
        "SpotMaxPricePercentageOverLowestPrice TotalLocalStorageGB VCpuCount"
    ),
    "InstancesDistribution": (
        "DistributionSegments OnDemandAllocationStrategy OnDemandBaseCapacity OnDemandPercentageAboveBaseCapacity "
        "SpotAllocationStrategy SpotInstancePools SpotMaxPrice"
    ),
    "LaunchTemplate": "LaunchTemplateSpecification Overrides",
    "LaunchTemplateOverrides": (
        "ImageId InstanceRequirements InstanceType LaunchTemplateSpecification WeightedCapacity"
    ),
    "LaunchTemplateSpecification": "LaunchTemplateId LaunchTemplateName Version",
    "LifecycleHookSpecification": (
        "DefaultResult HeartbeatTimeout LifecycleHookName LifecycleTransition NotificationMetadata "
        "NotificationTargetARN RoleARN"
    ),
    "MemoryGiBPerVCpuRequest": "Max Min",
    "MemoryMiBRequest": "Max Min",
    "MixedInstancesPolicy": "InstancesDistribution LaunchTemplate",
    "NetworkBandwidthGbpsRequest": "Max Min",
    "NetworkInterfaceCountRequest": "Max Min",
    "Operator": "Principal",
    "PerformanceFactorReferenceRequest": "InstanceFamily",
    "RetentionTriggers": "TerminateHookAbandon",
    "Tag": "Key PropagateAtLaunch ResourceId ResourceType Value",
    "TotalLocalStorageGBRequest": "Max Min",
    "TrafficSourceIdentifier": "Identifier Type",
    "VCpuCountRequest": "Max Min",
}
