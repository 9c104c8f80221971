"""What a live resource is called in a line for people: as short as its ARN allows."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from ecsync.core.kind import Kind, Wanted
from ecsync.core.trees import Body, Json


def of(kind: Kind, wanted: Wanted) -> str:
    """Return a kind and what AWS calls one of it: `LogGroup /ecs/api`."""
    special = _SPECIAL.get(kind.name)
    return f"{kind.name} {special(wanted.body) if special else wanted.key.name}"


def balancer(arn: Json) -> str:
    """Return the name in the ARN of a load balancer or of a listener of one."""
    return str(arn).split("/")[2]


def listener(body: Body) -> str:
    """Return the load balancer and port of a listener."""
    return f"{balancer(body['LoadBalancerArn'])}-{body.get('Port') or 0}"


def scaled(resource: Json) -> str:
    """Return cluster and service of the id of a scalable target."""
    return str(resource).removeprefix("service/")


_SPECIAL: Mapping[str, Callable[[Body], str]] = {
    "Network": lambda body: str(body.get("id")),
    "TargetGroup": lambda body: f"{body['Name']} and what forwards to it",
    "Listener": listener,
    "ListenerRule": lambda body: f"{body['Priority']} of {balancer(body['ListenerArn'])}",
    "ScalableTarget": lambda body: f"{scaled(body['ResourceId'])} and what scales by it",
    "ScalingPolicy": lambda body: f"{body['PolicyName']} of {scaled(body['ResourceId'])}",
    "ScheduledAction": lambda body: f"{body['ScheduledActionName']} of {scaled(body['ResourceId'])}",
}
