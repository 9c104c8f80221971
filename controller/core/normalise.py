"""One canonical form: what a body means to AWS, whoever wrote it; the same function for both sides.

`normalise` is pure and idempotent; it never raises on a body that AWS's shapes allow. It applies the shaping rows of
a kind's table in order, after taking away what says nothing (`None`, `""`, `[]`, `{}`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from controller.core.json import Body, Elements, Json, canonical, locate, matches, thaw
from controller.core.model import Text
from controller.core.rules import Default, Drop, Keyed, Reshape, Rewrite, Rules, Unordered, Verbatim


def normalise(body: Body, rules: Rules, *, fill: bool = True) -> dict[str, Json]:
    """Return the canonical form of a body; without `fill`, AWS's defaults are left out.

    Keyed lists come back as `Elements` (a map by key), sets sorted, everything else as plain dicts and lists.
    """
    verbatim = tuple(rule.segments for rule in rules if isinstance(rule, Verbatim))
    tree: dict[str, Json] = _pruned(thaw(body), (), verbatim) or {}
    for rule in rules:
        match rule:
            case Default() if fill and (rule.when is None or rule.when(tree)):
                _fill(tree, rule)
            case Rewrite() | Reshape():
                _rewrite(tree, rule)
            case Drop() if rule.when is None or rule.when(tree):
                for container, key, _ in list(locate(tree, rule.segments)):
                    _remove(container, key)
            case Keyed():
                for container, key, _ in list(locate(tree, rule.segments)):
                    value = _get(container, key)
                    if isinstance(value, list):
                        container[key] = keyed(value, rule.key, rule.value)
            case Unordered():
                for container, key, _ in list(locate(tree, rule.segments)):
                    value = _get(container, key)
                    if isinstance(value, list):
                        container[key] = sorted(value, key=canonical)
            case _:
                pass
    return _pruned(tree, (), verbatim) or {}  # once more, for blocks that the rows left with nothing in them


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


def _pruned(tree: Any, path: tuple[str | int, ...], verbatim: tuple[tuple[str, ...], ...]) -> Any:
    """Take away what says nothing. In a list only empty blocks and nulls go: `command: [""]` is a command."""
    if isinstance(tree, dict):
        keep_empty = isinstance(tree, Elements) or any(len(path) == len(v) and matches(path, v) for v in verbatim)
        for key in list(tree):
            below = _pruned(tree[key], (*path, key), verbatim)
            if below is None or (below == "" and not keep_empty):
                del tree[key]
            else:
                tree[key] = below
        return tree or None
    if isinstance(tree, list):
        kept = [below for item in tree if (below := _pruned(item, (*path, "[]"), verbatim)) is not None]
        return kept or None
    return tree


def _fill(tree: dict[str, Json], rule: Default) -> None:
    for container, key, _ in list(locate(tree, rule.segments)):
        if isinstance(container, dict) and container.get(key) is None:
            value = rule.value(container, tree) if callable(rule.value) else thaw(rule.value)
            if value is not None:
                container[str(key)] = value


def _rewrite(tree: dict[str, Json], rule: Rewrite | Reshape) -> None:
    if isinstance(rule, Reshape) and rule.when is not None and not rule.when(tree):
        return
    for container, key, _ in list(locate(tree, rule.segments)):
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
