"""SecurityGroup: a group and its rules, compared and changed rule by rule.

Without declared egress, AWS's allow-all applies; a declared `[]` revokes it. The canonical form drops an empty list, so
both sides hold a placeholder for "no rule": `adjust` adds it to the desired body, `read` to the live one.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from ecsync.core import marks
from ecsync.core.kind import Kind, Owned, ShapeOf, Wanted, World
from ecsync.core.model import Absent, Call, Create, Delete, Key, Observed, Present, Replace, Update
from ecsync.core.ports import Reader
from ecsync.core.rules import Characters, Default, Immutable, Late, Refers, Rewrite
from ecsync.core.trees import Body, Json
from ecsync.kinds._common import (
    batches,
    belongs,
    medium,
    operations,
    pick,
    read_tags,
    tag_rows,
    touched,
    without,
    without_nones,
)
from ecsync.kinds._outputs import OUTPUTS
from ecsync.kinds.ec2 import _constraints
from ecsync.kinds.ec2._permissions import (
    ALL_TRAFFIC,
    ALL_TRAFFIC_V6,
    NO_RULE,
    as_permission,
    canonical_egress,
    canonical_rules,
    is_no_rule,
    rules_of,
)
from ecsync.kinds.ec2._tags import ec2_tagging, tag_specifications

# 1 IDENTITY ------------------------------------------------------------------------------------------------------

TAGGING = ec2_tagging()
_DIRECTIONS = {
    "IpPermissions": "Ingress",
    "IpPermissionsEgress": "Egress",
}  # members, and the end of their calls' names


def _natural(body: Body) -> str | None:
    vpc, name = body.get("VpcId"), body.get("GroupName")
    return f"{vpc}/{name}" if isinstance(vpc, str) and isinstance(name, str) else None


# 2 SHAPE ---------------------------------------------------------------------------------------------------------

SHAPE = ShapeOf(
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
)

# 3 RULES ---------------------------------------------------------------------------------------------------------

_REGROUPED = "ec2.DescribeSecurityGroups groups rules by protocol and ports, and returns CIDRs with host bits cleared"
_MUTUAL = "ec2.IpPermission: a rule may name another group, and that group may name this one"

_SOURCES = ("IpRanges", "Ipv6Ranges", "PrefixListIds", "UserIdGroupPairs")
_SIGNS = "._-:/()#,@[]+=&;{}!$*"

RULES = (
    *tag_rows("Tags", "Key", "Value"),
    *(
        Characters(
            path=path,
            allowed=f"[A-Za-z0-9 {re.escape(_SIGNS)}]",
            text=f"letters, digits, spaces and {_SIGNS}",
            source="ec2.CreateSecurityGroup, ec2.IpRange: a-z, A-Z, 0-9, spaces and ._-:/()#,@[]+=&;{}!$*",
        )
        for path in (
            "GroupName",
            "Description",
            *(f"{rules}[].{of}[].Description" for rules in ("IpPermissions", "IpPermissionsEgress") for of in _SOURCES),
        )
    ),
    Rewrite(path="IpPermissions", to=canonical_rules, source=_REGROUPED),
    Default(
        path="IpPermissionsEgress",
        value=[ALL_TRAFFIC],
        source="VPC User Guide, security groups: a new group has an outbound rule that allows all traffic",
    ),
    Rewrite(path="IpPermissionsEgress", to=canonical_egress, source=_REGROUPED),
    Immutable(path="GroupName", source="ec2 has no call that renames a security group"),
    Immutable(path="Description", source="ec2 has no call that changes the description of a security group"),
    Immutable(path="VpcId", source="ec2 has no call that moves a security group to another VPC"),
    Late(path="IpPermissions", source=_MUTUAL),
    Late(path="IpPermissionsEgress", source=_MUTUAL),
    Refers(path="VpcId", kind="Network", source="ec2.CreateSecurityGroup: VpcId is the id of the VPC"),
)

# 4 READ ----------------------------------------------------------------------------------------------------------

_MAX_VALUES = 200  # EC2 API Reference, Filter: up to 200 values for each filter


def _read(reader: Reader, wanted: Sequence[Wanted], _: World) -> Iterator[tuple[Key, Observed]]:
    """Find groups by VPC and name. In a filter `*` is a wildcard, so the results are matched by name again."""
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


def _groups(reader: Reader, filter_name: str, values: Sequence[str], *more_filters: Body) -> Iterator[Body]:
    for batch in batches(values, _MAX_VALUES):
        filters = [{"Name": filter_name, "Values": batch}, *more_filters]
        yield from reader.pages("ec2", "DescribeSecurityGroups", "SecurityGroups", Filters=filters)


def _present(group: Body) -> Present:
    tags, mark, foreign = read_tags(group.get("Tags"))
    body = {
        **pick(group, "GroupName", "Description", "VpcId", "IpPermissions"),
        "IpPermissionsEgress": group.get("IpPermissionsEgress") or [NO_RULE],
        "Tags": tags,
    }
    return Present(body=without_nones(body), outputs={"id": group["GroupId"]}, marks=mark, foreign=foreign)


def _printed(live: Body, _: Body) -> Present:
    """Return the group that DescribeSecurityGroups prints; without an id, `live` is an input of CreateSecurityGroup."""
    found = _present({"GroupId": "", **live})
    if "GroupId" in live or "IpPermissionsEgress" in live:
        return found
    return replace(found, body=without(found.body, "IpPermissionsEgress"))


def _owned(reader: Reader, scope: str) -> Iterator[Owned]:
    for group in _groups(reader, f"tag:{marks.OWNER}", [f"v1/{scope}", f"v1/{scope}/*"]):
        present = _present(group)
        if present.marks and belongs(present, scope):
            yield Owned(marks=present.marks, natural=str(_natural(group)), present=present)


# 5 CALLS ---------------------------------------------------------------------------------------------------------


def _calls(change: Create | Update | Replace | Delete) -> tuple[Call, ...]:
    match change:
        case Create(desired=desired, marks=mark_tags):
            params = {
                **without(desired.body, "Tags", *_DIRECTIONS),
                **tag_specifications("security-group", desired.body, mark_tags),
            }
            return (Call(service="ec2", operation="CreateSecurityGroup", params=params, captures={"id": ("GroupId",)}),)
        case Update():
            members = [member for member in _DIRECTIONS if any(field.path[0] == member for field in change.fields)]
            return tuple(call for member in members for call in _rule_calls(change, member))
        case Replace(observed=observed) | Delete(observed=observed):
            params = {"GroupId": observed.outputs["id"]}
            delete = Call(service="ec2", operation="DeleteSecurityGroup", params=params)
            return (*_revoke_references(observed), delete)


def _rule_calls(change: Update, member: str) -> Iterator[Call]:
    """Yield the calls that add rules, then those that revoke: traffic is not cut in between."""
    default = [ALL_TRAFFIC] if member == "IpPermissionsEgress" else []
    want = rules_of(_adjust(change.desired.body, change.observed).get(member) or default)
    have = rules_of(change.observed.body.get(member) or default)
    names = [name for name in touched(change, member, {**have, **want}) if not is_no_rule(name)]
    added = [want[name] for name in names if name in want and name not in have]
    removed = [have[name] for name in names if name in have and name not in want]
    in_both = [name for name in names if name in want and name in have]
    described = [want[name] for name in in_both if _description(want[name]) != _description(have[name])]
    group, direction = change.observed.outputs["id"], _DIRECTIONS[member]
    yield from _call(f"AuthorizeSecurityGroup{direction}", group, added)
    yield from _call(f"RevokeSecurityGroup{direction}", group, removed)
    yield from _call(f"UpdateSecurityGroupRuleDescriptions{direction}", group, described)


def _description(rule: Mapping[str, Json]) -> Json:
    return rule.get("Description") or ""


def _call(operation: str, group: Json, rules: Sequence[Mapping[str, Json]]) -> Iterator[Call]:
    if rules:
        params = {"GroupId": group, "IpPermissions": [as_permission(rule) for rule in rules]}
        yield Call(service="ec2", operation=operation, params=params)


def _revoke_references(observed: Present) -> Iterator[Call]:
    """Yield calls that revoke the rules that name other groups: AWS refuses to delete a group that a rule names."""
    own_id = observed.outputs["id"]
    for member, direction in _DIRECTIONS.items():
        rules = rules_of(observed.body.get(member)).values()
        others = [rule for rule in rules if rule.get("GroupId") not in (None, own_id)]
        yield from _call(f"RevokeSecurityGroup{direction}", own_id, others)


# ONLY SOME KINDS -------------------------------------------------------------------------------------------------


def _adjust(body: Body, present: Present) -> Body:
    """Return the desired body with explicit egress: the placeholder for `[]`, AWS's default rules if undeclared."""
    if "IpPermissionsEgress" in body and body["IpPermissionsEgress"] is not None:
        return body if body["IpPermissionsEgress"] else {**body, "IpPermissionsEgress": [NO_RULE]}
    both = [ALL_TRAFFIC, ALL_TRAFFIC_V6]  # AWS creates both in a VPC with an IPv6 range
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
    outputs=OUTPUTS["SecurityGroup"],
    invalidates={"replace": ("id",)},
    tagging=TAGGING,
    shape=SHAPE,
    reviewed=REVIEWED,
    constraints=_constraints.SECURITY_GROUP,
    rules=RULES,
    read=_read,
    owned=_owned,
    collections=medium("ec2", "DescribeSecurityGroups"),
    from_describe=_printed,
    reads=operations("ec2", "DescribeSecurityGroups"),
    calls=_calls,
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
    adjust=_adjust,
)
