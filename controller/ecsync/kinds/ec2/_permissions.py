"""Security group rules one by one: AWS groups rules in any way, so both sides are split into single rules.

A rule is one protocol, one range of ports and one source. Its name contains all three (`tcp 80 0.0.0.0/0`), and AWS
accepts each name once. Only the description remains to be compared below a name.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from ipaddress import ip_network

from ecsync.core.trees import Body, Elements, Json

# The lists of sources in a permission, and the members that identify a source.
SOURCES = {
    "IpRanges": ("CidrIp",),
    "Ipv6Ranges": ("CidrIpv6",),
    "PrefixListIds": ("PrefixListId",),
    "UserIdGroupPairs": ("GroupId", "GroupName"),
}
_DERIVED = ("UserId", "VpcId", "VpcPeeringConnectionId", "PeeringStatus")  # AWS derives them from the group's id
_PROTOCOLS = {"6": "tcp", "17": "udp", "1": "icmp", "58": "icmpv6", "all": "-1"}
_PORTS = ("tcp", "udp", "icmp", "icmpv6")  # AWS ignores the ports of every other protocol

ALL_TRAFFIC: Body = {"IpProtocol": "-1", "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}
ALL_TRAFFIC_V6: Body = {"IpProtocol": "-1", "Ipv6Ranges": [{"CidrIpv6": "::/0"}]}
# A placeholder for "no rule", which differs from "not declared": normalising removes an empty list.
NO_RULE: Body = {"IpProtocol": "none"}


def rules_of(permissions: Iterable[Body] | None) -> dict[str, dict[str, Json]]:
    """Return every single rule by its name, with all members that AWS or the manifest has for it."""
    return {_name(rule): rule for permission in permissions or () for rule in _split(permission)}


def canonical_rules(permissions: Json) -> Elements | None:
    """Return the canonical form of a list of permissions; a canonical form is returned unchanged."""
    if isinstance(permissions, Mapping):
        return Elements(permissions)
    rules = rules_of(permissions)
    plain = {
        name: {member: value for member, value in rule.items() if member not in _DERIVED and value not in (None, "")}
        for name, rule in rules.items()
    }
    return Elements(plain) or None


def canonical_egress(permissions: Json) -> Elements:
    """Return the canonical form of egress; permissions that allow no traffic become the placeholder for no rule."""
    return canonical_rules(permissions) or Elements(rules_of([NO_RULE]))


def as_permission(rule: Mapping[str, Json]) -> dict[str, Json]:
    """Return a single rule as a permission that AWS accepts."""
    ports = {member: rule[member] for member in ("IpProtocol", "FromPort", "ToPort") if member in rule}
    source = {member: value for member, value in rule.items() if member not in ports and value not in (None, "")}
    source.pop("PeeringStatus", None)
    return {**ports, _list_of(rule): [source]}


def is_no_rule(name: str) -> bool:
    """True if the name is that of the placeholder for no rule."""
    return bool(name == NO_RULE["IpProtocol"])


def _split(permission: Body) -> Iterator[dict[str, Json]]:
    """Yield each single rule of a permission: one for each source."""
    written = str(permission.get("IpProtocol", "-1")).lower()
    protocol = _PROTOCOLS.get(written, written)
    if protocol == NO_RULE["IpProtocol"]:
        yield dict(NO_RULE)
        return
    base: dict[str, Json] = {"IpProtocol": protocol}
    if protocol in _PORTS:
        base |= {"FromPort": permission.get("FromPort", -1), "ToPort": permission.get("ToPort", -1)}
    for source_list, names in SOURCES.items():
        for source in permission.get(source_list) or ():
            if any(source.get(name) for name in names):  # an entry without a source allows no traffic
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
    if rule == NO_RULE:
        return str(NO_RULE["IpProtocol"])
    protocol, first, last = rule["IpProtocol"], rule.get("FromPort"), rule.get("ToPort")
    source = next(str(rule[member]) for members in SOURCES.values() for member in members if member in rule)
    if protocol not in _PORTS:
        return f"{'all' if protocol == '-1' else protocol} {source}"
    if protocol.startswith("icmp"):
        return f"{protocol} {'all' if first == -1 else f'type {first} code {last}'} {source}"
    return f"{protocol} {first if first == last else f'{first}-{last}'} {source}"
