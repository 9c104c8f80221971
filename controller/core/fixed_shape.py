"""Shapes of our own documents, written down: the same checks and messages as for AWS's (`schema.Shape`)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from controller.core.schema import Shape, Type


@dataclass(frozen=True, slots=True, kw_only=True)
class Fixed:
    """A `Shape` whose parts are given."""

    type: Type
    name: str = ""
    members: Mapping[str, Shape] = field(default_factory=dict)
    element: Shape | None = None
    required: frozenset[str] = frozenset()
    enum: tuple[str, ...] = ()
    bounds: tuple[float | None, float | None] = (None, None)
    documentation: str = ""


ANY: Shape = Fixed(type="any")
STRING: Shape = Fixed(type="string")
INTEGER: Shape = Fixed(type="integer")
BOOLEAN: Shape = Fixed(type="boolean")


def structure(members: Mapping[str, Shape], *required: str) -> Shape:
    """Return the shape of a block with these fields."""
    return Fixed(type="structure", members=members, required=frozenset(required))


def listing(element: Shape) -> Shape:
    """Return the shape of a list."""
    return Fixed(type="list", element=element)


def mapping(value: Shape) -> Shape:
    """Return the shape of a map from text."""
    return Fixed(type="map", element=value)


def choice(*words: str) -> Shape:
    """Return the shape of a text that is one of the words."""
    return Fixed(type="string", enum=words)
