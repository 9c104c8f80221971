"""SecurityGroup: a group and its rules, compared and changed rule by rule.

Egress that is not declared is AWS's allow-all; a declared `[]` revokes it. An empty list says nothing in canonical
form, so both sides carry a stand-in for "no rule at all": `adjust` puts it into what is desired, `read` into what is
live.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from ecsync.core import marks
from ecsync.core.kind import Kind, Owned, ShapeOf, Wanted, World
from ecsync.core.model import Absent, Call, Create, Delete, Key, Observed, Present, Replace, Update
from ecsync.core.ports import Reader
from ecsync.core.rules import Default, Immutable, Late, Refers, Rewrite
from ecsync.core.trees import Body, Json
from ecsync.kinds._common import (
    batches,
    belongs,
    operations,
    pick,
    read_tags,
    tag_rows,
    touched,
    without,
    without_nones,
)
from ecsync.kinds.ec2._permissions import (
    ALL_TRAFFIC,
    ALL_TRAFFIC_V6,
    NOTHING,
    as_permission,
    canonical_egress,
    canonical_rules,
    is_nothing,
    rules_of,
)
from ecsync.kinds.ec2._tags import ec2_tagging, tag_specifications

# 1 IDENTITY ------------------------------------------------------------------------------------------------------

TAGGING = ec2_tagging()
_LATE = {"IpPermissions": "Ingress", "IpPermissionsEgress": "Egress"}
_VALUES_OF_A_FILTER = 200


def _natural(body: Body) -> str | None:
    vpc, name = body.get("VpcId"), body.get("GroupName")
    return f"{vpc}/{name}" if isinstance(vpc, str) and isinstance(name, str) else None


# 3 RULES ---------------------------------------------------------------------------------------------------------

RULES = (
    *tag_rows("Tags", "Key", "Value"),
    Rewrite(path="IpPermissions", to=canonical_rules, source="ec2.AuthorizeSecurityGroupIngress: canonicalizes CIDRs"),
    Default(path="IpPermissionsEgress", value=[ALL_TRAFFIC], source="manifests.md, additions: undeclared egress"),
    Rewrite(path="IpPermissionsEgress", to=canonical_egress, source="ec2.AuthorizeSecurityGroupEgress"),
    Immutable(path="GroupName", source="ec2 has no rename"),
    Immutable(path="Description", source="ec2.CreateSecurityGroup: there is no call that changes it"),
    Immutable(path="VpcId", source="ec2.CreateSecurityGroup"),
    Late(path="IpPermissions", source="core-rules.md 2: groups that name each other"),
    Late(path="IpPermissionsEgress", source="core-rules.md 2: groups that name each other"),
    Refers(path="VpcId", kind="Network", source="manifests.md, References"),
)

# 4 READ ----------------------------------------------------------------------------------------------------------


def _read(reader: Reader, wanted: Sequence[Wanted], _: World) -> Iterator[tuple[Key, Observed]]:
    """Find groups by VPC and name, which AWS keeps unique; to its filters `*` is a wildcard, so match again."""
    names: dict[str, set[str]] = {}
    for want in wanted:
        names.setdefault(want.body["VpcId"], set()).add(want.body["GroupName"])
    found: dict[str, Body] = {}
    for vpc, group_names in sorted(names.items()):
        for group in _groups(reader, "group-name", sorted(group_names), {"Name": "vpc-id", "Values": [vpc]}):
            found[str(_natural(group))] = group
    for want in wanted:
        name = str(_natural(want.body))
        yield want.key, _present(found[name]) if name in found else Absent()


def _groups(reader: Reader, name: str, values: Sequence[str], *also: Body) -> Iterator[Body]:
    for batch in batches(values, _VALUES_OF_A_FILTER):
        filters = [{"Name": name, "Values": batch}, *also]
        yield from reader.pages("ec2", "DescribeSecurityGroups", "SecurityGroups", Filters=filters)


def _present(group: Body) -> Present:
    tags, ours, foreign = read_tags(group.get("Tags"))
    body = {
        **pick(group, "GroupName", "Description", "VpcId", "IpPermissions"),
        "IpPermissionsEgress": group.get("IpPermissionsEgress") or [NOTHING],
        "Tags": tags,
    }
    return Present(body=without_nones(body), outputs={"id": group["GroupId"]}, marks=ours, foreign=foreign)


def _printed(live: Body, _: Body) -> Present:
    """Return what DescribeSecurityGroups prints; without an id it is what CreateSecurityGroup takes."""
    found = _present({"GroupId": "", **live})
    said = "GroupId" in live or "IpPermissionsEgress" in live
    return found if said else replace(found, body=without(found.body, "IpPermissionsEgress"))


def _owned(reader: Reader, installation: str) -> Iterator[Owned]:
    for mine in _groups(reader, f"tag:{marks.OWNER}", [f"v1/{installation}/*"]):
        present = _present(mine)
        if present.marks and belongs(present, installation):
            yield Owned(marks=present.marks, natural=str(_natural(mine)), present=present)


# 5 CALLS ---------------------------------------------------------------------------------------------------------


def _calls(change: Create | Update | Replace | Delete) -> tuple[Call, ...]:
    match change:
        case Create(desired=desired, marks=ours):
            params = {
                **without(desired.body, "Tags", *_LATE),
                **tag_specifications("security-group", desired.body, ours),
            }
            return (Call(service="ec2", operation="CreateSecurityGroup", params=params, captures={"id": ("GroupId",)}),)
        case Update():
            members = [member for member in _LATE if any(field.path[0] == member for field in change.fields)]
            return tuple(call for member in members for call in _rule_calls(change, member))
        case Replace(observed=observed) | Delete(observed=observed):
            params = {"GroupId": observed.outputs["id"]}
            return (
                *_let_go(observed),
                Call(service="ec2", operation="DeleteSecurityGroup", params=params),
            )


def _rule_calls(change: Update, member: str) -> Iterator[Call]:
    """Allow what is new before revoking what is old, so that no traffic is cut in between."""
    default = [ALL_TRAFFIC] if member == "IpPermissionsEgress" else []
    want = rules_of(_declared(change.desired.body, change.observed).get(member) or default)
    have = rules_of(change.observed.body.get(member) or default)
    names = [name for name in touched(change, member, {**have, **want}) if not is_nothing(name)]
    added = [want[name] for name in names if name in want and name not in have]
    removed = [have[name] for name in names if name in have and name not in want]
    described = [
        want[name]
        for name in names
        if name in want
        and name in have
        and (want[name].get("Description") or "") != (have[name].get("Description") or "")
    ]
    group, way = change.observed.outputs["id"], _LATE[member]
    yield from _call(f"AuthorizeSecurityGroup{way}", group, added)
    yield from _call(f"RevokeSecurityGroup{way}", group, removed)
    yield from _call(f"UpdateSecurityGroupRuleDescriptions{way}", group, described)


def _call(operation: str, group: Json, rules: Sequence[Mapping[str, Json]]) -> Iterator[Call]:
    if rules:
        params = {"GroupId": group, "IpPermissions": [as_permission(rule) for rule in rules]}
        yield Call(service="ec2", operation=operation, params=params)


def _let_go(observed: Present) -> Iterator[Call]:
    """Revoke the rules that name other groups: those could not be deleted while this one holds them (rule 2)."""
    own_id = observed.outputs["id"]
    for member, way in _LATE.items():
        rules = rules_of(observed.body.get(member)).values()
        others = [rule for rule in rules if rule.get("GroupId") not in (None, own_id)]
        yield from _call(f"RevokeSecurityGroup{way}", own_id, others)


def _declared(body: Body, present: Present) -> Body:
    """Return the desired body with egress spelled out where a list cannot: none at all, or both default rules."""
    if "IpPermissionsEgress" in body and body["IpPermissionsEgress"] is not None:
        return body if body["IpPermissionsEgress"] else {**body, "IpPermissionsEgress": [NOTHING]}
    both = [ALL_TRAFFIC, ALL_TRAFFIC_V6]  # what a group has from the start in a VPC with an IPv6 range
    if rules_of(present.body.get("IpPermissionsEgress")).keys() == rules_of(both).keys():
        return {**body, "IpPermissionsEgress": both}
    return body


# The members of AWS's shapes that the rules take into account; `make review` prints those that a newer botocore has.
REVIEWED = {
    "CreateSecurityGroupRequest": "Description GroupName IpPermissions IpPermissionsEgress Tags VpcId",
    "IpPermission": "FromPort IpProtocol IpRanges Ipv6Ranges PrefixListIds ToPort UserIdGroupPairs",
    "IpRange": "CidrIp Description",
    "Ipv6Range": "CidrIpv6 Description",
    "PrefixListId": "Description PrefixListId",
    "Tag": "Key Value",
    "UserIdGroupPair": "Description GroupId GroupName PeeringStatus UserId VpcId VpcPeeringConnectionId",
}

KIND = Kind(
    name="SecurityGroup",
    example="""
