"""TargetGroup: the one kind that replaces itself (rule 9).

What AWS cannot change in place becomes a new group beside the old one, under a name that tells what it holds:
`<Name[:24]>-<6 hex>`. The group that is as declared is the live one, whichever of the names it has; the others are
superseded, and go when nothing forwards to them any more.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from hashlib import sha256

from ecsync.core import marks
from ecsync.core.kind import Kind, Owned, ShapeOf, Wanted, World
from ecsync.core.model import (
    Absent,
    Call,
    Create,
    Delete,
    Desired,
    Health,
    Key,
    Marks,
    Observed,
    PhysicalId,
    Present,
    Replace,
    Text,
    Update,
)
from ecsync.core.normalise import normalise
from ecsync.core.ports import Reader
from ecsync.core.rules import Immutable, Refers
from ecsync.core.tagging import with_marks
from ecsync.core.trees import Body, Json, Path, canonical
from ecsync.kinds._common import changed, operations, read_tags, tag_rows, without
from ecsync.kinds.elbv2._actions import forwarders, registered, services_behind, unread
from ecsync.kinds.elbv2._attributes import of_target_group
from ecsync.kinds.elbv2._health_checks import ROWS as DEFAULTS
from ecsync.kinds.elbv2._shared import (
    ATTRIBUTE_ROWS,
    TAGGING,
    as_printed,
    attribute_calls,
    changed_attributes,
    ours,
    own_arn,
    owner_in,
    read_attributes,
    reads_attributes,
    released_to,
    seen,
    tags_of,
    unless_gone,
    whole,
)

# 1 IDENTITY ------------------------------------------------------------------------------------------------------

_PREFIX, _LIMIT = 24, 32
_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?")
_REPLACEMENT = re.compile(r"(.{1,24})-[0-9a-f]{6}")


def replacement_name(body: Body) -> str:
    """Return the name of a group made beside another of the document's: the same for the same immutable fields."""
    fields = _immutable(body)
    return f"{str(body['Name'])[:_PREFIX]}-{sha256(canonical(fields).encode()).hexdigest()[:6]}"


def _prefix_of(name: str) -> str | None:
    found = _REPLACEMENT.fullmatch(name)
    return found[1] if found else None


def _natural(body: Body) -> str | None:
    name = body.get("Name")
    return name if isinstance(name, str) else None


def _natural_of(name: str, arn: str, live: Marks) -> str:
    """Return the Name in the document of a live group. Its id knows it, where a replacement's name is cut short.

    What was cut off is most likely the end of the document's own name; the id tells whether it was.
    """
    prefix, parsed = _prefix_of(name), marks.key_of(live.owner)
    if prefix is None or parsed is None:
        return name
    document = parsed[1].name
    ends = [document[-length:] for length in range(1, _LIMIT - _PREFIX + 1)] if len(prefix) == _PREFIX else []
    region, account = arn.split(":")[3:5]
    for natural in (name, prefix, *(prefix + end for end in ends)):
        places = (PhysicalId(account=a, region=region, kind="TargetGroup", natural=natural) for a in (account, ""))
        if live.id in map(marks.identity, places):
            return natural
    return name


def _check(body: Body) -> Iterator[tuple[Path, str]]:
    name = body.get("Name")
    if isinstance(name, str) and (len(name) > _LIMIT or not _NAME.fullmatch(name)):
        yield ("Name",), f"{name!r} is no name for a target group: at most 32 of A-Z a-z 0-9 -, no hyphen at the ends"


# 3 RULES ---------------------------------------------------------------------------------------------------------

_IMMUTABLE = (
    "Protocol", "ProtocolVersion", "Port", "VpcId", "TargetType", "IpAddressType", "TargetControlPort",
)  # fmt: skip

RULES = (
    *tag_rows("Tags", "Key", "Value"),
    *ATTRIBUTE_ROWS,
    released_to(of_target_group),
    *DEFAULTS,
    *(Immutable(path=member, source="normalization.md §4.1: immutable") for member in ("Name", *_IMMUTABLE)),
    Refers(path="VpcId", kind="Network", output="vpcId", source="manifests.md, References"),
)


def _immutable(body: Body) -> dict[str, Json]:
    filled = normalise(body, RULES)
    return {member: filled.get(member) for member in _IMMUTABLE}


def _fits(live: Body, declared: Body) -> bool:
    """Tell whether a live group has every immutable field as declared; one that is not known yet is no objection."""
    have = _immutable(live)
    return all(isinstance(value, Text) or have[member] == value for member, value in _immutable(declared).items())


# 4 READ ----------------------------------------------------------------------------------------------------------

