"""The value that an update sends for a member, so that the update loses nothing of it.

AWS replaces some blocks whole and merges others part by part. The value is therefore always complete. It holds:

- each declared value;
- the live value of what the comparison left alone (undeclared in an adopted resource, or ignored);
- for a value that is no longer declared, AWS's default or the value that clears it: AWS may keep what is left out.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ecsync.core.diff import walk
from ecsync.core.model import Update
from ecsync.core.normalise import keyed, normalise
from ecsync.core.rules import Clears, Computed, Keyed, Rules
from ecsync.core.trees import Elements, Json, Path, at, contains, matches, take_out, thaw


def member_to_send(change: Update, member: str, rules: Rules) -> Json:
    """Return the value that an update sends for a member; None if it sends nothing."""
    body: dict[str, Json] = {member: thaw(change.desired.body.get(member))}
    for path, value in _additions(change, member, rules):
        _put(body, path, _as_aws_lists(value, path, rules), rules)
    return body.get(member)


def _additions(change: Update, member: str, rules: Rules) -> Iterator[tuple[Path, Json]]:
    """Yield the values to add to the declared member: live values that were left alone, and defaults."""
    live_body, declared_body = change.observed.body, change.desired.body
    live, desired = (normalise(body, rules) for body in (live_body, declared_body))
    declared = normalise(declared_body, rules, fill=False)
    _without_computed(live, desired, declared, rules)
    differing = {field.path for field in change.fields}
    for path, before, after in walk(live.get(member), desired.get(member), (member,)):
        left_alone = not any(_within(path, other) or _within(other, path) for other in differing)
        if left_alone and not _computed(path, rules):
            as_returned = at(live_body, path)
            yield path, before if as_returned is None else as_returned
        elif not left_alone and at(declared, path) is None:
            value = _clearing(path, rules) if after is None else after
            if value is not None:
                yield path, value


def _without_computed(live: Json, desired: Json, declared: Json, rules: Rules) -> None:
    """Take out what AWS computes, where it is not declared: a list that differs in nothing else is as declared."""
    for rule in rules:
        if isinstance(rule, Computed) and (rule.when is None or rule.when(desired)):
            for tree in (live, desired):
                take_out(tree, rule.segments, lambda path: contains(declared, path))


def _within(path: Path, other: Path) -> bool:
    return path[: len(other)] == other


def _computed(path: Path, rules: Rules) -> bool:
    """Return whether AWS computes the value at the path from other members: it may reject a value that is sent."""
    return any(isinstance(rule, Computed) and rule.covers(path) for rule in rules)


def _clearing(path: Path, rules: Rules) -> Json:
    """Return the value that clears the member at the path, from its Clears row; None without a row."""
    rows = (rule for rule in rules if isinstance(rule, Clears) and len(rule.segments) == len(path))
    return next((thaw(row.value) for row in rows if matches(path, row.segments)), None)


def _row(path: Path, rules: Rules) -> Keyed | None:
    """Return the row that turns the list at the path into a map; None without a row."""
    rows = (rule for rule in rules if isinstance(rule, Keyed) and len(rule.segments) == len(path))
    return next((row for row in rows if matches(path, row.segments)), None)


def _as_aws_lists(value: Json, path: Path, rules: Rules) -> Json:
    """Return a canonical value with each map of a Keyed row turned back into AWS's list."""
    if not isinstance(value, Mapping):
        return thaw(value)
    below = {key: _as_aws_lists(one, (*path, key), rules) for key, one in value.items()}
    row = _row(path, rules) if isinstance(value, Elements) else None
    if row is None:
        return below
    return [{row.key[0]: key, row.value: one} if row.value else one for key, one in below.items()]


def _put(tree: Any, path: Path, value: Json, rules: Rules, above: Path = ()) -> None:
    """Set the value at a canonical path of a body in AWS's form; None removes the member."""
    key, *rest = path
    here = (*above, key)
    if isinstance(tree, list):
        row = _row(above, rules)
        if row is not None:
            _put_in_element(_element(tree, str(key), row), tuple(rest), value, rules, here)
    elif rest:
        if not isinstance(tree.get(key), (dict, list)):
            tree[key] = [] if _row(here, rules) else {}
        _put(tree[key], tuple(rest), value, rules, here)
    elif value is None:
        tree.pop(key, None)
    else:
        tree[key] = value


def _put_in_element(element: Any, rest: Path, value: Json, rules: Rules, here: Path) -> None:
    row = _row(here[:-1], rules)
    if rest:
        _put(element, rest, value, rules, here)
    elif row is not None and row.value:
        element[row.value] = value
    else:
        element |= value or {}


def _element(elements: list[Any], key: str, row: Keyed) -> Any:
    """Return the element with that key; a missing one is appended."""
    names = list(keyed(elements, row.key))
    if key not in names:
        elements.append({row.key[0]: key})
        return elements[-1]
    return elements[names.index(key)]
