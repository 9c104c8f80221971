"""TargetGroup: the only kind that replaces itself (docs/rules.md R9).

A change that AWS cannot make in place creates a new group beside the old one. Its name is `<Name[:24]>-<6 hex>`; the
digits are a hash of the Name, the owner mark and the immutable members. The group with the declared members is the
live one, whichever name it has. The others are superseded, and are deleted when nothing forwards to them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from hashlib import sha256

from ecsync.core import marks
from ecsync.core.kind import Kind, Owned, ShapeOf, Wanted, World
from ecsync.core.marks import with_marks
from ecsync.core.model import (
    Absent,
    Call,
    Create,
    Delete,
    Desired,
    Key,
    Marks,
    Observed,
    PhysicalId,
    Present,
    Replace,
    Tags,
    Text,
    Update,
)
from ecsync.core.normalise import normalise
from ecsync.core.outcome import Health
from ecsync.core.ports import Reader
from ecsync.core.rules import Immutable, Refers
from ecsync.core.trees import Body, Json, Path, canonical
from ecsync.kinds._common import changed, operations, read_tags, tag_rows, without
from ecsync.kinds._outputs import OUTPUTS, end_of
from ecsync.kinds.elbv2._actions import serves
from ecsync.kinds.elbv2._attributes import of_target_group
from ecsync.kinds.elbv2._health_checks import ROWS as DEFAULTS
from ecsync.kinds.elbv2._replacement import interrupts, superseded
from ecsync.kinds.elbv2._shared import (
    ATTRIBUTE_ROWS,
    TAGGING,
    TAGS,
    TARGET_HEALTH,
    all_pages,
    as_printed,
    attribute_calls,
    changed_attributes,
    known_or_declared,
    named_in_arn,
    one_by_one,
    own_arn,
    owned_items,
    owner_in,
    present_or_absent,
    read_attributes,
    reads_attributes,
    released_row,
    tags_of,
)
from ecsync.kinds.elbv2.constraints import listener as of_listeners
from ecsync.kinds.elbv2.constraints import target_group

# 1 IDENTITY ------------------------------------------------------------------------------------------------------

_MAX_NAME = 32  # elbv2.CreateTargetGroup: a maximum of 32 characters
_PREFIX = 24  # characters of the declared name in a replacement's name
_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?")
_NAME_RULE = "use 1 to 32 letters, digits and hyphens, and no hyphen at either end"
_REPLACEMENT = re.compile(r"(.{1,24})-[0-9a-f]{6}")


def replacement_name(body: Body, owner: str) -> str:
    """Return the name of a replacement group: one for each Name, owner mark and set of immutable members.

    CreateTargetGroup succeeds on a group that exists with this name, so no two documents may have the same one.
    """
    identity = canonical([body["Name"], owner, _immutable(body)])
    return f"{str(body['Name'])[:_PREFIX]}-{sha256(identity.encode()).hexdigest()[:6]}"


def _prefix_of(name: str) -> str | None:
    found = _REPLACEMENT.fullmatch(name)
    return found[1] if found else None


def _natural(body: Body) -> str | None:
    name = body.get("Name")
    return name if isinstance(name, str) else None


def _natural_of(name: str, arn: str, mark: Marks) -> str:
    """Return the declared Name of a live group, which a replacement's name contains only in part.

    The end that was cut off is most likely the end of the document's name. The mark's id, a hash of the declared Name,
    confirms a candidate.
    """
    prefix, owner = _prefix_of(name), marks.key_of(mark.owner)
    if prefix is None or owner is None:
        return name
    document = owner[1].name
    ends = [document[-length:] for length in range(1, _MAX_NAME - _PREFIX + 1)] if len(prefix) == _PREFIX else []
    region, account = arn.split(":")[3:5]
    for natural in (name, prefix, *(prefix + end for end in ends)):
        ids = (PhysicalId(account=one, region=region, kind="TargetGroup", natural=natural) for one in (account, ""))
        if mark.id in map(marks.identity, ids):
            return natural
    return name


# 2 SHAPE ---------------------------------------------------------------------------------------------------------

SHAPE = ShapeOf(
    operation="elbv2.CreateTargetGroup",
    extra={"Attributes": "elbv2.ModifyTargetGroupAttributes:Attributes"},
    describe="elbv2.DescribeTargetGroups:TargetGroups[]",
    optional=("Name",),
)


def _check(body: Body) -> Iterator[tuple[Path, str]]:
    name = body.get("Name")
    if isinstance(name, str) and (len(name) > _MAX_NAME or not _NAME.fullmatch(name)):
        yield ("Name",), f"{name!r} is not a valid name of a target group: {_NAME_RULE}"


# 3 RULES ---------------------------------------------------------------------------------------------------------

_IMMUTABLE = (
    "Protocol", "ProtocolVersion", "Port", "VpcId", "TargetType", "IpAddressType", "TargetControlPort",
)  # fmt: skip

RULES = (
    *tag_rows("Tags", "Key", "Value"),
    *ATTRIBUTE_ROWS,
    released_row(of_target_group),
    *DEFAULTS,
    *(Immutable(path=member, source=f"elbv2.ModifyTargetGroup has no {member}") for member in ("Name", *_IMMUTABLE)),
    Refers(path="VpcId", kind="Network", output="vpcId", source="elbv2.CreateTargetGroup: the identifier of the VPC"),
)


def _immutable(body: Body) -> dict[str, Json]:
    filled = normalise(body, RULES)
    return {member: filled.get(member) for member in _IMMUTABLE}


def _differing(live: Body, declared: Body) -> list[str]:
    """Return the immutable members that a live group does not have as declared; an unresolved reference is ignored."""
    have, want = _immutable(live), _immutable(declared)
    return [member for member, value in want.items() if not isinstance(value, Text) and have[member] != value]


# 4 READ ----------------------------------------------------------------------------------------------------------

_READS = ("DescribeTargetGroups", "DescribeTargetGroupAttributes", "DescribeTargetHealth", "DescribeTags")
_READ_MEMBERS = (
    *_IMMUTABLE, "HealthCheckProtocol", "HealthCheckPort", "HealthCheckEnabled", "HealthCheckPath",
    "HealthCheckIntervalSeconds", "HealthCheckTimeoutSeconds", "HealthyThresholdCount", "UnhealthyThresholdCount",
    "Matcher",
)  # fmt: skip

_Tagged = tuple[Body, Mapping[str, str]]  # a described group, and its tags


def body_of(group: Body, declared: Body) -> dict[str, Json]:
    """Return a described group in the shape of the create input.

    It has the declared Name: the name of a replacement is no difference.
    """
    return {
        "Name": declared.get("Name") or group["TargetGroupName"],
        **known_or_declared(group, _READ_MEMBERS, declared),
    }


def _read(reader: Reader, wanted: Sequence[Wanted], _: World) -> Iterator[tuple[Key, Observed]]:
    """List all groups once: a read by name fails as a whole if one group is missing."""
    groups = list(reader.pages("elbv2", "DescribeTargetGroups", "TargetGroups"))
    candidates = _candidates([want.body["Name"] for want in wanted], groups)
    tags = tags_of(reader, {group["TargetGroupArn"] for found in candidates.values() for group in found})
    for want in wanted:
        found = candidates[want.body["Name"]]
        live = [(group, tags[group["TargetGroupArn"]]) for group in found if group["TargetGroupArn"] in tags]
        yield want.key, _observed(reader, want, live)


def _candidates(names: Sequence[str], groups: Sequence[Body]) -> dict[str, list[Body]]:
    """Return for each declared name the group with that name, then its possible replacements."""
    by_name = {group["TargetGroupName"]: group for group in groups}
    by_prefix: dict[str, list[Body]] = {}
    for group in groups:
        by_prefix.setdefault(_prefix_of(group["TargetGroupName"]) or "", []).append(group)
    candidates = {}
    for name in names:
        exact = [by_name[name]] if name in by_name else []
        candidates[name] = exact + [group for group in by_prefix.get(name[:_PREFIX], []) if group not in exact]
    return candidates


def _observed(reader: Reader, want: Wanted, live: Sequence[_Tagged]) -> Observed:
    """Return the group that is the document's; the other groups with its mark are its superseded ones."""
    owned = [one for one in live if want.managed and owner_in(one[1]) == want.owner]
    if len(owned) > 1:
        owned.sort(key=lambda one: _match_order(one[0], want.body))
    found = owned or [one for one in live if one[0]["TargetGroupName"] == want.body["Name"]]
    if not found:
        return Absent()
    superseded = [
        {
            "arn": group["TargetGroupArn"],
            "name": group["TargetGroupName"],
            "in_use": bool(_balancers(group)),
            "serves": serves(group),
        }
        for group, tags in owned[1:]
        if tags.get(marks.ID) == owned[0][1].get(marks.ID)  # another id: the mark was copied, never delete that group
    ]
    facts: dict[str, Json] = {"superseded": superseded}
    if want.replaceable:
        facts["mayInterrupt"] = True
    differs = _differing(body_of(found[0][0], want.body), want.body)
    if differs:
        facts["differs"] = differs
    return present_or_absent(lambda: _present(reader, *found[0], want.body, facts))


