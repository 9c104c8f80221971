"""Target groups: create, describe, modify, delete."""

from __future__ import annotations

from ecsim.account.errors import AwsError, validation_error
from ecsim.account.paging import by_marker
from ecsim.account.world import Body, Call, Handler
from ecsim.elbv2 import tags
from ecsim.elbv2.defaults import HTTP, health_check, target_group_attributes
from ecsim.elbv2.store import ElbRegion

CHANGEABLE = (
    "HealthCheckProtocol", "HealthCheckPort", "HealthCheckPath", "HealthCheckEnabled", "HealthCheckIntervalSeconds",
    "HealthCheckTimeoutSeconds", "HealthyThresholdCount", "UnhealthyThresholdCount", "Matcher",
)  # fmt: skip
FIXED = ("Protocol", "Port", "VpcId", "TargetControlPort")


def create_target_group(call: Call) -> Body:
    """Create a target group. One with the same name and settings is returned unchanged."""
    elb, params = call.store(ElbRegion), call.params
    name = params["Name"]
    _check(params)
    existing = next((g for g in elb.target_groups.values() if g["TargetGroupName"] == name), None)
    if existing is not None:
        if _body(params, existing["TargetGroupArn"]) != existing:
            raise AwsError(
                "DuplicateTargetGroupName",
                f"A target group with the same name '{name}' exists, but with different settings",
            )
        return {"TargetGroups": [_show(elb, existing)]}
    arn = elb.arn(f"targetgroup/{name}/{call.world.hex(16)}")
    tags.put(elb, arn, params.get("Tags"))
    body = elb.target_groups[arn] = _body(params, arn)
    elb.attributes[arn] = target_group_attributes(params.get("Protocol"), body["TargetType"])
    elb.targets[arn] = {}
    return {"TargetGroups": [_show(elb, body)]}


def _body(params: Body, arn: str) -> Body:
    target_type, protocol = params.get("TargetType", "instance"), params.get("Protocol")
    body: Body = {
        "TargetGroupArn": arn,
        "TargetGroupName": params["Name"],
        "TargetType": target_type,
        **health_check(params),
        **{member: params[member] for member in (*FIXED, *CHANGEABLE) if member in params},
    }
    if protocol != "GENEVE":
        body["IpAddressType"] = params.get("IpAddressType", "ipv4")
    if protocol in HTTP and target_type != "lambda":
        body["ProtocolVersion"] = params.get("ProtocolVersion", "HTTP1")
    return body


def _check(params: Body) -> None:
    name = params["Name"]
    if len(name) > 32:
        raise validation_error(f"Target group name '{name}' cannot be longer than '32' characters")
    if not name.replace("-", "").isalnum() or not name.isascii() or name.startswith("-") or name.endswith("-"):
        raise validation_error(
            f"Target group name '{name}' can only contain characters that are alphanumeric characters or hyphens(-)"
            " and cannot begin or end with a hyphen"
        )
    if params.get("TargetType") != "lambda":
        for member, label in (("Protocol", "protocol"), ("Port", "port"), ("VpcId", "VPC ID")):
            if params.get(member) is None:
                raise validation_error(f"A {label} must be specified")
    interval, timeout = params.get("HealthCheckIntervalSeconds", 30), params.get("HealthCheckTimeoutSeconds", 5)
    if timeout >= interval and "HealthCheckTimeoutSeconds" in params:
        raise validation_error("Health check interval must be greater than the timeout.")


def describe_target_groups(call: Call) -> Body:
    """Describe all target groups, or some by ARN, name or load balancer."""
    elb, params = call.store(ElbRegion), call.params
    groups = list(elb.target_groups.values())
    arns, names, balancer = params.get("TargetGroupArns"), params.get("Names"), params.get("LoadBalancerArn")
    if arns:
        groups = [elb.get("target_groups", arn) for arn in arns]
    if names:
        groups = [group for group in groups if group["TargetGroupName"] in names]
        if len(groups) < len(set(names)):
            raise AwsError("TargetGroupNotFound", "One or more target groups not found")
    if balancer:
        elb.get("load_balancers", balancer)
        groups = [group for group in groups if balancer in elb.balancers_of(group["TargetGroupArn"])]
    return by_marker("TargetGroups", [_show(elb, group) for group in groups], params)


def modify_target_group(call: Call) -> Body:
    """Change the health check."""
    elb = call.store(ElbRegion)
    body = elb.get("target_groups", call.params["TargetGroupArn"])
    body.update({member: call.params[member] for member in CHANGEABLE if member in call.params})
    return {"TargetGroups": [_show(elb, body)]}


def delete_target_group(call: Call) -> Body:
    """Delete a target group that no rule forwards to. An unknown ARN is not an error."""
    elb, arn = call.store(ElbRegion), call.params["TargetGroupArn"]
    if arn in elb.target_groups:
        if elb.balancers_of(arn):
            raise AwsError("ResourceInUse", f"Target group '{arn}' is currently in use by a listener or a rule")
        del elb.target_groups[arn]
        elb.targets.pop(arn, None)
        elb.forget(arn)
    return {}


def _show(elb: ElbRegion, body: Body) -> Body:
    return {**body, "LoadBalancerArns": elb.balancers_of(body["TargetGroupArn"])}


OPERATIONS: dict[str, Handler] = {
    "CreateTargetGroup": create_target_group,
    "DeleteTargetGroup": delete_target_group,
    "DescribeTargetGroups": describe_target_groups,
    "ModifyTargetGroup": modify_target_group,
}
