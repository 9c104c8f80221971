"""The calls of a Role: create it with its policies, update only what differs, detach everything and delete it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from ecsync.core.model import Call, Present, Update
from ecsync.core.trees import Body, Json
from ecsync.kinds._common import changed, pick, touched, without
from ecsync.kinds.iam._policy_documents import as_text

_ADDITIONS = ("ManagedPolicyArns", "Policies", "InstanceProfile")
_DEFAULT_DURATION = 3600  # seconds; iam.CreateRole: the default value of one hour is applied


def create_calls(body: Body) -> tuple[Call, ...]:
    """Return the create call, then one call for each policy and the profile; the next read shows each of them."""
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
        *(_add_profile(name, body.get("Path"), create=True) if body.get("InstanceProfile") else ()),
    )


def update_calls(change: Update) -> tuple[Call, ...]:
    """Return one call for each difference; permissions are granted before others are revoked."""
    return tuple(_update(change))


def delete_calls(observed: Present) -> tuple[Call, ...]:
    """Return the calls that detach everything and delete the role: iam.DeleteRole refuses a role with a policy."""
    name = str(observed.outputs["name"])
    body = observed.body
    return (
        *_remove_from_profiles(observed, observed.facts.get("instanceProfiles", ())),
        *(_detach(name, arn) for arn in body.get("ManagedPolicyArns") or ()),
        *(_delete_inline(name, policy) for policy in body.get("Policies") or ()),
        _iam("DeleteRole", {"RoleName": name}),
    )


def _update(change: Update) -> Iterator[Call]:
    name, members = change.desired.body["RoleName"], changed(change)
    if "AssumeRolePolicyDocument" in members:
        document = as_text(members["AssumeRolePolicyDocument"])
        yield _iam("UpdateAssumeRolePolicy", {"RoleName": name, "PolicyDocument": document})
    if "Description" in members or "MaxSessionDuration" in members:
        yield _iam("UpdateRole", {"RoleName": name, **_settings(change, members)})
    if "PermissionsBoundary" in members:
        yield _boundary(name, members["PermissionsBoundary"])
    if "ManagedPolicyArns" in members:
        yield from _attachments(name, members["ManagedPolicyArns"] or [], change.observed)
    if "Policies" in members:
        yield from _inline_policies(name, members["Policies"] or {}, change)
    if "InstanceProfile" in members:
        yield from _profile(name, change, wanted=bool(members["InstanceProfile"]))


def _settings(change: Update, members: Body) -> dict[str, Json]:
    """Return both settings: iam.UpdateRole resets the duration to one hour when a call omits it."""
    settings = {**pick(change.observed.body, "Description", "MaxSessionDuration"), **members}
    return {
        "Description": settings.get("Description") or "",
        "MaxSessionDuration": settings.get("MaxSessionDuration") or _DEFAULT_DURATION,
    }


def _boundary(name: Json, arn: Json) -> Call:
    if arn:
        return _iam("PutRolePermissionsBoundary", {"RoleName": name, "PermissionsBoundary": arn})
    return _iam("DeleteRolePermissionsBoundary", {"RoleName": name})


def _attachments(name: Json, want: Sequence[Json], observed: Present) -> Iterator[Call]:
    have = observed.body.get("ManagedPolicyArns") or []
    yield from (_attach(name, arn) for arn in want if arn not in have)
    yield from (_detach(name, arn) for arn in have if arn not in want)


def _inline_policies(name: Json, documents: Mapping[str, Json], change: Update) -> Iterator[Call]:
    names = touched(change, "Policies", {**documents, **(change.observed.body.get("Policies") or {})})
    yield from (_put(name, policy, documents[policy]) for policy in names if policy in documents)
    yield from (_delete_inline(name, policy) for policy in names if policy not in documents)


def _profile(name: Json, change: Update, *, wanted: bool) -> Iterator[Call]:
    if not wanted:
        yield from _remove_from_profiles(change.observed, (name,))
        return
    path = change.desired.body.get("Path") or change.observed.body.get("Path")  # the same path as the role
    yield from _add_profile(name, path, create=not change.observed.facts.get("emptyProfile"))


def _attach(name: Json, arn: Json) -> Call:
    return _iam("AttachRolePolicy", {"RoleName": name, "PolicyArn": arn})


def _detach(name: Json, arn: Json) -> Call:
    return _iam("DetachRolePolicy", {"RoleName": name, "PolicyArn": arn})


def _put(name: Json, policy: str, document: Json) -> Call:
    return _iam("PutRolePolicy", {"RoleName": name, "PolicyName": policy, "PolicyDocument": as_text(document)})


def _delete_inline(name: Json, policy: str) -> Call:
    return _iam("DeleteRolePolicy", {"RoleName": name, "PolicyName": policy})


def _add_profile(name: Json, path: Json, *, create: bool) -> Iterator[Call]:
    if create:
        params = {"InstanceProfileName": name, **({"Path": path} if path else {})}
        captures = {"instanceProfileArn": ("InstanceProfile", "Arn")}
        yield _iam("CreateInstanceProfile", params, captures=captures)
    yield _iam("AddRoleToInstanceProfile", {"InstanceProfileName": name, "RoleName": name})


def _remove_from_profiles(observed: Present, profiles: Json) -> Iterator[Call]:
    """Yield the calls that remove the role from these profiles, and delete the profile that has the role's name.

    Profiles with other names belong to another client and are not deleted.
    """
    name = observed.outputs["name"]
    for profile in profiles:
        yield _iam("RemoveRoleFromInstanceProfile", {"InstanceProfileName": profile, "RoleName": name})
    if name in profiles or observed.facts.get("emptyProfile"):
        yield _iam("DeleteInstanceProfile", {"InstanceProfileName": name})


def _iam(operation: str, params: Body, captures: Mapping[str, tuple[str | int, ...]] | None = None) -> Call:
    return Call(service="iam", operation=operation, params=params, captures=captures or {})
