"""The defaults of target groups. They depend on the type and protocol of the targets and of the health check."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from ecsync.core.rules import Computed, Default, Rewrite, Rules
from ecsync.core.trees import Body, Json, canonical

_HTTP = ("HTTP", "HTTPS")
_NETWORK = ("TCP", "TLS", "UDP", "TCP_UDP", "QUIC", "TCP_QUIC")


def _upper(value: Json) -> Json:
    return value.upper() if isinstance(value, str) else value


def _group_type(body: Body) -> str:
    """Return the key into the tables below: from target type, protocol and, where it matters, health check protocol."""
    protocol, check = body.get("Protocol"), body.get("HealthCheckProtocol")
    if body.get("TargetType") in ("lambda", "alb"):
        return str(body["TargetType"])
    if protocol in _HTTP:
        return "grpc" if body.get("ProtocolVersion") == "GRPC" else "http"
    if protocol == "GENEVE":
        return "geneve-http" if check in _HTTP else "geneve"
    if protocol in _NETWORK:
        return f"network-{str(check).lower()}" if check in _HTTP else "network"
    return ""  # an unresolved reference, or a protocol that AWS added later


def _default(member: str, values: Mapping[str, Json], *cases: str) -> Default:
    return Default(
        path=member,
        value=lambda _, body: values.get(_group_type(body)),
        description=_summary(values),
        source=f"read back from AWS: DescribeTargetGroups returns {_summary(values)} where {member} was not sent",
        cases=cases,
    )


def _summary(values: Mapping[str, Json]) -> str:
    """Return the defaults with their group types: `30 (alb, http), 10 (geneve)`."""
    types_of: dict[str, list[str]] = {}
    for name, value in values.items():
        types_of.setdefault("none" if value is None else canonical(value), []).append(name)
    return ", ".join(f"{value} ({', '.join(names)})" for value, names in types_of.items())


def _check_protocol(_: Body, body: Body) -> Json:
    by_group = {"alb": "HTTP", "http": body.get("Protocol"), "grpc": body.get("Protocol")}
    return by_group.get(_group_type(body), "TCP" if body.get("Protocol") in (*_NETWORK, "GENEVE") else None)


_TIMEOUTS = {"lambda": 30, "alb": 6, "http": 5, "grpc": 5, "network": 10, "network-http": 6, "geneve": 5}
_TYPES = ("lambda", "alb", "http", "grpc", "network", "network-http", "network-https", "geneve", "geneve-http")


def _all(value: Json, **others: Json) -> Mapping[str, Json]:
    """Return a table with one value for every group type but the others."""
    return {**dict.fromkeys(_TYPES, value), **{name.replace("_", "-"): other for name, other in others.items()}}


def _has_protocol(*protocols: str) -> Callable[[Body], bool]:
    return lambda body: body.get("Protocol") in protocols


_UPPER_CASE = "elbv2.ProtocolEnum and elbv2.CreateTargetGroup: the values are upper case"

ROWS: Rules = (
    Rewrite(path="Protocol", to=_upper, source=_UPPER_CASE, cases=("der-tg-protocol-case",)),
    Rewrite(path="ProtocolVersion", to=_upper, source=_UPPER_CASE),
    Rewrite(path="HealthCheckProtocol", to=_upper, source=_UPPER_CASE),
    Default(path="TargetType", value="instance", source="elbv2.CreateTargetGroup: instance is the default value"),
    Default(path="IpAddressType", value="ipv4", source="elbv2.CreateTargetGroup: the default value is ipv4"),
    Default(
        path="ProtocolVersion",
        value="HTTP1",
        when=_has_protocol(*_HTTP),
        description="HTTP1 with Protocol HTTP or HTTPS",
        source="elbv2.CreateTargetGroup: [HTTP/HTTPS protocol] the default is HTTP1",
    ),
    _default("HealthCheckEnabled", _all(value=True, **{"lambda": False})),
    Default(
        path="HealthCheckProtocol",
        value=_check_protocol,
        description="the group's Protocol if it is HTTP or HTTPS, TCP for other protocols, HTTP for TargetType alb",
        source="read back from AWS: DescribeTargetGroups returns the protocol of an HTTP or HTTPS group, else TCP",
    ),
    _default("HealthCheckPort", _all("traffic-port", **{"lambda": None}, geneve="80", geneve_http="80")),
    _default("HealthCheckPath", _all("/", grpc="/AWS.ALB/healthcheck", network=None, geneve=None)),
    _default("HealthCheckIntervalSeconds", _all(30, **{"lambda": 35}, geneve=10, geneve_http=10)),
    # AWS's text (HTTP 6, HTTPS 10) differs from what AWS returned (HTTP 5). Without a returned value, AWS decides.
    _default("HealthCheckTimeoutSeconds", _TIMEOUTS),
    Computed(
        path="HealthCheckTimeoutSeconds",
        when=lambda body: _group_type(body) not in _TIMEOUTS,
        description="for group types without a known default",
        source="elbv2.CreateTargetGroup: the text disagrees with the values that AWS returns",
    ),
    _default("HealthyThresholdCount", _all(5)),
    _default("UnhealthyThresholdCount", _all(2)),
    _default(
        "Matcher",
        {
            "lambda": {"HttpCode": "200"},
            "http": {"HttpCode": "200"},
            "grpc": {"GrpcCode": "12"},
            "alb": {"HttpCode": "200-399"},
            "network-http": {"HttpCode": "200-399"},
            "network-https": {"HttpCode": "200-399"},
            "geneve-http": {"HttpCode": "200-399"},
        },
    ),
)
