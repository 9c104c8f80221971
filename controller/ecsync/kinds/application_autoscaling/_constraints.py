"""What Application Auto Scaling accepts of targets, policies and scheduled actions."""

from __future__ import annotations

import re
from collections.abc import Hashable, Iterator, Mapping
from itertools import pairwise
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from ecsync.core.constraints.rows import Across, Constraints, Length, Pattern, Range, Spot
from ecsync.core.model import Desired, Documents
from ecsync.core.trees import Body, Json, Path
from ecsync.core.wording import MOST_OPTIONS, nearest, quoted, suggestion
from ecsync.kinds._common import moment
from ecsync.kinds._constraint_parts import blocks, member, number, row, text
from ecsync.kinds._schedules import schedule_problem
from ecsync.kinds.application_autoscaling._shared import without_target

_TARGET = "API Reference application-autoscaling.RegisterScalableTarget"
_POLICY = "API Reference application-autoscaling.PutScalingPolicy"
_ACTION = "API Reference application-autoscaling.PutScheduledAction"
_TRACKING = "TargetTrackingScalingPolicyConfiguration"
_STEPS = "StepScalingPolicyConfiguration"
_OF_ECS = ("ECSServiceAverageCPUUtilization", "ECSServiceAverageMemoryUtilization", "ALBRequestCountPerTarget")
_RESOURCE = re.compile(r"service/[^/\s]+/[^/\s]+")


def _is_ecs(body: Body) -> bool:
    """Return whether a service of ECS is certainly scaled."""
    named = body.get("ServiceNamespace") == "ecs" or text(body.get("ResourceId")).startswith("service/")
    return named or (body.get("Service") is not None and body.get("ServiceNamespace") is None)


def _resource_id(spot: Spot) -> str:
    value = text(spot.value)
    if not _is_ecs(spot.body) or not value or _RESOURCE.fullmatch(value):
        return ""
    return f"{quoted(value)} is no service; use service/cluster/name, or Service: ${{Service/name}}"


def _service_is_declared(target: Desired, documents: Documents) -> Iterator[tuple[Path, str]]:
    """Yield the note of a service that is not declared, although its cluster is."""
    value = text(target.body.get("ResourceId"))
    if not _RESOURCE.fullmatch(value):
        return
    _, cluster, name = value.split("/")
    if not documents.find("Cluster", _cluster_name, cluster) or documents.find("Service", _service_name, name):
        return
    yield ("ResourceId",), f"no document declares a service {quoted(name)}; use Service: ${{Service/name}}"


def _cluster_name(cluster: Desired, _: Documents) -> Iterator[Hashable]:
    yield text(cluster.body.get("clusterName"))


def _service_name(service: Desired, _: Documents) -> Iterator[Hashable]:
    yield text(service.body.get("serviceName"))


SCALABLE_TARGET: Constraints = (
    row("ResourceId", "service/cluster/name for ECS", _resource_id, _TARGET,
        "Unsupported service namespace, resource type"),
    row("MinCapacity", "0 or more", Range(least=0, most=2**31 - 1), _TARGET,
        "Minimum capacity must be greater than or equal to zero"),
    row("MaxCapacity", "0 or more", Range(least=0, most=2**31 - 1), _TARGET,
        "Maximum capacity must be greater than or equal to zero"),
    Across(path="ResourceId", rule="a declared service of a declared cluster", test=_service_is_declared,
           source=_TARGET,
           level="note", answer="ECS service doesn't exist"),
)  # fmt: skip

# ---------------------------------------------------------------- policies


def _positive(spot: Spot) -> str:
    value = spot.value
    if not isinstance(value, (int, float)) or value > 0:
        return ""
    return f"{value:g} is too low; use a value above 0"


def _percent(spot: Spot) -> str:
    metric = member(member(spot.body.get(_TRACKING), "PredefinedMetricSpecification"), "PredefinedMetricType")
    value = spot.value
    if metric not in _OF_ECS[:2] or not isinstance(value, (int, float)) or value <= 100:
        return ""
    return f"{value:g} % is never reached by {metric}, so the service is not scaled out; use 100 or less"


