"""Shapes of our own documents, written down: the same checks and messages as for AWS's (`schema.Shape`)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

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


ANY = Fixed(type="any")
STRING = Fixed(type="string")
INTEGER = Fixed(type="integer")
BOOLEAN = Fixed(type="boolean")


def told(shape: Fixed, words: str) -> Fixed:
    """Return the shape with what it means, for people."""
    return replace(shape, documentation=words)


def structure(members: Mapping[str, Shape], *required: str) -> Fixed:
    """Return the shape of a block with these fields."""
    return Fixed(type="structure", members=members, required=frozenset(required))


def listing(element: Shape) -> Fixed:
    """Return the shape of a list."""
    return Fixed(type="list", element=element)


def mapping(value: Shape) -> Fixed:
    """Return the shape of a map from text."""
    return Fixed(type="map", element=value)


def choice(*words: str) -> Fixed:
    """Return the shape of a text that is one of the words."""
    return Fixed(type="string", enum=words)
