"""The shape of a body, from botocore's service model, as one narrow protocol."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Literal, Protocol

Type = Literal[
    "structure", "list", "map", "string", "integer", "long", "float", "double", "boolean", "timestamp", "blob", "any"
]


class Shape(Protocol):
    """One shape of AWS's model. Members are built on access: a shape may contain itself."""

    @property
    def type(self) -> Type:
        """The type of the value; `any` accepts everything (free-form members of our own, such as a policy)."""

    @property
    def name(self) -> str:
        """AWS's name of the shape: `ContainerDefinition`."""

    @property
    def members(self) -> Mapping[str, Shape]:
        """A structure's members by name."""

    @property
    def element(self) -> Shape | None:
        """A list's element, or a map's value."""

    @property
    def required(self) -> frozenset[str]:
        """The members that a structure requires."""

    @property
    def enum(self) -> tuple[str, ...]:
        """The values of a string, where AWS lists them."""

    @property
    def bounds(self) -> tuple[float | None, float | None]:
        """The least and greatest value of a number, or length of a string or list; None: no limit in the model."""

    @property
    def pattern(self) -> str:
        """The pattern of a string, where AWS's model has one that AWS checks; empty: any text."""

    @property
    def documentation(self) -> str:
        """AWS's documentation, as HTML."""


# ---------------------------------------------------------------- shapes of our own documents


@dataclass(frozen=True, slots=True, kw_only=True)
class Fixed:
    """A `Shape` with given parts."""

    type: Type
    name: str = ""
    members: Mapping[str, Shape] = field(default_factory=dict)
    element: Shape | None = None
    required: frozenset[str] = frozenset()
    enum: tuple[str, ...] = ()
    bounds: tuple[float | None, float | None] = (None, None)
    pattern: str = ""
    documentation: str = ""
    default: str = ""  # the value of an absent field, as text


ANY = Fixed(type="any")
STRING = Fixed(type="string")
BOOLEAN = Fixed(type="boolean")
INTEGER = Fixed(type="integer")


def documented(shape: Fixed, text: str, default: str = "") -> Fixed:
    """Return the shape with a description for people, and its default as text."""
    return replace(shape, documentation=text, default=default)


def structure(members: Mapping[str, Shape], *required: str) -> Fixed:
    """Return the shape of a block with these fields."""
    return Fixed(type="structure", members=members, required=frozenset(required))


def listing(element: Shape) -> Fixed:
    """Return the shape of a list."""
    return Fixed(type="list", element=element)


def mapping(value: Shape) -> Fixed:
    """Return the shape of a map from strings."""
    return Fixed(type="map", element=value)


def choice(*values: str) -> Fixed:
    """Return the shape of a string that is one of the values."""
    return Fixed(type="string", enum=values)