def _metric(spot: Spot) -> str:
    value = text(spot.value)
    if not _is_ecs(spot.body) or not value or value in _OF_ECS:
        return ""
    return f"{quoted(value)} is no metric of ECS services{suggestion(value, _OF_ECS)}"


def _label(spot: Spot) -> str:
    metric = spot.block.get("PredefinedMetricType")
    if metric == "ALBRequestCountPerTarget" and not spot.value:
        return "ALBRequestCountPerTarget needs it; declare app/<balancer>/<id>/targetgroup/<group>/<id>"
    if metric in _OF_ECS[:2] and spot.value:
        return f"{metric} has no label; leave it out"
    return ""


def _one_metric(spot: Spot) -> str:
    if not isinstance(spot.value, Mapping):
        return ""
    found = [
        name for name in ("PredefinedMetricSpecification", "CustomizedMetricSpecification") if spot.value.get(name)
    ]
    if len(found) == 1:
        return ""
    what = "two metrics" if found else "no metric"
    return f"it has {what}; declare PredefinedMetricSpecification or CustomizedMetricSpecification"


def _magnitude(spot: Spot) -> str:
    if spot.value is None or spot.block.get("AdjustmentType") == "PercentChangeInCapacity":
        return ""
    return "it is for PercentChangeInCapacity; leave it out, or use that AdjustmentType"


def _bounds(spot: Spot) -> str:
    low, high = spot.value.get("MetricIntervalLowerBound"), spot.value.get("MetricIntervalUpperBound")
    numbers = isinstance(low, (int, float)) and isinstance(high, (int, float))
    if numbers and low >= high:
        return f"the lower bound {low:g} is not below the upper bound {high:g}; swap them"
    return "it has no bound; declare a lower or an upper bound" if low is None and high is None else ""


def _apart(spot: Spot) -> str:
    steps = blocks(spot.value)
    spans = sorted(
        (
            _edge(one.get("MetricIntervalLowerBound"), float("-inf")),
            _edge(one.get("MetricIntervalUpperBound"), float("inf")),
        )
        for one in steps
    )
    for (_, end), (start, _after) in pairwise(spans):
        if end > start:
            return "two steps overlap; begin each where the other ends"
        if end < start:
            return f"no step covers {end:g} to {start:g}; begin each where the other ends"
    return ""


def _edge(value: Json, absent: float) -> float:
    return float(value) if isinstance(value, (int, float)) else absent


_CONFIG = "API Reference application-autoscaling.TargetTrackingScalingPolicyConfiguration"
_STEP = "API Reference application-autoscaling.StepScalingPolicyConfiguration"


def _steps(spot: Spot) -> str:
    return "" if spot.value else "it has no step; declare one: [{MetricIntervalLowerBound: 0, ScalingAdjustment: 1}]"


_SCALED = (
    Across(path="", rule="with a ScalableTarget of its service", test=without_target, level="note",
           source="API Reference application-autoscaling: the scalable target must be registered first",
           answer="No scalable target found for service namespace"),
)  # fmt: skip

