"""Scaling policies of services: put, describe, delete."""

from __future__ import annotations

from ecsim.account.errors import validation_exception
from ecsim.account.world import Body, Call, Handler
from ecsim.application_autoscaling.scalable_targets import check, identity, missing, page
from ecsim.application_autoscaling.store import AppAutoScalingRegion, ScalableTarget

# Policy type → the member with its configuration, and AWS's defaults there.
KINDS: dict[str, tuple[str, Body]] = {
    "TargetTrackingScaling": ("TargetTrackingScalingPolicyConfiguration", {"DisableScaleIn": False}),
    "StepScaling": ("StepScalingPolicyConfiguration", {"Cooldown": 300, "MetricAggregationType": "Average"}),
    "PredictiveScaling": (
        "PredictiveScalingPolicyConfiguration",
        {"Mode": "ForecastOnly", "MaxCapacityBreachBehavior": "HonorMaxCapacity"},
    ),
}


def put_scaling_policy(call: Call) -> Body:
    """Create a policy or replace its configuration. A target tracking policy gets its alarms."""
    params = call.params
    check(params)
    target = call.store(AppAutoScalingRegion).target(params["ResourceId"])
    name = params["PolicyName"]
    existing = target.policies.get(name)
    kind = params.get("PolicyType") or (existing or {}).get("PolicyType", "StepScaling")
    member, defaults = KINDS[kind]
    _check_configuration(params, kind, member)
    policy: Body = existing or {
        "PolicyARN": (
            f"arn:aws:autoscaling:{call.region}:{call.account}:scalingPolicy:{call.world.uuid()}:resource/ecs/"
            f"{target.resource}:policyName/{name}"
        ),
        "PolicyName": name,
        **identity(target),
        "CreationTime": call.world.now,
    }
    for other, _ in KINDS.values():
        policy.pop(other, None)
    policy.update({"PolicyType": kind, member: {**defaults, **params[member]}})
    if kind == "TargetTrackingScaling":
        policy["Alarms"] = policy.get("Alarms") or _alarms(call, target)
    else:
        policy["Alarms"] = []
    target.policies[name] = policy
    return {"PolicyARN": policy["PolicyARN"], "Alarms": policy["Alarms"]}


def _check_configuration(params: Body, kind: str, member: str) -> None:
    configuration = params.get(member)
    if not configuration:
        raise validation_exception(f"{member} is required for the policy type {kind}")
    if any(params.get(other) for other, _ in KINDS.values() if other != member):
        raise validation_exception(f"Only {member} may be specified for the policy type {kind}")
    if kind == "TargetTrackingScaling":
        metrics = ("PredefinedMetricSpecification", "CustomizedMetricSpecification")
        if sum(bool(configuration.get(metric)) for metric in metrics) != 1:
            raise validation_exception("Exactly one of predefined or customized metric specification is required")
    if kind == "StepScaling" and not configuration.get("StepAdjustments"):
        raise validation_exception("StepAdjustments must not be empty")


def _alarms(call: Call, target: ScalableTarget) -> list[Body]:
    prefix = f"arn:aws:cloudwatch:{call.region}:{call.account}:alarm:"
    names = [f"TargetTracking-{target.resource}-Alarm{end}-{call.world.uuid()}" for end in ("High", "Low")]
    return [{"AlarmName": name, "AlarmARN": prefix + name} for name in names]


def describe_scaling_policies(call: Call) -> Body:
    """Describe policies by name and exact resource ID, 10 on a page."""
    check(call.params)
    names, resource = call.params.get("PolicyNames"), call.params.get("ResourceId")
    found = [
        policy
        for target in call.store(AppAutoScalingRegion).targets.values()
        for policy in target.policies.values()
        if resource in (None, target.resource) and (not names or policy["PolicyName"] in names)
    ]
    return page("ScalingPolicies", found, call.params, 10)


def delete_scaling_policy(call: Call) -> Body:
    """Delete a policy with its alarms."""
    check(call.params)
    resource, name = call.params["ResourceId"], call.params["PolicyName"]
    target = call.store(AppAutoScalingRegion).targets.get(resource)
    if target is None or target.policies.pop(name, None) is None:
        raise missing("scaling policy", resource)
    target.breaches.pop(name, None)
    return {}


OPERATIONS: dict[str, Handler] = {
    "DeleteScalingPolicy": delete_scaling_policy,
    "DescribeScalingPolicies": describe_scaling_policies,
    "PutScalingPolicy": put_scaling_policy,
}