_READS = ("DescribeTargetGroups", "DescribeTargetGroupAttributes", "DescribeTargetHealth", "DescribeTags")
_SEEN = (
    *_IMMUTABLE, "HealthCheckProtocol", "HealthCheckPort", "HealthCheckEnabled", "HealthCheckPath",
    "HealthCheckIntervalSeconds", "HealthCheckTimeoutSeconds", "HealthyThresholdCount", "UnhealthyThresholdCount",
    "Matcher",
)  # fmt: skip

_Tagged = tuple[Body, Mapping[str, str]]


def body_of(group: Body, declared: Body) -> dict[str, Json]:
    """Return a described group in the shape of the create input.

    It has the declared Name: the replacement's name is the same thing under another name, and no difference.
    """
    return {"Name": declared.get("Name") or group["TargetGroupName"], **seen(group, _SEEN, declared)}


def _read(reader: Reader, wanted: Sequence[Wanted], _: World) -> Iterator[tuple[Key, Observed]]:
    """List all groups once: by name, AWS refuses the whole call when a single one is not there."""
    named: dict[str, Body] = {}
    replaced: dict[str, list[Body]] = {}
    for group in reader.pages("elbv2", "DescribeTargetGroups", "TargetGroups"):
        named[group["TargetGroupName"]] = group
        replaced.setdefault(_prefix_of(group["TargetGroupName"]) or "", []).append(group)
    candidates = {}
    for want in wanted:
        name = want.body["Name"]
        exact = [named[name]] if name in named else []
        candidates[want.key] = exact + [one for one in replaced.get(name[:_PREFIX], []) if one not in exact]
    tags = tags_of(reader, {one["TargetGroupArn"] for some in candidates.values() for one in some})
    for want in wanted:
        live = [(one, tags[one["TargetGroupArn"]]) for one in candidates[want.key] if one["TargetGroupArn"] in tags]
        yield want.key, _observed(reader, want, live)


def _observed(reader: Reader, want: Wanted, live: Sequence[_Tagged]) -> Observed:
    mine = [one for one in live if want.managed and owner_in(one[1]) == want.owner]
    mine.sort(key=lambda one: _rank(one[0], want.body))
    found = mine or [one for one in live if one[0]["TargetGroupName"] == want.body["Name"]]
    if not found:
        return Absent()
    superseded = [
        {"arn": group["TargetGroupArn"], "name": group["TargetGroupName"], "in_use": bool(_balancers(group))}
        for group, tags in mine[1:]
        if tags.get(marks.ID) == mine[0][1].get(marks.ID)  # else the mark was copied, and it is not ours to delete
    ]
    return unless_gone(lambda: _present(reader, *found[0], want.body, superseded))


def _balancers(group: Body) -> list[str]:
    return list(group.get("LoadBalancerArns") or ())


def _rank(group: Body, declared: Body) -> tuple[bool, bool, str]:
    """Order our groups: as declared first, then what serves traffic; the rest so that two reads agree."""
    return not _fits(body_of(group, declared), declared), not _balancers(group), group["TargetGroupName"]


def _present(
    reader: Reader, group: Body, tags: Body, declared: Body, superseded: Sequence[Body] = (), *, deep: bool = True
) -> Present:
    theirs, live, foreign = read_tags(tags)
    arn = group["TargetGroupArn"]
    body = {**body_of(group, declared), "Tags": theirs}
    facts: dict[str, Json] = {"arn": arn, "loadBalancers": _balancers(group), "superseded": list(superseded)}
    if deep and reads_attributes(declared, live, theirs):
        body["Attributes"] = read_attributes(reader, "TargetGroup", arn)
    if deep and _balancers(group):  # without a load balancer nothing is checked
        facts["targets"] = _targets(reader, arn)
    outputs = {"arn": arn, "name": group["TargetGroupName"]}
    return Present(body=body, outputs=outputs, marks=live, facts=facts, foreign=foreign)


def _targets(reader: Reader, arn: str) -> dict[str, int]:
    counts: dict[str, int] = {}
    for target in reader.call("elbv2", "DescribeTargetHealth", TargetGroupArn=arn)["TargetHealthDescriptions"]:
        state = target["TargetHealth"]["State"]
        counts[state] = counts.get(state, 0) + 1
    return counts


def _printed(live: Body, declared: Body) -> Present:
    """Return what DescribeTargetGroups prints; a name that is neither the declared one nor a replacement's stays."""
    body = body_of({"TargetGroupName": live.get("Name"), **live}, declared)
    name = live.get("TargetGroupName") or live.get("Name")
    if name and _prefix_of(name) != str(declared.get("Name"))[:_PREFIX]:
        body["Name"] = name
    return as_printed(live, body)


