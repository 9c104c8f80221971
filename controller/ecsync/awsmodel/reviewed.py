"""Which members of AWS's shapes a kind's rules take into account, and which came with a newer botocore.

AWS may return a default for a member that no rule knows. Such a member is compared where a manifest declares it, and
is otherwise left alone and listed. A kind lists the members that it knows in `reviewed`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import cache, partial

from ecsync.awsmodel.shapes import load
from ecsync.core.kind import Kind, ShapeOf
from ecsync.core.schema import Shape
from ecsync.core.trees import EACH

Segments = tuple[str, ...]
Reviewed = Mapping[str, str]  # AWS's shape -> names of members, with spaces between them


def with_unreviewed(kind: Kind) -> Kind:
    """Return the kind with the members that it has not reviewed, found when they are first needed."""
    if kind.shape is None or not kind.reviewed:
        return kind
    return replace(kind, unreviewed=cache(partial(_of, kind.shape, kind.reviewed)))


def _of(shape_of: ShapeOf, reviewed: Reviewed) -> tuple[Segments, ...]:
    return tuple(unreviewed(load(shape_of), reviewed))


def unreviewed(shape: Shape, reviewed: Reviewed) -> Iterator[Segments]:
    """Yield the pattern of each member that is not reviewed; of a new block, only the block's."""
    for path, found in _structures(shape, (), ()):
        listed = reviewed.get(found.name, "").split()
        yield from ((*path, name) for name in found.members if name not in listed)


def members_of(shape: Shape) -> dict[str, str]:
    """Return the members of a shape and of all shapes in it: what `reviewed` lists when all of them are reviewed."""
    return {found.name: " ".join(sorted(found.members)) for _, found in _structures(shape, (), ())}


def _structures(shape: Shape, path: Segments, inside: Segments) -> Iterator[tuple[Segments, Shape]]:
    """Yield every structure with its path, the outer ones first; a structure that contains itself once."""
    while shape.type in ("list", "map") and shape.element is not None:
        path = (*path, EACH if shape.type == "list" else "*")
        shape = shape.element
    if shape.type != "structure" or shape.name in inside:
        return
    yield path, shape
    for name, below in shape.members.items():
        yield from _structures(below, (*path, name), (*inside, shape.name))
