"""LogGroup: a CloudWatch Logs group and its retention. The smallest kind: copy this file to add one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from ecsync.core.kind import Kind, Owned, ShapeOf, Wanted, World
from ecsync.core.model import Absent, Call, Create, Delete, Key, Observed, Present, Replace, Update
from ecsync.core.ports import AwsError, Reader
from ecsync.core.rules import Computed, Default, Delegated, Immutable
from ecsync.core.tagging import with_marks
from ecsync.core.trees import Body
from ecsync.kinds._common import (
    arn_tagging,
    batches,
    belongs,
    changed,
    missing,
    operations,
    pick,
    read_tags,
    tag_rows,
    tagged_arns,
    without,
    without_nones,
)

# 1 IDENTITY ------------------------------------------------------------------------------------------------------


def _arn(group: Body) -> str:
    """The ARN as tags take it: DescribeLogGroups prints `arn` with a trailing `:*`."""
    return str(group.get("logGroupArn") or group["arn"]).removesuffix(":*")


TAGGING = arn_tagging("logs", "map")

_MEMBERS = ("logGroupName", "retentionInDays", "kmsKeyId", "logGroupClass")

# 3 RULES ---------------------------------------------------------------------------------------------------------

RULES = (
    *tag_rows(),
    Default(path="logGroupClass", value="STANDARD", source="logs.CreateLogGroup: If you omit this parameter"),
    Computed(path="deletionProtectionEnabled", source="an account may protect groups by itself"),
    Delegated(
        path="retentionInDays",
        when=lambda facts: bool(facts.get("accountPolicy")),
        owner="the account's retention policy",
        source="logs.DescribeLogGroups: retentionInDays shows the retention period from an account-level policy",
    ),
    Immutable(path="logGroupName", source="logs has no rename"),
    Immutable(path="logGroupClass", source="logs.CreateLogGroup: cannot be changed"),
)

# 4 READ ----------------------------------------------------------------------------------------------------------

_NAMES_OF_A_CALL = 50  # logs.DescribeLogGroups logGroupIdentifiers


def _read(reader: Reader, wanted: Sequence[Wanted], _: World) -> Iterator[tuple[Key, Observed]]:
    groups = _described(reader, (want.body["logGroupName"] for want in wanted))
    for want in wanted:
        group = groups.get(want.body["logGroupName"])
        yield want.key, _present(reader, group) if group else Absent()


def _described(reader: Reader, names: Iterable[str]) -> dict[str, Body]:
    """Read log groups by name, fifty in a call; what does not exist is left out."""
    found: dict[str, Body] = {}
    for batch in batches(sorted(set(names)), _NAMES_OF_A_CALL):
        for group in _listed(reader, batch):
            found[group["logGroupName"]] = group
    return found


def _listed(reader: Reader, names: Sequence[str]) -> list[Body]:
    """Describe log groups. A call that fails because one is missing is made again for each half of the names."""
    try:
        return list(reader.pages("logs", "DescribeLogGroups", "logGroups", logGroupIdentifiers=list(names)))
    except AwsError as error:
        if not missing(error):
            raise
    half = len(names) // 2
    return [*_listed(reader, names[:half]), *_listed(reader, names[half:])] if half else []


def _present(reader: Reader, group: Body) -> Present:
    arn = _arn(group)
    tags, ours, foreign = read_tags(reader.call("logs", "ListTagsForResource", resourceArn=arn).get("tags"))
    return Present(
        body=without_nones({**pick(group, *_MEMBERS), "tags": tags}),
        outputs={"name": group["logGroupName"], "arn": arn},
        marks=ours,
        foreign=foreign,
        facts={"accountPolicy": group.get("retentionPolicyName", "")},
    )


def _owned(reader: Reader, installation: str) -> Iterator[Owned]:
    names = (arn.split(":log-group:")[1].removesuffix(":*") for arn in tagged_arns(reader, "logs:log-group"))
    for name, group in _described(reader, names).items():
        present = _present(reader, group)
        if present.marks and belongs(present, installation):
            yield Owned(marks=present.marks, natural=name, present=present)


# 5 CALLS ---------------------------------------------------------------------------------------------------------


def _calls(change: Create | Update | Replace | Delete) -> tuple[Call, ...]:
    match change:
        case Create(desired=desired, marks=ours):
            body = with_marks(TAGGING, without(desired.body, "retentionInDays"), ours)
            create = Call(service="logs", operation="CreateLogGroup", params=body)
            days = desired.body.get("retentionInDays")
            return (create, _retention(desired.body["logGroupName"], days)) if days else (create,)
        case Update(desired=desired):
            members = changed(change)
            name = desired.body["logGroupName"]
            calls = []
            if "retentionInDays" in members:
                calls.append(_retention(name, members["retentionInDays"]))
            if "kmsKeyId" in members:
                calls.append(_encryption(name, members["kmsKeyId"]))
            return tuple(calls)
        case Replace(observed=observed) | Delete(observed=observed):
            params = {"logGroupName": observed.outputs["name"]}
            return (Call(service="logs", operation="DeleteLogGroup", params=params),)


def _retention(name: str, days: int | None) -> Call:
    if days is None:
        return Call(service="logs", operation="DeleteRetentionPolicy", params={"logGroupName": name})
    params = {"logGroupName": name, "retentionInDays": days}
    return Call(service="logs", operation="PutRetentionPolicy", params=params)


def _encryption(name: str, key: str | None) -> Call:
    if key is None:
        return Call(service="logs", operation="DisassociateKmsKey", params={"logGroupName": name})
    return Call(service="logs", operation="AssociateKmsKey", params={"logGroupName": name, "kmsKeyId": key})


# The members of AWS's shapes that the rules take into account; `make review` prints those that a newer botocore has.
REVIEWED = {
    "CreateLogGroupRequest": "kmsKeyId logGroupClass logGroupName retentionInDays tags",
}

KIND = Kind(
    name="LogGroup",
    example="""
LogGroup/web:
  logGroupName: /shop/web
  retentionInDays: 14
""",
    natural=lambda body: body["logGroupName"] if isinstance(body.get("logGroupName"), str) else None,
    name_member="logGroupName",
    name_limit=512,
    primary="name",
    outputs=("name", "arn"),
    known=lambda body: {"name": body["logGroupName"]},
    invalidates={"replace": ("name", "arn")},
    tagging=TAGGING,
    shape=ShapeOf(
        operation="logs.CreateLogGroup",
        omit=("deletionProtectionEnabled",),
        extra={"retentionInDays": "logs.PutRetentionPolicy:retentionInDays"},
        describe="logs.DescribeLogGroups:logGroups[]",
    ),
    reviewed=REVIEWED,
    rules=RULES,
    read=_read,
    owned=_owned,
    reads=operations("logs", "DescribeLogGroups", "ListTagsForResource")
    | operations("resourcegroupstaggingapi", "GetResources"),
    calls=_calls,
    adopt_default="if-untagged",  # fluent-bit and awslogs create groups by themselves
    retain_default=True,
    writes=operations(
        "logs", "CreateLogGroup", "PutRetentionPolicy", "DeleteRetentionPolicy", "AssociateKmsKey", "DisassociateKmsKey"
    ),
    deletes=operations("logs", "DeleteLogGroup"),
)