def _balancers(group: Body) -> list[str]:
    return list(group.get("LoadBalancerArns") or ())


def _match_order(group: Body, declared: Body) -> tuple[bool, bool, str]:
    """Return the sort key of a document's groups: as declared first, then with a load balancer, then by name."""
    return bool(_differing(body_of(group, declared), declared)), not _balancers(group), group["TargetGroupName"]


def _present(
    reader: Reader, group: Body, live_tags: Body, declared: Body, more: Body | None = None, *, deep: bool = True
) -> Present:
    """Return a described group as a resource; with `deep`, its attributes and the health of its targets too."""
    tags, mark, foreign = read_tags(live_tags)
    arn = group["TargetGroupArn"]
    body = {**body_of(group, declared), "Tags": tags}
    facts: dict[str, Json] = {"arn": arn, "loadBalancers": _balancers(group), **(more or {"superseded": []})}
    if deep and reads_attributes(declared, mark, tags):
        body["Attributes"] = read_attributes(reader, "TargetGroup", arn)
    if deep and _balancers(group):  # AWS checks no targets without a load balancer
        facts["targets"] = _targets(reader, arn)
    outputs = {"arn": arn, "name": group["TargetGroupName"]}
    return Present(body=body, outputs=outputs, marks=mark, facts=facts, foreign=foreign)


