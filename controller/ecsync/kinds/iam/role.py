"""Role: an IAM role with its attached and inline policies and, where it says so, an instance profile of its name.

A role without a declared `Path` is made under `/ecsync/<installation>/`: IAM cannot be searched by tag, so that is
where we look for what we own (rule 7). Documents are written as a map or as text, and compared by what they grant.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from ecsync.core import marks
from ecsync.core.kind import Kind, Owned, ShapeOf, Wanted, World
from ecsync.core.model import Absent, Call, Create, Delete, Key, Observed, Present, Replace, Update
from ecsync.core.ports import AwsError, Reader
from ecsync.core.rules import Clears, Computed, Default, Immutable, Resets, Rewrite, Unordered
from ecsync.core.tagging import spelled
from ecsync.core.trees import Body, Json, Path
from ecsync.kinds._common import arn_tagging, belongs, missing, operations, pick, read_tags, tag_rows, without_nones
from ecsync.kinds.iam._policy_documents import parsed, policy
from ecsync.kinds.iam._role_calls import create_calls, delete_calls, update_calls

# 1 IDENTITY ------------------------------------------------------------------------------------------------------

_SERVICE_LINKED = "/aws-service-role/"


TAGGING = arn_tagging(
    "iam",
    "Key/Value",
    member="Tags",
    operations=("TagRole", "UntagRole"),
    params=("RoleName", "Tags", "TagKeys"),
    of=lambda present: present.outputs["name"],
)

# 2 SHAPE ---------------------------------------------------------------------------------------------------------


def _check(body: Body) -> Iterator[tuple[Path, str]]:
    if str(body.get("Path", "")).startswith(_SERVICE_LINKED):
        yield ("Path",), "a service-linked role is made by its service; ecsync never writes one"
    yield from _check_document(("AssumeRolePolicyDocument",), body.get("AssumeRolePolicyDocument"))
    policies = body.get("Policies")
    if policies is not None and not isinstance(policies, Mapping):
        yield ("Policies",), "Policies is a map from the name of each inline policy to its document"
        return
    for name, document in (policies or {}).items():
        yield from _check_document(("Policies", name), document)


def _check_document(path: Path, document: Json) -> Iterator[tuple[Path, str]]:
    if isinstance(document, str) and not isinstance(parsed(document), Mapping):
        yield path, "a policy document is a map, or text that holds a JSON object"
    elif isinstance(document, (list, bool, int, float)):
        yield path, "a policy document is a map with Version and Statement"


# 3 RULES ---------------------------------------------------------------------------------------------------------

RULES = (
    *tag_rows("Tags", "Key", "Value"),
    Rewrite(path="AssumeRolePolicyDocument", to=policy, source="IAM User Guide, JSON policy elements"),
    Rewrite(path="Policies.*", to=policy, source="IAM User Guide, JSON policy elements"),
    Unordered(path="ManagedPolicyArns", source="iam.AttachRolePolicy: a set"),
    Default(path="MaxSessionDuration", value=3600, source="iam.CreateRole: the default value of one hour is applied"),
    Computed(path="Path", source="core-rules.md 7: undeclared, ours is /ecsync/<installation>/"),
    Computed(path="InstanceProfile", source="the console makes a profile with every role for EC2"),
    Resets(path="MaxSessionDuration", source="iam.UpdateRole: If you do not specify a value, one hour is applied"),
    Resets(path="Description", source="iam.UpdateRole"),
    Clears(path="Description", value="", source="iam.UpdateRole"),
    Immutable(path="RoleName", source="iam has no rename"),
    Immutable(path="Path", source="iam.UpdateRole has no Path"),
)


def _adjust(body: Body, present: Present) -> Body:
    """Take a profile that is not wanted and not there for nothing said."""
    idle = body.get("InstanceProfile") is False and not present.body.get("InstanceProfile")
    return {member: value for member, value in body.items() if member != "InstanceProfile"} if idle else body


# 4 READ ----------------------------------------------------------------------------------------------------------


def _read(reader: Reader, wanted: Sequence[Wanted], _: World) -> Iterator[tuple[Key, Observed]]:
    for want in wanted:
        asks_for_profile = bool(want.body.get("InstanceProfile"))
        role = _role(reader, want.body["RoleName"])
        yield want.key, _present(reader, role, asks_for_profile, whole=want.managed) if role else Absent()


def _role(reader: Reader, name: str) -> Body | None:
    try:
        role: Body = reader.call("iam", "GetRole", RoleName=name)["Role"]
    except AwsError as error:
        if missing(error):
            return None
        raise
    return role


def _present(reader: Reader, role: Body, asks_for_profile: bool, *, whole: bool) -> Present:
    name, path = role["RoleName"], role.get("Path", "/")
    profiles = {
        profile["InstanceProfileName"]: profile["Arn"]
        for profile in reader.pages("iam", "ListInstanceProfilesForRole", "InstanceProfiles", RoleName=name)
    }
    tags, ours, foreign = read_tags(role.get("Tags"))
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
    half_made = asks_for_profile and name not in profiles and _is_profile(reader, name)
    facts = {"instanceProfiles": tuple(sorted(profiles)), "emptyProfile": half_made}
    by_aws = "AWS (it is a service-linked role)" if path.startswith(_SERVICE_LINKED) else ""
    return Present(body=without_nones(body), outputs=outputs, marks=ours, facts=facts, foreign=by_aws or foreign)


def _policies(reader: Reader, name: str) -> dict[str, Json]:
    attached = reader.pages("iam", "ListAttachedRolePolicies", "AttachedPolicies", RoleName=name)
    inline = {
        policy_name: parsed(
            reader.call("iam", "GetRolePolicy", RoleName=name, PolicyName=policy_name)["PolicyDocument"]
        )
        for policy_name in sorted(reader.pages("iam", "ListRolePolicies", "PolicyNames", RoleName=name))
    }
    return {"ManagedPolicyArns": [one["PolicyArn"] for one in attached], "Policies": inline}


def _is_profile(reader: Reader, name: str) -> bool:
    """Tell whether a profile of the role's name is there without the role: a create that stopped between its calls."""
    try:
        profile = reader.call("iam", "GetInstanceProfile", InstanceProfileName=name)["InstanceProfile"]
    except AwsError as error:
        if missing(error):
            return False
        raise
    return not profile.get("Roles")


