"""Network: a VPC and its subnets. Read-only: ecsync looks it up and never writes it (docs/rules.md R20).

Exactly one VPC must match. `subnetIds` are all of its subnets, or those of the declared groups, sorted by zone and id.
`publicSubnetIds` and `privateSubnetIds` hold one subnet for each zone, the first by id: a load balancer accepts one
subnet for each zone.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from ecsync.core import marks
from ecsync.core.kind import Asked, Kind, Wanted, World
from ecsync.core.model import Absent, Key, Observed, Present, Text, Unreadable
from ecsync.core.ports import Reader
from ecsync.core.schema import BOOLEAN, STRING, documented, mapping, structure
from ecsync.core.trees import Body, Json, Path, canonical, leaves
from ecsync.core.wording import listed, quoted, suggestion
from ecsync.kinds._common import medium, operations, without_nones
from ecsync.kinds._outputs import OUTPUTS

# 1 IDENTITY ------------------------------------------------------------------------------------------------------

_SELECTORS = ("id", "tags", "default")
_GROUPS = ("public", "private")


def _natural(body: Body) -> str | None:
    if any(isinstance(leaf, Text) for _, leaf in leaves(body)):
        return None
    return canonical({selector: body[selector] for selector in _SELECTORS if selector in body})


# 2 SHAPE ---------------------------------------------------------------------------------------------------------

# AWS's model has no such shape. `_check` alone decides what a document may declare, and OWN_SHAPE describes it.

_TAGS = structure({"tags": documented(mapping(STRING), "Tags that a subnet must have, all of them.")}, "tags")
OWN_SHAPE = documented(
    structure(
        {
            "id": documented(STRING, "The id of the VPC. Declare one of id, tags and default."),
            "tags": documented(
                mapping(STRING), "Tags that the VPC must have, all of them; exactly one VPC must match."
            ),
            "default": documented(BOOLEAN, "true: the default VPC of the Region."),
            "subnets": documented(
                structure(
                    {
                        "public": documented(_TAGS, "The subnets of publicSubnetIds.", "by their route tables"),
                        "private": documented(_TAGS, "The subnets of privateSubnetIds.", "by their route tables"),
                    }
                ),
                "The public and the private subnets, by their tags. Where one is declared, subnetIds has no others.",
                "all subnets of the VPC",
            ),
        }
    ),
    "A VPC and its subnets: read from the account, never changed.",
)


def _check(body: Body) -> Iterator[tuple[Path, str]]:
    members = (*_SELECTORS, "subnets")
    for member in body:
        if member not in members:
            yield (member,), f"{quoted(member)} is not a member of a Network{suggestion(member, members)}"
    declared = [selector for selector in _SELECTORS if body.get(selector) is not None]
    if len(declared) != 1:
        found = listed(declared) if declared else "none"
        yield (), f"a Network must declare exactly one of id, tags and default: true; this one declares {found}"
    if "id" in declared and isinstance(body["id"], (Mapping, list, int)):
        yield ("id",), "id must be the id of a VPC, such as vpc-0123456789abcdef0"
    if "default" in declared and body["default"] is not True:
        yield ("default",), "default must be true, or be left out"
    if "tags" in declared:
        yield from _check_tags(("tags",), body["tags"])
    yield from _check_groups(body.get("subnets"))


def _check_groups(groups: Json) -> Iterator[tuple[Path, str]]:
    if groups is None:
        return
    if not isinstance(groups, Mapping):
        yield ("subnets",), "subnets must be a map with public and private"
        return
    for name, group in groups.items():
        if name not in _GROUPS:
            yield ("subnets", name), f"{quoted(name)} is not a group of subnets{suggestion(str(name), _GROUPS)}"
        elif not isinstance(group, Mapping) or list(group) != ["tags"]:
            yield ("subnets", name), 'a group of subnets must be declared by its tags alone: {tags: {Name: "…"}}'
        else:
            yield from _check_tags(("subnets", name, "tags"), group["tags"])


def _check_tags(path: Path, tags: Json) -> Iterator[tuple[Path, str]]:
    if not isinstance(tags, Mapping) or not tags:
        yield path, "tags must be a map of at least one tag; all of them must match"
        return
    for key, value in tags.items():
        if isinstance(value, (Mapping, list)) or value is None:
            yield (*path, key), "the value of a tag must be text"


# 3 RULES ---------------------------------------------------------------------------------------------------------

# None: a lookup is never compared.

# 4 READ ----------------------------------------------------------------------------------------------------------

_GROUPS_READ = "DescribeSecurityGroups"


def _read(reader: Reader, wanted: Sequence[Wanted], _: World) -> Iterator[tuple[Key, Observed]]:
    for want in wanted:
        vpcs = [vpc for vpc in _vpcs(reader, want.body) if _tagged(vpc, want.body.get("tags"))]
        match vpcs:
            case []:
                yield want.key, Absent()
            case [vpc]:
                yield want.key, _present(reader, want.body, vpc)
            case _:
                ids = sorted(vpc["VpcId"] for vpc in vpcs)
                yield want.key, Unreadable(f"{len(ids)} VPCs match: {listed(ids)}; declare one by id, or add tags")


def _looks_for(body: Body) -> str:
    if "id" in body:
        return f"VPC {body['id']}"
    if "tags" in body:
        tags = sorted(f"{key}={value}" for key, value in body["tags"].items())
        return f"VPC with {'tag' if len(tags) == 1 else 'tags'} {listed(tags)}"
    return "default VPC"


def _vpcs(reader: Reader, body: Body) -> Iterator[Body]:
    filters: list[Json]
    if "id" in body:
        filters = [_filter("vpc-id", body["id"])]
    elif "tags" in body:
        filters = [_filter(f"tag:{key}", value) for key, value in sorted(body["tags"].items())]
    else:
        filters = [_filter("is-default", "true")]
    yield from reader.pages("ec2", "DescribeVpcs", "Vpcs", Filters=filters)


def _filter(name: str, value: Json) -> dict[str, Json]:
    return {"Name": name, "Values": [str(value)]}


def _tagged(resource: Body, tags: Mapping[str, Json] | None) -> bool:
    """True if the resource has exactly these tag values: in EC2's filters, `*` and `?` are wildcards."""
    live = marks.tag_map(resource.get("Tags"))
    return all(live.get(key) == str(value) for key, value in (tags or {}).items())