def _owned(reader: Reader, installation: str) -> Iterator[Owned]:
    groups = whole(reader, "DescribeTargetGroups", "TargetGroups")
    for group, tags in ours(reader, installation, groups, "TargetGroupArn"):
        present = _present(reader, group, tags, {}, deep=False)
        assert present.marks is not None
        natural = _natural_of(present.outputs["name"], present.outputs["arn"], present.marks)  # type: ignore[arg-type]
        yield Owned(marks=present.marks, natural=natural, present=present)


# 5 CALLS ---------------------------------------------------------------------------------------------------------


def _calls(change: Create | Update | Replace | Delete) -> tuple[Call, ...]:
    match change:
        case Create(desired=desired, marks=tags):
            return _create(desired, desired.body, tags)
        case Replace(desired=desired, marks=tags):
            return _create(desired, {**desired.body, "Name": replacement_name(desired.body)}, tags)
        case Update(desired=desired, observed=observed):
            arn = observed.outputs["arn"]
            return (*_modify(change, arn), *attribute_calls("TargetGroup", arn, changed_attributes(change)))
        case Delete(observed=observed):
            params = {"TargetGroupArn": observed.outputs["arn"]}
            return (Call(service="elbv2", operation="DeleteTargetGroup", params=params),)


def _create(desired: Desired, body: Body, tags: Mapping[str, str]) -> tuple[Call, ...]:
    create = Call(
        service="elbv2",
        operation="CreateTargetGroup",
        params=with_marks(TAGGING, without(body, "Attributes"), tags),
        captures={
            "arn": ("TargetGroups", 0, "TargetGroupArn"),
            "name": ("TargetGroups", 0, "TargetGroupName"),
        },
    )
    return (create, *attribute_calls("TargetGroup", own_arn(desired.key), body.get("Attributes") or ()))


def _modify(change: Update, arn: Json) -> tuple[Call, ...]:
    """Say the default where nothing is declared any more: what ModifyTargetGroup is not told, it keeps."""
    filled = normalise(change.desired.body, RULES)
    members = {
        member: filled.get(member) if declared is None else declared
        for member, declared in changed(change).items()
        if member != "Attributes"
    }
    params = without(members)
    return (
        (Call(service="elbv2", operation="ModifyTargetGroup", params={"TargetGroupArn": arn, **params}),)
        if params
        else ()
    )


# ONLY SOME KINDS -------------------------------------------------------------------------------------------------


def _leftovers(present: Present, world: World) -> Iterable[tuple[Present, str]]:
    for old in present.facts.get("superseded", ()):
        outputs = {"arn": old["arn"], "name": old["name"]}
        superseded = Present(body={"Name": old["name"]}, outputs=outputs, marks=present.marks)
        yield superseded, _still_needed(old, str(present.outputs["arn"]), world)


def _still_needed(old: Body, new: str, world: World) -> str:
    unknown = unread(world, "Service", "Listener", "ListenerRule")
    if unknown:
        return f"{unknown} could not be read, and may use {old['name']}"
    forwarding = forwarders(world, old["arn"])
    if forwarding:
        return f"{forwarding[0]} still forwards to {old['name']}"
    for key, service in services_behind(world, (old["arn"], new)):
        if old["arn"] in registered(service):
            return f"{key} still registers its tasks with {old['name']}"
        if not service.facts.get("steady"):
            return f"{key} is not steady yet"
    return f"a load balancer still uses {old['name']}" if old["in_use"] else ""


def _health(_: Desired, present: Present) -> Health:
    counts = present.facts.get("targets") or {}
    total = sum(counts.values())
    bad = sum(count for state, count in counts.items() if state in ("unhealthy", "unhealthy.draining", "unavailable"))
    if bad:
        return Health(status="Degraded", why=f"{bad} of {total} targets unhealthy")
    if counts.get("initial"):
        return Health(status="Progressing", why=f"{counts['initial']} of {total} targets not checked yet")
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
    name_limit=_LIMIT,
    primary="arn",
    outputs=("arn", "name"),
    invalidates={"replace": ("arn", "name")},
    tagging=TAGGING,
    shape=ShapeOf(
        operation="elbv2.CreateTargetGroup",
        extra={"Attributes": "elbv2.ModifyTargetGroupAttributes:Attributes"},
        describe="elbv2.DescribeTargetGroups:TargetGroups[]",
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
    superseded=_leftovers,
    health=_health,
    replaces_itself=True,
    writes=operations("elbv2", "CreateTargetGroup", "ModifyTargetGroup", "ModifyTargetGroupAttributes"),
    deletes=operations("elbv2", "DeleteTargetGroup"),
)