def _targets(reader: Reader, arn: str) -> dict[str, int]:
    """Return the number of targets in each health state."""
    counts: dict[str, int] = {}
    for target in reader.call("elbv2", "DescribeTargetHealth", TargetGroupArn=arn)["TargetHealthDescriptions"]:
        state = target["TargetHealth"]["State"]
        counts[state] = counts.get(state, 0) + 1
    return counts


def _printed(live: Body, declared: Body) -> Present:
    """Return the group that DescribeTargetGroups prints; a replacement's name becomes the declared Name."""
    body = body_of({"TargetGroupName": live.get("Name"), **live}, declared)
    name = live.get("TargetGroupName") or live.get("Name")
    if name and _prefix_of(name) != str(declared.get("Name"))[:_PREFIX]:
        body["Name"] = name
    return as_printed(live, body)


def _owned(reader: Reader, scope: str) -> Iterator[Owned]:
    groups = all_pages(reader, "DescribeTargetGroups", "TargetGroups")
    for group, tags in owned_items(reader, scope, groups, "TargetGroupArn"):
        present = _present(reader, group, tags, {}, deep=False)
        assert present.marks is not None
        natural = _natural_of(present.outputs["name"], present.outputs["arn"], present.marks)  # type: ignore[arg-type]
        yield Owned(marks=present.marks, natural=natural, present=present)


# 5 CALLS ---------------------------------------------------------------------------------------------------------


def _calls(change: Create | Update | Replace | Delete) -> tuple[Call, ...]:
    match change:
        case Create(desired=desired, marks=mark_tags):
            return _create(desired, desired.body, mark_tags)
        case Replace(desired=desired, marks=mark_tags):
            name = replacement_name(desired.body, mark_tags.get(marks.OWNER, ""))
            return _create(desired, {**desired.body, "Name": name}, mark_tags)
        case Update(desired=desired, observed=observed):
            arn = observed.outputs["arn"]
            return (*_modify(change, arn), *attribute_calls("TargetGroup", arn, changed_attributes(change)))
        case Delete(observed=observed):
            params = {"TargetGroupArn": observed.outputs["arn"]}
            return (Call(service="elbv2", operation="DeleteTargetGroup", params=params),)


