"""What IAM checks for requests to Elastic Load Balancing."""

from __future__ import annotations

from collections.abc import Iterator

from ecsim.access.resources import NEW, arn, linked_role, on, requested
from ecsim.account.policy import Check
from ecsim.account.world import Call
from ecsim.elbv2.store import ElbRegion

_TYPES = {"application": "app", "network": "net", "gateway": "gwy"}
_CREATES = ("CreateLoadBalancer", "CreateTargetGroup", "CreateListener", "CreateRule")


def checks(call: Call, operation: str) -> Iterator[Check]:
    """Yield the checks of a request."""
    action, tags = f"elasticloadbalancing:{operation}", requested(call.params.get("Tags"))
    if operation.startswith("Describe"):
        yield Check(action)
        return
    yield from on(call, action, _resources(call, operation), tags)
    if operation in _CREATES and tags:
        created = {**tags, "elasticloadbalancing:CreateAction": (operation,)}
        yield Check("elasticloadbalancing:AddTags", _created(call, operation), created)
    if operation == "CreateLoadBalancer" and not call.store(ElbRegion).load_balancers:
        yield linked_role(call, "elasticloadbalancing.amazonaws.com")


def _resources(call: Call, operation: str) -> Iterator[str]:
    params = call.params
    if operation in ("CreateLoadBalancer", "CreateTargetGroup"):
        yield _created(call, operation)
    elif "ResourceArns" in params:
        yield from params["ResourceArns"]
    elif "RulePriorities" in params:
        yield from (one["RuleArn"] for one in params["RulePriorities"])
    else:
        named = ("RuleArn", "ListenerArn", "TargetGroupArn", "LoadBalancerArn")
        yield next(params[member] for member in named if member in params)


def _created(call: Call, operation: str) -> str:
    """Return the ARN that a create makes, with another id."""
    params = call.params
    if operation == "CreateLoadBalancer":
        kind = _TYPES[params.get("Type", "application")]
        return arn(call, "elasticloadbalancing", f"loadbalancer/{kind}/{params['Name']}/{NEW}")
    if operation == "CreateTargetGroup":
        return arn(call, "elasticloadbalancing", f"targetgroup/{params['Name']}/{NEW}")
    if operation == "CreateListener":
        return f"{params['LoadBalancerArn'].replace(':loadbalancer/', ':listener/')}/{NEW}"
    return f"{params['ListenerArn'].replace(':listener/', ':listener-rule/')}/{NEW}"
