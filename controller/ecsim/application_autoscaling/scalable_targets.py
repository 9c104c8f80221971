"""Scalable targets: the desired counts of services, as far as Application Auto Scaling moves them."""

from __future__ import annotations

from functools import partial

from ecsim.account.errors import AwsError, validation_exception
from ecsim.account.paging import by_token
from ecsim.account.world import Body, Call, Handler, World
from ecsim.application_autoscaling.store import ScalableTarget, ScalingRegion
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
    """Only services of Amazon ECS are simulated, and they have one dimension."""
    if params.get("ServiceNamespace", "ecs") != "ecs" or params.get("ScalableDimension", DIMENSION) != DIMENSION:
        raise validation_exception("Unsupported service namespace, resource type or scalable dimension")


def identity(target: ScalableTarget) -> Body:
    """What every answer says a target by."""
    return {"ServiceNamespace": "ecs", "ResourceId": target.resource, "ScalableDimension": DIMENSION}


def service_of(ecs: EcsRegion, resource: str) -> Service | None:
    """The ACTIVE service that a resource id names."""
    kind, _, rest = resource.partition("/")
    cluster, _, name = rest.partition("/")
    found = ecs.services.get((cluster, name)) if kind == "service" else None
    return found if found is not None and found.status == "ACTIVE" else None


def register_scalable_target(call: Call) -> Body:
    """Register a target, or change one; the desired count is moved between the bounds at once."""
    params, region = call.params, call.store(ScalingRegion)
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


def clamp(world: World, region: ScalingRegion, target: ScalableTarget, cause: str) -> None:
    """Move the desired count to the nearest bound."""
    service = service_of(world.store(EcsRegion, region.region), target.resource)
    if service is not None:
        scale(world, region, target, max(target.minimum, min(service.desired, target.maximum)), cause)


def scale(world: World, region: ScalingRegion, target: ScalableTarget, desired: int, cause: str) -> None:
    """Set the desired count, as the service-linked role does: no deployment, and no call of anybody's."""
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
    """Deregister a target: its policies and scheduled actions go with it."""
    check(call.params)
    resource = call.params["ResourceId"]
    if resource not in call.store(ScalingRegion).targets:
        raise missing("scalable target", resource)
    forget(call.store(ScalingRegion), resource)
    return {}


def missing(what: str, resource: str) -> AwsError:
    """The error for something that is not there."""
    return AwsError(
        "ObjectNotFoundException",
        f"No {what} found for service namespace: ecs, resource ID: {resource}, scalable dimension: {DIMENSION}",
    )


def forget(region: ScalingRegion, resource: str) -> None:
    """A target is gone, maybe because its service is."""
    target = region.targets.pop(resource, None)
    if target is not None:
        target.policies.clear()
        target.schedules.clear()


def describe_scalable_targets(call: Call) -> Body:
    """Targets of some resources, or all; fifty on a page."""
    check(call.params)
    wanted = call.params.get("ResourceIds")
    shown = [
        {
            **identity(target),
            "MinCapacity": target.minimum,
            "MaxCapacity": target.maximum,
            "RoleARN": f"arn:aws:iam::{call.store(ScalingRegion).account}:{ROLE}",
            "CreationTime": target.created_at,
            "SuspendedState": target.suspended,
            "ScalableTargetARN": target.arn,
        }
        for target in call.store(ScalingRegion).targets.values()
        if not wanted or target.resource in wanted
    ]
    return page("ScalableTargets", shown, call.params, 50)


def page(member: str, items: list[Body], params: Body, size: int) -> Body:
    """One page; `size` is the most that one may ask for, too."""
    asked = {**params, "MaxResults": min(int(params.get("MaxResults", size)), size)}
    return by_token(member, items, asked, size, style="Scaling")


def describe_scaling_activities(call: Call) -> Body:
    """What was scaled in the last weeks, newest first."""
    check(call.params)
    wanted = call.params.get("ResourceId")
    targets = [target for target in call.store(ScalingRegion).targets.values() if wanted in (None, target.resource)]
    activities = [activity for target in targets for activity in target.activities]
    return page("ScalingActivities", activities, call.params, 50)


def _by_arn(call: Call) -> ScalableTarget:
    arn = call.params["ResourceARN"]
    for target in call.store(ScalingRegion).targets.values():
        if target.arn == arn:
            return target
    raise AwsError("ResourceNotFoundException", f"No scalable target found for ARN: {arn}")


def tag_resource(call: Call) -> Body:
    """Tag a target."""
    target = _by_arn(call)
    merged = {**target.tags, **call.params["Tags"]}
    if len(merged) > 50:
        raise AwsError("TooManyTagsException", "The number of tags exceeds the limit of 50.")
    target.tags = merged
    return {}


def untag_resource(call: Call) -> Body:
    """Take tags away."""
    target = _by_arn(call)
    for key in call.params["TagKeys"]:
        target.tags.pop(key, None)
    return {}


def list_tags_for_resource(call: Call) -> Body:
    """All tags of a target."""
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
