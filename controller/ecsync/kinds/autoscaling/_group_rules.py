"""Rules of an Auto Scaling group: which members EC2 Auto Scaling fills in, mirrors and reorders."""

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

_READ_BACK = "read back from AWS: DescribeAutoScalingGroups returns this value where none was sent"
_REORDERED = "read back from AWS: DescribeAutoScalingGroups returns these in another order"
_DERIVED = "read back from AWS: DescribeAutoScalingGroups returns it though it was not sent"
_MIRRORED = "autoscaling.DescribeAutoScalingGroups mirrors target groups and traffic sources in each other"
_REQUEST_ONLY = "autoscaling.DescribeAutoScalingGroups does not return it"
_CLEARED_BOUND = "autoscaling.InstanceMaintenancePolicy: to clear a value, specify -1"
_CLEARED_WARMUP = "autoscaling.UpdateAutoScalingGroup: to remove a default instance warmup, specify -1"
_ZONAL_SHIFT = "autoscaling.AvailabilityZoneImpairmentPolicy: the other members apply during a zonal shift only"
_KEPT_LIST = "autoscaling.UpdateAutoScalingGroup keeps a list that a mixed instances policy omits; [] clears it"
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


def _sorted_items(value: Json) -> Json:
    """Return comma-separated text with its items sorted: AWS reorders them."""
    return ",".join(sorted(item.strip() for item in value.split(","))) if isinstance(value, str) else value


def _spot_pools(block: Body, _: Body) -> Json:
    return 2 if block.get("SpotAllocationStrategy") == _LOWEST_PRICE else None


def _on_demand_strategy(_: Body, body: Body) -> Json:
    template = (body.get(_MIXED) or {}).get("LaunchTemplate") or {}
    by_attributes = any(override.get("InstanceRequirements") for override in template.get("Overrides") or ())
    return _LOWEST_PRICE if by_attributes else "prioritized"


def _maintenance(value: Json) -> Json:
    """Remove a policy with no bound: -1 clears a bound."""
    unset = all(value.get(bound, -1) == -1 for bound in ("MinHealthyPercentage", "MaxHealthyPercentage"))
    return None if unset else value


def _warmup(value: Json) -> Json:
    """Remove a cleared warmup: -1 clears it."""
    return None if value == -1 else value


def _zonal_shift(value: Json) -> Json:
    """Remove a policy that is off: its other members have no effect."""
    return value if value.get("ZonalShiftEnabled") else None


def _spot(value: Json) -> Json:
    """Remove the number of pools where the strategy does not use it."""
    counted = value.get("SpotAllocationStrategy", _LOWEST_PRICE) == _LOWEST_PRICE
    return value if counted else {member: one for member, one in value.items() if member != "SpotInstancePools"}


def _source_type(block: Body, _: Body) -> Json:
    """Return the type of a traffic source, derived from its identifier."""
    identifier = block.get("Identifier")
    if not isinstance(identifier, str):
        return None
    if not identifier.startswith("arn:"):
        return "elb"
    return "vpc-lattice" if ":vpc-lattice:" in identifier else "elbv2"


def _templates(path: str) -> Rules:
    """Return the rows of a launch template: AWS returns id and name whichever was sent."""
    both = "read back from AWS: DescribeAutoScalingGroups returns id and name, whichever was sent"
    named = "autoscaling.LaunchTemplateSpecification: the ID or the name of the launch template"
    return (
        Default(
            path=f"{path}.Version",
            value="$Default",
            source="autoscaling.LaunchTemplateSpecification: the default value of Version is $Default",
        ),
        Computed(path=f"{path}.LaunchTemplateId", source=both, cases=("der-asg-lt-name-echo",)),
        Computed(path=f"{path}.LaunchTemplateName", source=both, cases=_CASES),
        Refers(path=f"{path}.LaunchTemplateName", kind="LaunchTemplate", output="name", source=named),
        Refers(path=f"{path}.LaunchTemplateId", kind="LaunchTemplate", source=named),
    )


def propagated_keys(body: Body) -> set[str]:
    """Return the keys of the tags that new instances receive."""
    tags = body.get("Tags") or ()
    return {tag["Key"] for tag in tags if isinstance(tag, Mapping) and tag.get("PropagateAtLaunch")}


