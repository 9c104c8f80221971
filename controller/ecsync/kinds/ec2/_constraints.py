"""What EC2 accepts of security groups and launch templates."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping

from ecsync.core.constraints.rows import Constraints, Length, Pattern, Range, Spot
from ecsync.core.trees import Body, canonical
from ecsync.core.wording import quoted
from ecsync.kinds._constraint_parts import (
    blocks,
    cidr_note,
    cidr_problem,
    id_constraints,
    is_unknown,
    number,
    row,
    tag_constraints,
    text,
)

_PERMISSION = "API Reference ec2.IpPermission"
_SOURCES = ("IpRanges", "Ipv6Ranges", "PrefixListIds", "UserIdGroupPairs")
_NAMES = ("tcp", "udp", "icmp", "icmpv6", "-1", "all")
_WITH_PORTS = ("tcp", "udp", "6", "17")


def _protocol(spot: Spot) -> str:
    value = text(spot.value)
    if not value or value.lower() in _NAMES or (value.isdigit() and int(value) <= 255):
        return ""
    return f"{quoted(value)} is no protocol; use tcp, udp, icmp, icmpv6, -1 (all), or a number"


def _has_ports(spot: Spot) -> str:
    if text(spot.block.get("IpProtocol")).lower() not in _WITH_PORTS or spot.value is not None:
        return ""
    return f"tcp and udp need ports; declare {spot.path[-1]}, such as 80"


def _port(spot: Spot) -> str:
    value = number(spot.value)
    protocol = text(spot.block.get("IpProtocol")).lower()
    if value is None or protocol not in _WITH_PORTS or 0 <= value <= 65535:
        return ""
    return f"{value} is no port; use 0 to 65535"


def _in_order(spot: Spot) -> str:
    first, last = number(spot.value), number(spot.block.get("ToPort"))
    protocol = text(spot.block.get("IpProtocol")).lower()
    if first is None or last is None or protocol not in _WITH_PORTS or first <= last:
        return ""
    return f"FromPort {first} is above ToPort {last}; swap them"


def _no_ports(spot: Spot) -> str:
    if text(spot.block.get("IpProtocol")) != "-1" or number(spot.value) in (None, -1, 0, 65535):
        return ""
    return "protocol -1 means every port, so the ports have no effect; use tcp or udp, or leave the ports out"


def _has_source(spot: Spot) -> str:
    if not isinstance(spot.value, Mapping) or any(spot.value.get(name) for name in _SOURCES):
        return ""
    return "the rule names no source or target; declare IpRanges, Ipv6Ranges, PrefixListIds or UserIdGroupPairs"


def _once(spot: Spot) -> str:
    before = blocks(spot.body.get(str(spot.path[0])))[: int(spot.path[1])]
    if any(canonical(one) == canonical(spot.value) for one in before):
        return "the same rule is declared twice; remove one of them"
    return ""


def _open(spot: Spot) -> str:
    """Return the note of a port of administration that the whole internet reaches."""
    if text(spot.value) not in ("0.0.0.0/0", "::/0"):
        return ""
    rule: Body = spot.body["IpPermissions"][spot.path[1]]
    first, last = number(rule.get("FromPort")), number(rule.get("ToPort"))
    everything = rule.get("IpProtocol") == "-1"
    found = [port for port in (22, 3389, 3306, 5432, 6379, 27017) if first is not None and last is not None
             and first <= port <= last]  # fmt: skip
    if everything or found:
        what = "every port" if everything else f"port {found[0]}"
        return f"the whole internet reaches {what}; use narrower addresses, or the group of the load balancer"
    return ""


def _default_name(spot: Spot) -> str:
    value = text(spot.value)
    if value.lower().startswith("sg-"):
        return f"{quoted(value)} begins with sg-, which is for ids; use another name"
    return (
        f"{quoted(value)} is the name of the default group of each VPC; use another name" if value == "default" else ""
    )


def _rules(member: str) -> Constraints:
    each = f"{member}[]"
    return (
        row(each, "a source or target", _has_source, _PERMISSION),
        row(each, "each rule once", _once, _PERMISSION, "The same permission must not appear multiple times"),
        row(f"{each}.IpProtocol", "tcp, udp, icmp, icmpv6, -1 or a number", _protocol, _PERMISSION,
            "Invalid value for IP protocol"),
        *(
            row(f"{each}.{name}", "required with tcp and udp", _has_ports, _PERMISSION,
                f"The request must contain the parameter {name}", absent=True)
            for name in ("FromPort", "ToPort")
        ),
        *(
            row(f"{each}.{name}", "0 to 65535 with tcp and udp", _port, _PERMISSION)
            for name in ("FromPort", "ToPort")
        ),
        row(f"{each}.FromPort", "at most ToPort", _in_order, _PERMISSION, "Invalid TCP/UDP port range"),
        row(f"{each}.FromPort", "none with protocol -1", _no_ports, _PERMISSION, level="note"),
        row(f"{each}.IpRanges[].CidrIp", "an IPv4 CIDR block", lambda spot: cidr_problem(spot.value, version=4),
            "API Reference ec2.IpRange", "CIDR block is malformed"),
        row(f"{each}.Ipv6Ranges[].CidrIpv6", "an IPv6 CIDR block", lambda spot: cidr_problem(spot.value, version=6),
            "API Reference ec2.Ipv6Range", "CIDR block is malformed"),
        row(f"{each}.IpRanges[].CidrIp", "no bits of a host", lambda spot: cidr_note(spot.value),
            "API Reference ec2.AuthorizeSecurityGroupIngress", level="note"),
        row(f"{each}.Ipv6Ranges[].CidrIpv6", "no bits of a host", lambda spot: cidr_note(spot.value),
            "API Reference ec2.AuthorizeSecurityGroupIngress", level="note"),
        *(
            row(f"{each}.{source}[].Description", "at most 255 characters", Length(most=255),
                "API Reference ec2.IpRange: up to 255 characters", "Invalid rule description")
            for source in _SOURCES
        ),
        *id_constraints(f"{each}.UserIdGroupPairs[].GroupId", "sg", "a security group",
                        source="API Reference ec2.UserIdGroupPair"),
    )  # fmt: skip


SECURITY_GROUP: Constraints = (
    *tag_constraints("Tags", "Key", "Value", service="ec2"),
    row("GroupName", "at most 255 characters", Length(least=1, most=255), "API Reference ec2.CreateSecurityGroup"),
    row("GroupName", "does not begin with sg-", _default_name, "API Reference ec2.CreateSecurityGroup",
        "Group names may not be in the format sg-*"),
    row("Description", "1 to 255 characters", Length(least=1, most=255), "API Reference ec2.CreateSecurityGroup"),
    *id_constraints("VpcId", "vpc", "a VPC", source="API Reference ec2.CreateSecurityGroup"),
    *_rules("IpPermissions"),
    *_rules("IpPermissionsEgress"),
    *(
        row(f"IpPermissions[].{path}", "no port of administration for the internet", _open,
            "AWS Security Hub, EC2.19: high-risk ports", level="note")
        for path in ("IpRanges[].CidrIp", "Ipv6Ranges[].CidrIpv6")
    ),
)  # fmt: skip

# ---------------------------------------------------------------- launch templates

_D = "LaunchTemplateData"
_DATA = "API Reference ec2.RequestLaunchTemplateData"
_MOST_USER_DATA = 16384


def _interfaces(spot: Spot) -> str:
    if not spot.value or not spot.block.get("NetworkInterfaces"):
        return ""
    return f"with NetworkInterfaces the groups are declared there; move {spot.path[-1]} into them as Groups"


def _one_list(spot: Spot) -> str:
    if spot.value and spot.block.get("SecurityGroupIds"):
        return "SecurityGroups are names, and SecurityGroupIds are declared too; keep SecurityGroupIds"
    return ""


def _type_or_requirements(spot: Spot) -> str:
    if spot.value and spot.block.get("InstanceRequirements"):
        return "InstanceType and InstanceRequirements exclude each other; keep one"
    return ""


def _user_data(spot: Spot) -> str:
    if not isinstance(spot.value, str) or is_unknown(spot.value):
        return ""
    size = len(spot.value.encode())
    return f"it has {size} bytes; use at most {_MOST_USER_DATA}" if size > _MOST_USER_DATA else ""


def _encoded(spot: Spot) -> str:
    value = text(spot.value)
    if value.startswith(b64encode(b"#!/").decode()[:4]):
        return "it is encoded in base64 already, and ecsync encodes it again; write the plain text"
    return ""


def _iops(spot: Spot) -> str:
    kind = text(spot.block.get("VolumeType"))
    if kind in ("gp2", "st1", "sc1", "standard") and spot.value:
        return f"{kind} has no Iops; leave it out, or use gp3"
    return ""


def _needs_iops(spot: Spot) -> str:
    kind = text(spot.value)
    return f"{kind} needs Iops; declare it" if kind in ("io1", "io2") and not spot.block.get("Iops") else ""


def _device_once(spot: Spot) -> str:
    before = blocks(spot.body[_D]["BlockDeviceMappings"])[: int(spot.path[2])]
    taken = bool(text(spot.value)) and any(one.get("DeviceName") == spot.value for one in before)
    return f"{quoted(spot.value)} is declared twice; use another device name" if taken else ""


def _spot(spot: Spot) -> str:
    if spot.value and spot.block.get("MarketType") not in (None, "spot") and not is_unknown(spot.block["MarketType"]):
        return "SpotOptions are for MarketType spot; set it, or leave them out"
    return ""


LAUNCH_TEMPLATE: Constraints = (
    *tag_constraints("Tags", "Key", "Value", service="ec2"),
    row("LaunchTemplateName", "3 to 128 letters, digits and ( ) . - / _",
        Pattern(allowed=r"[A-Za-z0-9().\-/_]{3,128}", text="3 to 128 letters, digits and ( ) . - / _"),
        "botocore ec2-2016-11-15 LaunchTemplateName", "Launch template name is invalid"),
    row("VersionDescription", "at most 255 characters", Length(most=255), "botocore ec2-2016-11-15 VersionDescription"),
    row(f"{_D}.ImageId", "an AMI, or resolve:ssm:",
        Pattern(allowed=r"ami-[0-9a-z_-]+|resolve:ssm:.+",
                text="the id of an AMI, such as ami-0123456789abcdef0, or resolve:ssm:..."),
        _DATA, "The image id is not valid"),
    row(f"{_D}.InstanceType", "not with InstanceRequirements", _type_or_requirements, _DATA),
    *id_constraints(f"{_D}.SecurityGroupIds[]", "sg", "a security group", source=_DATA),
    row(f"{_D}.SecurityGroupIds", "not with NetworkInterfaces", _interfaces, _DATA,
        "Network interfaces and an instance-level security groups may not be specified on the same request"),
    row(f"{_D}.SecurityGroups", "not with SecurityGroupIds", _one_list, _DATA),
    row(f"{_D}.UserData", "at most 16 KiB before it is encoded", _user_data, "EC2 User Guide, user data: 16 KB",
        "User data is limited to 16384 bytes"),
    row(f"{_D}.UserData", "plain text", _encoded, "docs/manifests.md: ecsync encodes it", level="note"),
    row(f"{_D}.BlockDeviceMappings[].DeviceName", "each device once", _device_once, _DATA),
    row(f"{_D}.BlockDeviceMappings[].Ebs.VolumeSize", "1 to 65536", Range(least=1, most=65536),
        "API Reference ec2.EbsBlockDevice"),
    row(f"{_D}.BlockDeviceMappings[].Ebs.Iops", "with gp3, io1 and io2", _iops, "API Reference ec2.EbsBlockDevice"),
    row(f"{_D}.BlockDeviceMappings[].Ebs.VolumeType", "io1 and io2 with Iops", _needs_iops,
        "API Reference ec2.EbsBlockDevice"),
    row(f"{_D}.MetadataOptions.HttpPutResponseHopLimit", "1 to 64", Range(least=1, most=64),
        "API Reference ec2.LaunchTemplateInstanceMetadataOptionsRequest"),
    row(f"{_D}.InstanceMarketOptions.SpotOptions", "with MarketType spot", _spot, _DATA),
)  # fmt: skip
