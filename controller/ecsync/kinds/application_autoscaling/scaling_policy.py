"""ScalingPolicy: how a scalable target is scaled: by target tracking, by steps, or by prediction.

Application Auto Scaling cannot tag a policy: it is ours if its target is ours. A Put replaces the policy, so an update
sends it whole.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from ecsync.core.kind import Kind, Owned, ShapeOf, Wanted, World
from ecsync.core.model import Call, Create, Delete, Key, Observed, Present, Replace, Update
from ecsync.core.ports import Reader
from ecsync.core.rules import Default, Immutable, Keyed, Rewrite, Rules
from ecsync.core.trees import Body, Json, Path
from ecsync.kinds._common import installation_in, nonzero, operations, pick
from ecsync.kinds._outputs import OUTPUTS
from ecsync.kinds.application_autoscaling import _constraints, scalable_target
from ecsync.kinds.application_autoscaling._children import Children, Parents, child_marks
from ecsync.kinds.application_autoscaling._shared import (
    IDENTITY,
    SERVICE,
    Target,
    adjusted,
    check_target,
    declared_once,
    identity_rows,
    natural,
    needs_target,
    printed,
    put_body,
    resource_id,
    with_identity,
)

# 1 IDENTITY ------------------------------------------------------------------------------------------------------

_TRACKING, _STEPS, _PREDICTION = (
    "TargetTrackingScalingPolicyConfiguration",
    "StepScalingPolicyConfiguration",
    "PredictiveScalingPolicyConfiguration",
)
_TYPES = {_TRACKING: "TargetTrackingScaling", _STEPS: "StepScaling", _PREDICTION: "PredictiveScaling"}


def _natural(body: Body) -> str | None:
    return natural(body, "PolicyName")


# 2 SHAPE ---------------------------------------------------------------------------------------------------------


def _check(body: Body) -> Iterator[tuple[Path, str]]:
    yield from check_target(body)
    blocks = [block for block in _TYPES if body.get(block)]
    if len(blocks) != 1:
        yield (), f"ScalingPolicy requires exactly one of {', '.join(_TYPES)}"
    elif body.get("PolicyType") not in (None, _TYPES[blocks[0]]):
        yield ("PolicyType",), f"PolicyType must be {_TYPES[blocks[0]]} with {blocks[0]}"


# 3 RULES ---------------------------------------------------------------------------------------------------------


def _policy_type(_: Body, body: Body) -> Json:
    return next((name for block, name in _TYPES.items() if body.get(block)), None)


def _of_ecs(body: Body) -> bool:
    return bool(body.get("ServiceNamespace") == "ecs")


def _by_bound(steps: Json) -> Json:
    """Return steps sorted by their lower bound; a step without one is first."""
    if not isinstance(steps, list):
        return steps
    return sorted(steps, key=lambda step: step.get("MetricIntervalLowerBound", float("-inf")))


_METRIC = f"{_TRACKING}.CustomizedMetricSpecification"
_COOLDOWN = "Application Auto Scaling User Guide, cooldown periods: 300 seconds for ECS services"
_FOR_ECS = "300 for ECS services"
_ORDER = "AWS ignores the order"

RULES: Rules = (
    *identity_rows(),
    Default(
        path="PolicyType",
        value=_policy_type,
        description="the type of the configuration block that is declared",
        source="PutScalingPolicy requires it; each type has its own block",
    ),
    Default(
        path=f"{_TRACKING}.DisableScaleIn",
        value=False,
        source="TargetTrackingScalingPolicyConfiguration: The default value is false",
        cases=("der-sp-float",),
    ),
    Default(
        path=f"{_TRACKING}.ScaleInCooldown",
        value=300,
        when=_of_ecs,
        description=_FOR_ECS,
        source=_COOLDOWN,
        cases=("der-sp-cooldown",),
    ),
    Default(path=f"{_TRACKING}.ScaleOutCooldown", value=300, when=_of_ecs, description=_FOR_ECS, source=_COOLDOWN),
    Keyed(path=f"{_METRIC}.Dimensions", key=("Name",), source=_ORDER),
    Keyed(path=f"{_METRIC}.Metrics[].MetricStat.Metric.Dimensions", key=("Name",), source=_ORDER),
    Default(
        path=f"{_METRIC}.Metrics[].ReturnData",
        value=True,
        source="TargetTrackingMetricDataQuery: the default is true",
    ),
    Keyed(path=f"{_METRIC}.Metrics", key=("Id",), source=_ORDER),
    Default(path=f"{_STEPS}.Cooldown", value=300, source="StepScalingPolicyConfiguration: the default value is 300"),
    Default(
        path=f"{_STEPS}.MetricAggregationType",
        value="Average",
        source="StepScalingPolicyConfiguration: null is treated as Average",
    ),
    Rewrite(path=f"{_STEPS}.MinAdjustmentMagnitude", to=nonzero, source="a magnitude of 0 has no effect"),
    Rewrite(
        path=f"{_STEPS}.StepAdjustments",
        to=_by_bound,
        source="each step has its own interval, so AWS ignores the order",
    ),
    Default(path=f"{_PREDICTION}.Mode", value="ForecastOnly", source="PutScalingPolicy: Defaults to ForecastOnly"),
    Default(path=f"{_PREDICTION}.SchedulingBufferTime", value=300, source="PutScalingPolicy: Defaults to 300 seconds"),
    Default(
        path=f"{_PREDICTION}.MaxCapacityBreachBehavior",
        value="HonorMaxCapacity",
        source="PutScalingPolicy: Defaults to HonorMaxCapacity",
    ),
    Immutable(path="PolicyName", source="PutScalingPolicy: You cannot change the name of a scaling policy"),
    Immutable(path="PolicyType", source="PutScalingPolicy does not change the type of a policy"),
)

# 4 READ ----------------------------------------------------------------------------------------------------------


def present_of(policy: Body, want: Wanted, target: Target, parents: Parents) -> Present:
    """Return a policy from DescribeScalingPolicies as a resource."""
    our_marks, foreign = child_marks(want, target, parents)
    body = pick(policy, *IDENTITY, "PolicyName", "PolicyType", *_TYPES)
    facts = {"alarms": tuple(alarm["AlarmName"] for alarm in policy.get("Alarms") or ())}
    return Present(body=body, outputs={"arn": policy["PolicyARN"]}, marks=our_marks, facts=facts, foreign=foreign)


POLICIES = Children(
    kind="ScalingPolicy",
    operation="DescribeScalingPolicies",
    result="ScalingPolicies",
    member="PolicyName",
    names="PolicyNames",
    show=present_of,
)


_POLICIES = POLICIES.collection("medium")


def _read(reader: Reader, wanted: Sequence[Wanted], world: World) -> Iterator[tuple[Key, Observed]]:
    yield from ((want.key, observed) for want, observed in POLICIES.read(reader, wanted, world))


def _owned(reader: Reader, scope: str) -> Iterator[Owned]:
    return POLICIES.owned(reader, scalable_target.owned(reader, installation_in(scope)), scope)


# 5 CALLS ---------------------------------------------------------------------------------------------------------


def _calls(change: Create | Update | Replace | Delete) -> tuple[Call, ...]:
    match change:
        case Create(desired=desired):
            return (replace(_put(with_identity(desired.body)), captures={"arn": ("PolicyARN",)}),)
        case Update():
            return (_put(put_body(change, RULES)),)
        case Replace(observed=observed) | Delete(observed=observed):
            params = pick(observed.body, *IDENTITY, "PolicyName")
            return (Call(service=SERVICE, operation="DeleteScalingPolicy", params=params),)


def _put(body: Body) -> Call:
    params = {**body, "PolicyType": body.get("PolicyType") or _policy_type(body, body)}
    return Call(service=SERVICE, operation="PutScalingPolicy", params=params)


# The members of AWS's shapes that the rules take into account; `make review` prints those that a newer botocore has.
REVIEWED = {
    "CustomizedMetricSpecification": "Dimensions MetricName Metrics Namespace Statistic Unit",
    "MetricDimension": "Name Value",
    "PredefinedMetricSpecification": "PredefinedMetricType ResourceLabel",
    "PredictiveScalingCustomizedMetricSpecification": "MetricDataQueries",
    "PredictiveScalingMetric": "Dimensions MetricName Namespace",
    "PredictiveScalingMetricDataQuery": "Expression Id Label MetricStat ReturnData",
    "PredictiveScalingMetricDimension": "Name Value",
    "PredictiveScalingMetricSpecification": (
        "CustomizedCapacityMetricSpecification CustomizedLoadMetricSpecification CustomizedScalingMetricSpecification "
        "PredefinedLoadMetricSpecification PredefinedMetricPairSpecification PredefinedScalingMetricSpecification "
        "TargetValue"
    ),
    "PredictiveScalingMetricStat": "Metric Stat Unit",
    "PredictiveScalingPolicyConfiguration": (
        "MaxCapacityBreachBehavior MaxCapacityBuffer MetricSpecifications Mode SchedulingBufferTime"
    ),
    "PredictiveScalingPredefinedLoadMetricSpecification": "PredefinedMetricType ResourceLabel",
    "PredictiveScalingPredefinedMetricPairSpecification": "PredefinedMetricType ResourceLabel",
    "PredictiveScalingPredefinedScalingMetricSpecification": "PredefinedMetricType ResourceLabel",
    "PutScalingPolicyRequest": (
        "PolicyName PolicyType PredictiveScalingPolicyConfiguration ResourceId ScalableDimension Service "
        "ServiceNamespace StepScalingPolicyConfiguration TargetTrackingScalingPolicyConfiguration"
    ),
    "StepAdjustment": "MetricIntervalLowerBound MetricIntervalUpperBound ScalingAdjustment",
    "StepScalingPolicyConfiguration": (
        "AdjustmentType Cooldown MetricAggregationType MinAdjustmentMagnitude StepAdjustments"
    ),
    "TargetTrackingMetric": "Dimensions MetricName Namespace",
    "TargetTrackingMetricDataQuery": "Expression Id Label MetricStat ReturnData",
    "TargetTrackingMetricDimension": "Name Value",
    "TargetTrackingMetricStat": "Metric Stat Unit",
    "TargetTrackingScalingPolicyConfiguration": (
        "CustomizedMetricSpecification DisableScaleIn PredefinedMetricSpecification ScaleInCooldown ScaleOutCooldown "
        "TargetValue"
    ),
}

KIND = Kind(
    name="ScalingPolicy",
    example="""
