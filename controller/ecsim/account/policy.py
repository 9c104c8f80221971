"""Policies of IAM, as far as callers of this account need them: deny by default, Allow and Deny, a few conditions."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

Values = tuple[str, ...]


@dataclass(frozen=True)
class Check:
    """One question to IAM: may the caller use an action on a resource, in this context of condition keys?"""

    action: str  # ecs:CreateService
    resource: str = "*"
    context: Mapping[str, Values] = field(default_factory=dict)  # a key that is not in it is absent


def allowed(policies: Iterable[Mapping[str, Any]], check: Check) -> bool:
    """Return whether the policies together allow what is asked: something allows it, and nothing denies it."""
    statements = [one for policy in policies for one in _several(policy["Statement"])]
    effects = {one["Effect"] for one in statements if _applies(one, check)}
    return "Allow" in effects and "Deny" not in effects


def _applies(statement: Mapping[str, Any], check: Check) -> bool:
    return (
        any(_like(one.lower(), check.action.lower()) for one in _several(statement["Action"]))
        and any(_like(one, check.resource) for one in _several(statement["Resource"]))
        and all(
            _holds(operator, check.context.get(key, ()), tuple(map(str, _several(wanted))))
            for operator, keys in statement.get("Condition", {}).items()
            for key, wanted in keys.items()
        )
    )


def _holds(operator: str, found: Values, wanted: Values) -> bool:
    """Return whether a condition holds for the values of its key. Raises ValueError for an operator that is unknown."""
    if operator == "Null":
        return (not found) == (wanted == ("true",))
    quantifier, _, plain = operator.rpartition(":")
    test = {"StringEquals": str.__eq__, "StringLike": _like, "ArnLike": _like, "ArnEquals": _like}.get(plain)
    if test is None or quantifier not in ("", "ForAnyValue", "ForAllValues"):
        raise ValueError(f"the condition operator {operator} is not simulated")
    matched = [any(test(one, value) for one in wanted) for value in found]
    return all(matched) if quantifier == "ForAllValues" else any(matched)


def _like(pattern: str, text: str) -> bool:
    return _compiled(pattern).fullmatch(text) is not None


@cache
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile("".join({"*": ".*", "?": "."}.get(char, re.escape(char)) for char in pattern), re.DOTALL)


def _several(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]
