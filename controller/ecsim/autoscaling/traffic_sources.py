"""Where the instances of an Auto Scaling group get their traffic from: load balancers, target groups, VPC Lattice.

What is attached as a traffic source is shown as a target group or a Classic Load Balancer too, and the other way round.
"""

from __future__ import annotations

from typing import Any

from ecsim.account.errors import validation_error
from ecsim.account.world import Body, Call, Handler
from ecsim.autoscaling.store import GroupsRegion
from ecsim.elbv2.store import ElbRegion

PLACES = {"elbv2": "TargetGroupARNs", "elb": "LoadBalancerNames"}  # the type of a source -> its member
LATTICE = "vpc-lattice"


def put(call: Call, body: Body, member: str, given: list[Any]) -> None:
    """Attach sources to a group, each once."""
    for place, value in (_placed(member, one) for one in given):
        if place == "TargetGroupARNs" and value not in call.store(ElbRegion).target_groups:
            raise validation_error("Provided Target Groups may not be valid. Please ensure they exist and try again.")
        if value not in body[place]:
            body[place] = [*body[place], value]


def _placed(member: str, given: Any) -> tuple[str, Any]:
    """The member that a source is kept in, and as what."""
    if member != "TrafficSources":
        return member, given
    identifier = given["Identifier"]
    kind = given.get("Type") or (LATTICE if ":vpc-lattice:" in identifier else "elbv2")
    return (PLACES[kind], identifier) if kind in PLACES else (member, {"Identifier": identifier, "Type": kind})


def show(body: Body) -> list[Body]:
    """Every source of a group as a traffic source."""
    balancing = [{"Identifier": one, "Type": kind} for kind, member in PLACES.items() for one in body[member]]
    return [*balancing, *body["TrafficSources"]]


def _attach(member: str) -> Handler:
    def attach(call: Call) -> Body:
        """Add to what the group's instances are registered with."""
        group = call.store(GroupsRegion).group(call.params["AutoScalingGroupName"])
        put(call, group.body, member, call.params[member])
        return {}

    return attach


def _detach(member: str) -> Handler:
    def detach(call: Call) -> Body:
        """Take away from what the group's instances are registered with."""
        body = call.store(GroupsRegion).group(call.params["AutoScalingGroupName"]).body
        gone = [_placed(member, one) for one in call.params[member]]
        if any(value not in body[place] for place, value in gone):
            raise validation_error("Trying to remove Target Groups or load balancers that are not part of the group")
        for place, value in gone:
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
