"""The calls of a Role: a create and what goes with it, the least for an update, and the way out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from ecsync.core.model import Call, Present, Update
from ecsync.core.trees import Body, Json
from ecsync.kinds._common import changed, pick, touched, without
from ecsync.kinds.iam._policy_documents import as_text

_ADDITIONS = ("ManagedPolicyArns", "Policies", "InstanceProfile")
_AN_HOUR = 3600  # what AWS has where nothing is said


def create_calls(body: Body) -> tuple[Call, ...]:
    """Create the role, then one call for each thing that goes with it; each is seen by the next read."""
    name = body["RoleName"]
    params = {
        **without(body, *_ADDITIONS),
        "AssumeRolePolicyDocument": as_text(body.get("AssumeRolePolicyDocument")),
    }
    create = _iam("CreateRole", params, captures={"name": ("Role", "RoleName"), "arn": ("Role", "Arn")})
    return (
        create,
        *(_attach(name, arn) for arn in body.get("ManagedPolicyArns") or ()),
        *(_put(name, policy, document) for policy, document in (body.get("Policies") or {}).items()),
        *(_profile_calls(name, body.get("Path"), True) if body.get("InstanceProfile") else ()),
    )


def update_calls(change: Update) -> tuple[Call, ...]:
    """Send only what differs; rights are given before others are taken."""
    return tuple(_update(change))


def delete_calls(observed: Present) -> tuple[Call, ...]:
    """Take everything off the role, then delete it: IAM refuses a role that still has anything."""
    name = str(observed.outputs["name"])
    body = observed.body
    return (
        *_leave_profiles(observed, observed.facts.get("instanceProfiles", ())),
        *(_detach(name, arn) for arn in body.get("ManagedPolicyArns") or ()),
        *(_unput(name, policy) for policy in body.get("Policies") or ()),
        _iam("DeleteRole", {"RoleName": name}),
    )


def _update(change: Update) -> Iterator[Call]:
    name = change.desired.body["RoleName"]
    members = changed(change)
    if "AssumeRolePolicyDocument" in members:
        document = as_text(members["AssumeRolePolicyDocument"])
        yield _iam("UpdateAssumeRolePolicy", {"RoleName": name, "PolicyDocument": document})
    if "Description" in members or "MaxSessionDuration" in members:
        yield _iam("UpdateRole", {"RoleName": name, **_settings(change, members)})
    if "PermissionsBoundary" in members:
        boundary = members["PermissionsBoundary"]
        if boundary:
            yield _iam("PutRolePermissionsBoundary", {"RoleName": name, "PermissionsBoundary": boundary})
        else:
            yield _iam("DeleteRolePermissionsBoundary", {"RoleName": name})
    if "ManagedPolicyArns" in members:
        want, have = members["ManagedPolicyArns"] or [], change.observed.body.get("ManagedPolicyArns") or []
        yield from (_attach(name, arn) for arn in want if arn not in have)
        yield from (_detach(name, arn) for arn in have if arn not in want)
    if "Policies" in members:
        documents = members["Policies"] or {}
        names = touched(change, "Policies", {**documents, **(change.observed.body.get("Policies") or {})})
        yield from (_put(name, policy, documents[policy]) for policy in names if policy in documents)
        yield from (_unput(name, policy) for policy in names if policy not in documents)
    if "InstanceProfile" in members:
        if members["InstanceProfile"]:
            path = change.desired.body.get("Path") or change.observed.body.get("Path")  # beside its role
            yield from _profile_calls(name, path, not change.observed.facts.get("emptyProfile"))
        else:
            yield from _leave_profiles(change.observed, (name,))


def _settings(change: Update, members: Body) -> dict[str, Json]:
    """Return both settings: UpdateRole sets the duration back to an hour where it is left out."""
    said = {**pick(change.observed.body, "Description", "MaxSessionDuration"), **members}
    return {
        "Description": said.get("Description") or "",
        "MaxSessionDuration": said.get("MaxSessionDuration") or _AN_HOUR,
    }


def _attach(name: Json, arn: Json) -> Call:
    return _iam("AttachRolePolicy", {"RoleName": name, "PolicyArn": arn})


def _detach(name: Json, arn: Json) -> Call:
    return _iam("DetachRolePolicy", {"RoleName": name, "PolicyArn": arn})


def _put(name: Json, policy: str, document: Json) -> Call:
    return _iam("PutRolePolicy", {"RoleName": name, "PolicyName": policy, "PolicyDocument": as_text(document)})


def _unput(name: Json, policy: str) -> Call:
    return _iam("DeleteRolePolicy", {"RoleName": name, "PolicyName": policy})


def _profile_calls(name: Json, path: Json, make: bool) -> Iterator[Call]:
    if make:
        params = {"InstanceProfileName": name, **({"Path": path} if path else {})}
        captures = {"instanceProfileArn": ("InstanceProfile", "Arn")}
        yield _iam("CreateInstanceProfile", params, captures=captures)
    yield _iam("AddRoleToInstanceProfile", {"InstanceProfileName": name, "RoleName": name})


def _leave_profiles(observed: Present, profiles: Json) -> Iterator[Call]:
    """Take the role out of its profiles; the one of its own name goes with it, others belong to whoever made them."""
    name = observed.outputs["name"]
    for profile in profiles:
        yield _iam("RemoveRoleFromInstanceProfile", {"InstanceProfileName": profile, "RoleName": name})
    if name in profiles or observed.facts.get("emptyProfile"):
        yield _iam("DeleteInstanceProfile", {"InstanceProfileName": name})


def _iam(operation: str, params: Body, captures: Mapping[str, tuple[str | int, ...]] | None = None) -> Call:
    return Call(service="iam", operation=operation, params=params, captures=captures or {})
