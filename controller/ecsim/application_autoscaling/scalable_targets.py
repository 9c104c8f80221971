"""Scalable targets: register, describe, tag; and the change of a service's desired count."""

from __future__ import annotations

from functools import partial

from ecsim.account.errors import AwsError, validation_exception
from ecsim.account.paging import by_token
from ecsim.account.world import Body, Call, Handler, World
from ecsim.application_autoscaling.store import AppAutoScalingRegion, ScalableTarget
from ecsim.ecs import scheduler
from ecsim.ecs.store import EcsRegion, Service

DIMENSION = "ecs:service:DesiredCount"
ROLE = (
    "role/aws-service-role/ecs.application-autoscaling.amazonaws.com/AWSServiceRoleForApplicationAutoScaling_ECSService"
)
NOT_SUSPENDED: Body = {
    "DynamicScalingInSuspended": False,
    "DynamicScalingOutSuspended": False,
    "ScheduledScalingSuspended": False,
}


def check(params: Body) -> None:
    """Refuse any target other than the desired count of an ECS service."""
    if params.get("ServiceNamespace", "ecs") != "ecs" or params.get("ScalableDimension", DIMENSION) != DIMENSION:
        raise validation_exception("Unsupported service namespace, resource type or scalable dimension")


def identity(target: ScalableTarget) -> Body:
    """Return the members that identify a target in each response."""
    return {"ServiceNamespace": "ecs", "ResourceId": target.resource, "ScalableDimension": DIMENSION}


def service_of(ecs: EcsRegion, resource: str) -> Service | None:
    """Return the ACTIVE service of a resource ID; None if it does not exist."""
    kind, _, rest = resource.partition("/")
    cluster, _, name = rest.partition("/")
    found = ecs.services.get((cluster, name)) if kind == "service" else None
    return found if found is not None and found.status == "ACTIVE" else None


def register_scalable_target(call: Call) -> Body:
    """Register or change a target. A desired count outside the bounds is moved to the nearest bound at once."""
    params, region = call.params, call.store(AppAutoScalingRegion)
    check(params)
    resource = params["ResourceId"]
    service = service_of(call.store(EcsRegion), resource)
    if service is None:
        raise validation_exception(f"ECS service doesn't exist: {resource}")
    target = region.targets.get(resource)
    if target is None:
        for member in ("MinCapacity", "MaxCapacity"):
            if member not in params:
                raise validation_exception(f"{member} is a required parameter for a new scalable target")
        arn = f"arn:aws:application-autoscaling:{call.region}:{region.account}:scalable-target/{call.world.hex(36)}"
        target = ScalableTarget(arn, resource, call.world.now, 0, 0, dict(NOT_SUSPENDED), dict(params.get("Tags", {})))
    least, most = params.get("MinCapacity", target.minimum), params.get("MaxCapacity", target.maximum)
    if least < 0 or most < least:
        raise validation_exception("Maximum capacity cannot be less than minimum capacity")
    region.targets[resource] = target
    service.deleted = partial(forget, region, resource)
    target.minimum, target.maximum = least, most
    target.suspended = {**target.suspended, **params.get("SuspendedState", {})}
    clamp(call.world, region, target, "the bounds were changed")
    return {"ScalableTargetARN": target.arn}


def clamp(world: World, region: AppAutoScalingRegion, target: ScalableTarget, cause: str) -> None:
    """Move a desired count outside the bounds to the nearest bound."""
    service = service_of(world.store(EcsRegion, region.region), target.resource)
    if service is not None:
        scale(world, region, target, max(target.minimum, min(service.desired, target.maximum)), cause)


def scale(world: World, region: AppAutoScalingRegion, target: ScalableTarget, desired: int, cause: str) -> None:
    """Set the desired count without a deployment. The ledger has no call: AWS uses its service-linked role."""
    ecs = world.store(EcsRegion, region.region)
    service = service_of(ecs, target.resource)
    if service is None or service.desired == desired:
        return
    target.scaled_out_at, target.scaled_in_at = (
        (world.now, target.scaled_in_at) if desired > service.desired else (target.scaled_out_at, world.now)
    )
    service.body = {**service.body, "desiredCount": desired}
    if service.deployments:
        service.primary.desired = desired
        scheduler.wake(world, ecs, service)
    activity: Body = {
        "ActivityId": world.uuid(),
        **identity(target),
        "Description": f"Setting desired count to {desired}.",
        "Cause": cause,
        "StartTime": world.now,
        "EndTime": world.now,
        "StatusCode": "Successful",
        "StatusMessage": f"Successfully set desired count to {desired}. Change successfully fulfilled by ecs.",
    }
    target.activities.insert(0, activity)
    del target.activities[100:]


