"""Actions and conditions as Elastic Load Balancing echoes them."""

from __future__ import annotations

from ecsim.account.errors import AwsError, validation_error
from ecsim.account.order import shuffled
from ecsim.elbv2.store import Body, ElbRegion

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
CONFIGS = {
    "host-header": "HostHeaderConfig",
    "path-pattern": "PathPatternConfig",
    "http-header": "HttpHeaderConfig",
    "http-request-method": "HttpRequestMethodConfig",
    "query-string": "QueryStringConfig",
    "source-ip": "SourceIpConfig",
}
MIRRORED = ("host-header", "path-pattern")


def actions(elb: ElbRegion, given: list[Body], balancer: Body) -> list[Body]:
    """Actions checked and echoed; `balancer` is the load balancer they belong to."""
    if not given:
        raise validation_error("You must specify a list of actions")
    weighted = balancer["Type"] == "application"
    ordered = sorted(given, key=lambda action: action.get("Order", 0))
    echoed = [_action(elb, action, weighted=weighted) for action in ordered]
    if len(echoed) > 1:
        echoed = [{**action, "Order": action.get("Order", n)} for n, action in enumerate(echoed, start=1)]
    for action in echoed:
        for group in action.get("ForwardConfig", {}).get("TargetGroups", []):
            others = set(elb.balancers_of(group["TargetGroupArn"])) - {balancer["LoadBalancerArn"]}
            if others:
                raise AwsError(
                    "TargetGroupAssociationLimit",
                    "The following target groups cannot be associated with more than one load balancer:"
                    f" {group['TargetGroupArn']}",
                )
    return echoed


def _action(elb: ElbRegion, given: Body, *, weighted: bool) -> Body:
    kind = given.get("Type")
    if kind == "forward":
        return _forward(elb, given, weighted=weighted)
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


def _forward(elb: ElbRegion, given: Body, *, weighted: bool) -> Body:
    config = given.get("ForwardConfig", {})
    groups = config.get("TargetGroups") or [{"TargetGroupArn": given.get("TargetGroupArn")}]
    for group in groups:
        if group["TargetGroupArn"] not in elb.target_groups:
            raise AwsError("TargetGroupNotFound", f"Target groups '{group['TargetGroupArn']}' not found")
    sticky = {"Enabled": False, **config.get("TargetGroupStickinessConfig", {})}
    echoed: Body = {
        **{member: value for member, value in given.items() if member != "TargetGroupArn"},
        "ForwardConfig": {
            "TargetGroups": [({"Weight": 1, **group} if weighted else dict(group)) for group in groups],
            "TargetGroupStickinessConfig": sticky,
        },
    }
    if len(groups) == 1:
        echoed["TargetGroupArn"] = groups[0]["TargetGroupArn"]
    return echoed


def conditions(given: list[Body]) -> list[Body]:
    """Conditions with both spellings of their values, in an order of AWS's own."""
    if not given:
        raise validation_error("A condition value must be specified")
    return shuffled(_condition(condition) for condition in given)


def _condition(given: Body) -> Body:
    field = given.get("Field") or next((f for f, member in CONFIGS.items() if member in given), None)
    if field not in CONFIGS:
        valid = ",".join(CONFIGS)
        raise validation_error(f"Condition field '{field}' must be one of '[{valid}]'")
    config = dict(given.get(CONFIGS[field], {}))
    values = config.get("Values") or given.get("Values") or []
    if "RegexValues" in config or given.get("RegexValues"):
        return {**given, "Field": field, "Values": []}
    if not values:
        raise validation_error("A condition value must be specified")
    if field == "query-string":
        values = [dict(sorted(pair.items())) for pair in values]
    config["Values"] = list(values) if field == "host-header" else shuffled(values)
    return {"Field": field, "Values": config["Values"] if field in MIRRORED else [], CONFIGS[field]: config}