def _printed(live: Body, _: Body) -> Present:
    """Return what GetRole prints; its policies, printed apart, stand in the document itself."""
    boundary = live.get("PermissionsBoundary")
    arn = boundary.get("PermissionsBoundaryArn") if isinstance(boundary, Mapping) else boundary
    tags, ours, foreign = read_tags(live.get("Tags"))
    body = without_nones({**live, "PermissionsBoundary": arn, "Tags": tags})
    return Present(body=body, outputs={}, marks=ours, foreign=foreign)


def _owned(reader: Reader, installation: str) -> Iterator[Owned]:
    for listed in reader.pages("iam", "ListRoles", "Roles", PathPrefix=f"/ecsync/{installation}/"):
        role = _role(reader, listed["RoleName"])  # ListRoles leaves out the tags
        present = _present(reader, role, True, whole=True) if role else None
        if present and present.marks and belongs(present, installation):
            yield Owned(marks=present.marks, natural=listed["RoleName"], present=present)


# 5 CALLS: `_iam_role_calls.py` -----------------------------------------------------------------------------------


def _calls(change: Create | Update | Replace | Delete) -> tuple[Call, ...]:
    match change:
        case Create(desired=desired, marks=ours):
            parsed_owner = marks.key_of(ours.get(marks.OWNER, ""))
            under = {"Path": f"/ecsync/{parsed_owner[0]}/"} if parsed_owner else {}
            tags = spelled({**marks.tag_map(desired.body.get("Tags")), **ours}, "Key/Value")
            return create_calls(without_nones({**under, **without_nones(desired.body), "Tags": tags}))
        case Update():
            return update_calls(change)
        case Replace(observed=observed) | Delete(observed=observed):
            return delete_calls(observed)


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
    natural=lambda body: body["RoleName"] if isinstance(body.get("RoleName"), str) else None,
    name_member="RoleName",
    name_limit=64,
    primary="name",
    outputs=("name", "arn", "instanceProfileArn"),
    known=lambda body: {"name": body["RoleName"]} if isinstance(body.get("RoleName"), str) else {},
    invalidates={"replace": ("name", "arn", "instanceProfileArn")},
    tagging=TAGGING,
    shape=ShapeOf(
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
    ),
    reviewed=REVIEWED,
    check=_check,
    rules=RULES,
    read=_read,
    owned=_owned,
    from_describe=_printed,
    reads=operations(
        "iam",
        "GetRole",
        "ListAttachedRolePolicies",
        "ListRolePolicies",
        "GetRolePolicy",
        "ListInstanceProfilesForRole",
        "GetInstanceProfile",
        "ListRoles",
    ),
    calls=_calls,
    adjust=_adjust,
    retain_default=True,
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
)