SecurityGroup/web:
  GroupName: shop-web
  Description: What the load balancer may reach
  VpcId: ${Network/main}
  IpPermissions:
    - {IpProtocol: tcp, FromPort: 80, ToPort: 80, IpRanges: [{CidrIp: 10.0.0.0/8}]}
""",
    natural=_natural,
    name_member="GroupName",
    primary="id",
    outputs=("id",),
    invalidates={"replace": ("id",)},
    tagging=TAGGING,
    shape=ShapeOf(
        operation="ec2.CreateSecurityGroup",
        omit=("TagSpecifications", "DryRun"),
        extra={
            "IpPermissions": "ec2.AuthorizeSecurityGroupIngress:IpPermissions",
            "IpPermissionsEgress": "ec2.AuthorizeSecurityGroupEgress:IpPermissions",
            "Tags": "ec2.CreateTags:Tags",
        },
        describe="ec2.DescribeSecurityGroups:SecurityGroups[]",
        required=("VpcId",),
        optional=("GroupName",),
    ),
    reviewed=REVIEWED,
    rules=RULES,
    read=_read,
    owned=_owned,
    from_describe=_printed,
    reads=operations("ec2", "DescribeSecurityGroups"),
    calls=_calls,
    adjust=_declared,
    writes=operations(
        "ec2",
        "CreateSecurityGroup",
        "AuthorizeSecurityGroupIngress",
        "AuthorizeSecurityGroupEgress",
        "RevokeSecurityGroupIngress",
        "RevokeSecurityGroupEgress",
        "UpdateSecurityGroupRuleDescriptionsIngress",
        "UpdateSecurityGroupRuleDescriptionsEgress",
    ),
    deletes=operations("ec2", "DeleteSecurityGroup"),
)