def _present(reader: Reader, body: Body, vpc: Body) -> Present | Unreadable:
    in_vpc = [_filter("vpc-id", vpc["VpcId"])]
    subnets = sorted(reader.pages("ec2", "DescribeSubnets", "Subnets", Filters=in_vpc), key=_zone_and_id)
    tables = list(reader.pages("ec2", "DescribeRouteTables", "RouteTables", Filters=in_vpc))
    declared = body.get("subnets") or {}
    groups = {name: _group(name, declared, subnets, tables) for name in _GROUPS}
    for name in _GROUPS:
        if name in declared and not groups[name]:
            tags = ", ".join(f"{key}={value}" for key, value in declared[name]["tags"].items())
            return Unreadable(f"no subnet of {vpc['VpcId']} has the tags of the {name} group ({tags})")
    chosen = _chosen(subnets, [groups[name] for name in declared])
    outputs = {
        "vpcId": vpc["VpcId"],
        "subnetIds": _ids(chosen),
        "publicSubnetIds": _ids(_one_per_zone(groups["public"])),
        "privateSubnetIds": _ids(_one_per_zone(groups["private"])),
        "availabilityZones": tuple(dict.fromkeys(subnet["AvailabilityZone"] for subnet in chosen)),
        **without_nones({"cidr": vpc.get("CidrBlock"), "ipv6Cidr": _ipv6(vpc)}),
    }
    facts = {"subnets": {name: _ids(group) for name, group in groups.items()}, "cidr": vpc.get("CidrBlock", "")}
    return Present(body=body, outputs=outputs, facts=facts)  # the declared body: a lookup never differs


