"""The members of a body one by one: the paths of its shape, values for each, and the smallest body that has it."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any

from ecsync.core.schema import Shape
from ecsync.core.trees import ANY, EACH

Beside = Mapping[tuple[str, ...], Mapping[str, Any]]  # path of a block -> its members; None: without the member
_INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d")
KEY = "kept"  # of an entry of a map
_ARN = "arn:aws:{}:eu-west-1:123456789012:{}"
# Texts that are tried one after the other, until AWS takes one: a name, a number, and what AWS has formats for.
_TEXTS = ("kept", "37", "10.7.0.0/16", "/kept", "2031-02-03T04:05:06Z", _ARN.format("sns", "kept"))
_BY_TYPE: Mapping[str, tuple[Any, ...]] = {
    "boolean": (True, False),
    "timestamp": ("2031-02-03T04:05:06Z",),
    "any": ({"Version": "2012-10-17", "Statement": []},),
    "structure": ({},),
    "blob": ("kept",),
}


@dataclass(frozen=True)
class Member:
    """A place in a body that holds one value, as a pattern (`core/trees.py`), and its shape."""

    path: tuple[str, ...]
    shape: Shape

    def __str__(self) -> str:
        return ".".join(self.path).replace(f".{EACH}", EACH)

    @property
    def name(self) -> str:
        """The name under which AWS returns the value."""
        named = [part for part in self.path if part != EACH]
        return KEY if named[-1] == ANY else named[-1]

    def values(self) -> Sequence[Any]:
        """Return values of the member, to be tried in this order."""
        if self.shape.enum:
            return self.shape.enum
        if self.shape.type in ("integer", "long", "float", "double"):
            return _numbers(self.shape)
        return _BY_TYPE.get(self.shape.type, _TEXTS)


def _numbers(shape: Shape) -> Sequence[int]:
    least, most = shape.bounds
    low = int(least or 0)
    wanted = (low + 7, low + 57, low + 1, low + 2048, low)
    return [number for number in wanted if most is None or number <= most]


def members(shape: Shape, path: tuple[str, ...] = (), inside: tuple[str, ...] = ()) -> Iterator[Member]:
    """Yield every place of a shape that holds one value; a block never contains itself."""
    if shape.type == "structure" and shape.members:
        if shape.name not in inside:
            for name, below in shape.members.items():
                yield from members(below, (*path, name), (*inside, shape.name))
    elif shape.element is not None:
        yield from members(shape.element, (*path, EACH if shape.type == "list" else ANY), inside)
    else:
        yield Member(path, shape)


def put(shape: Shape, base: Any, path: Sequence[str], value: Any, beside: Beside = MappingProxyType({})) -> Any:
    """Return the base with the value at the path; what the blocks on the way require, or have beside it, is added."""
    if not path:
        return value
    head, rest = path[0], path[1:]
    below = {at[1:]: block for at, block in beside.items() if at[:1] == (head,)}
    if head == EACH:
        assert shape.element is not None
        return [put(shape.element, base[0] if base else None, rest, value, below), *(base or ())[1:]]
    if head == ANY:
        assert shape.element is not None
        return {**(base or {}), KEY: put(shape.element, None, rest, value, below)}
    block = {**(base or {}), **beside.get((), {})}
    for name in sorted(shape.required - {head} - block.keys()):
        block[name] = required(shape.members[name])
    changed = {**block, head: put(shape.members[head], block.get(head), rest, value, below)}
    return {name: one for name, one in changed.items() if one is not None}


def required(shape: Shape) -> Any:
    """Return a value of a shape with no more than AWS requires."""
    if shape.type == "structure":
        return {name: required(shape.members[name]) for name in sorted(shape.required)}
    if shape.element is not None:
        one = required(shape.element)
        return [one] if shape.type == "list" else {KEY: one}
    return Member(("x",), shape).values()[0]


# ---------------------------------------------------------------- what AWS returns


Returned = Counter[tuple[str, str]]


def returned(answers: Iterable[Any]) -> Returned:
    """Return the values in AWS's answers with the names of their members."""
    return Counter(pair for answer in answers for pair in _pairs(answer, ""))


def _pairs(tree: Any, name: str) -> Iterator[tuple[str, str]]:
    if isinstance(tree, Mapping):
        for key, value in tree.items():
            yield from _pairs(value, str(key))
        yield name, as_text(tree)
    elif isinstance(tree, (list, tuple)):
        for value in tree:
            yield from _pairs(value, name)
    else:
        yield name, as_text(tree)


def as_text(value: Any) -> str:
    """Return a value as text: 1, 1.0 and "1" are the same; so are a tree and its JSON, and an instant in any form."""
    if isinstance(value, str) and value.startswith("{"):
        value = json.loads(value)
    if isinstance(value, str) and _INSTANT.match(value):
        value = datetime.fromisoformat(value)
    if isinstance(value, datetime):
        return value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, (int, float)):
        return f"{value:g}"
    if isinstance(value, Mapping):
        return json.dumps(value, sort_keys=True, default=str)
    return str(value)
