"""LoadBalancer: an application, network or gateway load balancer."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from functools import partial

from ecsync.core import marks
from ecsync.core.kind import Kind, Owned, ShapeOf, Wanted, World
from ecsync.core.marks import with_marks
from ecsync.core.model import Absent, Call, Create, Delete, Desired, Key, Observed, Present, Replace, Tags, Update
from ecsync.core.outcome import HEALTHY, Health
from ecsync.core.ports import Reader
from ecsync.core.rules import Computed, Default, Immutable, Refers, Rewrite, Unordered
from ecsync.core.trees import Body, Json, Path
from ecsync.kinds._common import changed, operations, pick, read_tags, tag_rows, without, without_nones
from ecsync.kinds._outputs import OUTPUTS, end_of
from ecsync.kinds.elbv2._attributes import of_load_balancer
from ecsync.kinds.elbv2._shared import (
    ATTRIBUTE_ROWS,
    TAGGING,
    TAGS,
    all_pages,
    as_printed,
    attribute_calls,
    changed_attributes,
    known_or_declared,
    named_in_arn,
    one_by_one,
    own_arn,
    owned_items,
    present_or_absent,
    read_attributes,
    reads_attributes,
    released_row,
    with_tags,
)
from ecsync.kinds.elbv2.constraints import load_balancer as constraints

# 1 IDENTITY ------------------------------------------------------------------------------------------------------

_MAX_NAME = 32  # elbv2.CreateLoadBalancer: a maximum of 32 characters
_NAME = re.compile(r"(?!internal-)[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?")
_NAME_RULE = 'use 1 to 32 letters, digits and hyphens, no hyphen at either end, and no "internal-" at the beginning'
_LOGS = ("access_logs.s3", "connection_logs.s3", "health_check_logs.s3")


def _natural(body: Body) -> str | None:
    name = body.get("Name")
    return name if isinstance(name, str) else None


# 2 SHAPE ---------------------------------------------------------------------------------------------------------

SHAPE = ShapeOf(
    operation="elbv2.CreateLoadBalancer",
    extra={"Attributes": "elbv2.ModifyLoadBalancerAttributes:Attributes"},
    describe="elbv2.DescribeLoadBalancers:LoadBalancers[]",
    optional=("Name",),
)


def _check(body: Body) -> Iterator[tuple[Path, str]]:
    name = body.get("Name")
    if isinstance(name, str) and (len(name) > _MAX_NAME or not _NAME.fullmatch(name)):
        yield ("Name",), f"{name!r} is not a valid name of a load balancer: {_NAME_RULE}"
    if body.get("Subnets") and body.get("SubnetMappings"):
        yield ("SubnetMappings",), "declare Subnets or SubnetMappings, not both: AWS accepts one of them"
    attributes = marks.tag_map(body.get("Attributes"))
    for log in _LOGS:
        if f"{log}.bucket" in attributes and f"{log}.enabled" not in attributes:
            yield ("Attributes",), f"{log}.bucket has no effect without {log}.enabled; declare both"


# 3 RULES ---------------------------------------------------------------------------------------------------------


def _without_unused_log_targets(attributes: Json) -> Json:
    """Remove bucket and prefix of logs that are off: AWS may return them or not."""
    off = [log for log in _LOGS if attributes.get(f"{log}.enabled") == "false"]
    unused = {f"{log}.{setting}" for log in off for setting in ("bucket", "prefix")}
    return type(attributes)({key: value for key, value in attributes.items() if key not in unused})


_ONE_FOR_EACH_ZONE = "elbv2.SetSubnets: one subnet for each zone; order has no meaning"
_SUBNET_IDS = "elbv2.CreateLoadBalancer: the IDs of the subnets"

RULES = (
    *tag_rows("Tags", "Key", "Value"),
    *ATTRIBUTE_ROWS,
    released_row(of_load_balancer),
    Rewrite(
        path="Attributes",
        to=_without_unused_log_targets,
        source="read back from AWS: bucket and prefix have no effect while the logs are off",
        cases=("der-lb-access-logs-off",),
    ),
    Default(path="Type", value="application", source="elbv2.CreateLoadBalancer: the default is application"),
    Default(
        path="Scheme",
        value="internet-facing",
        when=lambda body: body.get("Type") != "gateway",
        description="internet-facing, none with Type gateway",
        source="elbv2.CreateLoadBalancer: the default is an Internet-facing load balancer; a gateway has no scheme",
        cases=("cap-ElasticLoadBalancingV2-LoadBalancer.Gwlb",),
    ),
    Default(
        path="IpAddressType",
        value="ipv4",
        source="read back from AWS: DescribeLoadBalancers returns ipv4 where none was sent",
    ),
    Default(
        path="EnablePrefixForIpv6SourceNat", value="off", source="elbv2.CreateLoadBalancer: the default value is off"
    ),
    Unordered(path="Subnets", source=_ONE_FOR_EACH_ZONE),
    Unordered(path="SubnetMappings", source=_ONE_FOR_EACH_ZONE),
    Unordered(path="SecurityGroups", source="elbv2.SetSecurityGroups: order has no meaning"),
    Computed(
        path="SecurityGroups",
        source="Elastic Load Balancing assigns the VPC's default security group where a load balancer declares none",
    ),
    *(
        Immutable(path=member, source="elbv2 has no call that changes it")
        for member in ("Name", "Scheme", "Type", "CustomerOwnedIpv4Pool")
    ),
    Refers(path="Subnets[]", kind="Network", output="subnetIds", source=_SUBNET_IDS),
    Refers(path="SubnetMappings[].SubnetId", kind="Network", output="subnetIds", source=_SUBNET_IDS),
    Refers(
        path="SecurityGroups[]",
        kind="SecurityGroup",
        output="id",
        source="elbv2.CreateLoadBalancer: the IDs of the security groups",
    ),
)

# 4 READ ----------------------------------------------------------------------------------------------------------

_READS = ("DescribeLoadBalancers", "DescribeLoadBalancerAttributes", "DescribeTags")
_READ_MEMBERS = (
    "Scheme", "Type", "IpAddressType", "SecurityGroups", "CustomerOwnedIpv4Pool", "EnablePrefixForIpv6SourceNat",
    "IpamPools",
)  # fmt: skip
_MAPPING = ("AllocationId", "PrivateIPv4Address", "IPv6Address", "SourceNatIpv6Prefix")


def body_of(balancer: Body, declared: Body) -> dict[str, Json]:
    """Return a described load balancer in the shape of the create input.

    AWS returns its subnets in its zones only. They are returned in the declared form: as `Subnets` or `SubnetMappings`.
    """
    zones = balancer.get("AvailabilityZones") or ()
    body = {"Name": balancer["LoadBalancerName"], **known_or_declared(balancer, _READ_MEMBERS, declared)}
    declared_mappings = declared.get("SubnetMappings")
    if isinstance(declared_mappings, list):
        mappings = {mapping.get("SubnetId"): mapping for mapping in declared_mappings}
        return {**body, "SubnetMappings": [_mapping(zone, mappings.get(zone["SubnetId"], {})) for zone in zones]}
    return {**body, "Subnets": [zone["SubnetId"] for zone in zones]}


def _mapping(zone: Body, declared: Body) -> dict[str, Json]:
    """Return the declared members of a mapping as the zone has them; AWS chooses undeclared addresses."""
    addresses = (zone.get("LoadBalancerAddresses") or [{}])[0]
    prefix = (zone.get("SourceNatIpv6Prefixes") or [None])[0]
    if declared.get("SourceNatIpv6Prefix") == "auto_assigned" and prefix:
        prefix = "auto_assigned"
    live = {**addresses, "SourceNatIpv6Prefix": prefix}
    members = {member: live.get(member) for member in _MAPPING if member in declared}
    return without_nones({"SubnetId": zone["SubnetId"], **members})


def _read(reader: Reader, wanted: Sequence[Wanted], _: World) -> Iterator[tuple[Key, Observed]]:
    """List all load balancers once: a read by name fails as a whole if one load balancer is missing."""
    names = {want.body["Name"] for want in wanted}
    balancers = reader.pages("elbv2", "DescribeLoadBalancers", "LoadBalancers")
    named = [balancer for balancer in balancers if balancer["LoadBalancerName"] in names]
    found = {live["LoadBalancerName"]: (live, tags) for live, tags in with_tags(reader, named, "LoadBalancerArn")}
    for want in wanted:
        live = found.get(want.body["Name"])
        yield want.key, present_or_absent(partial(_present, reader, *live, want.body)) if live else Absent()


def _present(reader: Reader, balancer: Body, live_tags: Body, declared: Body) -> Present:
    tags, mark, foreign = read_tags(live_tags)
    body = {**body_of(balancer, declared), "Tags": tags}
    if reads_attributes(declared, mark, tags):
        body["Attributes"] = read_attributes(reader, "LoadBalancer", balancer["LoadBalancerArn"])
    outputs = {
        "arn": balancer["LoadBalancerArn"],
        "dnsName": balancer.get("DNSName"),  # a gateway load balancer has no DNS name and no hosted zone
        "zoneId": balancer.get("CanonicalHostedZoneId"),
        "name": balancer["LoadBalancerName"],
    }
    state = balancer.get("State") or {}
    facts = {"state": state.get("Code", ""), "stateReason": state.get("Reason", "")}
    return Present(body=body, outputs=without_nones(outputs), marks=mark, facts=facts, foreign=foreign)


def _printed(live: Body, declared: Body) -> Present:
    """Return the load balancer that DescribeLoadBalancers prints; without zones, `live` is a create input."""
    body = body_of({"LoadBalancerName": live.get("Name"), **live}, declared)
    if "AvailabilityZones" not in live:
        body = {**pick(live, "Subnets", "SubnetMappings"), **without(body, "Subnets", "SubnetMappings")}
    return as_printed(live, body)


def _owned(reader: Reader, scope: str) -> Iterator[Owned]:
    balancers = all_pages(reader, "DescribeLoadBalancers", "LoadBalancers")
    for balancer, tags in owned_items(reader, scope, balancers, "LoadBalancerArn"):
        present = _present(reader, balancer, tags, {})
        assert present.marks is not None
        yield Owned(marks=present.marks, natural=balancer["LoadBalancerName"], present=present)


# 5 CALLS ---------------------------------------------------------------------------------------------------------


def _calls(change: Create | Update | Replace | Delete) -> tuple[Call, ...]:
    match change:
        case Create(desired=desired, marks=mark_tags):
            return _create(desired, mark_tags)
        case Update(observed=observed):
            return tuple(_update(change, observed.outputs["arn"]))
        case Replace(observed=observed) | Delete(observed=observed):
            return (_call("DeleteLoadBalancer", observed.outputs["arn"]),)


def _call(operation: str, arn: Json, **params: Json) -> Call:
    return Call(service="elbv2", operation=operation, params={"LoadBalancerArn": arn, **params})


def _create(desired: Desired, mark_tags: Tags) -> tuple[Call, ...]:
    create = Call(
        service="elbv2",
        operation="CreateLoadBalancer",
        params=with_marks(TAGGING, without(desired.body, "Attributes"), mark_tags),
        captures={
            "arn": ("LoadBalancers", 0, "LoadBalancerArn"),
            "dnsName": ("LoadBalancers", 0, "DNSName"),
            "zoneId": ("LoadBalancers", 0, "CanonicalHostedZoneId"),
            "name": ("LoadBalancers", 0, "LoadBalancerName"),
        },
    )
    return (create, *attribute_calls("LoadBalancer", own_arn(desired.key), desired.body.get("Attributes") or ()))


def _update(change: Update, arn: Json) -> Iterable[Call]:
    """Yield one call for each aspect; the subnets first, because the address type needs subnets with such addresses."""
    members, body = changed(change), change.desired.body
    if members.keys() & {"Subnets", "SubnetMappings", "EnablePrefixForIpv6SourceNat"}:
        subnets = pick(body, "Subnets", "SubnetMappings") or pick(change.observed.body, "Subnets")
        prefix = {name: members[name] or "off" for name in ("EnablePrefixForIpv6SourceNat",) if name in members}
        yield _call("SetSubnets", arn, **subnets, **prefix)
    if "SecurityGroups" in members:
        yield _call("SetSecurityGroups", arn, SecurityGroups=members["SecurityGroups"] or [])
    if "IpAddressType" in members:
        yield _call("SetIpAddressType", arn, IpAddressType=members["IpAddressType"] or "ipv4")
    if "IpamPools" in members:
        pools = members["IpamPools"]
        yield _call("ModifyIpPools", arn, **({"IpamPools": pools} if pools else {"RemoveIpamPools": ["ipv4"]}))
    yield from attribute_calls("LoadBalancer", arn, changed_attributes(change))


# ONLY SOME KINDS -------------------------------------------------------------------------------------------------


def _health(_: Desired, present: Present) -> Health:
    state, why = str(present.facts.get("state", "")), str(present.facts.get("stateReason", ""))
    if state == "provisioning":
        return Health(status="Progressing", why="AWS is provisioning it")
    if state in ("failed", "active_impaired"):
        return Health(status="Degraded", why=why or state)
    return HEALTHY


# The members of AWS's shapes that the rules take into account; `make review` prints those that a newer botocore has.
REVIEWED = {
    "CreateLoadBalancerInput": (
        "Attributes CustomerOwnedIpv4Pool EnablePrefixForIpv6SourceNat IpAddressType IpamPools Name Scheme "
        "SecurityGroups SubnetMappings Subnets Tags Type"
    ),
    "IpamPools": "Ipv4IpamPoolId",
    "LoadBalancerAttribute": "Key Value",
    "SubnetMapping": "AllocationId IPv6Address PrivateIPv4Address SourceNatIpv6Prefix SubnetId",
    "Tag": "Key Value",
}

KIND = Kind(
    name="LoadBalancer",
    example="""
