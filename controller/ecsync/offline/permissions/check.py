"""Whether given policies allow what is needed, without a call to AWS.

A need is allowed where one statement contains all of it: its resource, and the values of its condition keys. A policy
that allows a need by several statements together, each one for a part of a pattern, is reported as lacking it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ecsync.offline.permissions.match import matches, overlaps
from ecsync.offline.permissions.needs import Need
from ecsync.offline.permissions.rights import Condition

_LIKE = ("StringLike", "ArnLike", "ArnEquals")  # IAM: ArnEquals and ArnLike behave identically
_EQUAL = "StringEquals"
_QUANTIFIERS = ("ForAnyValue", "ForAllValues")


class NotAPolicy(ValueError):
    """The document is not a policy of IAM; the text states what is missing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lack:
    """A call that is not allowed, and the documents that need it (none: every pass)."""

    call: str
    action: str
    resource: str
    conditions: tuple[Condition, ...]
    documents: tuple[str, ...]

    def __str__(self) -> str:
        cases = " and ".join(map(_as_text, self.conditions))
        where = f"{self.resource} where {cases}" if cases else self.resource
        return f"{self.call}: allow {self.action} on {where} ({', '.join(self.documents) or 'every pass'})"


@dataclass(frozen=True, slots=True)
class Statement:
    """One statement of a policy, with a list where IAM accepts one value."""

    effect: str
    actions: tuple[str, ...]
    resources: tuple[str, ...]
    conditions: tuple[Condition, ...]
    all_but: bool = False  # NotAction
    everywhere_but: bool = False  # NotResource


def statements_of(document: Any) -> list[Statement]:
    """Return the statements of a policy, or of a list of policies. Raises NotAPolicy."""
    found = []
    for policy in document if isinstance(document, list) else [document]:
        if not isinstance(policy, Mapping) or "Statement" not in policy:
            raise NotAPolicy("a policy is a map with Version and Statement")
        found += [_statement(one) for one in _several(policy["Statement"])]
    return found


def _statement(one: Any) -> Statement:
    if not isinstance(one, Mapping) or one.get("Effect") not in ("Allow", "Deny"):
        raise NotAPolicy("a statement is a map with Effect: Allow or Deny")
    actions, resources = one.get("Action", one.get("NotAction")), one.get("Resource", one.get("NotResource"))
    if actions is None or resources is None:
        raise NotAPolicy("a statement of an identity has Action and Resource")
    conditions = one.get("Condition") or {}
    if not isinstance(conditions, Mapping) or not all(isinstance(keys, Mapping) for keys in conditions.values()):
        raise NotAPolicy("Condition is a map: operator, key, values")
    return Statement(
        effect=one["Effect"],
        actions=_texts(actions),
        resources=_texts(resources),
        conditions=tuple(
            (operator, key, _texts(values)) for operator, keys in conditions.items() for key, values in keys.items()
        ),
        all_but="Action" not in one,
        everywhere_but="Resource" not in one,
    )


def lacking(needs: Iterable[Need], statements: Sequence[Statement]) -> Iterator[Lack]:
    """Yield what the statements do not allow, each call and resource once, in the order of the needs."""
    documents: dict[tuple[str, str, str, tuple[Condition, ...]], dict[str, None]] = {}
    for need in needs:
        if not allows(statements, need):
            place = documents.setdefault((need.call, need.action, need.resource, need.conditions), {})
            place[need.document] = None
    for (call, action, resource, conditions), names in documents.items():
        yield Lack(
            call=call,
            action=action,
            resource=resource,
            conditions=conditions,
            documents=() if "" in names else tuple(names),
        )


def _as_text(condition: Condition) -> str:
    operator, key, values = condition
    if operator == "Null":
        return f"{key} is not set"
    return f"{key} is {' or '.join(values)}"


def undecided(statements: Iterable[Statement]) -> int:
    """Return the number of Deny statements with conditions: whether they are met is known in part only."""
    return sum(one.effect == "Deny" and bool(one.conditions) for one in statements)


def allows(statements: Iterable[Statement], need: Need) -> bool:
    """Return whether some statement allows all of a need, and no statement may deny a part of it."""
    statements = tuple(statements)
    return any(_allows(one, need) for one in statements if one.effect == "Allow") and not any(
        _may_deny(one, need) for one in statements if one.effect == "Deny"
    )


def _allows(one: Statement, need: Need) -> bool:
    """Return whether a statement contains all of a need."""
    if one.everywhere_but:
        contains = not any(overlaps(pattern, need.resource) for pattern in one.resources)
    else:
        contains = any(matches(pattern, need.resource) for pattern in one.resources)
    return _names(one, need) and contains and all(_implied(condition, need) for condition in one.conditions)


def _may_deny(one: Statement, need: Need) -> bool:
    """Return whether a statement denies a part of a need, as far as its conditions are known to be met."""
    if one.everywhere_but:
        meets = not any(matches(pattern, need.resource) for pattern in one.resources)
    else:
        meets = any(overlaps(pattern, need.resource) for pattern in one.resources)
    return _names(one, need) and meets and all(_implied(condition, need) for condition in one.conditions)


def _names(one: Statement, need: Need) -> bool:
    named = any(matches(pattern.lower(), need.action.lower()) for pattern in one.actions)
    return named != one.all_but


def _implied(condition: Condition, need: Need) -> bool:
    """Return whether a condition of a statement holds in every case of a need.

    The cases of a need are those of its own conditions: each of their values may occur.
    """
    operator, key, wanted = condition
    quantifier, _, plain = operator.rpartition(":")
    if quantifier and quantifier not in _QUANTIFIERS:
        return False
    optional = plain.endswith("IfExists")
    plain = plain.removesuffix("IfExists")
    known = [(own, values) for own, name, values in need.conditions if name.lower() == key.lower()]
    present = [values for own, values in known if own != "Null"]
    absent = any(own == "Null" and values == ("true",) for own, values in known)
    if plain == "Null":
        return bool(present) if wanted == ("false",) else absent
    if absent and (optional or quantifier == "ForAllValues"):
        return True
    return any(all(any(_meets(plain, one, value) for one in wanted) for value in values) for values in present)


def _meets(operator: str, wanted: str, value: str) -> bool:
    if operator == _EQUAL:
        return wanted == value
    return operator in _LIKE and matches(wanted, value)


def _several(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _texts(value: Any) -> tuple[str, ...]:
    return tuple(map(str, _several(value)))
