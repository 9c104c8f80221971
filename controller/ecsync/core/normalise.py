"""The canonical form of a body: equal for bodies that mean the same to AWS; one function for both sides.

`normalise` is pure and idempotent, and never raises on a body that AWS's shapes allow. It removes empty values (`None`,
`""`, `[]`, `{}`), then applies the shaping rows of the kind's table in order.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from ecsync.core.model import Text
from ecsync.core.rules import (
    Characters,
    CommaList,
    Default,
    Derived,
    Drop,
    Keyed,
    Reshape,
    Rewrite,
    Rule,
    Rules,
    Sensitive,
    Unordered,
    Verbatim,
    WriteOnly,
)
from ecsync.core.trees import ANY, EACH, Body, Elements, Json, canonical, thaw


def normalise(body: Body, rules: Rules, *, fill: bool = True, write_only: bool = False) -> dict[str, Json]:
    """Return the canonical form of a body; without `fill`, AWS's defaults are left out.

    With `write_only`, values that AWS never returns stay in: such a form is compared with no live body.

    A keyed list becomes `Elements` (a map by key), a set becomes a sorted list, the rest plain dicts and lists.
    """
    table = table_of(rules)
    tree: dict[str, Json] = _copied(body, table.verbatim, keep_empty=False) or {}
    for member, handler, row in table.rows[fill, write_only]:
        if not member or member in tree:
            handler(tree, row)
    _sweep(tree)
    return tree


def _member_of(row: Rule) -> str:
    """Return the member without which a row has no place; empty if there is none. Most rows have no place in a body."""
    first = row.segments[0]
    adds = len(row.segments) == 1 and isinstance(row, (Default, Derived))
    return "" if adds or first == ANY else first


# ---------------------------------------------------------------- one handler per type of row


def _fill(tree: dict[str, Json], row: Default) -> None:
    if row.when is not None and not row.when(tree):
        return
    for container, key in _places(tree, row.segments):
        if isinstance(container, dict) and container.get(key) is None:
            value = row.value(container, tree) if callable(row.value) else thaw(row.value)
            if value is not None:
                container[str(key)] = value


def _fill_member(tree: dict[str, Json], row: Default) -> None:
    """As `_fill`, for a row about a member of the body itself: most rows are."""
    key = row.segments[0]
    if tree.get(key) is None and (row.when is None or row.when(tree)):
        value = row.value(tree, tree) if callable(row.value) else thaw(row.value)
        if value is not None:
            tree[key] = value


def _derive(tree: dict[str, Json], row: Derived) -> None:
    if row.path in tree:
        return
    value = row.value(tree)
    if value is not None:
        tree[row.path] = value


def _rewrite(tree: dict[str, Json], row: Rewrite) -> None:
    _substitute(tree, row.segments, row.to)


def _reshape(tree: dict[str, Json], row: Reshape) -> None:
    if row.when is None or row.when(tree):
        _substitute(tree, row.segments, lambda value: row.to(value, tree))


def _drop(tree: dict[str, Json], row: Drop) -> None:
    if row.when is None or row.when(tree):
        _remove(tree, row.segments)


def _drop_write_only(tree: dict[str, Json], row: WriteOnly) -> None:
    _remove(tree, row.segments)


def _key(tree: dict[str, Json], row: Keyed) -> None:
    _change_lists(tree, row.segments, lambda value: keyed(value, row.key, row.value))


def _sort(tree: dict[str, Json], row: Unordered) -> None:
    _change_lists(tree, row.segments, lambda value: sorted(value, key=canonical) if len(value) > 1 else value)


Handler: TypeAlias = Callable[[dict[str, Json], Any], None]  # (tree, a row of the handler's type): changes the tree

_HANDLERS: Mapping[type[Rule], Handler] = {
    Default: _fill,
    Derived: _derive,
    Rewrite: _rewrite,
    Reshape: _reshape,
    Drop: _drop,
    WriteOnly: _drop_write_only,
    Keyed: _key,
    Unordered: _sort,
}


def _substitute(tree: dict[str, Json], segments: tuple[str, ...], to: Callable[[Json], Json]) -> None:
    """Replace the values at the places; None removes the member. A reference stays: its value is not known yet."""
    for container, key in _places(tree, segments):
        value = _get(container, key)
        if value is None or isinstance(value, Text):
            continue
        new = to(value)
        if new is not None:
            container[key] = new
        elif isinstance(container, dict):
            container.pop(key, None)


def _remove(tree: dict[str, Json], segments: tuple[str, ...]) -> None:
    for container, key in _places(tree, segments):
        if isinstance(container, dict):
            container.pop(key, None)


def _change_lists(tree: dict[str, Json], segments: tuple[str, ...], to: Callable[[list[Json]], Json]) -> None:
    for container, key in _places(tree, segments):
        value = _get(container, key)
        if isinstance(value, list):
            container[key] = to(value)


# ---------------------------------------------------------------- the rows of a table, selected once


@dataclass(frozen=True, slots=True)
class Table:
    """The rows of a table by what they are for; those that shape a body by (fill, write_only).

    Each of these has the member without which it has no place, and its handler.
    """

    rules: Rules  # keeps the tuple alive, so that its id stays unique
    rows: Mapping[tuple[bool, bool], tuple[tuple[str, Handler, Rule], ...]]
    verbatim: tuple[tuple[str, ...], ...]
    sensitive: tuple[Sensitive, ...]
    comma_lists: tuple[tuple[str, ...], ...]
    characters: tuple[Characters, ...]


_TABLES: dict[int, Table] = {}
_MOST_TABLES = 500  # kinds are few; tests make tables of their own


def table_of(rules: Rules) -> Table:
    """Return the rows of a table, selected once."""
    found = _TABLES.get(id(rules))
    if found is None:
        found = Table(
            rules=rules,
            rows={(fill, kept): tuple(_select(rules, fill, kept)) for fill in (True, False) for kept in (True, False)},
            verbatim=tuple(row.segments for row in rules if isinstance(row, Verbatim)),
            sensitive=tuple(row for row in rules if isinstance(row, Sensitive)),
            comma_lists=tuple(row.segments for row in rules if isinstance(row, CommaList)),
            characters=tuple(row for row in rules if isinstance(row, Characters)),
        )
        if len(_TABLES) >= _MOST_TABLES:
            _TABLES.clear()
        _TABLES[id(rules)] = found
    return found


def _select(rules: Rules, fill: bool, write_only: bool) -> Iterator[tuple[str, Handler, Rule]]:
    for row in rules:
        unused = (isinstance(row, Default) and not fill) or (isinstance(row, WriteOnly) and write_only)
        if type(row) in _HANDLERS and not unused:
            of_member = isinstance(row, Default) and len(row.segments) == 1 and row.segments[0] not in (EACH, ANY)
            yield _member_of(row), _fill_member if of_member else _HANDLERS[type(row)], row


# ---------------------------------------------------------------- trees


def keyed(elements: Sequence[Json], key: tuple[str, ...], value: str = "") -> Elements:
    """Return a list as a map by key. Elements with the same key get `key#2`, `key#3`, so that none is lost."""
    result = Elements()
    for element in elements:
        name = _name(element, key)
        unique, count = name, 1
        while unique in result:
            count += 1
            unique = f"{name}#{count}"
        if not value or not isinstance(element, Mapping):
            result[unique] = element
        elif element.get(value) is not None:  # AWS drops an element with the value null
            result[unique] = element[value]
    return result


def _name(element: Json, key: tuple[str, ...]) -> str:
    if not isinstance(element, Mapping):
        return canonical(element)
    parts = [_text(element[member]) for member in key if member in element and element[member] is not None]
    return "/".join(parts)


def _text(value: Json) -> str:
    return str(value) if isinstance(value, (str, int, float, Text)) else canonical(value)


SCALARS = frozenset({str, int, float, bool, type(None)})  # a test of the type is faster than one of Mapping


def _copied(tree: Any, verbatim: tuple[tuple[str, ...], ...], *, keep_empty: bool) -> Any:
    """Return a copy without empty values. In a list, only empty blocks and nulls are removed: `command: [""]` stays.

    `verbatim` are the patterns, from here down, of maps in which empty strings are values; `keep_empty`: this is one.
    """
    if isinstance(tree, Mapping):
        copy: dict[str, Json] = Elements() if isinstance(tree, Elements) else {}
        # A map in place of a list of such blocks: its values are the values of the blocks.
        keep_empty = keep_empty or isinstance(tree, Elements) or (EACH,) in verbatim
        for key, value in tree.items():
            if type(value) in SCALARS:
                if value is not None and (keep_empty or value != ""):
                    copy[key] = value
                continue
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
            scalar = type(item) in SCALARS or not isinstance(item, (Mapping, list, tuple))
            value = item if scalar else _copied(item, below, keep_empty=keep_empty)
            if value is not None:
                kept.append(value)
        return kept or None
    return tree


def _step(patterns: tuple[tuple[str, ...], ...], key: str) -> tuple[tuple[str, ...], ...]:
    """Return the rest of each pattern that goes through the key."""
    return tuple(pattern[1:] for pattern in patterns if pattern and pattern[0] in (key, EACH, ANY))


def _sweep(tree: Any) -> None:
    """Remove the blocks and lists that the rows made empty."""
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


def _places(tree: Any, segments: tuple[str, ...]) -> list[tuple[Any, str | int]]:
    """Return (container, key) as `locate` does, without the path, which would double the time."""
    head = segments[-1]
    if len(segments) == 1 and isinstance(tree, dict) and head not in (EACH, ANY):
        return [(tree, head)]  # most rows
    level = [tree]
    for part in segments[:-1]:
        below: list[Any] = []
        for one in level:
            if isinstance(one, dict):
                if part in (EACH, ANY):
                    below.extend(one.values())
                elif part in one:
                    below.append(one[part])
            elif isinstance(one, list) and part == EACH:
                below.extend(one)
        level = below
    places: list[tuple[Any, str | int]] = []
    for one in level:
        if isinstance(one, dict):
            places.extend([(one, key) for key in one] if head in (EACH, ANY) else [(one, head)])
        elif isinstance(one, list) and head == EACH:
            places.extend((one, number) for number in range(len(one)))
    return places


def _get(container: Any, key: str | int) -> Json:
    if isinstance(container, list):
        return container[key] if isinstance(key, int) and key < len(container) else None
    return container.get(key)
