"""Repository: an ECR repository with its lifecycle policy and its resource policy."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from ecsync.core.kind import Collection, Kind, Owned, ShapeOf, Wanted, World
from ecsync.core.marks import with_marks
from ecsync.core.model import Absent, Call, Create, Delete, Key, Observed, Present, Replace, Tags, Update
from ecsync.core.ports import AwsError, Reader
from ecsync.core.rules import Characters, Computed, Default, Immutable, Rewrite, Unordered
from ecsync.core.trees import Body, Json, canonical
from ecsync.kinds._common import (
    arn_tagging,
    batches,
    belongs,
    changed,
    medium,
    missing,
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
from ecsync.kinds.ecr import _constraints
from ecsync.kinds.iam._policy_documents import as_text, parsed, policy

# 1 IDENTITY ------------------------------------------------------------------------------------------------------


def _natural(body: Body) -> str | None:
    name = body.get("repositoryName")
    return name if isinstance(name, str) else None


TAGGING = arn_tagging("ecr", "Key/Value")

# 2 SHAPE ---------------------------------------------------------------------------------------------------------

SHAPE = ShapeOf(
    operation="ecr.CreateRepository",
    extra={"lifecyclePolicy": "any", "policy": "any"},
    describe="ecr.DescribeRepositories:repositories[]",
    optional=("repositoryName",),
)

# 3 RULES ---------------------------------------------------------------------------------------------------------


def _lifecycle(document: Json) -> Json:
    """Return a lifecycle policy with its rules sorted by priority: ECR ignores their order in the document."""
    tree = parsed(document)
    rules = tree.get("rules") if isinstance(tree, Mapping) else None
    return {**tree, "rules": sorted(rules, key=_priority)} if isinstance(rules, list) else tree


def _priority(rule: Json) -> tuple[int, str]:
    priority = rule.get("rulePriority") if isinstance(rule, Mapping) else None
    return priority if isinstance(priority, int) else 0, canonical(rule)


_ENCRYPTION, _SCANNING = "encryptionConfiguration", "imageScanningConfiguration"
_MUTABILITY, _MUTABILITY_FILTERS = "imageTagMutability", "imageTagMutabilityExclusionFilters"

_NO_SCAN = "ecr.ImageScanningConfiguration: if scanOnPush is not specified, images are not scanned after a push"

RULES = (
    *tag_rows("tags", "Key", "Value"),
    Characters(
        path="repositoryName",
        allowed="[a-z0-9._/-]",
        text="lower-case letters, digits, ., -, _ and /",
        source="ecr.CreateRepository: RepositoryName",
    ),
    Default(
        path=_MUTABILITY,
        value="MUTABLE",
        source="ecr.CreateRepository: if imageTagMutability is omitted, the default of MUTABLE is used",
    ),
    Unordered(path=_MUTABILITY_FILTERS, source="ecr.PutImageTagMutability: every filter applies; order has no meaning"),
    Default(path=_SCANNING, value={"scanOnPush": False}, source=_NO_SCAN),
    Default(path=f"{_SCANNING}.scanOnPush", value=False, source=_NO_SCAN),
    Default(
        path=_ENCRYPTION,
        value={"encryptionType": "AES256"},
        source="ecr.EncryptionConfiguration: AES256 is used when no encryption is declared",
    ),
    Computed(
        path=f"{_ENCRYPTION}.kmsKey",
        source="ecr.EncryptionConfiguration: if you don't specify a key, the AWS managed key for ECR is used",
    ),
    Rewrite(
        path="lifecyclePolicy",
        to=_lifecycle,
        source="ECR User Guide, lifecycle policies: rulePriority alone decides the order of the rules",
    ),
    Rewrite(path="policy", to=policy, source="ecr.SetRepositoryPolicy: policyText is an IAM policy document"),
    Computed(path="registryId", source="ecr.CreateRepository: without a registry, the default registry is assumed"),
    Immutable(path="registryId", source="ecr has no call that moves a repository to another registry"),
    Immutable(path="repositoryName", source="ecr has no call that renames a repository"),
    Immutable(path=_ENCRYPTION, source="ecr has no call that changes the encryption"),
)

# 4 READ ----------------------------------------------------------------------------------------------------------

_MAX_NAMES = 100  # ecr.DescribeRepositories: the length limit of repositoryNames
_READ_MEMBERS = ("repositoryName", "registryId", _MUTABILITY, _MUTABILITY_FILTERS, _SCANNING, _ENCRYPTION)


_COLLECTIONS = (
    Collection(
        operation="ecr.DescribeRepositories",
        cadence="medium",
        ids="repositoryNames",
        size=_MAX_NAMES,
        items="repositories",
        key="repositoryName",
    ),
    tags_by_arn("ecr.ListTagsForResource", "resourceArn", "tags", "Key/Value"),
    *medium("ecr", "GetLifecyclePolicy", "GetRepositoryPolicy"),
)


def _read(reader: Reader, wanted: Sequence[Wanted], _: World) -> Iterator[tuple[Key, Observed]]:
    registries: dict[str, list[Wanted]] = {}
    for want in wanted:
        registries.setdefault(want.body.get("registryId") or "", []).append(want)
    for registry, wants in registries.items():
        scope = {"registryId": registry} if registry else {}
        for batch in batches(wants, _MAX_NAMES):
            found = _describe(reader, [want.body["repositoryName"] for want in batch], scope)
            for want in batch:
                repository = found.get(want.body["repositoryName"])
                yield want.key, _present(reader, repository, whole=want.managed) if repository else Absent()


def _describe(reader: Reader, names: Sequence[str], scope: Body) -> dict[str, Body]:
    """Return the existing repositories among these names, by name.

    ECR fails the whole call when one repository is missing. Then each name is read alone.
    """
    try:
        response = reader.call("ecr", "DescribeRepositories", repositoryNames=list(names), **scope)
    except AwsError as error:
        if not missing(error):
            raise
        if len(names) == 1:
            return {}
        return {key: found for name in names for key, found in _describe(reader, [name], scope).items()}
    return {repository["repositoryName"]: repository for repository in response["repositories"]}


def _present(reader: Reader, repository: Body, *, whole: bool) -> Present:
    """Return a described repository as a resource; with `whole`, its policies and tags too."""
    arn, name = repository["repositoryArn"], repository["repositoryName"]
    outputs = {"uri": repository["repositoryUri"], "arn": arn, "name": name}
    body = pick(repository, *_READ_MEMBERS)
    if not whole:
        return Present(body=body, outputs=outputs)
    scope = pick(repository, "registryId")
    tags, mark, foreign = read_tags(reader.call("ecr", "ListTagsForResource", resourceArn=arn).get("tags"))
    lifecycle = _document(reader, "GetLifecyclePolicy", "lifecyclePolicyText", name, scope)
    permissions = _document(reader, "GetRepositoryPolicy", "policyText", name, scope)
    body |= {"lifecyclePolicy": lifecycle, "policy": permissions, "tags": tags}
    return Present(body=without_nones(body), outputs=outputs, marks=mark, foreign=foreign)


def _document(reader: Reader, operation: str, member: str, name: str, scope: Body) -> Json:
    """Return a policy document of a repository; None if it has none."""
    try:
        return parsed(reader.call("ecr", operation, repositoryName=name, **scope).get(member))
    except AwsError as error:
        if missing(error):
            return None
        raise


def _owned(reader: Reader, scope: str) -> Iterator[Owned]:
    names = [arn.split(":repository/", 1)[1] for arn in tagged_arns(reader, "ecr:repository", scope)]
    for batch in batches(names, _MAX_NAMES):
        for name, repository in sorted(_describe(reader, batch, {}).items()):
            present = _present(reader, repository, whole=True)
            if present.marks and belongs(present, scope):
                yield Owned(marks=present.marks, natural=name, present=present)


# 5 CALLS ---------------------------------------------------------------------------------------------------------


def _calls(change: Create | Update | Replace | Delete) -> tuple[Call, ...]:
    match change:
        case Create(desired=desired, marks=mark_tags):
            return tuple(_create(desired.body, mark_tags))
        case Update():
            return tuple(_update(change))
        case Replace(observed=observed) | Delete(observed=observed):
            params = pick(observed.body, "registryId") | {"repositoryName": observed.outputs["name"]}
            return (Call(service="ecr", operation="DeleteRepository", params=params),)


def _create(body: Body, mark_tags: Tags) -> Iterator[Call]:
    params = with_marks(TAGGING, without(body, "lifecyclePolicy", "policy"), mark_tags)
    captures = {
        "uri": ("repository", "repositoryUri"),
        "arn": ("repository", "repositoryArn"),
        "name": ("repository", "repositoryName"),
    }
    yield Call(service="ecr", operation="CreateRepository", params=params, captures=captures)
    for member in ("lifecyclePolicy", "policy"):
        if body.get(member):
            yield _document_call(body, member, body[member])


def _update(change: Update) -> Iterator[Call]:
    body, live, members = change.desired.body, change.observed.body, changed(change)
    if _MUTABILITY in members or _MUTABILITY_FILTERS in members:  # one call sets both
        both = {**pick(live, _MUTABILITY, _MUTABILITY_FILTERS), **members}
        mutability = {
            _MUTABILITY: both.get(_MUTABILITY) or "MUTABLE",
            _MUTABILITY_FILTERS: both.get(_MUTABILITY_FILTERS),
        }
        yield _call("PutImageTagMutability", body, without_nones(mutability))
    if _SCANNING in members:
        yield _call("PutImageScanningConfiguration", body, {_SCANNING: members[_SCANNING] or {"scanOnPush": False}})
    for member in ("lifecyclePolicy", "policy"):
        if member in members:
            yield _document_call(body, member, members[member])


def _document_call(body: Body, member: str, document: Json) -> Call:
    """Return the call that sets a policy document; without a document, the one that deletes it."""
    if member == "lifecyclePolicy":
        put, text, delete = "PutLifecyclePolicy", "lifecyclePolicyText", "DeleteLifecyclePolicy"
    else:
        put, text, delete = "SetRepositoryPolicy", "policyText", "DeleteRepositoryPolicy"
    return _call(put, body, {text: as_text(document)}) if document else _call(delete, body, {})


def _call(operation: str, body: Body, params: Body) -> Call:
    scope = pick(body, "registryId", "repositoryName")
    return Call(service="ecr", operation=operation, params={**scope, **params})


# ONLY SOME KINDS -------------------------------------------------------------------------------------------------


def _adjust(body: Body, present: Present) -> Body:
    """Replace a KMS key that is declared by id or alias by the ARN that AWS returns.

    Only AWS resolves an alias, so any live key is treated as the key of a declared alias.
    """
    declared, live = body.get(_ENCRYPTION), present.body.get(_ENCRYPTION)
    key = declared.get("kmsKey") if isinstance(declared, Mapping) else None
    arn = live.get("kmsKey") if isinstance(live, Mapping) else None
    if not isinstance(key, str) or not isinstance(arn, str):
        return body
    is_alias, is_id_of_live_key = key.split(":")[-1].startswith("alias/"), arn.endswith(f":key/{key}")
    if not is_alias and not is_id_of_live_key:
        return body
    return {**body, _ENCRYPTION: {**(declared or {}), "kmsKey": arn}}


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
    natural=_natural,
    name_member="repositoryName",
    name_limit=256,
    primary="uri",
    outputs=OUTPUTS["Repository"],
    known=lambda body: {"name": body["repositoryName"]} if isinstance(body.get("repositoryName"), str) else {},
    invalidates={"replace": ("uri", "arn", "name")},
    tagging=TAGGING,
    shape=SHAPE,
    reviewed=REVIEWED,
    constraints=_constraints.ROWS,
    rules=RULES,
    read=_read,
    owned=_owned,
    tagged_as="ecr:repository",
    collections=_COLLECTIONS,
    reads=operations("ecr", "DescribeRepositories", "ListTagsForResource", "GetLifecyclePolicy", "GetRepositoryPolicy")
    | operations("resourcegroupstaggingapi", "GetResources"),
    calls=_calls,
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
    adjust=_adjust,
    retain_default=True,
)
