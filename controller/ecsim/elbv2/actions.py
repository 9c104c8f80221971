"""Actions of rules as Elastic Load Balancing returns them."""

from __future__ import annotations

from ecsim.account.errors import AwsError, validation_error
from ecsim.account.world import Body
from ecsim.elbv2.store import ElbRegion

REDIRECT = {
    "Host": "#{host}",
    "Path": "/#{path}",
    "Port": "#{port}",
    "Protocol": "#{protocol}",
    "Query": "#{query}",
}
AUTHENTICATE: Body = {
    "Scope": "openid",
    "SessionCookieName": "AWSELBAuthSessionCookie",
    "SessionTimeout": 604800,
    "OnUnauthenticatedRequest": "authenticate",
}


def actions(elb: ElbRegion, given: list[Body], balancer: Body) -> list[Body]:
    """Check the actions of a rule of `balancer`, and return them with AWS's defaults."""
    if not given:
        raise validation_error("You must specify a list of actions")
    ordered = sorted(given, key=lambda action: action.get("Order", 0))
    completed = [_action(elb, action, balancer["Type"]) for action in ordered]
    if len(completed) > 1:
        completed = [{**action, "Order": action.get("Order", n)} for n, action in enumerate(completed, start=1)]
    for action in completed:
        for group in action.get("ForwardConfig", {}).get("TargetGroups", []):
            others = set(elb.balancers_of(group["TargetGroupArn"])) - {balancer["LoadBalancerArn"]}
            if others:
                raise AwsError(
                    "TargetGroupAssociationLimit",
                    "The following target groups cannot be associated with more than one load balancer:"
                    f" {group['TargetGroupArn']}",
                )
    return completed


def _action(elb: ElbRegion, given: Body, balancer: str) -> Body:
    kind = given.get("Type")
    if kind == "forward":
        return _forward(elb, given, balancer)
    if kind == "redirect":
        return {**given, "RedirectConfig": {**REDIRECT, **given.get("RedirectConfig", {})}}
    if kind in ("authenticate-oidc", "authenticate-cognito"):
        member = "AuthenticateOidcConfig" if kind == "authenticate-oidc" else "AuthenticateCognitoConfig"
        config = {**AUTHENTICATE, **given.get(member, {})}
        config.pop("ClientSecret", None)
        config.pop("UseExistingClientSecret", None)
        return {**given, member: config}
    if kind not in ("fixed-response", "jwt-validation"):
        raise validation_error(f"Invalid action type '{kind}'")
    return dict(given)


def _forward(elb: ElbRegion, given: Body, balancer: str) -> Body:
    config = given.get("ForwardConfig", {})
    groups = config.get("TargetGroups") or [{"TargetGroupArn": given.get("TargetGroupArn")}]
    for group in groups:
        if group["TargetGroupArn"] not in elb.target_groups:
            raise AwsError("TargetGroupNotFound", f"Target groups '{group['TargetGroupArn']}' not found")
    if len(groups) > 1:
        _check_several(balancer, [elb.target_groups[group["TargetGroupArn"]] for group in groups])
    weighted = balancer == "application" or len(groups) > 1
    sticky = {"Enabled": False, **config.get("TargetGroupStickinessConfig", {})}
    forward: Body = {
        **{member: value for member, value in given.items() if member != "TargetGroupArn"},
        "ForwardConfig": {
            "TargetGroups": [({"Weight": 1, **group} if weighted else dict(group)) for group in groups],
            "TargetGroupStickinessConfig": sticky,
        },
    }
    if len(groups) == 1:
        forward["TargetGroupArn"] = groups[0]["TargetGroupArn"]
    return forward


def _check_several(balancer: str, groups: list[Body]) -> None:
    """Check what AWS takes together; the text of its errors is not documented."""
    if balancer == "gateway":
        raise validation_error("A Gateway Load Balancer forwards to one target group")
    for member in ("Protocol", "IpAddressType") if balancer == "network" else ():
        if len({group.get(member) for group in groups}) > 1:
            raise AwsError("InvalidConfigurationRequest", f"The target groups of an action must have the same {member}")
