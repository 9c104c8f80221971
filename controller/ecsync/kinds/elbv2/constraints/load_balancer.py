"""What Elastic Load Balancing accepts of a load balancer."""

from __future__ import annotations

import re

from ecsync.core.constraints.rows import Constraint, Constraints, Spot
from ecsync.core.trees import Body
from ecsync.core.wording import quoted
from ecsync.kinds._constraint_parts import (
    blocks,
    has_network,
    id_constraints,
    tag_constraints,
    text,
)
from ecsync.kinds.elbv2.constraints.target_group import attribute_problem

_BALANCER = "API Reference elbv2.CreateLoadBalancer"


def balancer_type(body: Body) -> str:
    """Return the type of a load balancer; empty if it is not known."""
    return "application" if body.get("Type") in (None, "") else text(body["Type"])


def _two_subnets(spot: Spot) -> str:
    if balancer_type(spot.body) != "application" or not isinstance(spot.value, (list, tuple)):
        return ""
    if len(spot.value) > 1 or has_network(spot.value):
        return ""
    return f"it has {len(spot.value)} subnet; declare subnets in two Availability Zones or more"


def _some_subnets(spot: Spot) -> str:
    if spot.value is not None or spot.body.get("SubnetMappings"):
        return ""
    return "it is missing; declare Subnets, such as ${Network/main.publicSubnetIds}"


def _subnet_once(spot: Spot) -> str:
    ids = [one for one in spot.value if text(one)] if isinstance(spot.value, (list, tuple)) else []
    twice = next((one for index, one in enumerate(ids) if one in ids[:index]), "")
    return f"{quoted(twice)} is declared twice; use one subnet for each Availability Zone" if twice else ""


def _no_scheme(spot: Spot) -> str:
    if not spot.value or balancer_type(spot.body) != "gateway":
        return ""
    return "a Gateway Load Balancer has no scheme; leave it out"


def _no_groups(spot: Spot) -> str:
    if not spot.value or balancer_type(spot.body) != "gateway":
        return ""
    return "a Gateway Load Balancer has no security groups; leave them out"


def _without_public_ipv4(spot: Spot) -> str:
    if spot.value != "dualstack-without-public-ipv4":
        return ""
    if balancer_type(spot.body) not in ("", "application") or spot.body.get("Scheme") == "internal":
        return "it is for internet-facing Application Load Balancers; use ipv4 or dualstack"
    return ""


_AMOUNTS = {"idle_timeout.timeout_seconds": (1, 4000), "client_keep_alive.seconds": (60, 604800)}
_FLAGS = ("true", "false")
_CHOICES = {
    "deletion_protection.enabled": _FLAGS,
    "access_logs.s3.enabled": _FLAGS,
    "connection_logs.s3.enabled": _FLAGS,
    "load_balancing.cross_zone.enabled": _FLAGS,
    "routing.http2.enabled": _FLAGS,
    "routing.http.drop_invalid_header_fields.enabled": _FLAGS,
    "routing.http.preserve_host_header.enabled": _FLAGS,
    "routing.http.desync_mitigation_mode": ("monitor", "defensive", "strictest"),
    "routing.http.xff_header_processing.mode": ("append", "preserve", "remove"),
    "waf.fail_open.enabled": _FLAGS,
}
_KNOWN = re.compile(r"[a-z0-9_]+(\.[a-z0-9_]+)+")


def _attribute_name(spot: Spot) -> str:
    key = text(spot.value)
    if not key or _KNOWN.fullmatch(key):
        return ""
    return f"{quoted(key)} is no attribute; write one such as idle_timeout.timeout_seconds"


def _logs_need_a_bucket(spot: Spot) -> str:
    key = text(spot.block.get("Key"))
    if spot.value != "true" or key not in ("access_logs.s3.enabled", "connection_logs.s3.enabled"):
        return ""
    bucket = key.replace(".enabled", ".bucket")
    given = any(one.get("Key") == bucket for one in blocks(spot.body.get("Attributes")))
    return "" if given else f"there is no bucket for the logs; declare {bucket}"


ROWS: Constraints = (
    *tag_constraints("Tags", "Key", "Value", service="elbv2"),
    Constraint(path="Subnets", rule="two or more of an Application Load Balancer", test=_two_subnets, source=_BALANCER,
               answer="At least two subnets in two different Availability Zones must be specified"),
    Constraint(path="Subnets", rule="required, or SubnetMappings", test=_some_subnets, absent=True, source=_BALANCER,
               answer="You must specify subnets"),
    Constraint(path="SubnetMappings", rule="two or more of an Application Load Balancer", test=_two_subnets,
               source=_BALANCER, answer="At least two subnets in two different Availability Zones must be specified"),
    Constraint(path="Subnets", rule="each subnet once", test=_subnet_once, source=_BALANCER,
               answer="A load balancer cannot be attached to multiple subnets in the same Availability Zone"),
    *id_constraints("Subnets[]", "subnet", "a subnet", source=_BALANCER, answer="The subnet ID does not exist"),
    *id_constraints("SecurityGroups[]", "sg", "a security group", source=_BALANCER,
                    answer="One or more security groups are invalid"),
    Constraint(path="SecurityGroups", rule="not with type gateway", test=_no_groups, source=_BALANCER),
    Constraint(path="Scheme", rule="not with type gateway", test=_no_scheme, source=_BALANCER),
    Constraint(path="IpAddressType", rule="dualstack-without-public-ipv4 of internet-facing Application Load Balancers",
               test=_without_public_ipv4, source=_BALANCER),
    Constraint(path="Attributes[].Value", rule="a value of the attribute", test=attribute_problem(_AMOUNTS, _CHOICES),
               source="API Reference elbv2.LoadBalancerAttribute"),
    Constraint(path="Attributes[].Value", rule="logs with a bucket", test=_logs_need_a_bucket,
               source="API Reference elbv2.LoadBalancerAttribute"),
    Constraint(path="Attributes[].Key", rule="the name of an attribute", test=_attribute_name, level="note",
               source="API Reference elbv2.LoadBalancerAttribute",
               answer="Load balancer attribute key is not recognized"),
)  # fmt: skip
