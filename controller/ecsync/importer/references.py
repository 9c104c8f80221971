"""References between live resources: the places of a body that hold one, and the body that a read of it needs."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from ecsync.core.kind import Kind
from ecsync.core.model import Present
from ecsync.core.rules import Refers
from ecsync.core.trees import Body, Json, locate

# A kind reads attributes only where the body declares some: this member makes it read them.
ATTRIBUTES: Body = {"Attributes": [{"Key": "", "Value": ""}]}


def _from_arn(noun: str, member: str, **more: Json) -> Callable[[str], Body | None]:
    """Return a function that takes the name out of `arn:…:noun/…/name/id`."""
    return lambda arn: {member: arn.split("/")[-2], **more} if f":{noun}/" in arn else None


def _capacity_provider(name: str) -> Body | None:
    """AWS's own providers are never a document."""
    return None if name in ("FARGATE", "FARGATE_SPOT") else {"name": name.rsplit("/", 1)[-1]}


def _role(value: str) -> Body | None:
    """Service-linked roles are AWS's own, and never a document."""
    return None if "/aws-service-role/" in value else {"RoleName": value.rsplit("/", 1)[-1]}


def _auto_scaling_group(arn: str) -> Body | None:
    return {"AutoScalingGroupName": arn.rsplit("autoScalingGroupName/", 1)[-1]}


# Kind -> the body that its read needs, from the name or ARN that another body holds; None: never a document.
# The other kinds are found in another way (`survey`), or stay a literal id.
READ_BODY: Mapping[str, Callable[[str], Body | None]] = {
    "AutoScalingGroup": _auto_scaling_group,
    "CapacityProvider": _capacity_provider,
    "LoadBalancer": _from_arn("loadbalancer", "Name", **ATTRIBUTES),
    "LogGroup": lambda name: {"logGroupName": name},
    "Network": lambda vpc: {"id": vpc} if vpc.startswith("vpc-") else None,  # subnets stay ids
    "Role": _role,
    "TargetGroup": _from_arn("targetgroup", "Name", **ATTRIBUTES),
}


def places(kind: Kind, body: Body) -> Iterator[tuple[Refers, Json, str | int, str]]:
    """Yield every place of a body that holds the name or ARN of another resource: row, container, key, value."""
    for row in kind.rules:
        if isinstance(row, Refers):
            for container, key, _ in list(locate(body, row.segments)):
                value = container.get(key) if isinstance(container, Mapping) else container[key]
                if isinstance(value, str):
                    yield row, container, key, value


def referenced(kind: Kind, body: Body) -> Iterator[tuple[str, Body]]:
    """Yield each resource that a body refers to: its kind, and the body that its read needs."""
    for row, _, _, value in places(kind, body):
        read_body = READ_BODY[row.kind](value) if row.kind in READ_BODY else None
        if read_body is not None:
            yield row.kind, read_body


def names(present: Present) -> Iterator[str]:
    """Yield every name, id and ARN that another body may refer to this resource by."""
    return (value for value in present.outputs.values() if isinstance(value, str))


def identity(kind: Kind, body: Body) -> str | None:
    """Return what no two documents may share: the kind's claim, else AWS's name."""
    return (kind.claim or kind.natural)(body)
