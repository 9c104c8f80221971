"""What Elastic Load Balancing accepts of a target group, and of its health checks."""

from __future__ import annotations

from collections.abc import Callable

from ecsync.core.constraints.rows import Constraint, Constraints, Pattern, Spot
from ecsync.core.trees import Body
from ecsync.core.wording import listed, quoted
from ecsync.kinds._constraint_parts import blocks, codes_problem, id_constraints, number, row, tag_constraints, text
from ecsync.kinds.elbv2._attributes import of_target_group

_CREATE = "API Reference elbv2.CreateTargetGroup"
_HTTP = ("HTTP", "HTTPS")
_NETWORK = ("TCP", "TLS", "UDP", "TCP_UDP", "QUIC", "TCP_QUIC")


def protocol(body: Body) -> str:
    """Return the protocol of a target group in upper case; empty if it is not known."""
    return text(body.get("Protocol")).upper()


def is_lambda(body: Body) -> bool:
    """Return whether the target is a function: it has no protocol, port or VPC."""
    return body.get("TargetType") == "lambda"


def _has_targets(body: Body) -> bool:
    return body.get("TargetType") is None or text(body.get("TargetType")) in ("instance", "ip", "alb")


def _checks_http(body: Body) -> str:
    """Return HTTP or HTTPS if the health checks certainly use it, TCP if they certainly do not; else empty."""
    declared = text(body.get("HealthCheckProtocol")).upper()
    if body.get("HealthCheckProtocol"):
        return declared if declared in ("HTTP", "HTTPS", "TCP") else ""
    if protocol(body) in _HTTP:
        return protocol(body)
    return "TCP" if protocol(body) in _NETWORK and body.get("TargetType") != "alb" else ""


def _required(example: str) -> Callable[[Spot], str]:
    def test(spot: Spot) -> str:
        return "" if spot.value is not None else f"it is missing; declare {spot.path[-1]}, such as {example}"

    return test


def _not_for_lambda(spot: Spot) -> str:
    return "" if spot.value is None else f"a function has no {spot.path[-1]}; leave it out"


def _interval(spot: Spot) -> str:
    """Return the problem of checks that overlap. The default timeout of HTTP and HTTPS groups is 5 s."""
    interval, timeout = number(spot.value), spot.body.get("HealthCheckTimeoutSeconds")
    http = protocol(spot.body) in _HTTP
    seconds = 5 if timeout is None and http else number(timeout)
    if interval is None or seconds is None or interval > seconds or (interval == seconds and not http):
        return ""
    default = " (the default)" if timeout is None else ""
    fix = f"use an interval above {seconds}, or a shorter HealthCheckTimeoutSeconds"
    return f"interval {interval} is not longer than the timeout {seconds}{default}; {fix}"


def _timeout(spot: Spot) -> str:
    """Return the problem of a timeout that is too long for the default interval of 30 s."""
    timeout = number(spot.value)
    if spot.body.get("HealthCheckIntervalSeconds") is not None or timeout is None or timeout < 30:
        return ""
    if protocol(spot.body) not in (*_HTTP, *_NETWORK):
        return ""
    return (
        f"timeout {timeout} is not shorter than the interval 30 (the default); use a longer HealthCheckIntervalSeconds"
    )


def _check_path(spot: Spot) -> str:
    if not text(spot.value):
        return ""
    if _checks_http(spot.body) == "TCP":
        return "a health check over TCP has no path; leave it out, or set HealthCheckProtocol: HTTP"
    return "" if spot.value.startswith("/") else f"{quoted(spot.value)} does not begin with /; write /{spot.value}"


def _no_matcher(spot: Spot) -> str:
    if not spot.value or _checks_http(spot.body) != "TCP":
        return ""
    return "a health check over TCP has no response codes; leave Matcher out, or set HealthCheckProtocol: HTTP"


def _http_codes(spot: Spot) -> str:
    most = 499 if protocol(spot.body) in _HTTP else 599
    return codes_problem(spot.value, 200, most) if protocol(spot.body) in (*_HTTP, *_NETWORK) else ""


def _grpc_codes(spot: Spot) -> str:
    return codes_problem(spot.value, 0, 99)


def _matcher_of_grpc(spot: Spot) -> str:
    if spot.value and text(spot.body.get("ProtocolVersion")).upper() == "GRPC":
        return "a group with GRPC has GrpcCode; use Matcher: {GrpcCode: ...}"
    return ""


