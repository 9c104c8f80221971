"""Repository: an ECR repository with its lifecycle policy and its resource policy."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from ecsync.core.kind import Kind, Owned, ShapeOf, Wanted, World
from ecsync.core.model import Absent, Call, Create, Delete, Key, Observed, Present, Replace, Tags, Update
from ecsync.core.ports import AwsError, Reader
from ecsync.core.rules import Computed, Default, Immutable, Rewrite, Unordered
from ecsync.core.tagging import with_marks
from ecsync.core.trees import Body, Json, canonical
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
from ecsync.kinds.iam._policy_documents import as_text, parsed, policy

# 1 IDENTITY ------------------------------------------------------------------------------------------------------

_NAMES_OF_A_CALL = 100


TAGGING = arn_tagging("ecr", "Key/Value")

# 3 RULES ---------------------------------------------------------------------------------------------------------


def _lifecycle(document: Json) -> Json:
    """Return a lifecycle policy with its rules by priority, which alone decides their order."""
    tree = parsed(document)
    rules = tree.get("rules") if isinstance(tree, Mapping) else None
    return {**tree, "rules": sorted(rules, key=_priority)} if isinstance(rules, list) else tree


def _priority(rule: Json) -> tuple[int, str]:
    priority = rule.get("rulePriority") if isinstance(rule, Mapping) else None
    return priority if isinstance(priority, int) else 0, canonical(rule)


def _adjust(body: Body, present: Present) -> Body:
    """Take the ARN that AWS prints for a key that is written as its id, or as an alias, which may be any key's."""
    declared, live = body.get("encryptionConfiguration"), present.body.get("encryptionConfiguration")
    key = declared.get("kmsKey") if isinstance(declared, Mapping) else None
    arn = live.get("kmsKey") if isinstance(live, Mapping) else None
    if not isinstance(key, str) or not isinstance(arn, str):
        return body
    if not key.split(":")[-1].startswith("alias/") and not arn.endswith(f":key/{key}"):
        return body
    return {**body, "encryptionConfiguration": {**(declared or {}), "kmsKey": arn}}


_ENCRYPTION, _SCANNING = "encryptionConfiguration", "imageScanningConfiguration"

RULES = (
    *tag_rows("tags", "Key", "Value"),
    Default(path="imageTagMutability", value="MUTABLE", source="ecr.CreateRepository: If this parameter is omitted"),
    Unordered(path="imageTagMutabilityExclusionFilters", source="ecr.PutImageTagMutability"),
    Default(path=_SCANNING, value={"scanOnPush": False}, source="ecr.CreateRepository: imageScanningConfiguration"),
    Default(path=f"{_SCANNING}.scanOnPush", value=False, source="ecr.CreateRepository: imageScanningConfiguration"),
    Default(path=_ENCRYPTION, value={"encryptionType": "AES256"}, source="ecr.CreateRepository: encryptionType"),
    Computed(path=f"{_ENCRYPTION}.kmsKey", source="ecr.CreateRepository: if you don't specify a key, AWS's own"),
    Rewrite(path="lifecyclePolicy", to=_lifecycle, source="ECR User Guide, lifecycle policy: rulePriority"),
    Rewrite(path="policy", to=policy, source="ecr.SetRepositoryPolicy"),
    Computed(path="registryId", source="ecr.CreateRepository: the default registry is assumed"),
    Immutable(path="registryId", source="ecr.CreateRepository"),
    Immutable(path="repositoryName", source="ecr has no rename"),
    Immutable(path=_ENCRYPTION, source="ecr has no call that changes it"),
)

# 4 READ ----------------------------------------------------------------------------------------------------------


def _read(reader: Reader, wanted: Sequence[Wanted], _: World) -> Iterator[tuple[Key, Observed]]:
    registries: dict[str, list[Wanted]] = {}
    for want in wanted:
        registries.setdefault(want.body.get("registryId") or "", []).append(want)
    for registry, wants in registries.items():
        scope = {"registryId": registry} if registry else {}
        for batch in batches(wants, _NAMES_OF_A_CALL):
            found = _described(reader, [want.body["repositoryName"] for want in batch], scope)
            for want in batch:
                repository = found.get(want.body["repositoryName"])
                yield want.key, _present(reader, repository, whole=want.managed) if repository else Absent()


def _described(reader: Reader, names: Sequence[str], scope: Body) -> dict[str, Body]:
    """Describe repositories by name; one that is missing makes ECR refuse them all, so then ask one by one."""
    try:
        answer = reader.call("ecr", "DescribeRepositories", repositoryNames=list(names), **scope)
    except AwsError as error:
        if not missing(error):
            raise
        if len(names) == 1:
            return {}
        return {key: one for name in names for key, one in _described(reader, [name], scope).items()}
    return {one["repositoryName"]: one for one in answer["repositories"]}


def _present(reader: Reader, repository: Body, *, whole: bool) -> Present:
    arn, name = repository["repositoryArn"], repository["repositoryName"]
    outputs = {"uri": repository["repositoryUri"], "arn": arn, "name": name}
    body = pick(
        repository,
        "repositoryName",
        "registryId",
        "imageTagMutability",
        "imageTagMutabilityExclusionFilters",
        _SCANNING,
        _ENCRYPTION,
    )
    if not whole:
        return Present(body=body, outputs=outputs)
    scope = pick(repository, "registryId")
    tags, ours, foreign = read_tags(reader.call("ecr", "ListTagsForResource", resourceArn=arn).get("tags"))
    lifecycle = _document(reader, "GetLifecyclePolicy", "lifecyclePolicyText", name, scope)
    access = _document(reader, "GetRepositoryPolicy", "policyText", name, scope)
    body |= {"lifecyclePolicy": lifecycle, "policy": access, "tags": tags}
    return Present(body=without_nones(body), outputs=outputs, marks=ours, foreign=foreign)


