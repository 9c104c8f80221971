"""The defaults of attributes equal those of a new resource in the simulated AWS."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pytest

from ecsim.elbv2 import defaults
from ecsync.kinds.elbv2 import _attributes as attributes

UNKNOWN = {
    "access_logs.s3.bucket",  # has no effect while the logs are off
    "access_logs.s3.prefix",
    "connection_logs.s3.bucket",
    "connection_logs.s3.prefix",
    "health_check_logs.s3.bucket",
    "health_check_logs.s3.prefix",
    "secondary_ips.auto_assigned.per_subnet",  # AWS cannot reduce them
    "stickiness.app_cookie.cookie_name",  # AWS refuses an empty name
}
GROUPS = [
    *((protocol, "instance") for protocol in ("HTTP", "HTTPS", "TCP", "UDP", "TCP_UDP", "TLS", "GENEVE")),
    *((protocol, "ip") for protocol in ("HTTP", "TCP", "UDP")),
    ("TCP", "alb"),
    (None, "lambda"),
]


def agrees(
    value: Callable[[str, Mapping[str, Any]], str | None], body: Mapping[str, Any], live: Mapping[str, str]
) -> None:
    """Assert that each attribute of a new resource has our default, or is one without a default."""
    assert {key: value(key, body) for key in live if key not in UNKNOWN} == {
        key: text for key, text in live.items() if key not in UNKNOWN
    }
    assert all(value(key, body) is None for key in live if key in UNKNOWN)


@pytest.mark.parametrize("kind", ["application", "network", "gateway"])
def test_the_defaults_of_a_load_balancer_are_those_of_a_new_one(kind: str) -> None:
    agrees(attributes.of_load_balancer, {"Type": kind}, defaults.LOAD_BALANCER[kind])


@pytest.mark.parametrize("protocol", ["HTTP", "HTTPS", "TCP", "TLS", None])
def test_the_defaults_of_a_listener_are_those_of_a_new_one(protocol: str | None) -> None:
    agrees(attributes.of_listener, {"Protocol": protocol}, defaults.listener_attributes(protocol))


@pytest.mark.parametrize(("protocol", "target"), GROUPS)
def test_the_defaults_of_a_target_group_are_those_of_a_new_one(protocol: str | None, target: str) -> None:
    body = {"Protocol": protocol, "TargetType": target}
    agrees(attributes.of_target_group, body, defaults.target_group_attributes(protocol, target))


def test_an_unknown_attribute_has_no_default() -> None:
    """AWS adds attributes every year."""
    for value in (attributes.of_load_balancer, attributes.of_listener, attributes.of_target_group):
        assert value("brand.new", {}) is None
