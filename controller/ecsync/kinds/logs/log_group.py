"""LogGroup: a CloudWatch Logs group and its retention. To add a kind, copy this file.

A kind is one file. It has five parts, in the same order in every kind:

1. IDENTITY  how AWS names a resource, and which calls tag it
2. SHAPE     where botocore's model has the members that a manifest may declare
3. RULES     a table: what AWS does to a member, and what changing a member does
4. READ      from AWS's responses to `Present` or `Absent`; the only part that calls AWS
5. CALLS     from a change to API calls as data; pure, nothing is sent here

`KIND` at the end joins them. `tests/kinds/test_conformance.py` reports what a new kind lacks.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from ecsync.core.kind import Collection, Kind, Owned, ShapeOf, Wanted, World
from ecsync.core.marks import with_marks
from ecsync.core.model import Absent, Call, Create, Delete, Key, Observed, Present, Replace, Tags, Update
from ecsync.core.ports import AwsError, Reader
from ecsync.core.rules import Computed, Default, Delegated, Immutable
from ecsync.core.trees import Body, Json
from ecsync.kinds._common import (
    arn_tagging,
    batches,
    belongs,
    changed,
    missing,
    name_characters,
    operations,
    pick,
    read_tags,
    tag_rows,
    tagged_arns,
    tags_by_arn,
    without,
    without_nones,
)
from ecsync.kinds._outputs import OUTPUTS
from ecsync.kinds.logs import _constraints

# 1 IDENTITY ------------------------------------------------------------------------------------------------------


def _natural(body: Body) -> str | None:
    """Return AWS's name of the group; None while it contains an unresolved reference."""
    name = body.get("logGroupName")
    return name if isinstance(name, str) else None


def _known(body: Body) -> Mapping[str, str]:
    """Return the outputs that the body alone gives: another document may refer to them before the group exists."""
    return {"name": body["logGroupName"]}


def _arn(group: Body) -> str:
    """Return the ARN that the tag calls accept: without the `:*` at the end of `arn`."""
    return str(group.get("logGroupArn") or group["arn"]).removesuffix(":*")


TAGGING = arn_tagging("logs", "map")  # TagResource and UntagResource by ARN; tags are a map: {key: value}

# 2 SHAPE ---------------------------------------------------------------------------------------------------------

SHAPE = ShapeOf(
    operation="logs.CreateLogGroup",  # its input is the body of a document
    omit=("deletionProtectionEnabled",),  # members of the input that a document may not declare
    extra={"retentionInDays": "logs.PutRetentionPolicy:retentionInDays"},  # members that another call sets
    describe="logs.DescribeLogGroups:logGroups[]",  # what a read returns
)

# 3 RULES ---------------------------------------------------------------------------------------------------------

# Each row states one fact about one member. `source` is the page of AWS that states the fact, or the fact itself.
RULES = (
    *tag_rows(),
    name_characters("logGroupName", "logs.CreateLogGroup: LogGroupName", "./#"),
    Default(
        path="logGroupClass",
        value="STANDARD",
        source="logs.CreateLogGroup: if logGroupClass is omitted, the default of STANDARD is used",
    ),
    Computed(
        path="deletionProtectionEnabled",
        source="logs.DescribeLogGroups returns it for every group; ecsync does not write it",
    ),
    Delegated(
        path="retentionInDays",
        when=lambda facts: bool(facts.get("accountPolicy")),
        owner="the account's retention policy",
        source="logs.DescribeLogGroups: retentionInDays shows the retention period from an account-level policy",
    ),
    Immutable(path="logGroupName", source="logs has no call that renames a group"),
    Immutable(path="logGroupClass", source="logs.CreateLogGroup: logGroupClass can't be changed after creation"),
)

# 4 READ ----------------------------------------------------------------------------------------------------------

_MAX_NAMES = 50  # logs.DescribeLogGroups: the length limit of logGroupIdentifiers

_READ_MEMBERS = ("logGroupName", "retentionInDays", "kmsKeyId", "logGroupClass")


_COLLECTIONS = (
    Collection(
        operation="logs.DescribeLogGroups",
        cadence="medium",
        ids="logGroupIdentifiers",
        size=_MAX_NAMES,
        items="logGroups",
        key="logGroupName",
    ),
    tags_by_arn("logs.ListTagsForResource", "resourceArn", "tags", "map"),
)


def _read(reader: Reader, wanted: Sequence[Wanted], _: World) -> Iterator[tuple[Key, Observed]]:
    """Yield the state of each declared group. A key that is not yielded is Unreadable, never Absent."""
    groups = _describe(reader, (want.body["logGroupName"] for want in wanted))
    for want in wanted:
        group = groups.get(want.body["logGroupName"])
        yield want.key, _present(reader, group) if group else Absent()


def _owned(reader: Reader, scope: str) -> Iterator[Owned]:
    """Yield each group that has an owner mark of this installation: prune looks for orphans among them."""
    names = (arn.split(":log-group:")[1].removesuffix(":*") for arn in tagged_arns(reader, "logs:log-group", scope))
    for name, group in _describe(reader, names).items():
        present = _present(reader, group)
        if present.marks and belongs(present, scope):
            yield Owned(marks=present.marks, natural=name, present=present)


