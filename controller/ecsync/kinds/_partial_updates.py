"""What an update says of a member so that nothing of it is lost: AWS takes some blocks whole, others part by part.

So a block is said as it is declared, and with it what the comparison left alone (undeclared in what was adopted,
ignored), as it is live; and a value that is declared no more is said as AWS's default, or as what
takes it away, because leaving it out may keep it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ecsync.core.diff import walk
from ecsync.core.model import Update
from ecsync.core.normalise import keyed, normalise
from ecsync.core.rules import Clears, Computed, Keyed, Rules
from ecsync.core.trees import Elements, Json, Path, at, matches, thaw


def said(change: Update, member: str, rules: Rules) -> Json:
    """Return a member as an update sends it; None: there is nothing to send."""
    body: dict[str, Json] = {member: thaw(change.desired.body.get(member))}
    for path, value in _beside(change, member, rules):
        _put(body, path, _listed(value, path, rules), rules)
    return body.get(member)


def _beside(change: Update, member: str, rules: Rules) -> Iterator[tuple[Path, Json]]:
    """Yield what the declared member does not say: what was left alone, and what goes to a default."""
    live, declared = change.observed.body, change.desired.body
    have, want = (normalise(body, rules).get(member) for body in (live, declared))
    written = normalise(declared, rules, fill=False)
    differing = {one.path for one in change.fields}
    for path, before, after in walk(have, want, (member,)):
        if not any(_within(path, other) or _within(other, path) for other in differing):
            if not _computed(path, rules):
                raw = at(live, path)
                yield path, before if raw is None else raw
        elif at(written, path) is None:
            value = _clearing(path, rules) if after is None else after
            if value is not None:
                yield path, value


def _within(path: Path, other: Path) -> bool:
    return path[: len(other)] == other


def _computed(path: Path, rules: Rules) -> bool:
    """Tell whether AWS computes what is at the path from what else is said: it may refuse to be told."""
    return any(isinstance(rule, Computed) and rule.covers(path) for rule in rules)


def _clearing(path: Path, rules: Rules) -> Json:
    """Return what takes away the member at the path, where a row says so."""
    rows = (rule for rule in rules if isinstance(rule, Clears) and len(rule.segments) == len(path))
    return next((thaw(row.value) for row in rows if matches(path, row.segments)), None)


def _row(path: Path, rules: Rules) -> Keyed | None:
    """Return the row that makes a map of the list at the path."""
    rows = (rule for rule in rules if isinstance(rule, Keyed) and len(rule.segments) == len(path))
    return next((row for row in rows if matches(path, row.segments)), None)


def _listed(value: Json, path: Path, rules: Rules) -> Json:
    """Return a canonical value with AWS's lists in place of the maps that they became."""
    if not isinstance(value, Mapping):
        return thaw(value)
    below = {key: _listed(one, (*path, key), rules) for key, one in value.items()}
    row = _row(path, rules) if isinstance(value, Elements) else None
    if row is None:
        return below
    return [{row.key[0]: key, row.value: one} if row.value else one for key, one in below.items()]


def _put(tree: Any, path: Path, value: Json, rules: Rules, above: Path = ()) -> None:
    """Put a value at a canonical path of a body as AWS has it; None takes away what is there."""
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
    """Return the element of that key; a new one where there is none."""
    names = list(keyed(elements, row.key))
    if key not in names:
        elements.append({row.key[0]: key})
        return elements[-1]
    return elements[names.index(key)]
