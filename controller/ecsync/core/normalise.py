"""One canonical form: what a body means to AWS, whoever wrote it; the same function for both sides.

`normalise` is pure and idempotent; it never raises on a body that AWS's shapes allow. It applies the shaping rows of
a kind's table in order, after taking away what says nothing (`None`, `""`, `[]`, `{}`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ecsync.core.model import Text
from ecsync.core.rules import (
    Default,
    Derived,
    Drop,
    Keyed,
    Reshape,
    Rewrite,
    Rule,
    Rules,
    Unordered,
    Verbatim,
    WriteOnly,
)
from ecsync.core.trees import ANY, EACH, Body, Elements, Json, canonical, thaw

_MAKING = (Default, Derived)  # rows that make a member which is not there
_SHAPING = (Rewrite, Reshape, Drop, WriteOnly, Keyed, Unordered)


def normalise(body: Body, rules: Rules, *, fill: bool = True, write_only: bool = False) -> dict[str, Json]:
    """Return the canonical form of a body; without `fill`, AWS's defaults are left out.

    With `write_only`, what AWS never tells is in it: then it is compared with no live body.

    Keyed lists come back as `Elements` (a map by key), sets sorted, everything else as plain dicts and lists.
    """
    table = _table(rules)
    tree: dict[str, Json] = _copied(body, table.verbatim, keep_empty=False) or {}
    for rule in table.rows if fill else table.unfilled:
        segments = rule.segments
        if segments[0] not in tree and segments[0] != ANY and (len(segments) > 1 or not isinstance(rule, _MAKING)):
            continue  # most rows speak of what is not there
        match rule:
            case Default() if rule.when is None or rule.when(tree):
                _fill(tree, rule)
            case Derived() if segments[0] not in tree:
                _derive(tree, rule)
            case Rewrite() | Reshape():
                _rewrite(tree, rule)
            case Drop() if rule.when is None or rule.when(tree):
                for container, key in list(_places(tree, segments)):
                    _remove(container, key)
            case WriteOnly() if not write_only:
                for container, key in list(_places(tree, segments)):
                    _remove(container, key)
            case Keyed():
                for container, key in list(_places(tree, segments)):
                    value = _get(container, key)
                    if isinstance(value, list):
                        container[key] = keyed(value, rule.key, rule.value)
            case Unordered():
                for container, key in list(_places(tree, segments)):
                    value = _get(container, key)
                    if isinstance(value, list):
                        container[key] = sorted(value, key=canonical)
            case _:
                pass
    _sweep(tree)
    return tree


@dataclass(frozen=True, slots=True)
class _Table:
    """The rows of a table that shape a body, picked out once."""

    rules: Rules  # held, so that its identity stays its own
    rows: tuple[Rule, ...]
    unfilled: tuple[Rule, ...]
    verbatim: tuple[tuple[str, ...], ...]


_TABLES: dict[int, _Table] = {}
_MOST_TABLES = 500  # kinds are few; tests make tables of their own


def _table(rules: Rules) -> _Table:
    found = _TABLES.get(id(rules))
    if found is None:
        rows = tuple(row for row in rules if isinstance(row, (*_MAKING, *_SHAPING)))
        found = _Table(
            rules=rules,
            rows=rows,
            unfilled=tuple(row for row in rows if not isinstance(row, Default)),
            verbatim=tuple(row.segments for row in rules if isinstance(row, Verbatim)),
        )
        if len(_TABLES) >= _MOST_TABLES:
            _TABLES.clear()
        _TABLES[id(rules)] = found
    return found


def keyed(elements: Sequence[Json], key: tuple[str, ...], value: str = "") -> Elements:
    """Return a list as a map by key; elements that share a key get `key#2`, `key#3`, so that none is lost."""
    result = Elements()
    for element in elements:
        name = _name(element, key)
        unique, count = name, 1
        while unique in result:
            count += 1
            unique = f"{name}#{count}"
        if not value or not isinstance(element, Mapping):
            result[unique] = element
        elif element.get(value) is not None:  # AWS drops an element whose value is null
            result[unique] = element[value]
    return result


def _name(element: Json, key: tuple[str, ...]) -> str:
    if not isinstance(element, Mapping):
        return canonical(element)
    parts = [_word(element[member]) for member in key if member in element and element[member] is not None]
    return "/".join(parts)


def _word(value: Json) -> str:
    return str(value) if isinstance(value, (str, int, float, Text)) else canonical(value)


def _copied(tree: Any, verbatim: tuple[tuple[str, ...], ...], *, keep_empty: bool) -> Any:
    """Return a fresh copy without what says nothing. In a list only empty blocks and nulls go: `command: [""]` stays.

    `verbatim` are the patterns of maps whose empty strings are values, from here on down; `keep_empty` says that this
    is such a map.
    """
    if isinstance(tree, Mapping):
        copy: dict[str, Json] = Elements() if isinstance(tree, Elements) else {}
        # Written or read as a map, what AWS has as a list of such blocks: its values are those of the blocks.
        keep_empty = keep_empty or isinstance(tree, Elements) or (EACH,) in verbatim
        for key, value in tree.items():
            if isinstance(value, (Mapping, list, tuple)):
                below = _step(verbatim, str(key)) if verbatim else ()
                value = _copied(value, below, keep_empty=() in below)
            if value is not None and (value != "" or keep_empty):
                copy[key] = value
        return copy or None
    if isinstance(tree, (list, tuple)):
        below = _step(verbatim, EACH) if verbatim else ()
        keep_empty = () in below
        kept = []
        for item in tree:
            value = _copied(item, below, keep_empty=keep_empty) if isinstance(item, (Mapping, list, tuple)) else item
            if value is not None:
                kept.append(value)
        return kept or None
    return tree


def _step(patterns: tuple[tuple[str, ...], ...], key: str) -> tuple[tuple[str, ...], ...]:
    """Return what is left of the patterns that lead to or through the key."""
    return tuple(pattern[1:] for pattern in patterns if pattern and pattern[0] in (key, EACH, ANY))


def _sweep(tree: Any) -> None:
    """Take away the blocks and lists that the rows left with nothing in them."""
    if isinstance(tree, dict):
        for key, value in list(tree.items()):
            if isinstance(value, (dict, list)):
                _sweep(value)
                if not value:
                    del tree[key]
    elif isinstance(tree, list):
        emptied = False
        for value in tree:
            if isinstance(value, (dict, list)):
                _sweep(value)
                emptied = emptied or not value
        if emptied:
            tree[:] = [value for value in tree if value or not isinstance(value, (dict, list))]


def _places(tree: Any, segments: tuple[str, ...], at: int = 0) -> Iterator[tuple[Any, str | int]]:
    """Yield (container, key) as `locate` does; the path, which nobody here asks for, costs as much again."""
    head = segments[at]
    keys: Sequence[str | int]
    if head in (EACH, ANY):
        if isinstance(tree, dict):
            keys = list(tree)
        elif isinstance(tree, list) and head == EACH:
            keys = range(len(tree))
        else:
            return
    elif isinstance(tree, dict):
        keys = (head,)
    else:
        return
    last = at + 1 == len(segments)
    for key in keys:
        if last:
            yield tree, key
        elif not isinstance(tree, dict) or key in tree:
            yield from _places(tree[key], segments, at + 1)


def _fill(tree: dict[str, Json], rule: Default) -> None:
    for container, key in list(_places(tree, rule.segments)):
        if isinstance(container, dict) and container.get(key) is None:
            value = rule.value(container, tree) if callable(rule.value) else thaw(rule.value)
            if value is not None:
                container[str(key)] = value


def _derive(tree: dict[str, Json], rule: Derived) -> None:
    value = rule.value(tree)
    if value is not None:
        tree[rule.path] = value


def _rewrite(tree: dict[str, Json], rule: Rewrite | Reshape) -> None:
    if isinstance(rule, Reshape) and rule.when is not None and not rule.when(tree):
        return
    for container, key in list(_places(tree, rule.segments)):
        value = _get(container, key)
        if value is None or isinstance(value, Text):
            continue
        new = rule.to(value, tree) if isinstance(rule, Reshape) else rule.to(value)
        if new is None:
            _remove(container, key)
        else:
            container[key] = new


def _get(container: Any, key: str | int) -> Json:
    if isinstance(container, list):
        return container[key] if isinstance(key, int) and key < len(container) else None
    return container.get(key)


def _remove(container: Any, key: str | int) -> None:
    if isinstance(container, dict):
        container.pop(key, None)