def deregister_scalable_target(call: Call) -> Body:
    """Deregister a target with its policies and scheduled actions."""
    check(call.params)
    resource = call.params["ResourceId"]
    if resource not in call.store(AppAutoScalingRegion).targets:
        raise missing("scalable target", resource)
    forget(call.store(AppAutoScalingRegion), resource)
    return {}


def missing(what: str, resource: str) -> AwsError:
    """Return the error for a target, policy or action that does not exist."""
    return AwsError(
        "ObjectNotFoundException",
        f"No {what} found for service namespace: ecs, resource ID: {resource}, scalable dimension: {DIMENSION}",
    )


def forget(region: AppAutoScalingRegion, resource: str) -> None:
    """Remove a target with its policies and scheduled actions, if it exists."""
    target = region.targets.pop(resource, None)
    if target is not None:
        target.policies.clear()
        target.schedules.clear()


def describe_scalable_targets(call: Call) -> Body:
    """Describe all targets, or those of some resources; 50 on a page."""
    check(call.params)
    wanted = call.params.get("ResourceIds")
    shown = [
        {
            **identity(target),
            "MinCapacity": target.minimum,
            "MaxCapacity": target.maximum,
            "RoleARN": f"arn:aws:iam::{call.account}:{ROLE}",
            "CreationTime": target.created_at,
            "SuspendedState": target.suspended,
            "ScalableTargetARN": target.arn,
        }
        for target in call.store(AppAutoScalingRegion).targets.values()
        if not wanted or target.resource in wanted
    ]
    return page("ScalableTargets", shown, call.params, 50)


def page(member: str, items: list[Body], params: Body, size: int) -> Body:
    """Return one page; `size` is both the default and the maximum page size."""
    limited = {**params, "MaxResults": min(int(params.get("MaxResults", size)), size)}
    return by_token(member, items, limited, size, service="application-autoscaling")


def describe_scaling_activities(call: Call) -> Body:
    """Describe the scaling activities, newest first."""
    check(call.params)
    wanted = call.params.get("ResourceId")
    targets = [
        target for target in call.store(AppAutoScalingRegion).targets.values() if wanted in (None, target.resource)
    ]
    activities = [activity for target in targets for activity in target.activities]
    return page("ScalingActivities", activities, call.params, 50)


def _by_arn(call: Call) -> ScalableTarget:
    arn = call.params["ResourceARN"]
    for target in call.store(AppAutoScalingRegion).targets.values():
        if target.arn == arn:
            return target
    raise AwsError("ResourceNotFoundException", f"No scalable target found for ARN: {arn}")


def tag_resource(call: Call) -> Body:
    """Add or change tags of a target."""
    target = _by_arn(call)
    merged = {**target.tags, **call.params["Tags"]}
    if len(merged) > 50:
        raise AwsError("TooManyTagsException", "The number of tags exceeds the limit of 50.")
    target.tags = merged
    return {}


def untag_resource(call: Call) -> Body:
    """Remove tags of a target."""
    target = _by_arn(call)
    for key in call.params["TagKeys"]:
        target.tags.pop(key, None)
    return {}


def list_tags_for_resource(call: Call) -> Body:
    """List the tags of a target."""
    return {"Tags": _by_arn(call).tags}


OPERATIONS: dict[str, Handler] = {
    "DeregisterScalableTarget": deregister_scalable_target,
    "DescribeScalableTargets": describe_scalable_targets,
    "DescribeScalingActivities": describe_scaling_activities,
    "ListTagsForResource": list_tags_for_resource,
    "RegisterScalableTarget": register_scalable_target,
    "TagResource": tag_resource,
    "UntagResource": untag_resource,
}
