"""What policy documents of IAM allow, and whom a trust policy trusts. Pure.

A policy may depend on what is not known here: a condition, or a reference to a resource that does not exist yet. Then
the decision is `depends`.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal
from urllib.parse import unquote

from ecsync.core.model import Ref, Text
from ecsync.core.trees import Json, transform
from ecsync.offline.permissions.check import NotAPolicy, Statement, allows, statements_of
from ecsync.offline.permissions.needs import Need
from ecsync.offline.permissions.rights import Condition

Decision = Literal["allowed", "not allowed", "depends"]
_ASSUME, _ACCOUNT = "sts:AssumeRole", "aws:SourceAccount"
_NO_RESOURCE = "\ue000"  # a text that no ARN contains


@dataclass(frozen=True, slots=True)
class Grants:
    """The policies of a role; `boundary` limits them."""

    policies: tuple[Json, ...]
    boundary: Json = None


def decide(grants: Grants, action: str, resource: str) -> Decision:
    """Return whether the policies of a role allow an action on a resource, by the policies of the identity alone."""
    need = _need(action, resource)
    found = [_decided(grants.policies, need)]
    if grants.boundary is not None:
        found.append(_decided((grants.boundary,), need))
    if "not allowed" in found:
        return "not allowed"
    return "depends" if "depends" in found else "allowed"


def trusts(document: Json, service: str, account: str, source: str) -> Decision:
    """Return whether a trust policy lets a service assume the role for an account; `source` is a pattern of ARNs."""
    statements = [
        Statement(one.effect, one.actions, ("*",), one.conditions, all_but=one.all_but)
        for raw, one in _trust_statements(document)
        if _names_service(raw.get("Principal"), service) and not _for_another(one, account)
    ]
    sent: tuple[Condition, ...] = (
        ("StringEquals", _ACCOUNT, (account,)),
        ("ArnLike", "aws:SourceArn", (source,)),
    )
    return _weighed(statements, statements, replace(_need(_ASSUME, "*"), conditions=sent))


def _for_another(one: Statement, account: str) -> bool:
    return any(
        (operator, key.lower()) == ("StringEquals", _ACCOUNT.lower()) and account not in values
        for operator, key, values in one.conditions
    )


def parsed(document: Json) -> Json:
    """Return a document as a tree; accepts a tree, JSON, and the percent-encoded JSON of IAM."""
    if not isinstance(document, str):
        return document
    text = unquote(document) if document.lstrip()[:1] == "%" else document
    try:
        return json.loads(text)
    except ValueError:
        return None


def _need(action: str, resource: str) -> Need:
    return Need(mode="observe", call="", action=action, resource=resource)


def _decided(documents: Iterable[Json], need: Need) -> Decision:
    documents = [parsed(one) for one in documents]
    least = _statements(documents, lambda _: _NO_RESOURCE)
    most = _statements(documents, lambda _: "*")
    return "depends" if least is None or most is None else _weighed(least, most, need)


def _weighed(least: Sequence[Statement], most: Sequence[Statement], need: Need) -> Decision:
    """Decide by statements that grant the least and the most of what they may grant."""
    never = [one for one in most if one.effect == "Deny" and not one.conditions]
    maybe_denied = [one for one in most if one.effect == "Deny"]
    if allows([*(one for one in least if one.effect == "Allow"), *map(_always, maybe_denied)], need):
        return "allowed"
    generous = [_always(one) for one in most if one.effect == "Allow"]
    certain = [one for one in least if one in never]
    return "depends" if allows([*generous, *certain], need) else "not allowed"


def _always(one: Statement) -> Statement:
    return replace(one, conditions=())


def _statements(documents: Iterable[Json], unknown: Callable[[Ref], str]) -> list[Statement] | None:
    """Return the statements, with a text for each reference without a value; None if a document is no policy."""

    def text(leaf: Json) -> Json:
        if not isinstance(leaf, Text):
            return leaf
        return "".join(part if isinstance(part, str) else unknown(part) for part in leaf.parts)

    try:
        return statements_of([transform(one, text) for one in documents])
    except NotAPolicy:
        return None


def _trust_statements(document: Json) -> Iterable[tuple[Mapping[str, Json], Statement]]:
    tree = parsed(document)
    raw = tree.get("Statement") if isinstance(tree, Mapping) else None
    for one in raw if isinstance(raw, (list, tuple)) else [raw]:
        if not isinstance(one, Mapping):
            continue
        try:
            yield one, statements_of({"Statement": {**one, "Resource": "*"}})[0]
        except NotAPolicy:
            continue


def _names_service(principal: Json, service: str) -> bool:
    if principal == "*":
        return True
    named = principal.get("Service") if isinstance(principal, Mapping) else None
    return service in ([named] if isinstance(named, str) else named or ())
