"""Bodies out of AWS's own model: paths into a shape, and a strategy that makes what the shape allows."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any

from hypothesis import strategies as st

from ecsync import kinds
from ecsync.awsmodel.shapes import at_path, load
from ecsync.core.kind import Kind
from ecsync.core.schema import Shape
from ecsync.core.trees import ANY, EACH

# What AWS writes its texts like: names, numbers, ARNs and the rest; an empty one is one of them.
_TEXTS = ("", "a", "web", "10", "arn:aws:ecs:eu-west-1:123456789012:cluster/main", "A b:c/d", "Key=Value", "*")
_LEAVES: dict[str, st.SearchStrategy[Any]] = {
    "string": st.sampled_from(_TEXTS),
    "integer": st.integers(0, 3),
    "long": st.integers(0, 3),
    "float": st.sampled_from([0.0, 0.5, 1.0]),
    "double": st.sampled_from([0.0, 0.5, 1.0]),
    "boolean": st.booleans(),
    "timestamp": st.sampled_from(["2026-01-01T00:00:00Z", "2026-07-01T12:00:00+09:00"]),
    "blob": st.just("bytes"),
    "any": st.sampled_from(["text", {"a": {"Statement": []}}, {}]),
}


def body_shape(kind: Kind) -> Shape:
    """Return the shape of a kind's body."""
    assert kind.shape is not None
    return load(kind.shape)


def printed_shape(kind: Kind) -> Shape | None:
    """Return the shape of what describe prints, where the kind names one."""
    assert kind.shape is not None
    return at_path(kind.shape.describe, side="output") if kind.shape.describe else None


def exists(shape: Shape, segments: Sequence[str]) -> bool:
    """Tell whether a pattern names a place in the shape; `*` stands for every member of a block, too."""
    if not segments or shape.type == "any":
        return True
    head, rest = segments[0], segments[1:]
    if shape.type == "structure":
        below = list(shape.members.values()) if head == ANY else [shape.members[head]] if head in shape.members else []
        return any(exists(one, rest) for one in below)
    if shape.type == "list" and head not in (EACH, ANY):  # a list that is keyed is a map by then
        return False
    return shape.element is not None and exists(shape.element, rest)


def sample(shape: Shape, depth: int = 4) -> Any:
    """Return a value that the shape allows and that says something."""
    if shape.enum:
        return shape.enum[0]
    if shape.type == "structure":
        names = sorted(shape.required) or sorted(shape.members)[:1]
        return {name: sample(shape.members[name], depth - 1) for name in names} if depth else {}
    if shape.type in ("list", "map"):
        assert shape.element is not None
        one = sample(shape.element, depth - 1) if depth else "x"
        return [one] if shape.type == "list" else {"x": one}
    return {"string": "x", "boolean": True, "any": {"x": "x"}, "timestamp": "2026-01-01T00:00:00Z"}.get(shape.type, 1)


def element_at(shape: Shape, segments: Sequence[str]) -> Shape | None:
    """Return the shape of the elements of the list at a place."""
    for segment in segments:
        below = shape.members.get(segment) if segment not in (EACH, ANY) else shape.element
        if below is None:
            return None
        shape = below
    return shape.element


def bodies(kind: Kind) -> st.SearchStrategy[dict[str, Any]]:
    """Return a strategy for bodies: a few members of each block, and two elements of a list at most."""
    return of(body_shape(kind), depth=5, inside=())


def of(shape: Shape, depth: int, inside: tuple[str, ...]) -> st.SearchStrategy[Any]:
    """Return a strategy for values of a shape."""
    if shape.enum:
        return st.sampled_from(shape.enum[:5])
    if shape.type == "structure":
        return _structure(shape, depth, (*inside, shape.name))
    if shape.type == "list":
        assert shape.element is not None
        return st.lists(of(shape.element, depth - 1, inside), max_size=2) if depth > 0 else st.just([])
    if shape.type == "map":
        assert shape.element is not None
        return st.dictionaries(st.sampled_from(["a", "b.c"]), of(shape.element, depth - 1, inside), max_size=2)
    return _LEAVES[shape.type]


def _structure(shape: Shape, depth: int, inside: tuple[str, ...]) -> st.SearchStrategy[Any]:
    """Take members a few at a time, as blocks of AWS's have up to forty; a block never holds itself."""
    named = {name: below for name, below in shape.members.items() if below.name not in inside and depth > 0}

    @st.composite
    def build(draw: st.DrawFn) -> dict[str, Any]:
        optional = sorted(named.keys() - shape.required)
        chosen = draw(st.lists(st.sampled_from(optional), max_size=4, unique=True)) if optional else []
        wanted = sorted(shape.required & named.keys()) + chosen
        return {name: draw(of(named[name], depth - 1, inside)) for name in wanted}

    return build()


def called_after_kinds(shape: Shape) -> Iterator[tuple[str, str]]:
    """Yield the pattern of each text whose member is called after a kind, and that kind: `alarmNames`, `clusterArn`."""
    names = {re.sub(r"(?<!^)(?=[A-Z])", "", name).lower(): name for name in kinds.BY_NAME}
    for segments, member in _texts(shape, (), "", ()):
        noun = re.sub(r"(names?|arns?|ids?)$", "", member.lower())
        kind = names.get(noun) or names.get(noun.removesuffix("s"))
        if kind is not None:
            yield ".".join(segments).replace(".[]", "[]"), kind


def _texts(
    shape: Shape, at: tuple[str, ...], member: str, inside: tuple[str, ...]
) -> Iterator[tuple[tuple[str, ...], str]]:
    """Yield every text in a shape with the member that holds it; a list of texts as its elements."""
    if shape.type == "string" and not shape.enum:
        yield at, member
    elif shape.type == "list" and shape.element is not None:
        yield from _texts(shape.element, (*at, EACH), member, inside)
    elif shape.type == "structure" and shape.name not in inside:
        for name, below in shape.members.items():
            yield from _texts(below, (*at, name), name, (*inside, shape.name))