ScalingPolicy/cpu:
  PolicyName: shop-cpu
  Service: ${Service/web}
  PolicyType: TargetTrackingScaling
  TargetTrackingScalingPolicyConfiguration:
    PredefinedMetricSpecification: {PredefinedMetricType: ECSServiceAverageCPUUtilization}
    TargetValue: 60
""",
    natural=_natural,
    name_member="PolicyName",
    name_limit=256,
    primary="arn",
    outputs=OUTPUTS["ScalingPolicy"],
    invalidates={"replace": ("arn",)},
    shape=ShapeOf(
        operation="application-autoscaling.PutScalingPolicy",
        extra={"Service": "string"},
        describe="application-autoscaling.DescribeScalingPolicies:ScalingPolicies[]",
        optional=(*IDENTITY, "PolicyName"),
    ),
    reviewed=REVIEWED,
    check=_check,
    constraints=_constraints.SCALING_POLICY,
    rules=RULES,
    read=_read,
    owned=_owned,
    reads_after=("ScalableTarget",),
    collections=(_POLICIES,),
    from_describe=printed,
    reads=scalable_target.KIND.reads | {f"{SERVICE}.DescribeScalingPolicies"},
    calls=_calls,
    needs=needs_target,
    cross_check=declared_once("PolicyName"),
    adjust=adjusted,
    serial_domain=lambda body: f"scaling/{resource_id(body)}",
    writes=operations("application-autoscaling", "PutScalingPolicy"),
    deletes=operations("application-autoscaling", "DeleteScalingPolicy"),
    rights=(
        "cloudwatch:DescribeAlarms",  # target tracking creates its alarms with our credentials
        "cloudwatch:PutMetricAlarm",
        "cloudwatch:DeleteAlarms",
    ),
)
