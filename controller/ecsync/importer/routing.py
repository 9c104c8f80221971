"""Which listeners and rules belong to a cluster: those that forward to its target groups."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from ecsync.core.kind import Kind
from ecsync.core.trees import Body, Json
from ecsync.importer.references import places

_OWN_ADDRESS = frozenset({"AllocationId", "PrivateIPv4Address", "IPv6Address"})  # of a load balancer in a subnet


@dataclass(frozen=True, slots=True, kw_only=True)
class Routing:
    """The listeners of some load balancers and their rules, as AWS describes them."""

    listeners: tuple[Body, ...]
    rules: Mapping[
        str, tuple[Body, ...]
    ]  # listener ARN -> its rules, without the default rule (the listener's actions)
    incomplete: frozenset[str] = frozenset()  # ARNs of load balancers with rules that could not be read

    def everything(self) -> Iterator[tuple[str, Body]]:
        """Yield each listener and each rule, with its kind."""
        for listener in self.listeners:
            yield "Listener", listener
            yield from (("ListenerRule", rule) for rule in self.rules[listener["ListenerArn"]])


def target_groups(kind: Kind, body: Body) -> frozenset[str]:
    """Return the ARNs of the target groups that a listener or rule forwards to."""
    return frozenset(value for row, _, _, value in places(kind, body) if row.kind == "TargetGroup")


def of_cluster(
    routing: Routing, cluster_groups: Iterable[str], kinds: Mapping[str, Kind]
) -> tuple[Routing, frozenset[str]]:
    """Return the cluster's part of the routing, and the ARNs of the load balancers that serve others too.

    A load balancer that forwards to no other target group is the cluster's, with all of its listeners and rules
    (redirects, fixed responses). Of a shared one, and of one with unreadable rules, only those are the cluster's that
    forward to it.
    """
    groups = frozenset(cluster_groups)
    shared = _shared_balancers(routing, groups, kinds)
    listeners = []
    rules: dict[str, tuple[Body, ...]] = {}
    for listener in routing.listeners:
        arn = listener["ListenerArn"]
        exclusive = listener["LoadBalancerArn"] not in shared | routing.incomplete
        mine = tuple(
            rule for rule in routing.rules[arn] if exclusive or target_groups(kinds["ListenerRule"], rule) & groups
        )
        if mine or exclusive or target_groups(kinds["Listener"], listener) & groups:
            listeners.append(listener)
            rules[arn] = mine
    return Routing(listeners=tuple(listeners), rules=rules), shared


def _shared_balancers(routing: Routing, groups: frozenset[str], kinds: Mapping[str, Kind]) -> frozenset[str]:
    """Return the ARNs of the load balancers that forward to a target group outside the cluster."""
    shared = set()
    for listener in routing.listeners:
        forwarded = target_groups(kinds["Listener"], listener).union(
            *(target_groups(kinds["ListenerRule"], rule) for rule in routing.rules[listener["ListenerArn"]])
        )
        if forwarded - groups:
            shared.add(str(listener["LoadBalancerArn"]))
    return frozenset(shared)


def subnet_mappings(balancer: Body) -> Body:
    """Return the subnet mappings of a described load balancer that has addresses of its own; empty for any other."""
    mappings: list[Json] = []
    for zone in balancer.get("AvailabilityZones") or ():
        addresses = [one for one in zone.get("LoadBalancerAddresses") or () if not _OWN_ADDRESS.isdisjoint(one)]
        own = {name: value for name, value in (addresses or [{}])[0].items() if name in _OWN_ADDRESS}
        mappings.append({"SubnetId": zone["SubnetId"], **own})
    return {"SubnetMappings": mappings} if any(len(mapping) > 1 for mapping in mappings) else {}
