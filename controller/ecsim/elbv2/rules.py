"""Rules of listeners: create, describe, modify, delete, set priorities."""

from __future__ import annotations

from ecsim.account.errors import AwsError, validation_error
from ecsim.account.paging import by_marker
from ecsim.account.world import Body, Call, Handler
from ecsim.elbv2 import actions, conditions, tags, targets
from ecsim.elbv2.store import ElbRegion, listener_of


def create_rule(call: Call) -> Body:
    """Create a rule at a free priority."""
    elb, params = call.store(ElbRegion), call.params
    listener = elb.get("listeners", params["ListenerArn"])
    priority = int(params["Priority"])
    if any(rule["Priority"] == str(priority) for rule in elb.rules_of(listener["ListenerArn"])):
        raise AwsError("PriorityInUse", f"Priority '{priority}' is currently in use")
    arn = listener["ListenerArn"].replace(":listener/", ":listener-rule/", 1) + f"/{call.world.hex(16)}"
    body: Body = {
        "RuleArn": arn,
        "Priority": str(priority),
        "Conditions": conditions.conditions(params.get("Conditions", [])),
        "Actions": actions.actions(elb, params.get("Actions", []), _balancer(elb, listener)),
        "IsDefault": False,
        "Transforms": params.get("Transforms", []),
    }
    tags.put(elb, arn, params.get("Tags"))
    elb.rules[arn] = body
    targets.usage_changed(call.world, elb)
    return {"Rules": [body]}


def _balancer(elb: ElbRegion, listener: Body) -> Body:
    return elb.load_balancers[listener["LoadBalancerArn"]]


def describe_rules(call: Call) -> Body:
    """Describe the rules of a listener in order of priority, or some by ARN."""
    elb, params = call.store(ElbRegion), call.params
    if bool(params.get("RuleArns")) == bool(params.get("ListenerArn")):
        raise validation_error("You must specify either listener rule ARNs or a listener ARN")
    if params.get("RuleArns"):
        found = [elb.get("rules", arn) for arn in params["RuleArns"]]
    else:
        found = elb.rules_of(elb.get("listeners", params["ListenerArn"])["ListenerArn"])
    return by_marker("Rules", found, params)


def modify_rule(call: Call) -> Body:
    """Replace conditions, actions or transforms. Omitted members are kept."""
    elb, params = call.store(ElbRegion), call.params
    body = elb.get("rules", params["RuleArn"])
    if body["IsDefault"]:
        raise AwsError("OperationNotPermitted", f"Default rule '{body['RuleArn']}' cannot be modified")
    listener = elb.listeners[listener_of(body["RuleArn"])]
    changed = dict(body)
    if params.get("Conditions"):
        changed["Conditions"] = conditions.conditions(params["Conditions"])
    if params.get("Actions"):
        changed["Actions"] = actions.actions(elb, params["Actions"], _balancer(elb, listener))
    if params.get("Transforms"):
        changed["Transforms"] = params["Transforms"]
    if params.get("ResetTransforms"):
        changed["Transforms"] = []
    elb.rules[body["RuleArn"]] = changed
    targets.usage_changed(call.world, elb)
    return {"Rules": [changed]}


def delete_rule(call: Call) -> Body:
    """Delete a rule; the default rule cannot be deleted."""
    elb = call.store(ElbRegion)
    body = elb.get("rules", call.params["RuleArn"])
    if body["IsDefault"]:
        raise AwsError("OperationNotPermitted", f"Default rule '{body['RuleArn']}' cannot be deleted")
    del elb.rules[body["RuleArn"]]
    elb.forget(body["RuleArn"])
    targets.usage_changed(call.world, elb)
    return {}


def set_rule_priorities(call: Call) -> Body:
    """Set the priorities of several rules at once. Only the result must have no conflict."""
    elb = call.store(ElbRegion)
    moves = {pair["RuleArn"]: str(pair["Priority"]) for pair in call.params["RulePriorities"]}
    bodies = [elb.get("rules", arn) for arn in moves]
    if any(body["IsDefault"] for body in bodies):
        raise AwsError("OperationNotPermitted", "The priority of the default rule cannot be changed")
    for listener in {listener_of(arn) for arn in moves}:
        after = [moves.get(rule["RuleArn"], rule["Priority"]) for rule in elb.rules_of(listener)]
        taken = [priority for priority in after if after.count(priority) > 1]
        if taken:
            raise AwsError("PriorityInUse", f"Priority '{taken[0]}' is currently in use")
    for body in bodies:
        body["Priority"] = moves[body["RuleArn"]]
    return {"Rules": bodies}


OPERATIONS: dict[str, Handler] = {
    "CreateRule": create_rule,
    "DeleteRule": delete_rule,
    "DescribeRules": describe_rules,
    "ModifyRule": modify_rule,
    "SetRulePriorities": set_rule_priorities,
}
