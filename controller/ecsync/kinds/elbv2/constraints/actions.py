"""What Elastic Load Balancing accepts of the actions of listeners and rules."""

from __future__ import annotations

from collections.abc import Mapping

from ecsync.core.constraints.rows import Constraints, Length, OneOf, Pattern, Range, Spot
from ecsync.kinds._constraint_parts import (
    arn_constraints,
    blocks,
    is_unknown,
    is_whole,
    row,
    text,
)
from ecsync.kinds.elbv2.constraints.target_group import protocol

_NETWORK = ("TCP", "TLS", "UDP", "TCP_UDP", "QUIC", "TCP_QUIC")


def _last_action(spot: Spot) -> str:
    actions = blocks(spot.value)
    if not actions or not is_whole(spot.value):
        return ""
    ends = ("forward", "redirect", "fixed-response")
    kinds = [text(one.get("Type")) for one in actions]
    if all(kinds) and not any(kind in ends for kind in kinds):
        return "no action ends the request; add forward, redirect or fixed-response"
    if sum(kind in ends for kind in kinds) > 1:
        return "several actions end the request; keep one of forward, redirect and fixed-response"
    return ""


_NEEDS = {
    "redirect": "RedirectConfig",
    "fixed-response": "FixedResponseConfig",
    "authenticate-oidc": "AuthenticateOidcConfig",
    "authenticate-cognito": "AuthenticateCognitoConfig",
}


def _has_config(spot: Spot) -> str:
    kind = text(spot.value)
    if kind == "forward" and not (spot.block.get("TargetGroupArn") or spot.block.get("ForwardConfig")):
        return "forward names no target group; declare TargetGroupArn, such as ${TargetGroup/web}"
    wanted = _NEEDS.get(kind)
    return f"{kind} needs its settings; declare {wanted}" if wanted and not spot.block.get(wanted) else ""


def _no_loop(spot: Spot) -> str:
    if not isinstance(spot.value, Mapping) or any(is_unknown(one) for one in spot.value.values()):
        return ""
    same = {"Protocol": "#{protocol}", "Port": "#{port}", "Host": "#{host}", "Path": "/#{path}"}
    if any(spot.value.get(name) not in (None, "", default) for name, default in same.items()):
        return ""
    return "it leads to the same place again; change Protocol, Port, Host or Path, such as Protocol: HTTPS, Port: 443"


def _weights(spot: Spot) -> str:
    groups = blocks(spot.value)
    if not groups or not is_whole(spot.value) or any(one.get("Weight") != 0 for one in groups):
        return ""
    return "every weight is 0, so each request gets an error; give one target group a weight above 0"


def _login_is_secure(spot: Spot) -> str:
    kind = protocol(spot.body)
    if not str(spot.value).startswith("authenticate-") or kind in ("", "HTTPS"):
        return ""
    return f"{spot.value} works in listeners with HTTPS alone, not {kind}; use HTTPS"


def _http_action(spot: Spot) -> str:
    kind = protocol(spot.body)
    if spot.value in ("redirect", "fixed-response") and kind in _NETWORK:
        return f"a listener with {kind} forwards alone; use forward"
    return ""


def action_constraints(path: str) -> Constraints:
    """Return the rows of the actions of a listener or rule."""
    each = f"{path}[]"
    source = "API Reference elbv2.Action"
    return (
        row(path, "at least one", Length(least=1, most=10), source),
        row(path, "one that ends the request", _last_action, source),
        row(f"{each}.Type", "with its settings", _has_config, source),
        row(f"{each}.Type", "authenticate-oidc and authenticate-cognito with HTTPS", _login_is_secure, source),
        row(f"{each}.Type", "forward with TCP, TLS, UDP and TCP_UDP", _http_action, source),
        row(f"{each}.RedirectConfig", "another place", _no_loop, "API Reference elbv2.RedirectActionConfig",
            "The redirect configuration is not valid because it creates a loop"),
        row(f"{each}.RedirectConfig.StatusCode", "HTTP_301 or HTTP_302", OneOf(("HTTP_301", "HTTP_302")),
            "API Reference elbv2.RedirectActionConfig"),
        row(f"{each}.RedirectConfig.Path", "begins with /", Pattern(allowed=r"/.*", text="a path that begins with /"),
            "API Reference elbv2.RedirectActionConfig"),
        row(f"{each}.FixedResponseConfig.StatusCode", "2XX, 4XX or 5XX",
            Pattern(allowed=r"[245]\d\d", text="a code 2XX, 4XX or 5XX, such as 404"),
            "botocore elasticloadbalancingv2-2015-12-01 FixedResponseActionStatusCode"),
        row(f"{each}.FixedResponseConfig.ContentType", "a type of text, or application/json or javascript",
            OneOf(("text/plain", "text/css", "text/html", "application/javascript", "application/json")),
            "API Reference elbv2.FixedResponseActionConfig"),
        row(f"{each}.FixedResponseConfig.MessageBody", "at most 1024 characters", Length(most=1024),
            "botocore elasticloadbalancingv2-2015-12-01 FixedResponseActionMessage"),
        row(f"{each}.ForwardConfig.TargetGroups", "1 to 5", Length(least=1, most=5),
            "developer guide, quotas of Application Load Balancers: target groups of an action"),
        row(f"{each}.ForwardConfig.TargetGroups", "one weight above 0", _weights,
            "API Reference elbv2.TargetGroupTuple",
            level="note"),
        row(f"{each}.ForwardConfig.TargetGroups[].Weight", "0 to 999", Range(least=0, most=999),
            "API Reference elbv2.TargetGroupTuple"),
        row(f"{each}.ForwardConfig.TargetGroupStickinessConfig.DurationSeconds", "1 to 604800",
            Range(least=1, most=604800), "API Reference elbv2.TargetGroupStickinessConfig"),
        *arn_constraints(f"{each}.TargetGroupArn", "elasticloadbalancing", "targetgroup/", "a target group",
                         source=source),
    )  # fmt: skip