LoadBalancer/web:
  Name: shop
  Scheme: internet-facing
  Subnets: ${Network/main.publicSubnetIds}
  SecurityGroups: ["${SecurityGroup/web}"]
  Attributes: {idle_timeout.timeout_seconds: 60}
""",
    natural=_natural,
    name_member="Name",
    name_limit=_MAX_NAME,
    primary="arn",
    outputs=OUTPUTS["LoadBalancer"],
    derived={"fullName": partial(end_of, "arn", ":loadbalancer/")},
    known=lambda body: {"name": body["Name"]},
    invalidates={"replace": ("arn", "dnsName", "zoneId", "fullName")},
    tagging=TAGGING,
    shape=SHAPE,
    reviewed=REVIEWED,
    check=_check,
    constraints=constraints.ROWS,
    rules=RULES,
    read=_read,
    owned=_owned,
    tagged_as="elasticloadbalancing:loadbalancer",
    collections=(TAGS, *one_by_one("DescribeLoadBalancerAttributes")),
    from_describe=_printed,
    reads=operations("elbv2", *_READS),
    calls=_calls,
    writes=operations(
        "elbv2",
        "CreateLoadBalancer",
        "SetSubnets",
        "SetSecurityGroups",
        "SetIpAddressType",
        "ModifyIpPools",
        "ModifyLoadBalancerAttributes",
    ),
    deletes=operations("elbv2", "DeleteLoadBalancer"),
    rights=(
        "iam:CreateServiceLinkedRole",  # AWS creates the role with the first load balancer of an account
    ),
    health=_health,
    from_reference=named_in_arn("loadbalancer"),
)
