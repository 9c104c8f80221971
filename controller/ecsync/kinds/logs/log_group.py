"""LogGroup: a CloudWatch Logs group and its retention. The smallest kind: copy this file to add one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ecsync.core.kind import Kind, Owned, ShapeOf, Wanted, World
from ecsync.core.model import Absent, Call, Create, Delete, Key, Observed, Present, Replace, Update
from ecsync.core.ports import Reader
from ecsync.core.rules import Computed, Default, Immutable
from ecsync.core.tagging import with_marks
from ecsync.core.trees import Body
from ecsync.kinds._common import arn_tagging, changed, operations, pick, read_tags, tag_rows, without, without_nones

# 1 IDENTITY ------------------------------------------------------------------------------------------------------


def _arn(group: Body) -> str:
    """The ARN as tags take it: DescribeLogGroups prints `arn` with a trailing `:*`."""
    return str(group.get("logGroupArn") or group["arn"]).removesuffix(":*")


TAGGING = arn_tagging("logs", "map")

# 3 RULES ---------------------------------------------------------------------------------------------------------

RULES = (
    *tag_rows(),
    Default(path="logGroupClass", value="STANDARD", source="logs.CreateLogGroup: If you omit this parameter"),
    Computed(path="deletionProtectionEnabled", source="an account may protect groups by itself"),
    Immutable(path="logGroupName", source="logs has no rename"),
    Immutable(path="logGroupClass", source="logs.CreateLogGroup: cannot be changed"),
)

# 4 READ ----------------------------------------------------------------------------------------------------------


def _read(reader: Reader, wanted: Sequence[Wanted], _: World) -> Iterator[tuple[Key, Observed]]:
    for want in wanted:
        name = want.body["logGroupName"]
        groups = reader.pages("logs", "DescribeLogGroups", "logGroups", logGroupNamePrefix=name)
        group = next((group for group in groups if group["logGroupName"] == name), None)
        yield want.key, _present(reader, group) if group else Absent()


def _present(reader: Reader, group: Body) -> Present:
    arn = _arn(group)
    tags, ours, foreign = read_tags(reader.call("logs", "ListTagsForResource", resourceArn=arn).get("tags"))
    body = without_nones({**pick(group, "logGroupName", "retentionInDays", "kmsKeyId", "logGroupClass"), "tags": tags})
    outputs = {"name": group["logGroupName"], "arn": arn}
    return Present(body=body, outputs=outputs, marks=ours, foreign=foreign)


def _owned(reader: Reader, installation: str) -> Iterator[Owned]:
    tagged = reader.pages(
        "resourcegroupstaggingapi",
        "GetResources",
        "ResourceTagMappingList",
        ResourceTypeFilters=["logs:log-group"],
        TagFilters=[{"Key": "ecsync:owner"}],
    )
    names = {mapping["ResourceARN"].split(":log-group:")[1].removesuffix(":*") for mapping in tagged}
    for name in sorted(names):
        groups = reader.pages("logs", "DescribeLogGroups", "logGroups", logGroupNamePrefix=name)
        for group in groups:
            if group["logGroupName"] != name:
                continue
            present = _present(reader, group)
            if present.marks and present.marks.owner.startswith(f"v1/{installation}/"):
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
