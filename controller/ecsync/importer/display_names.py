"""Short names of live resources for messages: what identifies one, without the rest of its ARN."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from ecsync.core.kind import Kind, Wanted
from ecsync.core.trees import Body, Json


def of(kind: Kind, wanted: Wanted) -> str:
    """Return a kind and the short name of a resource: `LogGroup /ecs/api`."""
    special = _BY_KIND.get(kind.name)
    return f"{kind.name} {special(wanted.body) if special else wanted.key.name}"


def balancer(arn: Json) -> str:
    """Return the load balancer's name from its own ARN or from the ARN of one of its listeners."""
    return str(arn).split("/")[2]


def listener(body: Body) -> str:
    """Return the load balancer and port of a listener: `web-80`."""
    return f"{balancer(body['LoadBalancerArn'])}-{body.get('Port') or 0}"


def scaled_service(resource_id: Json) -> str:
    """Return cluster and service from the resource id of a scalable target: `prod/api`."""
    return str(resource_id).removeprefix("service/")


_BY_KIND: Mapping[str, Callable[[Body], str]] = {
    "Network": lambda body: str(body.get("id")),
    "TargetGroup": lambda body: f"{body['Name']} and its listeners and rules",
    "Listener": listener,
    "ListenerRule": lambda body: f"{body['Priority']} of {balancer(body['ListenerArn'])}",
    "ScalableTarget": lambda body: f"{scaled_service(body['ResourceId'])} and its scaling policies and schedules",
    "ScalingPolicy": lambda body: f"{body['PolicyName']} of {scaled_service(body['ResourceId'])}",
    "ScheduledAction": lambda body: f"{body['ScheduledActionName']} of {scaled_service(body['ResourceId'])}",
}