def _create(desired: Desired, body: Body, mark_tags: Tags) -> tuple[Call, ...]:
    create = Call(
        service="elbv2",
        operation="CreateTargetGroup",
        params=with_marks(TAGGING, without(body, "Attributes"), mark_tags),
        captures={
            "arn": ("TargetGroups", 0, "TargetGroupArn"),
            "name": ("TargetGroups", 0, "TargetGroupName"),
        },
    )
    return (create, *attribute_calls("TargetGroup", own_arn(desired.key), body.get("Attributes") or ()))


def _modify(change: Update, arn: Json) -> tuple[Call, ...]:
    """Return the call for what differs; a removed member is sent as its default, because AWS keeps omitted members."""
    filled = normalise(change.desired.body, RULES)
    members = {
        member: filled.get(member) if declared is None else declared
        for member, declared in changed(change).items()
        if member != "Attributes"
    }
    params = without(members)
    if not params:
        return ()
    return (Call(service="elbv2", operation="ModifyTargetGroup", params={"TargetGroupArn": arn, **params}),)


# ONLY SOME KINDS -------------------------------------------------------------------------------------------------


def _health(_: Desired, present: Present) -> Health:
    counts = present.facts.get("targets") or {}
    total = sum(counts.values())
    bad = sum(count for state, count in counts.items() if state in ("unhealthy", "unhealthy.draining", "unavailable"))
    if bad:
        return Health(status="Degraded", why=f"{bad} of {total} targets are unhealthy")
    if counts.get("initial"):
        return Health(status="Progressing", why=f"{counts['initial']} of {total} targets are not checked yet")
    idle = "no target is registered" if present.facts.get("loadBalancers") else "no load balancer uses it"
    return Health(status="Healthy", why="" if total else idle)


# The members of AWS's shapes that the rules take into account; `make review` prints those that a newer botocore has.
REVIEWED = {
    "CreateTargetGroupInput": (
        "Attributes HealthCheckEnabled HealthCheckIntervalSeconds HealthCheckPath HealthCheckPort HealthCheckProtocol "
        "HealthCheckTimeoutSeconds HealthyThresholdCount IpAddressType Matcher Name Port Protocol ProtocolVersion "
        "Tags TargetControlPort TargetType UnhealthyThresholdCount VpcId"
    ),
    "Matcher": "GrpcCode HttpCode",
    "Tag": "Key Value",
    "TargetGroupAttribute": "Key Value",
}

KIND = Kind(
    name="TargetGroup",
    example="""
TargetGroup/web:
  Name: shop-web
  Protocol: HTTP
  Port: 80
  TargetType: ip
  VpcId: ${Network/main}
  HealthCheckPath: /
  Attributes: {deregistration_delay.timeout_seconds: 30}
""",
    natural=_natural,
    name_member="Name",
    name_limit=_MAX_NAME,
    primary="arn",
    outputs=OUTPUTS["TargetGroup"],
    derived={"fullName": partial(end_of, "arn", ":")},
    invalidates={"replace": ("arn", "name", "fullName")},
    tagging=TAGGING,
    shape=SHAPE,
    reviewed=REVIEWED,
    check=_check,
    constraints=(*target_group.ROWS, *of_listeners.OF_TARGET_GROUP),
    rules=RULES,
    read=_read,
    owned=_owned,
    tagged_as="elasticloadbalancing:targetgroup",
    apart=True,
    collections=(TAGS, TARGET_HEALTH, *one_by_one("DescribeTargetGroupAttributes")),
    from_describe=_printed,
    reads=operations("elbv2", *_READS),
    calls=_calls,
    writes=operations("elbv2", "CreateTargetGroup", "ModifyTargetGroup", "ModifyTargetGroupAttributes"),
    deletes=operations("elbv2", "DeleteTargetGroup"),
    superseded=superseded,
    health=_health,
    replaces_itself=True,
    interrupts=interrupts,
    from_reference=named_in_arn("targetgroup"),
)
