"""The traffic sources of an Auto Scaling group: target groups, Classic Load Balancers, VPC Lattice.

A target group or Classic Load Balancer appears both as such and as a traffic source, however it was attached.
"""

from __future__ import annotations

from typing import Any

from ecsim.account.errors import validation_error
from ecsim.account.world import Body, Call, Handler
from ecsim.autoscaling.store import AutoScalingRegion
from ecsim.elbv2.store import ElbRegion

PLACES = {"elbv2": "TargetGroupARNs", "elb": "LoadBalancerNames"}  # type of a source → its member of the group
LATTICE = "vpc-lattice"


def put(call: Call, body: Body, member: str, given: list[Any]) -> None:
    """Attach sources to a group. A source that is already attached is ignored."""
    for place, value in (_placed(member, one) for one in given):
        if place == "TargetGroupARNs" and value not in call.store(ElbRegion).target_groups:
            raise validation_error("Provided Target Groups may not be valid. Please ensure they exist and try again.")
        if value not in body[place]:
            body[place] = [*body[place], value]


def _placed(member: str, given: Any) -> tuple[str, Any]:
    """Return the member that holds a source, and its value there."""
    if member != "TrafficSources":
        return member, given
    identifier = given["Identifier"]
    kind = given.get("Type") or (LATTICE if ":vpc-lattice:" in identifier else "elbv2")
    return (PLACES[kind], identifier) if kind in PLACES else (member, {"Identifier": identifier, "Type": kind})


def show(body: Body) -> list[Body]:
    """Return all sources of a group as traffic sources."""
    balancing = [{"Identifier": one, "Type": kind} for kind, member in PLACES.items() for one in body[member]]
    return [*balancing, *body["TrafficSources"]]


def _attach(member: str) -> Handler:
    def attach(call: Call) -> Body:
        """Attach sources to a group."""
        group = call.store(AutoScalingRegion).group(call.params["AutoScalingGroupName"])
        put(call, group.body, member, call.params[member])
        return {}

    return attach


def _detach(member: str) -> Handler:
    def detach(call: Call) -> Body:
        """Detach sources from a group."""
        body = call.store(AutoScalingRegion).group(call.params["AutoScalingGroupName"]).body
        detached = [_placed(member, one) for one in call.params[member]]
        if any(value not in body[place] for place, value in detached):
            raise validation_error("Trying to remove Target Groups or load balancers that are not part of the group")
        for place, value in detached:
            body[place] = [one for one in body[place] if one != value]
        return {}

    return detach


OPERATIONS: dict[str, Handler] = {
    "AttachLoadBalancerTargetGroups": _attach("TargetGroupARNs"),
    "AttachLoadBalancers": _attach("LoadBalancerNames"),
    "AttachTrafficSources": _attach("TrafficSources"),
    "DetachLoadBalancerTargetGroups": _detach("TargetGroupARNs"),
    "DetachLoadBalancers": _detach("LoadBalancerNames"),
    "DetachTrafficSources": _detach("TrafficSources"),
}
