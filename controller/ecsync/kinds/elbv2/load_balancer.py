"""LoadBalancer: an application, network or gateway load balancer."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial

from ecsync.core import marks
from ecsync.core.kind import Kind, Owned, ShapeOf, Wanted, World
from ecsync.core.model import Absent, Call, Create, Delete, Desired, Health, Key, Observed, Present, Replace, Update
from ecsync.core.ports import Reader
from ecsync.core.rules import Computed, Default, Immutable, Refers, Rewrite, Unordered
from ecsync.core.tagging import with_marks
from ecsync.core.trees import Body, Json, Path
from ecsync.kinds._common import changed, operations, pick, read_tags, tag_rows, without, without_nones
from ecsync.kinds.elbv2._attributes import of_load_balancer
from ecsync.kinds.elbv2._shared import (
    ATTRIBUTE_ROWS,
    TAGGING,
    as_printed,
    attribute_calls,
    changed_attributes,
    ours,
    own_arn,
    read_attributes,
    reads_attributes,
    released_to,
    seen,
    tagged,
    unless_gone,
    whole,
)

# 1 IDENTITY ------------------------------------------------------------------------------------------------------

_LIMIT = 32
_NAME = re.compile(r"(?!internal-)[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?")
_LOGS = ("access_logs.s3", "connection_logs.s3", "health_check_logs.s3")


def _check(body: Body) -> Iterator[tuple[Path, str]]:
    name = body.get("Name")
    if isinstance(name, str) and (len(name) > _LIMIT or not _NAME.fullmatch(name)):
        yield ("Name",), f"{name!r} is no name for a load balancer: at most 32 of A-Z a-z 0-9 -, none at the ends"
    if body.get("Subnets") and body.get("SubnetMappings"):
        yield ("SubnetMappings",), "AWS takes Subnets or SubnetMappings, not both"
    attributes = marks.tag_map(body.get("Attributes"))
    for log in _LOGS:
        if f"{log}.bucket" in attributes and f"{log}.enabled" not in attributes:
            yield ("Attributes",), f"{log}.bucket says nothing without {log}.enabled"


# 3 RULES ---------------------------------------------------------------------------------------------------------


def _without_idle_logs(attributes: Json) -> Json:
    """Leave out where logs would go while they are off: AWS keeps or forgets that as it likes."""
    off = [log for log in _LOGS if attributes.get(f"{log}.enabled") == "false"]
    idle = {f"{log}.{what}" for log in off for what in ("bucket", "prefix")}
    kept = {key: value for key, value in attributes.items() if key not in idle}
    return type(attributes)(kept)


RULES = (
    *tag_rows("Tags", "Key", "Value"),
    *ATTRIBUTE_ROWS,
    released_to(of_load_balancer),
    Rewrite(
        path="Attributes",
        to=_without_idle_logs,
        source="normalization.md §4.2: ignored when disabled",
        cases=("der-lb-access-logs-off",),
    ),
    Default(path="Type", value="application", source="normalization.md §4.2"),
    Default(
        path="Scheme",
        value="internet-facing",
        when=lambda body: body.get("Type") != "gateway",
        says="internet-facing, none with Type gateway",
        source="normalization.md §4.2; elbv2.CreateLoadBalancer: no scheme for a gateway",
        cases=("cap-ElasticLoadBalancingV2-LoadBalancer.Gwlb",),
    ),
    Default(path="IpAddressType", value="ipv4", source="normalization.md §4.2"),
    Default(path="EnablePrefixForIpv6SourceNat", value="off", source="elbv2.CreateLoadBalancer: default off"),
    Unordered(path="Subnets", source="normalization.md §4.2: sets"),
    Unordered(path="SubnetMappings", source="normalization.md §4.2: sets"),
    Unordered(path="SecurityGroups", source="normalization.md §4.2: sets"),
    Computed(path="SecurityGroups", source="normalization.md §4.2: VPC default when undeclared"),
    *(Immutable(path=member, source="normalization.md §4.2") for member in ("Name", "Scheme", "Type")),
    Immutable(path="CustomerOwnedIpv4Pool", source="normalization.md §4.2"),
    Refers(path="Subnets[]", kind="Network", output="subnetIds", source="manifests.md, References"),
    Refers(path="SubnetMappings[].SubnetId", kind="Network", output="subnetIds", source="manifests.md, References"),
    Refers(path="SecurityGroups[]", kind="SecurityGroup", output="id", source="manifests.md, References"),
)

# 4 READ ----------------------------------------------------------------------------------------------------------

_READS = ("DescribeLoadBalancers", "DescribeLoadBalancerAttributes", "DescribeTags")
_SEEN = (
    "Scheme", "Type", "IpAddressType", "SecurityGroups", "CustomerOwnedIpv4Pool", "EnablePrefixForIpv6SourceNat",
    "IpamPools",
)  # fmt: skip
_MAPPING = ("AllocationId", "PrivateIPv4Address", "IPv6Address", "SourceNatIpv6Prefix")


def body_of(balancer: Body, declared: Body) -> dict[str, Json]:
    """Return a described load balancer in the shape of the create input.

    Its subnets are told only by its zones, and are given as the document has them: plain, or as mappings.
    """
    zones = balancer.get("AvailabilityZones") or ()
    body = {"Name": balancer["LoadBalancerName"], **seen(balancer, _SEEN, declared)}
    written = declared.get("SubnetMappings")
    if isinstance(written, list):
        mappings = {one.get("SubnetId"): one for one in written}
        return {**body, "SubnetMappings": [_mapping(zone, mappings.get(zone["SubnetId"], {})) for zone in zones]}
    return {**body, "Subnets": [zone["SubnetId"] for zone in zones]}


def _mapping(zone: Body, declared: Body) -> dict[str, Json]:
    """Return what a zone tells of the mapping's declared members; AWS chooses the addresses nobody declared."""
    addresses = (zone.get("LoadBalancerAddresses") or [{}])[0]
    prefixes = zone.get("SourceNatIpv6Prefixes") or [None]
    told = {**addresses, "SourceNatIpv6Prefix": prefixes[0]}
    if declared.get("SourceNatIpv6Prefix") == "auto_assigned" and prefixes[0]:
        told["SourceNatIpv6Prefix"] = "auto_assigned"
    return without_nones({"SubnetId": zone["SubnetId"], **{m: told.get(m) for m in _MAPPING if m in declared}})