def _document(reader: Reader, operation: str, member: str, name: str, scope: Body) -> Json:
    try:
        return parsed(reader.call("ecr", operation, repositoryName=name, **scope).get(member))
    except AwsError as error:
        if missing(error):
            return None
        raise


def _owned(reader: Reader, installation: str) -> Iterator[Owned]:
    names = [arn.split(":repository/", 1)[1] for arn in tagged_arns(reader, "ecr:repository")]
    for batch in batches(names, _NAMES_OF_A_CALL):
        for name, repository in sorted(_described(reader, batch, {}).items()):
            present = _present(reader, repository, whole=True)
            if present.marks and belongs(present, installation):
                yield Owned(marks=present.marks, natural=name, present=present)


# 5 CALLS ---------------------------------------------------------------------------------------------------------


def _calls(change: Create | Update | Replace | Delete) -> tuple[Call, ...]:
    match change:
        case Create(desired=desired, marks=ours):
            return tuple(_create(desired.body, ours))
        case Update():
            return tuple(_update(change))
        case Replace(observed=observed) | Delete(observed=observed):
            params = pick(observed.body, "registryId") | {"repositoryName": observed.outputs["name"]}
            return (Call(service="ecr", operation="DeleteRepository", params=params),)


def _create(body: Body, ours: Tags) -> Iterator[Call]:
    params = with_marks(TAGGING, without(body, "lifecyclePolicy", "policy"), ours)
    captures = {
        "uri": ("repository", "repositoryUri"),
        "arn": ("repository", "repositoryArn"),
        "name": ("repository", "repositoryName"),
    }
    yield Call(service="ecr", operation="CreateRepository", params=params, captures=captures)
    for member in ("lifecyclePolicy", "policy"):
        if body.get(member):
            yield _put(body, member, body[member])


def _update(change: Update) -> Iterator[Call]:
    body, live, members = change.desired.body, change.observed.body, changed(change)
    filters = "imageTagMutabilityExclusionFilters"
    if "imageTagMutability" in members or filters in members:
        said = {**pick(live, "imageTagMutability", filters), **members}
        settings = without_nones(
            {"imageTagMutability": said.get("imageTagMutability") or "MUTABLE", filters: said.get(filters)}
        )
        yield _call("PutImageTagMutability", body, settings)
    if _SCANNING in members:
        yield _call("PutImageScanningConfiguration", body, {_SCANNING: members[_SCANNING] or {"scanOnPush": False}})
    for member in ("lifecyclePolicy", "policy"):
        if member in members:
            yield _put(body, member, members[member])


def _put(body: Body, member: str, document: Json) -> Call:
    """Put a document, or take it away where none is declared."""
    if member == "lifecyclePolicy":
        put, text, delete = "PutLifecyclePolicy", "lifecyclePolicyText", "DeleteLifecyclePolicy"
    else:
        put, text, delete = "SetRepositoryPolicy", "policyText", "DeleteRepositoryPolicy"
    return _call(put, body, {text: as_text(document)}) if document else _call(delete, body, {})


def _call(operation: str, body: Body, params: Body) -> Call:
    scope = pick(body, "registryId", "repositoryName")
    return Call(service="ecr", operation=operation, params={**scope, **params})


# The members of AWS's shapes that the rules take into account; `make review` prints those that a newer botocore has.
REVIEWED = {
    "CreateRepositoryRequest": (
        "encryptionConfiguration imageScanningConfiguration imageTagMutability imageTagMutabilityExclusionFilters "
        "lifecyclePolicy policy registryId repositoryName tags"
    ),
    "EncryptionConfiguration": "encryptionType kmsKey",
    "ImageScanningConfiguration": "scanOnPush",
    "ImageTagMutabilityExclusionFilter": "filter filterType",
    "Tag": "Key Value",
}

KIND = Kind(
    name="Repository",
    example="""
Repository/web:
  repositoryName: shop/web
  imageScanningConfiguration: {scanOnPush: true}
""",
    natural=lambda body: body["repositoryName"] if isinstance(body.get("repositoryName"), str) else None,
    name_member="repositoryName",
    name_limit=256,
    primary="uri",
    outputs=("uri", "arn", "name"),
    known=lambda body: {"name": body["repositoryName"]} if isinstance(body.get("repositoryName"), str) else {},
    invalidates={"replace": ("uri", "arn", "name")},
    tagging=TAGGING,
    shape=ShapeOf(
        operation="ecr.CreateRepository",
        extra={"lifecyclePolicy": "any", "policy": "any"},
        describe="ecr.DescribeRepositories:repositories[]",
        optional=("repositoryName",),
    ),
    reviewed=REVIEWED,
    rules=RULES,
    read=_read,
    owned=_owned,
    reads=operations("ecr", "DescribeRepositories", "ListTagsForResource", "GetLifecyclePolicy", "GetRepositoryPolicy")
    | operations("resourcegroupstaggingapi", "GetResources"),
    calls=_calls,
    adjust=_adjust,
    retain_default=True,
    writes=operations(
        "ecr",
        "CreateRepository",
        "PutLifecyclePolicy",
        "DeleteLifecyclePolicy",
        "SetRepositoryPolicy",
        "DeleteRepositoryPolicy",
        "PutImageTagMutability",
        "PutImageScanningConfiguration",
    ),
    deletes=operations("ecr", "DeleteRepository"),
)