SCALING_POLICY: Constraints = (
    *_SCALED,
    row(f"{_STEPS}.StepAdjustments", "required", _steps, _STEP, absent=True),
    row("ResourceId", "service/cluster/name for ECS", _resource_id, _TARGET),
    row("PolicyName", "1 to 256 printable characters of ASCII",
        Pattern(allowed=r"[ -~]{1,256}", text="1 to 256 printable characters of ASCII"),
        "botocore application-autoscaling-2016-02-06 PolicyName"),
    row(_TRACKING, "one metric", _one_metric, _CONFIG),
    row(f"{_TRACKING}.TargetValue", "above 0", _positive, _CONFIG),
    row(f"{_TRACKING}.TargetValue", "at most 100 for percentages", _percent, _CONFIG, level="note"),
    row(f"{_TRACKING}.PredefinedMetricSpecification.PredefinedMetricType", "a metric of ECS services", _metric,
        "API Reference application-autoscaling.PredefinedMetricSpecification",
        "Invalid predefined metric type for the scalable target"),
    row(f"{_TRACKING}.PredefinedMetricSpecification.ResourceLabel", "required with ALBRequestCountPerTarget alone",
        _label, "API Reference application-autoscaling.PredefinedMetricSpecification", absent=True),
    *(
        row(f"{_TRACKING}.{name}", "0 or more", Range(least=0, most=2**31 - 1), _CONFIG)
        for name in ("ScaleInCooldown", "ScaleOutCooldown")
    ),
    row(f"{_STEPS}.Cooldown", "0 or more", Range(least=0, most=2**31 - 1), _STEP),
    row(f"{_STEPS}.MinAdjustmentMagnitude", "with PercentChangeInCapacity", _magnitude, _STEP),
    row(f"{_STEPS}.StepAdjustments", "1 to 20", Length(least=1, most=20), _STEP),
    row(f"{_STEPS}.StepAdjustments", "no gap and no overlap", _apart, _STEP),
    row(f"{_STEPS}.StepAdjustments[]", "a lower bound below the upper one", _bounds,
        "API Reference application-autoscaling.StepAdjustment"),
)  # fmt: skip

# ---------------------------------------------------------------- scheduled actions


def _schedule(spot: Spot) -> str:
    return schedule_problem(text(spot.value))


def _time_zone(spot: Spot) -> str:
    value = text(spot.value)
    if not value or _is_zone(value):
        return ""
    zones = [zone for zone in available_timezones() if "/" in zone]  # walks a directory: for a message alone
    close = nearest(value, zones[:MOST_OPTIONS]) if zones else None
    return f"{quoted(value)} is no time zone; use {close or 'a name such as Asia/Seoul'}" if zones else ""


def _is_zone(name: str) -> bool:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return False
    return True


def _in_order(spot: Spot) -> str:
    start, end = moment(spot.body.get("StartTime")), moment(spot.value)
    return "EndTime is not after StartTime; use a later one" if start and end and end <= start else ""


def _some_change(spot: Spot) -> str:
    if not isinstance(spot.value, Mapping) or {"MinCapacity", "MaxCapacity"} & spot.value.keys():
        return ""
    return "it changes nothing; declare MinCapacity or MaxCapacity"


def _low_and_high(spot: Spot) -> str:
    low, high = number(spot.value), number(spot.block.get("MaxCapacity"))
    if low is None or high is None or low <= high:
        return ""
    return f"MinCapacity {low} is above MaxCapacity {high}; use {high} or less"


SCHEDULED_ACTION: Constraints = (
    *_SCALED,
    row("ResourceId", "service/cluster/name for ECS", _resource_id, _TARGET),
    row("ScheduledActionName", "no : / |, and no space at either end",
        Pattern(allowed=r"(?! )[^:/|\x00-\x1f\x7f-\x9f]{1,256}(?<! )",
                text="1 to 256 characters without : / |, and without a space at either end"),
        "botocore application-autoscaling-2016-02-06 ScheduledActionName"),
    row("Schedule", "at(...), rate(...) or cron(...) with six fields", _schedule, _ACTION,
        "Invalid schedule expression"),
    row("Timezone", "the name of a time zone", _time_zone, _ACTION, "Timezone is not valid"),
    row("EndTime", "after StartTime", _in_order, _ACTION),
    row("ScalableTargetAction", "a capacity", _some_change,
        "API Reference application-autoscaling.ScalableTargetAction"),
    row("ScalableTargetAction.MinCapacity", "at most MaxCapacity", _low_and_high,
        "API Reference application-autoscaling.ScalableTargetAction",
        "Minimum capacity cannot be greater than maximum capacity"),
    *(
        row(f"ScalableTargetAction.{name}", "0 or more", Range(least=0, most=2**31 - 1),
            "API Reference application-autoscaling.ScalableTargetAction")
        for name in ("MinCapacity", "MaxCapacity")
    ),
)  # fmt: skip
