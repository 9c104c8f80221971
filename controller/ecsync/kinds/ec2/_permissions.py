"""Security group rules one by one: AWS groups them as it likes, so both sides are taken apart to single rules.

A rule is one protocol, one range of ports and one source; its name tells all three (`tcp 80 from 0.0.0.0/0`), and AWS
allows each name once. What is left to compare below a name is the description.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from ipaddress import ip_network

from ecsync.core.trees import Body, Elements, Json

# The list of a permission that a source stands in, and the member that says what it is.
SOURCES = {
    "IpRanges": ("CidrIp",),
    "Ipv6Ranges": ("CidrIpv6",),
    "PrefixListIds": ("PrefixListId",),
    "UserIdGroupPairs": ("GroupId", "GroupName"),
}
_FOLLOWS = ("UserId", "VpcId", "VpcPeeringConnectionId", "PeeringStatus")  # all of them follow from the group's id
_NAMES = {"6": "tcp", "17": "udp", "1": "icmp", "58": "icmpv6", "all": "-1"}
_PORTS = ("tcp", "udp", "icmp", "icmpv6")  # AWS ignores the ports of every other protocol

ALL_TRAFFIC: Body = {"IpProtocol": "-1", "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}
ALL_TRAFFIC_V6: Body = {"IpProtocol": "-1", "Ipv6Ranges": [{"CidrIpv6": "::/0"}]}
# Stands in a body for "no rule at all", which is not the same as "nothing said": an empty list would not survive.
NOTHING: Body = {"IpProtocol": "none"}


def rules_of(permissions: Iterable[Body] | None) -> dict[str, dict[str, Json]]:
    """Return every single rule by its name, with all that AWS or the manifest says of it."""
    return {_name(rule): rule for permission in permissions or () for rule in _apart(permission)}


def canonical_rules(permissions: Json) -> Elements | None:
    """Return the canonical form of a list of permissions; what is canonical already stays as it is."""
    if isinstance(permissions, Mapping):
        return Elements(permissions)
    rules = rules_of(permissions)
    plain = {
        name: {member: value for member, value in rule.items() if member not in _FOLLOWS and value not in (None, "")}
        for name, rule in rules.items()
    }
    return Elements(plain) or None


def canonical_egress(permissions: Json) -> Elements:
    """Return the canonical form of what may go out, where permissions that let nothing out are no rule at all."""
    return canonical_rules(permissions) or Elements(rules_of([NOTHING]))


def as_permission(rule: Mapping[str, Json]) -> dict[str, Json]:
    """Return a single rule as the permission that AWS takes."""
    ports = {member: rule[member] for member in ("IpProtocol", "FromPort", "ToPort") if member in rule}
    source = {member: value for member, value in rule.items() if member not in ports and value not in (None, "")}
    source.pop("PeeringStatus", None)
    return {**ports, _list_of(rule): [source]}


def is_nothing(name: str) -> bool:
    """Tell whether the name is the stand-in for no rule at all."""
    return bool(name == NOTHING["IpProtocol"])


def _apart(permission: Body) -> Iterator[dict[str, Json]]:
    said = str(permission.get("IpProtocol", "-1")).lower()
    protocol = _NAMES.get(said, said)
    if protocol == NOTHING["IpProtocol"]:
        yield dict(NOTHING)
        return
    base: dict[str, Json] = {"IpProtocol": protocol}
    if protocol in _PORTS:
        base |= {"FromPort": permission.get("FromPort", -1), "ToPort": permission.get("ToPort", -1)}
    for source_list, names in SOURCES.items():
        for source in permission.get(source_list) or ():
            if any(source.get(name) for name in names):  # what names no source lets nobody in
                yield {**base, **_source(source)}


def _source(source: Body) -> dict[str, Json]:
    rule = {member: value for member, value in source.items() if value is not None}
    for member in ("CidrIp", "CidrIpv6"):
        if member in rule:
            rule[member] = _range(rule[member])
    if "GroupId" in rule:
        rule.pop("GroupName", None)
    return rule


def _range(cidr: Json) -> Json:
    """Return a range as AWS stores it: host bits cleared, IPv6 compressed."""
    try:
        return str(ip_network(cidr, strict=False)) if isinstance(cidr, str) else cidr
    except ValueError:
        return cidr


def _list_of(rule: Mapping[str, Json]) -> str:
    return next(name for name, members in SOURCES.items() if any(member in rule for member in members))


def _name(rule: Mapping[str, Json]) -> str:
    if rule == NOTHING:
        return str(NOTHING["IpProtocol"])
    protocol, first, last = rule["IpProtocol"], rule.get("FromPort"), rule.get("ToPort")
    source = next(str(rule[member]) for members in SOURCES.values() for member in members if member in rule)
    if protocol not in _PORTS:
        return f"{'all' if protocol == '-1' else protocol} {source}"
    if protocol.startswith("icmp"):
        return f"{protocol} {'all' if first == -1 else f'type {first} code {last}'} {source}"
    return f"{protocol} {first if first == last else f'{first}-{last}'} {source}"
