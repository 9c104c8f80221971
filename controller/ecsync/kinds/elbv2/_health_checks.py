"""What AWS has where a target group's body says nothing: it depends on the targets and how they are checked."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from ecsync.core.rules import Computed, Default, Rewrite, Rules
from ecsync.core.trees import Body, Json, canonical

_HTTP = ("HTTP", "HTTPS")
_NETWORK = ("TCP", "TLS", "UDP", "TCP_UDP", "QUIC", "TCP_QUIC")
_CAPTURED = "normalization.md §4.1"


def _upper(value: Json) -> Json:
    return value.upper() if isinstance(value, str) else value


def _checked(body: Body) -> str:
    """Name the row of the tables below: target type, protocol, and the protocol of the health check where it counts."""
    protocol, check = body.get("Protocol"), body.get("HealthCheckProtocol")
    if body.get("TargetType") in ("lambda", "alb"):
        return str(body["TargetType"])
    if protocol in _HTTP:
        return "grpc" if body.get("ProtocolVersion") == "GRPC" else "http"
    if protocol == "GENEVE":
        return "geneve-http" if check in _HTTP else "geneve"
    if protocol in _NETWORK:
        return f"network-{str(check).lower()}" if check in _HTTP else "network"
    return ""  # not known yet, or newer than we are


def _default(member: str, values: Mapping[str, Json], *cases: str) -> Default:
    return Default(
        path=member,
        value=lambda _, body: values.get(_checked(body)),
        says=_in_words(values),
        source=_CAPTURED,
        cases=cases,
    )


def _in_words(values: Mapping[str, Json]) -> str:
    """Return defaults by what they depend on: `30 (alb, http), 10 (geneve)`."""
    checked: dict[str, list[str]] = {}
    for name, value in values.items():
        checked.setdefault("none" if value is None else canonical(value), []).append(name)
    return ", ".join(f"{value} ({', '.join(names)})" for value, names in checked.items())


def _check_protocol(_: Body, body: Body) -> Json:
    by_group = {"alb": "HTTP", "http": body.get("Protocol"), "grpc": body.get("Protocol")}
    return by_group.get(_checked(body), "TCP" if body.get("Protocol") in (*_NETWORK, "GENEVE") else None)


_TIMEOUTS = {"lambda": 30, "alb": 6, "http": 5, "grpc": 5, "network": 10, "network-http": 6, "geneve": 5}
_TRAFFIC = "traffic-port"
_NAMED = ("lambda", "alb", "http", "grpc", "network", "network-http", "network-https", "geneve", "geneve-http")


def _all(value: Json, **others: Json) -> Mapping[str, Json]:
    return {**dict.fromkeys(_NAMED, value), **{name.replace("_", "-"): other for name, other in others.items()}}


def _has_protocol(*protocols: str) -> Callable[[Body], bool]:
    return lambda body: body.get("Protocol") in protocols


ROWS: Rules = (
    Rewrite(path="Protocol", to=_upper, source="normalization.md §4.1", cases=("der-tg-protocol-case",)),
    Rewrite(path="ProtocolVersion", to=_upper, source="normalization.md §4.1: TF upper-cases"),
    Rewrite(path="HealthCheckProtocol", to=_upper, source="normalization.md §4.1: case-fold"),
    Default(path="TargetType", value="instance", source="normalization.md §4.1"),
    Default(path="IpAddressType", value="ipv4", source="normalization.md §4.1"),
    Default(
        path="ProtocolVersion",
        value="HTTP1",
        when=_has_protocol(*_HTTP),
        says="HTTP1 with Protocol HTTP or HTTPS",
        source="normalization.md §4.1",
    ),
    _default("HealthCheckEnabled", _all(value=True, **{"lambda": False})),
    Default(
        path="HealthCheckProtocol",
        value=_check_protocol,
        says="the group's Protocol where that is HTTP or HTTPS, TCP for other protocols, HTTP for TargetType alb",
        source=_CAPTURED,
    ),
    _default("HealthCheckPort", _all(_TRAFFIC, **{"lambda": None}, geneve="80", geneve_http="80")),
    _default("HealthCheckPath", _all("/", grpc="/AWS.ALB/healthcheck", network=None, geneve=None)),
    _default("HealthCheckIntervalSeconds", _all(30, **{"lambda": 35}, geneve=10, geneve_http=10)),
    # What AWS's text says (HTTP 6, HTTPS 10) is not what was captured; where nothing was, AWS decides.
    _default("HealthCheckTimeoutSeconds", _TIMEOUTS),
    Computed(
        path="HealthCheckTimeoutSeconds",
        when=lambda body: _checked(body) not in _TIMEOUTS,
        says="where nothing is known of its default",
        source="normalization.md §4.1: doc text disagrees with captures",
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
