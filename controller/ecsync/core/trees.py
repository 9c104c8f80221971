"""Paths into plain trees of mappings and sequences: how every AWS body is addressed, walked and compared."""

from __future__ import annotations

import json as stdlib_json
from collections.abc import Callable, Iterator, Mapping, MutableMapping, Sequence
from functools import lru_cache
from itertools import chain
from typing import Any, TypeAlias

# The shape of a body comes from botocore and is checked at run time (`schema.py`). A recursive alias would be no
# better than Any, because mypy cannot narrow it.
Json: TypeAlias = Any
Body: TypeAlias = Mapping[str, Json]
Path: TypeAlias = tuple[str | int, ...]

EACH = "[]"  # every element of a list, or of a list that became a map by key
ANY = "*"  # every value of a map


_MISSING = object()


class Elements(dict[str, Json]):
    """A keyed list: the elements of a list as a map by their key. It compares as a dict."""


class Name(str):
    """The key of an element in a path: `containerDefinitions[web]`. It is equal to the same text."""

    __slots__ = ()


def pattern(text: str) -> tuple[str, ...]:
    """Split `a.b[].c.*` into its segments. A key that contains dots is reached through `*` or `[]`."""
    segments: list[str] = []
    for part in text.split("."):
        name = part
        suffix: list[str] = []
        while name.endswith(EACH):
            name = name[: -len(EACH)]
            suffix.append(EACH)
        segments += ([name] if name else []) + suffix
    return tuple(segments)


def locate(tree: Json, segments: Sequence[str], at: Path = ()) -> Iterator[tuple[Json, str | int, Path]]:
    """Yield (container, key, path) for every place of the pattern, also where the last key is absent.

    The container always exists: a default is never filled into a block that is not declared.
    """
    if not segments:
        return
    head, rest = segments[0], segments[1:]
    keys: Sequence[str | int]
    if head in (EACH, ANY):
        if isinstance(tree, Mapping):
            keys = list(tree)
        elif isinstance(tree, list) and head == EACH:
            keys = range(len(tree))
        else:
            return
    elif isinstance(tree, Mapping):
        keys = [head]
    else:
        return
    for key in keys:
        if not rest:
            yield tree, key, (*at, key)
        elif not isinstance(tree, Mapping) or key in tree:
            yield from locate(tree[key], rest, (*at, key))


def matches(path: Path, segments: Sequence[str]) -> bool:
    """Return whether the path is a place of the pattern, or below one."""
    if len(path) < len(segments):
        return False
    return all(s in (EACH, ANY) or s == str(p) for p, s in zip(path, segments, strict=False))


def leads_to(path: Path, segments: Sequence[str]) -> bool:
    """Return whether the pattern has places below the path."""
    return len(path) < len(segments) and matches(path, segments[: len(path)])


def take_out(
    tree: Json, segments: Sequence[str], stays: Callable[[Path], bool] = lambda _: False
) -> list[tuple[Path, Json]]:
    """Remove the members at the places of the pattern, except those that stay; return (path, value) of each."""
    taken = []
    for container, key, path in list(locate(tree, segments)):
        if isinstance(container, dict) and key in container and not stays(path):
            taken.append((path, container.pop(str(key))))
    return taken


def contains(tree: Json, path: Path) -> bool:
    """Return whether the tree has a value at the path; None is a value."""
    return at(tree, path, _MISSING) is not _MISSING


def at(tree: Json, path: Path, default: Json = None) -> Json:
    """Return the value at the path, or the default if a part of the path is missing."""
    for key in path:
        if not isinstance(tree, (Mapping, list, tuple)):
            return default
        try:
            tree = tree[key]  # type: ignore[index]  # a wrong kind of key is the TypeError below
        except (KeyError, IndexError, TypeError):
            return default
    return tree


def transform(tree: Json, leaf: Callable[[Json], Json]) -> Json:
    """Return a copy of the tree, with dicts and lists at every depth, and every leaf replaced by `leaf(value)`."""
    if isinstance(tree, Elements):
        return Elements({key: transform(value, leaf) for key, value in tree.items()})
    if isinstance(tree, Mapping):
        return {key: transform(value, leaf) for key, value in tree.items()}
    if isinstance(tree, (list, tuple)):
        return [transform(value, leaf) for value in tree]
    return leaf(tree)


def thaw(tree: Json) -> Json:
    """Return a mutable copy."""
    return transform(tree, lambda leaf: leaf)


def plain(tree: Json) -> Json:
    """Return the tree as JSON; a value that JSON does not have (a reference, a redacted value) as its text."""
    return transform(tree, lambda leaf: leaf if leaf is None or isinstance(leaf, (str, int, float)) else str(leaf))


