"""Which members of AWS's shapes this release has looked at, and which came with a newer botocore.

A member that nobody here has looked at may be printed with a default that no row knows: it is compared where a
manifest declares it, and otherwise left alone and listed (normalization.md §0.9). `reviewed.json` has the members by
kind and shape; `python -m ecsync.offline.review` prints what is new, and writes the file with `--write`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import cache, partial
from pathlib import Path

from ecsync.awsmodel.shapes import load
from ecsync.core.kind import Kind, ShapeOf
from ecsync.core.schema import Shape
from ecsync.core.trees import EACH

FILE = Path(__file__).with_name("reviewed.json")

Segments = tuple[str, ...]
Members = Mapping[str, list[str]]  # by shape


def with_newer(kind: Kind) -> Kind:
    """Return the kind with what is newer than this release, found when it is first asked for."""
    return replace(kind, unreviewed=cache(partial(_newer, kind.name, kind.shape))) if kind.shape else kind


def _newer(name: str, shape_of: ShapeOf) -> tuple[Segments, ...]:
    return tuple(newer(load(shape_of), reviewed().get(name, {})))


def newer(shape: Shape, known: Members) -> Iterator[Segments]:
    """Yield the patterns of the members that a shape has and that are not known; of a new block, the block."""
    for path, found in _structures(shape, (), ()):
        listed = known.get(found.name, ())
        yield from ((*path, name) for name in found.members if name not in listed)


def members_of(shape: Shape) -> dict[str, list[str]]:
    """Return the members of a shape and of all that it contains, by the name of the shape."""
    return {found.name: sorted(found.members) for _, found in _structures(shape, (), ())}


def _structures(shape: Shape, path: Segments, inside: Segments) -> Iterator[tuple[Segments, Shape]]:
    """Yield every structure at its path, the outer ones first; one that contains itself is gone into once."""
    while shape.type in ("list", "map") and shape.element is not None:
        path = (*path, EACH if shape.type == "list" else "*")
        shape = shape.element
    if shape.type != "structure" or shape.name in inside:
        return
    yield path, shape
    for name, below in shape.members.items():
        yield from _structures(below, (*path, name), (*inside, shape.name))


@cache
def reviewed() -> Mapping[str, Members]:
    """Return the members that this release has looked at, by kind and shape."""
    found: Mapping[str, Members] = json.loads(FILE.read_text())
    return found
