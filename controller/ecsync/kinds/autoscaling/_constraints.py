"""What Auto Scaling accepts of a group."""

from __future__ import annotations

from collections.abc import Mapping

from ecsync.core.constraints.rows import Constraints, Length, OneOf, Pattern, Range, Spot
from ecsync.core.wording import listed, quoted, suggestion
from ecsync.kinds._constraint_parts import arn_constraints, is_unknown, number, row, text

_CREATE = "API Reference autoscaling.CreateAutoScalingGroup"
_STARTS = ("LaunchTemplate", "MixedInstancesPolicy", "InstanceId", "LaunchConfigurationName")


def _low_and_high(spot: Spot) -> str:
    low, high = number(spot.value), number(spot.body.get("MaxSize"))
    if low is None or high is None or low <= high:
        return ""
    return f"MinSize {low} is above MaxSize {high}; use {high} or less"


def _desired(spot: Spot) -> str:
    value, low, high = number(spot.value), number(spot.body.get("MinSize")), number(spot.body.get("MaxSize"))
    if value is None or ((low is None or low <= value) and (high is None or value <= high)):
        return ""
    return f"DesiredCapacity {value} is not between MinSize {low} and MaxSize {high}; use a value between them"


def _one_start(spot: Spot) -> str:
    found = [name for name in _STARTS if spot.body.get(name)]
    if len(found) == 1:
        return ""
    if not found:
        return "it names nothing to start; declare LaunchTemplate: {LaunchTemplateName: ${LaunchTemplate/main}}"
    return f"it has {listed(found)}; keep one of them"


def _place(spot: Spot) -> str:
    if spot.value or spot.body.get("AvailabilityZones") or spot.body.get("AvailabilityZoneIds"):
        return ""
    if any(is_unknown(spot.body.get(name)) for name in ("AvailabilityZones", "VPCZoneIdentifier")):
        return ""
    return "it is missing; declare subnets: VPCZoneIdentifier: ${Network/main.privateSubnetIds}"


def _lifetime(spot: Spot) -> str:
    value = number(spot.value)
    if value is None or value == 0 or 86400 <= value <= 31536000:
        return ""
    return f"{value} s is out of range; use 0, or 86400 (a day) to 31536000 (a year)"


def _check_type(spot: Spot) -> str:
    known = ("EC2", "ELB", "EBS", "VPC_LATTICE")
    for value in text(spot.value).split(","):
        if value.strip() and value.strip() not in known:
            return f"{quoted(value)} is no kind of health check{suggestion(value, known)}"
    return ""


_POLICIES = (
    "Default", "AllocationStrategy", "OldestLaunchTemplate", "OldestLaunchConfiguration", "ClosestToNextInstanceHour",
    "NewestInstance", "OldestInstance",
)  # fmt: skip


def _termination(spot: Spot) -> str:
    value = text(spot.value)
    if not value or value in _POLICIES or value.startswith("arn:"):
        return ""
    return f"{quoted(value)} is no termination policy{suggestion(value, _POLICIES)}"


def _one_name(spot: Spot) -> str:
    if not isinstance(spot.value, Mapping):
        return ""
    found = [name for name in ("LaunchTemplateId", "LaunchTemplateName") if spot.value.get(name)]
    if len(found) == 1:
        return ""
    return "it has LaunchTemplateId and LaunchTemplateName; keep one" if found else "declare LaunchTemplateName"


def _subnets(spot: Spot) -> str:
    wrong = [one for one in text(spot.value).split(",") if one.strip() and not one.strip().startswith("subnet-")]
    wrong = [one for one in wrong if one.strip().startswith(("vpc-", "sg-", "eni-"))]
    return f"{quoted(wrong[0])} is not a subnet; use ids such as subnet-0123456789abcdef0" if wrong else ""


_TEMPLATES = ("LaunchTemplate", "MixedInstancesPolicy.LaunchTemplate.LaunchTemplateSpecification")

ROWS: Constraints = (
    row("AutoScalingGroupName", "1 to 255 characters without :",
        Pattern(allowed=r"[^:\x00-\x1f]{1,255}", text="1 to 255 characters without :"), _CREATE),
    row("MinSize", "at most MaxSize", _low_and_high, _CREATE, "Max bound must be greater than or equal to min bound"),
    *(
        row(name, "0 or more", Range(least=0, most=2**31 - 1), _CREATE)
        for name in ("MinSize", "MaxSize", "DesiredCapacity", "HealthCheckGracePeriod", "DefaultCooldown")
    ),
    row("DesiredCapacity", "between MinSize and MaxSize", _desired, _CREATE,
        "Desired capacity must be between the specified min size and max size"),
    row("LaunchTemplate",
        "one of LaunchTemplate, MixedInstancesPolicy, InstanceId, LaunchConfigurationName", _one_start,
        _CREATE, "Valid requests must contain either LaunchTemplate, LaunchConfigurationName, InstanceId or"
        " MixedInstancesPolicy parameter", absent=True),
    row("VPCZoneIdentifier", "required, or AvailabilityZones", _place, _CREATE,
        "At least one Availability Zone or VPC Subnet is required", absent=True),
    row("VPCZoneIdentifier", "subnets", _subnets, _CREATE),
    row("EnabledMetrics[].Granularity", "1Minute", OneOf(("1Minute",)),
        "API Reference autoscaling.EnableMetricsCollection: the only valid value is 1Minute"),
    row("MaxInstanceLifetime", "0, or 86400 to 31536000", _lifetime, _CREATE),
    row("HealthCheckType", "EC2, ELB, EBS or VPC_LATTICE", _check_type, _CREATE, "Invalid HealthCheckType"),
    row("TerminationPolicies[]", "a known policy, or a function", _termination, _CREATE, level="note"),
    row("MixedInstancesPolicy.InstancesDistribution.OnDemandPercentageAboveBaseCapacity", "0 to 100",
        Range(least=0, most=100), "API Reference autoscaling.InstancesDistribution"),
    row("MixedInstancesPolicy.InstancesDistribution.OnDemandBaseCapacity", "0 or more", Range(least=0, most=2**31 - 1),
        "API Reference autoscaling.InstancesDistribution"),
    *(
        row(path, "LaunchTemplateId or LaunchTemplateName", _one_name,
            "API Reference autoscaling.LaunchTemplateSpecification",
            "Valid requests must contain either launchTemplateId or LaunchTemplateName", level="note")
        for path in _TEMPLATES
    ),
    row("Tags[].Key", "1 to 128 characters", Length(least=1, most=128), "API Reference autoscaling.Tag"),
    row("Tags[].Value", "at most 256 characters", Length(most=256), "API Reference autoscaling.Tag"),
    *arn_constraints("TargetGroupARNs[]", "elasticloadbalancing", "targetgroup/", "a target group", source=_CREATE),
)  # fmt: skip
