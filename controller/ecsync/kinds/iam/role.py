"""Role: an IAM role with its attached and inline policies and, if declared, an instance profile of the same name.

A role without a declared `Path` is created under `/ecsync/<installation>/`. IAM has no search by tag, so that path is
where this kind looks for the roles that the installation owns (docs/rules.md R7).
A policy document is declared as a map or as text. It is compared by what it grants.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import partial

from ecsync.core import marks
from ecsync.core.kind import Kind, Owned, ShapeOf, Wanted, World
from ecsync.core.marks import spelled
from ecsync.core.model import Absent, Call, Create, Delete, Key, Observed, Present, Replace, Tags, Update
from ecsync.core.ports import AwsError, Reader
from ecsync.core.rules import Characters, Clears, Computed, Default, Immutable, Resets, Rewrite, Unordered
from ecsync.core.trees import Body, Json, Path
from ecsync.kinds._common import (
    arn_tagging,
    belongs,
    installation_in,
    medium,
    missing,
    name_characters,
    operations,
    pick,
    read_tags,
    tag_rows,
    without_nones,
)
from ecsync.kinds._outputs import OUTPUTS, end_of
from ecsync.kinds.iam import _constraints
from ecsync.kinds.iam._policy_documents import parsed, policy
from ecsync.kinds.iam._role_calls import create_calls, delete_calls, update_calls

# 1 IDENTITY ------------------------------------------------------------------------------------------------------

_SERVICE_LINKED = "/aws-service-role/"


def _natural(body: Body) -> str | None:
    name = body.get("RoleName")
    return name if isinstance(name, str) else None


TAGGING = arn_tagging(
    "iam",
    "Key/Value",
    member="Tags",
    operations=("TagRole", "UntagRole"),
    params=("RoleName", "Tags", "TagKeys"),
    of=lambda present: present.outputs["name"],
)

# 2 SHAPE ---------------------------------------------------------------------------------------------------------

SHAPE = ShapeOf(
    operation="iam.CreateRole",
    extra={
        "AssumeRolePolicyDocument": "any",
        "ManagedPolicyArns": "strings",
        "Policies": "any",
        "InstanceProfile": "boolean",
    },
    describe="iam.GetRole:Role",
    required=("AssumeRolePolicyDocument",),
    optional=("RoleName",),
)


def _check(body: Body) -> Iterator[tuple[Path, str]]:
    if str(body.get("Path", "")).startswith(_SERVICE_LINKED):
        yield (
            ("Path",),
            "ecsync does not write service-linked roles: the AWS service creates them",
        )
    yield from _check_document(("AssumeRolePolicyDocument",), body.get("AssumeRolePolicyDocument"))
    policies = body.get("Policies")
    if policies is not None and not isinstance(policies, Mapping):
        yield ("Policies",), "Policies must be a map: the name of each inline policy, and its document"
        return
    for name, document in (policies or {}).items():
        yield from _check_document(("Policies", name), document)


def _check_document(path: Path, document: Json) -> Iterator[tuple[Path, str]]:
    if isinstance(document, str) and not isinstance(parsed(document), Mapping):
        yield path, "a policy document must be a map, or text that contains a JSON object"
    elif isinstance(document, (list, bool, int, float)):
        yield path, "a policy document must be a map with Version and Statement"


# 3 RULES ---------------------------------------------------------------------------------------------------------

_EQUAL_DOCUMENTS = "IAM User Guide, JSON policy elements: one value or a list of it; order has no meaning"

RULES = (
    *tag_rows("Tags", "Key", "Value"),
    name_characters("RoleName", "iam.CreateRole: letters, digits and _+=,.@-", "+=,.@"),
    Characters(
        path="Description",
        allowed=r"[\t\n\r -~\u00a1-\u00ff]",
        text="the characters of Latin-1",
        source="iam.CreateRole: roleDescriptionType",
    ),
    Rewrite(path="AssumeRolePolicyDocument", to=policy, source=_EQUAL_DOCUMENTS),
    Rewrite(path="Policies.*", to=policy, source=_EQUAL_DOCUMENTS),
    Unordered(path="ManagedPolicyArns", source="iam.AttachRolePolicy attaches one policy; attachments have no order"),
    Default(path="MaxSessionDuration", value=3600, source="iam.CreateRole: the default value of one hour is applied"),
    Computed(path="Path", source="iam.CreateRole: Path is optional; ecsync creates under /ecsync/<installation>/"),
    Computed(path="InstanceProfile", source="the IAM console creates an instance profile with every role for EC2"),
    Resets(path="MaxSessionDuration", source="iam.UpdateRole: if you do not specify a value, one hour is applied"),
    Resets(path="Description", source="iam.UpdateRole sets the description and the duration in one call"),
    Clears(
        path="Description",
        value="",
        source="iam has no call that removes a description; UpdateRole accepts an empty text",
    ),
    Immutable(path="RoleName", source="iam has no call that renames a role"),
    Immutable(path="Path", source="iam.UpdateRole has no Path"),
)

# 4 READ ----------------------------------------------------------------------------------------------------------


_READS = (
    "GetRole",
    "ListAttachedRolePolicies",
    "ListRolePolicies",
    "GetRolePolicy",
    "ListInstanceProfilesForRole",
    "GetInstanceProfile",
)


def _read(reader: Reader, wanted: Sequence[Wanted], _: World) -> Iterator[tuple[Key, Observed]]:
    for want in wanted:
        wants_profile = bool(want.body.get("InstanceProfile"))
        role = _role(reader, want.body["RoleName"])
        yield want.key, _present(reader, role, wants_profile, whole=want.managed) if role else Absent()


def _role(reader: Reader, name: str) -> Body | None:
    try:
        role: Body = reader.call("iam", "GetRole", RoleName=name)["Role"]
    except AwsError as error:
        if missing(error):
            return None
        raise
    return role


def _present(reader: Reader, role: Body, wants_profile: bool, *, whole: bool) -> Present:
    """Return a role as a resource; with `whole`, its policies too."""
    name, path = role["RoleName"], role.get("Path", "/")
    profiles = {
        profile["InstanceProfileName"]: profile["Arn"]
        for profile in reader.pages("iam", "ListInstanceProfilesForRole", "InstanceProfiles", RoleName=name)
    }
    tags, mark, foreign = read_tags(role.get("Tags"))
    boundary = role.get("PermissionsBoundary") or {}
    body = {
        **pick(role, "RoleName", "Path", "Description", "MaxSessionDuration"),
        "AssumeRolePolicyDocument": parsed(role.get("AssumeRolePolicyDocument")),
        "PermissionsBoundary": boundary.get("PermissionsBoundaryArn"),
        "InstanceProfile": True if name in profiles else None,
        "Tags": tags,
        **(_policies(reader, name) if whole else {}),
    }
    outputs = {"name": name, "arn": role["Arn"]}
    if profiles:
        outputs["instanceProfileArn"] = profiles.get(name) or profiles[min(profiles)]
    empty_profile = wants_profile and name not in profiles and _has_empty_profile(reader, name)
    facts = {"instanceProfiles": tuple(sorted(profiles)), "emptyProfile": empty_profile}
    by_aws = "AWS (service-linked role)" if path.startswith(_SERVICE_LINKED) else ""
    return Present(body=without_nones(body), outputs=outputs, marks=mark, facts=facts, foreign=by_aws or foreign)


def _policies(reader: Reader, name: str) -> dict[str, Json]:
    """Return the attached and the inline policies of a role, as members of the body."""
    attached = reader.pages("iam", "ListAttachedRolePolicies", "AttachedPolicies", RoleName=name)
    inline = {
        policy_name: parsed(
            reader.call("iam", "GetRolePolicy", RoleName=name, PolicyName=policy_name)["PolicyDocument"]
        )
        for policy_name in sorted(reader.pages("iam", "ListRolePolicies", "PolicyNames", RoleName=name))
    }
    return {"ManagedPolicyArns": [policy["PolicyArn"] for policy in attached], "Policies": inline}


def _has_empty_profile(reader: Reader, name: str) -> bool:
    """True if a profile with the role's name exists without the role: a create stopped between its calls."""
    try:
        profile = reader.call("iam", "GetInstanceProfile", InstanceProfileName=name)["InstanceProfile"]
    except AwsError as error:
        if missing(error):
            return False
        raise
    return not profile.get("Roles")


