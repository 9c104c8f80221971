"""Checks and removals of security group rules that moto does not make."""

from __future__ import annotations

from typing import Any

from ecsim.account.errors import AwsError
from ecsim.account.exchange import Response
from ecsim.account.world import Call
from ecsim.moto import seams

PROTOCOLS = ("tcp", "udp", "icmp", "icmpv6", "-1")
SOURCES = ("IpRanges", "Ipv6Ranges", "PrefixListIds", "UserIdGroupPairs")


def check_rules(call: Call) -> None:
    """Refuse a rule with an unknown protocol, or with what moto would drop."""
    for rule in call.params.get("IpPermissions", []):
        protocol = str(rule.get("IpProtocol", ""))
        if protocol.lower() not in PROTOCOLS and not (protocol.isdigit() and int(protocol) < 256):
            raise AwsError("InvalidParameterValue", f"Invalid value '{protocol}' for IP protocol. Unknown protocol.")
        if not any(rule.get(source) for source in SOURCES):
            raise AwsError("MissingParameter", "The request must contain a source or a destination of the rule")
        for pair in rule.get("UserIdGroupPairs", []):
            if not pair.get("GroupId") and not pair.get("GroupName"):
                raise AwsError("MissingParameter", "The request must contain the parameter groupName or groupId")
        if any(one.get("Description") for one in rule.get("PrefixListIds", [])):
            raise AwsError("Unsupported", "The description of a prefix list in a rule is not simulated")


def check_revoked(call: Call) -> None:
    """Refuse to revoke an IPv6 rule for outgoing traffic that is not there."""
    group, named = _of(call), _named(call, "Ipv6Ranges")
    if group is not None and not named.keys() <= set(map(_identity, group.egress_rules)):
        raise AwsError("InvalidPermission.NotFound", "The specified rule does not exist in this security group")


def remove_revoked(call: Call, response: Response) -> Response:
    """Remove the IPv6 rules for outgoing traffic: moto keeps them in a VPC without IPv6 addresses."""
    group, named = _of(call), _named(call, "Ipv6Ranges")
    if group is not None:
        group.egress_rules = [rule for rule in group.egress_rules if _identity(rule) not in named]
    return response


def remove_incoming_descriptions(call: Call, response: Response) -> Response:
    """Remove the description of each rule for incoming traffic that was named without one: moto keeps it."""
    return _without_descriptions(call, response, "ingress_rules")


def remove_outgoing_descriptions(call: Call, response: Response) -> Response:
    """Remove the description of each rule for outgoing traffic that was named without one: moto keeps it."""
    return _without_descriptions(call, response, "egress_rules")


def _without_descriptions(call: Call, response: Response, rules: str) -> Response:
    group, named = _of(call), _named(call, *SOURCES)
    for rule in getattr(group, rules, ()):
        if named.get(_identity(rule)) == "":
            rule.ip_range.pop("Description", None)
            rule.source_group.pop("Description", None)
    return response


def _of(call: Call) -> Any | None:
    return seams.security_group(call.account, call.region, str(call.params.get("GroupId", "")))


def _named(call: Call, *sources: str) -> dict[tuple[object, ...], str]:
    """Return the description of each rule that a call names, by protocol, ports and source."""
    found: dict[tuple[object, ...], str] = {}
    for rule in call.params.get("IpPermissions", []):
        protocol = str(rule.get("IpProtocol", "")).lower()
        ports = (None, None) if protocol == "-1" else (int(rule["FromPort"]), int(rule["ToPort"]))
        for one in (one for source in sources for one in rule.get(source, [])):
            names = (one.get("CidrIp"), one.get("CidrIpv6"), one.get("GroupId"), one.get("PrefixListId"))
            found[protocol, *ports, *names] = one.get("Description", "")
    return found


def _identity(rule: Any) -> tuple[object, ...]:
    names = (rule.cidr_ipv4, rule.cidr_ipv6, rule.source_group.get("GroupId"), rule.prefix_list_id)
    return rule.ip_protocol, rule.from_port, rule.to_port, *names