def _ipv6(vpc: Body) -> str | None:
    """Return the first IPv6 range that is associated with the VPC."""
    ranges = (
        one.get("Ipv6CidrBlock")
        for one in vpc.get("Ipv6CidrBlockAssociationSet", ())
        if (one.get("Ipv6CidrBlockState") or {}).get("State", "associated") == "associated"
    )
    return next((one for one in ranges if one), None)


def _default_security_group(reader: Reader, network: Present) -> str | None:
    filters = [_filter("vpc-id", network.outputs["vpcId"]), _filter("group-name", "default")]
    return next((one["GroupId"] for one in reader.pages("ec2", _GROUPS_READ, "SecurityGroups", Filters=filters)), None)


def _zone_and_id(subnet: Body) -> tuple[str, str]:
    return subnet["AvailabilityZone"], subnet["SubnetId"]


def _group(name: str, declared: Body, subnets: Sequence[Body], tables: Sequence[Body]) -> list[Body]:
    """Return the public or the private subnets: by the declared tags, else by their routes."""
    if name in declared:
        return [subnet for subnet in subnets if _tagged(subnet, declared[name]["tags"])]
    return [subnet for subnet in subnets if _public(subnet, tables) is (name == "public")]


def _chosen(subnets: Sequence[Body], declared: Sequence[Sequence[Body]]) -> list[Body]:
    """Return the subnets of the declared groups; every subnet if no group is declared."""
    if not declared:
        return list(subnets)
    ids = {subnet["SubnetId"] for group in declared for subnet in group}
    return [subnet for subnet in subnets if subnet["SubnetId"] in ids]


def _one_per_zone(subnets: Iterable[Body]) -> list[Body]:
    first: dict[str, Body] = {}
    for subnet in subnets:
        first.setdefault(subnet["AvailabilityZone"], subnet)
    return list(first.values())


def _ids(subnets: Iterable[Body]) -> tuple[str, ...]:
    return tuple(subnet["SubnetId"] for subnet in subnets)


def _public(subnet: Body, tables: Sequence[Body]) -> bool:
    """True if the subnet's route table has an active route to an internet gateway.

    AWS defines the default subnets of a default VPC as public while they assign public addresses.
    """
    if subnet.get("DefaultForAz") and subnet.get("MapPublicIpOnLaunch"):
        return True
    own = next((table for table in tables if _associated(table, "SubnetId", subnet["SubnetId"])), None)
    table = own or next((table for table in tables if _associated(table, "Main", True)), None)
    routes = table.get("Routes", ()) if table else ()
    return any(
        str(route.get("GatewayId", "")).startswith("igw-") and route.get("State", "active") == "active"
        for route in routes
    )


def _associated(table: Body, member: str, value: Json) -> bool:
    return any(association.get(member) == value for association in table.get("Associations", ()))


# 5 CALLS ---------------------------------------------------------------------------------------------------------

# None: a Network is never written.

KIND = Kind(
    name="Network",
    example="""
Network/main:
  tags: {Name: shop}  # an existing VPC, looked up by its tags
""",
    natural=_natural,
    primary="vpcId",
    outputs=OUTPUTS["Network"],
    list_outputs=frozenset({"subnetIds", "publicSubnetIds", "privateSubnetIds", "availabilityZones"}),
    known=lambda body: {"vpcId": body["id"]} if isinstance(body.get("id"), str) else {},
    asked={"defaultSecurityGroupId": Asked(operation=f"ec2.{_GROUPS_READ}", read=_default_security_group)},
    own_shape=OWN_SHAPE,
    check=_check,
    read=_read,
    looks_for=_looks_for,
    apart=True,
    collections=medium("ec2", "DescribeVpcs", "DescribeSubnets", "DescribeRouteTables", _GROUPS_READ),
    reads=operations("ec2", "DescribeVpcs", "DescribeSubnets", "DescribeRouteTables", _GROUPS_READ),
    from_reference=lambda vpc: {"id": vpc} if vpc.startswith("vpc-") else None,  # subnets stay ids
)