def leaves(tree: Json, at: Path = ()) -> Iterator[tuple[Path, Json]]:
    """Yield (path, leaf) for every value that is not a container; an empty container is a leaf."""
    if isinstance(tree, Mapping) and tree:
        for key, value in tree.items():
            yield from leaves(value, (*at, key))
    elif isinstance(tree, (list, tuple)) and tree:
        for index, value in enumerate(tree):
            yield from leaves(value, (*at, index))
    else:
        yield at, tree


def merge(base: Body, patch: Body) -> dict[str, Json]:
    """Apply a JSON merge patch (RFC 7396): null removes, a mapping merges, another value replaces."""
    merged: MutableMapping[str, Json] = dict(base)
    for key, value in patch.items():
        if value is None:
            merged.pop(key, None)
        elif isinstance(value, Mapping):
            below = merged.get(key)
            merged[key] = merge(below if isinstance(below, Mapping) else {}, value)
        else:
            merged[key] = value
    return dict(merged)


def pointer(path: Path) -> str:
    """Return the path as a JSON pointer (RFC 6901): its form in plans, events and `ignore`."""
    return "".join("/" + str(part).replace("~", "~0").replace("/", "~1") for part in path)


def dotted(path: Path) -> str:
    """Return the path as text for people: `containerDefinitions[web].image`. An ARN is shown by its name."""
    text = ""
    for part in path:
        plain = isinstance(part, str) and not isinstance(part, Name) and part.isidentifier()
        text += (f".{part}" if text else str(part)) if plain else f"[{called(str(part))}]"
    return text


def element_names(elements: Sequence[Json]) -> list[str]:
    """Return the names of the elements of a list, as people call them; empty where not each one has its own name."""
    for member in ("name", "Name", "containerName", "Key", "key", "Sid", "Field"):
        if all(isinstance(one, Mapping) and isinstance(one.get(member), str) for one in elements):
            names = [one[member] for one in elements]
            return names if len(set(names)) == len(names) else []
    return []


def called(part: str) -> str:
    """Return the name in an ARN: `blue` of `arn:aws:elasticloadbalancing:…:targetgroup/blue/6d0ecf831eec9f09`."""
    if part.count(":") < 5 or not part.startswith("arn:"):
        return part
    resource = part.split(":", 5)[5]
    match resource.split("/"):
        case ["targetgroup", name, _] | ["loadbalancer", _, name, _]:
            return name
        case _:
            return resource.rpartition("/")[2].rpartition(":")[2] or part


def canonical(value: Json) -> str:
    """Return JSON that is equal for equal values: sorted keys, no spaces; other values as their `str`."""
    return stdlib_json.dumps(value, sort_keys=True, separators=(",", ":"), default=str, ensure_ascii=False)


def same(one: Json, other: Json) -> bool:
    """Return whether two canonical trees are equal."""
    return canonical(one) == canonical(other)


@lru_cache(maxsize=8192)
def shared(text: str) -> str:
    """Return an equal text that is in memory already, if it was seen lately: most texts repeat.

    `sys.intern` would do the same for all texts. But its table stays as large as it once was: 2 KB for each service.
    """
    return text


class Pool:
    """Equal parts of trees, each once: services repeat most of what they have. What it returns is never changed.

    Numbers of different types are not equal here.
    """

    def __init__(self) -> None:
        self._strings: dict[str, str] = {}
        self._integers: dict[int, int] = {}
        self._floats: dict[str, float] = {}  # by its digits: 0.0 equals -0.0
        self._trees: dict[tuple[object, ...], Json] = {}  # by type, and by the identities of what is in it

    def tree(self, value: Json, leaf: Callable[[Json], Json] = lambda value: value) -> Json:
        """Return an equal tree; `leaf` returns what stands for what is no plain data."""
        kind = type(value)
        if kind is str:
            return self._strings.setdefault(value, value)
        if kind is dict:
            members = [(self.string(name), self.tree(below, leaf)) for name, below in value.items()]
            return self._trees.setdefault((dict, *map(id, chain.from_iterable(members))), dict(members))
        if kind is list or kind is tuple:
            elements = kind([self.tree(below, leaf) for below in value])
            return self._trees.setdefault((kind, *map(id, elements)), elements)
        if kind is int:
            return self._integers.setdefault(value, value)
        if kind is float:
            return self._floats.setdefault(repr(value), value)
        return leaf(value)

    def string(self, value: str) -> str:
        """Return an equal text."""
        return self._strings.setdefault(value, value)