def _read(reader: Reader, wanted: Sequence[Wanted], _: World) -> Iterator[tuple[Key, Observed]]:
    """List all load balancers once: by name, AWS refuses the whole call when a single one is not there."""
    names = {want.body["Name"] for want in wanted}
    every = reader.pages("elbv2", "DescribeLoadBalancers", "LoadBalancers")
    named = [balancer for balancer in every if balancer["LoadBalancerName"] in names]
    found = {one["LoadBalancerName"]: (one, tags) for one, tags in tagged(reader, named, "LoadBalancerArn")}
    for want in wanted:
        one = found.get(want.body["Name"])
        yield want.key, unless_gone(partial(_present, reader, *one, want.body)) if one else Absent()


def _present(reader: Reader, balancer: Body, tags: Body, declared: Body) -> Present:
    theirs, live, foreign = read_tags(tags)
    body = {**body_of(balancer, declared), "Tags": theirs}
    if reads_attributes(declared, live, theirs):
        body["Attributes"] = read_attributes(reader, "LoadBalancer", balancer["LoadBalancerArn"])
    outputs = {
        "arn": balancer["LoadBalancerArn"],
        "dnsName": balancer.get("DNSName"),  # a gateway has neither name nor zone
        "zoneId": balancer.get("CanonicalHostedZoneId"),
        "name": balancer["LoadBalancerName"],
    }
    state = balancer.get("State") or {}
    facts = {"state": state.get("Code", ""), "stateReason": state.get("Reason", "")}
    return Present(body=body, outputs=without_nones(outputs), marks=live, facts=facts, foreign=foreign)


def _printed(live: Body, declared: Body) -> Present:
    """Return what DescribeLoadBalancers prints; without zones the subnets are as CreateLoadBalancer takes them."""
    body = body_of({"LoadBalancerName": live.get("Name"), **live}, declared)
    if "AvailabilityZones" not in live:
        body = {**pick(live, "Subnets", "SubnetMappings"), **without(body, "Subnets", "SubnetMappings")}
    return as_printed(live, body)


def _owned(reader: Reader, installation: str) -> Iterator[Owned]:
    balancers = whole(reader, "DescribeLoadBalancers", "LoadBalancers")
    for balancer, tags in ours(reader, installation, balancers, "LoadBalancerArn"):
        present = _present(reader, balancer, tags, {})
        assert present.marks is not None
        yield Owned(marks=present.marks, natural=balancer["LoadBalancerName"], present=present)


# 5 CALLS ---------------------------------------------------------------------------------------------------------


def _calls(change: Create | Update | Replace | Delete) -> tuple[Call, ...]:
    match change:
        case Create(desired=desired, marks=tags):
            return _create(desired, tags)
        case Update(observed=observed):
            return tuple(_update(change, observed.outputs["arn"]))
        case Replace(observed=observed) | Delete(observed=observed):
            return (_call("DeleteLoadBalancer", observed.outputs["arn"]),)


def _call(operation: str, arn: Json, **params: Json) -> Call:
    return Call(service="elbv2", operation=operation, params={"LoadBalancerArn": arn, **params})


def _create(desired: Desired, tags: Mapping[str, str]) -> tuple[Call, ...]:
    create = Call(
        service="elbv2",
        operation="CreateLoadBalancer",
        params=with_marks(TAGGING, without(desired.body, "Attributes"), tags),
        captures={
            "arn": ("LoadBalancers", 0, "LoadBalancerArn"),
            "dnsName": ("LoadBalancers", 0, "DNSName"),
            "zoneId": ("LoadBalancers", 0, "CanonicalHostedZoneId"),
            "name": ("LoadBalancers", 0, "LoadBalancerName"),
        },
    )
    return (create, *attribute_calls("LoadBalancer", own_arn(desired.key), desired.body.get("Attributes") or ()))


def _update(change: Update, arn: Json) -> Iterable[Call]:
    """Subnets come before the address type, which needs subnets that have such addresses."""
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
        return Health(status="Progressing", why="AWS is setting it up")
    if state in ("failed", "active_impaired"):
        return Health(status="Degraded", why=why or state)
    return Health(status="Healthy")


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
    natural=lambda body: body["Name"] if isinstance(body.get("Name"), str) else None,
    name_member="Name",
    name_limit=_LIMIT,
    primary="arn",
    outputs=("arn", "dnsName", "zoneId", "name"),
    known=lambda body: {"name": body["Name"]},
    invalidates={"replace": ("arn", "dnsName", "zoneId")},
    tagging=TAGGING,
    shape=ShapeOf(
        operation="elbv2.CreateLoadBalancer",
        extra={"Attributes": "elbv2.ModifyLoadBalancerAttributes:Attributes"},
        describe="elbv2.DescribeLoadBalancers:LoadBalancers[]",
        optional=("Name",),
    ),
    reviewed=REVIEWED,
    check=_check,
    rules=RULES,
    read=_read,
    owned=_owned,
    from_describe=_printed,
    reads=operations("elbv2", *_READS),
    calls=_calls,
    health=_health,
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
        "iam:CreateServiceLinkedRole",  # the first load balancer of an account
    ),
)