def _matcher_of_http(spot: Spot) -> str:
    version = spot.body.get("ProtocolVersion")
    if not spot.value or (version is not None and text(version).upper() not in ("HTTP1", "HTTP2")):
        return ""
    return "GrpcCode is for groups with ProtocolVersion GRPC; use HttpCode" if protocol(spot.body) in _HTTP else ""


def _check_protocol(spot: Spot) -> str:
    value = text(spot.value).upper()
    if value in ("TLS", "UDP", "TCP_UDP", "GENEVE", "QUIC", "TCP_QUIC"):
        return f"there are no health checks over {value}; use TCP, HTTP or HTTPS"
    if value == "TCP" and protocol(spot.body) in _HTTP:
        return f"a group with {protocol(spot.body)} has no health checks over TCP; use HTTP or HTTPS"
    return ""


def _check_enabled(spot: Spot) -> str:
    if spot.value is not False or not _has_targets(spot.body):
        return ""
    return "health checks are always on with this target type; use true, or leave it out"


def _check_port(spot: Spot) -> str:
    value = text(spot.value)
    if not value or value == "traffic-port" or (value.isdigit() and 1 <= int(value) <= 65535):
        return ""
    return f"{quoted(value)} is no port; use traffic-port, or 1 to 65535"


def _version(spot: Spot) -> str:
    if spot.value and protocol(spot.body) in (*_NETWORK, "GENEVE"):
        return f"a group with {protocol(spot.body)} has no ProtocolVersion; leave it out"
    value = text(spot.value).upper()
    return "" if value in ("", "HTTP1", "HTTP2", "GRPC") else f"{quoted(value)} is no version; use HTTP1, HTTP2 or GRPC"


def _geneve_port(spot: Spot) -> str:
    if protocol(spot.body) != "GENEVE" or number(spot.value) in (None, 6081):
        return ""
    return f"port {spot.value} is not for GENEVE; use 6081"


def _alb_is_tcp(spot: Spot) -> str:
    if spot.value != "alb" or protocol(spot.body) in ("", "TCP"):
        return ""
    return f"a group of Application Load Balancers has protocol TCP, not {protocol(spot.body)}; use TCP"


_AMOUNTS = {
    "deregistration_delay.timeout_seconds": (0, 3600),
    "stickiness.lb_cookie.duration_seconds": (1, 604800),
    "stickiness.app_cookie.duration_seconds": (1, 604800),
}
_CHOICES = {
    "stickiness.enabled": ("true", "false"),
    "stickiness.type": (
        "lb_cookie",
        "app_cookie",
        "source_ip",
        "source_ip_dest_ip",
        "source_ip_dest_ip_proto",
    ),
    "load_balancing.algorithm.type": ("round_robin", "least_outstanding_requests", "weighted_random"),
    "load_balancing.cross_zone.enabled": ("true", "false", "use_load_balancer_configuration"),
    "preserve_client_ip.enabled": ("true", "false"),
    "proxy_protocol_v2.enabled": ("true", "false"),
}
_OTHERS = ("stickiness.type", "stickiness.app_cookie.cookie_name", "preserve_client_ip.enabled")


def attribute_problem(
    amounts: dict[str, tuple[int, int]], choices: dict[str, tuple[str, ...]]
) -> Callable[[Spot], str]:
    """Return the test of the value of an attribute, by its key."""

    def test(spot: Spot) -> str:
        key, value = text(spot.block.get("Key")), text(spot.value)
        if key in amounts and value:
            least, most = amounts[key]
            if not value.isdigit() or not least <= int(value) <= most:
                return f"{quoted(value)} is out of range for {key}; use {least} to {most}"
        if key in choices and value and value not in choices[key]:
            return f"{quoted(value)} is not a value of {key}; use {listed(choices[key])}"
        return ""

    return test


def _slow_start(spot: Spot) -> str:
    value = text(spot.value)
    if spot.block.get("Key") != "slow_start.duration_seconds" or not value:
        return ""
    right = value.isdigit() and (int(value) == 0 or 30 <= int(value) <= 900)
    return "" if right else f"{quoted(value)} is out of range for slow_start.duration_seconds; use 0, or 30 to 900"


def _known(spot: Spot) -> str:
    key = text(spot.value)
    if not key or key in _AMOUNTS or key in _CHOICES or key in _OTHERS or of_target_group(key, spot.body) is not None:
        return ""
    return f"{quoted(key)} is not a known attribute of a target group; check its spelling"


def _app_cookie(spot: Spot) -> str:
    keys = {text(one.get("Key")) for one in blocks(spot.body.get("Attributes"))}
    if spot.block.get("Key") != "stickiness.type" or spot.value != "app_cookie":
        return ""
    if "stickiness.app_cookie.cookie_name" in keys:
        return ""
    return "app_cookie needs the name of a cookie; declare stickiness.app_cookie.cookie_name"


