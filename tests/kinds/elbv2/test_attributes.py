"""What an attribute goes back to, against what the simulated AWS gives to whom nobody set any."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pytest

from ecsim.elbv2 import defaults
from ecsync.kinds.elbv2 import _attributes as attributes

UNKNOWN = {
    "access_logs.s3.bucket",  # says nothing while the logs are off
    "access_logs.s3.prefix",
    "connection_logs.s3.bucket",
    "connection_logs.s3.prefix",
    "health_check_logs.s3.bucket",
    "health_check_logs.s3.prefix",
    "secondary_ips.auto_assigned.per_subnet",  # AWS does not take them back
    "stickiness.app_cookie.cookie_name",  # AWS takes no empty name
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
    """Each attribute of AWS's is what we would put it back to, or one that we leave alone."""
    assert {key: value(key, body) for key in live if key not in UNKNOWN} == {
        key: text for key, text in live.items() if key not in UNKNOWN
    }
    assert all(value(key, body) is None for key in live if key in UNKNOWN)


@pytest.mark.parametrize("kind", ["application", "network", "gateway"])
def test_a_load_balancer_goes_back_to_what_a_new_one_has(kind: str) -> None:
    agrees(attributes.of_load_balancer, {"Type": kind}, defaults.LOAD_BALANCER[kind])


@pytest.mark.parametrize("protocol", ["HTTP", "HTTPS", "TCP", "TLS", None])
def test_a_listener_goes_back_to_what_a_new_one_has(protocol: str | None) -> None:
    agrees(attributes.of_listener, {"Protocol": protocol}, defaults.listener_attributes(protocol))


@pytest.mark.parametrize(("protocol", "target"), GROUPS)
def test_a_target_group_goes_back_to_what_a_new_one_has(protocol: str | None, target: str) -> None:
    body = {"Protocol": protocol, "TargetType": target}
    agrees(attributes.of_target_group, body, defaults.target_group_attributes(protocol, target))


def test_an_attribute_that_we_do_not_know_is_left_alone() -> None:
    """AWS has new ones every year."""
    for value in (attributes.of_load_balancer, attributes.of_listener, attributes.of_target_group):
        assert value("brand.new", {}) is None