def _printed(live: Body, _: Body) -> Present:
    """Return the role that GetRole prints; its policies, which other calls print, are members of the document."""
    boundary = live.get("PermissionsBoundary")
    arn = boundary.get("PermissionsBoundaryArn") if isinstance(boundary, Mapping) else boundary
    tags, mark, foreign = read_tags(live.get("Tags"))
    body = without_nones({**live, "PermissionsBoundary": arn, "Tags": tags})
    return Present(body=body, outputs={}, marks=mark, foreign=foreign)


def _owned(reader: Reader, scope: str) -> Iterator[Owned]:
    for listed in reader.pages("iam", "ListRoles", "Roles", PathPrefix=f"/ecsync/{installation_in(scope)}/"):
        role = _role(reader, listed["RoleName"])  # iam.ListRoles returns no tags
        present = _present(reader, role, True, whole=True) if role else None
        if present and present.marks and belongs(present, scope):
            yield Owned(marks=present.marks, natural=listed["RoleName"], present=present)


# 5 CALLS ---------------------------------------------------------------------------------------------------------

# The calls of each change are in `_role_calls.py`.


def _calls(change: Create | Update | Replace | Delete) -> tuple[Call, ...]:
    match change:
        case Create(desired=desired, marks=mark_tags):
            return create_calls(_create_body(desired.body, mark_tags))
        case Update():
            return update_calls(change)
        case Replace(observed=observed) | Delete(observed=observed):
            return delete_calls(observed)