def _of_targets(body: Body) -> bool:
    return not is_lambda(body) and not (body.get("TargetType") and not text(body["TargetType"]))


_CHECKS = "botocore elasticloadbalancingv2-2015-12-01 CreateTargetGroup"

ROWS: Constraints = (
    *tag_constraints("Tags", "Key", "Value", service="elbv2"),
    Constraint(path="Protocol", rule="required, except with lambda", test=_required("HTTP"), when=_of_targets,
               absent=True,
               source=_CREATE, answer="A protocol must be specified"),
    Constraint(path="Port", rule="required, except with lambda", test=_required("80"), when=_of_targets, absent=True,
               source=_CREATE, answer="A port must be specified"),
    Constraint(path="VpcId", rule="required, except with lambda", test=_required("${Network/main}"), when=_of_targets,
               absent=True, source=_CREATE, answer="A VPC ID must be specified"),
    *(
        row(name, "not with lambda", _not_for_lambda, _CREATE, when=is_lambda)
        for name in ("Protocol", "Port", "VpcId")
    ),
    *id_constraints("VpcId", "vpc", "a VPC", source=_CREATE, answer="The VPC ID is not valid"),
    Constraint(path="TargetType", rule="alb with protocol TCP", test=_alb_is_tcp, source=_CREATE),
    Constraint(path="Port", rule="6081 with GENEVE", test=_geneve_port, source=_CREATE),
    Constraint(path="ProtocolVersion", rule="HTTP1, HTTP2 or GRPC, with HTTP and HTTPS", test=_version, source=_CREATE),
    Constraint(path="HealthCheckProtocol", rule="HTTP, HTTPS or TCP, and not TCP with HTTP and HTTPS",
               test=_check_protocol, source=_CHECKS),
    Constraint(path="HealthCheckEnabled", rule="true, except with lambda", test=_check_enabled, source=_CHECKS,
               answer="Health checks cannot be disabled"),
    Constraint(path="HealthCheckPort", rule="traffic-port, or 1 to 65535", test=_check_port, source=_CHECKS),
    Constraint(path="HealthCheckPath", rule="begins with /, and is for HTTP and HTTPS", test=_check_path,
               source=_CHECKS),
    Constraint(path="HealthCheckIntervalSeconds", rule="longer than the timeout", test=_interval, source=_CREATE,
               answer="Health check interval must be greater than the timeout"),
    Constraint(path="HealthCheckTimeoutSeconds", rule="shorter than the interval", test=_timeout, source=_CREATE,
               answer="Health check interval must be greater than the timeout"),
    Constraint(path="Matcher", rule="with HTTP and HTTPS health checks", test=_no_matcher, source=_CHECKS),
    Constraint(path="Matcher.HttpCode", rule="codes from 200 to 499, or to 599 behind a Network Load Balancer",
               test=_http_codes, source="botocore elasticloadbalancingv2-2015-12-01 Matcher.HttpCode"),
    Constraint(path="Matcher.GrpcCode", rule="codes from 0 to 99", test=_grpc_codes,
               source="botocore elasticloadbalancingv2-2015-12-01 Matcher.GrpcCode"),
    Constraint(path="Matcher.HttpCode", rule="not with GRPC", test=_matcher_of_grpc, source=_CREATE),
    Constraint(path="Matcher.GrpcCode", rule="with GRPC", test=_matcher_of_http, source=_CREATE),
    Constraint(path="Attributes[].Value", rule="a value of the attribute", test=attribute_problem(_AMOUNTS, _CHOICES),
               source="API Reference elbv2.TargetGroupAttribute"),
    Constraint(path="Attributes[].Value", rule="slow start of 0, or 30 to 900 s", test=_slow_start,
               source="API Reference elbv2.TargetGroupAttribute"),
    Constraint(path="Attributes[].Value", rule="app_cookie with the name of a cookie", test=_app_cookie,
               source="API Reference elbv2.TargetGroupAttribute"),
    Constraint(path="Attributes[].Key", rule="a known attribute", test=_known, level="note",
               source="API Reference elbv2.TargetGroupAttribute",
               answer="Target group attribute key is not recognized"),
    Constraint(path="Name", rule="1 to 32 letters, digits and hyphens, no hyphen at either end",
               test=Pattern(allowed=r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,30}[A-Za-z0-9])?",
                            text="1 to 32 letters, digits and hyphens, and no hyphen at either end"), source=_CREATE),
)  # fmt: skip
