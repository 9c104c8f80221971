"""Attributes of load balancers, listeners and target groups: describe, modify."""

from __future__ import annotations

from ecsim.account.errors import AwsError
from ecsim.account.tags import tags_to_list
from ecsim.account.world import Body, Call, Handler
from ecsim.elbv2.store import ElbRegion

# Member with the ARN of the resource → its collection in the store.
MEMBERS = {
    "LoadBalancerArn": "load_balancers",
    "ListenerArn": "listeners",
    "TargetGroupArn": "target_groups",
}


def describe_attributes(call: Call) -> Body:
    """Describe all attributes of a resource."""
    return {"Attributes": tags_to_list(call.store(ElbRegion).attributes[_arn(call)], key="Key", value="Value")}


def modify_attributes(call: Call) -> Body:
    """Change attributes of a resource. An unknown key is an error."""
    attributes = call.store(ElbRegion).attributes[_arn(call)]
    changes = {pair["Key"]: pair.get("Value", "") for pair in call.params["Attributes"]}
    unknown = [key for key in changes if key not in attributes]
    if unknown:
        raise AwsError("InvalidConfigurationRequest", f"Attribute key '{unknown[0]}' is not recognized")
    attributes.update(changes)
    return describe_attributes(call)


def _arn(call: Call) -> str:
    member = next(member for member in MEMBERS if member in call.params)
    call.store(ElbRegion).get(MEMBERS[member], call.params[member])
    return str(call.params[member])


OPERATIONS: dict[str, Handler] = {
    "DescribeListenerAttributes": describe_attributes,
    "DescribeLoadBalancerAttributes": describe_attributes,
    "DescribeTargetGroupAttributes": describe_attributes,
    "ModifyListenerAttributes": modify_attributes,
    "ModifyLoadBalancerAttributes": modify_attributes,
    "ModifyTargetGroupAttributes": modify_attributes,
}