def _create_body(body: Body, mark_tags: Tags) -> Body:
    """Return the body of a create: with our marks among the tags, and with our path if none is declared."""
    owner = marks.key_of(mark_tags.get(marks.OWNER, ""))
    path = {"Path": f"/ecsync/{owner[0]}/"} if owner else {}
    tags = spelled({**marks.tag_map(body.get("Tags")), **mark_tags}, "Key/Value")
    return without_nones({**path, **without_nones(body), "Tags": tags})


# ONLY SOME KINDS -------------------------------------------------------------------------------------------------


def _adjust(body: Body, present: Present) -> Body:
    """Leave out `InstanceProfile: false` when the role has no profile: the two are the same."""
    same = body.get("InstanceProfile") is False and not present.body.get("InstanceProfile")
    return {member: value for member, value in body.items() if member != "InstanceProfile"} if same else body


def _from_reference(value: str) -> Body | None:
    """Service-linked roles are AWS's own, and never a document."""
    return None if _SERVICE_LINKED in value else {"RoleName": value.rsplit("/", 1)[-1]}


# The members of AWS's shapes that the rules take into account; `make review` prints those that a newer botocore has.
REVIEWED = {
    "CreateRoleRequest": (
        "AssumeRolePolicyDocument Description InstanceProfile ManagedPolicyArns MaxSessionDuration Path "
        "PermissionsBoundary Policies RoleName Tags"
    ),
    "Tag": "Key Value",
}

KIND = Kind(
    name="Role",
    example="""
Role/execution:
  RoleName: shop-execution
  AssumeRolePolicyDocument:
    Version: "2012-10-17"
    Statement: [{Effect: Allow, Principal: {Service: ecs-tasks.amazonaws.com}, Action: sts:AssumeRole}]
  ManagedPolicyArns: [arn:aws:iam::aws:policy/service-role/AmazonECSTaskExecutionRolePolicy]
""",
    natural=_natural,
    name_member="RoleName",
    name_limit=64,
    regional=False,
    primary="name",
    outputs=OUTPUTS["Role"],
    derived={"instanceProfileName": partial(end_of, "instanceProfileArn", "/")},
    known=lambda body: {"name": body["RoleName"]} if isinstance(body.get("RoleName"), str) else {},
    invalidates={"replace": ("name", "arn", "instanceProfileArn", "instanceProfileName")},
    tagging=TAGGING,
    shape=SHAPE,
    reviewed=REVIEWED,
    check=_check,
    constraints=_constraints.ROWS,
    rules=RULES,
    read=_read,
    owned=_owned,
    apart=True,
    collections=medium("iam", *_READS),
    from_describe=_printed,
    reads=operations("iam", *_READS, "ListRoles"),
    calls=_calls,
    writes=operations(
        "iam",
        "CreateRole",
        "UpdateRole",
        "UpdateAssumeRolePolicy",
        "PutRolePermissionsBoundary",
        "DeleteRolePermissionsBoundary",
        "AttachRolePolicy",
        "DetachRolePolicy",
        "PutRolePolicy",
        "DeleteRolePolicy",
        "CreateInstanceProfile",
        "AddRoleToInstanceProfile",
        "RemoveRoleFromInstanceProfile",
        "DeleteInstanceProfile",
    ),
    deletes=operations(
        "iam",
        "DetachRolePolicy",
        "DeleteRolePolicy",
        "RemoveRoleFromInstanceProfile",
        "DeleteInstanceProfile",
        "DeleteRole",
    ),
    adjust=_adjust,
    retain_default=True,
    from_reference=_from_reference,
)