RULES: Rules = (
    # Canonical tags are keys and values only. This row puts the propagation into the applied mark too.
    Derived(
        path="PropagateAtLaunch",
        value=lambda body: sorted(propagated_keys(body)) if isinstance(body.get("Tags"), list) else None,
        source="autoscaling.Tag: PropagateAtLaunch belongs to each tag, beside key and value",
    ),
    *tag_rows("Tags", "Key", "Value"),
    *(row for path in TEMPLATES for row in _templates(path)),
    Rewrite(path="VPCZoneIdentifier", to=_sorted_items, source=_REORDERED, cases=_CASES),
    Rewrite(
        path="HealthCheckType",
        to=_sorted_items,
        source="autoscaling.CreateAutoScalingGroup: a comma-separated list of health check types",
    ),
    Unordered(path="AvailabilityZones", source=_REORDERED),
    Unordered(path="AvailabilityZoneIds", source=_REORDERED),
    Unordered(path="TargetGroupARNs", source="autoscaling.AttachLoadBalancerTargetGroups: order has no meaning"),
    Unordered(path="LoadBalancerNames", source="autoscaling.AttachLoadBalancers: order has no meaning"),
    Default(
        path="TrafficSources[].Type",
        value=_source_type,
        description="derived from the identifier",
        source="autoscaling.TrafficSourceIdentifier: Type is required only for the name of a Classic Load Balancer",
    ),
    Unordered(path="TrafficSources", source="autoscaling.AttachTrafficSources: order has no meaning"),
    Default(path="EnabledMetrics[].Granularity", value="1Minute", source=_READ_BACK, cases=_CASES[:1]),
    Keyed(path="EnabledMetrics", key=("Metric",), source=_REORDERED, cases=_CASES[:1]),
    Default(path="DefaultCooldown", value=300, source=_READ_BACK, cases=_CASES),
    Default(path="HealthCheckType", value="EC2", source=_READ_BACK, cases=_CASES),
    Default(path="HealthCheckGracePeriod", value=0, source=_READ_BACK, cases=_CASES),
    Default(path="TerminationPolicies", value=["Default"], source=_READ_BACK, cases=_CASES),
    Default(path="NewInstancesProtectedFromScaleIn", value=False, source=_READ_BACK, cases=_CASES),
    Default(path="CapacityRebalance", value=False, source=_READ_BACK, cases=_CASES),
    Default(
        path="MaxInstanceLifetime",
        value=0,
        source="autoscaling.UpdateAutoScalingGroup: to clear a value, specify 0",
    ),
    Default(
        path="DesiredCapacityType",
        value="units",
        source="autoscaling.CreateAutoScalingGroup: by default, the desired capacity is a number of instances (units)",
    ),
    Default(path="DeletionProtection", value="none", source="autoscaling.CreateAutoScalingGroup: Default: none"),
    Default(
        path="AvailabilityZoneDistribution",
        value={"CapacityDistributionStrategy": "balanced-best-effort"},
        source=_READ_BACK,
        cases=_CASES,
    ),
    Default(
        path="CapacityReservationSpecification",
        value={"CapacityReservationPreference": "default"},
        source=_READ_BACK,
        cases=_CASES,
    ),
    Default(
        path="InstanceLifecyclePolicy",
        value={"RetentionTriggers": {"TerminateHookAbandon": "terminate"}},
        source=_READ_BACK,
        cases=_CASES,
    ),
    Rewrite(path="InstanceMaintenancePolicy", to=_maintenance, source=_CLEARED_BOUND),
    Rewrite(path="DefaultInstanceWarmup", to=_warmup, source=_CLEARED_WARMUP),
    Rewrite(path="AvailabilityZoneImpairmentPolicy", to=_zonal_shift, source=_ZONAL_SHIFT),
    Default(path=_SPREAD, value={"OnDemandBaseCapacity": 0}, source=_READ_BACK, cases=_MIXED_CASES),
    Default(path=f"{_SPREAD}.OnDemandBaseCapacity", value=0, source=_READ_BACK, cases=_MIXED_CASES),
    Default(path=f"{_SPREAD}.OnDemandPercentageAboveBaseCapacity", value=100, source=_READ_BACK, cases=_MIXED_CASES),
    Default(path=f"{_SPREAD}.SpotAllocationStrategy", value=_LOWEST_PRICE, source=_READ_BACK, cases=_MIXED_CASES),
    Rewrite(
        path=_SPREAD,
        to=_spot,
        source="autoscaling.InstancesDistribution: SpotInstancePools is valid only with lowest-price",
    ),
    Default(
        path=f"{_SPREAD}.SpotInstancePools",
        value=_spot_pools,
        description="2 with SpotAllocationStrategy lowest-price",
        source=_READ_BACK,
        cases=_MIXED_CASES,
    ),
    Default(
        path=f"{_SPREAD}.OnDemandAllocationStrategy",
        value=_on_demand_strategy,
        description="prioritized; lowest-price where an override has InstanceRequirements",
        source="autoscaling.InstancesDistribution: lowest-price is the default with InstanceRequirements",
        cases=_MIXED_CASES,
    ),
    # What AWS or another controller decides
    Computed(path="AvailabilityZones", source=_DERIVED, cases=_CASES),
    Computed(path="AvailabilityZoneIds", source=_DERIVED, cases=_CASES),
    Computed(path="ServiceLinkedRoleARN", source=_DERIVED, cases=_CASES),
    Computed(path="Context", source="autoscaling.CreateAutoScalingGroup: Reserved"),
    Computed(path="Operator", source="autoscaling.CreateAutoScalingGroup: the entity that manages the group"),
    Computed(path="TrafficSources", source=_MIRRORED),
    *(
        Computed(
            path=member,
            when=lambda body: bool(body.get("TrafficSources")),
            description="from TrafficSources, where those are declared",
            source=_MIRRORED,
        )
        for member in ("TargetGroupARNs", "LoadBalancerNames")
    ),
    Delegated(
        path="DesiredCapacity",
        when=lambda facts: bool(facts.get("managedScaling")),
        owner="the capacity provider's managed scaling",
        source="ECS Developer Guide, cluster auto scaling: managed scaling sets the desired capacity of the group",
    ),
    Computed(
        path="DesiredCapacity",
        source="autoscaling.CreateAutoScalingGroup: the initial capacity; scaling policies change it afterwards",
        cases=("der-asg-desired",),
    ),
    *(
        Drop(path=member, source=_REQUEST_ONLY)
        for member in ("InstanceId", "LifecycleHookSpecificationList", "SkipZonalShiftValidation")
    ),
    # What a change does
    Immutable(path="AutoScalingGroupName", source="autoscaling has no call that renames a group"),
    Immutable(path="Operator", source="autoscaling.UpdateAutoScalingGroup has no Operator"),
    Clears(
        path="PlacementGroup", value="", source="autoscaling.UpdateAutoScalingGroup: pass an empty string to clear it"
    ),
    Clears(path="DefaultInstanceWarmup", value=-1, source=_CLEARED_WARMUP),
    Clears(
        path="InstanceMaintenancePolicy",
        value={"MinHealthyPercentage": -1, "MaxHealthyPercentage": -1},
        source=_CLEARED_BOUND,
    ),
    Clears(
        path="AvailabilityZoneImpairmentPolicy",
        value={"ZonalShiftEnabled": False},
        source=_ZONAL_SHIFT,
    ),
    Clears(
        path=f"{_SPREAD}.SpotMaxPrice",
        value="",
        source="autoscaling.InstancesDistribution: an empty string clears SpotMaxPrice",
    ),
    Clears(path=f"{_SPREAD}.DistributionSegments", value=[], source=_KEPT_LIST),
    Clears(path=f"{_MIXED}.LaunchTemplate.Overrides", value=[], source=_KEPT_LIST),
    CommaList(
        path="VPCZoneIdentifier", source="autoscaling.CreateAutoScalingGroup: a comma-separated list of subnet IDs"
    ),
    Refers(
        path="LifecycleHookSpecificationList[].RoleARN",
        kind="Role",
        output="arn",
        source="autoscaling.LifecycleHookSpecification: the ARN of the IAM role that publishes to the target",
    ),
    Refers(
        path="TargetGroupARNs[]",
        kind="TargetGroup",
        output="arn",
        source="autoscaling.CreateAutoScalingGroup: the ARNs of the target groups",
    ),
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
