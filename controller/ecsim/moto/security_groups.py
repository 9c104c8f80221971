"""Checks of security group rules that moto does not make."""

from __future__ import annotations

from ecsim.account.errors import AwsError
from ecsim.account.world import Call

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