def _describe(reader: Reader, names: Iterable[str]) -> dict[str, Body]:
    """Return the existing groups among these names, by name."""
    groups = (group for batch in batches(sorted(set(names)), _MAX_NAMES) for group in _describe_batch(reader, batch))
    return {group["logGroupName"]: group for group in groups}


def _describe_batch(reader: Reader, names: Sequence[str]) -> list[Body]:
    """Return the existing groups among at most fifty names.

    One missing group may fail the whole call. Then each half of the names is read alone, down to the single name.
    """
    try:
        return list(reader.pages("logs", "DescribeLogGroups", "logGroups", logGroupIdentifiers=list(names)))
    except AwsError as error:
        if not missing(error):
            raise
    if len(names) == 1:
        return []
    half = len(names) // 2
    return [*_describe_batch(reader, names[:half]), *_describe_batch(reader, names[half:])]


def _present(reader: Reader, group: Body) -> Present:
    """Return a described group as a resource: the body in the shape of the create input, and its outputs."""
    arn = _arn(group)
    tags, marks, foreign = read_tags(reader.call("logs", "ListTagsForResource", resourceArn=arn).get("tags"))
    return Present(
        body=without_nones({**pick(group, *_READ_MEMBERS), "tags": tags}),
        outputs={"name": group["logGroupName"], "arn": arn},
        marks=marks,
        foreign=foreign,
        facts={"accountPolicy": group.get("retentionPolicyName", "")},  # the Delegated row above asks for it
    )


# 5 CALLS ---------------------------------------------------------------------------------------------------------


def _calls(change: Create | Update | Replace | Delete) -> tuple[Call, ...]:
    """Return the calls of a change, in order. The executor reads the resource again after each."""
    match change:
        case Create(desired=desired, marks=marks):
            return tuple(_create(desired.body, marks))
        case Update():
            return tuple(_update(change))
        case Replace(observed=observed) | Delete(observed=observed):
            # A replacement is a delete; the next plan finds the group absent and creates it.
            return (_call("DeleteLogGroup", observed.outputs["name"]),)


def _create(body: Body, marks: Tags) -> Iterator[Call]:
    """Yield CreateLogGroup with the tags and the owner mark, then the call for the member that it does not accept."""
    params = with_marks(TAGGING, without(body, "retentionInDays"), marks)
    yield Call(service="logs", operation="CreateLogGroup", params=params)
    if body.get("retentionInDays"):
        yield _retention(body["logGroupName"], body["retentionInDays"])


def _update(change: Update) -> Iterator[Call]:
    """Yield one call for each member that differs. Tag calls are compiled from TAGGING, not here."""
    name, members = change.desired.body["logGroupName"], changed(change)
    if "retentionInDays" in members:
        yield _retention(name, members["retentionInDays"])
    if "kmsKeyId" in members:
        yield _encryption(name, members["kmsKeyId"])


def _retention(name: str, days: int | None) -> Call:
    """Return the call that sets the retention; without days, the one that removes it."""
    if days is None:
        return _call("DeleteRetentionPolicy", name)
    return _call("PutRetentionPolicy", name, retentionInDays=days)


def _encryption(name: str, key: str | None) -> Call:
    """Return the call that sets the KMS key; without a key, the one that removes it."""
    if key is None:
        return _call("DisassociateKmsKey", name)
    return _call("AssociateKmsKey", name, kmsKeyId=key)


def _call(operation: str, name: Json, **params: Json) -> Call:
    return Call(service="logs", operation=operation, params={"logGroupName": name, **params})


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
    # 1 IDENTITY
    natural=_natural,
    name_member="logGroupName",
    name_limit=512,
    primary="name",
    outputs=OUTPUTS["LogGroup"],
    known=_known,
    invalidates={"replace": ("name", "arn")},  # a replacement changes these outputs
    tagging=TAGGING,
    # 2 SHAPE
    shape=SHAPE,
    reviewed=REVIEWED,
    # 3 RULES
    constraints=_constraints.ROWS,
    rules=RULES,
    # 4 READ
    read=_read,
    owned=_owned,
    tagged_as="logs:log-group",
    collections=_COLLECTIONS,
    reads=operations("logs", "DescribeLogGroups", "ListTagsForResource")
    | operations("resourcegroupstaggingapi", "GetResources"),
    # 5 CALLS
    calls=_calls,
    writes=operations(
        "logs", "CreateLogGroup", "PutRetentionPolicy", "DeleteRetentionPolicy", "AssociateKmsKey", "DisassociateKmsKey"
    ),
    deletes=operations("logs", "DeleteLogGroup"),
    # Only some kinds
    adopt_default="if-untagged",  # the awslogs driver and fluent-bit create groups automatically
    retain_default=True,  # a group holds logs: a document that is removed does not delete it
    from_reference=lambda name: {"logGroupName": name},
)
