"""What IAM accepts of policy documents: of a trust policy, and of policies that grant actions."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from typing import TypeAlias

from ecsync.core.constraints.rows import Constraint, Constraints, Spot
from ecsync.core.trees import Json, Path
from ecsync.core.wording import quoted, suggestion
from ecsync.kinds._constraint_parts import is_text, is_unknown, text

_STATEMENT = (
    "Sid", "Effect", "Principal", "NotPrincipal", "Action", "NotAction", "Resource", "NotResource", "Condition",
)  # fmt: skip
_TOP = ("Version", "Id", "Statement")
_SOURCE = "IAM User Guide, JSON policy elements"
_MALFORMED = "MalformedPolicyDocument"
_ACTION = re.compile(r"\*|[a-zA-Z0-9-]+:[a-zA-Z0-9*?]+")
_SERVICE = re.compile(r"[a-z0-9-]+(\.[a-z0-9-]+)*\.(amazonaws\.com(\.cn)?|aws\.internal|amazon\.com)|\*")


def _document(value: Json) -> Json:
    """Return a policy document as a tree; None if it is not known."""
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except ValueError:
            return None
    return value if isinstance(value, Mapping) else None


def _statements(value: Json) -> Iterator[tuple[Path, Mapping[str, Json]]]:
    """Yield (path, statement) of a policy document."""
    document = _document(value)
    declared = document.get("Statement") if document is not None else None
    if isinstance(declared, Mapping):
        yield ("Statement",), declared
    for index, one in enumerate(declared if isinstance(declared, (list, tuple)) else ()):
        if isinstance(one, Mapping):
            yield ("Statement", index), one


Found: TypeAlias = tuple[Path, str]
_NOTHING: Found = ((), "")


def _keys(spot: Spot) -> Found:
    document = _document(spot.value)
    for key in document or ():
        if key not in _TOP:
            return (key,), f"{quoted(key)} is no element of a policy{suggestion(str(key), _TOP)}"
    if document is not None and not document.get("Statement"):
        return (), "it has no Statement; declare one or more"
    return _NOTHING


def _version(spot: Spot) -> Found:
    document = _document(spot.value)
    version = document.get("Version") if document is not None else None
    if version is None or is_unknown(version) or str(version) in ("2012-10-17", "2008-10-17"):
        return _NOTHING
    return ("Version",), f'{quoted(version)} is no version of policies; write "2012-10-17"'


def _old_version(spot: Spot) -> str:
    document = _document(spot.value)
    if document is None or document.get("Version") is not None or "${" not in json.dumps(document, default=str):
        return ""
    return 'without a Version the policy has no variables such as ${aws:username}; write Version: "2012-10-17"'


def _elements(spot: Spot) -> Found:
    for path, one in _statements(spot.value):
        for key in one:
            if key not in _STATEMENT:
                return (*path, key), f"{quoted(key)} is no element of a statement{suggestion(str(key), _STATEMENT)}"
    return _NOTHING


def _effect(spot: Spot) -> Found:
    for path, one in _statements(spot.value):
        effect = one.get("Effect")
        if effect not in ("Allow", "Deny") and not is_unknown(effect):
            return (*path, "Effect"), f"it is {quoted(effect) if effect else 'missing'}; write Allow or Deny"
    return _NOTHING


def _actions(spot: Spot) -> Found:
    for path, one in _statements(spot.value):
        if "Action" in one and "NotAction" in one:
            return (*path, "NotAction"), "the statement has Action and NotAction; keep one"
        if "Action" not in one and "NotAction" not in one:
            return path, "the statement has no Action; declare one"
    return _NOTHING


def _each(path: Path, statement: Mapping[str, Json], *members: str) -> Iterator[tuple[Path, str]]:
    """Yield (path, value) of every known text of the members."""
    for member in members:
        value = statement.get(member)
        if isinstance(value, (list, tuple)):
            yield from (((*path, member, index), one) for index, one in enumerate(value) if is_text(one))
        elif is_text(value):
            yield (*path, member), value


def _action_names(spot: Spot) -> Found:
    for path, one in _statements(spot.value):
        for at, action in _each(path, one, "Action", "NotAction"):
            if not _ACTION.fullmatch(action):
                return at, f"{quoted(action)} is no action; write it as service:Operation, such as s3:GetObject"
    return _NOTHING


def _sids(spot: Spot) -> Found:
    seen: set[str] = set()
    for path, one in _statements(spot.value):
        sid = text(one.get("Sid"))
        if not re.fullmatch(r"[A-Za-z0-9]*", sid):
            return (*path, "Sid"), f"{quoted(sid)} has characters that IAM refuses; use letters and digits"
        if sid and sid in seen:
            return (*path, "Sid"), f"{quoted(sid)} is declared twice; use another one"
        seen.add(sid)
    return _NOTHING


def _grants_resources(spot: Spot) -> Found:
    for path, one in _statements(spot.value):
        if "Resource" in one and "NotResource" in one:
            return (*path, "NotResource"), "the statement has Resource and NotResource; keep one"
        if "Resource" not in one and "NotResource" not in one:
            return path, "the statement has no Resource; declare one"
        for at, resource in _each(path, one, "Resource", "NotResource"):
            if not resource.startswith(("arn:", "*")):
                return at, f'{quoted(resource)} is no ARN; write an ARN, or "*"'
    return _NOTHING


def _has_no(*members: str) -> Callable[[Spot], Found]:
    def test(spot: Spot) -> Found:
        for path, one in _statements(spot.value):
            for member in members:
                if member in one:
                    return (*path, member), f"this kind of policy has no {member}; remove it"
        return _NOTHING

    return test


def _has_principal(spot: Spot) -> Found:
    for path, one in _statements(spot.value):
        if "Principal" not in one and "NotPrincipal" not in one:
            return path, "the statement has no Principal; declare one, such as {Service: ecs-tasks.amazonaws.com}"
    return _NOTHING


def _principals(spot: Spot) -> Found:
    known = ("AWS", "Service", "Federated", "CanonicalUser")
    for path, one in _statements(spot.value):
        principal = one.get("Principal")
        if isinstance(principal, Mapping):
            for key in principal:
                if key not in known:
                    at = (*path, "Principal", key)
                    return at, f"{quoted(key)} is no kind of principal{suggestion(str(key), known)}"
            for at, service in _each((*path, "Principal"), principal, "Service"):
                if not _SERVICE.fullmatch(service):
                    return at, f"{quoted(service)} is no service; write one such as ecs-tasks.amazonaws.com"
        elif is_text(principal) and principal != "*":
            return (*path, "Principal"), f'{quoted(principal)} is a text; write {{Service: ...}}, {{AWS: ...}} or "*"'
    return _NOTHING


def _trust_actions(spot: Spot) -> Found:
    for path, one in _statements(spot.value):
        for at, action in _each(path, one, "Action"):
            if not action.lower().startswith("sts:"):
                return at, f"{quoted(action)} does not let anyone assume the role; use sts:AssumeRole"
    return _NOTHING


def _size(most: int) -> Callable[[Spot], str]:
    def test(spot: Spot) -> str:
        document = _document(spot.value)
        if document is None:
            return ""
        size = len(re.sub(r"\s", "", json.dumps(document, default=str)))
        return f"it has {size} characters; use at most {most}: join statements, or use patterns" if size > most else ""

    return test


def _common(path: str) -> Constraints:
    return (
        Constraint(path=path, rule="Version, Id and Statement", test=_keys, source=_SOURCE, answer=_MALFORMED),
        Constraint(path=path, rule='Version "2012-10-17" or "2008-10-17"', test=_version, source=_SOURCE,
                   answer=_MALFORMED),
        Constraint(path=path, rule="variables with Version 2012-10-17", test=_old_version, source=_SOURCE,
                   level="note"),
        Constraint(path=path, rule="statements of known elements", test=_elements, source=_SOURCE,
                   answer="Syntax errors in policy"),
        Constraint(path=path, rule="Effect Allow or Deny", test=_effect, source=_SOURCE,
                   answer="Syntax errors in policy"),
        Constraint(path=path, rule="Action or NotAction", test=_actions, source=_SOURCE,
                   answer="Syntax errors in policy"),
        Constraint(path=path, rule="actions with the prefix of a service", test=_action_names, source=_SOURCE,
                   answer="Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc."),
        Constraint(path=path, rule="Sid of letters and digits, each once", test=_sids, source=_SOURCE,
                   answer="Statement IDs (SID) must be alpha-numeric, and unique in a policy"),
    )  # fmt: skip


def trust_constraints(path: str) -> Constraints:
    """Return the rows of a trust policy."""
    return (
        *_common(path),
        Constraint(path=path, rule="a Principal in each statement", test=_has_principal, source=_SOURCE,
                   answer=_MALFORMED),
        Constraint(path=path, rule="services, accounts or identity providers as Principal", test=_principals,
                   source=_SOURCE, answer="Invalid principal in policy"),
        Constraint(path=path, rule="no Resource", test=_has_no("Resource", "NotResource"), source=_SOURCE,
                   answer="Has prohibited field Resource"),
        Constraint(path=path, rule="actions of sts", test=_trust_actions, source=_SOURCE,
                   answer="AssumeRole policy may only specify STS AssumeRole actions"),
        Constraint(path=path, rule="at most 4096 characters", test=_size(4096),
                   source="IAM User Guide, quotas: the largest quota of a trust policy"),
    )  # fmt: skip


def grant_constraints(path: str) -> Constraints:
    """Return the rows of a policy that grants actions to a role."""
    return (
        *_common(path),
        Constraint(path=path, rule="no Principal", test=_has_no("Principal", "NotPrincipal"), source=_SOURCE,
                   answer="Policy document should not specify a principal"),
        Constraint(path=path, rule="Resource or NotResource, ARNs or *", test=_grants_resources, source=_SOURCE,
                   answer='Resource must be in ARN format or "*"'),
        Constraint(path=path, rule="at most 10240 characters", test=_size(10240),
                   source="IAM User Guide, quotas: inline policies of a role",
                   answer="Maximum policy size of 10240 bytes exceeded"),
    )  # fmt: skip


def resource_policy_constraints(path: str) -> Constraints:
    """Return the rows of the policy of a resource, such as a repository."""
    return (
        *_common(path),
        Constraint(path=path, rule="a Principal in each statement", test=_has_principal, source=_SOURCE),
        Constraint(path=path, rule="services, accounts or identity providers as Principal", test=_principals,
                   source=_SOURCE, answer="Invalid principal in policy"),
    )  # fmt: skip
