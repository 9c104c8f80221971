"""How one live resource leads to the next: what stands in a body, and what the kind's own read needs to find it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass

from ecsync.core.kind import Kind
from ecsync.core.model import Present
from ecsync.core.rules import Refers
from ecsync.core.trees import Body, Json, locate

# Kinds read attributes only where some are declared: with this in a body, some are.
ATTRIBUTES: Body = {"Attributes": [{"Key": "", "Value": ""}]}
_ADDRESSES = frozenset({"AllocationId", "PrivateIPv4Address", "IPv6Address"})  # of a load balancer in a subnet


def _by_path(noun: str, member: str, **more: Json) -> Callable[[str], Body | None]:
    """Return a reading of `arn:…:noun/…/name/id`."""
    return lambda arn: {member: arn.split("/")[-2], **more} if f":{noun}/" in arn else None


def _provider(name: str) -> Body | None:
    """AWS's own providers are never a document."""
    return None if name in ("FARGATE", "FARGATE_SPOT") else {"name": name.rsplit("/", 1)[-1]}


def _role(value: str) -> Body | None:
    """Service-linked roles are AWS's own."""
    return None if "/aws-service-role/" in value else {"RoleName": value.rsplit("/", 1)[-1]}


def _group(arn: str) -> Body | None:
    return {"AutoScalingGroupName": arn.rsplit("autoScalingGroupName/", 1)[-1]}


# What a place that a `Refers` row names tells of a resource of that kind. A kind that is not here is only ever found
# on a way of its own (`survey`), or stays a literal id.
NAMED: Mapping[str, Callable[[str], Body | None]] = {
    "AutoScalingGroup": _group,
    "CapacityProvider": _provider,
    "LoadBalancer": _by_path("loadbalancer", "Name", **ATTRIBUTES),
    "LogGroup": lambda name: {"logGroupName": name},
    "Network": lambda vpc: {"id": vpc} if vpc.startswith("vpc-") else None,  # subnets stay ids
    "Role": _role,
    "TargetGroup": _by_path("targetgroup", "Name", **ATTRIBUTES),
}


def referred(kind: Kind, body: Body) -> Iterator[tuple[Refers, Json, str | int, str]]:
    """Yield every place of a body that holds the name or ARN of another resource: row, container, key, value."""
    for row in kind.rules:
        if isinstance(row, Refers):
            for container, key, _ in list(locate(body, row.segments)):
                value = container.get(key) if isinstance(container, Mapping) else container[key]
                if isinstance(value, str):
                    yield row, container, key, value


def leads(kind: Kind, body: Body) -> Iterator[tuple[str, Body]]:
    """Yield what a body refers to: the kind, and what its read needs."""
    for row, _, _, value in referred(kind, body):
        found = NAMED[row.kind](value) if row.kind in NAMED else None
        if found is not None:
            yield row.kind, found


def addressed(balancer: Body) -> Body:
    """Return the mappings of a described load balancer that has addresses of its own; nothing of any other."""
    mappings: list[Json] = []
    for zone in balancer.get("AvailabilityZones") or ():
        addresses = [one for one in zone.get("LoadBalancerAddresses") or () if not _ADDRESSES.isdisjoint(one)]
        own = {name: value for name, value in (addresses or [{}])[0].items() if name in _ADDRESSES}
        mappings.append({"SubnetId": zone["SubnetId"], **own})
    return {"SubnetMappings": mappings} if any(len(one) > 1 for one in mappings) else {}


def identity(kind: Kind, body: Body) -> str | None:
    """Return what no two documents may both be."""
    return (kind.claim or kind.natural)(body)


# ---------------------------------------------------------------- what forwards to what


@dataclass(frozen=True, slots=True, kw_only=True)
class Routes:
    """The listeners of some load balancers and their rules, as AWS describes them."""

    listeners: tuple[Body, ...]
    rules: Mapping[str, tuple[Body, ...]]  # by listener; the default rule is the listener's own actions
    unknown: frozenset[str] = frozenset()  # load balancers of which some rules could not be read


def forwards(kind: Kind, body: Body) -> frozenset[str]:
    """Return the target groups that a listener or rule forwards to."""
    return frozenset(value for row, _, _, value in referred(kind, body) if row.kind == "TargetGroup")


def chosen(routes: Routes, ours: Iterable[str], listener: Kind, rule: Kind) -> tuple[Routes, frozenset[str]]:
    """Return the listeners and rules that are the cluster's, and the load balancers that serve others too.

    A load balancer that forwards nowhere else is the cluster's with everything on it (redirects, fixed responses);
    of one that is shared only what forwards to the cluster is, and of one of which nobody knows.
    """
    groups = frozenset(ours)
    targets: dict[str, set[str]] = {}
    for one in routes.listeners:
        there = targets.setdefault(one["LoadBalancerArn"], set())
        there |= forwards(listener, one).union(*(forwards(rule, each) for each in routes.rules[one["ListenerArn"]]))
    shared = frozenset(arn for arn, there in targets.items() if there - groups)
    rules: dict[str, tuple[Body, ...]] = {}
    listeners = []
    for one in routes.listeners:
        every = routes.rules[one["ListenerArn"]]
        alone = one["LoadBalancerArn"] not in shared | routes.unknown
        if not alone:
            every = tuple(each for each in every if forwards(rule, each) & groups)
        if every or alone or forwards(listener, one) & groups:
            listeners.append(one)
            rules[one["ListenerArn"]] = every
    return Routes(listeners=tuple(listeners), rules=rules), shared


def outputs(present: Present) -> Iterator[str]:
    """Yield everything that a resource is called."""
    return (value for value in present.outputs.values() if isinstance(value, str))
