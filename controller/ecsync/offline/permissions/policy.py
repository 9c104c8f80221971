"""From needs to IAM policies: statements are grouped without granting more, in a fixed order, below AWS's limit."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from ecsync.offline.permissions.match import head, matches
from ecsync.offline.permissions.needs import MODES, Mode, Need
from ecsync.offline.permissions.rights import Condition
from ecsync.offline.permissions.table import checked_on

LIMIT = 6144  # characters of a managed policy; IAM does not count white space
PER_ROLE = 10  # managed policies of a role, until a higher quota is asked for
_VERSION = "2012-10-17"

Policy = dict[str, Any]


@dataclass(slots=True)
class _Group:
    """A statement: its actions are checked on its resources. `types` has the types of each action."""

    mode: Mode
    purpose: str
    conditions: tuple[Condition, ...]
    types: dict[str, frozenset[str]] = field(default_factory=dict)  # action -> the types that it is checked on
    resources: dict[str, frozenset[str]] = field(default_factory=dict)  # type -> ARNs

    @property
    def service(self) -> str:
        return min(self.types).partition(":")[0]


def policies(needs: Iterable[Need]) -> list[Policy]:
    """Return the policies that allow the needs: one, or more where one is too long for AWS."""
    groups = _merged(_grouped(_necessary(_with_create_actions(needs))))
    statements = list(_statements(groups))
    return [{"Version": _VERSION, "Statement": part} for part in _parts(statements)]


def fitting(needs: Sequence[Need]) -> tuple[list[Policy], dict[str, int]]:
    """Return policies that one role can have, and each pattern in them that stands for many ARNs, with the number.

    The policies are exact, unless there would be more of them than a role may have.
    """
    exact = policies(needs)
    if len(exact) <= PER_ROLE:
        return exact, {}
    names: dict[str, set[str]] = {}
    for need in needs:
        if need.of and need.mode != "observe":
            names.setdefault(need.of, set()).add(need.resource)
    patterns = {of: f"{_prefix(found)}*" for of, found in names.items() if len(found) > _FEW}
    wide = [replace(one, resource=patterns[one.of]) if _named_in(one, patterns) else one for one in needs]
    return policies(wide), {patterns[of]: len(names[of]) for of in sorted(patterns)}


_FEW = 8  # names of one type that stay apart in policies that are too many


def _named_in(need: Need, patterns: Mapping[str, str]) -> bool:
    return need.of in patterns and need.mode != "observe"


def _prefix(texts: Collection[str]) -> str:
    """Return the characters with which all texts begin."""
    first, last = min(texts), max(texts)
    return first[: next((at for at, pair in enumerate(zip(first, last, strict=False)) if len({*pair}) > 1), len(first))]


def size(policy: Policy) -> int:
    """Return the number of characters that AWS counts."""
    return len(json.dumps(policy, separators=(",", ":"), ensure_ascii=False))


def _with_create_actions(needs: Iterable[Need]) -> Iterator[Need]:
    """Join the values of conditions that differ by document or type only, and give each need all of them.

    The resource decides which value can occur, so a statement for all of them grants no more.
    """
    needs = tuple(needs)
    values: dict[tuple[str, ...], set[str]] = {}
    for need in needs:
        for operator, key, texts in need.conditions if _joins(need) else ():
            values.setdefault((need.action, need.purpose, operator, key), set()).update(texts)
    for need in needs:
        if not _joins(need):
            yield need
            continue
        joined = tuple(
            (operator, key, tuple(sorted(values[need.action, need.purpose, operator, key])))
            for operator, key, _ in need.conditions
        )
        yield replace(need, conditions=joined)


def _joins(need: Need) -> bool:
    return need.purpose == "AtCreate"


def _necessary(needs: Iterable[Need]) -> list[Need]:
    """Leave out what another need allows already: of an earlier mode, or on more resources."""
    found: dict[tuple[str, str, tuple[Condition, ...]], Need] = {}
    for need in sorted(needs, key=lambda one: MODES.index(one.mode)):
        found.setdefault((need.action, need.resource, need.conditions), need)
    # A need can be covered only by one with the same beginning: there are few lengths of beginnings for an action.
    by_head: dict[tuple[str, str], list[Need]] = {}
    lengths: dict[str, set[int]] = {}
    for need in found.values():
        beginning = head(need.resource)
        by_head.setdefault((need.action, beginning), []).append(need)
        lengths.setdefault(need.action, set()).add(len(beginning))

    def near(need: Need) -> Iterator[Need]:
        for length in lengths[need.action]:
            yield from by_head.get((need.action, need.resource[:length]), ())

    return [one for one in found.values() if not any(_covers(other, one) for other in near(one))]


def _covers(other: Need, need: Need) -> bool:
    """Return whether another need allows everything that this one does."""
    if other is need or MODES.index(other.mode) > MODES.index(need.mode):
        return False
    wider = matches(other.resource, need.resource) and other.resource != need.resource
    same = other.resource == need.resource
    return (wider and other.conditions in ((), need.conditions)) or (
        same and not other.conditions and need.conditions != ()
    )


def _grouped(needs: Iterable[Need]) -> list[_Group]:
    """Return a group for each set of resources and conditions."""
    by_place: dict[tuple[Mode, str, str, tuple[Condition, ...]], dict[str, dict[str, set[str]]]] = {}
    for need in needs:
        key = (need.mode, need.action.partition(":")[0], need.purpose, need.conditions)
        of = need.of or need.resource
        by_place.setdefault(key, {}).setdefault(need.action, {}).setdefault(of, set()).add(need.resource)
    groups: list[_Group] = []
    for (mode, _, purpose, conditions), actions in by_place.items():
        same: dict[Any, _Group] = {}
        for action, resources in sorted(actions.items()):
            frozen = {of: frozenset(arns) for of, arns in sorted(resources.items())}
            group = same.setdefault(tuple(frozen.items()), _Group(mode, purpose, conditions, resources=frozen))
            group.types[action] = frozenset(frozen)
        groups += same.values()
    return groups


def _merged(groups: Iterable[_Group]) -> list[_Group]:
    """Put statements together where no action gets a resource of a type that it is checked on, and did not have."""
    found: list[_Group] = []
    for group in sorted(groups, key=_order):
        into = next((one for one in found if _fit(one, group)), None)
        if into is None:
            found.append(group)
        else:
            into.types |= group.types
            into.resources |= group.resources
    return found


def _fit(one: _Group, other: _Group) -> bool:
    """Return whether one statement for both grants what two of them do, and no more."""
    mine = one.mode, one.service, one.purpose, one.conditions
    if mine != (other.mode, other.service, other.purpose, other.conditions):
        return False
    shared = one.resources.keys() & other.resources.keys()
    if any(one.resources[of] != other.resources[of] for of in shared):
        return False
    return _no_further(one, other.resources.keys() - shared) and _no_further(other, one.resources.keys() - shared)


def _no_further(group: _Group, more: Iterable[str]) -> bool:
    """Return whether no action of a group is checked on a resource of these types: then it gains nothing by them."""
    return not any(checked_on(action, of) for action in group.types for of in more)


def _order(group: _Group) -> tuple[Any, ...]:
    return MODES.index(group.mode), group.service, group.purpose, group.conditions, sorted(group.types)


def _statements(groups: Iterable[_Group]) -> Iterator[dict[str, Any]]:
    used: dict[str, int] = {}
    for group in sorted(groups, key=_order):
        service = re.sub(r"[^A-Za-z0-9]", "", group.service.title())
        sid = f"{group.mode.title()}{service}{group.purpose}"
        used[sid] = used.get(sid, 0) + 1
        resources = sorted({arn for arns in group.resources.values() for arn in arns})
        statement: dict[str, Any] = {
            "Sid": sid if used[sid] == 1 else f"{sid}{used[sid]}",
            "Effect": "Allow",
            "Action": sorted(group.types),
            "Resource": resources[0] if resources == ["*"] else resources,
        }
        if group.conditions:
            statement["Condition"] = _condition(group.conditions)
        yield statement


def _condition(conditions: Sequence[Condition]) -> dict[str, dict[str, Any]]:
    block: dict[str, dict[str, Any]] = {}
    for operator, key, values in sorted(conditions):
        block.setdefault(operator, {})[key] = values[0] if len(values) == 1 else list(values)
    return block


def _parts(statements: Sequence[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    """Yield the statements in parts that are short enough, in order."""
    part: list[dict[str, Any]] = []
    for statement in (piece for one in statements for piece in _pieces(one)):
        if part and size({"Version": _VERSION, "Statement": [*part, statement]}) > LIMIT:
            yield part
            part = []
        part.append(statement)
    if part:
        yield part


def _pieces(statement: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield a statement, or where it alone is too long the halves of its resources."""
    resources = statement["Resource"]
    if size({"Version": _VERSION, "Statement": [statement]}) <= LIMIT or isinstance(resources, str):
        yield statement
        return
    half = len(resources) // 2
    for suffix, part in (("a", resources[:half]), ("b", resources[half:])):
        yield from _pieces({**statement, "Sid": f"{statement['Sid']}{suffix}", "Resource": part})
