"""What ECS accepts of clusters and capacity providers."""

from __future__ import annotations

from collections.abc import Iterator

from ecsync.core.constraints.rows import Across, Constraints, OneOf, Pattern, Range, Spot
from ecsync.core.model import Desired, Documents, Text
from ecsync.core.trees import Path
from ecsync.core.wording import quoted
from ecsync.kinds._constraint_parts import (
    arn_constraints,
    is_unknown,
    is_whole,
    number,
    referred,
    row,
    tag_constraints,
    text,
)
from ecsync.kinds.ecs.constraints.strategies import strategy_constraints

_CLUSTER = "API Reference ecs.CreateCluster"
_PROVIDER = "API Reference ecs.AutoScalingGroupProvider"
_NAME = Pattern(allowed=r"[A-Za-z0-9_-]{1,255}", text="letters, digits, - and _, at most 255")
_FARGATE = ("FARGATE", "FARGATE_SPOT")


def _in_cluster(spot: Spot) -> str:
    listed_in = spot.body.get("capacityProviders")
    name = spot.value.sole.key if isinstance(spot.value, Text) and spot.value.sole else text(spot.value)
    names = [one.sole.key if isinstance(one, Text) and one.sole else one for one in listed_in or ()]
    if not name or (not is_whole(listed_in) and name not in _FARGATE) or name in names:
        return ""
    return f"{quoted(name)} is not in capacityProviders; add it there"


def _override(spot: Spot) -> str:
    if spot.value == "OVERRIDE" and not spot.block.get("logConfiguration"):
        return "OVERRIDE needs logConfiguration; declare it, or use DEFAULT"
    if spot.block.get("logConfiguration") and spot.value in ("DEFAULT", "NONE"):
        return f"logConfiguration has an effect with OVERRIDE alone, not with {spot.value}; use OVERRIDE"
    return ""


def _log_target(spot: Spot) -> str:
    if not isinstance(spot.value, dict) or spot.value.get("cloudWatchLogGroupName") or spot.value.get("s3BucketName"):
        return ""
    return "it names no place for the logs; declare cloudWatchLogGroupName or s3BucketName"


def _protection(spot: Spot) -> str:
    scaling = spot.block.get("managedScaling")
    status = scaling.get("status") if isinstance(scaling, dict) else None
    if spot.value != "ENABLED" or is_unknown(scaling) or status == "ENABLED" or is_unknown(status):
        return ""
    return "managed termination protection needs managed scaling; set managedScaling: {status: ENABLED}"


def _steps(spot: Spot) -> str:
    least, most = number(spot.value), number(spot.block.get("maximumScalingStepSize"))
    if least is None or most is None or least <= most:
        return ""
    return f"minimumScalingStepSize {least} is above maximumScalingStepSize {most}; use {most} or less"


def _cluster_of_instances(spot: Spot) -> str:
    if spot.value or not spot.body.get("managedInstancesProvider"):
        return ""
    return "a provider of managed instances belongs to a cluster; declare cluster, such as ${Cluster/main}"


def _group_protects(provider: Desired, documents: Documents) -> Iterator[tuple[Path, str]]:
    block = provider.body.get("autoScalingGroupProvider")
    if not isinstance(block, dict) or block.get("managedTerminationProtection") != "ENABLED":
        return
    group = referred(block.get("autoScalingGroupArn"), "AutoScalingGroup", documents)
    if group is not None and group.body.get("NewInstancesProtectedFromScaleIn") in (None, False):
        fix = "set NewInstancesProtectedFromScaleIn: true on the group"
        path = ("autoScalingGroupProvider", "managedTerminationProtection")
        yield path, f"the Auto Scaling group does not protect new instances; {fix}"


CLUSTER: Constraints = (
    *tag_constraints("tags", service="ecs"),
    *strategy_constraints("defaultCapacityProviderStrategy"),
    row("clusterName", "letters, digits, - and _, at most 255", _NAME, _CLUSTER),
    row("defaultCapacityProviderStrategy[].capacityProvider", "one of capacityProviders", _in_cluster,
        "API Reference ecs.PutClusterCapacityProviders", "The specified capacity provider was not found"),
    row("settings[].value", "enhanced, enabled or disabled", OneOf(("enhanced", "enabled", "disabled")),
        "botocore ecs-2014-11-13 ClusterSetting.value"),
    row("configuration.executeCommandConfiguration.logging", "OVERRIDE with logConfiguration", _override,
        "API Reference ecs.ExecuteCommandConfiguration"),
    row("configuration.executeCommandConfiguration.logConfiguration", "a log group or a bucket", _log_target,
        "API Reference ecs.ExecuteCommandLogConfiguration"),
)  # fmt: skip

_SCALING = "autoScalingGroupProvider.managedScaling"
CAPACITY_PROVIDER: Constraints = (
    *tag_constraints("tags", service="ecs"),
    row("name", "letters, digits, - and _, at most 255", _NAME, "API Reference ecs.CreateCapacityProvider"),
    row("cluster", "required with managedInstancesProvider", _cluster_of_instances,
        "API Reference ecs.CreateCapacityProvider", absent=True),
    *arn_constraints("autoScalingGroupProvider.autoScalingGroupArn", "autoscaling", "autoScalingGroup:",
                     "an Auto Scaling group", source=_PROVIDER),
    row(f"{_SCALING}.targetCapacity", "1 to 100", Range(least=1, most=100), "API Reference ecs.ManagedScaling"),
    row(f"{_SCALING}.minimumScalingStepSize", "1 to 10000", Range(least=1, most=10000),
        "API Reference ecs.ManagedScaling"),
    row(f"{_SCALING}.minimumScalingStepSize", "at most maximumScalingStepSize", _steps,
        "API Reference ecs.ManagedScaling"),
    row(f"{_SCALING}.maximumScalingStepSize", "1 to 10000", Range(least=1, most=10000),
        "API Reference ecs.ManagedScaling"),
    row(f"{_SCALING}.instanceWarmupPeriod", "0 to 10000", Range(least=0, most=10000),
        "API Reference ecs.ManagedScaling"),
    row("autoScalingGroupProvider.managedTerminationProtection", "with managed scaling", _protection, _PROVIDER),
    Across(path="autoScalingGroupProvider.managedTerminationProtection", test=_group_protects, source=_PROVIDER,
           rule="with instances that the group protects from scale-in",
           answer="the Auto Scaling group must have instance protection from scale in enabled"),
)  # fmt: skip
